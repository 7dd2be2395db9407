//! What can be different about two graphs, as data.

use buildkit_proto::Digest;

/// An op of one of the two graphs.
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, MkFile, Difference};
///
/// let build = |text: &str| {
///     let mut graph = GraphBuilder::new();
///     let file = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, text)));
///     graph.finish(Some(file))
/// };
/// let comparison = build("one")?.compare(&build("two")?);
/// let Some(Difference::Changed { before, after, own, .. }) = comparison.differences().first() else { panic!("it changed") };
/// assert!(before.digest != after.digest && before.name.is_none() && own.len() == 1);
/// # Ok::<(), buildkit_llb::Violations>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vertex {
    /// Its identity.
    pub digest: Digest,
    /// What it is called, if anything.
    pub name: Option<String>,
}

/// One vertex that is not the same in both graphs.
///
/// ```
/// use buildkit_llb::{Difference, File, GraphBuilder, MkFile};
///
/// let mut graph = GraphBuilder::new();
/// let file = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "a")));
/// let comparison = GraphBuilder::new().finish(None)?.compare(&graph.finish(Some(file))?);
/// assert!(matches!(comparison.differences(), [Difference::Added { kind: "file", .. }]));
/// # Ok::<(), buildkit_llb::Violations>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// In both, but different. At least one of the lists is not empty; without `own` it changed because of its inputs only.
    Changed {
        /// The kind of op.
        kind: &'static str,
        /// In the graph before.
        before: Vertex,
        /// In the graph after. The digest is the same where only the op's note changed.
        after: Vertex,
        /// Its own fields.
        own: Vec<FieldChange>,
        /// What it reads.
        inputs: Vec<InputChange>,
    },
    /// In the graph after only.
    Added {
        /// The kind of op.
        kind: &'static str,
        /// The vertex.
        vertex: Vertex,
    },
    /// In the graph before only.
    Removed {
        /// The kind of op.
        kind: &'static str,
        /// The vertex.
        vertex: Vertex,
    },
}

/// A field of an op with another value.
///
/// ```
/// use buildkit_llb::{Difference, GraphBuilder, HttpSource};
///
/// let build = |url: &str| {
///     let mut graph = GraphBuilder::new();
///     let file = graph.source(HttpSource::new(url));
///     graph.finish(Some(file))
/// };
/// let comparison = build("https://example.com/1")?.compare(&build("https://example.com/2")?);
/// let Some(Difference::Changed { own, .. }) = comparison.differences().first() else { panic!("it changed") };
/// assert_eq!((own[0].field.as_str(), own[0].after.as_deref()), ("identifier", Some("https://example.com/2")));
/// # Ok::<(), buildkit_llb::Violations>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldChange {
    /// What it is called: `args`, `env NAME`, `mount /path`, `identifier`, `attr NAME`, `step` of a file op, …
    /// `encoding` means bytes that differ in nothing a field shows, such as the order of variables.
    pub field: String,
    /// `None` where the field was not there. Proxies may hold a password and are not shown.
    pub before: Option<String>,
    /// `None` if it was removed.
    pub after: Option<String>,
}

/// An input that is not the same.
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, MkFile};
///
/// let mut graph = GraphBuilder::new();
/// let file = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "a")));
/// let comparison = GraphBuilder::new().finish(None)?.compare(&graph.finish(Some(file))?);
/// let root = comparison.root().expect("another result");
/// assert_eq!((root.role.as_str(), root.before.is_none(), root.is_same_vertex), ("root", true, false));
/// # Ok::<(), buildkit_llb::Violations>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InputChange {
    /// What the op reads it for: `mount /path`, `base`, `layer`, …; `root` is the result of the graph.
    pub role: String,
    /// Whether it is the same vertex, which itself changed.
    pub is_same_vertex: bool,
    /// What was read, and which of its outputs; `None` is nothing or an empty filesystem.
    pub before: Option<(Vertex, u32)>,
    /// What is read.
    pub after: Option<(Vertex, u32)>,
}
