//! The graph: an arena of ops that only refer backwards, interned by the digest of their bytes.
//!
//! An id is a position and a part of the digest of the op there, so that an output of another builder is found out instead
//! of meaning whatever op has its position here. Ids hold nothing that differs from run to run, and stay valid in a clone and
//! in a reopened graph.
//!
//! Does not judge ops (the verifier does) and does not know the wire order of a definition (encode does).

mod builder;
mod by_digest;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use buildkit_proto::Digest;

pub use self::builder::GraphBuilder;
use crate::note::{Location, Note, SourceFile};
use crate::op::Op;
use crate::verify::verify;
use crate::violation::Violations;

/// An op of one graph. Not an identity: that is the op's digest.
///
/// A graph that has another op at that place, or none, does not know it.
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, MkFile};
///
/// let mut graph = GraphBuilder::new();
/// let file = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "a")));
/// let graph = graph.finish(Some(file))?;
/// assert!(graph.digest(file.op()).is_some(), "the position leads to the identity");
/// # Ok::<(), buildkit_llb::Violations>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpId {
    position: u32,
    /// The beginning of the op's digest: of two ops at one position of two builders, one in 2³² pairs has the same. Ops that
    /// are equal have the same, too, and mean the same.
    brand: [u8; 4],
}

impl OpId {
    fn new(position: u32, digest: Digest) -> Self {
        let [first, second, third, fourth, ..] = *digest.as_bytes();
        Self { position, brand: [first, second, third, fourth] }
    }

    /// Where the op is in the graph's list.
    pub(crate) fn index(self) -> usize {
        self.position as usize
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.position)
    }
}

/// An output of an op, which other ops of the same builder take as input.
///
/// Given to another builder it is a [`Violation`](crate::Violation), unless that has the same op at the same place:
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, MkFile, Rule};
///
/// let mut other = GraphBuilder::new();
/// let foreign = other.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "a")));
/// let mut graph = GraphBuilder::new();
/// graph.file(File::scratch().mkfile(MkFile::new("/b", 0o644, "b")));
/// let file = graph.file(File::on(foreign).mkfile(MkFile::new("/c", 0o644, "c")));
/// let violations = graph.finish(Some(file)).expect_err("an output of another builder");
/// assert_eq!(violations.as_slice()[0].rule, Rule::DanglingInput);
/// ```
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, MkFile};
///
/// let mut graph = GraphBuilder::new();
/// let file = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "a")));
/// let more = graph.file(File::on(file).mkfile(MkFile::new("/b", 0o644, "b")));
/// assert_ne!(file.op(), more.op());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Output {
    pub(crate) op: OpId,
    pub(crate) index: u32,
}

impl Output {
    /// The op that yields it.
    #[must_use]
    pub fn op(self) -> OpId {
        self.op
    }
}

/// The outputs of an exec: one per mount the process may change.
///
/// ```
/// use buildkit_llb::{Exec, GraphBuilder, Mount, Platform, Source};
///
/// let amd64 = Platform::linux("amd64");
/// let mut graph = GraphBuilder::new();
/// let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
/// let run = graph.exec(Exec::reading_root(["make"], base, amd64).with_mount(Mount::scratch_output("/out")));
/// assert_eq!(run.root(), None, "it cannot be written to");
/// assert!(graph.finish(run.at("/out")).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecOutputs {
    op: OpId,
    /// By destination; most execs have one or two.
    outputs: Vec<(String, Output)>,
}

impl ExecOutputs {
    /// The changed rootfs, if its changes are kept.
    #[must_use]
    pub fn root(&self) -> Option<Output> {
        self.at("/")
    }

    /// The changed content of the mount at `dest`, if its changes are kept.
    #[must_use]
    pub fn at(&self, dest: &str) -> Option<Output> {
        self.outputs.iter().find(|(known, _)| known == dest).map(|(_, output)| *output)
    }

    /// The exec itself.
    #[must_use]
    pub fn op(&self) -> OpId {
        self.op
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) op: Op,
    /// The inputs of the op, listed once because many passes follow them.
    pub(crate) inputs: Vec<Output>,
    pub(crate) bytes: Box<[u8]>,
    pub(crate) digest: Digest,
}

/// A verified graph with its root. Encoding it cannot fail.
///
/// ```
/// use buildkit_llb::{File, Graph, GraphBuilder, MkFile};
///
/// let mut graph = GraphBuilder::new();
/// let file = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "a")));
/// let definition = graph.finish(Some(file))?.to_definition();
///
/// // A graph of another client is read, extended and written again.
/// let (mut graph, root) = Graph::from_definition(&definition)?.reopen();
/// let more = graph.file(File::over(root).mkfile(MkFile::new("/b", 0o644, "b")));
/// assert_eq!(graph.finish(Some(more))?.reachable().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Graph {
    pub(crate) nodes: Arc<Vec<Node>>,
    pub(crate) notes: Arc<BTreeMap<OpId, Note>>,
    pub(crate) files: Arc<Vec<SourceFile>>,
    pub(crate) root: Option<Output>,
}

