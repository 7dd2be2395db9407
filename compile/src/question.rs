//! The facts that planning may need: one type per question, with the type of its answer.
//!
//! A question contains everything that its answer depends on, so an answer stays valid as long as the same question is asked. How to
//! find answers is not defined here.

use buildkit_llb::Platform;
use serde::{Deserialize, Serialize};

use crate::plan::LocalFilter;

/// The daemon's platform and capabilities, and the session of this build. Nothing can be planned without it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Daemon;

/// The image that a reference resolves to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Image {
    /// The normalized reference.
    pub reference: String,
    /// The platform of the image.
    pub platform: Platform,
}

/// The text of a file of the context; the answer is `None` if the file does not exist.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContextFile {
    /// Relative to the context.
    pub path: String,
}

/// The text of a file in the spec's folder; the answer is `None` if the file does not exist.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SpecFile {
    /// The file name, without a folder.
    pub name: String,
}

/// The exclusion patterns of the context's ignore file, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContextIgnore;

/// The exclusion patterns of `.dockerignore` in a folder of the context, in order and relative to that folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FolderIgnore {
    /// The folder, relative to the context.
    pub folder: String,
}

/// The files below a folder of the context whose paths end in a certain way, relative to the context and sorted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContextListing {
    /// The folder, relative to the context; `.` is the whole context.
    pub root: String,
    /// The files that the client sends.
    pub local: LocalFilter,
    /// The end of the paths.
    pub suffix: String,
}

/// What patterns cannot say of the files that are copied from the context: what git ignores, and where links lead. Only a client that lists
/// its files ([`DaemonFact::lists_files`](crate::DaemonFact::lists_files)) can answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Selection {
    /// The copied files and folders, relative to the context; `.` is the whole context.
    pub roots: Vec<String>,
    /// The paths that are copied, as far as patterns can say it.
    pub local: LocalFilter,
    /// Whether files that git ignores are left out.
    pub uses_git: bool,
}

/// A root filesystem, identified by what it is made from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Root {
    /// The root filesystem of an image.
    Image {
        /// The resolved reference.
        reference: String,
        /// The platform of the image.
        platform: Platform,
    },
    /// The result of steps.
    Steps {
        /// The digest of the steps, see [`Plan`](crate::Plan).
        digest: String,
    },
}

impl Root {
    /// Whether its files never change, which is the case for an image with a digest.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        match self {
            Self::Image { reference, .. } => reference.contains("@sha256:"),
            // A step may have another result when it runs again.
            Self::Steps { .. } => false,
        }
    }
}

/// What planning needs to know of a root filesystem, as a script finds out that runs in it. The answer is `None` if it has no shell for
/// the script; then the questions below are asked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Survey {
    /// The root filesystem.
    pub root: Root,
    /// The absolute paths of the folders whose programs are listed.
    pub folders: Vec<String>,
    /// The absolute path of a program outside of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
}

/// The files named `python*` in folders of a root filesystem, in the order of the folders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Programs {
    /// The root filesystem.
    pub root: Root,
    /// The absolute paths of the folders.
    pub folders: Vec<String>,
}

/// The text of a file of a root filesystem; the answer is `None` if the file does not exist.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RootfsFile {
    /// The root filesystem.
    pub root: Root,
    /// The absolute path.
    pub path: String,
}

/// Whether a path exists in a root filesystem.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Exists {
    /// The root filesystem.
    pub root: Root,
    /// The absolute path.
    pub path: String,
}

/// The description of an interpreter; the answer is `None` if it reports nothing usable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interpreter {
    /// The root filesystem.
    pub root: Root,
    /// The absolute path of the interpreter.
    pub path: String,
}

/// The packages that an interpreter can import.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Installed {
    /// The root filesystem.
    pub root: Root,
    /// The absolute path of the interpreter.
    pub path: String,
}

/// The resolved versions of requirements.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lock {
    /// The digest of the step that resolves them, including the steps it is built on.
    pub digest: String,
}

/// The files that are in packages of different groups: a line for each file, with the names of the packages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Collisions {
    /// The digest of the groups and of the environment they are installed into.
    pub digest: String,
}
