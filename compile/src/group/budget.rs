//! How many layers Python may have, and what they are for.

/// Layers for Python when nobody says otherwise.
pub const DEFAULT_LAYERS: usize = 26;

/// The most layers Python may have. Container runtimes stop near 127 for the whole image, its base included.
pub const MOST_LAYERS: usize = 60;

/// From this size a wheel has a layer of its own, in bytes of the compressed wheel.
pub const DEFAULT_HEAVY_BYTES: u64 = 8_000_000;

/// One bucket and the tail.
const FEWEST_LAYERS: usize = 2;

/// A layer budget. It says how many groups of each kind there can be at most, never how many there are: buckets nothing falls
/// into are no groups. Changing it moves packages; changing a lock does not change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    alone: usize,
    heavy_buckets: usize,
    small_buckets: usize,
    heavy_bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self::new(DEFAULT_LAYERS)
    }
}

impl Budget {
    /// A budget of so many layers, kept between 2 and [`MOST_LAYERS`]. One is the tail's; of the others about a third is for
    /// small wheels, an eighth for heavy ones past the budget, the rest for heavy wheels alone.
    #[must_use]
    pub fn new(layers: usize) -> Self {
        let wheels = layers.clamp(FEWEST_LAYERS, MOST_LAYERS) - 1;
        let small_buckets = (wheels / 3).max(1);
        let heavy_buckets = (wheels / 8).max(1).min(wheels - small_buckets);
        let alone = wheels - small_buckets - heavy_buckets;
        Self { alone, heavy_buckets, small_buckets, heavy_bytes: DEFAULT_HEAVY_BYTES }
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

    /// With another size from which a wheel is heavy.
    #[must_use]
    pub fn with_heavy_bytes(mut self, bytes: u64) -> Self {
        self.heavy_bytes = bytes;
        self
    }

    /// The most groups there can be, the tail included.
    #[must_use]
    pub fn layers(&self) -> usize {
        self.alone + self.heavy_buckets + self.small_buckets + 1
    }

    /// How many heavy wheels have a group of their own.
    #[must_use]
    pub fn alone(&self) -> usize {
        self.alone
    }

    /// How many buckets heavy wheels past the budget fall into; with none they fall among the small ones.
    #[must_use]
    pub fn heavy_buckets(&self) -> usize {
        self.heavy_buckets
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
}
