//! A build and the session it needs, watched together.
//!
//! Neither knows of the other: a daemon that dies ends both, in either order, and the caller should get the cause.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::error::SolveError;
use crate::session::{Session, SessionEnd};

/// How long a build may go on after its session: the death of a daemon ends both, the one a moment before the other.
const AFTER_SESSION_TIMEOUT: Duration = Duration::from_secs(1);

/// Awaits a build; one whose session is lost is cancelled, and the error is the loss rather than what the build makes of it.
///
/// ```no_run
/// # async fn example(connection: buildkit_client::dial::Connection) -> Result<(), Box<dyn std::error::Error>> {
/// use buildkit_client::progress;
/// use buildkit_client::session::Session;
/// use buildkit_client::solve::{SolveOptions, beside_session, solve};
/// use tokio_util::sync::CancellationToken;
///
/// let session = Session::builder().open(connection.channel.clone()).await?;
/// let (sender, _updates) = progress::channel();
/// let cancel = CancellationToken::new();
/// let build = solve(&connection, Some(session.id()), SolveOptions::new(), &sender, &cancel);
/// let response = beside_session::<_, Box<dyn std::error::Error>>(&session, &cancel, build).await?;
/// # drop(response);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The build's, or the session's end.
pub async fn beside_session<T, E>(
    session: &Session,
    cancel: &CancellationToken,
    build: impl Future<Output = Result<T, SolveError>>,
) -> Result<T, E>
where
    E: From<SolveError> + From<SessionEnd>,
{
    let lost = session.closed();
    tokio::pin!(build);
    let end = tokio::select! {
        outcome = &mut build => return Ok(outcome?),
        end = lost => end,
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
        // The daemon is gone, and the build's error reports that.
        Err(error @ SolveError::Lost { .. }) => Err(error.into()),
        Err(_) => Err(end.into()),
    }
}
