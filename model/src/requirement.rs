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
use crate::package_name::PackageName;

pub use marker::{Marker, MarkerError, MarkerValue, MarkerVariable};
pub use option::{InstallerOption, installer_option};
pub use scan::{RequirementsLine, RequirementsLineKind, RequirementsScan, scan_requirements};

pub(crate) use line::{package, runtime_package};
pub(crate) use option::extra_args;

/// A checked requirement line.
///
/// ```
/// use imagespec::{PackageName, Requirement};
///
/// let requirement: Requirement = "Pandas[excel]>=2.2".parse()?;
/// assert_eq!(requirement.name(), PackageName::new("pandas").as_ref());
/// assert!("pandas 2.2".parse::<Requirement>().is_err());
/// # Ok::<(), imagespec::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requirement {
    text: String,
    kind: RequirementKind,
    #[serde(skip)]
    marker: Option<Marker>,
    #[serde(skip)]
    url: Option<String>,
    #[serde(skip)]
    hashes: Vec<String>,
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

    /// The distribution, if the line names it.
    #[must_use]
    pub fn name(&self) -> Option<&PackageName> {
        match &self.kind {
            RequirementKind::Named { name, .. } => Some(name),
            RequirementKind::Url { name } | RequirementKind::Vcs { name } => name.as_ref(),
            RequirementKind::Path { .. } => None,
            RequirementKind::Options { requirement, .. } => requirement.as_deref()?.name(),
        }
    }

    /// Where it applies; `None`: everywhere. Of a line with options, see the requirement among them.
    #[must_use]
    pub const fn marker(&self) -> Option<&Marker> {
        self.marker.as_ref()
    }

    /// The URL of an archive or a checkout, without its fragment.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()?.split('#').next()
    }

    /// The hashes that what is installed must have, in lowercase: `--hash=sha256:…` after the requirement, `#sha256=…` in its URL.
    #[must_use]
    pub fn hashes(&self) -> Vec<String> {
        let (_, fragment) = self.url.as_deref().and_then(|url| url.split_once('#')).unwrap_or_default();
        let pairs = fragment.split('&').filter_map(|pair| pair.split_once('='));
        let inside = pairs.filter(|(name, _)| matches!(*name, "sha256" | "sha384" | "sha512"));
        let inside = inside.map(|(name, digits)| format!("{name}:{digits}"));
        self.hashes.iter().cloned().chain(inside).map(|hash| hash.to_ascii_lowercase()).collect()
    }

    /// A line that consists of other things than a specifier.
    const fn bare(text: String, kind: RequirementKind) -> Self {
        Self { text, kind, marker: None, url: None, hashes: Vec::new() }
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
            RequirementKind::Url { .. } => !self.url.as_deref().is_some_and(source::is_wheel),
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
        /// The name.
        name: PackageName,
        /// Whether one version is named (`==` or `===` without a wildcard).
        pinned: bool,
    },
    /// An archive at a URL.
    Url {
        /// The name, if the line gives one.
        name: Option<PackageName>,
    },
    /// A version-control checkout.
    Vcs {
        /// The name, if the line gives one.
        name: Option<PackageName>,
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
