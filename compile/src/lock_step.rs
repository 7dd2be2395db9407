//! The step that makes a lock, as data. It is not part of an image: its result is read back, and planning continues with it.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::Location;
use serde::Serialize;

use crate::answer::InterpreterFact;
use crate::plan::{InstallSecret, Parent, PinnedImage};

/// How a lock is made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LockStep {
    pub(crate) title: String,
    pub(crate) command: LockCommand,
    pub(crate) place: LockPlace,
    /// The environment whose packages count as installed, if there is one.
    pub(crate) installed: Option<Environment>,
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

/// An environment that has packages.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Environment {
    /// What has it.
    pub(crate) parent: Parent,
    /// The absolute path of its interpreter.
    pub(crate) interpreter: String,
}

/// Where a lock is made.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum LockPlace {
    /// In a root filesystem of tools alone, for an interpreter with this description. Nothing can be built there, so no foreign code runs.
    Apart {
        interpreter: InterpreterFact,
        /// An image with a shell, if one is needed: a daemon that cannot pass secrets as variables.
        shell: Option<PinnedImage>,
        /// Variables of the base image that installers read.
        env: BTreeMap<String, String>,
    },
    /// On top of steps, where packages can be built to learn their requirements.
    OnTop {
        parent: Parent,
        /// The absolute path of the interpreter.
        interpreter: String,
    },
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
    /// What it needs the results of.
    pub(crate) fn parents(&self) -> Vec<&Parent> {
        let place = match &self.place {
            LockPlace::Apart { .. } => None,
            LockPlace::OnTop { parent, .. } => Some(parent),
        };
        place.into_iter().chain(self.installed.as_ref().map(|environment| &environment.parent)).collect()
    }

    /// Whether the result includes the requirements that a tool exported from its own lockfile.
    pub(crate) fn exports_requirements(&self) -> bool {
        self.command == LockCommand::Poetry
    }
}
