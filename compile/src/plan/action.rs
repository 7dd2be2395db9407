//! The actions of a plan's steps, as data.
//!
//! `lower` converts them to ops.

use std::collections::BTreeMap;

use imagespec::Bytecode;
use serde::{Deserialize, Serialize};

use crate::answer::InterpreterFact;
use crate::plan::PinnedImage;

/// The action of a step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Change the owner of `/root`, the working directory, to the image's user. All other steps are built on this one.
    OwnHome {
        /// `user[:group]`.
        owner: String,
        /// The account of the user, if the base has none.
        #[serde(skip_serializing_if = "Option::is_none")]
        account: Option<Account>,
    },
    /// Install Debian packages.
    Apt {
        /// Package names as in the spec; empty if the spec has only repositories.
        packages: Vec<String>,
        /// Distribution and architecture: images with the same scope share a package cache.
        cache_scope: String,
        /// The spec's proxies, which are the only variables of the spec that apt reads.
        env: BTreeMap<String, String>,
        /// Files that are written first: additional repositories and their keys, as path and text.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        files: Vec<(String, String)>,
    },
    /// Create an empty Python environment.
    Venv {
        /// The interpreter of the environment.
        interpreter: String,
        /// Whether packages of the interpreter count as installed.
        system_site_packages: bool,
        /// The environment that the interpreter belongs to, if it does. Its packages are found after those of the new one.
        #[serde(skip_serializing_if = "Option::is_none")]
        over: Option<OtherEnvironment>,
        /// How uv installs the interpreter, if it does.
        #[serde(skip_serializing_if = "Option::is_none")]
        managed: Option<ManagedPython>,
        /// The owner of the environment, who can add packages later; empty is root.
        #[serde(skip_serializing_if = "String::is_empty")]
        owner: String,
    },
    /// Create a conda environment.
    Conda {
        /// Match specs.
        packages: Vec<String>,
        /// Channels, highest priority first.
        channels: Vec<String>,
        /// The spec's variables that installers read.
        env: BTreeMap<String, String>,
        /// How packages are precompiled.
        bytecode: Bytecode,
    },
    /// Remove packages from an environment of the base, so that other versions can take their place.
    RemovePackages {
        /// The absolute path of the environment's interpreter.
        interpreter: String,
        /// The names.
        packages: Vec<String>,
    },
    /// Keep the owners and modes of folders into which packages are installed that know nothing of them.
    Folders {
        /// Absolute paths; some may not exist.
        folders: Vec<String>,
    },
    /// Install a part of a lock.
    InstallGroup(Box<GroupInstall>),
    /// Copy files of the context.
    Copy {
        /// The files that the client sends.
        local: LocalFilter,
        /// The source and target of each item.
        items: Vec<CopyItem>,
        /// The owner, `user[:group]`; empty is root.
        owner: String,
    },
    /// Write a generated file.
    WriteFile {
        /// The absolute path.
        path: String,
        /// Permission bits.
        mode: u32,
        /// The content.
        text: String,
        /// The owner, `user[:group]`; empty is root.
        owner: String,
    },
    /// Run the user's shell commands.
    Commands {
        /// The shell, and the commands as its arguments.
        arguments: Vec<String>,
        /// How packages that the commands install are precompiled.
        bytecode: Bytecode,
        /// The complete environment of the image.
        env: Vec<(String, String)>,
    },
}

/// The account of a user who does not exist in the base image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The text of `/etc/passwd` with the account.
    pub passwd: String,
    /// The text of `/etc/group` with the account's group.
    pub group: String,
    /// The home folder.
    pub home: String,
    /// The user id.
    pub id: u32,
    /// The group id.
    pub group_id: u32,
}

/// The environment of a base image, whose packages a new environment can import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OtherEnvironment {
    /// The folder of the new environment for packages, such as `lib/python3.11/site-packages`.
    pub library: String,
    /// The folders with the packages of the other one, in the order of a search.
    pub packages: Vec<String>,
}

/// How uv installs an interpreter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ManagedPython {
    /// uv's name of the build: implementation, version, system, architecture and C library.
    pub name: String,
    /// The C library, as a part of that name: `gnu`, `musl`, …
    pub libc: String,
    /// The absolute path of the interpreter in the image.
    pub interpreter: String,
    /// How the standard library is precompiled.
    pub bytecode: Bytecode,
    /// The spec's variables that installers read, such as `UV_PYTHON_INSTALL_MIRROR`.
    pub env: BTreeMap<String, String>,
    /// The spec's secrets, which a mirror may require.
    pub secrets: Vec<InstallSecret>,
    /// Whether the daemon can pass secrets as variables. Otherwise a script of ours does it.
    pub secret_env_native: bool,
}

/// A group of locked packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GroupInstall {
    /// Where, and with what.
    pub place: Place,
    /// `name version` of each package, sorted by name.
    pub packages: Vec<String>,
    /// The known download size in bytes.
    pub bytes: u64,
    /// Why these packages cannot be in other groups, if this is the tail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub obstacles: Vec<String>,
    /// The part of the lock with exactly these packages.
    pub lock: String,
    /// The configuration of uv with which it does not request cached files again.
    pub config: String,
    /// Additional arguments of uv.
    pub args: Vec<String>,
    /// The spec's variables that installers read.
    pub env: BTreeMap<String, String>,
    /// The spec's secrets.
    pub secrets: Vec<InstallSecret>,
    /// Whether the daemon can pass secrets as variables. Otherwise a script of ours does it.
    pub secret_env_native: bool,
    /// How packages are precompiled.
    pub bytecode: Bytecode,
}

impl GroupInstall {
    /// Whether some of these packages are built first, which needs the other packages and apt.
    #[must_use]
    pub fn is_built(&self) -> bool {
        self.place == Place::OnTop
    }
}

/// Where packages are installed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Place {
    /// In a root filesystem of tools alone, from which only the packages' own files are kept. No code of the base image runs while they
    /// are downloaded, and the result does not depend on the base.
    Apart {
        /// What uv is told about the interpreter: what decides how a wheel is unpacked, and nothing else.
        interpreter: InterpreterFact,
        /// What compiles the modules.
        compiler: Compiler,
    },
    /// On top of the steps that the step is built on, because packages are built from source.
    OnTop,
}

/// The interpreter that compiles modules of packages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Compiler {
    /// `python3` of an image with the same version of Python.
    Tool {
        /// The image.
        image: PinnedImage,
        /// The variable `PATH` of the image.
        path: String,
    },
    /// The image's own interpreter, in a step without network and secrets. Its root filesystem is the one that the step is built on.
    Own {
        /// The absolute path.
        interpreter: String,
    },
}

/// A secret of the install step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "as")]
pub enum InstallSecret {
    /// As a file.
    File {
        /// The secret's id.
        id: String,
        /// The path of the file.
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

/// The files of a local directory that the client sends.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LocalFilter {
    /// Keeps uploads with different filters apart.
    pub hint: String,
    /// Include patterns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Exclude patterns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Paths to send, with the targets of links.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follow: Vec<String>,
}

/// A file or folder to copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CopyItem {
    /// The path relative to the context; `.` is the whole context.
    pub from: String,
    /// The absolute target path.
    pub to: String,
}
