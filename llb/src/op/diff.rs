//! Diff: what turns one filesystem into another.

use buildkit_proto::pb;

use crate::output::Output;

/// What turns `lower` into `upper` (`DiffOp`); at least one of them is there. Needs the capability `diffop`.
///
/// ```
/// use buildkit_llb::{Diff, File, GraphBuilder, MkFile, Platform, Source};
///
/// let mut graph = GraphBuilder::new();
/// let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", Platform::linux("amd64")));
/// let changed = graph.file(File::on(base).mkfile(MkFile::new("/etc/motd", 0o644, "hello")));
/// let change = graph.diff(Diff::new(base, changed));
/// assert!(graph.finish(Some(change)).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diff {
    pub(crate) lower: Option<Output>,
    pub(crate) upper: Option<Output>,
    pub(crate) filters: Vec<String>,
}

impl Diff {
    /// The changes from `lower` to `upper`; `None` is an empty filesystem.
    #[must_use]
    pub fn new(lower: impl Into<Option<Output>>, upper: impl Into<Option<Output>>) -> Self {
        Self { lower: lower.into(), upper: upper.into(), filters: Vec::new() }
    }

    /// Only workers that match this containerd filter; part of the digest.
    #[must_use]
    pub fn with_worker_filter(mut self, filter: impl Into<String>) -> Self {
        self.filters.push(filter.into());
        self
    }

    pub(crate) fn inputs(&self) -> Vec<Output> {
        // Not de-duplicated: the wire wants exactly the non-scratch sides, lower first.
        self.lower.into_iter().chain(self.upper).collect()
    }

    pub(crate) fn to_pb(&self) -> pb::DiffOp {
        let lower = if self.lower.is_some() { 0 } else { -1 };
        let upper = if self.upper.is_some() { i64::from(self.lower.is_some()) } else { -1 };
        pb::DiffOp {
            lower: Some(pb::LowerDiffInput { input: lower }),
            upper: Some(pb::UpperDiffInput { input: upper }),
        }
    }
}
