//! Merge: filesystems laid over each other without copying.

use buildkit_proto::pb;

use crate::output::Output;

/// Filesystems laid over each other, later ones winning (`MergeOp`). Always two or more.
///
/// Needs the capability `mergeop`; [`GraphBuilder::merge_all`](crate::GraphBuilder::merge_all) takes any number.
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, Merge, MkFile};
///
/// let mut graph = GraphBuilder::new();
/// let lower = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "lower")));
/// let upper = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "upper")));
/// let merged = graph.merge(Merge::new(lower, upper));
/// assert!(graph.finish(Some(merged)).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merge {
    /// Order is meaning: the last one wins. Equal inputs stay, because the wire counts slots.
    inputs: Vec<Output>,
    pub(crate) filters: Vec<String>,
}

impl Merge {
    /// The two lowest; more with [`Merge::with`].
    #[must_use]
    pub fn new(lowest: Output, next: Output) -> Self {
        Self { inputs: vec![lowest, next], filters: Vec::new() }
    }

    /// One more on top.
    #[must_use]
    pub fn with(mut self, next: Output) -> Self {
        self.inputs.push(next);
        self
    }

    /// Only workers that match this containerd filter; part of the digest.
    #[must_use]
    pub fn with_worker_filter(mut self, filter: impl Into<String>) -> Self {
        self.filters.push(filter.into());
        self
    }

    /// The op with every input replaced.
    pub(crate) fn map_inputs(&self, map: impl Fn(Output) -> Output) -> Self {
        Self { inputs: self.inputs.iter().copied().map(map).collect(), filters: self.filters.clone() }
    }

    pub(crate) fn inputs(&self) -> Vec<Output> {
        self.inputs.clone()
    }

    pub(crate) fn to_pb(&self) -> pb::MergeOp {
        pb::MergeOp { inputs: (0..self.inputs.len()).map(|input| pb::MergeInput { input: input as i64 }).collect() }
    }
}
