//! Facts: all a plan may know of the world, and the needs that ask for them.
//!
//! Facts serialise, so that a build can be replayed without a daemon. How they are gathered is not known here.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_llb::{CapSet, Platform};
use serde::{Deserialize, Serialize};

use crate::plan::LocalFilter;

/// What is known of the world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// The daemon's own platform: the target when nobody names one.
    pub default_platform: Option<Platform>,
    /// The LLB capabilities the daemon has enabled.
    pub capabilities: BTreeSet<String>,
    /// The session that serves the context; differs from build to build.
    pub session: Option<String>,
    /// Resolved images by [`image_key`].
    pub images: BTreeMap<String, ImageFact>,
    /// Text of files in the context by path; `None` where there is no such file.
    pub context_files: BTreeMap<String, Option<String>>,
    /// Text of files beside the spec by name; `None` where there is no such file.
    pub spec_files: BTreeMap<String, Option<String>>,
    /// The Python files below folders of the context, relative to it and sorted, by folder.
    pub context_sources: BTreeMap<String, Vec<String>>,
    /// Exclusion patterns of the context's ignore file, in order; `None` until asked.
    pub context_ignore: Option<Vec<String>>,
    /// What was looked up inside root filesystems by [`rootfs_key`].
    pub rootfs: BTreeMap<String, RootfsFacts>,
    /// Locks that were resolved, as text of a `pylock.toml`, by the digest of the step that resolves them.
    pub locks: BTreeMap<String, String>,
    /// Requirements that a tool exported from its own lock, by the same digest.
    pub exports: BTreeMap<String, String>,
    /// What packages of different groups both bring, by the digest of the step that compares them: a line for each file, with
    /// the packages' names.
    pub collisions: BTreeMap<String, String>,
}

impl Facts {
    /// The capabilities as a set to ask.
    #[must_use]
    pub fn caps(&self) -> CapSet {
        self.capabilities.iter().map(String::as_str).collect()
    }

    /// Takes over what others say to a need; whether they say anything. Of the daemon and of the client's files they say
    /// nothing, since those are at hand.
    ///
    /// ```
    /// use buildkit_llb::Platform;
    /// use imagespec_compile::{Facts, ImageFact, Need, image_key};
    ///
    /// let (reference, platform) = ("docker.io/library/debian:12".to_owned(), Platform::linux("amd64"));
    /// let mut others = Facts::default();
    /// let fact = ImageFact { reference: format!("{reference}@sha256:…"), config: serde_json::json!({}) };
    /// others.images.insert(image_key(&reference, &platform), fact);
    ///
    /// let mut facts = Facts::default();
    /// assert!(facts.adopt(&Need::Image { reference, platform }, &others));
    /// assert_eq!(facts, others);
    /// assert!(!facts.adopt(&Need::ContextIgnore, &others));
    /// ```
    pub fn adopt(&mut self, need: &Need, others: &Self) -> bool {
        let said = match need {
            Need::Daemon | Need::ContextFile { .. } | Need::SpecFile { .. } => None,
            Need::ContextIgnore | Need::ContextSources { .. } => None,
            Need::Image { reference, platform } => {
                one(&mut self.images, &image_key(reference, platform), &others.images)
            }
            Need::Programs { platform, place, .. }
            | Need::RootfsFile { platform, place, .. }
            | Need::Exists { platform, place, .. }
            | Need::Interpreter { platform, place, .. } => {
                let key = rootfs_key(platform, *place);
                others.rootfs.get(&key).and_then(|others| self.rootfs.entry(key).or_default().adopt(need, others))
            }
            Need::Lock { platform, place, interpreter, key, exports } => {
                let root = rootfs_key(platform, *place);
                self.adopt_lock(&root, interpreter, key, *exports, others)
            }
            Need::Collisions { key, .. } => one(&mut self.collisions, key, &others.collisions),
        };
        said.is_some()
    }

    fn adopt_lock(&mut self, root: &str, interpreter: &str, key: &str, exports: bool, others: &Self) -> Option<()> {
        let interpreters = &others.rootfs.get(root)?.interpreters;
        one(&mut self.rootfs.entry(root.to_owned()).or_default().interpreters, interpreter, interpreters)?;
        if exports {
            one(&mut self.exports, key, &others.exports)?;
        }
        one(&mut self.locks, key, &others.locks)
    }
}

/// Copies one entry, if it is there.
fn one<T: Clone>(into: &mut BTreeMap<String, T>, key: &str, from: &BTreeMap<String, T>) -> Option<()> {
    into.insert(key.to_owned(), from.get(key)?.clone());
    Some(())
}

/// A resolved image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFact {
    /// What the graph refers to: the full reference with its digest (without one where the daemon knows the image only by
    /// name, as Docker's classic store may), or what a named context or a source policy put in its place.
    pub reference: String,
    /// The image config (OCI image spec, config.md), unknown members included.
    pub config: serde_json::Value,
}

