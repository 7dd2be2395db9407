//! Mounts of an exec.
//!
//! Which mounts may be combined is the verifier's business; numbering of outputs is the exec's.

use buildkit_proto::{Fields, pb};

use crate::graph::Output;

/// One mount of an exec (`Mount`).
///
/// ```
/// use buildkit_llb::{Access, ContentCache, Mount, MountKind, Sharing};
///
/// let cache = Mount::cache("/var/cache/apt", "apt", Sharing::Locked);
/// let token = Mount::secret("/dev/token", "token").with_owner(1000, 1000).with_mode(0o440).optional();
/// let agent = Mount::ssh("/run/ssh-agent", "default");
/// let memory = Mount::tmpfs("/tmp").with_size(64 << 20);
/// let empty = Mount::bind("/out", None, Access::Output).with_content_cache(ContentCache::Off);
/// assert!(matches!(memory.kind(), MountKind::Tmpfs { size: 67_108_864 }));
/// # drop((cache, token, agent, empty));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    pub(crate) dest: String,
    pub(crate) kind: MountKind,
    pub(crate) content_cache: ContentCache,
}

/// What is mounted.
///
/// ```
/// use buildkit_llb::{Mount, MountKind};
///
/// let kind = MountKind::Secret { id: "token".to_owned(), uid: 0, gid: 0, mode: 0o400, optional: false };
/// assert_eq!(Mount::new("/dev/token", kind), Mount::secret("/dev/token", "token"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountKind {
    /// The content of an output, or an empty directory.
    Bind {
        /// `None` is an empty directory.
        input: Option<Output>,
        /// Path below the input; empty is the whole.
        selector: String,
        /// What the process may do with it.
        access: Access,
    },
    /// A directory kept between builds; never part of the result.
    Cache {
        /// Names the directory; never empty.
        id: String,
        /// What concurrent users get.
        sharing: Sharing,
        /// What a new directory starts from. The directory is then kept by id and by this content.
        input: Option<Output>,
        /// Path below the directory; empty is the whole.
        selector: String,
        /// The process may only read.
        read_only: bool,
    },
    /// Memory.
    Tmpfs {
        /// Bytes; 0 is unlimited.
        size: i64,
    },
    /// A secret file; its value is in no cache key.
    Secret {
        /// The secret's id.
        id: String,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
        /// Permission bits.
        mode: u32,
        /// Whether a missing secret is no error.
        optional: bool,
    },
    /// The socket of an ssh agent of the client's.
    Ssh {
        /// The agent's id; empty is `default`.
        id: String,
        /// Owner of the socket.
        uid: u32,
        /// Group of the socket.
        gid: u32,
        /// Permission bits of the socket.
        mode: u32,
        /// Whether a missing agent is no error.
        optional: bool,
    },
}

/// What the process may do with a bind mount.
///
/// ```
/// use buildkit_llb::{Access, Exec, GraphBuilder, Mount, Platform, Source};
///
/// let mut graph = GraphBuilder::new();
/// let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", Platform::linux("amd64")));
/// let run = graph.exec(
///     Exec::new(["true"], base, Platform::linux("amd64"))
///         .with_mount(Mount::bind("/kept", None, Access::Output))
///         .with_mount(Mount::bind("/lost", None, Access::Discard)),
/// );
/// assert!(run.at("/kept").is_some() && run.at("/lost").is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read; the content is part of the cache key.
    ReadOnly,
    /// Write; the outcome is an output of the op.
    Output,
    /// Write; the outcome is thrown away. Needs the capability `exec.mount.bind.readwrite-nooutput`.
    Discard,
}

/// What concurrent users of a cache mount get (`CacheSharingOpt`).
///
/// ```
/// use buildkit_llb::{Mount, Sharing};
///
/// // apt writes a lock file into its cache, so two of them must not have it at once.
/// let cache = Mount::cache("/var/cache/apt", "apt", Sharing::Locked);
/// assert_eq!(cache.dest(), "/var/cache/apt");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// The same directory at the same time.
    Shared,
    /// A directory each.
    Private,
    /// The same directory, one after the other.
    Locked,
}

