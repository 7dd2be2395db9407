//! Capabilities an op needs, derived from its fields.
//!
//! Missing ones are listed here; `lower` decides what to do instead.

use std::collections::BTreeSet;

use buildkit_proto::CapSet;
use buildkit_proto::caps::llb as cap;
use buildkit_proto::keys::attr;

use crate::graph::Graph;
use crate::note::Note;
use crate::op::Op;
use crate::op::exec::{Exec, Network, Security};
use crate::op::file::{Action, Chmod};
use crate::op::mount::{Access, ContentCache, Mount};
use crate::op::source::{DEFAULT_HEADER, DEFAULT_TOKEN, Source};

/// The capabilities an op declares in its metadata: exactly those Go's client declares when the daemon is known to set
/// the default `PATH` (`client/llb/*.go`). The daemon refuses an op that declares one it does not have.
///
/// [`required_caps`] are more: Go's client asks file actions for theirs before there are any, and never mentions cgroup
/// parents, folders of git repositories and writable mounts without output.
///
/// ```
/// use buildkit_llb::{File, GraphBuilder, Note, Symlink, declared_caps, required_caps};
///
/// let mut graph = GraphBuilder::new();
/// let link = graph.file(File::scratch().symlink(Symlink::new("/a", "/b")));
/// let graph = graph.finish(Some(link))?;
/// let op = graph.op(link.op()).expect("it is there");
/// assert!(!declared_caps(op, &Note::default()).contains("file.symlink.create"));
/// assert!(required_caps(op).contains("file.symlink.create"));
/// # Ok::<(), buildkit_llb::Violations>(())
/// ```
#[must_use]
pub fn declared_caps(op: &Op, note: &Note) -> BTreeSet<&'static str> {
    let mut caps = BTreeSet::new();
    declare(op, note, &mut |cap| {
        caps.insert(cap);
    });
    caps
}

/// The same one by one, in no order and some more than once: graphs have many ops, and sets are slow.
pub(crate) fn declare(op: &Op, note: &Note, caps: &mut impl FnMut(&'static str)) {
    match op {
        Op::Source(source) => declared_by_source(source, caps),
        Op::Exec(exec) => {
            declared_by_exec(exec, caps);
            if note.resources.is_some() {
                caps(cap::EXEC_META_LINUX_RESOURCES);
            }
        }
        Op::File(_) => caps(cap::FILE_BASE),
        Op::Merge(_) => caps(cap::MERGEOP),
        Op::Diff(_) => caps(cap::DIFFOP),
        Op::Build(_) => caps(cap::SOURCE_BUILDOP_LLBFILENAME),
        Op::Passthrough(_) => caps(cap::PASSTHROUGHOP),
        // Its note has the capabilities it came with.
        Op::Foreign(_) => {}
    }
}

/// The capabilities a daemon must have to run an op as it is (`solver/pb/caps.go`): the declared ones, and those
/// without which an old daemon silently ignores a field.
#[must_use]
pub fn required_caps(op: &Op) -> BTreeSet<&'static str> {
    let mut caps = declared_caps(op, &Note::default());
    match op {
        Op::Source(source) => {
            let subdir = |(_, fragment): (&str, &str)| fragment.contains(':');
            if source.scheme() == "git" && source.identifier().split_once('#').is_some_and(subdir) {
                caps.insert(cap::SOURCE_GIT_SUBDIR);
            }
        }
        Op::Exec(exec) => {
            if !exec.cgroup_parent.is_empty() {
                caps.insert(cap::EXEC_META_CGROUP_PARENT);
            }
            let discards = |mount: &Mount| matches!(mount, Mount::Bind(bind) if bind.access == Access::Discard);
            if exec.mounts().iter().any(discards) {
                caps.insert(cap::EXEC_MOUNT_BIND_READWRITE_NOOUTPUT);
            }
        }
        Op::File(file) => {
            for step in &file.steps {
                match &step.action {
                    Action::Copy(copy) => {
                        if !copy.include.is_empty() || !copy.exclude.is_empty() {
                            caps.insert(cap::FILE_COPY_INCLUDEEXCLUDEPATTERNS);
                        }
                        if !copy.required.is_empty() {
                            caps.insert(cap::FILE_COPY_REQUIREDPATHS);
                        }
                        if copy.replace_existing {
                            caps.insert(cap::FILE_COPY_ALWAYSREPLACEEXISTINGDESTPATHS);
                        }
                        if let Some(Chmod::Symbolic(_)) = copy.mode {
                            // Its own id was never registered; this one came in the same release.
                            caps.insert(cap::EXEC_VALIDEXITCODE);
                        }
                    }
                    Action::Rm(rm) if rm.wildcard => {
                        caps.insert(cap::FILE_RM_WILDCARD);
                    }
                    Action::Symlink(_) => {
                        caps.insert(cap::FILE_SYMLINK_CREATE);
                    }
                    Action::Rm(_) | Action::MkFile(_) | Action::MkDir(_) => {}
                }
            }
        }
        Op::Merge(_) | Op::Diff(_) | Op::Build(_) | Op::Passthrough(_) | Op::Foreign(_) => {}
    }
    caps
}

