//! What planning may have to know of the world: one type a question, with the type of its answer.
//!
//! A question names all that its answer depends on, so an answer stays right for as long as the same question is asked. How a
//! question is answered is not known here.

use buildkit_llb::Platform;
use serde::{Deserialize, Serialize};

use crate::plan::LocalFilter;

/// What the daemon is and can do, and the session that serves this build. Nothing can be planned before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Daemon;

/// What an image's name stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Image {
    /// The normalized reference.
    pub reference: String,
    /// For which platform.
    pub platform: Platform,
}

/// The text of a file in the context; the answer is `None` where there is no such file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContextFile {
    /// Relative to the context.
    pub path: String,
}

/// The text of a file in the spec's folder; the answer is `None` where there is no such file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SpecFile {
    /// Without a folder.
    pub name: String,
}

/// The exclusion patterns of the context's ignore file, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContextIgnore;

/// The Python files below a folder of the context, relative to the context and sorted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContextSources {
    /// The folder, relative to the context; `.` for all of it.
    pub root: String,
    /// What the client is to send.
    pub local: LocalFilter,
}

/// A root filesystem, by what it is made of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Root {
    /// An image's.
    Image {
        /// The resolved reference.
        reference: String,
        /// For which platform.
        platform: Platform,
    },
    /// What steps make of an image.
    Steps {
        /// The digest of all that the steps are told, see [`Plan`](crate::Plan).
        digest: String,
    },
}

impl Root {
    /// Whether it has the same files whenever and wherever it is looked into: an image that its digest names.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        match self {
            Self::Image { reference, .. } => reference.contains("@sha256:"),
            // A step may do something else the next time.
            Self::Steps { .. } => false,
        }
    }
}

/// The files named `python*` in some folders of a root filesystem, in the order of the folders.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Programs {
    /// Where.
    pub root: Root,
    /// Absolute.
    pub folders: Vec<String>,
}

/// The text of a file in a root filesystem; the answer is `None` where there is no such file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RootfsFile {
    /// Where.
    pub root: Root,
    /// Absolute.
    pub path: String,
}

/// Whether a path exists in a root filesystem.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Exists {
    /// Where.
    pub root: Root,
    /// Absolute.
    pub path: String,
}

/// What an interpreter reports about itself; the answer is `None` where it reports nothing usable.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interpreter {
    /// Where.
    pub root: Root,
    /// The program, absolute.
    pub path: String,
}

/// The versions that requirements are resolved to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lock {
    /// The digest of all that the resolving step is told and stands on.
    pub digest: String,
}

/// Which files packages of different groups both bring: a line for each file, with the packages' names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Collisions {
    /// The digest of the groups and what they are installed over.
    pub digest: String,
}