/// Whether the daemon looks into a mount's input for the cache key (`MountContentCache`). Anything but the default needs
/// the capability `exec.mount.cache.content`.
///
/// ```
/// use buildkit_llb::{ContentCache, Mount};
///
/// let out = Mount::scratch_output("/out").with_content_cache(ContentCache::Off);
/// assert_ne!(out, Mount::scratch_output("/out"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ContentCache {
    /// As BuildKit sees fit: for inputs that the process cannot change.
    #[default]
    Default,
    /// Yes: equal content hits the cache, whatever made it.
    On,
    /// No: only the same ops hit the cache.
    Off,
}

impl Mount {
    /// The content of an output, read-only.
    #[must_use]
    pub fn read_only(dest: impl Into<String>, input: Output) -> Self {
        Self::bind(dest, Some(input), Access::ReadOnly)
    }

    /// The content of an output to change; the changed content is an output of the op.
    #[must_use]
    pub fn output(dest: impl Into<String>, input: Output) -> Self {
        Self::bind(dest, Some(input), Access::Output)
    }

    /// An empty directory to fill; what is in it afterwards is an output of the op.
    #[must_use]
    pub fn scratch_output(dest: impl Into<String>) -> Self {
        Self::bind(dest, None, Access::Output)
    }

    /// The content of an output, or an empty directory, with any access.
    #[must_use]
    pub fn bind(dest: impl Into<String>, input: Option<Output>, access: Access) -> Self {
        Self::new(dest, MountKind::Bind { input, selector: String::new(), access })
    }

    /// A directory kept between builds.
    #[must_use]
    pub fn cache(dest: impl Into<String>, id: impl Into<String>, sharing: Sharing) -> Self {
        let selector = String::new();
        Self::new(dest, MountKind::Cache { id: id.into(), sharing, input: None, selector, read_only: false })
    }

    /// Memory, unlimited.
    #[must_use]
    pub fn tmpfs(dest: impl Into<String>) -> Self {
        Self::new(dest, MountKind::Tmpfs { size: 0 })
    }

    /// A secret file of root's with mode 0400.
    #[must_use]
    pub fn secret(dest: impl Into<String>, id: impl Into<String>) -> Self {
        Self::new(dest, MountKind::Secret { id: id.into(), uid: 0, gid: 0, mode: 0o400, optional: false })
    }

    /// The socket of the client's ssh agent `id`, root's with mode 0600. The first one of an exec is also its
    /// `SSH_AUTH_SOCK`, unless the exec sets that itself.
    #[must_use]
    pub fn ssh(dest: impl Into<String>, id: impl Into<String>) -> Self {
        Self::new(dest, MountKind::Ssh { id: id.into(), uid: 0, gid: 0, mode: 0o600, optional: false })
    }

    /// A mount of any kind.
    #[must_use]
    pub fn new(dest: impl Into<String>, kind: MountKind) -> Self {
        Self { dest: dest.into(), kind, content_cache: ContentCache::Default }
    }

    /// A secret file that every user of the step can read; other mounts stay as they are.
    #[must_use]
    pub fn readable_by_all(mut self) -> Self {
        if let MountKind::Secret { mode, .. } = &mut self.kind {
            *mode |= 0o444;
        }
        self
    }

    /// Only a path below the input of a bind or cache mount; other mounts have none and stay as they are.
    #[must_use]
    pub fn with_selector(mut self, path: impl Into<String>) -> Self {
        if let MountKind::Bind { selector, .. } | MountKind::Cache { selector, .. } = &mut self.kind {
            *selector = path.into();
        }
        self
    }

    /// What a new cache directory starts from; other mounts stay as they are.
    #[must_use]
    pub fn seeded_with(mut self, seed: Output) -> Self {
        if let MountKind::Cache { input, .. } = &mut self.kind {
            *input = Some(seed);
        }
        self
    }

