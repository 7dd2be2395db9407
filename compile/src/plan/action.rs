//! What steps of a plan do, as data.
//!
//! How a step becomes ops is `lower`'s business.

use std::collections::BTreeMap;

use imagespec::Bytecode;
use serde::{Deserialize, Serialize};

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Give `/root`, the working directory, to the user that runs the image. All other steps stand on it.
    OwnHome {
        /// `user[:group]`.
        owner: String,
        /// The user's account, if the base has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        account: Option<Account>,
    },
    /// Install Debian packages.
    Apt {
        /// As the spec names them; none where it names repositories only.
        packages: Vec<String>,
        /// Distribution and architecture: what may share a package cache.
        cache_scope: String,
        /// The spec's proxies, the only variables of the spec that apt reads.
        env: BTreeMap<String, String>,
        /// Files that are written before: more repositories, and their keys; path and text.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        files: Vec<(String, String)>,
    },
    /// Make an empty Python environment.
    Venv {
        /// The interpreter it stands on.
        interpreter: String,
        /// Whether what the interpreter already has counts as installed.
        system_site_packages: bool,
        /// The interpreter is a version that uv installs.
        #[serde(skip_serializing_if = "Option::is_none")]
        managed: Option<ManagedPython>,
        /// Who may add packages later; empty is root.
        #[serde(skip_serializing_if = "String::is_empty")]
        owner: String,
    },
    /// Make a conda environment.
    Conda {
        /// Match specs.
        packages: Vec<String>,
        /// The first has the highest priority.
        channels: Vec<String>,
        /// The spec's variables that installers see.
        env: BTreeMap<String, String>,
        /// How packages are precompiled.
        bytecode: Bytecode,
    },
    /// Install Python packages.
    Install {
        /// Requirement lines.
        requirements: String,
        /// Constraint lines; may be empty.
        constraints: String,
        /// Arguments for uv, beside the requirements.
        args: Vec<String>,
        /// The spec's variables the installer sees.
        env: BTreeMap<String, String>,
        /// The spec's secrets.
        secrets: Vec<InstallSecret>,
        /// Whether the daemon hands secrets over as variables itself; if not, a constant script of ours does.
        secret_env_native: bool,
        /// How packages are precompiled.
        bytecode: Bytecode,
    },
    /// Install a part of a lock.
    InstallGroup(GroupInstall),
    /// Copy files of the context.
    Copy {
        /// What the client sends.
        local: LocalFilter,
        /// What goes where.
        items: Vec<CopyItem>,
        /// `user[:group]`; empty is root.
        owner: String,
    },
    /// Write a file of ours.
    WriteFile {
        /// Absolute.
        path: String,
        /// Permission bits.
        mode: u32,
        /// Its content.
        text: String,
        /// `user[:group]`; empty is root.
        owner: String,
    },
    /// Run the user's shell commands.
    Commands {
        /// One script.
        script: String,
        /// How packages that it installs are precompiled.
        bytecode: Bytecode,
        /// The image's whole environment.
        env: Vec<(String, String)>,
    },
}

/// The account of a user that the base image does not have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The text of `/etc/passwd` with it.
    pub passwd: String,
    /// The text of `/etc/group` with its group.
    pub group: String,
    /// Its home folder.
    pub home: String,
    /// Its number.
    pub id: u32,
    /// Its group's number.
    pub group_id: u32,
}

/// How uv installs an interpreter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ManagedPython {
    /// How its library is precompiled.
    pub bytecode: Bytecode,
    /// The spec's variables that installers see, such as `UV_PYTHON_INSTALL_MIRROR`.
    pub env: BTreeMap<String, String>,
    /// The spec's secrets, with which a mirror may be reached.
    pub secrets: Vec<InstallSecret>,
    /// Whether the daemon hands secrets over as variables itself; if not, a constant script of ours does.
    pub secret_env_native: bool,
}

/// One group of locked packages, to the byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupInstall {
    /// `name version` of each package, by name.
    pub packages: Vec<String>,
    /// Bytes to download, as far as the lock says.
    pub bytes: u64,
    /// Why these packages cannot be separated, if they are the tail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub obstacles: Vec<String>,
    /// The part of the lock that installs exactly these.
    pub lock: String,
    /// Configuration of uv that spares it asking for files again.
    pub config: String,
    /// Some of these packages are built first, with what else is installed.
    pub is_built: bool,
    /// Arguments for uv beside the two files.
    pub args: Vec<String>,
    /// The spec's variables the installer sees.
    pub env: BTreeMap<String, String>,
    /// The spec's secrets.
    pub secrets: Vec<InstallSecret>,
    /// Whether the daemon hands secrets over as variables itself; if not, a constant script of ours does.
    pub secret_env_native: bool,
    /// How packages are precompiled.
    pub bytecode: Bytecode,
}

/// A secret of the install step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "as")]
pub enum InstallSecret {
    /// As a file.
    File {
        /// The secret's id.
        id: String,
        /// Where.
        path: String,
    },
    /// As a variable.
    Env {
        /// The secret's id.
        id: String,
        /// The variable.
        name: String,
    },
}

/// What the client sends of a local directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LocalFilter {
    /// Keeps uploads with different filters apart.
    pub hint: String,
    /// Only what matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Not what matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Only these paths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follow: Vec<String>,
}

/// One thing to copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CopyItem {
    /// Relative to the context, `.` for all of it.
    pub from: String,
    /// Absolute.
    pub to: String,
}
