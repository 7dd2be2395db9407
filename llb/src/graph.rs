//! The graph: an arena of ops that only refer backwards, interned by the digest of their bytes.
//!
//! Does not judge what an op says (the verifier does) and does not know the wire order of a definition (encode does).

mod by_digest;

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use buildkit_proto::Digest;

use self::by_digest::ByDigest;
use crate::encode;
use crate::note::{Location, Note, SourceFile};
use crate::op::Op;
use crate::op::build::Build;
use crate::op::diff::Diff;
use crate::op::exec::Exec;
use crate::op::file::FilteredFile;
use crate::op::merge::Merge;
use crate::op::mount::Mount;
use crate::op::passthrough::Passthrough;
use crate::op::source::Source;
use crate::verify::verify;
use crate::violation::{Rule, Violations};

/// A position in one graph. Not an identity: that is the op's digest.
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
pub struct OpId(pub(crate) u32);

/// An output of an op, which other ops take as input.
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
/// assert_eq!(run.root(), None, "nobody could write to it");
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
    /// Those of the op, listed once for all who follow them.
    pub(crate) inputs: Vec<Output>,
    pub(crate) bytes: Box<[u8]>,
    pub(crate) digest: Digest,
}

/// Builds a graph bottom-up.
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, MkFile};
///
/// let mut graph = GraphBuilder::new();
/// let one = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "a")));
/// let same = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "a")));
/// assert_eq!(one, same, "equal ops are one op");
/// assert!(graph.finish(Some(one)).is_ok());
/// ```
#[derive(Clone, Debug, Default)]
pub struct GraphBuilder {
    nodes: Vec<Node>,
    by_digest: ByDigest,
    notes: BTreeMap<OpId, Note>,
    files: Vec<SourceFile>,
    /// What was wrong already when it was added.
    foreign: Vec<(OpId, Rule)>,
    /// Where ops are encoded: most of the room that takes is needed for the next one again.
    encoded: Vec<u8>,
}

impl GraphBuilder {
    /// An empty graph.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds content from outside.
    pub fn source(&mut self, source: impl Into<Source>) -> Output {
        self.single(Op::Source(source.into()))
    }

    /// Adds a process.
    pub fn exec(&mut self, exec: Exec) -> ExecOutputs {
        let output = |(mount, index): (&Mount, u32)| (mount.dest().to_owned(), Output { op: OpId(0), index });
        let mut outputs: Vec<_> = exec.output_mounts().zip(0..).map(output).collect();
        let op = self.insert(Op::Exec(Box::new(exec)));
        outputs.iter_mut().for_each(|(_, output)| output.op = op);
        ExecOutputs { op, outputs }
    }

    /// Adds changes to files.
    pub fn file(&mut self, file: impl Into<FilteredFile>) -> Output {
        let FilteredFile(file) = file.into();
        self.single(Op::File(file))
    }

    /// Lays filesystems over each other.
    pub fn merge(&mut self, merge: Merge) -> Output {
        self.single(Op::Merge(merge))
    }

    /// Lays any number of filesystems over each other, as Go's `llb.Merge` does: empty ones are left out, and one alone is
    /// itself.
    pub fn merge_all(&mut self, layers: impl IntoIterator<Item = Option<Output>>) -> Option<Output> {
        let mut layers = layers.into_iter().flatten();
        let lowest = layers.next()?;
        let Some(next) = layers.next() else { return Some(lowest) };
        Some(self.merge(layers.fold(Merge::new(lowest, next), Merge::with)))
    }

    /// Runs a definition found in an input.
    pub fn build(&mut self, build: Build) -> Output {
        self.single(Op::Build(build))
    }

    /// Hands inputs on and waits for others; the outputs are those handed on, in their order.
    pub fn passthrough(&mut self, passthrough: Passthrough) -> Vec<Output> {
        let count = u32::try_from(passthrough.handed_on().count()).unwrap_or(u32::MAX);
        let op = self.insert(Op::Passthrough(passthrough));
        (0..count).map(|index| Output { op, index }).collect()
    }

    /// Takes the difference of two filesystems.
    pub fn diff(&mut self, diff: Diff) -> Output {
        self.single(Op::Diff(diff))
    }

    /// Adds what is known about an op beyond its bytes. Notes of one op add up.
    pub fn annotate(&mut self, op: OpId, note: Note) {
        self.notes.entry(op).or_default().merge(note);
    }

    /// Adds a file that notes' locations refer to; returns its index.
    pub fn add_file(&mut self, file: SourceFile) -> u32 {
        if let Some(position) = self.files.iter().position(|known| *known == file) {
            return position as u32;
        }
        self.files.push(file);
        self.files.len() as u32 - 1
    }

