//! Messages of the ops that combine filesystems: merge, diff and passthrough.

/// An input of a [`MergeOp`].
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // The first input is an empty message, but still an element of the list.
/// let merge = pb::MergeOp { inputs: (0..3).map(|input| pb::MergeInput { input }).collect() };
/// assert_eq!(merge.encode_to_vec(), [0x0a, 0, 0x0a, 2, 0x08, 1, 0x0a, 2, 0x08, 2]);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct MergeInput {
    /// Index into the op's inputs.
    #[prost(int64, tag = "1")]
    pub input: i64,
}

/// Merges filesystems; later ones take precedence.
///
/// ```
/// use buildkit_proto::{Digest, canonical, pb};
///
/// // The order determines which file wins, so the digest depends on it.
/// let digest = |order: [i64; 2]| {
///     let merge = pb::MergeOp { inputs: order.map(|input| pb::MergeInput { input }).to_vec() };
///     Digest::from_content(&canonical::op(&pb::Op { op: Some(pb::op::Op::Merge(merge)), ..Default::default() }))
/// };
/// assert_ne!(digest([0, 1]), digest([1, 0]));
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct MergeOp {
    /// Lowest first.
    #[prost(message, repeated, tag = "1")]
    pub inputs: Vec<MergeInput>,
}

/// The lower side of a [`DiffOp`].
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // If the lower side is scratch, everything in the upper side is a difference.
/// let scratch = pb::LowerDiffInput { input: -1 };
/// assert_eq!(scratch.encode_to_vec(), b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct LowerDiffInput {
    /// Index into the op's inputs, −1 for scratch.
    #[prost(int64, tag = "1")]
    pub input: i64,
}

/// The upper side of a [`DiffOp`].
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Scratch is not an input, so this side is the op's first input.
/// let (lower, upper) = (pb::LowerDiffInput { input: -1 }, pb::UpperDiffInput { input: 0 });
/// let diff = pb::DiffOp { lower: Some(lower), upper: Some(upper) };
/// assert!(diff.encode_to_vec().ends_with(&[0xff, 0x01, 0x12, 0]), "a side without a byte is there all the same");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct UpperDiffInput {
    /// Index into the op's inputs, −1 for scratch.
    #[prost(int64, tag = "1")]
    pub input: i64,
}

/// The difference between a lower and an upper filesystem.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // The daemon rejects a diff without both sides; input 0 is encoded as an empty message, but counts as a side.
/// let (lower, upper) = (pb::LowerDiffInput { input: 0 }, pb::UpperDiffInput { input: 1 });
/// let diff = pb::DiffOp { lower: Some(lower), upper: Some(upper) };
/// assert_eq!(diff.encode_to_vec(), [0x0a, 0, 0x12, 2, 0x08, 1]);
/// assert_eq!(pb::DiffOp::decode([0x12, 2, 0x08, 1].as_slice()).map(|diff| diff.lower), Ok(None));
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct DiffOp {
    /// Always present.
    #[prost(message, optional, tag = "1")]
    pub lower: Option<LowerDiffInput>,
    /// Always present.
    #[prost(message, optional, tag = "2")]
    pub upper: Option<UpperDiffInput>,
}

/// Adds ordering edges between ops without mounting anything.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Only the image is passed on, but not before its tests have run.
/// let tested = pb::PassthroughOp { id: "tested".to_owned(), outputs: vec![0] };
/// assert_eq!(tested.encode_to_vec(), b"\x0a\x06tested\x12\x01\x00");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct PassthroughOp {
    /// Must be set.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Indices of the inputs to pass on.
    #[prost(int64, repeated, tag = "2")]
    pub outputs: Vec<i64>,
}
