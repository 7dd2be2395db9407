//! BuildKit inside a Docker Engine: gRPC directly on the API socket, or after an upgrade of `POST /grpc`
//! (moby/moby: `daemon/server/router/grpc`, `daemon/command/httphandler.go`). `POST /session` is never needed, since the
//! Control service has `Session` too.

use std::sync::Arc;

use http::HeaderValue;
use http::header::{CONNECTION, UPGRADE};
use tokio::time::Instant;
use tonic::transport::Channel;

use super::{Connection, DaemonKind, DialError, DialOptions, DialProblem, Route, first_answer, open_with_retries};
use crate::address::{Address, EngineAddress};
use crate::engine::{Call, DIRECT_GRPC, Engine};
use crate::transport::{BoxedIo, Transport};
use crate::worker::Worker;

impl Engine {
    /// Pings the Engine at `address`.
    ///
    /// # Errors
    /// As [`dial`](super::dial).
    pub async fn open(address: &EngineAddress, options: &DialOptions) -> Result<Self, DialError> {
        options.bounded(&Address::Engine(address.clone()), async |_| options.ping(address).await).await
    }
}

/// Tries the method that suits the Engine's version, then the other one: a proxy in front of the socket may allow only one.
pub(super) async fn connect(engine: &Engine, deadline: Instant) -> Result<Connection, DialProblem> {
    let upgrade = || reach(engine, Route::Upgrade(engine.clone()), deadline);
    let direct = || async { reach(engine, Route::Direct(direct_transport(engine)?), deadline).await };
    let (channel, workers) = if engine.api_version() >= DIRECT_GRPC {
        match direct().await {
            Ok(reached) => reached,
            Err(direct) => upgrade().await.map_err(|upgrade| neither(engine, direct, upgrade))?,
        }
    } else {
        match upgrade().await {
            Ok(reached) => reached,
            Err(upgrade) => direct().await.map_err(|direct| neither(engine, direct, upgrade))?,
        }
    };
    Ok(connection(channel, workers, engine.clone()))
}

/// A connection made for `buildkitd` turned out to be an Engine's.
pub(super) fn adopt(connection: Connection, engine: Engine) -> Connection {
    self::connection(connection.channel, connection.workers, engine)
}

fn connection(channel: Channel, workers: Arc<[Worker]>, engine: Engine) -> Connection {
    Connection {
        channel,
        kind: DaemonKind::Engine { api_version: engine.api_version() },
        description: format!("Docker Engine (API {}) at {}", engine.api_version(), engine.address()),
        workers,
        address: String::new(),
        peer: engine.transport().peer(),
        engine: Some(engine),
    }
}

/// The transport of the API, but with HTTP/2 offered in the TLS handshake.
fn direct_transport(engine: &Engine) -> Result<Transport, DialProblem> {
    match engine.address() {
        EngineAddress::Tcp(tcp) => Transport::tcp(tcp, &[b"h2"]),
        EngineAddress::Unix(_) | EngineAddress::Ssh(_) => Ok(engine.transport().clone()),
    }
}

async fn reach(engine: &Engine, route: Route, deadline: Instant) -> Result<(Channel, Arc<[Worker]>), DialProblem> {
    let authority = match engine.address() {
        EngineAddress::Tcp(tcp) => tcp.to_string(),
        EngineAddress::Unix(_) | EngineAddress::Ssh(_) => "localhost".to_owned(),
    };
    let io = open_with_retries(&route, deadline).await?;
    first_answer(route, io, &authority).await
}

fn neither(engine: &Engine, direct: DialProblem, upgrade: DialProblem) -> DialProblem {
    DialProblem::EngineWithoutBuildkit {
        api_version: engine.api_version().to_string(),
        direct: Box::new(direct),
        upgrade: Box::new(upgrade),
    }
}

/// Asks the Engine to upgrade a connection to HTTP/2 with prior knowledge.
pub(super) async fn upgrade(engine: &Engine) -> Result<BoxedIo, DialProblem> {
    let call = Call::post("/grpc")
        .with_header(CONNECTION, HeaderValue::from_static("Upgrade"))
        .with_header(UPGRADE, HeaderValue::from_static("h2c"));
    engine.send(call).await?.upgraded().await
}
