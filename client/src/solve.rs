//! Runs a build on a daemon: `Control.Solve` and `Control.Status` in parallel and, for builds that the client drives, calls
//! of the gateway (moby/buildkit: `client/solve.go`, `client/build.go`).
//!
//! The caller opens a session and passes its id. The session must stay open until the call returns; [`guarded_by_session`]
//! cancels a build whose session is lost.

mod exporter;
mod local_cache;
mod options;
mod session_guard;
mod status;

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::future::{Future, pending};
use std::pin::pin;
use std::time::Duration;

use buildkit_proto::rpc::control::SolveRequest;
use buildkit_proto::rpc::gateway::PingRequest;
use buildkit_proto::rpc::gateway::llb_bridge_client::LlbBridgeClient;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataValue;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

pub use self::exporter::{Exporter, ExporterKind};
pub use self::local_cache::LocalCaches;
pub use self::options::{CacheEntry, SolveOptions, cache_imports_attr};
pub use self::session_guard::guarded_by_session;
pub use crate::reference::new_reference;

use crate::dial::Connection;
use crate::error::SolveError;
use crate::progress::ProgressSender;
use crate::session::SessionId;

/// Metadata key that assigns a gateway call on the control connection to its build.
pub const BUILD_ID_METADATA: &str = "buildkit-controlapi-buildid";

/// How long one side of a build may take to end after the other side has ended.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// Pause between attempts to find a build that the daemon is registering.
const REGISTRATION_PAUSE: Duration = Duration::from_millis(50);

/// A finished build.
///
/// ```
/// use buildkit_client::solve::SolveResponse;
/// use buildkit_proto::keys::result;
///
/// let digest = |response: &SolveResponse| response.exporter_response.get(result::IMAGE_DIGEST).cloned();
/// assert_eq!(digest(&SolveResponse::default()), None, "nothing was exported");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SolveResponse {
    /// The build's id on the daemon.
    pub reference: String,
    /// What the exporters and the frontend report, for example `containerimage.digest`. All exporters share this map.
    pub exporter_response: BTreeMap<String, String>,
}

/// Gives the client's code access to a running build.
///
/// ```no_run
/// use buildkit_client::progress;
/// use buildkit_client::solve::{BuildHandle, SolveOptions, solve_with_gateway};
/// use tokio_util::sync::CancellationToken;
///
/// # async fn example(connection: &buildkit_client::dial::Connection) -> Result<(), buildkit_client::error::SolveError> {
/// let (sender, _updates) = progress::channel();
/// let drive = |handle: BuildHandle| async move {
///     println!("calls of the gateway carry {}", handle.build_ref);
///     Ok::<_, std::io::Error>(())
/// };
/// solve_with_gateway(connection, None, SolveOptions::new(), &sender, &CancellationToken::new(), drive).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BuildHandle {
    /// The connection's channel.
    pub channel: Channel,
    /// Every call of `LLBBridge` must carry this under [`BUILD_ID_METADATA`].
    pub build_ref: String,
}

/// Builds a definition, or runs a frontend on the daemon. `session` serves files, secrets and credentials, and receives
/// exports; without a session the build has none of these.
///
/// Dropping the future cancels the build without waiting for its last reports. `cancel` waits for them, up to 5 s.
///
/// # Errors
/// See [`SolveError`].
pub async fn solve(
    connection: &Connection,
    session: Option<&SessionId>,
    options: SolveOptions,
    progress: &ProgressSender,
    cancel: &CancellationToken,
) -> Result<SolveResponse, SolveError> {
    let request = options.into_request(session)?;
    if request.frontend.is_empty() && request.definition.is_none() {
        return Err(invalid("neither a definition nor a frontend is given"));
    }
    let gateway = None::<std::future::Pending<Result<(), std::convert::Infallible>>>;
    let (response, _) = Box::pin(run(connection, request, progress, cancel, gateway)).await?;
    Ok(response)
}

/// Runs a build that is driven by `build`, which calls the daemon's gateway and finally calls its `Return` once. `session` is
/// as for [`solve`].
///
/// `build` starts when the daemon has registered the build. If it fails, the daemon's own error is preferred, since it has more
/// details; the daemon gets 5 s to report it.
///
/// # Errors
/// See [`SolveError`].
pub async fn solve_with_gateway<F, Fut, T, E>(
    connection: &Connection,
    session: Option<&SessionId>,
    options: SolveOptions,
    progress: &ProgressSender,
    cancel: &CancellationToken,
    build: F,
) -> Result<(SolveResponse, T), SolveError>
where
    F: FnOnce(BuildHandle) -> Fut,
    Fut: Future<Output = Result<T, E>>,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    if options.frontend.is_some() || options.definition.is_some() {
        return Err(invalid("a build that the client drives cannot have a frontend or a definition"));
    }
    let request = options.into_request(session)?;
    let handle = BuildHandle { channel: connection.channel.clone(), build_ref: request.r#ref.clone() };
    // On the heap: the caller's future may be large, and unoptimised programs copy it in every frame below.
    let gateway = Box::pin(async {
        wait_until_registered(&handle).await.map_err(|status| Box::new(status) as Box<dyn StdError + Send + Sync>)?;
        build(handle).await.map_err(Into::into)
    });
    let (response, built) = Box::pin(run(connection, request, progress, cancel, Some(gateway))).await?;
    match built {
        Some(built) => Ok((response, built)),
        None => Err(SolveError::Frontend("the build ended before the code that drives it did".into())),
    }
}

