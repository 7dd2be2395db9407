//! Bind mounts: the content of an output, or an empty directory.

use crate::output::Output;

/// The content of an output, or an empty directory.
///
/// ```
/// use buildkit_llb::{GraphBuilder, LocalSource, Mount};
///
/// let mut graph = GraphBuilder::new();
/// let context = graph.source(LocalSource::new("context"));
/// let sources = Mount::read_only("/src", context).with_selector("app");
/// assert_eq!((sources.dest(), sources.selector(), sources.input()), ("/src", "app", Some(context)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindMount {
    pub(super) dest: String,
    pub(crate) input: Option<Output>,
    pub(super) selector: String,
    pub(crate) access: Access,
    pub(crate) content_cache: ContentCache,
}

/// What the process may do with a bind mount.
///
/// ```
/// use buildkit_llb::{Access, Exec, GraphBuilder, Mount, Platform, Source};
///
/// let mut graph = GraphBuilder::new();
/// let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", Platform::linux("amd64")));
/// let run = graph.exec(
///     Exec::new(["true"], base, Platform::linux("amd64"))
///         .with_mount(Mount::bind("/kept", None, Access::Output))
///         .with_mount(Mount::bind("/lost", None, Access::Discard)),
/// );
/// assert!(run.at("/kept").is_some() && run.at("/lost").is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read; the content is part of the cache key.
    ReadOnly,
    /// Write; the outcome is an output of the op.
    Output,
    /// Write; the outcome is thrown away. Needs the capability `exec.mount.bind.readwrite-nooutput`.
    Discard,
}

/// Whether the daemon looks into a mount's input for the cache key (`MountContentCache`). Anything but the default needs
/// the capability `exec.mount.cache.content`.
///
/// ```
/// use buildkit_llb::{ContentCache, Mount};
///
/// let out = Mount::scratch_output("/out").with_content_cache(ContentCache::Off);
/// assert_ne!(out, Mount::scratch_output("/out"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContentCache {
    /// BuildKit's choice: for inputs that the process cannot change.
    #[default]
    Default,
    /// Yes: equal content hits the cache, however it was made.
    On,
    /// No: only the same ops hit the cache.
    Off,
}

impl BindMount {
    pub(super) fn new(dest: String, input: Option<Output>, access: Access) -> Self {
        Self { dest, input, selector: String::new(), access, content_cache: ContentCache::Default }
    }

    /// Only a path below the input.
    #[must_use]
    pub fn with_selector(mut self, path: impl Into<String>) -> Self {
        self.selector = path.into();
        self
    }

    /// Whether the input's content is part of the cache key. An empty directory has no content to look at; the capability
    /// is then declared all the same, as Go's client does.
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

    /// What is mounted; `None` is an empty directory.
    #[must_use]
    pub fn input(&self) -> Option<Output> {
        self.input
    }

    /// The path below the input; empty is the whole.
    #[must_use]
    pub fn selector(&self) -> &str {
        &self.selector
    }

    /// What the process may do with it.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }
}
