//! The causes of a failed connection.

use std::io;
use std::time::Duration;

use thiserror::Error;
use tonic::Status;

use crate::error::chain;
use crate::tls::TlsError;

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

impl DialProblem {
    /// Whether to retry within the same call, because the daemon exists but is not ready.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(self, Self::Connect(error) if matches!(
            error.kind(),
            io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::WouldBlock
        ))
    }

    /// Whether the stream opened but the peer does not speak gRPC, like an Engine before API 1.53.
    pub(crate) fn may_be_an_engine(&self) -> bool {
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
