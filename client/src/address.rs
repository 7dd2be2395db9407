//! Daemon addresses: the forms that `--addr` and `BUILDKIT_HOST` accept, and the Engine addresses of Docker contexts.
//!
//! This module only parses. [`crate::discover`] chooses an address, [`crate::dial`] connects to it.

mod display;
mod parse;

use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

use self::parse::{parse, parse_engine};
use crate::tls::TlsFiles;

/// The address of a BuildKit daemon.
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
    /// A socket of `buildkitd` or of a Docker Engine; dialing detects which.
    Unix(PathBuf),
    /// A TCP port of `buildkitd` or of a Docker Engine; dialing detects which.
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
/// let Address::Tcp(tcp) = "tcp://[::1]:1234".parse::<Address>()?.with_tls(tls)? else { panic!("it is TCP") };
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
        /// kubectl context. An empty value leaves the choice to kubectl; the same holds for the next two fields.
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
    /// Login name; ssh's configuration applies when absent.
    pub user: Option<String>,
    /// Host name, or an alias of ssh's configuration.
    pub host: String,
    /// Port; ssh's configuration applies when absent.
    pub port: Option<u16>,
    /// Socket on the remote side, when it is not the default one.
    pub socket: Option<String>,
}

/// An address that cannot be parsed.
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
    /// The address as given, without its password.
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
    /// Sets the TLS settings of a TCP address.
    ///
    /// ```
    /// use buildkit_client::address::Address;
    /// use buildkit_client::tls::TlsFiles;
    ///
    /// let error = "unix:///run/buildkit/buildkitd.sock".parse::<Address>()?.with_tls(TlsFiles::default());
    /// assert!(error.is_err_and(|error| error.problem.contains("only to TCP")));
    /// # Ok::<(), buildkit_client::address::AddressError>(())
    /// ```
    ///
    /// # Errors
    /// The address is not TCP, so it does not use TLS.
    pub fn with_tls(self, tls: TlsFiles) -> Result<Self, AddressError> {
        match self {
            Self::Tcp(tcp) => Ok(Self::Tcp(TcpAddress { tls: Some(tls), ..tcp })),
            Self::Engine(engine @ EngineAddress::Tcp(_)) => Ok(Self::Engine(engine.with_docker_tls(Some(tls)))),
            other @ (Self::Unix(_) | Self::Helper(_) | Self::Engine(_) | Self::Container { .. }) => Err(AddressError {
                address: other.to_string(),
                problem: "TLS settings apply only to TCP addresses: tcp:// and docker+tcp://".to_owned(),
            }),
        }
    }
}

impl EngineAddress {
    /// Parses a `DOCKER_HOST` value with its TLS settings, which determine the default port.
    pub(crate) fn parse(text: &str, tls: Option<TlsFiles>) -> Result<Self, AddressError> {
        let default_port = if tls.is_some() { 2376 } else { 2375 };
        match parse_engine(text, default_port) {
            Ok(address) => Ok(address.with_docker_tls(tls)),
            Err(problem) => Err(AddressError { address: redact(text), problem }),
        }
    }

    /// Adds TLS settings of Docker's environment or of a context, which Docker ignores for anything but TCP.
    pub(crate) fn with_docker_tls(self, tls: Option<TlsFiles>) -> Self {
        match (self, tls) {
            (Self::Tcp(tcp), Some(tls)) => Self::Tcp(TcpAddress { tls: Some(tls), ..tcp }),
            (other, _) => other,
        }
    }
}

/// Masks the password in `scheme://user:password@host`.
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
