//! Ops: what a vertex does, one file per kind.
//!
//! An op knows its inputs by [`Output`](crate::Output); it does not know the graph it is in.

pub(crate) mod build;
pub(crate) mod diff;
pub(crate) mod exec;
pub(crate) mod file;
pub(crate) mod foreign;
pub(crate) mod merge;
pub(crate) mod mount;
pub(crate) mod passthrough;
pub(crate) mod source;

use std::borrow::Cow;
use std::collections::BTreeMap;

use oci_names::Platform;

use crate::output::Output;

/// One vertex of a graph.
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, MkFile, Op};
///
/// let mut graph = GraphBuilder::new();
/// let file = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "a")));
/// let graph = graph.finish(Some(file))?;
/// let op = graph.op(file.op()).expect("it is there");
/// assert!(matches!(op, Op::File(_)));
/// assert_eq!((op.kind(), op.inputs().len(), op.output_count(), op.platform()), ("file", 0, 1, None));
/// # Ok::<(), buildkit_llb::Violations>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Content from outside.
    Source(source::Source),
    /// A process.
    Exec(Box<exec::Exec>),
    /// Changes to files.
    File(file::File),
    /// Filesystems laid over each other.
    Merge(merge::Merge),
    /// The difference of two filesystems.
    Diff(diff::Diff),
    /// A definition found in an input.
    Build(build::Build),
    /// Inputs that are passed through or waited for.
    Passthrough(passthrough::Passthrough),
    /// An op read from a definition that no other variant expresses.
    Foreign(Box<foreign::Foreign>),
}

impl Op {
    /// The outputs of other ops this one reads, in the order in which the op refers to them on the wire.
    #[must_use]
    pub fn inputs(&self) -> Vec<Output> {
        match self {
            Self::Source(_) => Vec::new(),
            Self::Exec(exec) => exec.inputs(),
            Self::File(file) => file.inputs().to_vec(),
            Self::Merge(merge) => merge.inputs(),
            Self::Diff(diff) => diff.inputs(),
            Self::Build(build) => vec![build.input],
            Self::Passthrough(passthrough) => passthrough.inputs(),
            Self::Foreign(foreign) => foreign.inputs.clone(),
        }
    }

    /// These inputs of the op in the order in which Go's client walks them: definitions list ops in that order
    /// (`client/llb/state.go`).
    pub(crate) fn walk<'a>(&self, inputs: &'a [Output]) -> Cow<'a, [Output]> {
        match self {
            Self::File(file) if inputs.len() > 1 => Cow::Owned(file.walk()),
            _ => Cow::Borrowed(inputs),
        }
    }

    /// How many outputs other ops can read.
    #[must_use]
    pub fn output_count(&self) -> u32 {
        match self {
            Self::Source(_) | Self::File(_) | Self::Merge(_) | Self::Diff(_) | Self::Build(_) => 1,
            Self::Exec(exec) => exec.output_count(),
            Self::Passthrough(passthrough) => u32::try_from(passthrough.handed_on().count()).unwrap_or(u32::MAX),
            Self::Foreign(foreign) => foreign.output_count(),
        }
    }

    /// What the op runs for, where that is part of the op.
    #[must_use]
    pub fn platform(&self) -> Option<&Platform> {
        match self {
            Self::Source(source) => source.platform.as_deref(),
            Self::Exec(exec) => Some(&exec.platform),
            Self::Build(build) => Some(&build.platform),
            // BuildKit has these run anywhere (`client/llb/fileop.go`, `merge.go`, `diff.go`, `passthrough.go`).
            Self::File(_) | Self::Merge(_) | Self::Diff(_) | Self::Passthrough(_) | Self::Foreign(_) => None,
        }
    }

    /// Filters a worker has to match (`WorkerConstraints`).
    #[must_use]
    pub fn worker_filters(&self) -> &[String] {
        match self {
            Self::Source(source) => &source.filters,
            Self::Exec(exec) => &exec.filters,
            Self::File(file) => &file.filters,
            Self::Merge(merge) => &merge.filters,
            Self::Diff(diff) => &diff.filters,
            Self::Build(build) => &build.filters,
            Self::Passthrough(passthrough) => &passthrough.filters,
            Self::Foreign(foreign) => {
                foreign.message.constraints.as_ref().map_or(&[], |constraints| constraints.filter.as_slice())
            }
        }
    }

    /// Frees the spare capacity of lists: an op in a graph does not grow, and most have one step or few mounts.
    pub(crate) fn shrink(&mut self) {
        match self {
            Self::Exec(exec) => exec.shrink(),
            Self::File(file) => file.shrink(),
            Self::Source(_) | Self::Merge(_) | Self::Diff(_) | Self::Build(_) => {}
            Self::Passthrough(_) | Self::Foreign(_) => {}
        }
    }

    /// The kind's name, for dumps and messages.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Source(_) => "source",
            Self::Exec(_) => "exec",
            Self::File(_) => "file",
            Self::Merge(_) => "merge",
            Self::Diff(_) => "diff",
            Self::Build(_) => "build",
            Self::Passthrough(_) => "passthrough",
            Self::Foreign(_) => "foreign",
        }
    }
}

/// Collects inputs in order of first use, each once. Most ops have a few, which are looked through; ops of others may have
/// very many.
#[derive(Default)]
pub(crate) struct InputList {
    inputs: Vec<Output>,
    /// Those behind the first [`MAX_SCANNED`].
    positions: BTreeMap<Output, i64>,
}

const MAX_SCANNED: usize = 8;

impl InputList {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self { inputs: Vec::with_capacity(capacity), positions: BTreeMap::new() }
    }

    /// The wire index of an input, added if new; −1 for none.
    pub(crate) fn index(&mut self, input: Option<Output>) -> i64 {
        let Some(input) = input else { return -1 };
        if let Some(position) = self.inputs.iter().take(MAX_SCANNED).position(|known| *known == input) {
            return position as i64;
        }
        let next = self.inputs.len() as i64;
        let position =
            if self.inputs.len() < MAX_SCANNED { next } else { *self.positions.entry(input).or_insert(next) };
        if position == next {
            self.inputs.push(input);
        }
        position
    }

    pub(crate) fn into_vec(self) -> Vec<Output> {
        self.inputs
    }
}
