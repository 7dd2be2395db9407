//! The LLB messages of `moby/buildkit: solver/pb/ops.proto` (v0.32), declared by hand with their field numbers.
//!
//! A wire map is a repeated entry message whose key and value have presence, because that is the only form in which
//! prost writes an entry whose key or value is the default, and BuildKit's decoder stores a nil pointer for a value
//! that is not there. Whoever fills such a field keeps it sorted by key ([`crate::map`] does).
//! This module holds data only; which graphs make sense is `buildkit-llb`'s business.

/// LLB's operation envelope: exactly one `op`, the vertices it reads from and what it is pinned to.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Op {
    /// The outputs of other ops this op reads.
    #[prost(message, repeated, tag = "1")]
    pub inputs: Vec<Input>,
    /// The operation; absent only in the terminal op of a definition.
    #[prost(oneof = "op::Op", tags = "2, 3, 4, 5, 6, 7, 8")]
    pub op: Option<op::Op>,
    /// What the op runs for; part of the digest.
    #[prost(message, optional, tag = "10")]
    pub platform: Option<Platform>,
    /// Which workers may run it; part of the digest, and always present in canonical bytes.
    #[prost(message, optional, tag = "11")]
    pub constraints: Option<WorkerConstraints>,
}

/// A platform as BuildKit spells it (Go names of the OCI image spec).
#[derive(Clone, PartialEq, prost::Message)]
pub struct Platform {
    /// GOARCH name, `amd64`.
    #[prost(string, tag = "1")]
    pub architecture: String,
    /// GOOS name, `linux`.
    #[prost(string, tag = "2")]
    pub os: String,
    /// CPU variant, `v7`; empty for none.
    #[prost(string, tag = "3")]
    pub variant: String,
    /// Windows only.
    #[prost(string, tag = "4")]
    pub os_version: String,
    /// Unused by BuildKit.
    #[prost(string, repeated, tag = "5")]
    pub os_features: Vec<String>,
}

/// A reference to an output of another op.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Input {
    /// Digest of the other op's bytes, `sha256:…`.
    #[prost(string, tag = "1")]
    pub digest: String,
    /// Which of its outputs.
    #[prost(int64, tag = "2")]
    pub index: i64,
}

/// Runs a process in a rootfs made of mounts.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExecOp {
    /// What to run.
    #[prost(message, optional, tag = "1")]
    pub meta: Option<Meta>,
    /// The filesystem; one mount must have the destination `/`.
    #[prost(message, repeated, tag = "2")]
    pub mounts: Vec<Mount>,
    /// Network of the process.
    #[prost(enumeration = "NetMode", tag = "3")]
    pub network: i32,
    /// Confinement of the process.
    #[prost(enumeration = "SecurityMode", tag = "4")]
    pub security: i32,
    /// Secrets as environment variables.
    #[prost(message, repeated, tag = "5")]
    pub secretenv: Vec<SecretEnv>,
    /// Devices by CDI name.
    #[prost(message, repeated, tag = "6")]
    pub cdi_devices: Vec<CdiDevice>,
}

/// A process: argv, environment and surroundings.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Meta {
    /// argv.
    #[prost(string, repeated, tag = "1")]
    pub args: Vec<String>,
    /// `NAME=value` entries.
    #[prost(string, repeated, tag = "2")]
    pub env: Vec<String>,
    /// Working directory, absolute.
    #[prost(string, tag = "3")]
    pub cwd: String,
    /// `user[:group]`, resolved in the rootfs; empty is root.
    #[prost(string, tag = "4")]
    pub user: String,
    /// Proxies, which are no part of the cache key.
    #[prost(message, optional, tag = "5")]
    pub proxy_env: Option<ProxyEnv>,
    /// Lines for `/etc/hosts`.
    #[prost(message, repeated, tag = "6")]
    pub extra_hosts: Vec<HostIp>,
    /// Host name; empty is BuildKit's default.
    #[prost(string, tag = "7")]
    pub hostname: String,
    /// Resource limits.
    #[prost(message, repeated, tag = "9")]
    pub ulimit: Vec<Ulimit>,
    /// Parent cgroup.
    #[prost(string, tag = "10")]
    pub cgroup_parent: String,
    /// Remove the empty files and folders that mount points leave.
    #[prost(bool, tag = "11")]
    pub remove_mount_stubs_recursive: bool,
    /// Exit codes that count as success; none means 0 only.
    #[prost(int32, repeated, tag = "12")]
    pub valid_exit_codes: Vec<i32>,
}

