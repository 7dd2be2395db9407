//! Messages of exec ops: the process, its environment and its confinement.

use super::Mount;

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
