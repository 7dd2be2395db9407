//! Runs one build on a daemon: session, solve, progress and cancellation around the code that drives it.
//!
//! It does not depend on specs.

use std::error::Error;
use std::future::Future;

use buildkit_client::dial::Connection;
use buildkit_client::error::SolveError;
use buildkit_client::progress::ProgressSender;
use buildkit_client::session::exports::ReceivedExport;
use buildkit_client::session::sent::SentDir;
use buildkit_client::session::{SessionBuilder, SessionId};
use buildkit_client::solve::{BuildHandle, SolveOptions, SolveResponse, guarded_by_session, solve_with_gateway};
use buildkit_gateway::{Bridge, GatewayError, RunError};
use tokio_util::sync::CancellationToken;

use crate::error::BuildError;

/// An error of the code that drives a build.
pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// The resources of a build.
#[derive(Debug)]
pub struct Solving<'a> {
    /// The daemon.
    pub connection: &'a Connection,
    /// The session of the build.
    pub session: SessionBuilder,
    /// The options of the solve.
    pub solve: SolveOptions,
    /// The sender of progress.
    pub progress: &'a ProgressSender,
    /// Cancels the build.
    pub cancel: &'a CancellationToken,
}

/// The result of a build.
#[derive(Debug)]
pub struct Driven<T> {
    /// The daemon's answer.
    pub response: SolveResponse,
    /// The result of the code that drove it.
    pub made: T,
    /// The local folders that the session has sent.
    pub sent: Vec<SentDir>,
    /// The outputs that the client has received.
    pub received: Vec<ReceivedExport>,
}

/// The handle of a build for the code that drives it.
#[derive(Debug)]
pub struct Handle {
    handle: BuildHandle,
    /// The session that serves the build.
    pub session_id: SessionId,
}

impl Handle {
    /// The gateway bridge of the build.
    ///
    /// # Errors
    /// The build's id cannot be sent in a header.
    pub fn bridge(self) -> Result<Bridge, GatewayError> {
        Bridge::over_channel(self.handle.channel, Some(self.handle.build_ref))
    }
}

impl Solving<'_> {
    /// Runs `drive` within a build. `after` runs when the daemon has finished, while the session is still open.
    ///
    /// # Errors
    /// The build failed, its session was lost, or it was cancelled.
    pub async fn run<D, DF, T, E, A, AF>(self, drive: D, after: A) -> Result<Driven<T>, BuildError>
    where
        D: FnOnce(Handle) -> DF,
        DF: Future<Output = Result<T, E>>,
        E: Into<BoxError>,
        A: FnOnce() -> AF,
        AF: Future<Output = Result<(), BuildError>>,
    {
        let Self { connection, session, solve, progress, cancel } = self;
        let session = session.open(connection.channel.clone()).await?;
        let session_id = session.id().clone();
        // A lost session only cancels this build.
        let own_cancel = cancel.child_token();
        let driver = |handle| drive(Handle { handle, session_id });
        // Boxed, because nested futures of this size overflow the stack of a runtime thread in debug builds.
        let id = Some(session.id());
        let build = Box::pin(solve_with_gateway(connection, id, solve, progress, &own_cancel, driver));
        let outcome = match guarded_by_session::<_, BuildError>(&session, &own_cancel, build).await {
            Ok((response, made)) => {
                let sent = session.sent_dirs();
                after().await.map(|()| (response, made, sent))
            }
            Err(_) if cancel.is_cancelled() => Err(BuildError::Cancelled),
            Err(error) => Err(error),
        };
        let received = session.received_exports();
        session.close().await;
        match outcome {
            Ok((response, made, sent)) => Ok(Driven { response, made, sent, received }),
            Err(BuildError::Solve(SolveError::Cancelled)) => Err(BuildError::Cancelled),
            Err(BuildError::Solve(SolveError::Frontend(error))) => Err(BuildError::Solve(lost_or_failed(error))),
            Err(error) => Err(error),
        }
    }
}

/// The error of the code that drives a build. A daemon that stops lets running steps end but takes no new calls, so that this code is the
/// first to notice.
fn lost_or_failed(error: BoxError) -> SolveError {
    match error.downcast_ref::<RunError>() {
        Some(RunError::Lost(message)) => SolveError::Lost { message: message.clone() },
        // A busy daemon may not have repeated the error in time.
        Some(RunError::Failed(status)) => SolveError::from_status(&status.to_rpc()),
        _ => SolveError::Frontend(error),
    }
}
