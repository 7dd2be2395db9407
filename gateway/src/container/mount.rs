//! Mounts of a container (`moby/buildkit: frontend/gateway/client/client.go`, `Mount`): one type for each kind, with the
//! setters that mean something for that kind only.
//!
//! Only describes mounts; the daemon decides whether they are allowed.

use buildkit_llb::{SecretMount, Sharing, SshMount};
use buildkit_proto::rpc::llb;

use crate::result::Reference;

/// Something processes of a container see at a path, of any kind.
///
/// The constructors return the type of their kind, which has the options of that kind. All of them turn into this type.
///
/// ```
/// use buildkit_gateway::Reference;
/// use buildkit_gateway::container::Mount;
///
/// let built = Reference { id: "ref1".to_owned(), definition: None };
/// let sources = Mount::from(Mount::reference("/src", &built).read_only().with_selector("app"));
/// assert_eq!(sources.dest(), "/src");
/// ```
///
/// An option that the kind does not have does not compile:
///
/// ```compile_fail
/// buildkit_gateway::container::Mount::secret("/run/token", "token").read_only();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Bind(BindMount),
    Cache(CacheMount),
    Tmpfs(String),
    Secret(SecretMount),
    Ssh(SshMount),
}

/// A ref of the build, something the daemon kept of a failed vertex, or an empty directory.
///
/// ```
/// use buildkit_gateway::container::{ContainerRequest, Mount, Root};
///
/// let request = ContainerRequest::new(Root::scratch()).with_mount(Mount::scratch("/out"));
/// assert_eq!(request.mounts().len(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindMount {
    dest: String,
    result: String,
    selector: String,
    read_only: bool,
}

/// A directory kept between builds, shared with cache mounts of the same id in graphs.
///
/// ```
/// use buildkit_gateway::Reference;
/// use buildkit_gateway::container::Mount;
/// use buildkit_llb::Sharing;
///
/// let seed = Reference { id: "ref1".to_owned(), definition: None };
/// let cache = Mount::from(Mount::cache("/cache", "apt", Sharing::Locked).seeded_with(&seed).read_only());
/// assert_eq!(cache.dest(), "/cache");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheMount {
    dest: String,
    id: String,
    sharing: Sharing,
    seed: String,
    selector: String,
    read_only: bool,
}

/// What processes of a container see at `/`.
///
/// It is a bind mount without a selector: the daemon refuses other kinds there and ignores a selector
/// (`moby/buildkit: frontend/gateway/container/container.go`, `PrepareMounts`).
///
/// ```
/// use buildkit_gateway::Reference;
/// use buildkit_gateway::container::{ContainerRequest, Root};
///
/// let rootfs = Reference { id: "ref1".to_owned(), definition: None };
/// assert_eq!(ContainerRequest::new(&rootfs), ContainerRequest::new(Root::result("ref1")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    result: String,
    read_only: bool,
}

impl Root {
    /// A ref of this build. What processes change in it is gone with the container; the ref stays as it is.
    #[must_use]
    pub fn reference(reference: &Reference) -> Self {
        Self::result(reference.id.clone())
    }

    /// Something the daemon kept of a failed vertex, by one of the ids in [`SolveDetail`](crate::SolveDetail): this is how
    /// a debugger gets a shell in the step that failed.
    #[must_use]
    pub fn result(id: impl Into<String>) -> Self {
        Self { result: id.into(), read_only: false }
    }

    /// An empty directory, for static programs in another mount.
    #[must_use]
    pub fn scratch() -> Self {
        Self::result("")
    }

    /// Processes may not write to it.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    pub(super) fn into_mount(self) -> Mount {
        let Self { result, read_only } = self;
        BindMount { dest: "/".to_owned(), result, selector: String::new(), read_only }.into()
    }
}

impl From<&Reference> for Root {
    fn from(reference: &Reference) -> Self {
        Self::reference(reference)
    }
}

impl Mount {
    /// A ref of this build. What processes change in it is gone with the container; the ref stays as it is.
    #[must_use]
    pub fn reference(dest: impl Into<String>, reference: &Reference) -> BindMount {
        Self::result(dest, reference.id.clone())
    }

    /// Something the daemon kept of a failed vertex, by one of the ids in [`SolveDetail`](crate::SolveDetail).
    #[must_use]
    pub fn result(dest: impl Into<String>, id: impl Into<String>) -> BindMount {
        BindMount { dest: dest.into(), result: id.into(), selector: String::new(), read_only: false }
    }

    /// An empty directory.
    #[must_use]
    pub fn scratch(dest: impl Into<String>) -> BindMount {
        Self::result(dest, "")
    }