/// Waits for the daemon to register the build. The daemon itself waits only 3 s before it reports an unknown build, which is
/// not enough on a slow machine.
async fn wait_until_registered(handle: &BuildHandle) -> Result<(), Status> {
    let id = MetadataValue::try_from(&handle.build_ref)
        .map_err(|_| Status::invalid_argument("the build reference can't be sent as metadata"))?;
    let mut client =
        LlbBridgeClient::new(handle.channel.clone()).max_decoding_message_size(crate::dial::MAX_MESSAGE_SIZE);
    loop {
        let mut request = Request::new(PingRequest::default());
        request.metadata_mut().insert(BUILD_ID_METADATA, id.clone());
        match client.ping(request).await {
            Ok(_) => return Ok(()),
            // Solve runs at the same time. If it fails, this future is dropped.
            Err(status) if is_unregistered(&status) => sleep(REGISTRATION_PAUSE).await,
            Err(status) => return Err(status),
        }
    }
}

fn is_unregistered(status: &Status) -> bool {
    status.code() == Code::NotFound || status.message().contains("no such job")
}

/// Runs Solve, Status and the gateway code in parallel. Returns when all have ended or timed out.
async fn run<G, T, E>(
    connection: &Connection,
    request: SolveRequest,
    progress: &ProgressSender,
    cancel: &CancellationToken,
    gateway: Option<G>,
) -> Result<(SolveResponse, Option<T>), SolveError>
where
    G: Future<Output = Result<T, E>>,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    if cancel.is_cancelled() {
        return Err(SolveError::Cancelled);
    }
    let reference = request.r#ref.clone();
    let (solve_ended, until) = watch::channel(false);
    let solve = async {
        let outcome = drive(connection, request, cancel, gateway).await;
        // The reader may already have ended.
        let _ = solve_ended.send(true);
        outcome
    };
    let (outcome, seen) = tokio::join!(solve, status::read(connection, &reference, progress, until));
    match outcome {
        Ok((exporter_response, built)) => Ok((SolveResponse { reference, exporter_response }, built)),
        Err(Failure::Daemon(status)) => Err(SolveError::from_status_with(&status, &seen)),
        Err(Failure::Gateway(error)) => Err(SolveError::Frontend(error)),
        Err(Failure::Cancelled) => Err(SolveError::Cancelled),
    }
}

/// What ended the build.
enum Failure {
    Daemon(Box<Status>),
    Gateway(Box<dyn StdError + Send + Sync>),
    Cancelled,
}

async fn drive<G, T, E>(
    connection: &Connection,
    request: SolveRequest,
    cancel: &CancellationToken,
    gateway: Option<G>,
) -> Result<(BTreeMap<String, String>, Option<T>), Failure>
where
    G: Future<Output = Result<T, E>>,
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    let mut control = connection.control();
    let has_gateway = gateway.is_some();
    let mut solve = pin!(async {
        match control.solve(request).await {
            Ok(answer) => Ok(answer.into_inner().exporter_response.into_iter().collect()),
            Err(status) => Err(status),
        }
    });
    let mut gateway = pin!(async {
        match gateway {
            Some(gateway) => gateway.await.map_err(Into::into),
            None => pending().await,
        }
    });
    let cancelled = || Failure::Cancelled;
    let daemon = |status: Status| Failure::Daemon(Box::new(status));
    tokio::select! {
        // Dropping the call resets its stream, which cancels the build on the daemon.
        () = cancel.cancelled() => Err(cancelled()),
        answer = &mut solve => {
            let response = answer.map_err(daemon)?;
            if !has_gateway {
                return Ok((response, None));
            }
            // The gateway's last call has been answered, or else Solve would not have succeeded.
            match timeout(END_TIMEOUT, gateway).await {
                Ok(Ok(built)) => Ok((response, Some(built))),
                Ok(Err(error)) => Err(Failure::Gateway(error)),
                Err(_) => Ok((response, None)),
            }
        }
        built = &mut gateway => match built {
            Ok(built) => tokio::select! {
                () = cancel.cancelled() => Err(cancelled()),
                answer = solve => answer.map(|response| (response, Some(built))).map_err(daemon),
            },
            Err(error) => tokio::select! {
                () = cancel.cancelled() => Err(cancelled()),
                answer = timeout(END_TIMEOUT, solve) => match answer {
                    Ok(Err(status)) if status.code() != Code::Cancelled => Err(daemon(status)),
                    _ => Err(Failure::Gateway(error)),
                },
            },
        },
    }
}

fn invalid(message: &str) -> SolveError {
    SolveError::Invalid { message: message.to_owned(), details: Box::default() }
}
