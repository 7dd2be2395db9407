//! The display of a command, and the user who may interrupt it.

use std::io::IsTerminal as _;

use buildkit_client::progress::{self, Mode, ProgressSender, Terminal};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::CliError;
use crate::exit::Exit;

/// What all builds of a command share: one display, and the user who may interrupt them.
pub(crate) struct Stage {
    progress: ProgressSender,
    display: JoinHandle<()>,
    cancel: CancellationToken,
    interrupts: JoinHandle<()>,
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
        Ok(Self { progress, display, cancel, interrupts })
    }

    /// Shows the last of it.
    pub(crate) async fn close(self) {
        self.interrupts.abort();
        drop(self.progress);
        let _ = self.display.await;
    }

    /// What is shown.
    pub(crate) fn progress(&self) -> &ProgressSender {
        &self.progress
    }

    /// What the user interrupts.
    pub(crate) fn cancellation(&self) -> &CancellationToken {
        &self.cancel
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