impl Graph {
    /// A builder that extends this graph, and the output to continue from.
    #[must_use]
    pub fn reopen(self) -> (GraphBuilder, Option<Output>) {
        let Self { nodes, notes, files, root } = self;
        let (nodes, notes) = (Arc::unwrap_or_clone(nodes), Arc::unwrap_or_clone(notes));
        let files = Arc::unwrap_or_clone(files);
        let by_digest = ids(&nodes).map(|(id, node)| (node.digest, id)).collect();
        let mut builder = GraphBuilder::new();
        (builder.nodes, builder.by_digest, builder.notes, builder.files) = (nodes, by_digest, notes, files);
        (builder, root)
    }

    /// The same ops with another root.
    ///
    /// ```
    /// use buildkit_llb::{File, GraphBuilder, MkFile};
    ///
    /// let mut graph = GraphBuilder::new();
    /// let file = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "a")));
    /// let more = graph.file(File::on(file).mkfile(MkFile::new("/b", 0o644, "b")));
    /// let whole = graph.finish(Some(more)).expect("sound");
    /// assert_eq!(whole.rooted_at(file).expect("sound").reachable().len(), 1);
    /// ```
    ///
    /// # Errors
    /// As of [`GraphBuilder::finish`].
    pub fn rooted_at(&self, root: Output) -> Result<Self, Violations> {
        let graph = Self { root: Some(root), ..self.clone() };
        Violations::new(verify(&graph), &graph).map_or(Ok(graph), Err)
    }

    /// The result of the graph; `None` is an empty filesystem.
    #[must_use]
    pub fn root(&self) -> Option<Output> {
        self.root
    }

    /// The ops the root needs, inputs first, each once, in the order of Go's client.
    #[must_use]
    pub fn reachable(&self) -> Vec<OpId> {
        let mut order = Vec::new();
        let mut seen = vec![false; self.nodes.len()];
        // A stack of (op, its inputs, how many of them are visited): recursion would overflow on deep chains.
        let mut stack: Vec<(OpId, Cow<'_, [Output]>, usize)> = Vec::new();
        let mut enter = |id: OpId, stack: &mut Vec<_>| {
            let index = id.index();
            if let Some(mark) = seen.get_mut(index).filter(|mark| !**mark) {
                *mark = true;
                if let Some(node) = self.nodes.get(index) {
                    stack.push((id, node.op.walk(&node.inputs), 0));
                }
            }
        };
        if let Some(root) = self.root {
            enter(root.op, &mut stack);
        }
        while let Some((id, inputs, visited)) = stack.last_mut() {
            match inputs.get(*visited).copied() {
                Some(input) => {
                    *visited += 1;
                    enter(input.op, &mut stack);
                }
                None => {
                    order.push(*id);
                    stack.pop();
                }
            }
        }
        order
    }

    pub(crate) fn node(&self, id: OpId) -> Option<&Node> {
        find(&self.nodes, id)
    }

    /// The ops with their ids, in the order in which they were added.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (OpId, &Node)> {
        ids(&self.nodes)
    }

    /// An op; `None` for an id of another graph.
    #[must_use]
    pub fn op(&self, id: OpId) -> Option<&Op> {
        self.node(id).map(|node| &node.op)
    }

    /// An op's digest; `None` for an id of another graph.
    #[must_use]
    pub fn digest(&self, id: OpId) -> Option<Digest> {
        self.node(id).map(|node| node.digest)
    }

    /// The outputs that the root or an op reads.
    pub(crate) fn used_outputs(&self) -> BTreeSet<Output> {
        self.nodes.iter().flat_map(|node| &node.inputs).copied().chain(self.root).collect()
    }

    /// What is known about an op beyond its bytes.
    #[must_use]
    pub fn note(&self, id: OpId) -> Option<&Note> {
        self.notes.get(&id)
    }

    /// The files that locations refer to.
    #[must_use]
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// The places in the user's files that asked for an op.
    pub fn locations(&self, id: OpId) -> impl Iterator<Item = Location> {
        self.notes.get(&id).into_iter().flat_map(|note| note.locations.iter().copied())
    }
}

/// The node of an id, if it is the op that the id was made for.
fn find(nodes: &[Node], id: OpId) -> Option<&Node> {
    nodes.get(id.index()).filter(|node| OpId::new(id.position, node.digest) == id)
}

fn ids(nodes: &[Node]) -> impl Iterator<Item = (OpId, &Node)> {
    (0..).zip(nodes).map(|(position, node)| (OpId::new(position, node.digest), node))
}
