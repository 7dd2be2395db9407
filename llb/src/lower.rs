//! Lowering: a graph for a daemon that lacks capabilities.
//!
//! Each fallback has the same effect for the build, or gives up what the daemon cannot do anyway (a limit, a time) and reports
//! that; where neither is possible the capability is reported as missing. The fallbacks are listed at
//! [`Graph::lower_for`]. What a daemon can do is found out by the caller.

mod error;
mod exec;
mod file;
mod merge;
mod source;

use std::collections::{BTreeMap, BTreeSet};

use buildkit_proto::CapSet;
use buildkit_proto::caps::llb as cap;
use oci_names::Platform;

use crate::builder::GraphBuilder;
use crate::graph::Graph;
use crate::op::Op;
use crate::output::{OpId, Output};
use crate::required::required_caps;
use crate::violation::Label;

pub use error::{LowerError, MissingCapability};

/// A graph for a certain daemon, and what was changed for it.
///
/// ```
/// use buildkit_llb::{Exec, GraphBuilder, Platform, Source, caps};
///
/// let amd64 = Platform::linux("amd64");
/// let mut graph = GraphBuilder::new();
/// let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
/// let run = graph.exec(Exec::new(["make"], base, amd64).with_ulimit("nofile", 1024, 4096));
/// let graph = graph.finish(run.root())?;
/// let old = caps::ALL.iter().copied().filter(|cap| *cap != "exec.meta.ulimit").collect();
/// let lowered = graph.lower_for(&old)?;
/// assert_ne!(lowered.graph.to_definition(), graph.to_definition());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Lowered {
    /// The graph; the daemon has all it needs.
    pub graph: Graph,
    /// What was replaced or given up, in the order of the ops.
    pub changes: Vec<Change>,
}

/// Something that was replaced or given up because a daemon lacks a capability.
///
/// ```
/// use buildkit_llb::{Exec, GraphBuilder, Platform, Source, caps};
///
/// let amd64 = Platform::linux("amd64");
/// let mut graph = GraphBuilder::new();
/// let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
/// let run = graph.exec(Exec::new(["make"], base, amd64).with_cgroup_parent("builds"));
/// let graph = graph.finish(run.root())?;
/// let old = caps::ALL.iter().copied().filter(|cap| *cap != "exec.meta.cgroup.parent").collect();
/// let changes = graph.lower_for(&old)?.changes;
/// assert_eq!((changes[0].capability, changes[0].what), ("exec.meta.cgroup.parent", "the daemon's own cgroup"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Change {
    /// The op, in the graph that was lowered.
    pub op: OpId,
    /// What the daemon lacks.
    pub capability: &'static str,
    /// What was done instead, as text for users.
    pub what: &'static str,
}

impl Graph {
    /// The graph with fallbacks for what a daemon lacks. A graph that needs none comes back as it is.
    ///
    /// | missing | instead |
    /// |---|---|
    /// | `mergeop`, `diffop` | the branches of a merge one after the other: what made a diff is done again on top of what is there, other filesystems are copied over it (deletions do not come along) |
    /// | `passthroughop` | a read-only mount of what is to be waited for, in the execs that use the output |
    /// | `exec.meta.setsdefaultpath` | `PATH` in the environment |
    /// | `exec.validexitcode`, `exec.secretenv` | a line of `/bin/sh` around the command |
    /// | `exec.mount.bind.readwrite-nooutput` | a mount with an output that is not used |
    /// | `exec.mount.tmpfs.size`, `exec.mount.cache.content` | no limit; the daemon's choice |
    /// | `exec.meta.ulimit`, `exec.meta.cgroup.parent`, `exec.meta.linux.resources` | no limit |
    /// | `exec.meta.cdi` | optional devices are left out |
    /// | `source.image.checksum` | the digest in the reference |
    /// | `source.git.subdir`, `source.git.checksum` | a copy of the folder; the whole commit as reference |
    /// | `source.git.skipsubmodules`, `source.git.mtime`, `source.local.metadatatransfer`, `source.http.signatureverify` together with a checksum | left out |
    /// | `file.copy.includeexcludepatterns` | patterns of the local source that is copied as a whole |
    /// | `file.symlink.create` | `ln` of the base |
    ///
    /// # Errors
    /// [`LowerError`]: everything the daemon lacks that nothing can replace.
    ///
    /// ```
    /// use buildkit_llb::{CapSet, Diff, Exec, GraphBuilder, Merge, Platform, Source, caps, missing_caps};
    ///
    /// let amd64 = Platform::linux("amd64");
    /// let mut graph = GraphBuilder::new();
    /// let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
    /// let one = graph.exec(Exec::new(["touch", "/one"], base, amd64.clone())).root();
    /// let two = graph.exec(Exec::new(["touch", "/two"], base, amd64)).root();
    /// let (one, two) = (graph.diff(Diff::new(base, one)), graph.diff(Diff::new(base, two)));
    /// let merged = graph.merge(Merge::new(base, one).with(two));
    /// let graph = graph.finish(Some(merged))?;
    ///
    /// let old: CapSet = caps::ALL.iter().copied().filter(|cap| !["mergeop", "diffop"].contains(cap)).collect();
    /// let lowered = graph.lower_for(&old)?;
    /// assert!(missing_caps(&lowered.graph, &old).is_empty());
    /// assert_eq!(lowered.graph.reachable().len(), 3, "the image and one exec after the other");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lower_for(&self, daemon: &CapSet) -> Result<Lowered, LowerError> {
        let mut lowering = Lowering {
            graph: self,
            daemon,
            builder: GraphBuilder::new(),
            outputs: BTreeMap::new(),
            waits: BTreeMap::new(),
            used: self.used_outputs(),
            changes: BTreeSet::new(),
            lacking: BTreeSet::new(),
        };
        for file in self.files() {
            lowering.builder.push_file(file.clone());
        }
        for id in self.reachable() {
            lowering.lower(id);
        }
        let root = self.root().and_then(|root| {
            if lowering.waits.contains_key(&root) {
                lowering.lack(root.op, cap::PASSTHROUGHOP);
            }
            lowering.input(root)
        });
        let Lowering { builder, changes, lacking, .. } = lowering;
        if !lacking.is_empty() {
            let missing = |(op, capability)| MissingCapability { op, capability, label: Label::new(self, op) };
            return Err(LowerError::MissingCapabilities(lacking.into_iter().map(missing).collect()));
        }
        let graph = builder.finish(root).map_err(LowerError::Unsound)?;
        Ok(Lowered { graph, changes: changes.into_iter().collect() })
    }
}

