//! What a process is given in addition to mounts: network, confinement, proxies, secret variables, devices, limits.

/// The network of a process (`NetMode`).
///
/// ```
/// use buildkit_llb::{Exec, GraphBuilder, Platform, Source, Network};
///
/// let amd64 = Platform::linux("amd64");
/// let mut graph = GraphBuilder::new();
/// let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
/// let run = graph.exec(Exec::new(["make"], base, amd64).with_network(Network::None));
/// assert!(graph.finish(run.root()).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// The worker's default.
    #[default]
    Sandbox,
    /// The host's; needs the entitlement `network.host`.
    Host,
    /// None.
    None,
}

/// The confinement of a process (`SecurityMode`).
///
/// ```
/// use buildkit_llb::{Exec, GraphBuilder, Platform, Source, Security};
///
/// let amd64 = Platform::linux("amd64");
/// let mut graph = GraphBuilder::new();
/// let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
/// let run = graph.exec(Exec::new(["make"], base, amd64).with_security(Security::Insecure));
/// assert!(graph.finish(run.root()).is_ok());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// The default one.
    #[default]
    Sandbox,
    /// None; needs the entitlement `security.insecure`.
    Insecure,
}

/// Proxies for a process; they are not part of its cache key (`ProxyEnv`).
///
/// ```
/// use buildkit_llb::{Exec, GraphBuilder, Platform, Source, Proxy};
///
/// let amd64 = Platform::linux("amd64");
/// let mut graph = GraphBuilder::new();
/// let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
/// let run = graph.exec(Exec::new(["make"], base, amd64).with_proxy(Proxy { no: "localhost".to_owned(), ..Proxy::default() }));
/// assert!(graph.finish(run.root()).is_ok());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Proxy {
    /// For http.
    #[serde(default)]
    pub http: String,
    /// For https.
    #[serde(default)]
    pub https: String,
    /// For ftp.
    #[serde(default)]
    pub ftp: String,
    /// Hosts reached directly.
    #[serde(default)]
    pub no: String,
    /// For everything.
    #[serde(default)]
    pub all: String,
}

/// A secret as an environment variable; needs the capability `exec.secretenv`.
///
/// ```
/// use buildkit_llb::SecretEnv;
///
/// let secret = SecretEnv { id: "token".to_owned(), name: "API_TOKEN".to_owned(), optional: true };
/// assert_eq!(secret.name, "API_TOKEN");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretEnv {
    /// The secret's id.
    pub id: String,
    /// The variable.
    pub name: String,
    /// Whether the secret may be missing; the variable is then empty.
    pub optional: bool,
}

/// A device by its CDI name (`CDIDevice`); needs the capability `exec.meta.cdi` and the entitlement `device`.
///
/// ```
/// use buildkit_llb::{Exec, GraphBuilder, Platform, Source, Device};
///
/// let amd64 = Platform::linux("amd64");
/// let mut graph = GraphBuilder::new();
/// let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
/// let run = graph.exec(Exec::new(["make"], base, amd64).with_device(Device { name: "nvidia.com/gpu=all".to_owned(), optional: true }));
/// assert!(graph.finish(run.root()).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Fully qualified, `vendor.com/gpu=0`, or a class.
    pub name: String,
    /// Whether the device may be missing.
    pub optional: bool,
}

/// A resource limit (`Ulimit`, setrlimit); needs the capability `exec.meta.ulimit`.
///
/// ```
/// use buildkit_llb::Ulimit;
///
/// let files = Ulimit { name: "nofile".to_owned(), soft: 1024, hard: -1 };
/// assert!(files.hard < 0, "unlimited");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ulimit {
    /// Docker's name of the resource, `nofile`.
    pub name: String,
    /// What the process gets; −1 is unlimited.
    pub soft: i64,
    /// What it may raise it to; −1 is unlimited.
    pub hard: i64,
}
