//! Decoding: a definition, made by any client, to a verified graph.
//!
//! Every op keeps its bytes. One that a type of this crate encodes to the same bytes becomes that type, any other
//! stays [`Foreign`]. Bytes from outside are never trusted: nothing here panics, recurses along the graph or loops.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use buildkit_proto::caps::llb as cap;
use buildkit_proto::{Digest, Message as _, map, pb};
use oci_names::Platform;

use crate::builder::GraphBuilder;
use crate::graph::Graph;
use crate::note::{Location, Note, SourceFile};
use crate::op::Op;
use crate::op::build::Build;
use crate::op::diff::Diff;
use crate::op::exec::Exec;
use crate::op::file::File;
use crate::op::foreign::Foreign;
use crate::op::merge::Merge;
use crate::op::passthrough::Passthrough;
use crate::op::source::Source;
use crate::output::{OpId, Output};
use crate::required::declared_caps;
use crate::violation::Violations;

/// Why bytes are not the definition of a valid graph.
///
/// ```
/// use buildkit_llb::{DecodeError, Graph};
///
/// let error = Graph::from_bytes(&[0xff]).expect_err("no protobuf message");
/// assert!(matches!(error, DecodeError::Definition(_)));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not a `Definition` message.
    Definition(String),
    /// An entry is not an `Op` message.
    Op {
        /// Which entry of the definition, from 0.
        entry: usize,
        /// The message of the decoder.
        problem: String,
    },
    /// The last entry, which names the result, has no input.
    NoResult,
    /// An op reads one that is not in the definition.
    MissingInput {
        /// The op that reads.
        op: Digest,
        /// The digest it reads, as it is written.
        input: String,
    },
    /// An op reads an output with a number no output can have.
    InputIndex {
        /// The op that reads.
        op: Digest,
        /// The number.
        index: i64,
    },
    /// Ops read each other in a circle.
    Circle(Digest),
    /// A place in a file that the definition does not bring along, or before its beginning.
    Location {
        /// The op that comes from there.
        op: String,
    },
    /// The daemon would refuse the graph.
    Unsound(Violations),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Definition(problem) => write!(f, "not an LLB definition: {problem}"),
            Self::Op { entry, problem } => write!(f, "entry {entry} of the definition is not an op: {problem}"),
            Self::NoResult => write!(f, "the last op of the definition names no result"),
            Self::MissingInput { op, input } => write!(f, "op {op} reads {input:?}, which is not in the definition"),
            Self::InputIndex { op, index } => write!(f, "op {op} reads output {index}, which no op can have"),
            Self::Circle(op) => write!(f, "op {op} depends on itself"),
            Self::Location { op } => write!(f, "the definition says op {op} comes from a place that does not exist"),
            Self::Unsound(violations) => write!(f, "the graph is not valid: {violations}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// An entry of the definition on its way into the graph.
struct Entry<'a> {
    bytes: &'a [u8],
    message: pb::Op,
    /// Its position in the graph, once all it reads is there.
    id: Option<OpId>,
    entered: bool,
}

impl Graph {
    /// Reads an encoded definition, such as `buildctl` takes and `docker buildx … --call` gives.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let definition = pb::Definition::decode(bytes).map_err(|error| DecodeError::Definition(error.to_string()))?;
        Self::from_definition(&definition)
    }

    /// Reads a definition, made by any client. Ops that the result does not need are left out; one without ops is an
    /// empty filesystem.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn from_definition(definition: &pb::Definition) -> Result<Self, DecodeError> {
        let Some((last, ops)) = definition.def.split_last() else {
            return finish(GraphBuilder::new(), None);
        };
        let mut entries = BTreeMap::new();
        for (entry, bytes) in ops.iter().enumerate() {
            let message = decode_op(entry, bytes)?;
            entries.insert(Digest::from_content(bytes), Entry { bytes, message, id: None, entered: false });
        }
        let terminal = decode_op(ops.len(), last)?;
        let result = terminal.inputs.first().ok_or(DecodeError::NoResult)?;
        let root = reference(Digest::from_content(last), result)?;
        let mut graph = GraphBuilder::new();
        insert_all(&mut graph, &mut entries, (Digest::from_content(last), root.0))?;
        let root = entries.get(&root.0).and_then(|entry| entry.id).map(|op| Output { op, index: root.1 });
        annotate(&mut graph, &entries, definition)?;
        finish(graph, root)
    }
}

fn finish(graph: GraphBuilder, root: Option<Output>) -> Result<Graph, DecodeError> {
    graph.finish(root).map_err(DecodeError::Unsound)
}

fn decode_op(entry: usize, bytes: &[u8]) -> Result<pb::Op, DecodeError> {
    pb::Op::decode(bytes).map_err(|error| DecodeError::Op { entry, problem: error.to_string() })
}

fn reference(op: Digest, input: &pb::Input) -> Result<(Digest, u32), DecodeError> {
    let digest = input.digest.parse().map_err(|_| DecodeError::MissingInput { op, input: input.digest.clone() })?;
    let index = u32::try_from(input.index).map_err(|_| DecodeError::InputIndex { op, index: input.index })?;
    Ok((digest, index))
}

