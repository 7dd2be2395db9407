//! Groups: parts of a lock that are installed, cached and pushed independently of each other.
//!
//! A group is one step and one layer. The content of a group depends only on its members. The group of a package depends on the
//! package's name and size, and, beyond the budget, on few other packages, so a change of the lock rebuilds few groups.
//!
//! ```text
//! every wheel of heavy_bytes or more ── a group of its own   (wheel:torch)
//!   those past the budget            ── one of few buckets   (heavy-0)
//! of medium_bytes or more            ── one of few buckets   (medium-1)
//! every other wheel                  ── one of some buckets  (small-03)
//! what joined later                  ── one group          (young)
//! whose files others bring too       ── a group of its own   (apart:opencv-python)
//! wheels without a hash              ── one group            (no-hash)
//! what is built, or a local file     ── a group of its own   (tail:pyspark)
//!   those past a dozen               ── one group            (tail)
//! ```
//!
//! Buckets are chosen by a hash of the name, so a new version of a package stays in its group. All groups can be installed at the same
//! time; those that are built are on top of the empty environment.
//!
//! `docs/python-layers.md` describes how a group is installed, and why.

mod assign;
mod budget;
mod input;
mod title;

use imagespec::PackageName;

use crate::lock::{Hashes, Selected, Version};

pub use budget::{Budget, DEFAULT_HEAVY_BYTES, DEFAULT_LAYERS, DEFAULT_MEDIUM_BYTES, MAX_LAYERS};
pub use input::{CONFIG_FILE, LOCK_FILE};
pub(crate) use input::{PYPI_INDEX, arguments, cache_control, searched};

/// Packages that are installed in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The unique and stable id: `wheel:torch`, `heavy-0`, `medium-1`, `small-03`, `apart:opencv-python`, `tail:pyspark`.
    pub id: String,
    /// Why these packages are in one group.
    pub kind: GroupKind,
    /// The packages, sorted by name.
    pub members: Vec<Member>,
    /// The text of [`LOCK_FILE`]: the part of the lock with exactly these packages.
    pub lock: String,
    /// The text of [`CONFIG_FILE`], without which uv would request every file again.
    pub config: String,
}

/// Why packages are in one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKind {
    /// One heavy wheel.
    Wheel,
    /// Heavy wheels beyond the budget whose names have the same hash.
    Heavy,
    /// Medium wheels whose names have the same hash.
    Medium,
    /// Small wheels whose names have the same hash.
    Small,
    /// All wheels, if they are too few to be divided.
    AllWheels,
    /// Wheels that joined after the others were divided.
    Young,
    /// A wheel with files that are also in other wheels. Its layer is on top of theirs.
    Apart,
    /// Wheels without a hash: the step's definition does not identify their content.
    NoHash,
    /// A package that cannot be in other groups, or those of them beyond a dozen. The group is installed on top of apt and the
    /// environment, and its layer is on top of all wheels.
    Tail,
    /// All packages, if none can be separated.
    All,
}

/// A package of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The distribution.
    pub name: PackageName,
    /// Its version; `None` if it is only known after a build.
    pub version: Option<Version>,
    /// The size of the file it is installed from, if known.
    pub bytes: Option<u64>,
    /// Hashes of that file.
    pub hashes: Hashes,
    /// Why it is in no other group, if it is in the tail or has no hash.
    pub obstacle: Option<Obstacle>,
}

/// Why a package is in the tail, or in the group of wheels without a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
    /// It is built from source, so the result depends on the installed compilers and libraries.
    Build,
    /// It is a local file or folder.
    Local,
    /// The lock has no SHA-2 hash of it, so the step's definition would not identify its content.
    NoHash,
}

impl Obstacle {
    /// The reason as a sentence for users.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Build => "it is built from source",
            Self::Local => "it is a local file or folder",
            Self::NoHash => "the lock has no hash of it",
        }
    }
}

impl Group {
    /// The known download size in bytes. Installing the largest groups first finishes soonest.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.members.iter().filter_map(|member| member.bytes).fold(0, u64::saturating_add)
    }

    /// Whether some of its packages are built from source, or are local files: they are installed on top of everything that they need.
    #[must_use]
    pub fn is_built(&self) -> bool {
        self.members.iter().any(|member| matches!(member.obstacle, Some(Obstacle::Build | Obstacle::Local)))
    }

    /// A title for users, unique within a lock: `torch`, `23 small packages, attrs to zipp`.
    #[must_use]
    pub fn title(&self) -> String {
        title::title(self)
    }

    /// The arguments after `uv pip install --python …`. `folder` contains the group's two files.
    #[must_use]
    pub fn arguments(&self, folder: &str) -> Vec<String> {
        input::arguments(self.is_built(), folder)
    }
}

/// Divides a selection into groups, sorted by kind and name. The order of the packages does not matter.
#[must_use]
pub fn group(selected: &[Selected<'_>], budget: &Budget) -> Vec<Group> {
    assign::assign(selected, budget)
}

/// The first strong hash of a file, SHA-256 if there is one: algorithm and digits.
fn strong_hash(hashes: &Hashes) -> Option<(&str, &str)> {
    let strong = ["sha256", "sha384", "sha512"].into_iter();
    strong.filter_map(|algorithm| Some((algorithm, hashes.get(algorithm)?.as_str()))).next()
}