/// A line of `/etc/hosts`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HostIp {
    /// Host name.
    #[prost(string, tag = "1")]
    pub host: String,
    /// Address.
    #[prost(string, tag = "2")]
    pub ip: String,
}

/// A resource limit (setrlimit).
#[derive(Clone, PartialEq, prost::Message)]
pub struct Ulimit {
    /// `nofile`, …
    #[prost(string, tag = "1")]
    pub name: String,
    /// Soft limit.
    #[prost(int64, tag = "2")]
    pub soft: i64,
    /// Hard limit.
    #[prost(int64, tag = "3")]
    pub hard: i64,
}

/// A secret handed over as an environment variable.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SecretEnv {
    /// The secret's id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The variable's name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Whether a missing secret is no error.
    #[prost(bool, tag = "3")]
    pub optional: bool,
}

/// A device by CDI name.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CdiDevice {
    /// Fully qualified CDI name or class.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Whether a missing device is no error.
    #[prost(bool, tag = "2")]
    pub optional: bool,
}

/// One mount of an exec.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Mount {
    /// Index into the op's inputs, −1 for an empty one.
    #[prost(int64, tag = "1")]
    pub input: i64,
    /// Path below the input to mount.
    #[prost(string, tag = "2")]
    pub selector: String,
    /// Mount point.
    #[prost(string, tag = "3")]
    pub dest: String,
    /// Index of the output the mount yields, −1 to discard.
    #[prost(int64, tag = "4")]
    pub output: i64,
    /// Mounted read-only.
    #[prost(bool, tag = "5")]
    pub readonly: bool,
    /// What is mounted.
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
#[derive(Clone, PartialEq, prost::Message)]
pub struct TmpfsOpt {
    /// Bytes; 0 is unlimited.
    #[prost(int64, tag = "1")]
    pub size: i64,
}

/// Options of a cache mount.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CacheOpt {
    /// Which cache; empty is one shared by everybody who forgot it.
    #[prost(string, tag = "1")]
    pub id: String,
    /// What concurrent users get.
    #[prost(enumeration = "CacheSharingOpt", tag = "2")]
    pub sharing: i32,
}

/// Options of a secret mount.
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
    /// Whether a missing secret is no error.
    #[prost(bool, tag = "5")]
    pub optional: bool,
}

/// Options of an ssh agent mount.
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
    /// Whether a missing agent is no error.
    #[prost(bool, tag = "5")]
    pub optional: bool,
}

/// Content from outside: image, local directory, git, http.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SourceOp {
    /// `scheme://…`.
    #[prost(string, tag = "1")]
    pub identifier: String,
    /// Scheme-specific attributes (solver/pb/attr.go). A map: entries sorted by key.
    #[prost(message, repeated, tag = "2")]
    pub attrs: Vec<StringEntry>,
}

/// Runs an LLB definition found in an input.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BuildOp {
    /// −1: the LLB of the input.
    #[prost(int64, tag = "1")]
    pub builder: i64,
    /// Named inputs. A map: entries sorted by key.
    #[prost(message, repeated, tag = "2")]
    pub inputs: Vec<BuildInputEntry>,
    /// An inline definition.
    #[prost(message, optional, tag = "3")]
    pub def: Option<Definition>,
    /// Attributes. A map: entries sorted by key.
    #[prost(message, repeated, tag = "4")]
    pub attrs: Vec<StringEntry>,
}

