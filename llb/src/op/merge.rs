//! Merge: filesystems laid over each other without copying.

use buildkit_proto::pb;

use crate::graph::Output;

/// Filesystems laid over each other, later ones winning (`MergeOp`). Always two or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    /// Order is meaning: the last one wins. Equal inputs stay, because the wire counts slots.
    inputs: Vec<Output>,
}

impl Merge {
    /// The two lowest; more with [`Merge::with`].
    #[must_use]
    pub fn new(lowest: Output, next: Output) -> Self {
        Self { inputs: vec![lowest, next] }
    }

    /// One more on top.
    #[must_use]
    pub fn with(mut self, next: Output) -> Self {
        self.inputs.push(next);
        self
    }

    pub(crate) fn inputs(&self) -> Vec<Output> {
        self.inputs.clone()
    }

    pub(crate) fn to_pb(&self) -> pb::MergeOp {
        pb::MergeOp { inputs: (0..self.inputs.len()).map(|input| pb::MergeInput { input: input as i64 }).collect() }
    }
}
