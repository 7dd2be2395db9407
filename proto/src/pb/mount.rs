//! Messages of an exec op's mounts.

/// One mount of an exec.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // `RUN --mount=type=bind,target=/src`. −1 means no output; with 0, the mount would be the first output.
/// let source = pb::Mount { input: 1, dest: "/src".to_owned(), output: -1, readonly: true, ..Default::default() };
/// let minus_one = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
/// assert_eq!(source.encode_to_vec(), [&b"\x08\x01\x1a\x04/src\x20"[..], minus_one, b"\x28\x01"].concat());
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Mount {
    /// Index into the op's inputs, −1 for an empty filesystem.
    #[prost(int64, tag = "1")]
    pub input: i64,
    /// Path below the input to mount.
    #[prost(string, tag = "2")]
    pub selector: String,
    /// Mount point.
    #[prost(string, tag = "3")]
    pub dest: String,
    /// Index of the output that the mount becomes, −1 for none.
    #[prost(int64, tag = "4")]
    pub output: i64,
    /// Mounted read-only.
    #[prost(bool, tag = "5")]
    pub readonly: bool,
    /// The type of mount.
    #[prost(enumeration = "MountType", tag = "6")]
    pub mount_type: i32,
    /// For tmpfs mounts.
    #[prost(message, optional, tag = "19")]
    pub tmpfs_opt: Option<TmpfsOpt>,
    /// For cache mounts.
    #[prost(message, optional, tag = "20")]
    pub cache_opt: Option<CacheOpt>,
    /// For secret mounts.
    #[prost(message, optional, tag = "21")]
    pub secret_opt: Option<SecretOpt>,
    /// For ssh mounts.
    #[prost(message, optional, tag = "22")]
    pub ssh_opt: Option<SshOpt>,
    /// A result of another solve, in gateway containers only.
    #[prost(string, tag = "23")]
    pub result_id: String,
    /// Whether the mount's content is part of the cache key.
    #[prost(enumeration = "MountContentCache", tag = "24")]
    pub content_cache: i32,
}

/// Options of a tmpfs mount.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// assert_eq!(pb::TmpfsOpt { size: 64 << 20 }.encode_to_vec(), [0x08, 0x80, 0x80, 0x80, 0x20]);
/// // Go's client writes the message even if there is no limit; without it the digest would differ.
/// let mount = pb::Mount { tmpfs_opt: Some(pb::TmpfsOpt::default()), ..Default::default() };
/// assert_eq!(mount.encode_to_vec(), [0x9a, 0x01, 0]);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct TmpfsOpt {
    /// Bytes; 0 is unlimited.
    #[prost(int64, tag = "1")]
    pub size: i64,
}

/// Options of a cache mount.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // The id identifies the cache, not the mount point: any step of any build with this id gets this directory.
/// let apt = pb::CacheOpt { id: "apt".to_owned(), sharing: pb::CacheSharingOpt::Locked.into() };
/// assert_eq!(apt.encode_to_vec(), b"\x0a\x03apt\x10\x02");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct CacheOpt {
    /// The id of the cache; all mounts without an id share one cache.
    #[prost(string, tag = "1")]
    pub id: String,
    /// How concurrent users share the cache.
    #[prost(enumeration = "CacheSharingOpt", tag = "2")]
    pub sharing: i32,
}

/// Options of a secret mount.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // The mode must be set: with 0, the default on the wire, only root can read the file.
/// let netrc = pb::SecretOpt { id: "netrc".to_owned(), uid: 1000, gid: 1000, mode: 0o400, ..Default::default() };
/// assert_eq!(netrc.encode_to_vec(), b"\x0a\x05netrc\x10\xe8\x07\x18\xe8\x07\x20\x80\x02");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct SecretOpt {
    /// The secret's id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Owner.
    #[prost(uint32, tag = "2")]
    pub uid: u32,
    /// Group.
    #[prost(uint32, tag = "3")]
    pub gid: u32,
    /// Permission bits.
    #[prost(uint32, tag = "4")]
    pub mode: u32,
    /// Whether a missing secret is allowed.
    #[prost(bool, tag = "5")]
    pub optional: bool,
}

/// Options of an ssh agent mount.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // An empty id means the same agent, but gives a different digest.
/// let agent = pb::SshOpt { id: "default".to_owned(), mode: 0o600, ..Default::default() };
/// assert_eq!(agent.encode_to_vec(), b"\x0a\x07default\x20\x80\x03");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct SshOpt {
    /// Agent id; empty is `default`.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Owner of the socket.
    #[prost(uint32, tag = "2")]
    pub uid: u32,
    /// Group of the socket.
    #[prost(uint32, tag = "3")]
    pub gid: u32,
    /// Permission bits of the socket.
    #[prost(uint32, tag = "4")]
    pub mode: u32,
    /// Whether a missing agent is allowed.
    #[prost(bool, tag = "5")]
    pub optional: bool,
}

/// Types of mounts.
///
/// ```
/// use buildkit_proto::pb::{Mount, MountType};
///
/// let mut mount = Mount { mount_type: MountType::Cache.into(), ..Default::default() };
/// assert_eq!((mount.mount_type, MountType::try_from(mount.mount_type)), (3, Ok(MountType::Cache)));
/// // A type of a newer BuildKit: `try_from` reports it, while the accessor returns the default.
/// mount.mount_type = 5;
/// assert_eq!(MountType::try_from(mount.mount_type).ok(), None);
/// assert_eq!(mount.mount_type(), MountType::Bind);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum MountType {
    /// The content of an input, or an empty directory.
    Bind = 0,
    /// A secret file.
    Secret = 1,
    /// An ssh agent's socket.
    Ssh = 2,
    /// A directory kept between builds.
    Cache = 3,
    /// A directory in memory.
    Tmpfs = 4,
}

/// Whether a mount's content is part of the cache key.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Hashing a big input may take longer than the step. If it is off, only the ops that made the input are part of the key.
/// let mut model = pb::Mount::default();
/// model.set_content_cache(pb::MountContentCache::Off);
/// assert_eq!(model.encode_to_vec(), [0xc0, 0x01, 2]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum MountContentCache {
    /// BuildKit's default for the type of mount.
    Default = 0,
    /// Always.
    On = 1,
    /// Never.
    Off = 2,
}

/// How concurrent users share a cache mount.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// let sharing = |word| match word {
///     "private" => pb::CacheSharingOpt::Private,
///     "locked" => pb::CacheSharingOpt::Locked,
///     _ => pb::CacheSharingOpt::Shared,
/// };
/// let cache = |word| pb::CacheOpt { sharing: sharing(word).into(), ..Default::default() };
/// assert_eq!(cache("locked").encode_to_vec(), [0x10, 2]);
/// assert_eq!(cache("shared").encode_to_vec(), b"", "who says nothing shares with steps that run meanwhile");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum CacheSharingOpt {
    /// All use the same directory at the same time.
    Shared = 0,
    /// Each gets its own directory.
    Private = 1,
    /// All use the same directory, one after the other.
    Locked = 2,
}