/// An input of a [`BuildOp`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct BuildInput {
    /// Index into the op's inputs.
    #[prost(int64, tag = "1")]
    pub input: i64,
}

/// What is known of a vertex beyond its bytes; never part of the digest.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OpMetadata {
    /// Run even if cached.
    #[prost(bool, tag = "1")]
    pub ignore_cache: bool,
    /// Free text; `llb.customname` is the name progress shows. A map: entries sorted by key.
    #[prost(message, repeated, tag = "2")]
    pub description: Vec<StringEntry>,
    /// Whether cache exporters take the vertex.
    #[prost(message, optional, tag = "4")]
    pub export_cache: Option<ExportCache>,
    /// Capabilities the daemon must have. A map: entries sorted by key.
    #[prost(message, repeated, tag = "5")]
    pub caps: Vec<BoolEntry>,
    /// Vertices shown as one.
    #[prost(message, optional, tag = "6")]
    pub progress_group: Option<ProgressGroup>,
    /// cgroup limits of an exec.
    #[prost(message, optional, tag = "7")]
    pub linux_resources: Option<LinuxResources>,
}

/// cgroup limits of an exec.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LinuxResources {
    /// Bytes.
    #[prost(int64, tag = "1")]
    pub memory: i64,
    /// Bytes, memory and swap together.
    #[prost(int64, tag = "2")]
    pub memory_swap: i64,
    /// Relative weight.
    #[prost(uint64, tag = "3")]
    pub cpu_shares: u64,
    /// Microseconds.
    #[prost(uint64, tag = "4")]
    pub cpu_period: u64,
    /// Microseconds.
    #[prost(int64, tag = "5")]
    pub cpu_quota: i64,
    /// `0-3`.
    #[prost(string, tag = "6")]
    pub cpuset_cpus: String,
    /// `0,1`.
    #[prost(string, tag = "7")]
    pub cpuset_mems: String,
}

/// Where vertices come from in the user's files.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Source {
    /// Vertex digest to its places. A map: entries sorted by key.
    #[prost(message, repeated, tag = "1")]
    pub locations: Vec<LocationsEntry>,
    /// The files.
    #[prost(message, repeated, tag = "2")]
    pub infos: Vec<SourceInfo>,
}

/// All places of one vertex.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Locations {
    /// The places.
    #[prost(message, repeated, tag = "1")]
    pub locations: Vec<Location>,
}

/// One file of the user's.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SourceInfo {
    /// As shown to the user.
    #[prost(string, tag = "1")]
    pub filename: String,
    /// Its text.
    #[prost(bytes = "vec", tag = "2")]
    pub data: Vec<u8>,
    /// The LLB that loaded it.
    #[prost(message, optional, tag = "3")]
    pub definition: Option<Definition>,
    /// Linguist name.
    #[prost(string, tag = "4")]
    pub language: String,
}

/// A place in a file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Location {
    /// Index into `infos`.
    #[prost(int32, tag = "1")]
    pub source_index: i32,
    /// Line ranges.
    #[prost(message, repeated, tag = "2")]
    pub ranges: Vec<Range>,
}

/// A range of text.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Range {
    /// First position.
    #[prost(message, optional, tag = "1")]
    pub start: Option<Position>,
    /// Last position.
    #[prost(message, optional, tag = "2")]
    pub end: Option<Position>,
}

/// A position of text.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Position {
    /// From 1.
    #[prost(int32, tag = "1")]
    pub line: i32,
    /// From 0, in characters.
    #[prost(int32, tag = "2")]
    pub character: i32,
}

/// Whether cache exporters take a vertex.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportCache {
    /// Take it.
    #[prost(bool, tag = "1")]
    pub value: bool,
}

/// Vertices shown as one line of progress.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProgressGroup {
    /// Same id, same group.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Shown name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Does not make the group visible by itself.
    #[prost(bool, tag = "3")]
    pub weak: bool,
}

