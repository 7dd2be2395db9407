//! Diff: what turns one filesystem into another.

use buildkit_proto::pb;

use crate::graph::Output;

/// What turns `lower` into `upper` (`DiffOp`). The upper side exists: the difference to nothing is nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Diff {
    lower: Option<Output>,
    upper: Output,
}

impl Diff {
    /// The changes from `lower` (`None` is an empty filesystem) to `upper`.
    #[must_use]
    pub fn new(lower: Option<Output>, upper: Output) -> Self {
        Self { lower, upper }
    }

    pub(crate) fn inputs(&self) -> Vec<Output> {
        // Not de-duplicated: the wire wants exactly the non-scratch sides, lower first.
        self.lower.into_iter().chain([self.upper]).collect()
    }

    pub(crate) fn to_pb(self) -> pb::DiffOp {
        pb::DiffOp {
            lower: Some(pb::LowerDiffInput { input: if self.lower.is_some() { 0 } else { -1 } }),
            upper: Some(pb::UpperDiffInput { input: i64::from(self.lower.is_some()) }),
        }
    }
}
