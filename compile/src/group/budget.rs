//! How many layers Python may have, and what they are for.

use std::collections::BTreeSet;

use imagespec::PackageName;

/// Layers for Python when nobody says otherwise.
pub const DEFAULT_LAYERS: usize = 30;

/// The most layers Python may have. Container runtimes stop near 127 for the whole image, its base included.
pub const MOST_LAYERS: usize = 60;

/// From this size a wheel has a layer of its own, in bytes of the compressed wheel.
pub const DEFAULT_HEAVY_BYTES: u64 = 4_000_000;

/// From this size a wheel is kept apart from small ones, so that one of these that changes does not push it again.
pub const DEFAULT_MEDIUM_BYTES: u64 = 1_000_000;

/// One bucket and the tail.
const FEWEST_LAYERS: usize = 2;

/// How packages are cut. It says how many groups of each kind there can be at most, never how many there are: buckets nothing
/// falls into are no groups. Changing it moves packages; changing a lock does not change it.
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
}

/// How fine the cut is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// By size and name.
    Groups,
    /// All wheels in one group, and the tail.
    Together,
    /// Everything in one group.
    One,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(DEFAULT_LAYERS)
    }
}

impl Budget {
    /// A budget of so many layers, kept between 2 and [`MOST_LAYERS`]. One is the tail's; of the others about a quarter is for
    /// small wheels, an eighth each for medium ones and for heavy ones past the budget, the rest for heavy wheels alone.
    #[must_use]
    pub fn new(layers: usize) -> Self {
        let wheels = layers.clamp(FEWEST_LAYERS, MOST_LAYERS) - 1;
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
        }
    }

    /// All wheels in one group, for an environment so small that cutting it costs more than it saves.
    #[must_use]
    pub fn together() -> Self {
        Self { cut: Cut::Together, ..Self::new(FEWEST_LAYERS) }
    }

    /// Everything in one group, the tail included.
    #[must_use]
    pub fn one() -> Self {
        Self { cut: Cut::One, ..Self::new(FEWEST_LAYERS) }
    }

    /// With so many buckets for small wheels (at least one), taken from or given to the wheels alone; no more than there are
    /// layers.
    #[must_use]
    pub fn with_small_buckets(mut self, buckets: usize) -> Self {
        let shared = self.alone + self.small_buckets;
        self.small_buckets = buckets.clamp(1, shared);
        self.alone = shared - self.small_buckets;
        self
    }

    /// With other sizes from which a wheel is heavy, and medium.
    #[must_use]
    pub fn with_sizes(mut self, heavy_bytes: u64, medium_bytes: u64) -> Self {
        self.heavy_bytes = heavy_bytes;
        self.medium_bytes = medium_bytes;
        self
    }

    /// With packages that are groups of their own, behind all other wheels and in order of their names, because they bring
    /// files that others bring too: what stays is then always the same.
    #[must_use]
    pub fn with_apart(mut self, apart: BTreeSet<PackageName>) -> Self {
        self.apart = apart;
        self
    }

    /// The most groups there can be, the tail included and packages that are set apart not.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.alone + self.heavy_buckets + self.medium_buckets + self.small_buckets + 1
    }

    /// How many heavy wheels have a group of their own.
    #[must_use]
    pub fn alone(&self) -> usize {
        self.alone
    }

    /// How many buckets heavy wheels past the budget fall into; with none they fall among the smaller ones.
    #[must_use]
    pub fn heavy_buckets(&self) -> usize {
        self.heavy_buckets
    }

    /// How many buckets medium wheels fall into; with none they fall among the small ones.
    #[must_use]
    pub fn medium_buckets(&self) -> usize {
        self.medium_buckets
    }

    /// How many buckets small wheels fall into.
    #[must_use]
    pub fn small_buckets(&self) -> usize {
        self.small_buckets
    }

    /// From which size in bytes a wheel is heavy.
    #[must_use]
    pub fn heavy_bytes(&self) -> u64 {
        self.heavy_bytes
    }

    /// From which size in bytes a wheel is medium.
    #[must_use]
    pub fn medium_bytes(&self) -> u64 {
        self.medium_bytes
    }

    pub(super) fn cut(&self) -> Cut {
        self.cut
    }

    pub(super) fn is_apart(&self, name: &PackageName) -> bool {
        self.apart.contains(name)
    }
}
