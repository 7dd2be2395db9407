//! The LLB messages of `moby/buildkit: solver/pb/ops.proto` (v0.32), declared by hand with their field numbers.
//!
//! A wire map is a repeated entry message whose key and value have presence. This is the only form in which prost writes an
//! entry whose key or value is the default; BuildKit's decoder stores a nil pointer for a missing value. Code that fills such a
//! field must keep it sorted by key, as [`crate::map`] does.
//!
//! This module contains only data; `buildkit-llb` validates graphs.

/// An operation of LLB: exactly one `op`, its inputs, and its constraints.
///
/// ```
/// use buildkit_proto::{Digest, canonical, pb};
///
/// let debian = "docker-image://docker.io/library/debian:bookworm-slim".to_owned();
/// let op = pb::Op {
///     op: Some(pb::op::Op::Source(pb::SourceOp { identifier: debian, ..Default::default() })),
///     platform: Some(pb::Platform { architecture: "amd64".to_owned(), os: "linux".to_owned(), ..Default::default() }),
///     constraints: Some(pb::WorkerConstraints::default()),
///     ..Default::default()
/// };
/// // Go's client gives the same name to this image.
/// let digest = "sha256:6a272ea499e7e3abf1049c8c91bb14ef4eaaf794729dd1d21783e8d206132d7e";
/// assert_eq!(Digest::from_content(&canonical::op(&op)).to_string(), digest);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Op {
    /// The outputs of other ops that this op reads.
    #[prost(message, repeated, tag = "1")]
    pub inputs: Vec<Input>,
    /// The operation; absent only in the terminal op of a definition.
    #[prost(oneof = "op::Op", tags = "2, 3, 4, 5, 6, 7, 8")]
    pub op: Option<op::Op>,
    /// The target platform; part of the digest.
    #[prost(message, optional, tag = "10")]
    pub platform: Option<Platform>,
    /// The workers that may run it; part of the digest, and always present in canonical bytes.
    #[prost(message, optional, tag = "11")]
    pub constraints: Option<WorkerConstraints>,
}

/// A platform in BuildKit's spelling (Go names of the OCI image spec).
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// let arm64 = pb::Platform { architecture: "arm64".to_owned(), os: "linux".to_owned(), ..Default::default() };
/// assert_eq!(arm64.encode_to_vec(), b"\x0a\x05arm64\x12\x05linux", "the architecture is first");
/// // BuildKit treats this as the same platform, but normalizes platforms only after computing the digest of the op.
/// let v8 = pb::Platform { variant: "v8".to_owned(), ..arm64 };
/// assert_eq!(v8.encode_to_vec(), b"\x0a\x05arm64\x12\x05linux\x1a\x02v8");
/// ```
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
///
/// ```
/// use buildkit_proto::{Digest, Message as _, pb};
///
/// let run = Digest::from_content(b"the bytes of another op");
/// let first = pb::Input { digest: run.to_string(), index: 0 };
/// let second = pb::Input { index: 1, ..first.clone() };
/// // Key and length precede the 71 characters of a digest; index 0 is not written.
/// assert_eq!((first.encoded_len(), second.encoded_len()), (2 + 71, 2 + 71 + 2));
/// assert_eq!(second.digest.parse::<Digest>().ok(), Some(run));
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Input {
    /// Digest of the other op's bytes, `sha256:…`.
    #[prost(string, tag = "1")]
    pub digest: String,
    /// The index of the output.
    #[prost(int64, tag = "2")]
    pub index: i64,
}

/// Runs a process in a rootfs made of mounts.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// let meta = pb::Meta { args: vec!["true".to_owned()], cwd: "/".to_owned(), ..Default::default() };
/// // The defaults of a mount: it is the first input, the process may change it, and the result is the first output.
/// let rootfs = pb::Mount { dest: "/".to_owned(), ..Default::default() };
/// let exec = pb::ExecOp { meta: Some(meta), mounts: vec![rootfs], ..Default::default() };
/// assert_eq!(exec.encode_to_vec(), b"\x0a\x09\x0a\x04true\x1a\x01/\x12\x03\x1a\x01/");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExecOp {
    /// What to run.
    #[prost(message, optional, tag = "1")]
    pub meta: Option<Meta>,
    /// The mounts; one must have the destination `/`.
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
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // grep exits with 1 if it finds nothing. A list replaces the default, so 0 must be in it too.
/// let grep = pb::Meta {
///     args: ["grep", "-r", "needle", "."].map(str::to_owned).to_vec(),
///     env: vec!["LC_ALL=C".to_owned()],
///     cwd: "/src".to_owned(),
///     valid_exit_codes: vec![0, 1],
///     ..Default::default()
/// };
/// assert!(grep.encode_to_vec().ends_with(&[0x62, 2, 0, 1]), "numbers are packed, and zeros in a list are written");
/// ```
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
    /// Proxies, which are not part of the cache key.
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
    /// Exit codes that count as success; an empty list means only 0.
    #[prost(int32, repeated, tag = "12")]
    pub valid_exit_codes: Vec<i32>,
}

