//! The verifier: finds what the daemon would refuse before it is sent.
//!
//! Rules (`moby/buildkit: solver/llbsolver/ops/opsutils/validate.go`, `solver/llbsolver/vertex.go`):
//! - an input refers to an op of the same builder, and to an output which that op has; so does a note, and its places to files
//!   of the builder;
//! - an exec has arguments, an absolute working directory, a bind mount at `/`, and no two mounts at one place;
//! - a mount's destination is absolute; a cache mount has an id;
//! - secrets and devices have ids; a variable has a name without `=`;
//! - a mount of a part of its input whose changes are kept does not claim its content for the cache key;
//! - a file op has actions, and their paths are absolute;
//! - a file op whose owner is a name has a base to look it up in, and its modes are permission bits;
//! - a source has an identifier with a scheme; an image has a tag or digest, a blob a digest; bundles of git have what
//!   they need;
//! - a diff has a side, a passthrough an id and an output.
//!
//! Every violation is reported, not only the first.

use std::collections::BTreeSet;

use buildkit_proto::keys::attr;
use buildkit_proto::pb;

use crate::graph::Graph;
use crate::op::Op;
use crate::op::exec::Exec;
use crate::op::file::{Action, Chmod, File};
use crate::op::mount::{Access, ContentCache, Mount};
use crate::op::source::Source;
use crate::output::OpId;
use crate::violation::Rule;

/// The broken rules, in the order of the ops.
pub(crate) fn verify(graph: &Graph) -> Vec<(OpId, Rule)> {
    let mut violations = Vec::new();
    for (op, node) in graph.ids() {
        let mut report = |rule| violations.push((op, rule));
        for input in &node.inputs {
            // An input that is not an op of this graph was reported when it was added.
            if graph.op(input.op).is_some_and(|op| input.index >= op.output_count()) {
                report(Rule::DanglingInput);
            }
        }
        for location in graph.locations(op) {
            if usize::try_from(location.file).is_ok_and(|file| file >= graph.files().len()) {
                report(Rule::UnknownFile(location.file));
            }
        }
        match &node.op {
            Op::Source(source) => {
                verify_source(source, &mut report);
            }
            Op::Exec(exec) => verify_exec(exec, &mut report),
            Op::File(file) => verify_file(file, &mut report),
            Op::Diff(diff) if diff.lower.is_none() && diff.upper.is_none() => report(Rule::EmptyDiff),
            Op::Passthrough(passthrough) => {
                if passthrough.id.is_empty() {
                    report(Rule::NoPassthroughId);
                }
                if passthrough.handed_on().next().is_none() {
                    report(Rule::NoPassthroughOutput);
                }
            }
            Op::Foreign(foreign) => {
                if let Some(reason) = refused(foreign.message()) {
                    report(Rule::Refused(reason));
                }
            }
            Op::Merge(_) | Op::Diff(_) | Op::Build(_) => {}
        }
    }
    if let Some(root) = graph.root
        && graph.op(root.op).is_none_or(|op| root.index >= op.output_count())
    {
        violations.push((root.op, Rule::DanglingInput));
    }
    violations
}

fn verify_source(source: &Source, report: &mut impl FnMut(Rule)) {
    let Some((scheme, place)) = source.identifier().split_once("://") else {
        return report(Rule::NoScheme(source.identifier().to_owned()));
    };
    // A port is before the last slash, a tag behind it.
    let name = place.rsplit('/').next().unwrap_or_default();
    let (tagged, digested) = (name.contains(':'), place.contains('@'));
    match scheme {
        "docker-image" | "oci-layout" if !tagged && !digested => report(Rule::NoTagOrDigest(place.to_owned())),
        "docker-image+blob" | "oci-layout+blob" if !digested => report(Rule::NoTagOrDigest(place.to_owned())),
        _ => {}
    }
    // `validateBundleAttrs` of source/git/identifier.go.
    let has = |attr: &str| source.attrs().contains_key(attr);
    if has(attr::GIT_BUNDLE) && !has(attr::GIT_CHECKSUM) {
        report(Rule::Refused("a git bundle needs the checksum of a commit"));
    }
    let subdir = place.split_once('#').is_some_and(|(_, fragment)| fragment.contains(':'));
    if has(attr::GIT_CHECKOUTBUNDLE) && (has(attr::GIT_KEEPGITDIR) || subdir) {
        report(Rule::Refused("a checkout as bundle has no git directory and no folder"));
    }
}

