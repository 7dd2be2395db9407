//! Capability ids, by which a daemon reports what it supports.
//!
//! The ids are the strings on the wire, including misspellings.

use std::collections::BTreeSet;

/// The capabilities a daemon has: those it lists *and* has enabled.
///
/// Docker's classic image store lists `mergeop` as present but disabled, so presence alone means nothing
/// (`moby/buildkit: util/apicaps/caps.go`).
///
/// ```
/// use buildkit_proto::{CapSet, caps};
///
/// let listed = [("mergeop", false), ("file.base", true)];
/// let caps: CapSet = listed.into_iter().filter_map(|(id, enabled)| enabled.then_some(id)).collect();
/// assert!(caps.contains(caps::llb::FILE_BASE) && !caps.contains(caps::llb::MERGEOP));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CapSet(BTreeSet<String>);

impl CapSet {
    /// Whether the daemon has the capability.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.0.contains(id)
    }

    /// The ids in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The number of capabilities.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no capabilities.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<S: Into<String>> FromIterator<S> for CapSet {
    fn from_iter<I: IntoIterator<Item = S>>(ids: I) -> Self {
        Self(ids.into_iter().map(Into::into).collect())
    }
}

macro_rules! caps {
    ($($(#[$doc:meta])* $name:ident = $id:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $id;)*
        /// All ids of the pinned BuildKit version.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

/// LLB capabilities (`moby/buildkit: solver/pb/caps.go`).
pub mod llb {
    caps! {
        /// `source.image`
        SOURCE_IMAGE = "source.image";
        /// `source.image.resolvemode`
        SOURCE_IMAGE_RESOLVEMODE = "source.image.resolvemode";
        /// `source.image.layerlimit`
        SOURCE_IMAGE_LAYERLIMIT = "source.image.layerlimit";
        /// `source.image.checksum`
        SOURCE_IMAGE_CHECKSUM = "source.image.checksum";
        /// `source.local`
        SOURCE_LOCAL = "source.local";
        /// `source.local.unique`
        SOURCE_LOCAL_UNIQUE = "source.local.unique";
        /// `source.local.sessionid`
        SOURCE_LOCAL_SESSIONID = "source.local.sessionid";
        /// `source.local.includepatterns`
        SOURCE_LOCAL_INCLUDEPATTERNS = "source.local.includepatterns";
        /// `source.local.followpaths`
        SOURCE_LOCAL_FOLLOWPATHS = "source.local.followpaths";
        /// `source.local.excludepatterns`
        SOURCE_LOCAL_EXCLUDEPATTERNS = "source.local.excludepatterns";
        /// `source.local.sharedkeyhint`
        SOURCE_LOCAL_SHAREDKEYHINT = "source.local.sharedkeyhint";
        /// `source.local.differ`
        SOURCE_LOCAL_DIFFER = "source.local.differ";
        /// `source.local.metadatatransfer`
        SOURCE_LOCAL_METADATATRANSFER = "source.local.metadatatransfer";
        /// `source.git`
        SOURCE_GIT = "source.git";
        /// `source.git.keepgitdir`
        SOURCE_GIT_KEEPGITDIR = "source.git.keepgitdir";
        /// `source.git.fullurl`
        SOURCE_GIT_FULLURL = "source.git.fullurl";
        /// `source.git.httpauth`
        SOURCE_GIT_HTTPAUTH = "source.git.httpauth";
        /// `source.git.knownsshhosts`
        SOURCE_GIT_KNOWNSSHHOSTS = "source.git.knownsshhosts";
        /// `source.git.mountsshsock`
        SOURCE_GIT_MOUNTSSHSOCK = "source.git.mountsshsock";
        /// `source.git.subdir`
        SOURCE_GIT_SUBDIR = "source.git.subdir";
        /// `source.git.checksum`
        SOURCE_GIT_CHECKSUM = "source.git.checksum";
        /// `source.git.skipsubmodules`
        SOURCE_GIT_SKIPSUBMODULES = "source.git.skipsubmodules";
        /// `source.git.signatureverify`
        SOURCE_GIT_SIGNATUREVERIFY = "source.git.signatureverify";
        /// `source.git.mtime`
        SOURCE_GIT_MTIME = "source.git.mtime";
        /// `source.git.fetchbycommit`
        SOURCE_GIT_FETCHBYCOMMIT = "source.git.fetchbycommit";
        /// `source.git.bundle`
        SOURCE_GIT_BUNDLE = "source.git.bundle";
        /// `source.git.checkoutbundle`
        SOURCE_GIT_CHECKOUTBUNDLE = "source.git.checkoutbundle";
        /// `source.http`
        SOURCE_HTTP = "source.http";
        /// `source.http.auth`
        SOURCE_HTTP_AUTH = "source.http.auth";
        /// `source.http.checksum`
        SOURCE_HTTP_CHECKSUM = "source.http.checksum";
        /// `source.http.perm`
        SOURCE_HTTP_PERM = "source.http.perm";
        /// `soruce.http.uidgid`
        SORUCE_HTTP_UIDGID = "soruce.http.uidgid";
        /// `source.http.header`
        SOURCE_HTTP_HEADER = "source.http.header";
        /// `source.http.signatureverify`
        SOURCE_HTTP_SIGNATUREVERIFY = "source.http.signatureverify";
        /// `source.imageblob`
        SOURCE_IMAGEBLOB = "source.imageblob";
        /// `source.ocilayout`
        SOURCE_OCILAYOUT = "source.ocilayout";
        /// `source.buildop.llbfilename`
        SOURCE_BUILDOP_LLBFILENAME = "source.buildop.llbfilename";
        /// `exec.meta.base`
        EXEC_META_BASE = "exec.meta.base";
        /// `exec.meta.cgroup.parent`
        EXEC_META_CGROUP_PARENT = "exec.meta.cgroup.parent";
        /// `exec.meta.network`
        EXEC_META_NETWORK = "exec.meta.network";
        /// `exec.meta.network.proxy`
        EXEC_META_NETWORK_PROXY = "exec.meta.network.proxy";
        /// `exec.meta.proxyenv`
        EXEC_META_PROXYENV = "exec.meta.proxyenv";
        /// `exec.meta.security`
        EXEC_META_SECURITY = "exec.meta.security";
        /// `exec.meta.security.devices.v1`
        EXEC_META_SECURITY_DEVICES_V1 = "exec.meta.security.devices.v1";
        /// `exec.meta.setsdefaultpath`
        EXEC_META_SETSDEFAULTPATH = "exec.meta.setsdefaultpath";
        /// `exec.meta.ulimit`
        EXEC_META_ULIMIT = "exec.meta.ulimit";
        /// `exec.meta.cdi`
        EXEC_META_CDI = "exec.meta.cdi";
        /// `exec.meta.linux.resources`
        EXEC_META_LINUX_RESOURCES = "exec.meta.linux.resources";
        /// `exec.mount.bind`
        EXEC_MOUNT_BIND = "exec.mount.bind";
        /// `exec.mount.bind.readwrite-nooutput`
        EXEC_MOUNT_BIND_READWRITE_NOOUTPUT = "exec.mount.bind.readwrite-nooutput";
        /// `exec.mount.cache`
        EXEC_MOUNT_CACHE = "exec.mount.cache";
        /// `exec.mount.cache.sharing`
        EXEC_MOUNT_CACHE_SHARING = "exec.mount.cache.sharing";
        /// `exec.mount.selector`
        EXEC_MOUNT_SELECTOR = "exec.mount.selector";
        /// `exec.mount.tmpfs`
        EXEC_MOUNT_TMPFS = "exec.mount.tmpfs";
        /// `exec.mount.tmpfs.size`
        EXEC_MOUNT_TMPFS_SIZE = "exec.mount.tmpfs.size";
        /// `exec.mount.secret`
        EXEC_MOUNT_SECRET = "exec.mount.secret";
        /// `exec.mount.ssh`
        EXEC_MOUNT_SSH = "exec.mount.ssh";
        /// `exec.mount.cache.content`
        EXEC_MOUNT_CACHE_CONTENT = "exec.mount.cache.content";
        /// `exec.cgroup`
        EXEC_CGROUP = "exec.cgroup";
        /// `exec.secretenv`
        EXEC_SECRETENV = "exec.secretenv";
        /// `exec.validexitcode`
        EXEC_VALIDEXITCODE = "exec.validexitcode";
        /// `file.base`
        FILE_BASE = "file.base";
        /// `file.rm.wildcard`
        FILE_RM_WILDCARD = "file.rm.wildcard";
        /// `file.copy.includeexcludepatterns`
        FILE_COPY_INCLUDEEXCLUDEPATTERNS = "file.copy.includeexcludepatterns";
        /// `file.copy.requiredpaths`
        FILE_COPY_REQUIREDPATHS = "file.copy.requiredpaths";
        /// `file.rm.nofollowsymlink`
        FILE_RM_NOFOLLOWSYMLINK = "file.rm.nofollowsymlink";
        /// `file.copy.alwaysreplaceexistingdestpaths`
        FILE_COPY_ALWAYSREPLACEEXISTINGDESTPATHS = "file.copy.alwaysreplaceexistingdestpaths";
        /// `file.symlink.create`
        FILE_SYMLINK_CREATE = "file.symlink.create";
        /// `constraints`
        CONSTRAINTS = "constraints";
        /// `platform`
        PLATFORM = "platform";
        /// `meta.ignorecache`
        META_IGNORECACHE = "meta.ignorecache";
        /// `meta.description`
        META_DESCRIPTION = "meta.description";
        /// `meta.exportcache`
        META_EXPORTCACHE = "meta.exportcache";
        /// `cache.gha`
        CACHE_GHA = "cache.gha";
        /// `cache.s3`
        CACHE_S3 = "cache.s3";
        /// `cache.azblob`
        CACHE_AZBLOB = "cache.azblob";
        /// `mergeop`
        MERGEOP = "mergeop";
        /// `diffop`
        DIFFOP = "diffop";
        /// `passthroughop`
        PASSTHROUGHOP = "passthroughop";
        /// `exporter.image.annotations`
        EXPORTER_IMAGE_ANNOTATIONS = "exporter.image.annotations";
        /// `exporter.image.attestations`
        EXPORTER_IMAGE_ATTESTATIONS = "exporter.image.attestations";
        /// `exporter.sourcedateepoch`
        EXPORTER_SOURCEDATEEPOCH = "exporter.sourcedateepoch";
        /// `exporter.multiple`
        EXPORTER_MULTIPLE = "exporter.multiple";
        /// `exporter.session`
        EXPORTER_SESSION = "exporter.session";
        /// `source.policy`
        SOURCE_POLICY = "source.policy";
        /// `source.policy.session`
        SOURCE_POLICY_SESSION = "source.policy.session";
        /// `gc.freespacefilter`
        GC_FREESPACEFILTER = "gc.freespacefilter";
        /// `history.filter`
        HISTORY_FILTER = "history.filter";
    }
}

/// Capabilities of the gateway API (`moby/buildkit: frontend/gateway/pb/caps.go`).
pub mod gateway {
    caps! {
        /// `Solve`.
        SOLVE_BASE = "solve.base";
        /// Results inside the answer to a solve; no current daemon has it.
        SOLVE_INLINE_RETURN = "solve.inlinereturn";
        /// `ResolveImageConfig`.
        RESOLVE_IMAGE = "resolveimage";
        /// A resolve mode in `ResolveImageConfig`.
        RESOLVE_IMAGE_RESOLVE_MODE = "resolveimage.resolvemode";
        /// `ReadFile`.
        READ_FILE = "readfile";
        /// `ReadDir`.
        READ_DIR = "readdir";
        /// `StatFile`.
        STAT_FILE = "statfile";
        /// `Return`.
        RETURN = "return";
        /// Results with a ref per platform.
        RETURN_MAP = "returnmap";
        /// `CacheImports` of a solve.
        IMPORT_CACHES = "importcaches";
        /// `Inputs`.
        FRONTEND_INPUTS = "frontend.inputs";
        /// Clients can query the capabilities of frontends.
        FRONTEND_CAPS = "frontend.caps";
        /// Refs carry their definition.
        REFERENCE_OUTPUT = "reference.output";
        /// Refs are messages rather than ids.
        PROTO_REF_ARRAY = "proto.refarray";
        /// `Evaluate` of a solve.
        SOLVE_EVALUATE = "gateway.solve.evaluate";
        /// The `Evaluate` method.
        EVALUATE = "gateway.evaluate";
        /// `Warn`.
        WARNINGS = "gateway.warnings";
        /// Results may carry attestations.
        REFERENCE_ATTESTATIONS = "reference.attestations";
        /// `ResolveSourceMeta`.
        SOURCE_META_RESOLVER = "source.metaresolver";
        /// Attestations of images in `ResolveSourceMeta`.
        SOURCE_META_ATTESTATIONS = "source.metaresolver.image.attestations";
        /// Checksums with a requested algorithm in `ResolveSourceMeta`.
        SOURCE_META_HTTP_CHECKSUM = "source.metaresolver.http.checksumrequest";
        /// Solves of other frontends reliably return metadata.
        SOLVE_METADATA = "gateway.solve.metadata";
        /// Containers.
        EXEC = "gateway.exec";
        /// Extra lines of `/etc/hosts` in containers.
        EXEC_EXTRA_HOSTS = "gateway.exec.extrahosts";
        /// Secrets as variables in containers.
        EXEC_SECRET_ENV = "gateway.exec.secretenv";
        /// Signals to processes in containers.
        EXEC_SIGNALS = "gateway.exec.signals";
        /// Reading files of containers.
        EXEC_FILESYSTEM = "gateway.exec.filesystem";
    }
}

/// Capabilities of frontends, which clients require in the option `frontend.caps` and frontend images list in their label
/// (`moby/buildkit: frontend/dockerfile/builder/caps.go`).
pub mod frontend {
    caps! {
        /// Graphs as inputs.
        INPUTS = "moby.buildkit.frontend.inputs";
        /// Requests that are not builds.
        SUBREQUESTS = "moby.buildkit.frontend.subrequests";
        /// Named contexts.
        CONTEXTS = "moby.buildkit.frontend.contexts";
        /// Git URLs with a query.
        GITQUERYSTRING = "moby.buildkit.frontend.gitquerystring";
    }

    /// The label of a frontend image with its capabilities, separated by commas.
    pub const LABEL: &str = "moby.buildkit.frontend.caps";
}
