//! Byte streams to a daemon: sockets and helper programs.
//!
//! A stream may carry HTTP/1.1 to an Engine's API or HTTP/2; [`crate::engine`] and [`crate::dial`] decide.

mod error;
mod helper;
mod tcp;

use std::ffi::OsString;
use std::path::PathBuf;

use buildkit_proto::Digest;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

pub use self::error::DialProblem;

use self::helper::HelperCommand;
use self::tcp::TcpTransport;
use crate::address::{EngineAddress, Helper, TcpAddress};

/// How much of the end of standard error is kept.
const MAX_STDERR: usize = 4096;

/// A byte stream to a daemon.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

pub(crate) type BoxedIo = Box<dyn Io>;

/// A place that streams can be opened to, repeatedly.
#[derive(Debug, Clone)]
pub(crate) enum Transport {
    Unix(PathBuf),
    Tcp(TcpTransport),
    Helper(HelperCommand),
}

impl Transport {
    /// A TCP port. With TLS, `protocols` are offered in the handshake.
    pub(crate) fn tcp(address: &TcpAddress, protocols: &[&[u8]]) -> Result<Self, DialProblem> {
        Ok(Self::Tcp(TcpTransport::new(address, protocols)?))
    }

    /// A helper program that connects to `buildkitd`.
    pub(crate) fn helper(helper: &Helper, path: Option<OsString>) -> Self {
        Self::Helper(HelperCommand::for_buildkit(helper, path))
    }

    /// The transport of an Engine's HTTP/1.1 API.
    pub(crate) fn engine_api(address: &EngineAddress, helper_path: Option<OsString>) -> Result<Self, DialProblem> {
        Ok(match address {
            EngineAddress::Unix(path) => Self::Unix(path.clone()),
            EngineAddress::Tcp(tcp) => Self::tcp(tcp, &[b"http/1.1"])?,
            EngineAddress::Ssh(target) => Self::Helper(HelperCommand::for_engine(target, helper_path)),
        })
    }

    pub(crate) fn is_tls(&self) -> bool {
        matches!(self, Self::Tcp(tcp) if tcp.is_tls())
    }

    /// The digest of the peer's certificate, after connecting.
    pub(crate) fn peer(&self) -> Option<Digest> {
        match self {
            Self::Tcp(tcp) => tcp.peer(),
            Self::Unix(_) | Self::Helper(_) => None,
        }
    }

    pub(crate) async fn open(&self) -> Result<BoxedIo, DialProblem> {
        match self {
            Self::Unix(path) => Ok(Box::new(UnixStream::connect(path).await.map_err(DialProblem::Connect)?)),
            Self::Tcp(tcp) => tcp.open().await,
            Self::Helper(command) => command.open(),
        }
    }
}

/// Appends to what a helper wrote to standard error, of which only the end is kept.
pub(crate) fn keep_end(stderr: &mut Vec<u8>, written: &[u8]) {
    stderr.extend_from_slice(written);
    let excess = stderr.len().saturating_sub(MAX_STDERR);
    stderr.drain(..excess);
}
