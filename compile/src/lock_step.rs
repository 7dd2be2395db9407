//! The step that makes a lock, as data. It is part of no image: its result is read back, and the plan goes on from there.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::Location;

use crate::plan::{InstallSecret, Parent};

/// How a lock is made.
#[derive(Clone, Debug)]
pub(crate) struct LockStep {
    pub(crate) title: String,
    pub(crate) command: LockCommand,
    /// Absolute, in the root filesystem that `parent` yields.
    pub(crate) interpreter: String,
    pub(crate) parent: Parent,
    /// What the command reads, by file name.
    pub(crate) files: BTreeMap<String, String>,
    /// Optional dependencies of the project that are wanted too.
    pub(crate) extras: BTreeSet<String>,
    /// Dependency groups of the project that are wanted too.
    pub(crate) groups: BTreeSet<String>,
    /// An older lock, whose versions are kept where they still fit.
    pub(crate) preferences: Option<String>,
    /// The user's arguments.
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) secrets: Vec<InstallSecret>,
    pub(crate) secret_env_native: bool,
    /// The spec's fields that asked for it.
    pub(crate) fields: Vec<String>,
    pub(crate) locations: Vec<Location>,
}

/// The name under which a run may leave out the cache of this step (`--no-cache-filter lock`).
pub(crate) const LOCK: &str = "lock";

/// The file that says what a project depends on, among [`LockStep::files`].
pub(crate) const PROJECT_FILE: &str = "pyproject.toml";

/// The path of the project that a lock belongs to.
pub(crate) fn project_beside(lock: &str) -> String {
    lock.rsplit_once('/').map_or(PROJECT_FILE.to_owned(), |(folder, _)| format!("{folder}/{PROJECT_FILE}"))
}

/// What makes the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockCommand {
    /// `uv pip compile` of requirements. When every one of them names a version and hashes, no dependency is added.
    Compile {
        /// Nothing is left to resolve.
        is_decided: bool,
    },
    /// `uv export` of a project's `uv.lock`.
    Export,
    /// `poetry export` of a project's `poetry.lock`, and `uv pip compile` of what it says.
    Poetry,
}

impl LockCommand {
    /// Names it in digests and locks.
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
    /// Whether its result has the requirements, too, that a tool exported from its own lock.
    pub(crate) fn exports_requirements(&self) -> bool {
        self.command == LockCommand::Poetry
    }
}