    /// The same for a file of a definition, which may list one twice and refers to it by number.
    pub(crate) fn push_file(&mut self, file: SourceFile) {
        self.files.push(file);
    }

    /// Verifies the graph below `root`; `None` is an empty filesystem.
    ///
    /// # Errors
    /// Everything the daemon would refuse, see [`Rule`].
    pub fn finish(self, root: Option<Output>) -> Result<Graph, Violations> {
        let Self { mut nodes, by_digest: _, notes, files, foreign, encoded: _ } = self;
        nodes.shrink_to_fit();
        let graph = Graph { nodes, notes, files, root };
        let mut broken = foreign;
        broken.extend(verify(&graph));
        Violations::new(broken, &graph).map_or(Ok(graph), Err)
    }

    fn single(&mut self, op: Op) -> Output {
        Output { op: self.insert(op), index: 0 }
    }

    /// Appends the bytes an op with these inputs has in this graph.
    fn encode(&self, op: &Op, inputs: &[Output], bytes: &mut Vec<u8>) {
        let digest_of = |input: Output| self.digest(input.op).unwrap_or_else(|| Digest::of(b""));
        encode::op(op, inputs, digest_of, bytes);
    }

    /// Whether an op with these inputs has these bytes in this graph.
    pub(crate) fn is_encoded(&mut self, op: &Op, inputs: &[Output], bytes: &[u8]) -> bool {
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        self.encode(op, inputs, &mut encoded);
        let is_encoded = encoded == bytes;
        self.encoded = encoded;
        is_encoded
    }

    pub(crate) fn op(&self, id: OpId) -> Option<&Op> {
        self.nodes.get(id.0 as usize).map(|node| &node.op)
    }

    pub(crate) fn digest(&self, id: OpId) -> Option<Digest> {
        self.nodes.get(id.0 as usize).map(|node| node.digest)
    }

    pub(crate) fn note(&self, id: OpId) -> Option<&Note> {
        self.notes.get(&id)
    }

    /// Whether the daemon is to set an exec's default `PATH`; no byte of the op says it.
    pub(crate) fn set_default_path(&mut self, id: OpId, value: bool) {
        if let Some(Op::Exec(exec)) = self.nodes.get_mut(id.0 as usize).map(|node| &mut node.op) {
            exec.default_path = value;
        }
    }

    pub(crate) fn insert(&mut self, op: Op) -> OpId {
        let inputs = op.inputs();
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        self.encode(&op, &inputs, &mut encoded);
        let id = self.insert_encoded(op, inputs, &encoded);
        self.encoded = encoded;
        id
    }

    /// Inserts an op whose inputs and bytes are known already.
    pub(crate) fn insert_encoded(&mut self, mut op: Op, inputs: Vec<Output>, bytes: &[u8]) -> OpId {
        let id = OpId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        // An output of another builder may point anywhere; it is reported and encoded as an input that cannot exist.
        for _ in inputs.iter().filter(|input| input.op >= id) {
            self.foreign.push((id, Rule::DanglingInput));
        }
        match self.by_digest.entry(Digest::of(bytes)) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                op.shrink();
                self.nodes.push(Node { op, inputs, bytes: bytes.into(), digest: *new.key() });
                *new.insert(id)
            }
        }
    }
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
/// // Somebody else's graph is read, gone on from, and written again.
/// let (mut graph, root) = Graph::from_definition(&definition)?.reopen();
/// let more = graph.file(File::over(root).mkfile(MkFile::new("/b", 0o644, "b")));
/// assert_eq!(graph.finish(Some(more))?.reachable().len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Graph {
    pub(crate) nodes: Vec<Node>,
    pub(crate) notes: BTreeMap<OpId, Note>,
    pub(crate) files: Vec<SourceFile>,
    pub(crate) root: Option<Output>,
}

impl Graph {
    /// A builder that goes on from this graph, and the output to go on from.
    #[must_use]
    pub fn reopen(self) -> (GraphBuilder, Option<Output>) {
        let Self { nodes, notes, files, root } = self;
        let by_digest = nodes.iter().zip(0..).map(|(node, id)| (node.digest, OpId(id))).collect();
        (GraphBuilder { nodes, by_digest, notes, files, foreign: Vec::new(), encoded: Vec::new() }, root)
    }

    /// What the graph yields; `None` is an empty filesystem.
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
            let index = id.0 as usize;
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

    /// An op; `None` for an id of another graph.
    #[must_use]
    pub fn op(&self, id: OpId) -> Option<&Op> {
        self.nodes.get(id.0 as usize).map(|node| &node.op)
    }

    /// An op's digest; `None` for an id of another graph.
    #[must_use]
    pub fn digest(&self, id: OpId) -> Option<Digest> {
        self.nodes.get(id.0 as usize).map(|node| node.digest)
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
