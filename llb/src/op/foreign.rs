//! Foreign: an op of somebody else's definition that the types of this crate cannot say.
//!
//! It is kept byte for byte, so that reading a definition and writing it again loses nothing.

use buildkit_proto::pb;

use crate::graph::Output;

/// An op read from a definition that this crate cannot say in its own types: made by a newer BuildKit, or not in
/// canonical bytes. It can be used as an input and is written as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    pub(crate) message: pb::Op,
    pub(crate) bytes: Vec<u8>,
    pub(crate) inputs: Vec<Output>,
}

// The wire messages hold no floats.
impl Eq for Foreign {}

impl Foreign {
    /// What the op says, as far as this crate's messages know the fields.
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
            // Nobody knows how many outputs an unknown kind has.
            None => u32::MAX,
            Some(pb::op::Op::Source(_) | pb::op::Op::Build(_) | pb::op::Op::Merge(_) | pb::op::Op::Diff(_)) => 1,
        }
    }
}