/// A line of `/etc/hosts`.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // The name comes first, unlike in the file. The address is part of the digest, but not of the cache key.
/// let database = pb::HostIp { host: "db".to_owned(), ip: "10.0.0.7".to_owned() };
/// assert_eq!(database.encode_to_vec(), [&b"\x0a\x02db\x12\x08"[..], b"10.0.0.7"].concat());
/// ```
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
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // −1 means no hard limit: the daemon casts it to the greatest number. It is encoded in ten bytes.
/// let files = pb::Ulimit { name: "nofile".to_owned(), soft: 1024, hard: -1 };
/// assert_eq!(files.hard.cast_unsigned(), u64::MAX);
/// assert_eq!(files.encode_to_vec(), b"\x0a\x06nofile\x10\x80\x08\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
/// ```
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

/// A secret that is passed as an environment variable.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // The graph does not contain the value. If the secret does not exist, the variable is empty.
/// let token = pb::SecretEnv { id: "token".to_owned(), name: "NPM_TOKEN".to_owned(), optional: true };
/// assert_eq!(token.encode_to_vec(), b"\x0a\x05token\x12\x09NPM_TOKEN\x18\x01");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct SecretEnv {
    /// The secret's id.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The variable's name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Whether a missing secret is allowed.
    #[prost(bool, tag = "3")]
    pub optional: bool,
}

/// A device by CDI name.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Optional, so that machines without the device can build too.
/// let gpus = pb::CdiDevice { name: "nvidia.com/gpu=all".to_owned(), optional: true };
/// assert_eq!(gpus.encode_to_vec(), b"\x0a\x12nvidia.com/gpu=all\x10\x01");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct CdiDevice {
    /// Fully qualified CDI name or class.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Whether a missing device is allowed.
    #[prost(bool, tag = "2")]
    pub optional: bool,
}

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

/// Content from outside: image, local directory, git, http.
///
/// ```
/// use buildkit_proto::{map, pb};
///
/// // Lists are JSON in an attribute.
/// let attrs = [("local.includepattern", r#"["src","*.md"]"#), ("local.followpaths", r#"["src"]"#)];
/// let attrs = attrs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
/// let context = pb::SourceOp { identifier: "local://context".to_owned(), attrs: map::to_strings(&attrs) };
/// let keys: Vec<_> = context.attrs.iter().filter_map(|entry| entry.key.as_deref()).collect();
/// assert_eq!(keys, ["local.followpaths", "local.includepattern"], "in the order in which they are digested");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct SourceOp {
    /// `scheme://…`.
    #[prost(string, tag = "1")]
    pub identifier: String,
    /// Scheme-specific attributes (solver/pb/attr.go). A map: entries sorted by key.
    #[prost(message, repeated, tag = "2")]
    pub attrs: Vec<StringEntry>,
}

/// Runs an LLB definition from an input.
///
/// ```
/// use buildkit_proto::{Message as _, map, pb};
///
/// // −1 is the only builder, and it reads only the input with this name.
/// let inputs = [("buildkit.llb.definition".to_owned(), pb::BuildInput { input: 0 })].into();
/// let build = pb::BuildOp { builder: -1, inputs: map::to_build_inputs(&inputs), ..Default::default() };
/// assert!(build.encode_to_vec().ends_with(b"\x12\x1b\x0a\x17buildkit.llb.definition\x12\x00"));
/// ```
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
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // The first input is encoded as an empty message, the second one in two bytes.
/// assert_eq!(pb::BuildInput { input: 0 }.encode_to_vec(), b"");
/// assert_eq!(pb::BuildInput { input: 1 }.encode_to_vec(), [0x08, 1]);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct BuildInput {
    /// Index into the op's inputs.
    #[prost(int64, tag = "1")]
    pub input: i64,
}

