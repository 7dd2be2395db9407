//! A failed connection, and what the user can do about it.

use std::io;

use thiserror::Error;

use crate::address::{Address, EngineAddress, Helper};
use crate::transport::DialProblem;

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
