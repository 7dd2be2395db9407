//! Mounts of a container (`moby/buildkit: frontend/gateway/client/client.go`, `Mount`).
//!
//! Only says what is mounted; whether it can be is the daemon's to decide.

use buildkit_llb::Sharing;
use buildkit_proto::rpc::llb;

use crate::result::Reference;

/// Something processes of a container see at a path.
///
/// ```
/// use buildkit_gateway::Reference;
/// use buildkit_gateway::container::Mount;
///
/// let built = Reference { id: "ref1".to_owned(), definition: None };
/// let sources = Mount::reference("/src", &built).read_only().with_selector("app");
/// assert_eq!(sources.dest(), "/src");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    dest: String,
    readonly: bool,
    selector: String,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Bind { result: String },
    Cache { result: String, id: String, sharing: Sharing },
    Tmpfs,
    Secret { id: String, uid: u32, gid: u32, mode: u32, optional: bool },
    Ssh { id: String, uid: u32, gid: u32, mode: u32, optional: bool },
}

impl Mount {
    fn new(dest: impl Into<String>, kind: Kind) -> Self {
        Self { dest: dest.into(), readonly: false, selector: String::new(), kind }
    }

    /// A ref of this build. What processes change in it is gone with the container; the ref stays as it is.
    #[must_use]
    pub fn reference(dest: impl Into<String>, reference: &Reference) -> Self {
        Self::result(dest, reference.id.clone())
    }

    /// Something the daemon kept of a failed vertex, by one of the ids in [`SolveDetail`](crate::SolveDetail): this is how
    /// a debugger gets a shell in the step that failed.
    #[must_use]
    pub fn result(dest: impl Into<String>, id: impl Into<String>) -> Self {
        Self::new(dest, Kind::Bind { result: id.into() })
    }

    /// An empty directory.
    #[must_use]
    pub fn scratch(dest: impl Into<String>) -> Self {
        Self::result(dest, "")
    }

    /// A directory kept between builds, shared with cache mounts of the same id in graphs.
    #[must_use]
    pub fn cache(dest: impl Into<String>, id: impl Into<String>, sharing: Sharing) -> Self {
        Self::new(dest, Kind::Cache { result: String::new(), id: id.into(), sharing })
    }

    /// Memory. The daemon ignores a size here, so there is none to give.
    #[must_use]
    pub fn tmpfs(dest: impl Into<String>) -> Self {
        Self::new(dest, Kind::Tmpfs)
    }

    /// A secret of the client's as a file of root's with mode 0400; without it there is no container.
    #[must_use]
    pub fn secret(dest: impl Into<String>, id: impl Into<String>) -> Self {
        Self::new(dest, Kind::Secret { id: id.into(), uid: 0, gid: 0, mode: 0o400, optional: false })
    }

    /// The socket of an ssh agent of the client's, root's with mode 0600; the empty id is `default`.
    #[must_use]
    pub fn ssh(dest: impl Into<String>, id: impl Into<String>) -> Self {
        Self::new(dest, Kind::Ssh { id: id.into(), uid: 0, gid: 0, mode: 0o600, optional: false })
    }

    /// Processes may not write to it.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.readonly = true;
        self
    }

    /// Only a path below what is mounted.
    #[must_use]
    pub fn with_selector(mut self, path: impl Into<String>) -> Self {
        self.selector = path.into();
        self
    }

    /// Starts a new cache from a ref; other mounts stay as they are.
    #[must_use]
    pub fn seeded_with(mut self, reference: &Reference) -> Self {
        if let Kind::Cache { result, .. } = &mut self.kind {
            result.clone_from(&reference.id);
        }
        self
    }

    /// Owner, group and permission bits of a secret or a socket; other mounts stay as they are.
    #[must_use]
    pub fn with_owner(mut self, owner: u32, group: u32, permissions: u32) -> Self {
        if let Kind::Secret { uid, gid, mode, .. } | Kind::Ssh { uid, gid, mode, .. } = &mut self.kind {
            (*uid, *gid, *mode) = (owner, group, permissions);
        }
        self
    }

    /// A missing secret or agent is no error: nothing is mounted then. Other mounts stay as they are.
    #[must_use]
    pub fn optional(mut self) -> Self {
        if let Kind::Secret { optional, .. } | Kind::Ssh { optional, .. } = &mut self.kind {
            *optional = true;
        }
        self
    }

    /// Where it is mounted.
    #[must_use]
    pub fn dest(&self) -> &str {
        &self.dest
    }

    pub(super) fn selector(&self) -> &str {
        &self.selector
    }

    pub(super) fn into_rpc(self) -> llb::Mount {
        let Self { dest, readonly, selector, kind } = self;
        let mut mount = llb::Mount { dest, readonly, selector, ..llb::Mount::default() };
        match kind {
            Kind::Bind { result } => mount.result_id = result,
            Kind::Cache { result, id, sharing } => {
                mount.mount_type = llb::MountType::Cache.into();
                mount.result_id = result;
                let sharing = match sharing {
                    Sharing::Shared => llb::CacheSharingOpt::Shared,
                    Sharing::Private => llb::CacheSharingOpt::Private,
                    Sharing::Locked => llb::CacheSharingOpt::Locked,
                };
                mount.cache_opt = Some(llb::CacheOpt { id, sharing: sharing.into() });
            }
            Kind::Tmpfs => mount.mount_type = llb::MountType::Tmpfs.into(),
            Kind::Secret { id, uid, gid, mode, optional } => {
                mount.mount_type = llb::MountType::Secret.into();
                mount.secret_opt = Some(llb::SecretOpt { id, uid, gid, mode, optional });
            }
            Kind::Ssh { id, uid, gid, mode, optional } => {
                mount.mount_type = llb::MountType::Ssh.into();
                mount.ssh_opt = Some(llb::SshOpt { id, uid, gid, mode, optional });
            }
        }
        mount
    }
}