/// Metadata of a vertex; never part of the digest.
///
/// ```
/// use buildkit_proto::{CapSet, caps, map, pb};
///
/// let name = [("llb.customname".to_owned(), "install packages".to_owned())].into();
/// let needed = [caps::llb::EXEC_META_BASE, caps::llb::EXEC_MOUNT_CACHE].map(|id| (id.to_owned(), true)).into();
/// let (description, caps) = (map::to_strings(&name), map::to_bools(&needed));
/// let metadata = pb::OpMetadata { description, caps, ..Default::default() };
///
/// let daemon: CapSet = ["exec.meta.base"].into_iter().collect();
/// let mut ids = metadata.caps.iter().filter_map(|cap| cap.key.as_deref());
/// assert_eq!(ids.find(|id| !daemon.contains(id)), Some("exec.mount.cache"), "what the daemon lacks");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct OpMetadata {
    /// Run even if cached.
    #[prost(bool, tag = "1")]
    pub ignore_cache: bool,
    /// Free text; `llb.customname` is the name progress shows. A map: entries sorted by key.
    #[prost(message, repeated, tag = "2")]
    pub description: Vec<StringEntry>,
    /// Whether cache exporters export the vertex.
    #[prost(message, optional, tag = "4")]
    pub export_cache: Option<ExportCache>,
    /// Capabilities that the daemon must have. A map: entries sorted by key.
    #[prost(message, repeated, tag = "5")]
    pub caps: Vec<BoolEntry>,
    /// The progress group of the vertex.
    #[prost(message, optional, tag = "6")]
    pub progress_group: Option<ProgressGroup>,
    /// cgroup limits of an exec.
    #[prost(message, optional, tag = "7")]
    pub linux_resources: Option<LinuxResources>,
}

/// cgroup limits of an exec.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // One and a half CPUs, which are 150 ms of every 100 ms, and half a GiB of memory.
/// let memory = 512 << 20;
/// let limits = pb::LinuxResources { memory, cpu_period: 100_000, cpu_quota: 150_000, ..Default::default() };
/// let (memory, cpu) = ([0x08, 0x80, 0x80, 0x80, 0x80, 0x02], [0x20, 0xa0, 0x8d, 0x06, 0x28, 0xf0, 0x93, 0x09]);
/// assert_eq!(limits.encode_to_vec(), [&memory[..], &cpu].concat());
/// ```
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

/// The places in the user's files that vertices come from.
///
/// ```
/// use buildkit_proto::{Digest, map, pb};
///
/// let vertex = Digest::from_content(b"the bytes of an op").to_string();
/// let file = |name: &str| pb::SourceInfo { filename: name.to_owned(), ..Default::default() };
/// let locations = vec![pb::Location { source_index: 1, ranges: Vec::new() }];
/// let source = pb::Source {
///     locations: map::to_locations(&[(vertex.clone(), pb::Locations { locations })].into()),
///     infos: vec![file("base.yaml"), file("app.yaml")],
/// };
/// // Finds the files that a failed vertex comes from.
/// let places = &map::from_locations(&source.locations)[&vertex].locations;
/// let infos = places.iter().filter_map(|place| source.infos.get(usize::try_from(place.source_index).ok()?));
/// assert_eq!(infos.map(|info| info.filename.as_str()).collect::<Vec<_>>(), ["app.yaml"]);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Source {
    /// The places of vertices, by digest. A map: entries sorted by key.
    #[prost(message, repeated, tag = "1")]
    pub locations: Vec<LocationsEntry>,
    /// The files.
    #[prost(message, repeated, tag = "2")]
    pub infos: Vec<SourceInfo>,
}

/// All places of one vertex.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // A step comes from two files without line ranges; the place in the first file is an empty message.
/// let files = [0, 1].map(|source_index| pb::Location { source_index, ranges: Vec::new() });
/// assert_eq!(pb::Locations { locations: files.to_vec() }.encode_to_vec(), [0x0a, 0, 0x0a, 2, 0x08, 1]);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Locations {
    /// The places.
    #[prost(message, repeated, tag = "1")]
    pub locations: Vec<Location>,
}