    /// Owner of a secret or socket; other mounts stay as they are.
    #[must_use]
    pub fn with_owner(mut self, owner: u32, group: u32) -> Self {
        if let MountKind::Secret { uid, gid, .. } | MountKind::Ssh { uid, gid, .. } = &mut self.kind {
            (*uid, *gid) = (owner, group);
        }
        self
    }

    /// Permission bits of a secret or socket; other mounts stay as they are.
    #[must_use]
    pub fn with_mode(mut self, bits: u32) -> Self {
        if let MountKind::Secret { mode, .. } | MountKind::Ssh { mode, .. } = &mut self.kind {
            *mode = bits;
        }
        self
    }

    /// A secret or agent that may be missing; other mounts stay as they are.
    #[must_use]
    pub fn optional(mut self) -> Self {
        if let MountKind::Secret { optional, .. } | MountKind::Ssh { optional, .. } = &mut self.kind {
            *optional = true;
        }
        self
    }

    /// The most bytes a tmpfs holds; needs the capability `exec.mount.tmpfs.size`. Other mounts stay as they are.
    #[must_use]
    pub fn with_size(mut self, bytes: i64) -> Self {
        if let MountKind::Tmpfs { size } = &mut self.kind {
            *size = bytes;
        }
        self
    }

    /// Whether the mount's content is part of the cache key.
    #[must_use]
    pub fn with_content_cache(mut self, content_cache: ContentCache) -> Self {
        self.content_cache = content_cache;
        self
    }

    /// Where it is mounted.
    #[must_use]
    pub fn dest(&self) -> &str {
        &self.dest
    }

    /// What is mounted.
    #[must_use]
    pub fn kind(&self) -> &MountKind {
        &self.kind
    }

    pub(crate) fn input(&self) -> Option<Output> {
        match &self.kind {
            MountKind::Bind { input, .. } | MountKind::Cache { input, .. } => *input,
            MountKind::Tmpfs { .. } | MountKind::Secret { .. } | MountKind::Ssh { .. } => None,
        }
    }

    /// Mounts without inputs stay as they are.
    pub(crate) fn set_input(&mut self, new: Option<Output>) {
        if let MountKind::Bind { input, .. } | MountKind::Cache { input, .. } = &mut self.kind {
            *input = new;
        }
    }

    pub(crate) fn has_output(&self) -> bool {
        matches!(self.kind, MountKind::Bind { access: Access::Output, .. })
    }

    /// What mounts are sorted by on the wire: most by destination, then secrets, then sockets, both in the order given
    /// (`client/llb/exec.go`).
    pub(crate) fn order(&self) -> (u8, &str) {
        match self.kind {
            MountKind::Bind { .. } | MountKind::Cache { .. } | MountKind::Tmpfs { .. } => (0, &self.dest),
            MountKind::Secret { .. } => (1, ""),
            MountKind::Ssh { .. } => (2, ""),
        }
    }

