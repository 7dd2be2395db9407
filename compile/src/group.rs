//! Groups: a lock's packages cut into parts that are installed, kept and pushed apart from each other.
//!
//! A group is one step and one layer. What a group installs depends on its members and nothing else, and which group a package
//! is in depends on its name and size and, past the budget, on few others: so an edit of the lock redoes what it touches.
//!
//! ```text
//! every wheel of heavy_bytes or more ── a group of its own   (wheel:torch)
//!   those past the budget            ── one of few buckets   (heavy-0)
//! of medium_bytes or more            ── one of few buckets   (medium-1)
//! every other wheel                  ── one of some buckets  (small-03)
//! whose files others bring too       ── a group of its own   (apart:opencv-python)
//! what cannot be verified or shared  ── the tail             (tail)
//! ```
//!
//! Buckets are chosen by a hash of the name, so a new version stays where the old one was. Groups know nothing of graphs and
//! order: all but the tail may be installed at the same time, each on the same empty environment.
//!
//! What a group's install looks like, and why, is in `docs/python-layers.md`.

mod assign;
mod budget;
mod input;
mod title;

use imagespec::PackageName;

use crate::lock::{Hashes, Selected, Version};

pub use budget::{Budget, DEFAULT_HEAVY_BYTES, DEFAULT_LAYERS, DEFAULT_MEDIUM_BYTES, MOST_LAYERS};
pub use input::{CONFIG_FILE, LOCK_FILE};
pub(crate) use input::{PYPI_INDEX, arguments, cache_control, searched};

/// Packages that are installed in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Stable and unique: `wheel:torch`, `heavy-0`, `medium-1`, `small-03`, `apart:opencv-python`, `tail`.
    pub id: String,
    /// What holds it together.
    pub kind: GroupKind,
    /// What it installs, by name.
    pub members: Vec<Member>,
    /// The text of [`LOCK_FILE`]: the part of the lock that installs exactly this.
    pub lock: String,
    /// The text of [`CONFIG_FILE`], without which uv would ask for every file again.
    pub config: String,
}

/// What holds a group together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKind {
    /// One heavy wheel.
    Wheel,
    /// Heavy wheels past the budget whose names have one hash.
    Heavy,
    /// Medium wheels whose names have one hash.
    Medium,
    /// Small wheels whose names have one hash.
    Small,
    /// All wheels, where they are too few to be cut.
    Together,
    /// A wheel with files that others bring too; it lies over them.
    Apart,
    /// What may not be grouped. Comes after apt and after all other groups.
    Tail,
    /// Everything, where nothing can be cut.
    All,
}

/// A package of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The distribution.
    pub name: PackageName,
    /// Its version; absent where only building it tells.
    pub version: Option<Version>,
    /// Size of the file it is installed from, if known.
    pub bytes: Option<u64>,
    /// Hashes of that file.
    pub hashes: Hashes,
    /// Why it is in the tail.
    pub obstacle: Option<Obstacle>,
}

/// Why a package may not be grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
    /// It is built from source, with whatever compilers and libraries there are.
    Build,
    /// It is a local file or folder.
    Local,
    /// The lock has no SHA-2 hash of it, so the step would not say what it installs.
    NoHash,
}

impl Obstacle {
    /// For people: why it may not be grouped.
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
    /// Bytes to download, as far as they are known. Groups that start with the most finish the whole soonest.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.members.iter().filter_map(|member| member.bytes).fold(0, u64::saturating_add)
    }

    /// Whether some of it may be built from source, or comes without a hash.
    #[must_use]
    pub fn is_built(&self) -> bool {
        self.members.iter().any(|member| member.obstacle.is_some())
    }

    /// For people, unique within a lock: `torch`, `23 small packages, attrs to zipp`.
    #[must_use]
    pub fn title(&self) -> String {
        title::title(self)
    }

    /// What follows `uv pip install --python …`, with the group's two files in `folder`.
    #[must_use]
    pub fn arguments(&self, folder: &str) -> Vec<String> {
        input::arguments(self.is_built(), folder)
    }
}

/// Cuts a selection into groups. The same packages in any order give the same groups, ordered by kind and name.
#[must_use]
pub fn group(selected: &[Selected<'_>], budget: &Budget) -> Vec<Group> {
    assign::assign(selected, budget)
}

/// A hash that fixes a file's content, the usual one first: algorithm and digits.
fn strong_hash(hashes: &Hashes) -> Option<(&str, &str)> {
    let strong = ["sha256", "sha384", "sha512"].into_iter();
    strong.filter_map(|algorithm| Some((algorithm, hashes.get(algorithm)?.as_str()))).next()
}