/// Proxies of an exec, which are no part of its cache key.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProxyEnv {
    /// For http.
    #[prost(string, tag = "1")]
    pub http_proxy: String,
    /// For https.
    #[prost(string, tag = "2")]
    pub https_proxy: String,
    /// For ftp.
    #[prost(string, tag = "3")]
    pub ftp_proxy: String,
    /// Hosts that are reached directly.
    #[prost(string, tag = "4")]
    pub no_proxy: String,
    /// For everything.
    #[prost(string, tag = "5")]
    pub all_proxy: String,
}

/// Which workers may run an op.
#[derive(Clone, PartialEq, prost::Message)]
pub struct WorkerConstraints {
    /// containerd filter expressions.
    #[prost(string, repeated, tag = "1")]
    pub filter: Vec<String>,
}

/// A graph: ops in an order where inputs come first, and what is known about them.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Definition {
    /// Ops; the last one is the terminal op that names the result.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub def: Vec<Vec<u8>>,
    /// Vertex digest to metadata. A map: entries sorted by key.
    #[prost(message, repeated, tag = "2")]
    pub metadata: Vec<OpMetadataEntry>,
    /// Where vertices come from.
    #[prost(message, optional, tag = "3")]
    pub source: Option<Source>,
}

/// Changes to a filesystem without running anything in it.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileOp {
    /// Done in order.
    #[prost(message, repeated, tag = "2")]
    pub actions: Vec<FileAction>,
}

/// One change.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileAction {
    /// Op input, or (number of inputs + k) for the result of action k, −1 for scratch.
    #[prost(int64, tag = "1")]
    pub input: i64,
    /// Likewise, for copies.
    #[prost(int64, tag = "2")]
    pub secondary_input: i64,
    /// Output index, −1 for none.
    #[prost(int64, tag = "3")]
    pub output: i64,
    /// The change.
    #[prost(oneof = "file_action::Action", tags = "4, 5, 6, 7, 8")]
    pub action: Option<file_action::Action>,
}

/// Copies files from the secondary input.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileActionCopy {
    /// Source path.
    #[prost(string, tag = "1")]
    pub src: String,
    /// Destination path.
    #[prost(string, tag = "2")]
    pub dest: String,
    /// New owner; absent keeps the source's.
    #[prost(message, optional, tag = "3")]
    pub owner: Option<ChownOpt>,
    /// Permission bits; −1 keeps the source's.
    #[prost(int32, tag = "4")]
    pub mode: i32,
    /// Follow a link named by `src`.
    #[prost(bool, tag = "5")]
    pub follow_symlink: bool,
    /// Copy a directory's content rather than the directory.
    #[prost(bool, tag = "6")]
    pub dir_copy_contents: bool,
    /// Unpack archives.
    #[prost(bool, tag = "7")]
    pub attempt_unpack_docker_compatibility: bool,
    /// Create missing parents.
    #[prost(bool, tag = "8")]
    pub create_dest_path: bool,
    /// `src` may hold wildcards.
    #[prost(bool, tag = "9")]
    pub allow_wildcard: bool,
    /// A wildcard may match nothing.
    #[prost(bool, tag = "10")]
    pub allow_empty_wildcard: bool,
    /// Nanoseconds since the epoch; −1 keeps the source's.
    #[prost(int64, tag = "11")]
    pub timestamp: i64,
    /// Only what matches.
    #[prost(string, repeated, tag = "12")]
    pub include_patterns: Vec<String>,
    /// Not what matches.
    #[prost(string, repeated, tag = "13")]
    pub exclude_patterns: Vec<String>,
    /// Replace what is in the way, even of another type.
    #[prost(bool, tag = "14")]
    pub always_replace_existing_dest_paths: bool,
    /// Symbolic mode, overrides `mode`.
    #[prost(string, tag = "15")]
    pub mode_str: String,
    /// Paths that must exist.
    #[prost(string, repeated, tag = "16")]
    pub required_paths: Vec<String>,
}

