//! Why a connection failed, and what the user can do about it.

use std::io;
use std::time::Duration;

use thiserror::Error;
use tonic::Status;

use crate::address::{Address, EngineAddress, Helper};
use crate::tls::TlsError;

/// A failed attempt to connect.
///
/// ```
/// use buildkit_client::dial::{DialOptions, dial};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), buildkit_client::address::AddressError> {
/// let error = dial(&"unix:///no/such/socket".parse()?, &DialOptions::default()).await.expect_err("nothing is there");
/// assert_eq!(error.help().as_deref(), Some("is the daemon running? /no/such/socket does not exist"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Error)]
#[error("can't reach a BuildKit daemon at {address}: {problem}")]
#[non_exhaustive]
pub struct DialError {
    /// The address that was tried.
    pub address: Address,
    /// What happened.
    #[source]
    pub problem: DialProblem,
}

/// The cause of a failed connection.
///
/// ```
/// use buildkit_client::dial::{DialOptions, DialProblem, dial};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), buildkit_client::address::AddressError> {
/// let error = dial(&"unix:///no/such/socket".parse()?, &DialOptions::default()).await.expect_err("nothing is there");
/// assert!(matches!(error.problem, DialProblem::Connect(_)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DialProblem {
    /// An error of the operating system, for example a missing socket, a refused connection or missing permissions.
    #[error("{0}")]
    Connect(#[source] io::Error),
    /// No answer within the time limit.
    #[error("no answer within {} s", .0.as_secs_f32())]
    TimedOut(Duration),
    /// TLS settings that can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The TLS handshake failed.
    #[error("TLS handshake failed: {0}")]
    Handshake(#[source] io::Error),
    /// A helper program could not be started, or ended unexpectedly.
    #[error("{}", helper_text(.command, .ending, .stderr))]
    Helper {
        /// The command line.
        command: String,
        /// How it ended.
        ending: String,
        /// The end of what it wrote to standard error.
        stderr: String,
    },
    /// An Engine refused one of its HTTP calls.
    #[error("the Engine answered {status} to {request}{}", if .message.is_empty() { String::new() } else { format!(": {}", .message) })]
    Refused {
        /// Method and path.
        request: String,
        /// HTTP status.
        status: u16,
        /// The answer's message.
        message: String,
    },
    /// HTTP itself failed on the Engine's API.
    #[error("{request} failed: {problem}")]
    Http {
        /// Method and path.
        request: String,
        /// The message of the HTTP library.
        problem: String,
    },
    /// The host can't be part of an HTTP request.
    #[error("{0:?} is not a valid host name")]
    Authority(String),
    /// HTTP/2 could not be started.
    #[error("no HTTP/2 connection: {}", chain(.0.as_ref()))]
    Channel(#[source] Box<tonic::transport::Error>),
    /// The connection broke before the first answer.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The first call was not answered by a BuildKit daemon.
    #[error("{}", status_text(.0))]
    NoAnswer(#[source] Box<Status>),
    /// Neither of the two ways to BuildKit inside an Engine worked.
    #[error(
        "the Engine (API {api_version}) does not offer BuildKit: direct connection: {direct}; upgrade of /grpc: {upgrade}"
    )]
    EngineWithoutBuildkit {
        /// The Engine's API version.
        api_version: String,
        /// The error of the direct connection.
        direct: Box<DialProblem>,
        /// The error of the upgrade.
        upgrade: Box<DialProblem>,
    },
}

impl DialError {
    /// A suggestion in one sentence, if there is one.
    #[must_use]
    pub fn help(&self) -> Option<String> {
        match &self.problem {
            DialProblem::Connect(error) => self.help_connect(error),
            DialProblem::TimedOut(_) => Some(
                "check that the address is correct and the daemon is not overloaded, or set a longer --timeout"
                    .to_owned(),
            ),
            DialProblem::Handshake(_) => {
                Some("check --tlscacert and --tlsservername, and that the daemon speaks TLS on this port".to_owned())
            }
            DialProblem::Broken(_) | DialProblem::NoAnswer(_) | DialProblem::Channel(_) if matches!(&self.address, Address::Tcp(tcp) if tcp.tls.is_none()) => {
                Some("if the daemon uses TLS, pass --tlscacert (and --tlscert, --tlskey)".to_owned())
            }
            DialProblem::Broken(_) | DialProblem::NoAnswer(_) | DialProblem::Channel(_)
                if matches!(&self.address, Address::Tcp(_)) =>
            {
                Some("the daemon may require a client certificate; pass --tlscert and --tlskey".to_owned())
            }
            DialProblem::Helper { .. } | DialProblem::Broken(_) => match &self.address {
                Address::Helper(Helper::Ssh(_)) | Address::Engine(EngineAddress::Ssh(_)) => Some(
                    "check that ssh can log in to this host without a prompt, and that the program is installed there"
                        .to_owned(),
                ),
                _ => None,
            },
            DialProblem::EngineWithoutBuildkit { .. } => {
                Some("use Docker Engine 20.10 or newer; Podman's API socket does not offer BuildKit".to_owned())
            }
            _ => None,
        }
    }

    /// Whether the same attempt may succeed later without other changes, because the daemon is absent, starting or slow.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(&self.problem, DialProblem::TimedOut(_))
            || self.problem.is_transient()
            || matches!(&self.problem, DialProblem::Connect(error) if error.kind() == io::ErrorKind::NotFound)
    }

    fn help_connect(&self, error: &io::Error) -> Option<String> {
        let socket = match &self.address {
            Address::Unix(path) | Address::Engine(EngineAddress::Unix(path)) => Some(path),
            _ => None,
        };
        match (error.kind(), socket) {
            (io::ErrorKind::NotFound, Some(path)) => {
                Some(format!("is the daemon running? {} does not exist", path.display()))
            }
            (io::ErrorKind::PermissionDenied, Some(path)) => Some(format!(
                "the current user cannot open {}; join the group that owns it, or use a rootless daemon",
                path.display()
            )),
            (io::ErrorKind::ConnectionRefused, _) => {
                Some("is the daemon running? nothing listens on this address".to_owned())
            }
            _ => None,
        }
    }
}

impl DialProblem {
    /// Whether to retry within the same call, because the daemon exists but is not ready.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::Connect(error) if matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::WouldBlock
        ))
    }

    /// Whether the stream opened but the peer does not speak gRPC, like an Engine before API 1.53.
    pub(super) fn may_be_an_engine(&self) -> bool {
        matches!(self, Self::Channel(_) | Self::Broken(_) | Self::NoAnswer(_))
    }
}

fn helper_text(command: &str, ending: &str, stderr: &str) -> String {
    let stderr = stderr.trim();
    if stderr.is_empty() { format!("`{command}` {ending}") } else { format!("`{command}` {ending}: {stderr}") }
}

fn status_text(status: &Status) -> String {
    let mut text = format!("the first call failed: {}", status.message());
    if let Some(source) = std::error::Error::source(status) {
        let cause = chain(source);
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}
