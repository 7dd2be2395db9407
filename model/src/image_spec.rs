//! The typed spec: every value in it has been checked, so nobody above has to check again.
//!
//! Holds no spans (see [`crate::Spans`]) and no defaults that belong to a build: a field the spec leaves out is absent here.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::platform::Platform;
use crate::requirement::Requirement;

/// What one image is to be made of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ImageSpec {
    /// Repository name of the image, lower case.
    pub name: Option<String>,
    /// Registry and namespace in front of the name, lower case.
    pub registry: Option<String>,
    /// How the tag is made of the spec's fingerprint, which stands for `{spec_hash}`.
    pub tag_format: Option<String>,
    /// What the image starts from.
    pub base_image: Option<BaseImage>,
    /// The CUDA release that packages find, such as `12.4`.
    pub cuda: Option<String>,
    /// The cuDNN release beside it, such as `9` or `8.9`.
    pub cudnn: Option<String>,
    /// The Python asked for.
    pub python_version: Option<PythonVersion>,
    /// Absolute path of an interpreter inside the base image.
    pub python_exec: Option<String>,
    /// Debian packages: `name[:arch][=version][/release]`. A set by meaning; the order is the author's.
    pub apt_packages: Vec<String>,
    /// Conda match specs. A set by meaning; the order is the author's.
    pub conda_packages: Vec<String>,
    /// Where conda packages come from; the order is their priority.
    pub conda_channels: Vec<String>,
    /// Requirement lines. The order is kept: option lines are sensitive to it.
    pub packages: Vec<Requirement>,
    /// A file with more requirements.
    pub requirements: Option<RequirementsFile>,
    /// Index that replaces PyPI.
    pub pip_index: Option<String>,
    /// Further indexes; the order is their priority.
    pub pip_extra_index_url: Vec<String>,
    /// Arguments for the installer, already split into words.
    pub pip_extra_args: Vec<String>,
    /// Secrets the install steps may read.
    pub pip_secret_mounts: Vec<SecretMount>,
    /// Environment of the image; values unexpanded.
    pub env: BTreeMap<String, String>,
    /// Folder whose files go to `/root`, relative to the context; `.` is the context itself.
    pub source_root: Option<String>,
    /// Which files below `source_root` are copied.
    pub source_copy_mode: Option<CopyMode>,
    /// Files and folders copied to `/root/<same path>`, relative to the context.
    pub copy: Vec<String>,
    /// Shell commands, run in this order.
    pub commands: Vec<String>,
    /// Entry point; `Some` of an empty list removes the base image's.
    pub entrypoint: Option<Vec<String>>,
    /// Target platforms, normalised and without duplicates.
    pub platform: Vec<Platform>,
    /// Requirement lines that are installed when the container starts, not when the image is built.
    pub runtime_packages: Vec<Requirement>,
    /// Folder or file with the client's credentials for registries, relative to the spec file.
    pub registry_config: Option<String>,
    /// Which builder the engine is to use.
    pub builder: Option<String>,
    /// Options of this builder.
    pub builder_options: BuilderOptions,
    /// Tool images of this builder.
    pub builder_config: BuilderConfig,
}

/// What an image starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum BaseImage {
    /// A valid image reference, as written.
    Reference(String),
    /// Another spec: its image is built in the same build, and pushed nowhere.
    Spec(Box<ImageSpec>),
}

/// A Python release, or the newest patch of a minor version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PythonVersion {
    /// Always 3 for now.
    pub major: u32,
    /// `11` in `3.11`.
    pub minor: u32,
    /// `4` in `3.11.4`; any patch when absent.
    pub patch: Option<u32>,
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

/// A file of requirements in the context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequirementsFile {
    /// Clean path relative to the context.
    pub path: String,
    /// How the file is read.
    pub kind: RequirementsKind,
}

/// The formats a requirements file may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequirementsKind {
    /// pip's `requirements.txt` format.
    Txt,
    /// A lockfile as PEP 751 describes it: `pylock.toml` or `pylock.<name>.toml`.
    Pylock,
    /// uv's `uv.lock`, with its `pyproject.toml` beside it.
    Uv,
    /// Poetry's `poetry.lock`, with its `pyproject.toml` beside it.
    Poetry,
    /// The dependencies of a project: `pyproject.toml`.
    Pyproject,
}

