//! Runs a build while its session is open.
//!
//! A daemon that dies ends both the build and the session, in either order. The caller should get the cause.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::SolveError;
use crate::session::{Session, SessionEnd};

/// How long a build may continue after its session. A daemon that dies ends both, but not at exactly the same time.
const AFTER_SESSION_TIMEOUT: Duration = Duration::from_secs(1);

/// Awaits a build. If its session is lost, cancels the build and returns the end of the session as the error.
///
/// ```no_run
/// # async fn example(connection: buildkit_client::dial::Connection) -> Result<(), Box<dyn std::error::Error>> {
/// use buildkit_client::progress;
/// use buildkit_client::session::Session;
/// use buildkit_client::solve::{SolveOptions, guarded_by_session, solve};
/// use tokio_util::sync::CancellationToken;
///
/// let session = Session::builder().open(connection.channel.clone()).await?;
/// let (sender, _updates) = progress::channel();
/// let cancel = CancellationToken::new();
/// let build = solve(&connection, Some(session.id()), SolveOptions::new(), &sender, &cancel);
/// let response = guarded_by_session::<_, Box<dyn std::error::Error>>(&session, &cancel, build).await?;
/// # drop(response);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The build failed, or its session was lost.
pub async fn guarded_by_session<T, E>(
    session: &Session,
    cancel: &CancellationToken,
    build: impl Future<Output = Result<T, SolveError>>,
) -> Result<T, E>
where
    E: From<SolveError> + From<SessionEnd>,
{
    let (lost, failed) = (session.closed(), session.write_failure());
    tokio::pin!(build);
    let end = tokio::select! {
        outcome = &mut build => return Ok(outcome?),
        end = lost => end,
        message = failed => {
            // The daemon reports the same, or waits for ever.
            if tokio::time::timeout(AFTER_SESSION_TIMEOUT, &mut build).await.is_err() {
                cancel.cancel();
                let _cancelled = build.await;
            }
            return Err(SolveError::Output { message }.into());
        }
    };
    let outcome = match tokio::time::timeout(AFTER_SESSION_TIMEOUT, &mut build).await {
        Ok(outcome) => outcome,
        Err(_) => {
            cancel.cancel();
            build.await
        }
    };
    match outcome {
        Ok(done) => Ok(done),
        // The build's error already reports that the daemon is gone.
        Err(error @ SolveError::Lost { .. }) => Err(error.into()),
        Err(_) => Err(end.into()),
    }
}
