//! Opens a gRPC channel to a daemon, over any route.
//!
//! [`crate::discover`] chooses the address. No HTTP/2 pings are sent: BuildKit's gRPC server closes connections that
//! ping, so a dead connection is detected by the session's health checks.

mod connection;
mod container;
mod engine;
mod error;
mod watched;

use std::ffi::OsString;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use buildkit_proto::Digest;
use buildkit_proto::rpc::control::ListWorkersRequest;
use buildkit_proto::rpc::control::control_client::ControlClient;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::transport::{Channel, Endpoint};

pub use self::connection::{Connection, DaemonKind, ImageStore};
pub use self::error::DialError;
pub use crate::transport::DialProblem;

use crate::address::{Address, EngineAddress};
use crate::engine::Engine;
use crate::transport::{BoxedIo, Transport};
use crate::worker::Worker;

/// BuildKit's message limit in both directions (moby/buildkit: `util/grpcutil`); tonic's default of 4 MiB is too small.
pub const MAX_MESSAGE_SIZE: usize = 16 << 20;
/// Header lists carry exclude patterns and error details; Go's default is about as large.
const MAX_HEADER_LIST_SIZE: u32 = 4 << 20;
/// Fixed windows instead of adaptive ones, which would send pings.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
/// Limit for opening the route again after the connection was lost.
const RECONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Pauses between attempts to open a connection that was refused.
const RETRY_PAUSES: [Duration; 3] =
    [Duration::from_millis(100), Duration::from_millis(300), Duration::from_millis(900)];

/// Options of connecting.
///
/// ```
/// use std::time::Duration;
///
/// use buildkit_client::dial::DialOptions;
///
/// let mut options = DialOptions::default();
/// options.timeout = Some(Duration::from_secs(2));
/// options.helper_path = Some("/opt/docker/bin".into());
/// ```
#[derive(Debug, Clone, Default)]
pub struct DialOptions {
    /// Limit for setting up the connection, including the first answer. Default: 5 s for sockets, 10 s for TCP and 30 s for
    /// helper programs, which may have to log in somewhere first.
    pub timeout: Option<Duration>,
    /// The `PATH` on which helper programs (`docker`, `kubectl`, `ssh`, …) are searched. Default: that of this process.
    pub helper_path: Option<OsString>,
}

/// Connects to `address` and waits for the daemon's first answer.
///
/// # Errors
/// The connection failed. The error names the address and the cause; [`DialError::help`] suggests a solution.
pub async fn dial(address: &Address, options: &DialOptions) -> Result<Connection, DialError> {
    let connected = options.bounded(address, async |deadline| match address {
        Address::Unix(path) => {
            let plain = Transport::Unix(path.clone());
            options.either_kind(address, plain, &EngineAddress::Unix(path.clone()), deadline).await
        }
        Address::Tcp(tcp) => {
            let plain = Transport::tcp(tcp, &[b"h2"])?;
            options.either_kind(address, plain, &EngineAddress::Tcp(tcp.clone()), deadline).await
        }
        Address::Helper(helper) => {
            let transport = Transport::helper(helper, options.helper_path.clone());
            buildkitd(transport, authority(address), address.to_string(), deadline).await
        }
        Address::Engine(engine) => engine::connect(&options.ping(engine).await?, deadline).await,
        Address::Container { engine, name } => container::connect(&options.ping(engine).await?, name, deadline).await,
    });
    Ok(Connection { address: address.to_string(), ..connected.await? })
}

impl DialOptions {
    /// Limits the time of an attempt, and adds the address to its error.
    async fn bounded<T>(
        &self,
        address: &Address,
        attempt: impl AsyncFnOnce(Instant) -> Result<T, DialProblem>,
    ) -> Result<T, DialError> {
        let limit = time_limit(address, self);
        let deadline = Instant::now() + limit;
        let problem = match timeout_at(deadline, attempt(deadline)).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(problem)) => problem,
            Err(_) => DialProblem::TimedOut(limit),
        };
        Err(DialError { address: address.clone(), problem })
    }

    async fn ping(&self, address: &EngineAddress) -> Result<Engine, DialProblem> {
        Engine::connect(address, Transport::engine_api(address, self.helper_path.clone())?).await
    }

    /// Connects to a socket or port that may belong to either kind of daemon: tries BuildKit first, then an Engine.
    async fn either_kind(
        &self,
        address: &Address,
        transport: Transport,
        as_engine: &EngineAddress,
        deadline: Instant,
    ) -> Result<Connection, DialProblem> {
        match buildkitd(transport, authority(address), address.to_string(), deadline).await {
            // An Engine with API 1.53 or newer answers gRPC on its API socket; its workers have an Engine-specific label.
            Ok(connection)
                if connection.workers.iter().all(|worker| worker.label("moby.host-gateway-ip").is_none()) =>
            {
                Ok(connection)
            }
            Ok(connection) => match self.ping(as_engine).await {
                Ok(engine) => Ok(engine::adopt(connection, engine)),
                Err(_) => Ok(connection),
            },
            Err(problem) if problem.may_be_an_engine() => match self.ping(as_engine).await {
                Ok(engine) => engine::connect(&engine, deadline).await,
                Err(_) => Err(problem),
            },
            Err(problem) => Err(problem),
        }
    }
}

