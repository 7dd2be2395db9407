//! Requirements: what one line of `packages` or of a requirements file asks for.
//!
//! Resolves nothing: only an index knows which packages exist.

mod line;
mod marker;
mod option;
mod pep508;
mod scan;
mod source;
mod version;

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::invalid::Invalid;

pub use option::{InstallerOption, installer_option};
pub use scan::{RequirementsLine, RequirementsLineKind, RequirementsScan, scan_requirements};

pub(crate) use line::{package, runtime_package};
pub(crate) use option::extra_args;

/// A checked requirement line.
///
/// ```
/// use imagespec::{Requirement, RequirementKind};
///
/// let requirement: Requirement = "Pandas[excel]>=2.2".parse()?;
/// assert_eq!(requirement.kind(), &RequirementKind::Named { name: "pandas".to_owned(), pinned: false });
/// assert!("pandas 2.2".parse::<Requirement>().is_err());
/// # Ok::<(), imagespec::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requirement {
    text: String,
    kind: RequirementKind,
}

impl Requirement {
    /// The line as written, its hashes included, without comment and surrounding spaces.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What the line asks for.
    #[must_use]
    pub const fn kind(&self) -> &RequirementKind {
        &self.kind
    }

    /// The installer options of the line, as words.
    pub(crate) fn options(&self) -> &[String] {
        match &self.kind {
            RequirementKind::Options { args, .. } => args,
            _ => &[],
        }
    }

    /// Whether the distribution may have to be built from source, judged by the line alone.
    #[must_use]
    pub fn may_build(&self) -> bool {
        match &self.kind {
            RequirementKind::Named { .. } => false,
            RequirementKind::Url { .. } => !source::names_wheel(&self.text),
            RequirementKind::Vcs { .. } | RequirementKind::Path { .. } => true,
            RequirementKind::Options { requirement, .. } => requirement.as_deref().is_some_and(Self::may_build),
        }
    }
}

/// The line.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads an entry of `packages`.
impl FromStr for Requirement {
    type Err = Invalid;

    fn from_str(line: &str) -> Result<Self, Invalid> {
        Ok(package(line)?)
    }
}

/// What a requirement line asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequirementKind {
    /// A distribution from an index.
    Named {
        /// The name in its normal form (PEP 503).
        name: String,
        /// Whether one version is named (`==` or `===` without a wildcard).
        pinned: bool,
    },
    /// An archive at a URL.
    Url {
        /// The name in its normal form, if the line gives one.
        name: Option<String>,
    },
    /// A version-control checkout.
    Vcs {
        /// The name in its normal form, if the line gives one.
        name: Option<String>,
    },
    /// A file or folder, relative to the file with the line, or a `file:` URL.
    Path {
        /// Whether `-e` was given.
        editable: bool,
    },
    /// Installer options, with or without a requirement on the same line.
    Options {
        /// The options as words: `--extra-index-url`, its value, and so on; short names and `=` are written out.
        args: Vec<String>,
        /// The requirement on the same line.
        requirement: Option<Box<Requirement>>,
    },
}

/// The form in which PEP 503 compares the names of distributions: lowercase, with single dashes. The name itself is not checked.
#[must_use]
pub fn normalized_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let parts: Vec<&str> = lower.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-")
}
