//! Foreign: an op of another client's definition that the types of this crate cannot express.
//!
//! It is kept byte for byte, so that reading a definition and writing it again loses nothing.

use buildkit_proto::pb;

use crate::output::Output;

/// An op read from a definition that the types of this crate cannot express: made by a newer BuildKit, or not in
/// canonical bytes. It can be used as an input and is written as it was read.
///
/// ```
/// use buildkit_llb::{Digest, Graph, Op};
/// use buildkit_proto::{Message as _, pb};
///
/// // Go's client writes an empty `constraints`; these bytes have none, and keep none.
/// let source = pb::SourceOp { identifier: "docker-image://docker.io/library/debian:bookworm-slim".to_owned(), attrs: vec![] };
/// let op = pb::Op { op: Some(pb::op::Op::Source(source)), ..pb::Op::default() }.encode_to_vec();
/// let input = pb::Input { digest: Digest::from_content(&op).to_string(), index: 0 };
/// let last = pb::Op { inputs: vec![input], ..pb::Op::default() }.encode_to_vec();
/// let graph = Graph::from_definition(&pb::Definition { def: vec![op, last], ..pb::Definition::default() })?;
/// let root = graph.root().expect("not scratch");
/// assert!(matches!(graph.op(root.op()), Some(Op::Foreign(foreign)) if foreign.wire_kind() == "source"));
/// # Ok::<(), buildkit_llb::DecodeError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    pub(crate) message: pb::Op,
    pub(crate) bytes: Vec<u8>,
    pub(crate) inputs: Vec<Output>,
}

// The wire messages hold no floats.
impl Eq for Foreign {}

impl Foreign {
    /// The op, as far as this crate's messages know the fields.
    #[must_use]
    pub fn message(&self) -> &pb::Op {
        &self.message
    }

    /// The kind's name on the wire; `unknown` for one this crate has no message for.
    #[must_use]
    pub fn wire_kind(&self) -> &'static str {
        match &self.message.op {
            None => "unknown",
            Some(pb::op::Op::Exec(_)) => "exec",
            Some(pb::op::Op::Source(_)) => "source",
            Some(pb::op::Op::File(_)) => "file",
            Some(pb::op::Op::Build(_)) => "build",
            Some(pb::op::Op::Merge(_)) => "merge",
            Some(pb::op::Op::Diff(_)) => "diff",
            Some(pb::op::Op::Passthrough(_)) => "passthrough",
        }
    }

    pub(crate) fn output_count(&self) -> u32 {
        let last = |outputs: &mut dyn Iterator<Item = i64>| {
            u32::try_from(outputs.max().map_or(0, |last| last.saturating_add(1))).unwrap_or(0)
        };
        match &self.message.op {
            Some(pb::op::Op::Exec(exec)) => last(&mut exec.mounts.iter().map(|mount| mount.output)),
            Some(pb::op::Op::File(file)) => last(&mut file.actions.iter().map(|action| action.output)),
            Some(pb::op::Op::Passthrough(op)) => u32::try_from(op.outputs.len()).unwrap_or(u32::MAX),
            // How many outputs an unknown kind has is unknown.
            None => u32::MAX,
            Some(pb::op::Op::Source(_) | pb::op::Op::Build(_) | pb::op::Op::Merge(_) | pb::op::Op::Diff(_)) => 1,
        }
    }
}
