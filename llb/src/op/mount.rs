//! Mounts of an exec.
//!
//! Which mounts may be combined is the verifier's business; numbering of outputs is the exec's.

use buildkit_proto::pb;

use crate::graph::Output;

/// One mount of an exec (`Mount`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    pub(crate) dest: String,
    pub(crate) kind: MountKind,
}

/// What is mounted.
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
}

/// What the process may do with a bind mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read; the content is part of the cache key.
    ReadOnly,
    /// Write; the outcome is an output of the op.
    Output,
    /// Write; the outcome is thrown away.
    Discard,
}

/// What concurrent users of a cache mount get (`CacheSharingOpt`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// The same directory at the same time.
    Shared,
    /// A directory each.
    Private,
    /// The same directory, one after the other.
    Locked,
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

    fn bind(dest: impl Into<String>, input: Option<Output>, access: Access) -> Self {
        Self { dest: dest.into(), kind: MountKind::Bind { input, selector: String::new(), access } }
    }

    /// A directory kept between builds.
    #[must_use]
    pub fn cache(dest: impl Into<String>, id: impl Into<String>, sharing: Sharing) -> Self {
        Self { dest: dest.into(), kind: MountKind::Cache { id: id.into(), sharing } }
    }

    /// Memory, unlimited.
    #[must_use]
    pub fn tmpfs(dest: impl Into<String>) -> Self {
        Self { dest: dest.into(), kind: MountKind::Tmpfs { size: 0 } }
    }

    /// A secret file of root's with mode 0400.
    #[must_use]
    pub fn secret(dest: impl Into<String>, id: impl Into<String>) -> Self {
        Self {
            dest: dest.into(),
            kind: MountKind::Secret { id: id.into(), uid: 0, gid: 0, mode: 0o400, optional: false },
        }
    }

    /// A secret file that every user of the step can read; other mounts stay as they are.
    #[must_use]
    pub fn readable_by_all(mut self) -> Self {
        if let MountKind::Secret { mode, .. } = &mut self.kind {
            *mode |= 0o444;
        }
        self
    }

    /// Only a path below the input of a bind mount; other mounts have none and stay as they are.
    #[must_use]
    pub fn with_selector(mut self, path: impl Into<String>) -> Self {
        if let MountKind::Bind { selector, .. } = &mut self.kind {
            *selector = path.into();
        }
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
            MountKind::Bind { input, .. } => *input,
            MountKind::Cache { .. } | MountKind::Tmpfs { .. } | MountKind::Secret { .. } => None,
        }
    }

    pub(crate) fn has_output(&self) -> bool {
        matches!(self.kind, MountKind::Bind { access: Access::Output, .. })
    }

    /// Secret mounts follow all others on the wire (`client/llb/exec.go`).
    pub(crate) fn is_secret(&self) -> bool {
        matches!(self.kind, MountKind::Secret { .. })
    }

    pub(crate) fn to_pb(&self, input: i64, output: i64) -> pb::Mount {
        let mut mount = pb::Mount { input, output, dest: self.dest.clone(), ..Default::default() };
        match &self.kind {
            MountKind::Bind { input: _, selector, access } => {
                mount.selector = selector.clone();
                mount.readonly = *access == Access::ReadOnly;
            }
            MountKind::Cache { id, sharing } => {
                mount.mount_type = pb::MountType::Cache.into();
                let sharing = match sharing {
                    Sharing::Shared => pb::CacheSharingOpt::Shared,
                    Sharing::Private => pb::CacheSharingOpt::Private,
                    Sharing::Locked => pb::CacheSharingOpt::Locked,
                };
                mount.cache_opt = Some(pb::CacheOpt { id: id.clone(), sharing: sharing.into() });
            }
            MountKind::Tmpfs { size } => {
                mount.mount_type = pb::MountType::Tmpfs.into();
                mount.tmpfs_opt = Some(pb::TmpfsOpt { size: *size });
            }
            MountKind::Secret { id, uid, gid, mode, optional } => {
                mount.mount_type = pb::MountType::Secret.into();
                // Go leaves the output of secret mounts at its zero value; equal bytes need the same.
                mount.output = 0;
                mount.secret_opt =
                    Some(pb::SecretOpt { id: id.clone(), uid: *uid, gid: *gid, mode: *mode, optional: *optional });
            }
        }
        mount
    }
}
