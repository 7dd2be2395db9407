//! The builder of a graph: takes ops, answers with their outputs, and has the whole verified at the end.

mod by_digest;

use std::collections::BTreeMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use buildkit_proto::Digest;

use self::by_digest::ByDigest;
use crate::encode;
use crate::graph::{Graph, Node, find, ids};
use crate::note::{Note, SourceFile};
use crate::op::Op;
use crate::op::build::Build;
use crate::op::diff::Diff;
use crate::op::exec::Exec;
use crate::op::file::FilteredFile;
use crate::op::merge::Merge;
use crate::op::passthrough::Passthrough;
use crate::op::source::Source;
use crate::output::{ExecOutputs, OpId, Output};
use crate::verify::verify;
use crate::violation::{Rule, Violations};

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
    /// What was found to be wrong when it was added.
    foreign: Vec<(OpId, Rule)>,
    /// Scratch buffer in which ops are encoded, reused from op to op.
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
        let dests: Vec<String> = exec.output_mounts().map(|mount| mount.dest().to_owned()).collect();
        let op = self.insert(Op::Exec(Box::new(exec)));
        ExecOutputs::new(op, dests)
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

    /// Lays any number of filesystems over each other, as Go's `llb.Merge` does: empty ones are left out, and a single one is
    /// returned as it is.
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

    /// Passes inputs on and waits for others; the outputs are those passed on, in their order.
    pub fn passthrough(&mut self, passthrough: Passthrough) -> Vec<Output> {
        let count = u32::try_from(passthrough.handed_on().count()).unwrap_or(u32::MAX);
        let op = self.insert(Op::Passthrough(passthrough));
        (0..count).map(|index| Output { op, index }).collect()
    }

    /// Takes the difference of two filesystems.
    pub fn diff(&mut self, diff: Diff) -> Output {
        self.single(Op::Diff(diff))
    }

    /// Adds what is known about an op beyond its bytes. Notes of one op add up. A note of an op of another builder is
    /// reported by [`finish`](Self::finish).
    pub fn annotate(&mut self, op: OpId, note: Note) {
        match self.node(op) {
            Some(_) => self.notes.entry(op).or_default().merge(note),
            None => self.foreign.push((op, Rule::ForeignNote)),
        }
    }

    /// Adds a file that notes' locations refer to; returns its index.
    pub fn add_file(&mut self, file: SourceFile) -> u32 {
        if let Some(position) = self.files.iter().position(|known| *known == file) {
            return position as u32;
        }
        self.files.push(file);
        self.files.len() as u32 - 1
    }

    /// As `add_file` for a file of a definition, which may list one twice and refers to it by number.
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
        let graph = Graph { nodes: nodes.into(), notes: notes.into(), files: files.into(), root };
        let mut broken = foreign;
        broken.extend(verify(&graph));
        Violations::new(broken, &graph).map_or(Ok(graph), Err)
    }

    fn single(&mut self, op: Op) -> Output {
        Output { op: self.insert(op), index: 0 }
    }

    /// Appends the bytes an op with these inputs has in this graph.
    fn encode(&self, op: &Op, inputs: &[Output], bytes: &mut Vec<u8>) {
        let digest_of = |input: Output| self.digest(input.op).unwrap_or_else(|| Digest::from_content(b""));
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

    fn node(&self, id: OpId) -> Option<&Node> {
        find(&self.nodes, id)
    }

    pub(crate) fn op(&self, id: OpId) -> Option<&Op> {
        self.node(id).map(|node| &node.op)
    }

    pub(crate) fn digest(&self, id: OpId) -> Option<Digest> {
        self.node(id).map(|node| node.digest)
    }

    pub(crate) fn note(&self, id: OpId) -> Option<&Note> {
        self.notes.get(&id)
    }

    /// Whether the daemon sets an exec's default `PATH`; that is in no byte of the op.
    pub(crate) fn set_default_path(&mut self, id: OpId, value: bool) {
        if let Some(Op::Exec(exec)) = self.nodes.get_mut(id.index()).map(|node| &mut node.op) {
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
        let digest = Digest::from_content(bytes);
        let id = OpId::new(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX), digest);
        // An output of another builder may point anywhere; it is reported and encoded as an input that cannot exist.
        let foreign = inputs.iter().filter(|input| self.node(input.op).is_none()).count();
        self.foreign.extend(std::iter::repeat_n((id, Rule::DanglingInput), foreign));
        match self.by_digest.entry(digest) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                op.shrink();
                self.nodes.push(Node { op, inputs, bytes: bytes.into(), digest: *new.key() });
                *new.insert(id)
            }
        }
    }
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
}
