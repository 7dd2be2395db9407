//! Ops and their outputs as other ops refer to them.
//!
//! An id is a position and a part of the digest of the op there, so that an output of another builder is found out instead
//! of meaning whatever op has its position here. Ids hold nothing that differs from run to run, and stay valid in a clone and
//! in a reopened graph.

use std::fmt;

use buildkit_proto::Digest;

/// An op of one graph. Not an identity: that is the op's digest.
///
/// A graph that has another op at that place, or none, does not know it.
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, MkFile};
///
/// let mut graph = GraphBuilder::new();
/// let file = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "a")));
/// let graph = graph.finish(Some(file))?;
/// assert!(graph.digest(file.op()).is_some(), "the position leads to the identity");
/// # Ok::<(), buildkit_llb::Violations>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpId {
    position: u32,
    /// The beginning of the op's digest: of two ops at one position of two builders, one in 2³² pairs has the same. Ops that
    /// are equal have the same, too, and mean the same.
    brand: [u8; 4],
}

impl OpId {
    pub(crate) fn new(position: u32, digest: Digest) -> Self {
        let [first, second, third, fourth, ..] = *digest.as_bytes();
        Self { position, brand: [first, second, third, fourth] }
    }

    /// Whether the op at its position is the one that it was made for.
    pub(crate) fn is_of(self, digest: Digest) -> bool {
        Self::new(self.position, digest) == self
    }

    /// Where the op is in the graph's list.
    pub(crate) fn index(self) -> usize {
        self.position as usize
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.position)
    }
}

/// An output of an op, which other ops of the same builder take as input.
///
/// Given to another builder it is a [`Violation`](crate::Violation), unless that has the same op at the same place:
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, MkFile, Rule};
///
/// let mut other = GraphBuilder::new();
/// let foreign = other.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "a")));
/// let mut graph = GraphBuilder::new();
/// graph.file(File::scratch().mkfile(MkFile::new("/b", 0o644, "b")));
/// let file = graph.file(File::on(foreign).mkfile(MkFile::new("/c", 0o644, "c")));
/// let violations = graph.finish(Some(file)).expect_err("an output of another builder");
/// assert_eq!(violations.as_slice()[0].rule, Rule::DanglingInput);
/// ```
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, MkFile};
///
/// let mut graph = GraphBuilder::new();
/// let file = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "a")));
/// let more = graph.file(File::on(file).mkfile(MkFile::new("/b", 0o644, "b")));
/// assert_ne!(file.op(), more.op());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Output {
    pub(crate) op: OpId,
    pub(crate) index: u32,
}

impl Output {
    /// The op of the output.
    #[must_use]
    pub fn op(self) -> OpId {
        self.op
    }
}

/// The outputs of an exec: one per mount the process may change.
///
/// ```
/// use buildkit_llb::{Exec, GraphBuilder, Mount, Platform, Source};
///
/// let amd64 = Platform::linux("amd64");
/// let mut graph = GraphBuilder::new();
/// let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
/// let run = graph.exec(Exec::reading_root(["make"], base, amd64).with_mount(Mount::scratch_output("/out")));
/// assert_eq!(run.root(), None, "it cannot be written to");
/// assert!(graph.finish(run.at("/out")).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecOutputs {
    op: OpId,
    /// By destination; most execs have one or two.
    outputs: Vec<(String, Output)>,
}

impl ExecOutputs {
    /// The outputs of an op, by the destinations of their mounts.
    pub(crate) fn new(op: OpId, dests: Vec<String>) -> Self {
        let outputs = dests.into_iter().zip(0..).map(|(dest, index)| (dest, Output { op, index })).collect();
        Self { op, outputs }
    }

    /// The changed rootfs, if its changes are kept.
    #[must_use]
    pub fn root(&self) -> Option<Output> {
        self.at("/")
    }

    /// The changed content of the mount at `dest`, if its changes are kept.
    #[must_use]
    pub fn at(&self, dest: &str) -> Option<Output> {
        self.outputs.iter().find(|(known, _)| known == dest).map(|(_, output)| *output)
    }

    /// The exec itself.
    #[must_use]
    pub fn op(&self) -> OpId {
        self.op
    }
}
