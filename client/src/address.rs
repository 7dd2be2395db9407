//! Where a daemon is: the address forms of `--addr` and `BUILDKIT_HOST`, plus the Engine addresses contexts hold.
//!
//! Parsing only. [`crate::discover`] chooses an address, [`crate::dial`] opens it.

mod display;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

use crate::tls::TlsFiles;

/// A place where a BuildKit daemon answers.
///
/// ```
/// use buildkit_client::address::Address;
///
/// let address: Address = "unix:///run/buildkit/buildkitd.sock".parse()?;
/// assert_eq!(address, Address::Unix("/run/buildkit/buildkitd.sock".into()));
/// assert_eq!(address.to_string(), "unix:///run/buildkit/buildkitd.sock");
/// # Ok::<(), buildkit_client::address::AddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// A socket of `buildkitd` (or of a Docker Engine: dialling finds out).
    Unix(PathBuf),
    /// `buildkitd` over TCP (or a Docker Engine: dialling finds out).
    Tcp(TcpAddress),
    /// A program whose standard input and output are the connection.
    Helper(Helper),
    /// The API of a Docker Engine, whose BuildKit is reached through it.
    Engine(EngineAddress),
    /// A container on an Engine that runs `buildkitd`, reached by an exec of `buildctl dial-stdio` through the API.
    Container {
        /// The Engine the container runs on.
        engine: EngineAddress,
        /// The container's name.
        name: String,
    },
}

/// A host and port, with TLS when `tls` is given.
///
/// ```
/// use buildkit_client::address::Address;
/// use buildkit_client::tls::TlsFiles;
///
/// let tls = TlsFiles { ca: Some("ca.pem".into()), ..TlsFiles::default() };
/// let Address::Tcp(tcp) = "tcp://[::1]:1234".parse::<Address>()?.with_tls(Some(tls)) else { panic!("it is TCP") };
/// assert_eq!((tcp.host.as_str(), tcp.port, tcp.tls.is_some()), ("::1", 1234, true));
/// # Ok::<(), buildkit_client::address::AddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpAddress {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// TLS settings; `None` is plain text.
    pub tls: Option<TlsFiles>,
}

/// How the API of a Docker Engine is reached.
///
/// ```
/// use buildkit_client::address::EngineAddress;
///
/// let engine: EngineAddress = "ssh://me@build.example".parse()?;
/// assert!(matches!(engine, EngineAddress::Ssh(_)));
/// # Ok::<(), buildkit_client::address::AddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineAddress {
    /// The usual `docker.sock`.
    Unix(PathBuf),
    /// An Engine that listens on TCP.
    Tcp(TcpAddress),
    /// `ssh … docker system dial-stdio`: plain HTTP inside.
    Ssh(SshTarget),
}

/// The programs that can carry a connection (moby/buildkit: `client/connhelper`).
///
/// ```
/// use buildkit_client::address::{Address, Helper};
///
/// let address: Address = "kube-pod://buildkitd?namespace=ci".parse()?;
/// assert!(matches!(address, Address::Helper(Helper::KubePod { namespace, .. }) if namespace == "ci"));
/// # Ok::<(), buildkit_client::address::AddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Helper {
    /// `docker exec -i NAME buildctl dial-stdio`.
    DockerContainer {
        /// Container name or id.
        name: String,
        /// Docker context the container lives in.
        context: Option<String>,
    },
    /// `podman exec -i NAME buildctl dial-stdio`.
    PodmanContainer {
        /// Container name or id.
        name: String,
    },
    /// `nerdctl exec -i NAME buildctl dial-stdio`.
    NerdctlContainer {
        /// Container name or id.
        name: String,
        /// containerd namespace.
        namespace: Option<String>,
    },
    /// `kubectl exec -i POD -- buildctl dial-stdio`.
    KubePod {
        /// Pod name.
        pod: String,
        /// kubectl context; empty is kubectl's own choice, as are the two below.
        context: String,
        /// Namespace.
        namespace: String,
        /// Container in the pod.
        container: String,
    },
    /// `ssh HOST buildctl dial-stdio`.
    Ssh(SshTarget),
}

/// A host to run a command on by ssh.
///
/// ```
/// use buildkit_client::address::{Address, Helper};
///
/// let address: Address = "ssh://me@build.example:2222".parse()?;
/// let Address::Helper(Helper::Ssh(target)) = address else { panic!("ssh is a helper") };
/// assert_eq!((target.user.as_deref(), target.host.as_str(), target.port), (Some("me"), "build.example", Some(2222)));
/// # Ok::<(), buildkit_client::address::AddressError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshTarget {
    /// Login name; ssh's configuration decides when absent.
    pub user: Option<String>,
    /// Host name, or an alias of ssh's configuration.
    pub host: String,
    /// Port; ssh's configuration decides when absent.
    pub port: Option<u16>,
    /// Socket on the remote side, when it is not the default one.
    pub socket: Option<String>,
}