impl RequirementsKind {
    /// Whether every version is chosen already.
    #[must_use]
    pub fn is_lock(self) -> bool {
        match self {
            Self::Txt | Self::Pyproject => false,
            Self::Pylock | Self::Uv | Self::Poetry => true,
        }
    }
}

/// A secret that install steps may read; its value is never part of the spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretMount {
    /// BuildKit's name for the secret.
    pub id: String,
    /// Where the client finds the value; with none, whatever the client is told for the id.
    pub source: Option<SecretSource>,
    /// Where the step finds the value.
    pub target: SecretTarget,
}

/// Where the client reads a secret from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// A file of the client, relative to the spec file.
    File(String),
    /// An environment variable of the client.
    Env(String),
}

/// Where an install step reads a secret from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretTarget {
    /// A clean absolute path, never `/`.
    File(String),
    /// An environment variable of the step.
    Env(String),
}

/// Which files below `source_root` are copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CopyMode {
    /// Every file that is not ignored.
    All,
    /// None.
    None,
    /// Python sources.
    Auto,
}

impl CopyMode {
    /// All, in the order in which messages offer them.
    pub(crate) const ALL: [Self; 3] = [Self::Auto, Self::All, Self::None];
    pub(crate) const WORDS: [&'static str; 3] = [Self::Auto.as_str(), Self::All.as_str(), Self::None.as_str()];

    /// The word for it in a spec.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::All => "all",
            Self::None => "none",
        }
    }
}

/// Options of this builder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BuilderOptions {
    /// Whose habits the image follows; `plain` when absent.
    pub flavor: Option<Flavor>,
    /// Final user, `user[:group]`; the base image's when absent.
    pub user: Option<String>,
    /// CA bundle on the client for steps that talk to the network.
    pub ca_bundle: Option<String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// The most layers Python packages may have; 1 installs them in one step.
    pub python_layers: Option<u32>,
    /// How many steps that install Python packages run at the same time.
    pub python_jobs: Option<u32>,
    /// How Python packages are precompiled; `checked` when absent.
    pub bytecode: Option<Bytecode>,
    /// Optional dependencies of the project whose lock or `pyproject.toml` the spec names.
    pub extras: Vec<String>,
    /// Dependency groups of that project (PEP 735).
    pub groups: Vec<String>,
    /// More repositories of Debian packages, as lines of sources.list(5).
    pub apt_sources: Vec<String>,
    /// Files of the context with the keys that those repositories are signed with, ASCII-armored.
    pub apt_keys: Vec<String>,
}

/// How Python packages are precompiled (PEP 552).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bytecode {
    /// Python compares a file's content with its bytecode: a file that is edited later is compiled again.
    #[default]
    Checked,
    /// Python believes the bytecode: imports are faster, and a file that is edited later has no effect.
    Unchecked,
    /// Not at all: the image is smaller, and the first import of a module compiles it.
    None,
}

impl Bytecode {
    /// All, in the order in which messages offer them.
    pub(crate) const ALL: [Self; 3] = [Self::Checked, Self::Unchecked, Self::None];
    pub(crate) const WORDS: [&'static str; 3] = [Self::Checked.as_str(), Self::Unchecked.as_str(), Self::None.as_str()];

    /// The word for it in a spec.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Checked => "checked",
            Self::Unchecked => "unchecked",
            Self::None => "none",
        }
    }
}

/// Whose habits an image follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavor {
    /// What the spec says and nothing more.
    #[default]
    Plain,
    /// What Flytekit's own builder produces.
    Flyte,
}

impl Flavor {
    /// All, in the order in which messages offer them.
    pub(crate) const ALL: [Self; 2] = [Self::Plain, Self::Flyte];
    pub(crate) const WORDS: [&'static str; 2] = [Self::Plain.as_str(), Self::Flyte.as_str()];

    /// The word for it in a spec.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Flyte => "flyte",
        }
    }
}

/// Tool images of this builder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BuilderConfig {
    /// Image that holds the `uv` binary.
    pub uv_image: Option<String>,
    /// Image that holds the `micromamba` binary.
    pub micromamba_image: Option<String>,
}
