//! Passthrough: some inputs are passed through, others only waited for.

use std::collections::BTreeSet;

use buildkit_proto::pb;

use crate::output::Output;

/// Passes through some of its inputs unchanged and waits for all of them (`PassthroughOp`). Needs the capability
/// `passthroughop`.
///
/// With it, a build can require "this, but only after that" without mounting one in the other.
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, MkFile, Passthrough};
///
/// let mut graph = GraphBuilder::new();
/// let result = graph.file(File::scratch().mkfile(MkFile::new("/result", 0o644, "")));
/// let check = graph.file(File::scratch().mkfile(MkFile::new("/checked", 0o644, "")));
/// let outputs = graph.passthrough(Passthrough::new("checked").handing_on(result).after(check));
/// assert!(graph.finish(outputs.first().copied()).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passthrough {
    pub(crate) id: String,
    /// Each input and whether it is passed through, in the order of the outputs.
    pub(crate) inputs: Vec<(Output, bool)>,
    pub(crate) filters: Vec<String>,
}

impl Passthrough {
    /// `id` names the op and is part of its digest; it must not be empty.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), inputs: Vec::new(), filters: Vec::new() }
    }

    /// Passes through an input, which adds an output.
    #[must_use]
    pub fn handing_on(mut self, input: Output) -> Self {
        self.inputs.push((input, true));
        self
    }

    /// Waits for an input.
    #[must_use]
    pub fn after(mut self, input: Output) -> Self {
        self.inputs.push((input, false));
        self
    }

    /// Only workers that match this containerd filter; part of the digest.
    #[must_use]
    pub fn with_worker_filter(mut self, filter: impl Into<String>) -> Self {
        self.filters.push(filter.into());
        self
    }

    /// The inputs that are passed through, in the order of the outputs.
    pub(crate) fn handed_on(&self) -> impl Iterator<Item = Output> {
        self.inputs.iter().filter(|(_, handed_on)| *handed_on).map(|(input, _)| *input)
    }

    pub(crate) fn inputs(&self) -> Vec<Output> {
        self.inputs.iter().map(|(input, _)| *input).collect()
    }

    pub(crate) fn to_pb(&self) -> pb::PassthroughOp {
        let outputs = self.inputs.iter().zip(0..).filter(|((_, handed_on), _)| *handed_on).map(|(_, index)| index);
        pb::PassthroughOp { id: self.id.clone(), outputs: outputs.collect() }
    }

    /// The op in a wire message, as far as this type can say it; the caller compares.
    pub(crate) fn from_pb(op: &pb::PassthroughOp, inputs: &[Output], filters: Vec<String>) -> Self {
        let outputs: BTreeSet<i64> = op.outputs.iter().copied().collect();
        let inputs = inputs.iter().zip(0..).map(|(input, index)| (*input, outputs.contains(&index))).collect();
        Self { id: op.id.clone(), inputs, filters }
    }
}