/// Why an address can't be read.
///
/// ```
/// use buildkit_client::address::Address;
///
/// let error = "ftp://build.example".parse::<Address>().expect_err("no daemon speaks FTP");
/// assert_eq!(error.address, "ftp://build.example");
/// ```
#[derive(Debug, Error, PartialEq, Eq)]
#[error("invalid daemon address {address:?}: {problem}")]
#[non_exhaustive]
pub struct AddressError {
    /// The text as given, without a password.
    pub address: String,
    /// What is wrong with it.
    pub problem: String,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        parse(text).map_err(|problem| AddressError { address: redact(text), problem })
    }
}

impl FromStr for EngineAddress {
    type Err = AddressError;

    /// Reads a `DOCKER_HOST` value.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text, None)
    }
}

impl Address {
    /// Puts TLS settings on a TCP address; other transports carry no TLS of ours, so theirs stay as they are.
    #[must_use]
    pub fn with_tls(self, tls: Option<TlsFiles>) -> Self {
        match (self, tls) {
            (Self::Tcp(tcp), Some(tls)) => Self::Tcp(TcpAddress { tls: Some(tls), ..tcp }),
            (Self::Engine(engine), tls) => Self::Engine(engine.with_tls(tls)),
            (other, _) => other,
        }
    }
}

impl EngineAddress {
    /// Reads a `DOCKER_HOST` value together with the TLS settings that go with it: they decide its default port.
    pub(crate) fn parse(text: &str, tls: Option<TlsFiles>) -> Result<Self, AddressError> {
        let default_port = if tls.is_some() { 2376 } else { 2375 };
        match parse_engine(text, default_port) {
            Ok(address) => Ok(address.with_tls(tls)),
            Err(problem) => Err(AddressError { address: redact(text), problem }),
        }
    }

    /// As [`Address::with_tls`]: Docker too ignores TLS settings for anything but TCP.
    #[must_use]
    pub fn with_tls(self, tls: Option<TlsFiles>) -> Self {
        match (self, tls) {
            (Self::Tcp(tcp), Some(tls)) => Self::Tcp(TcpAddress { tls: Some(tls), ..tcp }),
            (other, _) => other,
        }
    }
}

fn parse(text: &str) -> Result<Address, String> {
    let (scheme, rest) = text.split_once("://").ok_or_else(|| {
        "an address looks like unix:///path, tcp://host:port, docker-container://name, kube-pod://pod or ssh://host"
            .to_owned()
    })?;
    match scheme {
        "unix" => Ok(Address::Unix(unix_path(rest)?)),
        "tcp" => Ok(Address::Tcp(tcp(rest, None)?)),
        "docker-container" => {
            let target = Target::parse(rest)?;
            let mut query = target.query(&["context"])?;
            Ok(Address::Helper(Helper::DockerContainer {
                name: target.name("container")?,
                context: query.remove("context").filter(|value| !value.is_empty()),
            }))
        }
        "podman-container" => {
            let target = Target::parse(rest)?;
            target.query(&[])?;
            Ok(Address::Helper(Helper::PodmanContainer { name: target.name("container")? }))
        }
        "nerdctl-container" => {
            let target = Target::parse(rest)?;
            let mut query = target.query(&["namespace"])?;
            Ok(Address::Helper(Helper::NerdctlContainer {
                name: target.name("container")?,
                namespace: query.remove("namespace").filter(|value| !value.is_empty()),
            }))
        }
        "kube-pod" => kube_pod(rest),
        "ssh" => Ok(Address::Helper(Helper::Ssh(ssh(rest)?))),
        "docker+unix" | "docker+tcp" | "docker+ssh" => {
            Ok(Address::Engine(parse_engine(text.trim_start_matches("docker+"), 2375)?))
        }
        "npipe" => Err("named pipes exist on Windows only, which this client does not support".to_owned()),
        other => Err(format!(
            "scheme {other:?} is none of unix, tcp, docker-container, podman-container, nerdctl-container, kube-pod, ssh, \
             docker+unix, docker+tcp, docker+ssh"
        )),
    }
}

fn parse_engine(text: &str, default_port: u16) -> Result<EngineAddress, String> {
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| "a Docker host looks like unix:///path, tcp://host:port or ssh://host".to_owned())?;
    match scheme {
        "unix" => Ok(EngineAddress::Unix(unix_path(rest)?)),
        "tcp" | "http" | "https" => Ok(EngineAddress::Tcp(tcp(rest, Some(default_port))?)),
        "ssh" => Ok(EngineAddress::Ssh(ssh(rest)?)),
        other => Err(format!("scheme {other:?} is none of unix, tcp, ssh")),
    }
}

