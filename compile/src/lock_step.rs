//! The step that makes a lock, as data. It is not part of an image: its result is read back, and planning continues with it.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::Location;

use crate::plan::{InstallSecret, Parent};

/// How a lock is made.
#[derive(Clone, Debug)]
pub(crate) struct LockStep {
    pub(crate) title: String,
    pub(crate) command: LockCommand,
    /// The absolute path in the root filesystem of `parent`.
    pub(crate) interpreter: String,
    pub(crate) parent: Parent,
    /// The input files of the command, by name.
    pub(crate) files: BTreeMap<String, String>,
    /// The requested extras (optional dependencies) of the project.
    pub(crate) extras: BTreeSet<String>,
    /// The requested dependency groups of the project.
    pub(crate) groups: BTreeSet<String>,
    /// An older lock, whose versions are kept if they still fit.
    pub(crate) preferences: Option<String>,
    /// The user's arguments.
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) secrets: Vec<InstallSecret>,
    pub(crate) secret_env_native: bool,
    /// The fields of the spec that the step results from.
    pub(crate) fields: Vec<String>,
    pub(crate) locations: Vec<Location>,
}

/// The name for `--no-cache-filter lock`, which runs this step without cache.
pub(crate) const LOCK: &str = "lock";

/// The file with the dependencies of a project, among [`LockStep::files`].
pub(crate) const PROJECT_FILE: &str = "pyproject.toml";

/// The path of the project file that belongs to a lock.
pub(crate) fn project_path(lock: &str) -> String {
    lock.rsplit_once('/').map_or(PROJECT_FILE.to_owned(), |(folder, _)| format!("{folder}/{PROJECT_FILE}"))
}

/// The command that makes the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockCommand {
    /// `uv pip compile` of requirements. If each of them has a version and hashes, no dependencies are added.
    Compile {
        /// Whether nothing is left to resolve.
        is_decided: bool,
    },
    /// `uv export` of a project's `uv.lock`.
    Export,
    /// `poetry export` of a project's `poetry.lock`, and `uv pip compile` of the result.
    Poetry,
}

impl LockCommand {
    /// The name in digests and locks.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Compile { is_decided: true } => "decided",
            Self::Compile { is_decided: false } => "compile",
            Self::Export => "export",
            Self::Poetry => "poetry",
        }
    }
}

impl LockStep {
    /// Whether the result includes the requirements that a tool exported from its own lockfile.
    pub(crate) fn exports_requirements(&self) -> bool {
        self.command == LockCommand::Poetry
    }
}
