//! The canonical bytes of an op, whose digest the daemon computes too.
//!
//! Since v0.18 the daemon serializes every op again with Go's deterministic marshaller and names it by the digest of the result
//! (`moby/buildkit: solver/llbsolver/vertex.go`). Other bytes build too, but the metadata of the op (its places in the user's
//! files, warnings) is then stored under a digest that is never looked up.

use prost::Message as _;

use crate::pb;

/// Encodes an op like Go: fields in ascending order, but the members of a oneof after all others
/// (`google.golang.org/protobuf: internal/impl/codec_message.go`). prost orders them by their number.
///
/// ```
/// use buildkit_proto::{Message as _, canonical, pb};
///
/// let constraints = Some(pb::WorkerConstraints::default());
/// let op = Some(pb::op::Op::Merge(pb::MergeOp::default()));
/// let op = pb::Op { op, constraints, ..Default::default() };
/// assert_eq!(canonical::op(&op), [0x5a, 0, 0x32, 0], "constraints are field 11, a merge is field 6");
/// assert_eq!(op.encode_to_vec(), [0x32, 0, 0x5a, 0], "the same op, but a digest that no daemon knows");
/// ```
#[must_use]
pub fn op(op: &pb::Op) -> Vec<u8> {
    let pb::Op { inputs, op, platform, constraints } = op.clone();
    let fields = pb::Op { inputs, op: None, platform, constraints };
    let oneof = pb::Op { op, ..pb::Op::default() };
    let mut bytes = Vec::with_capacity(fields.encoded_len() + oneof.encoded_len());
    fields.encode_raw(&mut bytes);
    oneof.encode_raw(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oneof_is_last() {
        let op = pb::Op {
            op: Some(pb::op::Op::Merge(pb::MergeOp::default())),
            constraints: Some(pb::WorkerConstraints::default()),
            ..pb::Op::default()
        };
        assert_eq!(super::op(&op), [0x5a, 0, 0x32, 0], "constraints (11) before merge (6)");
        assert_eq!(pb::Op::decode(super::op(&op).as_slice()), Ok(op));
    }
}
