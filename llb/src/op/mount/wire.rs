//! A mount as a wire message, and back.

use buildkit_proto::{Fields, pb};

use super::served::ServedFile;
use super::{Access, BindMount, CacheMount, ContentCache, Mount, SecretMount, Sharing, SshMount, TmpfsMount};
use crate::output::Output;

impl Mount {
    /// Writes the fields of `pb::Mount`.
    pub(crate) fn write(&self, fields: &mut Fields<'_>, input: i64, output: i64) {
        // Go leaves the output of secrets and sockets at its zero value; equal bytes need the same.
        let (mount_type, selector, read_only, output) = match self {
            Self::Bind(bind) => (pb::MountType::Bind, bind.selector.as_str(), bind.access == Access::ReadOnly, output),
            Self::Cache(cache) => (pb::MountType::Cache, cache.selector.as_str(), cache.read_only, output),
            Self::Tmpfs(_) => (pb::MountType::Tmpfs, "", false, output),
            Self::Secret(_) => (pb::MountType::Secret, "", false, 0),
            Self::Ssh(_) => (pb::MountType::Ssh, "", false, 0),
        };
        fields.number(1, input);
        fields.text(2, selector);
        fields.text(3, self.dest());
        fields.number(4, output);
        fields.number(5, read_only);
        fields.enumerator(6, mount_type);
        match self {
            Self::Bind(_) => {}
            Self::Tmpfs(tmpfs) => fields.message(19, |option| option.number(1, tmpfs.size)),
            Self::Cache(cache) => {
                let sharing = match cache.sharing {
                    Sharing::Shared => pb::CacheSharingOpt::Shared,
                    Sharing::Private => pb::CacheSharingOpt::Private,
                    Sharing::Locked => pb::CacheSharingOpt::Locked,
                };
                fields.message(20, |option| {
                    option.text(1, &cache.id);
                    option.enumerator(2, sharing);
                });
            }
            Self::Secret(secret) => fields.message(21, |option| secret.file.write(option)),
            Self::Ssh(ssh) => fields.message(22, |option| ssh.file.write(option)),
        }
        let content_cache = match self.content_cache() {
            ContentCache::Default => pb::MountContentCache::Default,
            ContentCache::On => pb::MountContentCache::On,
            ContentCache::Off => pb::MountContentCache::Off,
        };
        fields.enumerator(24, content_cache);
    }

    /// The mount in a wire message, as far as the types can express it; the caller compares the bytes. `None` for an enumerator
    /// or an input that does not exist.
    pub(crate) fn from_pb(mount: &pb::Mount, inputs: &[Output]) -> Option<Self> {
        let input = match mount.input {
            -1 => None,
            index => Some(*inputs.get(usize::try_from(index).ok()?)?),
        };
        let (dest, selector) = (mount.dest.clone(), mount.selector.clone());
        let content_cache = match pb::MountContentCache::try_from(mount.content_cache).ok()? {
            pb::MountContentCache::Default => ContentCache::Default,
            pb::MountContentCache::On => ContentCache::On,
            pb::MountContentCache::Off => ContentCache::Off,
        };
        Some(match pb::MountType::try_from(mount.mount_type).ok()? {
            pb::MountType::Bind => {
                let access = match (mount.readonly, mount.output) {
                    (true, _) => Access::ReadOnly,
                    (false, -1) => Access::Discard,
                    (false, _) => Access::Output,
                };
                Self::Bind(BindMount { dest, input, selector, access, content_cache })
            }
            pb::MountType::Cache => {
                let pb::CacheOpt { id, sharing } = mount.cache_opt.clone()?;
                let sharing = match pb::CacheSharingOpt::try_from(sharing).ok()? {
                    pb::CacheSharingOpt::Shared => Sharing::Shared,
                    pb::CacheSharingOpt::Private => Sharing::Private,
                    pb::CacheSharingOpt::Locked => Sharing::Locked,
                };
                let read_only = mount.readonly;
                Self::Cache(CacheMount { dest, id, sharing, seed: input, selector, read_only, content_cache })
            }
            pb::MountType::Tmpfs => Self::Tmpfs(TmpfsMount { dest, size: mount.tmpfs_opt.as_ref()?.size }),
            pb::MountType::Secret => {
                let pb::SecretOpt { id, uid, gid, mode, optional } = mount.secret_opt.clone()?;
                Self::Secret(SecretMount { dest, file: ServedFile { id, uid, gid, mode, optional } })
            }
            pb::MountType::Ssh => {
                let pb::SshOpt { id, uid, gid, mode, optional } = mount.ssh_opt.clone()?;
                Self::Ssh(SshMount { dest, file: ServedFile { id, uid, gid, mode, optional } })
            }
        })
    }
}

impl ServedFile {
    /// Writes the fields of `pb::SecretOpt`, which are those of `pb::SshOpt` too.
    fn write(&self, fields: &mut Fields<'_>) {
        let Self { id, uid, gid, mode, optional } = self;
        fields.text(1, id);
        fields.number(2, *uid);
        fields.number(3, *gid);
        fields.number(4, *mode);
        fields.number(5, *optional);
    }
}
