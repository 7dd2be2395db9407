//! The step that makes a lock, as data. It is part of no image: its result is read back, and the plan goes on from there.

use std::collections::BTreeMap;

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
    /// The user's arguments.
    pub(crate) args: Vec<String>,
    /// The URLs of the indexes that the arguments name.
    pub(crate) indexes: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) secrets: Vec<InstallSecret>,
    pub(crate) secret_env_native: bool,
    /// The spec's fields that asked for it.
    pub(crate) fields: Vec<String>,
    pub(crate) locations: Vec<Location>,
}

/// The name under which a run may leave out the cache of this step (`--no-cache-filter lock`).
pub(crate) const LOCK: &str = "lock";

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
}