struct Lowering<'a> {
    graph: &'a Graph,
    daemon: &'a CapSet,
    builder: GraphBuilder,
    /// Outputs of the graph, and what replaces them.
    outputs: BTreeMap<Output, Output>,
    /// Outputs of passthroughs that are left out, and what their users have to wait for.
    waits: BTreeMap<Output, Vec<Output>>,
    /// Outputs of the graph that an op or the root reads.
    used: BTreeSet<Output>,
    changes: BTreeSet<Change>,
    lacking: BTreeSet<(OpId, String)>,
}

impl Lowering<'_> {
    fn has(&self, capability: &str) -> bool {
        self.daemon.contains(capability)
    }

    fn lack(&mut self, op: OpId, capability: &str) {
        self.lacking.insert((op, capability.to_owned()));
    }

    fn change(&mut self, op: OpId, capability: &'static str, what: &'static str) {
        self.changes.insert(Change { op, capability, what });
    }

    /// What replaces an input of an op. Only a diff that could not be made has no replacement, and is then reported.
    fn input(&mut self, input: Output) -> Option<Output> {
        let found = self.outputs.get(&input).copied();
        if found.is_none() {
            let is_diff = matches!(self.graph.op(input.op), Some(Op::Diff(_)));
            if is_diff {
                self.lack(input.op, cap::DIFFOP);
            }
        }
        found
    }

    fn lower(&mut self, id: OpId) {
        let graph = self.graph;
        let Some(op) = graph.op(id) else { return };
        let node = graph.note(id).cloned().unwrap_or_default();
        for capability in &node.requires {
            if !self.has(capability) {
                self.lack(id, capability);
            }
        }
        match op {
            Op::Merge(merge) => self.merge(id, merge),
            Op::Diff(diff) if !self.has(cap::DIFFOP) => {
                // Between nothing and something is something; the others are taken apart where they are merged.
                if let (None, Some(upper)) = (diff.lower, diff.upper)
                    && let Some(upper) = self.input(upper)
                {
                    self.outputs.insert(Output { op: id, index: 0 }, upper);
                    self.change(id, cap::DIFFOP, "the difference to nothing is the thing itself");
                }
            }
            Op::Passthrough(passthrough) if !self.has(cap::PASSTHROUGHOP) => {
                let waited: Vec<Output> = passthrough.inputs.iter().map(|(input, _)| *input).collect();
                let waited: Vec<Output> = waited.into_iter().filter_map(|input| self.input(input)).collect();
                for (input, index) in passthrough.handed_on().zip(0..) {
                    let Some(stands) = self.input(input) else { continue };
                    let output = Output { op: id, index };
                    self.outputs.insert(output, stands);
                    let others = waited.iter().copied().filter(|other| *other != stands).collect();
                    self.waits.insert(output, others);
                }
            }
            _ => {
                let inputs: Vec<Output> = op.inputs();
                let waits = inputs.iter().any(|input| self.waits.contains_key(input));
                let mapped: BTreeMap<Output, Output> =
                    inputs.into_iter().filter_map(|input| Some((input, self.input(input)?))).collect();
                if waits && !matches!(op, Op::Exec(_)) {
                    self.lack(id, cap::PASSTHROUGHOP);
                }
                let lowered = self.op(id, op, &|input| mapped.get(&input).copied().unwrap_or(input));
                self.outputs.extend(lowered);
            }
        }
    }

    /// Inserts an op with other inputs and the fallbacks for it: its outputs, and what replaces them.
    fn op(&mut self, id: OpId, op: &Op, map: &dyn Fn(Output) -> Output) -> Vec<(Output, Output)> {
        let output = |stands: Output| vec![(Output { op: id, index: 0 }, stands)];
        match op {
            Op::Source(source) => output(self.source(id, source.clone())),
            Op::File(file) => output(self.file(id, file.map_inputs(map))),
            Op::Exec(exec) => {
                let waits = self.waits(op);
                let mut exec = (**exec).clone();
                exec.map_inputs(map);
                self.exec(id, exec, waits)
            }
            Op::Diff(diff) => {
                let mut diff = diff.clone();
                (diff.lower, diff.upper) = (diff.lower.map(map), diff.upper.map(map));
                output(self.plain(id, Op::Diff(diff)))
            }
            Op::Build(build) => {
                let build = crate::Build { input: map(build.input), ..build.clone() };
                output(self.plain(id, Op::Build(build)))
            }
            Op::Merge(merge) => {
                let merge = merge.map_inputs(map);
                output(self.plain(id, Op::Merge(merge)))
            }
            Op::Passthrough(passthrough) => {
                let mut passthrough = passthrough.clone();
                for (input, _) in &mut passthrough.inputs {
                    *input = map(*input);
                }
                let count = passthrough.handed_on().count();
                let stands = self.plain(id, Op::Passthrough(passthrough)).op;
                let outputs = (0..count).filter_map(|index| u32::try_from(index).ok());
                outputs.map(|index| (Output { op: id, index }, Output { op: stands, index })).collect()
            }
            Op::Foreign(foreign) => {
                let mut foreign = foreign.clone();
                let before: Vec<_> = foreign.inputs.iter().map(|input| self.graph.digest(input.op)).collect();
                for input in &mut foreign.inputs {
                    *input = map(*input);
                }
                let after: Vec<_> = foreign.inputs.iter().map(|input| self.builder.digest(input.op)).collect();
                if before != after {
                    // Its bytes name what it reads, and what else is in them is unknown.
                    self.lack(id, "to change an op that this crate does not know");
                }
                let count = foreign.output_count();
                let stands = self.plain(id, Op::Foreign(foreign)).op;
                // An op of unknown kind has as many outputs as are used.
                let (first, last) = (Output { op: id, index: 0 }, Output { op: id, index: u32::MAX });
                let used = self.used.range(first..=last).filter(|used| used.index < count);
                used.map(|used| (*used, Output { op: stands, index: used.index })).collect()
            }
        }
    }

    /// Inserts an op as it is; what the daemon still lacks is reported as missing.
    fn plain(&mut self, id: OpId, op: Op) -> Output {
        for capability in required_caps(&op) {
            if !self.has(capability) {
                // The id of this capability was never registered; another one of the same release is tested instead.
                let of_mode = matches!(op, Op::File(_)) && capability == cap::EXEC_VALIDEXITCODE;
                self.lack(id, if of_mode { "file.copy.modestring" } else { capability });
            }
        }
        let output = Output { op: self.builder.insert(op), index: 0 };
        self.note(id, output.op);
        output
    }

    /// Copies the note of an op to the one it became.
    fn note(&mut self, from: OpId, to: OpId) {
        let Some(mut note) = self.graph.note(from).cloned() else { return };
        if note.resources.is_some() && !self.has(cap::EXEC_META_LINUX_RESOURCES) {
            note.resources = None;
            self.change(from, cap::EXEC_META_LINUX_RESOURCES, "no limits");
        }
        self.builder.annotate(to, note);
    }

    /// What an exec has to wait for because a passthrough is left out.
    fn waits(&self, op: &Op) -> Vec<Output> {
        op.inputs().iter().filter_map(|input| self.waits.get(input)).flatten().copied().collect()
    }

    /// The platform of an output, as far as it is made of ops that have one.
    fn platform_of(&self, mut output: Output) -> Option<Platform> {
        loop {
            let op = self.builder.op(output.op)?;
            if let Some(platform) = op.platform() {
                return Some(platform.clone());
            }
            let below = match op {
                Op::File(file) => file.base?,
                Op::Diff(diff) => diff.upper?,
                _ => op.inputs().first().copied()?,
            };
            // Inputs are earlier ops, so this ends. An input that nothing replaces is an op of the graph that is lowered; what
            // is made of it is thrown away.
            if below.op >= output.op {
                return None;
            }
            output = below;
        }
    }
}