fn unix_path(rest: &str) -> Result<PathBuf, String> {
    if rest.is_empty() { Err("the socket path is missing".to_owned()) } else { Ok(PathBuf::from(rest)) }
}

fn tcp(rest: &str, default_port: Option<u16>) -> Result<TcpAddress, String> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = split_host_port(authority)?;
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    let port = port.or(default_port).ok_or_else(|| format!("the port is missing: tcp://{authority}:1234"))?;
    Ok(TcpAddress { host, port, tls: None })
}

fn kube_pod(rest: &str) -> Result<Address, String> {
    let target = Target::parse(rest)?;
    let mut query = target.query(&["context", "namespace", "container"])?;
    let pod = target.name("pod")?;
    let namespace = query.remove("namespace").unwrap_or_default();
    let container = query.remove("container").unwrap_or_default();
    for (what, value) in [("pod", &pod), ("namespace", &namespace), ("container", &container)] {
        let plain = value.bytes().all(|byte| matches!(byte, b'-' | b'.' | b'a'..=b'z' | b'0'..=b'9'));
        if !plain {
            return Err(format!("{what} name {value:?} may hold only a-z, 0-9, - and ."));
        }
    }
    Ok(Address::Helper(Helper::KubePod {
        pod,
        context: query.remove("context").unwrap_or_default(),
        namespace,
        container,
    }))
}

fn ssh(rest: &str) -> Result<SshTarget, String> {
    if rest.contains('?') || rest.contains('#') {
        return Err("an ssh address takes no query and no fragment".to_owned());
    }
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (user, host_port) = match authority.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => {
            let _ = host;
            return Err("a password in the address is not supported; ssh asks its agent and keys".to_owned());
        }
        Some((user, host)) => (Some(percent_decode(user)?), host),
        None => (None, authority),
    };
    let (host, port) = split_host_port(host_port)?;
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    // Both become arguments of ssh; neither may be read as one of its options.
    if host.starts_with('-') || user.as_deref().is_some_and(|user| user.starts_with('-') || user.is_empty()) {
        return Err("user and host may not start with '-' or be empty".to_owned());
    }
    let socket = Some(percent_decode(path)?).filter(|path| !path.is_empty() && path != "/");
    Ok(SshTarget { user, host, port, socket })
}

/// `NAME?key=value&…` of the container schemes.
struct Target<'a> {
    host: &'a str,
    query: &'a str,
}

impl<'a> Target<'a> {
    fn parse(rest: &'a str) -> Result<Self, String> {
        let (host, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, path) = host.split_once('/').unwrap_or((host, ""));
        if path.is_empty() { Ok(Self { host, query }) } else { Err(format!("unexpected path {path:?}")) }
    }

    fn name(&self, what: &str) -> Result<String, String> {
        let name = percent_decode(self.host)?;
        match name.bytes().next() {
            None => Err(format!("the {what} name is missing")),
            // It becomes an argument of the helper, which must not take it for an option.
            Some(first) if !first.is_ascii_alphanumeric() => {
                Err(format!("{what} name {name:?} must start with a letter or digit"))
            }
            Some(_) => Ok(name),
        }
    }

    fn query(&self, known: &[&str]) -> Result<BTreeMap<String, String>, String> {
        let mut found = BTreeMap::new();
        for pair in self.query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !known.contains(&key) {
                return Err(match known {
                    [] => format!("parameter {key:?} is not known: this scheme takes none"),
                    _ => format!("parameter {key:?} is none of {}", known.join(", ")),
                });
            }
            found.insert(key.to_owned(), percent_decode(&value.replace('+', " "))?);
        }
        Ok(found)
    }
}

fn split_host_port(authority: &str) -> Result<(String, Option<u16>), String> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or_else(|| "a '[' without its ']'".to_owned())?;
        (host, after.strip_prefix(':').or(if after.is_empty() { None } else { Some(after) }))
    } else {
        match authority.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => {
                return Err("an IPv6 address needs brackets: [::1]:1234".to_owned());
            }
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let port = port
        .map(|port| port.parse::<u16>().map_err(|_| format!("port {port:?} is not a number up to 65535")))
        .transpose()?;
    Ok((host.to_owned(), port))
}

fn percent_decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        match (digit(rest.next()), digit(rest.next())) {
            (Some(high), Some(low)) => bytes.push(u8::try_from(high * 16 + low).expect("two hex digits fit a byte")),
            _ => {
                return Err(format!("{text:?} holds a '%' that is not followed by two hex digits"));
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| format!("{text:?} is not UTF-8 once decoded"))
}

/// Cuts a password out of `scheme://user:password@host`.
fn redact(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(authority_end);
    match authority.rsplit_once('@') {
        Some((user, host)) => {
            let user = user.split_once(':').map_or(user.to_owned(), |(name, _)| format!("{name}:xxxxx"));
            format!("{scheme}://{user}@{host}{tail}")
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests;
