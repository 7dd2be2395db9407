//! Builds on a daemon: session, solve, progress and interruption around whatever drives a build.
//!
//! Knows nothing of specs; what is built and where it goes is the caller's.

use std::future::Future;
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};

use buildkit_client::dial::Connection;
use buildkit_client::error::SolveError;
use buildkit_client::progress::{self, Mode, ProgressSender, Terminal};
use buildkit_client::session::sent::SentDir;
use buildkit_client::session::{SessionBuilder, SessionId};
use buildkit_client::solve::{BuildHandle, SolveOptions, SolveResponse, beside_session, solve_with_gateway};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::CliError;
use crate::exit::Exit;
use crate::print;

/// What all builds of a command share: one display, and the user who may interrupt them.
pub(crate) struct Stage {
    progress: ProgressSender,
    display: JoinHandle<()>,
    cancel: CancellationToken,
    interrupts: JoinHandle<()>,
    /// To be said when nothing draws on the terminal any more.
    notes: Mutex<String>,
}

impl Stage {
    /// Begins to show progress.
    pub(crate) fn open(mode: Mode) -> Result<Self, CliError> {
        // Renderers flush what belongs together.
        let out = std::io::BufWriter::new(std::io::stderr());
        let mut renderer = mode.renderer(out, terminal()).map_err(|error| CliError::Input(error.to_string()))?;
        let (progress, receiver) = progress::channel();
        // A display that cannot write has nobody to tell.
        let display = tokio::spawn(async move { drop(progress::render(receiver, renderer.as_mut()).await) });
        let cancel = CancellationToken::new();
        let interrupts = tokio::spawn(on_interrupt(cancel.clone()));
        Ok(Self { progress, display, cancel, interrupts, notes: Mutex::default() })
    }

    /// Shows the last of it.
    pub(crate) async fn close(self) {
        self.interrupts.abort();
        drop(self.progress);
        let _ = self.display.await;
        print::note(&self.notes.into_inner().unwrap_or_else(PoisonError::into_inner));
    }

    /// What is shown.
    pub(crate) fn progress(&self) -> &ProgressSender {
        &self.progress
    }

    fn note(&self, text: &str) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
    }
}

/// What a build needs beside the code that drives it.
pub(crate) struct Run<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) session: SessionBuilder,
    pub(crate) solve: SolveOptions,
}

/// What came of a build.
pub(crate) struct Driven<T> {
    pub(crate) response: SolveResponse,
    /// What the code that drove it made of it.
    pub(crate) made: T,
    /// The client's files, as far as its session was asked for them.
    pub(crate) sent: Vec<SentDir>,
}

/// What a build in progress is given.
pub(crate) struct Driver {
    pub(crate) handle: BuildHandle,
    pub(crate) session_id: SessionId,
}

impl Run<'_> {
    /// Runs `drive` within a build that is the command's only one.
    pub(crate) async fn drive_alone<D, DF, T, E>(self, mode: Mode, drive: D) -> Result<Driven<T>, CliError>
    where
        D: FnOnce(Driver) -> DF,
        DF: Future<Output = Result<T, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let stage = Stage::open(mode)?;
        let outcome = self.drive(&stage, stage.progress(), drive, |_| async { Ok(()) }).await;
        stage.close().await;
        outcome
    }

    /// Runs `drive` within a build whose progress goes where it is told, mostly to the stage's own display; `after` runs when the
    /// daemon is done, while progress is still shown.
    pub(crate) async fn drive<D, DF, T, E, A, AF>(
        self,
        stage: &Stage,
        progress: &ProgressSender,
        drive: D,
        after: A,
    ) -> Result<Driven<T>, CliError>
    where
        D: FnOnce(Driver) -> DF,
        DF: Future<Output = Result<T, E>>,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
        A: FnOnce(ProgressSender) -> AF,
        AF: Future<Output = Result<(), CliError>>,
    {
        let Self { connection, session, solve } = self;
        let session = session.open(connection.channel.clone()).await?;
        let session_id = session.id().clone();
        // A lost session ends this build and no other.
        let cancel = stage.cancel.child_token();
        let build = solve_with_gateway(connection, Some(session.id()), solve, progress, &cancel, |handle| {
            drive(Driver { handle, session_id })
        });
        let outcome = match beside_session(&session, &cancel, build).await {
            Ok((response, made)) => {
                let sent = session.sent_dirs();
                after(progress.clone()).await.map(|()| Driven { response, made, sent })
            }
            Err(_) if stage.cancel.is_cancelled() => Err(CliError::Interrupted),
            Err(error) => Err(error),
        };
        let skipped: u64 = session.received_exports().iter().map(|export| export.skipped).sum();
        if skipped > 0 {
            stage.note(&format!("warning: {skipped} devices, fifos and sockets of the image were not written\n"));
        }
        session.close().await;
        match outcome {
            Err(CliError::Solve(SolveError::Cancelled)) => Err(CliError::Interrupted),
            other => other,
        }
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
