//! Python versions as a spec asks for them.
//!
//! Which patch releases exist is known to the installer only.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::fault::Fault;
use crate::invalid::Invalid;
use crate::quote::quote;
use crate::rules;
use crate::text::{number, one_line};

/// The minor versions of Python 3 that uv installs and that are released or in preview. Newer ones are added as they come.
const MINORS: std::ops::RangeInclusive<u32> = 8..=15;

/// A Python release, or the newest patch release of a minor version: one that can be installed.
///
/// ```
/// use imagespec::PythonVersion;
///
/// let version: PythonVersion = "3.12".parse()?;
/// assert_eq!((version.minor(), version.patch()), (12, None));
/// assert!("9.9".parse::<PythonVersion>().is_err());
/// # Ok::<(), imagespec::Invalid>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PythonVersion {
    major: u32,
    minor: u32,
    patch: Option<u32>,
}

impl PythonVersion {
    /// Always 3 for now.
    #[must_use]
    pub const fn major(self) -> u32 {
        self.major
    }

    /// `11` in `3.11`.
    #[must_use]
    pub const fn minor(self) -> u32 {
        self.minor
    }

    /// `4` in `3.11.4`; `None` if any patch release will do.
    #[must_use]
    pub const fn patch(self) -> Option<u32> {
        self.patch
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        match self.patch {
            Some(patch) => write!(f, ".{patch}"),
            None => Ok(()),
        }
    }
}

impl FromStr for PythonVersion {
    type Err = Invalid;

    fn from_str(value: &str) -> Result<Self, Invalid> {
        Ok(python_version(value)?)
    }
}

/// `3.MINOR` or `3.MINOR.PATCH`.
pub(crate) fn python_version(value: &str) -> Result<PythonVersion, Fault> {
    one_line(value)?;
    let refuse = |why: &str| {
        Fault::new(&rules::PYTHON_VERSION, format!("{} is not a valid Python version", quote(value))).label(why)
    };
    let numbers: Option<Vec<u32>> = value.split('.').map(number).collect();
    let (major, minor, patch) = match numbers.as_deref() {
        Some([major, minor]) => (*major, *minor, None),
        Some([major, minor, patch]) => (*major, *minor, Some(*patch)),
        Some([_]) => return Err(refuse("no minor version").help("write it as `\"3.12\"`")),
        _ => {
            return Err(refuse("expected `3.MINOR` or `3.MINOR.PATCH`")
                .help("write one version without operators, such as `\"3.12\"`"));
        }
    };
    if major != 3 || !MINORS.contains(&minor) {
        let (oldest, newest) = (MINORS.start(), MINORS.end());
        let help = match (major, minor, patch) {
            // What is left of `3.10` after a tool has read it as a number and written it again.
            (3, 1, None) => "did you mean `3.10`?".to_owned(),
            _ => format!("choose a version from 3.{oldest} to 3.{newest}"),
        };
        return Err(Fault::new(&rules::PYTHON_VERSION, format!("Python {} cannot be installed", quote(value)))
            .label("unknown version")
            .help(help));
    }
    Ok(PythonVersion { major, minor, patch })
}
