//! The graph: an arena of ops that only refer backwards, interned by the digest of their bytes.
//!
//! Does not judge ops (the verifier does) and does not know the wire order of a definition (encode does).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buildkit_proto::Digest;

use crate::note::{Location, Note, SourceFile};
use crate::op::Op;
use crate::output::{OpId, Output};

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

    /// The places in the user's files that an op results from.
    pub fn locations(&self, id: OpId) -> impl Iterator<Item = Location> {
        self.notes.get(&id).into_iter().flat_map(|note| note.locations.iter().copied())
    }
}

/// The node of an id, if it is the op that the id was made for.
pub(crate) fn find(nodes: &[Node], id: OpId) -> Option<&Node> {
    nodes.get(id.index()).filter(|node| id.is_of(node.digest))
}

pub(crate) fn ids(nodes: &[Node]) -> impl Iterator<Item = (OpId, &Node)> {
    (0..).zip(nodes).map(|(position, node)| (OpId::new(position, node.digest), node))
}