/// What was looked up inside one root filesystem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RootfsFacts {
    /// Files named `python*` in the folders of PATH, in PATH's order; `None` until asked.
    pub programs: Option<Vec<Program>>,
    /// Text of files; `None` where there is no such file.
    pub files: BTreeMap<String, Option<String>>,
    /// Which paths exist.
    pub exists: BTreeMap<String, bool>,
    /// What interpreters say of themselves, by path; `None` where the program says nothing usable.
    pub interpreters: BTreeMap<String, Option<InterpreterFact>>,
}

impl RootfsFacts {
    fn adopt(&mut self, need: &Need, others: &Self) -> Option<()> {
        match need {
            Need::Programs { .. } => self.programs = Some(others.programs.clone()?),
            Need::RootfsFile { path, .. } => one(&mut self.files, path, &others.files)?,
            Need::Exists { path, .. } => one(&mut self.exists, path, &others.exists)?,
            Need::Interpreter { path, .. } => one(&mut self.interpreters, path, &others.interpreters)?,
            _ => return None,
        }
        Some(())
    }
}

/// What an interpreter says of itself and of the system it runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InterpreterFact {
    /// The language's version, such as `3.11.2`.
    pub version: String,
    /// `cpython`, `pypy`, … (`sys.implementation.name`).
    pub implementation: String,
    /// The implementation's own version, such as PyPy's `7.3.17`.
    pub implementation_version: String,
    /// Built without the global lock.
    pub free_threaded: bool,
    /// `glibc` or `musl`; empty where neither is known.
    pub libc: String,
    /// The C library's version, such as `2.36`.
    pub libc_version: String,
}

/// A program file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Absolute path.
    pub path: String,
    /// What it points at, if it is a symbolic link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Which root filesystem is looked into: of which image, and what of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// 0 for the image that is built, 1 for the finished image that its spec stands on, and so on.
    pub depth: usize,
    /// What of it.
    pub root: Root,
}

/// What of an image is looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Root {
    /// The base image's.
    Base,
    /// The base image's with the spec's apt packages.
    Apt,
    /// One with the environment that a step made, whose interpreter is in no other.
    Python,
}

/// A fact that a plan misses.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The daemon's platform, capabilities and session: nothing can be planned before.
    Daemon,
    /// A resolved image.
    Image {
        /// The normalised reference.
        reference: String,
        /// For which platform.
        platform: Platform,
    },
    /// The text of a file in the context.
    ContextFile {
        /// Relative to the context.
        path: String,
    },
    /// The text of a file beside the spec.
    SpecFile {
        /// Without a folder.
        name: String,
    },
    /// The context's ignore file.
    ContextIgnore,
    /// The Python files below a folder of the context.
    ContextSources {
        /// The folder, relative to the context; `.` for all of it.
        root: String,
        /// What the client is to send.
        local: LocalFilter,
    },
    /// Programs named `python*` in some folders.
    Programs {
        /// For which platform.
        platform: Platform,
        /// Where.
        place: Place,
        /// The folders of PATH.
        folders: Vec<String>,
    },
    /// The text of a file in a root filesystem.
    RootfsFile {
        /// For which platform.
        platform: Platform,
        /// Where.
        place: Place,
        /// Absolute.
        path: String,
    },
    /// Whether a path exists in a root filesystem.
    Exists {
        /// For which platform.
        platform: Platform,
        /// Where.
        place: Place,
        /// Absolute.
        path: String,
    },
    /// What an interpreter says of itself ([`graph_for`](crate::graph_for) asks it).
    Interpreter {
        /// For which platform.
        platform: Platform,
        /// Where.
        place: Place,
        /// The interpreter, absolute.
        path: String,
    },
    /// The resolved lock ([`graph_for`](crate::graph_for) resolves it), and what the interpreter says of itself in the same step.
    Lock {
        /// For which platform.
        platform: Platform,
        /// Where the interpreter is.
        place: Place,
        /// The interpreter, absolute.
        interpreter: String,
        /// The key in [`Facts::locks`].
        key: String,
        /// The requirements that it was made of are wanted too ([`EXPORTED_FILE`](crate::EXPORTED_FILE), for
        /// [`Facts::exports`]).
        exports: bool,
    },
    /// Which files packages of different groups both bring ([`graph_for`](crate::graph_for) compares them).
    Collisions {
        /// For which platform.
        platform: Platform,
        /// Of which image, as in [`Place`].
        depth: usize,
        /// The key in [`Facts::collisions`].
        key: String,
    },
}

/// The key of an image in [`Facts::images`].
#[must_use]
pub fn image_key(reference: &str, platform: &Platform) -> String {
    format!("{reference} {platform}")
}

/// The key of a root filesystem in [`Facts::rootfs`].
#[must_use]
pub fn rootfs_key(platform: &Platform, place: Place) -> String {
    let root = match place.root {
        Root::Base => "base",
        Root::Apt => "apt",
        Root::Python => "python",
    };
    match place.depth {
        0 => format!("{platform} {root}"),
        depth => format!("{platform} {root} {depth}"),
    }
}