    /// Writes the fields of `pb::Mount`.
    pub(crate) fn write(&self, fields: &mut Fields<'_>, input: i64, output: i64) {
        let Self { dest, kind, content_cache } = self;
        // Go leaves the output of secrets and sockets at its zero value; equal bytes need the same.
        let (mount_type, selector, read_only, output) = match kind {
            MountKind::Bind { input: _, selector, access } => {
                (pb::MountType::Bind, selector.as_str(), *access == Access::ReadOnly, output)
            }
            MountKind::Cache { selector, read_only, .. } => {
                (pb::MountType::Cache, selector.as_str(), *read_only, output)
            }
            MountKind::Tmpfs { .. } => (pb::MountType::Tmpfs, "", false, output),
            MountKind::Secret { .. } => (pb::MountType::Secret, "", false, 0),
            MountKind::Ssh { .. } => (pb::MountType::Ssh, "", false, 0),
        };
        fields.number(1, input);
        fields.text(2, selector);
        fields.text(3, dest);
        fields.number(4, output);
        fields.number(5, read_only);
        fields.enumerator(6, mount_type);
        match kind {
            MountKind::Bind { .. } => {}
            MountKind::Tmpfs { size } => fields.message(19, |tmpfs| tmpfs.number(1, *size)),
            MountKind::Cache { id, sharing, .. } => {
                let sharing = match sharing {
                    Sharing::Shared => pb::CacheSharingOpt::Shared,
                    Sharing::Private => pb::CacheSharingOpt::Private,
                    Sharing::Locked => pb::CacheSharingOpt::Locked,
                };
                fields.message(20, |cache| {
                    cache.text(1, id);
                    cache.enumerator(2, sharing);
                });
            }
            MountKind::Secret { id, uid, gid, mode, optional } => {
                fields.message(21, |secret| write_file(secret, id, (*uid, *gid), *mode, *optional));
            }
            MountKind::Ssh { id, uid, gid, mode, optional } => {
                fields.message(22, |ssh| write_file(ssh, id, (*uid, *gid), *mode, *optional));
            }
        }
        let content_cache = match content_cache {
            ContentCache::Default => pb::MountContentCache::Default,
            ContentCache::On => pb::MountContentCache::On,
            ContentCache::Off => pb::MountContentCache::Off,
        };
        fields.enumerator(24, content_cache);
    }

    /// The mount in a wire message, as far as this type can say it; the caller compares. `None` for an enumerator or an
    /// input that does not exist.
    pub(crate) fn from_pb(mount: &pb::Mount, inputs: &[Output]) -> Option<Self> {
        let input = match mount.input {
            -1 => None,
            index => Some(*inputs.get(usize::try_from(index).ok()?)?),
        };
        let kind = match pb::MountType::try_from(mount.mount_type).ok()? {
            pb::MountType::Bind => {
                let access = match (mount.readonly, mount.output) {
                    (true, _) => Access::ReadOnly,
                    (false, -1) => Access::Discard,
                    (false, _) => Access::Output,
                };
                MountKind::Bind { input, selector: mount.selector.clone(), access }
            }
            pb::MountType::Cache => {
                let option = mount.cache_opt.clone()?;
                let sharing = match pb::CacheSharingOpt::try_from(option.sharing).ok()? {
                    pb::CacheSharingOpt::Shared => Sharing::Shared,
                    pb::CacheSharingOpt::Private => Sharing::Private,
                    pb::CacheSharingOpt::Locked => Sharing::Locked,
                };
                let (selector, read_only) = (mount.selector.clone(), mount.readonly);
                MountKind::Cache { id: option.id, sharing, input, selector, read_only }
            }
            pb::MountType::Tmpfs => MountKind::Tmpfs { size: mount.tmpfs_opt.as_ref()?.size },
            pb::MountType::Secret => {
                let pb::SecretOpt { id, uid, gid, mode, optional } = mount.secret_opt.clone()?;
                MountKind::Secret { id, uid, gid, mode, optional }
            }
            pb::MountType::Ssh => {
                let pb::SshOpt { id, uid, gid, mode, optional } = mount.ssh_opt.clone()?;
                MountKind::Ssh { id, uid, gid, mode, optional }
            }
        };
        let content_cache = match pb::MountContentCache::try_from(mount.content_cache).ok()? {
            pb::MountContentCache::Default => ContentCache::Default,
            pb::MountContentCache::On => ContentCache::On,
            pb::MountContentCache::Off => ContentCache::Off,
        };
        Some(Self { dest: mount.dest.clone(), kind, content_cache })
    }
}

/// Writes the fields of `pb::SecretOpt`, which are those of `pb::SshOpt` too.
fn write_file(fields: &mut Fields<'_>, id: &str, (owner, group): (u32, u32), mode: u32, optional: bool) {
    fields.text(1, id);
    fields.number(2, owner);
    fields.number(3, group);
    fields.number(4, mode);
    fields.number(5, optional);
}