/// One file of the user.
///
/// ```
/// use buildkit_proto::pb;
///
/// let info = pb::SourceInfo {
///     filename: "Dockerfile".to_owned(),
///     data: b"FROM alpine\nRUN exit 1\n".to_vec(),
///     language: "Dockerfile".to_owned(),
///     ..Default::default()
/// };
/// let place = pb::Position { line: 2, character: 0 };
/// let line = usize::try_from(place.line - 1).ok().and_then(|line| info.data.split(|byte| *byte == b'\n').nth(line));
/// assert_eq!(line, Some(&b"RUN exit 1"[..]), "lines count from 1");
/// ```
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
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Lines 2 and 5 of the first file, which are both marked.
/// let line = |line| Some(pb::Position { line, character: 0 });
/// let ranges = [2, 5].map(|at| pb::Range { start: line(at), end: line(at) }).to_vec();
/// let place = pb::Location { source_index: 0, ranges };
/// assert_eq!(
///     place.encode_to_vec(),
///     [0x12, 8, 0x0a, 2, 0x08, 2, 0x12, 2, 0x08, 2, 0x12, 8, 0x0a, 2, 0x08, 5, 0x12, 2, 0x08, 5]
/// );
/// ```
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
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Lines 3 and 4: the range includes its last line.
/// let line = |line| Some(pb::Position { line, character: 0 });
/// assert_eq!(pb::Range { start: line(3), end: line(4) }.encode_to_vec(), [0x0a, 2, 0x08, 3, 0x12, 2, 0x08, 4]);
/// ```
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
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // At the start of a text only the line is written: lines count from 1 and characters from 0.
/// assert_eq!(pb::Position { line: 1, character: 0 }.encode_to_vec(), [0x08, 1]);
/// assert_eq!(pb::Position { line: 1, character: 4 }.encode_to_vec(), [0x08, 1, 0x10, 4]);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Position {
    /// From 1.
    #[prost(int32, tag = "1")]
    pub line: i32,
    /// From 0, in characters.
    #[prost(int32, tag = "2")]
    pub character: i32,
}

/// Whether cache exporters export a vertex.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // An empty message means "no"; without a message the exporter decides.
/// let never = pb::OpMetadata { export_cache: Some(pb::ExportCache { value: false }), ..Default::default() };
/// assert_eq!(never.encode_to_vec(), [0x22, 0]);
/// assert_eq!(pb::OpMetadata::default().encode_to_vec(), b"");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExportCache {
    /// Whether to export it.
    #[prost(bool, tag = "1")]
    pub value: bool,
}

/// Vertices shown as one line of progress.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Vertices with equal ids share a line; a weak member alone does not show it.
/// let fetch = pb::ProgressGroup { id: "app".to_owned(), name: "load the context".to_owned(), weak: true };
/// assert_eq!(fetch.encode_to_vec(), b"\x0a\x03app\x12\x10load the context\x18\x01");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct ProgressGroup {
    /// The id of the group.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The displayed name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Whether this vertex alone does not make the group visible.
    #[prost(bool, tag = "3")]
    pub weak: bool,
}

/// Proxies of an exec, which are not part of its cache key.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // The process gets `HTTPS_PROXY`, `https_proxy`, `NO_PROXY` and `no_proxy`.
/// let proxy = pb::ProxyEnv {
///     https_proxy: "http://proxy:3128".to_owned(),
///     no_proxy: "localhost".to_owned(),
///     ..Default::default()
/// };
/// assert_eq!(proxy.encode_to_vec(), b"\x12\x11http://proxy:3128\x22\x09localhost");
/// // An empty message sets no variables, but the digest still differs from that of an op without the message.
/// let meta = pb::Meta { proxy_env: Some(pb::ProxyEnv::default()), ..Default::default() };
/// assert_eq!(meta.encode_to_vec(), [0x2a, 0]);
/// ```
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

/// The workers that may run an op.
///
/// ```
/// use buildkit_proto::{canonical, pb};
///
/// // Go's client writes the message in every op, even without constraints.
/// let op = pb::Op { constraints: Some(pb::WorkerConstraints::default()), ..Default::default() };
/// assert_eq!(canonical::op(&op), [0x5a, 0]);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct WorkerConstraints {
    /// containerd filter expressions.
    #[prost(string, repeated, tag = "1")]
    pub filter: Vec<String>,
}

