//! Cache mounts: directories that the daemon keeps between builds.

use super::ContentCache;
use crate::output::Output;

/// A directory kept between builds; never part of the result.
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, MkDir, Mount, Sharing};
///
/// let mut graph = GraphBuilder::new();
/// let seed = graph.file(File::scratch().mkdir(MkDir::new("/registry", 0o755)));
/// let cache = Mount::cache("/usr/local/cargo/registry", "cargo", Sharing::Shared).seeded_with(seed).with_selector("registry");
/// assert_eq!((cache.id(), cache.seed()), ("cargo", Some(seed)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheMount {
    pub(super) dest: String,
    pub(super) id: String,
    pub(super) sharing: Sharing,
    pub(crate) seed: Option<Output>,
    pub(super) selector: String,
    pub(super) read_only: bool,
    pub(crate) content_cache: ContentCache,
}

/// What concurrent users of a cache mount get (`CacheSharingOpt`).
///
/// ```
/// use buildkit_llb::{Mount, Sharing};
///
/// // apt writes a lock file into its cache, so two of them must not have it at once.
/// let cache = Mount::cache("/var/cache/apt", "apt", Sharing::Locked);
/// assert_eq!(cache.sharing(), Sharing::Locked);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// The same directory at the same time.
    Shared,
    /// A directory each.
    Private,
    /// The same directory, one after the other.
    Locked,
}

impl CacheMount {
    pub(super) fn new(dest: String, id: String, sharing: Sharing) -> Self {
        let (selector, content_cache) = (String::new(), ContentCache::Default);
        Self { dest, id, sharing, seed: None, selector, read_only: false, content_cache }
    }

    /// What a new directory starts from. The directory is then kept by id and by this content.
    #[must_use]
    pub fn seeded_with(mut self, seed: Output) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Only a path below the directory.
    #[must_use]
    pub fn with_selector(mut self, path: impl Into<String>) -> Self {
        self.selector = path.into();
        self
    }

    /// The process may only read.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Whether the seed's content is part of the cache key; without a seed there is no content to look at.
    #[must_use]
    pub fn with_content_cache(mut self, content_cache: ContentCache) -> Self {
        self.content_cache = content_cache;
        self
    }

    /// Where it is mounted.
    #[must_use]
    pub fn dest(&self) -> &str {
        &self.dest
    }

    /// The name of the directory.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What concurrent users get.
    #[must_use]
    pub fn sharing(&self) -> Sharing {
        self.sharing
    }

    /// What a new directory starts from; `None` is empty.
    #[must_use]
    pub fn seed(&self) -> Option<Output> {
        self.seed
    }

    /// The path below the directory; empty is the whole.
    #[must_use]
    pub fn selector(&self) -> &str {
        &self.selector
    }

    /// Whether the process may only read.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }
}
