//! The transports that give a byte stream to a daemon: sockets, helper programs, and the two methods through an Engine.

use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use buildkit_proto::Digest;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{DialProblem, container, engine, helper, tcp, unix};
use crate::address::{EngineAddress, TcpAddress};
use crate::engine::Engine;

/// A byte stream to a daemon.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}
pub(crate) type BoxedIo = Box<dyn Io>;

/// A transport for HTTP/2, which can be opened repeatedly.
#[derive(Debug, Clone)]
pub(crate) enum Transport {
    Unix(PathBuf),
    Tcp(tcp::TcpTransport),
    Helper(helper::HelperCommand),
    /// `POST /grpc` on an Engine, upgraded.
    Upgrade(Engine),
    /// An exec of `buildctl dial-stdio` in a container.
    Exec {
        engine: Engine,
        container: String,
    },
}

impl Transport {
    pub(crate) fn tcp(address: &TcpAddress, protocols: &[&[u8]]) -> Result<Self, DialProblem> {
        Ok(Self::Tcp(tcp::TcpTransport::new(address, protocols)?))
    }

    /// The transport of an Engine's HTTP/1.1 API.
    pub(crate) fn engine_api(address: &EngineAddress, helper_path: Option<OsString>) -> Result<Self, DialProblem> {
        Ok(match address {
            EngineAddress::Unix(path) => Self::Unix(path.clone()),
            EngineAddress::Tcp(tcp) => Self::tcp(tcp, &[b"http/1.1"])?,
            EngineAddress::Ssh(target) => Self::Helper(helper::HelperCommand::for_engine(target, helper_path)),
        })
    }

    pub(super) fn is_tls(&self) -> bool {
        matches!(self, Self::Tcp(tcp) if tcp.is_tls())
    }

    /// The digest of the peer's certificate, after connecting.
    pub(super) fn peer(&self) -> Option<Digest> {
        match self {
            Self::Tcp(tcp) => tcp.peer(),
            Self::Unix(_) | Self::Helper(_) => None,
            Self::Upgrade(engine) | Self::Exec { engine, .. } => engine.transport().peer(),
        }
    }

    // Boxed because the future is recursive: an upgrade opens the Engine's own transport.
    pub(crate) fn open(&self) -> Pin<Box<dyn Future<Output = Result<BoxedIo, DialProblem>> + Send + '_>> {
        Box::pin(async move {
            match self {
                Self::Unix(path) => unix::open(path).await,
                Self::Tcp(tcp) => tcp.open().await,
                Self::Helper(command) => command.open(),
                Self::Upgrade(engine) => engine::upgrade(engine).await,
                Self::Exec { engine, container } => container::exec(engine, container).await,
            }
        })
    }
}