/// A graph: ops in topological order, with their metadata.
///
/// ```
/// use buildkit_proto::{Digest, Message as _, canonical, map, pb};
///
/// let context = pb::SourceOp { identifier: "local://context".to_owned(), ..Default::default() };
/// let bytes = canonical::op(&pb::Op { op: Some(pb::op::Op::Source(context)), ..Default::default() });
/// let digest = Digest::from_content(&bytes).to_string();
/// let result = pb::Input { digest: digest.clone(), index: 0 };
/// let definition = pb::Definition {
///     def: vec![bytes, canonical::op(&pb::Op { inputs: vec![result], ..Default::default() })],
///     metadata: map::to_metadata(&[(digest.clone(), pb::OpMetadata::default())].into()),
///     ..Default::default()
/// };
/// // The last op does nothing; its input is the result.
/// let last = pb::Op::decode(definition.def[1].as_slice())?;
/// assert_eq!((last.op, &last.inputs[0].digest), (None, &digest));
/// # Ok::<(), prost::DecodeError>(())
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Definition {
    /// Ops; the last one is the terminal op that names the result.
    #[prost(bytes = "vec", repeated, tag = "1")]
    pub def: Vec<Vec<u8>>,
    /// Vertex digest to metadata. A map: entries sorted by key.
    #[prost(message, repeated, tag = "2")]
    pub metadata: Vec<OpMetadataEntry>,
    /// The places that vertices come from.
    #[prost(message, optional, tag = "3")]
    pub source: Option<Source>,
}

/// Changes a filesystem without running a process.
///
/// ```
/// use buildkit_proto::{Digest, canonical, pb};
///
/// let debian = "sha256:6a272ea499e7e3abf1049c8c91bb14ef4eaaf794729dd1d21783e8d206132d7e".to_owned();
/// let (path, data) = ("/a".to_owned(), b"/a".to_vec());
/// let mkfile = pb::FileActionMkFile { path, mode: 0o644, data, timestamp: -1, ..Default::default() };
/// let action = Some(pb::file_action::Action::Mkfile(mkfile));
/// let actions = vec![pb::FileAction { input: 0, secondary_input: -1, output: 0, action }];
/// let op = pb::Op {
///     inputs: vec![pb::Input { digest: debian, index: 0 }],
///     op: Some(pb::op::Op::File(pb::FileOp { actions })),
///     constraints: Some(pb::WorkerConstraints::default()),
///     ..Default::default()
/// };
/// // Like Go's client, which sets no platform here, because files are the same on all platforms.
/// let digest = "sha256:5103f718c19fc149a8ccd61a3d8f8b07a8d6b7a251ef41b13caf4015b4893a21";
/// assert_eq!(Digest::from_content(&canonical::op(&op)).to_string(), digest);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileOp {
    /// The actions, in order.
    #[prost(message, repeated, tag = "2")]
    pub actions: Vec<FileAction>,
}

/// One change.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Indices of results follow those of the inputs: in an op with two inputs, 2 is the result of the first action. This
/// // copies files of the second input onto it.
/// let copy = pb::FileActionCopy { dest: "/".to_owned(), ..Default::default() };
/// let action = Some(pb::file_action::Action::Copy(copy));
/// let second = pb::FileAction { input: 2, secondary_input: 1, output: 0, action };
/// assert_eq!(second.encode_to_vec(), b"\x08\x02\x10\x01\x22\x03\x12\x01/");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileAction {
    /// Op input, or (number of inputs + k) for the result of action k, −1 for scratch.
    #[prost(int64, tag = "1")]
    pub input: i64,
    /// The source of a copy, in the same form.
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
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Both −1 must be set: 0 means no permissions, and a time in 1970.
/// let copy = pb::FileActionCopy {
///     src: "/*.md".to_owned(),
///     dest: "/doc/".to_owned(),
///     mode: -1,
///     create_dest_path: true,
///     allow_wildcard: true,
///     timestamp: -1,
///     ..Default::default()
/// };
/// let (paths, flags) = (b"\x0a\x05/*.md\x12\x05/doc/", b"\x40\x01\x48\x01");
/// let minus_one = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
/// assert_eq!(copy.encode_to_vec(), [&paths[..], b"\x20", minus_one, flags, b"\x58", minus_one].concat());
/// ```
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
    /// Copy only matching paths.
    #[prost(string, repeated, tag = "12")]
    pub include_patterns: Vec<String>,
    /// Do not copy matching paths.
    #[prost(string, repeated, tag = "13")]
    pub exclude_patterns: Vec<String>,
    /// Replace existing files, even of a different type.
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
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // An empty file with a time in 1970: neither content nor time is written. With −1, the file would have the time of the build.
/// let empty = pb::FileActionMkFile { path: "/ok".to_owned(), mode: 0o644, ..Default::default() };
/// assert_eq!(empty.encode_to_vec(), b"\x0a\x03/ok\x10\xa4\x03");
/// ```
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
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // `ln -s python3 /usr/bin/python`, in the same order.
/// let (oldpath, newpath) = ("python3".to_owned(), "/usr/bin/python".to_owned());
/// let link = pb::FileActionSymlink { oldpath, newpath, timestamp: -1, ..Default::default() };
/// assert!(link.encode_to_vec().starts_with(b"\x0a\x07python3\x12\x0f/usr/bin/python\x20\xff"));
/// ```
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
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // `mkdir -p -m 700 /var/lib/app`. BuildKit uses only the nine permission bits, so setgid is not possible.
/// let path = "/var/lib/app".to_owned();
/// let mkdir = pb::FileActionMkDir { path, mode: 0o700, make_parents: true, timestamp: -1, ..Default::default() };
/// assert!(mkdir.encode_to_vec().starts_with(b"\x0a\x0c/var/lib/app\x10\xc0\x03\x18\x01\x28\xff"));
/// ```
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
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // `rm -rf /var/lib/apt/lists/*`. Without wildcards, this would remove only a file named `*`.
/// let path = "/var/lib/apt/lists/*".to_owned();
/// let rm = pb::FileActionRm { path, allow_not_found: true, allow_wildcard: true };
/// assert_eq!(rm.encode_to_vec(), b"\x0a\x14/var/lib/apt/lists/*\x10\x01\x18\x01");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileActionRm {
    /// What.
    #[prost(string, tag = "1")]
    pub path: String,
    /// Whether a missing path is allowed.
    #[prost(bool, tag = "2")]
    pub allow_not_found: bool,
    /// `path` may hold wildcards.
    #[prost(bool, tag = "3")]
    pub allow_wildcard: bool,
}