fn verify_exec(exec: &Exec, report: &mut impl FnMut(Rule)) {
    if exec.args.is_empty() {
        report(Rule::NoArguments);
    }
    if !exec.cwd.starts_with('/') {
        report(Rule::RelativeWorkingDirectory(exec.cwd.clone()));
    }
    // An empty name is odd, but images have such variables and the daemon takes them.
    for (name, _) in exec.env.iter().filter(|(name, _)| name.contains('=')) {
        report(Rule::VariableName(name.clone()));
    }
    for secret in &exec.secret_env {
        if secret.name.is_empty() || secret.name.contains('=') {
            report(Rule::VariableName(secret.name.clone()));
        }
        if secret.id.is_empty() {
            report(Rule::NoSecretId(secret.name.clone()));
        }
    }
    if exec.devices.iter().any(|device| device.name.is_empty()) {
        report(Rule::NoDeviceName);
    }
    // If all are sorted by destination, as most are, no two are equal.
    let are_distinct = exec.mounts().is_sorted_by(|one, next| one.dest() < next.dest());
    let mut dests = BTreeSet::new();
    for mount in exec.mounts() {
        let dest = mount.dest();
        if !dest.starts_with('/') {
            report(Rule::RelativePath(dest.to_owned()));
        }
        if !are_distinct && !dests.insert(dest) {
            report(Rule::DuplicateMount(dest.to_owned()));
        }
        match mount {
            Mount::Cache(cache) if cache.id().is_empty() => report(Rule::NoCacheId(dest.to_owned())),
            Mount::Secret(secret) if secret.id().is_empty() => report(Rule::NoSecretId(dest.to_owned())),
            // The daemon would have to hash what the process may then change (`getMountDeps` of
            // `solver/llbsolver/ops/exec.go`). What is thrown away afterwards is not an input of later ops.
            Mount::Bind(bind)
                if bind.content_cache == ContentCache::On
                    && bind.access == Access::Output
                    && !matches!(bind.selector(), "" | "/") =>
            {
                report(Rule::HashedPart(dest.to_owned()));
            }
            Mount::Bind(_) | Mount::Cache(_) | Mount::Tmpfs(_) | Mount::Secret(_) | Mount::Ssh(_) => {}
        }
    }
    // Another kind of mount is not taken as the rootfs (`PrepareMounts` of `frontend/gateway/container/container.go`).
    if !exec.mounts().iter().any(|mount| matches!(mount, Mount::Bind(bind) if bind.dest() == "/")) {
        report(Rule::NoRootMount);
    }
}

fn verify_file(file: &File, report: &mut impl FnMut(Rule)) {
    if file.steps.is_empty() {
        report(Rule::NoActions);
    }
    for step in &file.steps {
        let (paths, mode): (Vec<&str>, Option<(u32, u32)>) = match &step.action {
            Action::Copy(copy) => {
                let mode = match copy.mode {
                    Some(Chmod::Bits(bits)) => Some((bits, 0o7777)),
                    Some(Chmod::Symbolic(_)) | None => None,
                };
                (vec![&copy.src, &copy.dest], mode)
            }
            Action::MkFile(mkfile) => (vec![&mkfile.path], Some((mkfile.mode, 0o777))),
            Action::MkDir(mkdir) => (vec![&mkdir.path], Some((mkdir.mode, 0o777))),
            Action::Rm(rm) => (vec![&rm.path], None),
            // A link's target may well be relative.
            Action::Symlink(symlink) => (vec![&symlink.link], None),
        };
        for path in &paths {
            if !path.starts_with('/') {
                report(Rule::RelativePath((*path).to_owned()));
            }
        }
        if let (Some((mode, bits)), Some(path)) = (mode, paths.last())
            && mode & !bits != 0
        {
            report(Rule::Mode((*path).to_owned(), mode));
        }
        if step.base.is_none()
            && let Some(owner) = step.action.owner()
        {
            for name in owner.names() {
                report(Rule::OwnerNameWithoutBase(name.to_owned()));
            }
        }
    }
}

/// Why the daemon would refuse an op of another client (`opsutils/validate.go`).
fn refused(op: &pb::Op) -> Option<&'static str> {
    use pb::op::Op as Wire;
    match op.op.as_ref()? {
        Wire::Exec(exec) => match &exec.meta {
            None => Some("an exec needs a program to run"),
            Some(meta) if meta.args.is_empty() => Some("an exec needs arguments"),
            Some(_) => {
                (!exec.mounts.iter().any(|mount| mount.dest == "/")).then_some("an exec needs a bind mount at /")
            }
        },
        Wire::File(file) => file.actions.is_empty().then_some("a file op needs actions"),
        Wire::Diff(diff) => {
            (diff.lower.is_none() || diff.upper.is_none()).then_some("a diff needs a lower and an upper side")
        }
        Wire::Passthrough(passthrough) => {
            let input = |output: &i64| usize::try_from(*output).is_ok_and(|output| output < op.inputs.len());
            match passthrough {
                _ if passthrough.id.is_empty() => Some("a passthrough needs an id"),
                _ if passthrough.outputs.is_empty() => Some("a passthrough must pass on an input"),
                _ => (!passthrough.outputs.iter().all(input))
                    .then_some("a passthrough passes on an input that it does not have"),
            }
        }
        Wire::Source(_) | Wire::Build(_) | Wire::Merge(_) => None,
    }
}