/// Inserts what `wanted` needs, inputs first. `wanted` is who asks and what for.
fn insert_all(
    graph: &mut GraphBuilder,
    entries: &mut BTreeMap<Digest, Entry<'_>>,
    wanted: (Digest, Digest),
) -> Result<(), DecodeError> {
    // A stack instead of recursion: chains may be long. An op is on it twice, to be entered and to be left.
    let mut stack = vec![(wanted.0, wanted.1, false)];
    while let Some((by, digest, leave)) = stack.pop() {
        let missing = || DecodeError::MissingInput { op: by, input: digest.to_string() };
        let entry = entries.get_mut(&digest).ok_or_else(missing)?;
        if leave {
            let mut inputs = Vec::new();
            // It is not needed again: an op is left once.
            let (bytes, message) = (entry.bytes, std::mem::take(&mut entry.message));
            for input in &message.inputs {
                let (of, index) = reference(digest, input)?;
                let id = entries.get(&of).and_then(|entry| entry.id).ok_or(DecodeError::Circle(digest))?;
                inputs.push(Output { op: id, index });
            }
            let id = graph.insert_decoded(bytes, message, inputs);
            if let Some(entry) = entries.get_mut(&digest) {
                entry.id = Some(id);
            }
        } else if !entry.entered {
            entry.entered = true;
            stack.push((by, digest, true));
            for input in entry.message.inputs.iter().rev() {
                stack.push((digest, reference(digest, input)?.0, false));
            }
        }
    }
    Ok(())
}

impl GraphBuilder {
    /// Inserts an op with its bytes, typed if a type encodes to the same bytes.
    fn insert_decoded(&mut self, bytes: &[u8], message: pb::Op, inputs: Vec<Output>) -> OpId {
        match typed(&message, &inputs) {
            Some(op) if self.is_encoded(&op, &inputs, bytes) => self.insert_encoded(op, inputs, bytes),
            _ => self.insert(Op::Foreign(Box::new(Foreign { message, bytes: bytes.to_vec(), inputs }))),
        }
    }
}

/// The op as one of this crate's types, if it can be; the caller compares what that encodes to.
fn typed(message: &pb::Op, inputs: &[Output]) -> Option<Op> {
    let filters = message.constraints.as_ref().map(|constraints| constraints.filter.clone()).unwrap_or_default();
    let platform = message.platform.clone().map(Platform::from);
    Some(match message.op.as_ref()? {
        pb::op::Op::Source(source) => Op::Source(Source::from_pb(source, platform, filters)),
        pb::op::Op::Exec(exec) => Op::Exec(Box::new(Exec::from_pb(exec, inputs, platform?, filters)?)),
        pb::op::Op::File(file) => Op::File(File::from_pb(file, inputs, filters)?),
        pb::op::Op::Build(build) => Op::Build(Build::from_pb(build, *inputs.first()?, platform?, filters)),
        pb::op::Op::Passthrough(op) => Op::Passthrough(Passthrough::from_pb(op, inputs, filters)),
        pb::op::Op::Merge(_) => {
            let [lowest, next, rest @ ..] = inputs else { return None };
            let merge = rest.iter().fold(Merge::new(*lowest, *next), |merge, input| merge.with(*input));
            Op::Merge(filters.into_iter().fold(merge, Merge::with_worker_filter))
        }
        pb::op::Op::Diff(diff) => {
            let side = |index: i64| usize::try_from(index).ok().and_then(|index| inputs.get(index)).copied();
            let diff = Diff::new(side(diff.lower.as_ref()?.input), side(diff.upper.as_ref()?.input));
            Op::Diff(filters.into_iter().fold(diff, Diff::with_worker_filter))
        }
    })
}

/// Metadata and places of the ops that are in the graph.
fn annotate(
    graph: &mut GraphBuilder,
    entries: &BTreeMap<Digest, Entry<'_>>,
    definition: &pb::Definition,
) -> Result<(), DecodeError> {
    let find = |digest: &str| digest.parse().ok().and_then(|digest: Digest| entries.get(&digest)?.id);
    for (digest, metadata) in map::from_metadata(&definition.metadata) {
        let Some(id) = find(&digest) else { continue };
        let caps: BTreeSet<String> = map::from_bools(&metadata.caps).into_keys().collect();
        graph.set_default_path(id, caps.contains(cap::EXEC_META_SETSDEFAULTPATH));
        let mut note = Note::from_pb(&metadata);
        if let Some(op) = graph.op(id) {
            let own = declared_caps(op, &note);
            note.requires = caps.into_iter().filter(|cap| !own.contains(cap.as_str())).collect();
        }
        graph.annotate(id, note);
    }
    let Some(source) = &definition.source else { return Ok(()) };
    for info in &source.infos {
        let pb::SourceInfo { filename, data, definition, language } = info.clone();
        graph.push_file(SourceFile { filename, data, language, definition });
    }
    for (digest, locations) in map::from_locations(&source.locations) {
        let Some(id) = find(&digest) else { continue };
        let nowhere = || DecodeError::Location { op: digest.clone() };
        for location in &locations.locations {
            let file = u32::try_from(location.source_index).map_err(|_| nowhere())?;
            if source.infos.len() <= file as usize {
                return Err(nowhere());
            }
            for range in &location.ranges {
                let position = |position: &Option<pb::Position>| -> Result<(u32, u32), DecodeError> {
                    let pb::Position { line, character } = position.clone().unwrap_or_default();
                    let number = |number: i32| u32::try_from(number).map_err(|_| nowhere());
                    Ok((number(line)?, number(character)?))
                };
                let location = Location { file, start: position(&range.start)?, end: position(&range.end)? };
                graph.annotate(id, Note::default().at(location));
            }
        }
    }
    Ok(())
}