/// Owner and group of a file.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Without a group, the files would also have the group 1000; this sets root's group.
/// let id = |id| Some(pb::UserOpt { user: Some(pb::user_opt::User::ById(id)) });
/// let owner = pb::ChownOpt { user: id(1000), group: id(0) };
/// assert_eq!(owner.encode_to_vec(), [0x0a, 3, 0x10, 0xe8, 0x07, 0x12, 2, 0x10, 0]);
/// ```
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
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // A member of a oneof is written even if it is zero, unlike other fields.
/// let root = pb::UserOpt { user: Some(pb::user_opt::User::ById(0)) };
/// assert_eq!(root.encode_to_vec(), [0x10, 0]);
/// assert_eq!(pb::UserOpt::decode(&b""[..]), Ok(pb::UserOpt { user: None }));
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct UserOpt {
    /// By name or number.
    #[prost(oneof = "user_opt::User", tags = "1, 2")]
    pub user: Option<user_opt::User>,
}

/// A user or group by name.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // The name is resolved in the first input. If it is unknown, BuildKit silently uses root.
/// let web = pb::NamedUserOpt { name: "www-data".to_owned(), input: 0 };
/// assert_eq!(web.encode_to_vec(), b"\x0a\x08www-data");
/// ```
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
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // The first input is an empty message, but still an element of the list.
/// let merge = pb::MergeOp { inputs: (0..3).map(|input| pb::MergeInput { input }).collect() };
/// assert_eq!(merge.encode_to_vec(), [0x0a, 0, 0x0a, 2, 0x08, 1, 0x0a, 2, 0x08, 2]);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct MergeInput {
    /// Index into the op's inputs.
    #[prost(int64, tag = "1")]
    pub input: i64,
}

/// Merges filesystems; later ones take precedence.
///
/// ```
/// use buildkit_proto::{Digest, canonical, pb};
///
/// // The order determines which file wins, so the digest depends on it.
/// let digest = |order: [i64; 2]| {
///     let merge = pb::MergeOp { inputs: order.map(|input| pb::MergeInput { input }).to_vec() };
///     Digest::from_content(&canonical::op(&pb::Op { op: Some(pb::op::Op::Merge(merge)), ..Default::default() }))
/// };
/// assert_ne!(digest([0, 1]), digest([1, 0]));
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct MergeOp {
    /// Lowest first.
    #[prost(message, repeated, tag = "1")]
    pub inputs: Vec<MergeInput>,
}

/// The lower side of a [`DiffOp`].
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // If the lower side is scratch, everything in the upper side is a difference.
/// let scratch = pb::LowerDiffInput { input: -1 };
/// assert_eq!(scratch.encode_to_vec(), b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct LowerDiffInput {
    /// Index into the op's inputs, −1 for scratch.
    #[prost(int64, tag = "1")]
    pub input: i64,
}

