//! Ops: what a vertex does, one file per kind.
//!
//! An op knows its inputs by [`Output`](crate::Output); it does not know the graph it is in.

pub(crate) mod diff;
pub(crate) mod exec;
pub(crate) mod file;
pub(crate) mod merge;
pub(crate) mod mount;
pub(crate) mod source;

use crate::graph::Output;

/// One vertex of a graph.
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
}

impl Op {
    /// The outputs of other ops this one reads, in the order in which the op refers to them on the wire.
    #[must_use]
    pub fn inputs(&self) -> Vec<Output> {
        match self {
            Self::Source(_) => Vec::new(),
            Self::Exec(exec) => exec.inputs(),
            Self::File(file) => file.inputs(),
            Self::Merge(merge) => merge.inputs(),
            Self::Diff(diff) => diff.inputs(),
        }
    }

    /// How many outputs other ops can read.
    #[must_use]
    pub fn output_count(&self) -> u32 {
        match self {
            Self::Source(_) | Self::File(_) | Self::Merge(_) | Self::Diff(_) => 1,
            Self::Exec(exec) => u32::try_from(exec.output_mounts().len()).unwrap_or(u32::MAX),
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
        }
    }
}

/// Collects inputs in order of first use, each once.
#[derive(Default)]
pub(crate) struct InputList(Vec<Output>);

impl InputList {
    /// The wire index of an input, added if new; −1 for none.
    pub(crate) fn index(&mut self, input: Option<Output>) -> i64 {
        let Some(input) = input else { return -1 };
        let position = self.0.iter().position(|known| *known == input).unwrap_or_else(|| {
            self.0.push(input);
            self.0.len() - 1
        });
        position as i64
    }

    pub(crate) fn into_vec(self) -> Vec<Output> {
        self.0
    }
}