fn declared_by_source(source: &Source, caps: &mut impl FnMut(&'static str)) {
    let scheme = source.scheme();
    let of_scheme = match scheme {
        "docker-image" => Some(cap::SOURCE_IMAGE),
        "oci-layout" => Some(cap::SOURCE_OCILAYOUT),
        "docker-image+blob" | "oci-layout+blob" => Some(cap::SOURCE_IMAGEBLOB),
        "local" => Some(cap::SOURCE_LOCAL),
        "git" => Some(cap::SOURCE_GIT),
        "http" | "https" => Some(cap::SOURCE_HTTP),
        _ => None,
    };
    of_scheme.into_iter().for_each(&mut *caps);
    let of_http = scheme.starts_with("http");
    for (attr, value) in source.attrs() {
        let of_attr = match attr.as_str() {
            // The others are wishes that a daemon may ignore.
            attr::IMAGE_RESOLVEMODE if value == attr::IMAGE_RESOLVEMODE_PULL => Some(cap::SOURCE_IMAGE_RESOLVEMODE),
            attr::IMAGE_LAYERLIMIT => Some(cap::SOURCE_IMAGE_LAYERLIMIT),
            attr::IMAGE_CHECKSUM => Some(cap::SOURCE_IMAGE_CHECKSUM),
            attr::LOCAL_SESSION => Some(cap::SOURCE_LOCAL_SESSIONID),
            attr::LOCAL_UNIQUE => Some(cap::SOURCE_LOCAL_UNIQUE),
            attr::LOCAL_INCLUDEPATTERN => Some(cap::SOURCE_LOCAL_INCLUDEPATTERNS),
            attr::LOCAL_EXCLUDEPATTERNS => Some(cap::SOURCE_LOCAL_EXCLUDEPATTERNS),
            attr::LOCAL_FOLLOWPATHS => Some(cap::SOURCE_LOCAL_FOLLOWPATHS),
            attr::LOCAL_SHAREDKEYHINT => Some(cap::SOURCE_LOCAL_SHAREDKEYHINT),
            attr::LOCAL_METADATATRANSFER => Some(cap::SOURCE_LOCAL_METADATATRANSFER),
            attr::GIT_KEEPGITDIR => Some(cap::SOURCE_GIT_KEEPGITDIR),
            attr::GIT_FULLURL => Some(cap::SOURCE_GIT_FULLURL),
            attr::GIT_AUTHTOKENSECRET if value != DEFAULT_TOKEN => Some(cap::SOURCE_GIT_HTTPAUTH),
            attr::GIT_AUTHHEADERSECRET if value != DEFAULT_HEADER => Some(cap::SOURCE_GIT_HTTPAUTH),
            attr::GIT_KNOWNSSHHOSTS => Some(cap::SOURCE_GIT_KNOWNSSHHOSTS),
            attr::GIT_MOUNTSSHSOCK => Some(cap::SOURCE_GIT_MOUNTSSHSOCK),
            attr::GIT_CHECKSUM => Some(cap::SOURCE_GIT_CHECKSUM),
            attr::GIT_SKIPSUBMODULES => Some(cap::SOURCE_GIT_SKIPSUBMODULES),
            attr::GIT_MTIME => Some(cap::SOURCE_GIT_MTIME),
            attr::GIT_FETCHBYCOMMIT => Some(cap::SOURCE_GIT_FETCHBYCOMMIT),
            attr::GIT_BUNDLE => Some(cap::SOURCE_GIT_BUNDLE),
            attr::GIT_CHECKOUTBUNDLE => Some(cap::SOURCE_GIT_CHECKOUTBUNDLE),
            _ if attr.starts_with(attr::GIT_SIG_PREFIX) => Some(cap::SOURCE_GIT_SIGNATUREVERIFY),
            attr::HTTP_CHECKSUM => Some(cap::SOURCE_HTTP_CHECKSUM),
            // Blobs have the same attributes, and one capability for all of them.
            attr::HTTP_PERM if of_http => Some(cap::SOURCE_HTTP_PERM),
            attr::HTTP_UID | attr::HTTP_GID if of_http => Some(cap::SORUCE_HTTP_UIDGID),
            attr::HTTP_AUTHHEADERSECRET => Some(cap::SOURCE_HTTP_AUTH),
            _ if attr.starts_with(attr::HTTP_HEADER_PREFIX) => Some(cap::SOURCE_HTTP_HEADER),
            _ if attr.starts_with(attr::HTTP_SIG_PREFIX) => Some(cap::SOURCE_HTTP_SIGNATUREVERIFY),
            _ => None,
        };
        of_attr.into_iter().for_each(&mut *caps);
    }
    // Go asks ssh servers for their keys where the user names none, and declares the capability either way.
    if source.attrs().contains_key(attr::GIT_MOUNTSSHSOCK) {
        caps(cap::SOURCE_GIT_KNOWNSSHHOSTS);
    }
}

fn declared_by_exec(exec: &Exec, caps: &mut impl FnMut(&'static str)) {
    caps(cap::EXEC_META_BASE);
    let mut set = |condition: bool, cap: &'static str| {
        if condition {
            caps(cap);
        }
    };
    set(exec.default_path, cap::EXEC_META_SETSDEFAULTPATH);
    set(!exec.valid_exit_codes.is_empty(), cap::EXEC_VALIDEXITCODE);
    set(!exec.ulimits.is_empty(), cap::EXEC_META_ULIMIT);
    set(exec.network != Network::Sandbox, cap::EXEC_META_NETWORK);
    set(exec.security != Security::Sandbox, cap::EXEC_META_SECURITY);
    set(exec.proxy.is_some(), cap::EXEC_META_PROXYENV);
    set(!exec.devices.is_empty(), cap::EXEC_META_CDI);
    // A secret is a secret to Go's client, whether it is a file or a variable.
    set(!exec.secret_env.is_empty(), cap::EXEC_MOUNT_SECRET);
    set(!exec.secret_env.is_empty(), cap::EXEC_SECRETENV);
    for mount in exec.mounts() {
        set(mount.content_cache() != ContentCache::Default, cap::EXEC_MOUNT_CACHE_CONTENT);
        match mount {
            Mount::Bind(bind) => {
                set(bind.input.is_some(), cap::EXEC_MOUNT_BIND);
                set(!bind.selector().is_empty(), cap::EXEC_MOUNT_SELECTOR);
            }
            Mount::Cache(cache) => {
                set(true, cap::EXEC_MOUNT_CACHE);
                set(true, cap::EXEC_MOUNT_CACHE_SHARING);
                set(!cache.selector().is_empty(), cap::EXEC_MOUNT_SELECTOR);
            }
            Mount::Tmpfs(tmpfs) => {
                set(true, cap::EXEC_MOUNT_TMPFS);
                set(tmpfs.size > 0, cap::EXEC_MOUNT_TMPFS_SIZE);
            }
            Mount::Secret(_) => set(true, cap::EXEC_MOUNT_SECRET),
            Mount::Ssh(_) => set(true, cap::EXEC_MOUNT_SSH),
        }
    }
}

/// The capabilities a graph needs that a daemon does not have, in order: those of its ops, and those its notes require.
/// Of what notes require, only ids of this release are named.
#[must_use]
pub fn missing_caps(graph: &Graph, daemon: &CapSet) -> BTreeSet<&'static str> {
    let mut missing = BTreeSet::new();
    for id in graph.reachable() {
        let required = graph.note(id).map(|note| &note.requires);
        let is_required = |cap: &&str| required.is_some_and(|required| required.contains(*cap));
        missing.extend(cap::ALL.iter().copied().filter(is_required));
        missing.extend(graph.op(id).into_iter().flat_map(required_caps));
    }
    missing.retain(|cap| !daemon.contains(cap));
    missing
}