/// The upper side of a [`DiffOp`].
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Scratch is not an input, so this side is the op's first input.
/// let (lower, upper) = (pb::LowerDiffInput { input: -1 }, pb::UpperDiffInput { input: 0 });
/// let diff = pb::DiffOp { lower: Some(lower), upper: Some(upper) };
/// assert!(diff.encode_to_vec().ends_with(&[0xff, 0x01, 0x12, 0]), "a side without a byte is there all the same");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct UpperDiffInput {
    /// Index into the op's inputs, −1 for scratch.
    #[prost(int64, tag = "1")]
    pub input: i64,
}

/// The difference between a lower and an upper filesystem.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // The daemon rejects a diff without both sides; input 0 is encoded as an empty message, but counts as a side.
/// let (lower, upper) = (pb::LowerDiffInput { input: 0 }, pb::UpperDiffInput { input: 1 });
/// let diff = pb::DiffOp { lower: Some(lower), upper: Some(upper) };
/// assert_eq!(diff.encode_to_vec(), [0x0a, 0, 0x12, 2, 0x08, 1]);
/// assert_eq!(pb::DiffOp::decode([0x12, 2, 0x08, 1].as_slice()).map(|diff| diff.lower), Ok(None));
/// ```
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
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Only the image is passed on, but not before its tests have run.
/// let tested = pb::PassthroughOp { id: "tested".to_owned(), outputs: vec![0] };
/// assert_eq!(tested.encode_to_vec(), b"\x0a\x06tested\x12\x01\x00");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct PassthroughOp {
    /// Must be set.
    #[prost(string, tag = "1")]
    pub id: String,
    /// Indices of the inputs to pass on.
    #[prost(int64, repeated, tag = "2")]
    pub outputs: Vec<i64>,
}

/// An entry of a wire map from text to text.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // An empty value is written, as in Go. A missing value would be read in the same way, but give a different digest.
/// let entry = pb::StringEntry { key: Some("k".to_owned()), value: Some(String::new()) };
/// assert_eq!(entry.encode_to_vec(), b"\x0a\x01k\x12\x00");
/// assert_eq!(pb::StringEntry { value: None, ..entry }.encode_to_vec(), b"\x0a\x01k");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct StringEntry {
    /// The key; present even when empty.
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The value; present even when it is the default.
    #[prost(string, optional, tag = "2")]
    pub value: Option<String>,
}
/// An entry of a wire map from text to bool.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Two encodings of false; Go writes the first.
/// let no = pb::BoolEntry::decode(&b"\x0a\x01k\x10\x00"[..])?;
/// let left_out = pb::BoolEntry::decode(&b"\x0a\x01k"[..])?;
/// assert_eq!((no.value, left_out.value), (Some(false), None));
/// assert!(!no.value() && !left_out.value());
/// # Ok::<(), prost::DecodeError>(())
/// ```
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
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // The first input is an empty message, but its field is written.
/// let first = pb::BuildInputEntry { key: Some("k".to_owned()), value: Some(pb::BuildInput { input: 0 }) };
/// assert_eq!(first.encode_to_vec(), b"\x0a\x01k\x12\x00");
/// ```
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
///
/// ```
/// use buildkit_proto::{map, pb};
///
/// // A peer may repeat a key, since the wire format is a list; the last entry wins.
/// let at = |source_index| pb::Locations { locations: vec![pb::Location { source_index, ranges: Vec::new() }] };
/// let entry = |value| pb::LocationsEntry { key: Some("sha256:…".to_owned()), value: Some(value) };
/// assert_eq!(map::from_locations(&[entry(at(0)), entry(at(1))])["sha256:…"], at(1));
/// ```
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
///
/// ```
/// use buildkit_proto::{Digest, Message as _, pb};
///
/// // Metadata without content is written as an empty message, because Go reads a missing value as a nil pointer.
/// let key = Some(Digest::from_content(b"the bytes of an op").to_string());
/// let entry = pb::OpMetadataEntry { key, value: Some(pb::OpMetadata::default()) };
/// assert!(entry.encode_to_vec().ends_with(&[0x12, 0]));
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct OpMetadataEntry {
    /// The key; present even when empty.
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The value; present even when it is the default.
    #[prost(message, optional, tag = "2")]
    pub value: Option<OpMetadata>,
}