/// Writes a file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileActionMkFile {
    /// Where.
    #[prost(string, tag = "1")]
    pub path: String,
    /// Permission bits.
    #[prost(int32, tag = "2")]
    pub mode: i32,
    /// Content.
    #[prost(bytes = "vec", tag = "3")]
    pub data: Vec<u8>,
    /// Owner; absent is root.
    #[prost(message, optional, tag = "4")]
    pub owner: Option<ChownOpt>,
    /// Nanoseconds since the epoch; −1 is unset.
    #[prost(int64, tag = "5")]
    pub timestamp: i64,
}

/// Makes a symbolic link.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileActionSymlink {
    /// Target.
    #[prost(string, tag = "1")]
    pub oldpath: String,
    /// The link.
    #[prost(string, tag = "2")]
    pub newpath: String,
    /// Owner; absent is root.
    #[prost(message, optional, tag = "3")]
    pub owner: Option<ChownOpt>,
    /// Nanoseconds since the epoch; −1 is unset.
    #[prost(int64, tag = "4")]
    pub timestamp: i64,
}

/// Makes a directory.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileActionMkDir {
    /// Where.
    #[prost(string, tag = "1")]
    pub path: String,
    /// Permission bits.
    #[prost(int32, tag = "2")]
    pub mode: i32,
    /// Create missing parents.
    #[prost(bool, tag = "3")]
    pub make_parents: bool,
    /// Owner; absent is root.
    #[prost(message, optional, tag = "4")]
    pub owner: Option<ChownOpt>,
    /// Nanoseconds since the epoch; −1 is unset.
    #[prost(int64, tag = "5")]
    pub timestamp: i64,
}

/// Removes a path.
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileActionRm {
    /// What.
    #[prost(string, tag = "1")]
    pub path: String,
    /// Nothing there is no error.
    #[prost(bool, tag = "2")]
    pub allow_not_found: bool,
    /// `path` may hold wildcards.
    #[prost(bool, tag = "3")]
    pub allow_wildcard: bool,
}

/// Owner and group of a file.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ChownOpt {
    /// Owner.
    #[prost(message, optional, tag = "1")]
    pub user: Option<UserOpt>,
    /// Group.
    #[prost(message, optional, tag = "2")]
    pub group: Option<UserOpt>,
}

/// A user or group.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UserOpt {
    /// By name or number.
    #[prost(oneof = "user_opt::User", tags = "1, 2")]
    pub user: Option<user_opt::User>,
}

/// A user or group by name.
#[derive(Clone, PartialEq, prost::Message)]
pub struct NamedUserOpt {
    /// Name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Input whose passwd and group files resolve it.
    #[prost(int64, tag = "2")]
    pub input: i64,
}

/// An input of a [`MergeOp`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct MergeInput {
    /// Index into the op's inputs.
    #[prost(int64, tag = "1")]
    pub input: i64,
}

/// Lays filesystems over each other, later ones winning.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MergeOp {
    /// Lowest first.
    #[prost(message, repeated, tag = "1")]
    pub inputs: Vec<MergeInput>,
}

/// The lower side of a [`DiffOp`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct LowerDiffInput {
    /// Index into the op's inputs, −1 for scratch.
    #[prost(int64, tag = "1")]
    pub input: i64,
}

/// The upper side of a [`DiffOp`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct UpperDiffInput {
    /// Index into the op's inputs, −1 for scratch.
    #[prost(int64, tag = "1")]
    pub input: i64,
}

/// What turns the lower filesystem into the upper one.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DiffOp {
    /// Always present.
    #[prost(message, optional, tag = "1")]
    pub lower: Option<LowerDiffInput>,
    /// Always present.
    #[prost(message, optional, tag = "2")]
    pub upper: Option<UpperDiffInput>,
}

/// Adds ordering edges between ops without mounting anything.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PassthroughOp {
    /// Must be set.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Indices of inputs handed on.
    #[prost(int64, repeated, tag = "2")]
    pub outputs: Vec<i64>,
}

