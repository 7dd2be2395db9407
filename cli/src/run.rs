//! One build on a daemon: session, solve, progress and interruption around whatever drives the build.
//!
//! Knows nothing of specs; what is built and where it goes is the caller's.

use std::future::Future;
use std::io::IsTerminal as _;
use std::time::Duration;

use buildkit_client::dial::Connection;
use buildkit_client::error::SolveError;
use buildkit_client::progress::{self, Mode, ProgressSender, Terminal};
use buildkit_client::session::{Session, SessionBuilder};
use buildkit_client::solve::{BuildHandle, SolveOptions, SolveResponse, solve_with_gateway};
use tokio_util::sync::CancellationToken;

use crate::error::CliError;
use crate::exit::Exit;
use crate::print;

/// What a build needs beside the code that drives it.
pub(crate) struct Run<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) session: SessionBuilder,
    /// The request; the session's id is filled in.
    pub(crate) solve: SolveOptions,
    pub(crate) progress: Mode,
}

/// What a build in progress is given.
pub(crate) struct Driver {
    pub(crate) handle: BuildHandle,
    pub(crate) session_id: String,
}

impl Run<'_> {
    /// Runs `drive` within a build; `after` runs when the daemon is done, while progress is still shown.
    pub(crate) async fn drive<D, DF, T, E, A, AF>(self, drive: D, after: A) -> Result<(SolveResponse, T), CliError>
    where
        D: FnOnce(Driver) -> DF,
        DF: Future<Output = Result<T, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
        A: FnOnce(ProgressSender) -> AF,
        AF: Future<Output = Result<(), CliError>>,
    {
        let Self { connection, session, mut solve, progress } = self;
        let mut renderer =
            progress.renderer(std::io::stderr(), terminal()).map_err(|error| CliError::Input(error.to_string()))?;
        let session = session.open(connection.channel.clone()).await?;
        solve.session = session.id().to_owned();
        let session_id = session.id().to_owned();
        let (sender, receiver) = progress::channel();
        let display = tokio::spawn(async move { progress::render(receiver, renderer.as_mut()).await });
        let cancel = CancellationToken::new();
        let interrupts = tokio::spawn(on_interrupt(cancel.clone()));

        let build =
            solve_with_gateway(connection, solve, &sender, &cancel, |handle| drive(Driver { handle, session_id }));
        let outcome = beside_session(&session, &cancel, build).await;
        let outcome = match outcome {
            Ok(done) => after(sender.clone()).await.map(|()| done),
            Err(_) if cancel.is_cancelled() && interrupts.is_finished() => Err(CliError::Interrupted),
            Err(error) => Err(error),
        };
        interrupts.abort();
        drop(sender);
        // A display that cannot write has nobody to tell.
        let _ = display.await;
        let skipped: u64 = session.received_exports().iter().map(|export| export.skipped).sum();
        if skipped > 0 {
            print::note(&format!("warning: {skipped} devices, fifos and sockets of the image were not written\n"));
        }
        session.close().await;
        match outcome {
            Err(CliError::Solve(SolveError::Cancelled)) => Err(CliError::Interrupted),
            other => other,
        }
    }
}

/// How long a build may go on after its session: the death of a daemon ends both, the one a moment before the other.
const AFTER_SESSION: Duration = Duration::from_secs(1);

/// Ends a build whose session is lost, and says that rather than what the build makes of it.
async fn beside_session<T>(
    session: &Session,
    cancel: &CancellationToken,
    build: impl Future<Output = Result<T, SolveError>>,
) -> Result<T, CliError> {
    let lost = session.closed();
    tokio::pin!(build);
    let end = tokio::select! {
        outcome = &mut build => return Ok(outcome?),
        end = lost => end,
    };
    let outcome = match tokio::time::timeout(AFTER_SESSION, &mut build).await {
        Ok(outcome) => outcome,
        Err(_) => {
            cancel.cancel();
            build.await
        }
    };
    match outcome {
        Ok(done) => Ok(done),
        // The daemon is gone, and the build's error says so.
        Err(error @ SolveError::Lost { .. }) => Err(error.into()),
        Err(_) => Err(end.into()),
    }
}

/// The first interrupt cancels the build, which then ends in good order; one more gives up at once.
async fn on_interrupt(cancel: CancellationToken) {
    interrupt().await;
    cancel.cancel();
    tokio::spawn(async {
        interrupt().await;
        #[expect(clippy::exit, reason = "the user asked twice, and what still runs may hang")]
        std::process::exit(Exit::Interrupted.code().into());
    });
}

async fn interrupt() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        // Without a handler the signal's default action ends the program, which is what it asks for.
        return std::future::pending().await;
    };
    tokio::select! {
        outcome = tokio::signal::ctrl_c() => if outcome.is_err() { std::future::pending::<()>().await },
        _ = terminate.recv() => {}
    }
}

/// The terminal on stderr, if there is one.
fn terminal() -> Option<Terminal> {
    std::io::stderr().is_terminal().then(|| Terminal {
        size: Box::new(|| {
            rustix::termios::tcgetwinsize(std::io::stderr())
                .map(|size| (usize::from(size.ws_col), usize::from(size.ws_row)))
                .ok()
                .filter(|(columns, rows)| *columns > 0 && *rows > 0)
                .unwrap_or((80, 24))
        }),
        colors: std::env::var_os("NO_COLOR").is_none(),
    })
}
