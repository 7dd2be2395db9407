//! The verifier: what the daemon would refuse, said before it is sent.
//!
//! Rules (`moby/buildkit: solver/llbsolver/ops/opsutils/validate.go`, `solver/llbsolver/vertex.go`):
//! - an input refers to an op that is there, and to an output which that op has;
//! - an exec has arguments, an absolute working directory, exactly one mount at `/`, and no two mounts at one place;
//! - a mount's destination is absolute; a cache mount has an id;
//! - a file op has actions, and their paths are absolute;
//! - a file op whose owner is a name has a base to look it up in;
//! - a source has an identifier with a scheme.
//!
//! Every violation is reported, not only the first.

use std::collections::BTreeSet;
use std::fmt;

use crate::graph::{Graph, OpId, Output};
use crate::op::Op;
use crate::op::exec::Exec;
use crate::op::file::{Action, File, Owner, User};
use crate::op::mount::MountKind;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The op that breaks it.
    pub op: OpId,
    /// The rule.
    pub rule: Rule,
}

/// What can be wrong with an op.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// An input is no op of this graph or no output of the op.
    DanglingInput,
    /// An exec without arguments.
    NoArguments,
    /// A working directory that is not absolute.
    RelativeWorkingDirectory(String),
    /// An exec without a mount at `/`.
    NoRootMount,
    /// Two mounts at one place.
    DuplicateMount(String),
    /// A path that must be absolute and is not.
    RelativePath(String),
    /// A cache mount without an id.
    NoCacheId(String),
    /// A file op without actions.
    NoActions,
    /// An owner's name, but nothing to look it up in.
    OwnerNameWithoutBase(String),
    /// A source whose identifier has no scheme.
    NoScheme(String),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "op {}: ", self.op.0)?;
        match &self.rule {
            Rule::DanglingInput => write!(f, "an input is no output of this graph"),
            Rule::NoArguments => write!(f, "an exec needs arguments"),
            Rule::RelativeWorkingDirectory(cwd) => {
                write!(f, "the working directory {cwd:?} is not absolute")
            }
            Rule::NoRootMount => write!(f, "an exec needs a mount at /"),
            Rule::DuplicateMount(dest) => write!(f, "two mounts at {dest:?}"),
            Rule::RelativePath(path) => write!(f, "the path {path:?} is not absolute"),
            Rule::NoCacheId(dest) => write!(f, "the cache mount at {dest:?} has no id"),
            Rule::NoActions => write!(f, "a file op needs actions"),
            Rule::OwnerNameWithoutBase(name) => {
                write!(f, "the owner {name:?} is a name, but there is no base to look it up in")
            }
            Rule::NoScheme(identifier) => write!(f, "the source {identifier:?} has no scheme"),
        }
    }
}

impl std::error::Error for Violation {}

impl Violation {
    pub(crate) fn dangling(op: OpId, _input: Output) -> Self {
        Self { op, rule: Rule::DanglingInput }
    }
}

pub(crate) fn verify(graph: &Graph) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (position, node) in graph.nodes.iter().enumerate() {
        let op = OpId(u32::try_from(position).unwrap_or(u32::MAX));
        let mut report = |rule| violations.push(Violation { op, rule });
        for input in node.op.inputs() {
            let exists = graph.op(input.op).is_some_and(|op| input.index < op.output_count());
            if input.op < op && !exists {
                report(Rule::DanglingInput);
            }
        }
        match &node.op {
            Op::Source(source) => {
                if !source.identifier().contains("://") {
                    report(Rule::NoScheme(source.identifier().to_owned()));
                }
            }
            Op::Exec(exec) => verify_exec(exec, &mut report),
            Op::File(file) => verify_file(file, &mut report),
            Op::Merge(_) | Op::Diff(_) => {}
        }
    }
    if let Some(root) = graph.root
        && graph.op(root.op).is_none_or(|op| root.index >= op.output_count())
    {
        violations.push(Violation { op: root.op, rule: Rule::DanglingInput });
    }
    violations
}

fn verify_exec(exec: &Exec, report: &mut impl FnMut(Rule)) {
    if exec.args.is_empty() {
        report(Rule::NoArguments);
    }
    if !exec.cwd.starts_with('/') {
        report(Rule::RelativeWorkingDirectory(exec.cwd.clone()));
    }
    let mut dests = BTreeSet::new();
    for mount in &exec.mounts {
        if !mount.dest.starts_with('/') {
            report(Rule::RelativePath(mount.dest.clone()));
        }
        if !dests.insert(mount.dest.as_str()) {
            report(Rule::DuplicateMount(mount.dest.clone()));
        }
        if matches!(mount.kind(), MountKind::Cache { id, .. } if id.is_empty()) {
            report(Rule::NoCacheId(mount.dest.clone()));
        }
    }
    if !dests.contains("/") {
        report(Rule::NoRootMount);
    }
}

fn verify_file(file: &File, report: &mut impl FnMut(Rule)) {
    if file.actions.is_empty() {
        report(Rule::NoActions);
    }
    for action in &file.actions {
        let (paths, owner): (Vec<&str>, Option<&Owner>) = match action {
            Action::Copy(copy) => (vec![&copy.src, &copy.dest], copy.owner.as_ref()),
            Action::MkFile(mkfile) => (vec![&mkfile.path], mkfile.owner.as_ref()),
            Action::MkDir(mkdir) => (vec![&mkdir.path], mkdir.owner.as_ref()),
            Action::Rm(rm) => (vec![&rm.path], None),
            // A link's target may well be relative.
            Action::Symlink(symlink) => (vec![&symlink.link], symlink.owner.as_ref()),
        };
        for path in paths {
            if !path.starts_with('/') {
                report(Rule::RelativePath(path.to_owned()));
            }
        }
        if file.base.is_none()
            && let Some(Owner { user, group }) = owner
        {
            for name in std::iter::once(user).chain(group) {
                if let User::Named(name) = name {
                    report(Rule::OwnerNameWithoutBase(name.clone()));
                }
            }
        }
    }
}
