//! Capabilities an op needs, derived from what the op says.
//!
//! A missing one is named here; what to do instead is the business of whoever builds the graph.

use std::collections::BTreeSet;

use buildkit_proto::CapSet;
use buildkit_proto::caps::llb as cap;

use crate::graph::Graph;
use crate::op::Op;
use crate::op::exec::{Network, Security};
use crate::op::file::Action;
use crate::op::mount::{Access, MountKind};

/// The capabilities a daemon must have for an op (`solver/pb/caps.go`; which op declares which: `client/llb/*.go`).
///
/// The caps of file actions are included although Go's client never declares them (it marshals before it asks the
/// actions): an old daemon ignores the fields silently, which is worse than an error.
#[must_use]
pub fn required_caps(op: &Op) -> BTreeSet<&'static str> {
    let mut caps = BTreeSet::new();
    match op {
        Op::Source(source) => {
            let scheme = source.identifier().split("://").next().unwrap_or_default();
            match scheme {
                "docker-image" => {
                    caps.insert(cap::SOURCE_IMAGE);
                }
                "local" => {
                    caps.insert(cap::SOURCE_LOCAL);
                }
                _ => {}
            }
            caps.extend(source.attrs().iter().filter_map(|(attr, value)| match attr.as_str() {
                "image.resolvemode" if value == "pull" => Some(cap::SOURCE_IMAGE_RESOLVEMODE),
                "local.session" => Some(cap::SOURCE_LOCAL_SESSIONID),
                "local.unique" => Some(cap::SOURCE_LOCAL_UNIQUE),
                "local.includepattern" => Some(cap::SOURCE_LOCAL_INCLUDEPATTERNS),
                "local.excludepatterns" => Some(cap::SOURCE_LOCAL_EXCLUDEPATTERNS),
                "local.followpaths" => Some(cap::SOURCE_LOCAL_FOLLOWPATHS),
                "local.sharedkeyhint" => Some(cap::SOURCE_LOCAL_SHAREDKEYHINT),
                _ => None,
            }));
        }
        Op::Exec(exec) => {
            caps.extend([cap::EXEC_META_BASE, cap::EXEC_META_SETSDEFAULTPATH]);
            if exec.network != Network::Sandbox {
                caps.insert(cap::EXEC_META_NETWORK);
            }
            if exec.security != Security::Sandbox {
                caps.insert(cap::EXEC_META_SECURITY);
            }
            if exec.proxy.is_some() {
                caps.insert(cap::EXEC_META_PROXYENV);
            }
            if !exec.secret_env.is_empty() {
                caps.insert(cap::EXEC_SECRETENV);
            }
            for mount in &exec.mounts {
                match mount.kind() {
                    MountKind::Bind { input, selector, access } => {
                        if input.is_some() {
                            caps.insert(cap::EXEC_MOUNT_BIND);
                        }
                        if !selector.is_empty() {
                            caps.insert(cap::EXEC_MOUNT_SELECTOR);
                        }
                        if *access == Access::Discard {
                            caps.insert(cap::EXEC_MOUNT_BIND_READWRITE_NOOUTPUT);
                        }
                    }
                    MountKind::Cache { .. } => {
                        caps.extend([cap::EXEC_MOUNT_CACHE, cap::EXEC_MOUNT_CACHE_SHARING]);
                    }
                    MountKind::Tmpfs { size } => {
                        caps.insert(cap::EXEC_MOUNT_TMPFS);
                        if *size > 0 {
                            caps.insert(cap::EXEC_MOUNT_TMPFS_SIZE);
                        }
                    }
                    MountKind::Secret { .. } => {
                        caps.insert(cap::EXEC_MOUNT_SECRET);
                    }
                }
            }
        }
        Op::File(file) => {
            caps.insert(cap::FILE_BASE);
            for action in &file.actions {
                match action {
                    Action::Copy(copy) if !copy.include.is_empty() || !copy.exclude.is_empty() => {
                        caps.insert(cap::FILE_COPY_INCLUDEEXCLUDEPATTERNS);
                    }
                    Action::Rm(rm) if rm.wildcard => {
                        caps.insert(cap::FILE_RM_WILDCARD);
                    }
                    Action::Symlink(_) => {
                        caps.insert(cap::FILE_SYMLINK_CREATE);
                    }
                    Action::Copy(_) | Action::Rm(_) | Action::MkFile(_) | Action::MkDir(_) => {}
                }
            }
        }
        Op::Merge(_) => {
            caps.insert(cap::MERGEOP);
        }
        Op::Diff(_) => {
            caps.insert(cap::DIFFOP);
        }
    }
    caps
}

/// The capabilities a graph needs that a daemon does not have, in order.
#[must_use]
pub fn missing_caps(graph: &Graph, daemon: &CapSet) -> BTreeSet<&'static str> {
    graph
        .reachable()
        .into_iter()
        .filter_map(|id| graph.op(id))
        .flat_map(required_caps)
        .filter(|cap| !daemon.contains(cap))
        .collect()
}