/// The operation of an [`Op`].
pub mod op {
    /// See [`super::Op`].
    ///
    /// ```
    /// use buildkit_proto::{Message as _, pb};
    ///
    /// let what = |op: &pb::Op| match &op.op {
    ///     Some(pb::op::Op::Merge(merge)) => format!("a merge of {}", merge.inputs.len()),
    ///     Some(other) => format!("{other:?}"),
    ///     None => "the end of a definition, or newer than this crate".to_owned(),
    /// };
    /// let merge = pb::Op::decode([0x5a, 0, 0x32, 4, 0x0a, 0, 0x0a, 0].as_slice())?;
    /// assert_eq!(what(&merge), "a merge of 2");
    /// // No op has the number 9 yet.
    /// let unknown = pb::Op::decode([0x5a, 0, 0x4a, 0].as_slice())?;
    /// assert!(what(&unknown).ends_with("newer than this crate"));
    /// # Ok::<(), prost::DecodeError>(())
    /// ```
    #[derive(Clone, PartialEq, prost::Oneof)]
    pub enum Op {
        /// Run a process.
        #[prost(message, boxed, tag = "2")]
        Exec(Box<super::ExecOp>),
        /// Fetch content.
        #[prost(message, tag = "3")]
        Source(super::SourceOp),
        /// Change files.
        #[prost(message, tag = "4")]
        File(super::FileOp),
        /// Run a definition from an input.
        #[prost(message, tag = "5")]
        Build(super::BuildOp),
        /// Merge filesystems.
        #[prost(message, tag = "6")]
        Merge(super::MergeOp),
        /// Take the difference of two filesystems.
        #[prost(message, tag = "7")]
        Diff(super::DiffOp),
        /// Order ops without mounting.
        #[prost(message, tag = "8")]
        Passthrough(super::PassthroughOp),
    }
}

/// The change of a [`FileAction`].
pub mod file_action {
    /// See [`super::FileAction`].
    ///
    /// ```
    /// use buildkit_proto::pb::{FileActionSymlink, file_action::Action};
    ///
    /// let changed = |action: &Action| match action {
    ///     Action::Copy(copy) => copy.dest.clone(),
    ///     Action::Mkfile(file) => file.path.clone(),
    ///     Action::Mkdir(dir) => dir.path.clone(),
    ///     Action::Rm(rm) => rm.path.clone(),
    ///     Action::Symlink(link) => link.newpath.clone(),
    /// };
    /// let link = FileActionSymlink { oldpath: "/bin/sh".to_owned(), newpath: "/sh".to_owned(), ..Default::default() };
    /// assert_eq!(changed(&Action::Symlink(link)), "/sh", "not what it points to");
    /// ```
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
    ///
    /// ```
    /// use buildkit_proto::pb::{NamedUserOpt, user_opt::User};
    ///
    /// // Like `--chown`: a number is an id, everything else is a name in the filesystem that is changed.
    /// let user = |text: &str| match text.parse() {
    ///     Ok(id) => User::ById(id),
    ///     Err(_) => User::ByName(NamedUserOpt { name: text.to_owned(), input: 0 }),
    /// };
    /// assert_eq!(user("1000"), User::ById(1000));
    /// assert!(matches!(user("app"), User::ByName(app) if app.name == "app"));
    /// ```
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
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// let offline = pb::ExecOp { network: pb::NetMode::None.into(), ..Default::default() };
/// assert_eq!(offline.encode_to_vec(), [0x18, 2]);
/// // `None` must be set; the default is a network.
/// assert_eq!(pb::ExecOp::default().network(), pb::NetMode::Unset);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum NetMode {
    /// The worker's default, a sandbox unless configured otherwise.
    Unset = 0,
    /// The host's network; needs an entitlement.
    Host = 1,
    /// No network.
    None = 2,
}

/// Confinement of an exec.
///
/// ```
/// use buildkit_proto::pb::{ExecOp, NetMode, SecurityMode};
///
/// // The entitlements that the build needs.
/// let exec = ExecOp { security: SecurityMode::Insecure.into(), ..Default::default() };
/// let entitlements = [
///     (exec.network() == NetMode::Host).then_some("network.host"),
///     (exec.security() == SecurityMode::Insecure).then_some("security.insecure"),
/// ];
/// assert_eq!(entitlements, [None, Some("security.insecure")]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum SecurityMode {
    /// The default confinement.
    Sandbox = 0,
    /// No confinement; needs an entitlement.
    Insecure = 1,
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
