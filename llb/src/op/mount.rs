//! Mounts of an exec: one type for each kind, with the setters that mean something for that kind only.
//!
//! Which mounts may be combined is checked by the verifier. The exec numbers the outputs.

mod bind;
mod cache;
mod served;
mod tmpfs;
mod wire;

use crate::output::Output;

pub use bind::{Access, BindMount, ContentCache};
pub use cache::{CacheMount, Sharing};
pub use served::{SecretMount, SshMount};
pub use tmpfs::TmpfsMount;

/// One mount of an exec (`Mount`), of any kind.
///
/// The constructors return the type of their kind, which has the options of that kind. All of them turn into this type.
///
/// ```
/// use buildkit_llb::{Access, ContentCache, Mount, Sharing};
///
/// let mounts: [Mount; 5] = [
///     Mount::cache("/var/cache/apt", "apt", Sharing::Locked).into(),
///     Mount::secret("/dev/token", "token").with_owner(1000, 1000).with_mode(0o440).optional().into(),
///     Mount::ssh("/run/ssh-agent", "default").into(),
///     Mount::tmpfs("/tmp").with_size(64 << 20).into(),
///     Mount::bind("/out", None, Access::Output).with_content_cache(ContentCache::Off).into(),
/// ];
/// assert_eq!(mounts[0].dest(), "/var/cache/apt");
/// ```
///
/// An option that the kind does not have does not compile:
///
/// ```compile_fail
/// buildkit_llb::Mount::tmpfs("/tmp").optional();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mount {
    /// The content of an output, or an empty directory.
    Bind(BindMount),
    /// A directory kept between builds; never part of the result.
    Cache(CacheMount),
    /// Memory.
    Tmpfs(TmpfsMount),
    /// A secret as a file; its value is in no cache key.
    Secret(SecretMount),
    /// The socket of an ssh agent of the client.
    Ssh(SshMount),
}

impl Mount {
    /// The content of an output, read-only.
    #[must_use]
    pub fn read_only(dest: impl Into<String>, input: Output) -> BindMount {
        Self::bind(dest, Some(input), Access::ReadOnly)
    }

    /// The content of an output to change; the changed content is an output of the op.
    #[must_use]
    pub fn output(dest: impl Into<String>, input: Output) -> BindMount {
        Self::bind(dest, Some(input), Access::Output)
    }

    /// An empty directory to fill; what is in it afterwards is an output of the op.
    #[must_use]
    pub fn scratch_output(dest: impl Into<String>) -> BindMount {
        Self::bind(dest, None, Access::Output)
    }

    /// The content of an output, or an empty directory, with any access.
    #[must_use]
    pub fn bind(dest: impl Into<String>, input: Option<Output>, access: Access) -> BindMount {
        BindMount::new(dest.into(), input, access)
    }

    /// A directory kept between builds.
    #[must_use]
    pub fn cache(dest: impl Into<String>, id: impl Into<String>, sharing: Sharing) -> CacheMount {
        CacheMount::new(dest.into(), id.into(), sharing)
    }

    /// Memory, unlimited.
    #[must_use]
    pub fn tmpfs(dest: impl Into<String>) -> TmpfsMount {
        TmpfsMount { dest: dest.into(), size: 0 }
    }

    /// A secret as a file that belongs to root and has the mode 0400.
    #[must_use]
    pub fn secret(dest: impl Into<String>, id: impl Into<String>) -> SecretMount {
        SecretMount::new(dest.into(), id.into())
    }

    /// The socket of the client's ssh agent `id`, owned by root with the mode 0600; the empty id is `default`. The first
    /// one of an exec is also its `SSH_AUTH_SOCK`, unless the exec sets that variable itself.
    #[must_use]
    pub fn ssh(dest: impl Into<String>, id: impl Into<String>) -> SshMount {
        SshMount::new(dest.into(), id.into())
    }

    /// Where it is mounted.
    #[must_use]
    pub fn dest(&self) -> &str {
        match self {
            Self::Bind(mount) => mount.dest(),
            Self::Cache(mount) => mount.dest(),
            Self::Tmpfs(mount) => mount.dest(),
            Self::Secret(mount) => mount.dest(),
            Self::Ssh(mount) => mount.dest(),
        }
    }

    pub(crate) fn input(&self) -> Option<Output> {
        match self {
            Self::Bind(mount) => mount.input,
            Self::Cache(mount) => mount.seed,
            Self::Tmpfs(_) | Self::Secret(_) | Self::Ssh(_) => None,
        }
    }

    /// The place of the input; `None` for kinds that have no input.
    pub(crate) fn input_mut(&mut self) -> Option<&mut Option<Output>> {
        match self {
            Self::Bind(mount) => Some(&mut mount.input),
            Self::Cache(mount) => Some(&mut mount.seed),
            Self::Tmpfs(_) | Self::Secret(_) | Self::Ssh(_) => None,
        }
    }

    /// Whether the daemon looks into the input for the cache key.
    pub(crate) fn content_cache(&self) -> ContentCache {
        match self {
            Self::Bind(mount) => mount.content_cache,
            Self::Cache(mount) => mount.content_cache,
            Self::Tmpfs(_) | Self::Secret(_) | Self::Ssh(_) => ContentCache::Default,
        }
    }

    pub(crate) fn has_output(&self) -> bool {
        matches!(self, Self::Bind(mount) if mount.access == Access::Output)
    }

    /// The key by which mounts are sorted on the wire: most by destination, then secrets, then sockets, both in the order
    /// given (`client/llb/exec.go`).
    pub(crate) fn order(&self) -> (u8, &str) {
        match self {
            Self::Bind(_) | Self::Cache(_) | Self::Tmpfs(_) => (0, self.dest()),
            Self::Secret(_) => (1, ""),
            Self::Ssh(_) => (2, ""),
        }
    }
}

impl From<BindMount> for Mount {
    fn from(mount: BindMount) -> Self {
        Self::Bind(mount)
    }
}

impl From<CacheMount> for Mount {
    fn from(mount: CacheMount) -> Self {
        Self::Cache(mount)
    }
}

impl From<TmpfsMount> for Mount {
    fn from(mount: TmpfsMount) -> Self {
        Self::Tmpfs(mount)
    }
}

impl From<SecretMount> for Mount {
    fn from(mount: SecretMount) -> Self {
        Self::Secret(mount)
    }
}

impl From<SshMount> for Mount {
    fn from(mount: SshMount) -> Self {
        Self::Ssh(mount)
    }
}
