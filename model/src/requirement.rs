//! Requirements: what one line of `packages` or of a requirements file asks for.
//!
//! Resolves nothing: whether a package exists is for the index to say.

mod line;
mod marker;
mod option;
mod pep508;
mod scan;
mod source;
mod version;

use serde::Serialize;

pub use option::{InstallerOption, installer_option};
pub use scan::{RequirementsLine, RequirementsLineKind, RequirementsScan, scan_requirements};

pub(crate) use line::package;
pub(crate) use option::extra_args;

/// A checked requirement line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Requirement {
    /// The line as written, its hashes included, without comment and surrounding blanks.
    pub text: String,
    /// What the line asks for.
    pub kind: RequirementKind,
}

/// What a requirement line asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequirementKind {
    /// A distribution from an index.
    Named {
        /// Name normalised as PEP 503 says.
        name: String,
        /// Whether one version is named (`==` or `===` without a wildcard).
        pinned: bool,
    },
    /// An archive at a URL.
    Url {
        /// Normalised name, when the line gives one.
        name: Option<String>,
    },
    /// A version-control checkout.
    Vcs {
        /// Normalised name, when the line gives one.
        name: Option<String>,
    },
    /// A file or folder, relative to where the line stands, or a `file:` URL.
    Path {
        /// Whether `-e` was given.
        editable: bool,
    },
    /// Installer options, with or without a requirement beside them.
    Options {
        /// The options as words: `--extra-index-url`, its value, and so on; short names and `=` are written out.
        args: Vec<String>,
        /// What the options stand beside.
        requirement: Option<Box<Requirement>>,
    },
}

/// A distribution's name as PEP 503 compares it: lower case, with single dashes. The name itself is not checked.
#[must_use]
pub fn normalised_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let parts: Vec<&str> = lower.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-")
}