/// An entry of a wire map from text to text.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StringEntry {
    /// The key; present even when empty.
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The value; present even when it is the default.
    #[prost(string, optional, tag = "2")]
    pub value: Option<String>,
}
/// An entry of a wire map from text to truth.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BoolEntry {
    /// The key; present even when empty.
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The value; present even when it is the default.
    #[prost(bool, optional, tag = "2")]
    pub value: Option<bool>,
}
/// An entry of a wire map from text to [`BuildInput`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct BuildInputEntry {
    /// The key; present even when empty.
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The value; present even when it is the default.
    #[prost(message, optional, tag = "2")]
    pub value: Option<BuildInput>,
}
/// An entry of a wire map from text to [`Locations`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct LocationsEntry {
    /// The key; present even when empty.
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The value; present even when it is the default.
    #[prost(message, optional, tag = "2")]
    pub value: Option<Locations>,
}
/// An entry of a wire map from text to [`OpMetadata`].
#[derive(Clone, PartialEq, prost::Message)]
pub struct OpMetadataEntry {
    /// The key; present even when empty.
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The value; present even when it is the default.
    #[prost(message, optional, tag = "2")]
    pub value: Option<OpMetadata>,
}

/// Which operation an [`Op`] is.
pub mod op {
    /// See [`super::Op`].
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Op {
        /// Run a process.
        #[prost(message, boxed, tag = "2")]
        Exec(Box<super::ExecOp>),
        /// Bring content in.
        #[prost(message, tag = "3")]
        Source(super::SourceOp),
        /// Change files.
        #[prost(message, tag = "4")]
        File(super::FileOp),
        /// Run a definition found in an input.
        #[prost(message, tag = "5")]
        Build(super::BuildOp),
        /// Lay filesystems over each other.
        #[prost(message, tag = "6")]
        Merge(super::MergeOp),
        /// Take the difference of two filesystems.
        #[prost(message, tag = "7")]
        Diff(super::DiffOp),
        /// Order without mounting.
        #[prost(message, tag = "8")]
        Passthrough(super::PassthroughOp),
    }
}

/// Which change a [`FileAction`] is.
pub mod file_action {
    /// See [`super::FileAction`].
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Action {
        /// Copy files.
        #[prost(message, tag = "4")]
        Copy(super::FileActionCopy),
        /// Write a file.
        #[prost(message, tag = "5")]
        Mkfile(super::FileActionMkFile),
        /// Make a directory.
        #[prost(message, tag = "6")]
        Mkdir(super::FileActionMkDir),
        /// Remove a path.
        #[prost(message, tag = "7")]
        Rm(super::FileActionRm),
        /// Make a symbolic link.
        #[prost(message, tag = "8")]
        Symlink(super::FileActionSymlink),
    }
}

/// How a user is named.
pub mod user_opt {
    /// See [`super::UserOpt`].
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum User {
        /// By name, resolved in an input.
        #[prost(message, tag = "1")]
        ByName(super::NamedUserOpt),
        /// By number.
        #[prost(uint32, tag = "2")]
        ById(u32),
    }
}

/// Network of an exec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum NetMode {
    /// The worker's default, a sandbox unless configured otherwise.
    Unset = 0,
    /// The host's network; needs an entitlement.
    Host = 1,
    /// None.
    None = 2,
}

/// Confinement of an exec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum SecurityMode {
    /// The default confinement.
    Sandbox = 0,
    /// None; needs an entitlement.
    Insecure = 1,
}

/// What a mount is.
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
    /// Memory.
    Tmpfs = 4,
}

/// Whether a mount's content is part of the cache key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum MountContentCache {
    /// BuildKit's rule for the kind of mount.
    Default = 0,
    /// Always.
    On = 1,
    /// Never.
    Off = 2,
}

/// What concurrent users of a cache mount get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum CacheSharingOpt {
    /// The same directory at the same time.
    Shared = 0,
    /// A directory each.
    Private = 1,
    /// The same directory, one after the other.
    Locked = 2,
}
