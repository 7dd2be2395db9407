//! The number of layers for Python packages, and how they are distributed.

use std::collections::BTreeSet;

use imagespec::PackageName;

/// The default number of layers for Python packages.
pub const DEFAULT_LAYERS: usize = 30;

/// The maximum number of layers for Python packages. Container runtimes support about 127 layers in an image with its base.
pub const MAX_LAYERS: usize = 60;

/// The minimum size of a wheel with a layer of its own, in bytes of the compressed wheel.
pub const DEFAULT_HEAVY_BYTES: u64 = 4_000_000;

/// The minimum size of a medium wheel, which is kept apart from small ones, so that a change of a small wheel does not push it
/// again.
pub const DEFAULT_MEDIUM_BYTES: u64 = 1_000_000;

/// One bucket and the tail.
const MIN_LAYERS: usize = 2;

/// How packages are divided into groups: the maximum number of groups of each kind. Empty buckets are not groups. A change of the
/// budget moves packages between groups; a change of the lock does not change the budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    cut: Cut,
    alone: usize,
    heavy_buckets: usize,
    medium_buckets: usize,
    small_buckets: usize,
    heavy_bytes: u64,
    medium_bytes: u64,
    apart: BTreeSet<PackageName>,
    young: BTreeSet<PackageName>,
}

/// How packages are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// By size and name.
    Groups,
    /// All wheels in one group, and the tail.
    AllWheels,
    /// All packages in one group.
    Single,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(DEFAULT_LAYERS)
    }
}

impl Budget {
    /// A budget of `layers` layers, at least 2 and at most [`MAX_LAYERS`]. One is the tail's. Of the others about a quarter is for
    /// small wheels, an eighth each for medium ones and for heavy ones beyond the budget, and the rest for single heavy wheels.
    #[must_use]
    pub fn new(layers: usize) -> Self {
        let wheels = layers.clamp(MIN_LAYERS, MAX_LAYERS) - 1;
        let small_buckets = (wheels / 4).max(1);
        let heavy_buckets = (wheels / 8).max(1).min(wheels - small_buckets);
        let medium_buckets = (wheels / 8).min(wheels - small_buckets - heavy_buckets);
        let alone = wheels - small_buckets - heavy_buckets - medium_buckets;
        Self {
            cut: Cut::Groups,
            alone,
            heavy_buckets,
            medium_buckets,
            small_buckets,
            heavy_bytes: DEFAULT_HEAVY_BYTES,
            medium_bytes: DEFAULT_MEDIUM_BYTES,
            apart: BTreeSet::new(),
            young: BTreeSet::new(),
        }
    }

    /// All wheels in one group, for an environment so small that dividing it costs more than it saves.
    #[must_use]
    pub fn all_wheels() -> Self {
        Self { cut: Cut::AllWheels, ..Self::new(MIN_LAYERS) }
    }

    /// All packages in one group, including the tail.
    #[must_use]
    pub fn single_group() -> Self {
        Self { cut: Cut::Single, ..Self::new(MIN_LAYERS) }
    }

    /// Sets the number of buckets for small wheels (at least one). It is taken from or added to the number of single heavy wheels, and
    /// limited to the number of layers.
    #[must_use]
    pub fn with_small_buckets(mut self, buckets: usize) -> Self {
        let shared = self.alone + self.small_buckets;
        self.small_buckets = buckets.clamp(1, shared);
        self.alone = shared - self.small_buckets;
        self
    }

    /// Sets the minimum sizes of heavy and of medium wheels.
    #[must_use]
    pub fn with_sizes(mut self, heavy_bytes: u64, medium_bytes: u64) -> Self {
        self.heavy_bytes = heavy_bytes;
        self.medium_bytes = medium_bytes;
        self
    }

    /// Sets the packages that are groups of their own on top of all other wheels, in the order of their names, because other packages
    /// have the same files. The order determines whose files remain.
    #[must_use]
    pub fn with_apart(mut self, apart: BTreeSet<PackageName>) -> Self {
        self.apart = apart;
        self
    }

    /// Sets the packages that joined after the others were divided: they are one group, except for heavy ones, and change no other group.
    #[must_use]
    pub fn with_young(mut self, young: BTreeSet<PackageName>) -> Self {
        self.young = young;
        self
    }

    /// The maximum number of groups, including the tail and without packages that are set apart or joined later.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.alone + self.heavy_buckets + self.medium_buckets + self.small_buckets + 1
    }

    /// The number of heavy wheels with a group of their own.
    #[must_use]
    pub fn alone(&self) -> usize {
        self.alone
    }

    /// The number of buckets for heavy wheels beyond the budget. With 0, these wheels are treated as smaller ones.
    #[must_use]
    pub fn heavy_buckets(&self) -> usize {
        self.heavy_buckets
    }

    /// The number of buckets for medium wheels. With 0, these wheels are treated as small ones.
    #[must_use]
    pub fn medium_buckets(&self) -> usize {
        self.medium_buckets
    }

    /// The number of buckets for small wheels.
    #[must_use]
    pub fn small_buckets(&self) -> usize {
        self.small_buckets
    }

    /// The minimum size of a heavy wheel in bytes.
    #[must_use]
    pub fn heavy_bytes(&self) -> u64 {
        self.heavy_bytes
    }

    /// The minimum size of a medium wheel in bytes.
    #[must_use]
    pub fn medium_bytes(&self) -> u64 {
        self.medium_bytes
    }

    pub(super) fn cut(&self) -> Cut {
        self.cut
    }

    pub(super) fn is_young(&self, name: &PackageName) -> bool {
        self.young.contains(name)
    }

    pub(super) fn is_apart(&self, name: &PackageName) -> bool {
        self.apart.contains(name)
    }
}
