//! The file that `requirements` names: where it is and which format it has.
//!
//! Only the name is looked at; the file is read by the caller.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::fault::Fault;
use crate::invalid::Invalid;
use crate::path::context_path;
use crate::quote::quote;
use crate::rules;

/// A file of requirements in the build context.
///
/// ```
/// use imagespec::{RequirementsFile, RequirementsKind};
///
/// let file: RequirementsFile = "./deps//uv.lock".parse()?;
/// assert_eq!((file.path(), file.kind()), ("deps/uv.lock", RequirementsKind::Uv));
/// assert!("../uv.lock".parse::<RequirementsFile>().is_err());
/// # Ok::<(), imagespec::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequirementsFile {
    path: String,
    kind: RequirementsKind,
}

impl RequirementsFile {
    /// A clean path relative to the context.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// How the file is read.
    #[must_use]
    pub const fn kind(&self) -> RequirementsKind {
        self.kind
    }
}

/// The path.
impl fmt::Display for RequirementsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

impl FromStr for RequirementsFile {
    type Err = Invalid;

    fn from_str(path: &str) -> Result<Self, Invalid> {
        Ok(requirements_file(path)?)
    }
}

/// The formats a requirements file may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequirementsKind {
    /// pip's `requirements.txt` format.
    Txt,
    /// A lockfile as PEP 751 describes it: `pylock.toml` or `pylock.<name>.toml`.
    Pylock,
    /// uv's `uv.lock`, with its `pyproject.toml` next to it.
    Uv,
    /// Poetry's `poetry.lock`, with its `pyproject.toml` next to it.
    Poetry,
    /// The dependencies of a project: `pyproject.toml`.
    Pyproject,
}

impl RequirementsKind {
    /// Whether every version is chosen already.
    #[must_use]
    pub const fn is_lock(self) -> bool {
        match self {
            Self::Txt | Self::Pyproject => false,
            Self::Pylock | Self::Uv | Self::Poetry => true,
        }
    }

    /// Whether it belongs to a project, which may have extras and dependency groups.
    pub(crate) const fn is_project(self) -> bool {
        match self {
            Self::Txt | Self::Pylock => false,
            Self::Uv | Self::Poetry | Self::Pyproject => true,
        }
    }
}

/// Lockfiles have different formats; as in Flytekit, the file's name determines the format.
pub(crate) fn requirements_file(value: &str) -> Result<RequirementsFile, Fault> {
    let path = context_path(value)?;
    let name = path.rsplit('/').next().unwrap_or(&path);
    let kind = match name {
        "uv.lock" => RequirementsKind::Uv,
        "poetry.lock" => RequirementsKind::Poetry,
        "pyproject.toml" => RequirementsKind::Pyproject,
        name if is_pylock(name) => RequirementsKind::Pylock,
        name => match instead(name) {
            None => RequirementsKind::Txt,
            Some(help) => {
                let message = format!("`requirements` from {} is not supported yet", quote(name));
                return Err(Fault::new(&rules::NOT_BUILT, message).label("not supported yet").help(help));
            }
        },
    };
    if path == "." || value.ends_with('/') {
        return Err(Fault::new(&rules::TEXT, format!("{} is a folder", quote(value)))
            .label("expected a file")
            .help("for example `requirements: requirements.txt`"));
    }
    Ok(RequirementsFile { path, kind })
}

/// What to do with a file of another tool; `None` for a file that pip could read.
fn instead(name: &str) -> Option<&'static str> {
    const LOCK: &str = "use a `pylock.toml`, `uv.lock`, `poetry.lock`, `pyproject.toml` or a requirements file";
    const CONDA: &str = "put conda's packages into `conda_packages`, its channels into `conda_channels`, and the packages of its pip \
                         section into `packages`";
    const PYTHON: &str = "name the dependencies in `packages`, in a requirements file, or in a `pyproject.toml`";
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match name {
        "Pipfile" | "Pipfile.lock" | "pdm.lock" => Some(LOCK),
        "pixi.toml" | "pixi.lock" => Some(CONDA),
        "setup.cfg" => Some(PYTHON),
        _ => match extension {
            "yml" | "yaml" => Some(CONDA),
            "py" => Some(PYTHON),
            "toml" | "json" => Some(LOCK),
            _ => None,
        },
    }
}

/// `pylock.toml` or `pylock.<name>.toml`, with no dot in the name (PEP 751, "File name").
fn is_pylock(name: &str) -> bool {
    name == "pylock.toml"
        || name
            .strip_prefix("pylock.")
            .and_then(|rest| rest.strip_suffix(".toml"))
            .is_some_and(|name| !name.is_empty() && !name.contains('.'))
}