    /// A directory kept between builds, shared with cache mounts of the same id in graphs.
    #[must_use]
    pub fn cache(dest: impl Into<String>, id: impl Into<String>, sharing: Sharing) -> CacheMount {
        let (seed, selector) = (String::new(), String::new());
        CacheMount { dest: dest.into(), id: id.into(), sharing, seed, selector, read_only: false }
    }

    /// Memory. There is no size, because the daemon ignores it here.
    #[must_use]
    pub fn tmpfs(dest: impl Into<String>) -> Self {
        Self(Kind::Tmpfs(dest.into()))
    }

    /// A secret of the client as a file that belongs to root and has the mode 0400; a container whose secret is missing
    /// cannot be made.
    #[must_use]
    pub fn secret(dest: impl Into<String>, id: impl Into<String>) -> SecretMount {
        buildkit_llb::Mount::secret(dest, id)
    }

    /// The socket of an ssh agent of the client, owned by root with the mode 0600; the empty id is `default`.
    #[must_use]
    pub fn ssh(dest: impl Into<String>, id: impl Into<String>) -> SshMount {
        buildkit_llb::Mount::ssh(dest, id)
    }

    /// Where it is mounted.
    #[must_use]
    pub fn dest(&self) -> &str {
        match &self.0 {
            Kind::Bind(mount) => &mount.dest,
            Kind::Cache(mount) => &mount.dest,
            Kind::Tmpfs(dest) => dest,
            Kind::Secret(mount) => mount.dest(),
            Kind::Ssh(mount) => mount.dest(),
        }
    }

    pub(super) fn selector(&self) -> &str {
        match &self.0 {
            Kind::Bind(mount) => &mount.selector,
            Kind::Cache(mount) => &mount.selector,
            Kind::Tmpfs(_) | Kind::Secret(_) | Kind::Ssh(_) => "",
        }
    }

    pub(super) fn to_rpc(&self) -> llb::Mount {
        let mut mount = llb::Mount { dest: self.dest().to_owned(), ..llb::Mount::default() };
        match &self.0 {
            Kind::Bind(BindMount { dest: _, result, selector, read_only }) => {
                mount.result_id.clone_from(result);
                mount.selector.clone_from(selector);
                mount.readonly = *read_only;
            }
            Kind::Cache(CacheMount { dest: _, id, sharing, seed, selector, read_only }) => {
                let sharing = match sharing {
                    Sharing::Shared => llb::CacheSharingOpt::Shared,
                    Sharing::Private => llb::CacheSharingOpt::Private,
                    Sharing::Locked => llb::CacheSharingOpt::Locked,
                };
                mount.mount_type = llb::MountType::Cache.into();
                mount.cache_opt = Some(llb::CacheOpt { id: id.clone(), sharing: sharing.into() });
                mount.result_id.clone_from(seed);
                mount.selector.clone_from(selector);
                mount.readonly = *read_only;
            }
            Kind::Tmpfs(_) => mount.mount_type = llb::MountType::Tmpfs.into(),
            Kind::Secret(secret) => {
                let ((uid, gid), mode, optional) = (secret.owner(), secret.mode(), secret.is_optional());
                mount.mount_type = llb::MountType::Secret.into();
                mount.secret_opt = Some(llb::SecretOpt { id: secret.id().to_owned(), uid, gid, mode, optional });
            }
            Kind::Ssh(ssh) => {
                let ((uid, gid), mode, optional) = (ssh.owner(), ssh.mode(), ssh.is_optional());
                mount.mount_type = llb::MountType::Ssh.into();
                mount.ssh_opt = Some(llb::SshOpt { id: ssh.id().to_owned(), uid, gid, mode, optional });
            }
        }
        mount
    }
}

impl BindMount {
    /// Only a path below what is mounted.
    #[must_use]
    pub fn with_selector(mut self, path: impl Into<String>) -> Self {
        self.selector = path.into();
        self
    }

    /// Processes may not write to it.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }
}

impl CacheMount {
    /// Starts a new directory from a ref.
    #[must_use]
    pub fn seeded_with(mut self, reference: &Reference) -> Self {
        self.seed.clone_from(&reference.id);
        self
    }

    /// Only a path below the directory.
    #[must_use]
    pub fn with_selector(mut self, path: impl Into<String>) -> Self {
        self.selector = path.into();
        self
    }

    /// Processes may not write to it.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }
}

impl From<BindMount> for Mount {
    fn from(mount: BindMount) -> Self {
        Self(Kind::Bind(mount))
    }
}

impl From<CacheMount> for Mount {
    fn from(mount: CacheMount) -> Self {
        Self(Kind::Cache(mount))
    }
}

impl From<SecretMount> for Mount {
    fn from(mount: SecretMount) -> Self {
        Self(Kind::Secret(mount))
    }
}

impl From<SshMount> for Mount {
    fn from(mount: SshMount) -> Self {
        Self(Kind::Ssh(mount))
    }
}