/// A way to a daemon's gRPC, which can be opened repeatedly.
#[derive(Debug, Clone)]
enum Route {
    Direct(Transport),
    /// `POST /grpc` on an Engine, upgraded.
    Upgrade(Engine),
    /// An exec of `buildctl dial-stdio` in a container.
    Exec {
        engine: Engine,
        container: String,
    },
}

impl Route {
    async fn open(&self) -> Result<BoxedIo, DialProblem> {
        match self {
            Self::Direct(transport) => transport.open().await,
            Self::Upgrade(engine) => engine::upgrade(engine).await,
            Self::Exec { engine, container } => container::exec(engine, container).await,
        }
    }

    /// Whether HTTP/2 itself is inside TLS.
    fn is_tls(&self) -> bool {
        matches!(self, Self::Direct(transport) if transport.is_tls())
    }

    /// The digest of the peer's certificate, after connecting.
    fn peer(&self) -> Option<Digest> {
        match self {
            Self::Direct(transport) => transport.peer(),
            Self::Upgrade(engine) | Self::Exec { engine, .. } => engine.transport().peer(),
        }
    }
}

fn time_limit(address: &Address, options: &DialOptions) -> Duration {
    options.timeout.unwrap_or(match address {
        Address::Unix(_) | Address::Engine(EngineAddress::Unix(_)) => Duration::from_secs(5),
        Address::Tcp(_) | Address::Engine(EngineAddress::Tcp(_)) => Duration::from_secs(10),
        Address::Helper(_) | Address::Engine(EngineAddress::Ssh(_)) | Address::Container { .. } => {
            Duration::from_secs(30)
        }
    })
}

/// The `:authority` of requests. gRPC always requires one, but only TCP has a meaningful name.
fn authority(address: &Address) -> String {
    match address {
        Address::Tcp(tcp) => {
            let name = tcp.tls.as_ref().and_then(|tls| tls.server_name.clone());
            name.unwrap_or_else(|| tcp.to_string())
        }
        _ => "localhost".to_owned(),
    }
}

async fn buildkitd(
    transport: Transport,
    authority: String,
    description: String,
    deadline: Instant,
) -> Result<Connection, DialProblem> {
    let route = Route::Direct(transport);
    let io = open_with_retries(&route, deadline).await?;
    let peer = route.peer();
    let (channel, workers) = first_answer(route, io, &authority).await?;
    let (kind, address) = (DaemonKind::Buildkitd, String::new());
    Ok(Connection { channel, kind, description, workers, address, peer, engine: None })
}

/// Opens the stream. Retries after a pause if the daemon may still be starting.
async fn open_with_retries(route: &Route, deadline: Instant) -> Result<BoxedIo, DialProblem> {
    let mut pauses = RETRY_PAUSES.iter();
    loop {
        let problem = match route.open().await {
            Ok(io) => return Ok(io),
            Err(problem) => problem,
        };
        match pauses.next() {
            Some(pause) if problem.is_transient() && Instant::now() + *pause < deadline => sleep(*pause).await,
            _ => return Err(problem),
        }
    }
}

/// Starts HTTP/2 on `io` and asks for the workers, which every BuildKit since 0.3 can answer.
async fn first_answer(route: Route, io: BoxedIo, authority: &str) -> Result<(Channel, Arc<[Worker]>), DialProblem> {
    let (io, breakage) = watched::Watched::new(io);
    let channel = channel(route, Box::new(io), authority).await?;
    let mut control = control(channel.clone());
    let problem = match breakage.or_lost(control.list_workers(ListWorkersRequest::default())).await {
        Some(Ok(answer)) => {
            return Ok((channel, answer.into_inner().record.into_iter().map(Worker::from_wire).collect()));
        }
        Some(Err(status)) => DialProblem::NoAnswer(Box::new(status)),
        None => DialProblem::Broken("the connection was closed".to_owned()),
    };
    Err(breakage.take().map_or(problem, DialProblem::Broken))
}

/// Makes a channel that first uses `io`, and opens the route again whenever the connection is lost.
async fn channel(route: Route, io: BoxedIo, authority: &str) -> Result<Channel, DialProblem> {
    // tonic gets an http URL, because TLS is part of our transport. The daemon and proxies in front of it see the real scheme.
    let scheme = if route.is_tls() { "https" } else { "http" };
    let origin = format!("{scheme}://{authority}").parse().map_err(|_| DialProblem::Authority(authority.to_owned()))?;
    let endpoint = Endpoint::from_shared(format!("http://{authority}"))
        .and_then(|endpoint| endpoint.user_agent(concat!("imagespec/", env!("CARGO_PKG_VERSION"))))
        .map_err(|error| DialProblem::Channel(Box::new(error)))?
        .origin(origin)
        .connect_timeout(RECONNECT_TIMEOUT)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(MAX_HEADER_LIST_SIZE);
    let route = Arc::new(route);
    let first = Arc::new(Mutex::new(Some(io)));
    let connector = tower::service_fn(move |_| {
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let route = Arc::clone(&route);
        async move {
            match first {
                Some(io) => Ok(TokioIo::new(io)),
                None => route.open().await.map(TokioIo::new),
            }
        }
    });
    endpoint.connect_with_connector(connector).await.map_err(|error| DialProblem::Channel(Box::new(error)))
}

fn control(channel: Channel) -> ControlClient<Channel> {
    ControlClient::new(channel).max_decoding_message_size(MAX_MESSAGE_SIZE).max_encoding_message_size(MAX_MESSAGE_SIZE)
}
