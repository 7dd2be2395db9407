//! The progress display of a command, and interrupts by the user.

use std::io::IsTerminal as _;
use std::sync::atomic::{AtomicBool, Ordering};

use buildkit_client::progress::{self, Mode, Terminal};
use imagespec_driver::{EventKind, EventReceiver, Events};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::args::Progress;
use crate::error::CliError;
use crate::exit::Exit;
use crate::print;

/// The display that all builds of a command share, and their cancellation by the user.
pub(crate) struct Stage {
    events: Events,
    /// Ends when all senders are dropped.
    reader: JoinHandle<()>,
    cancel: CancellationToken,
    interrupts: JoinHandle<()>,
}

impl Stage {
    /// Starts the progress display for the events of builds and other operations.
    pub(crate) fn open(progress: Progress) -> Result<Self, CliError> {
        let (events, read) = Events::channel();
        let reader = match progress.mode() {
            Some(mode) => show(read, mode)?,
            None => tokio::spawn(write_json(read)),
        };
        let cancel = CancellationToken::new();
        let interrupts = tokio::spawn(on_interrupt(cancel.clone()));
        Ok(Self { events, reader, cancel, interrupts })
    }

    /// Ends the display after the last event.
    pub(crate) async fn close(self) {
        self.interrupts.abort();
        drop(self.events);
        let _ = self.reader.await;
    }

    /// The sender of events.
    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    /// Cancelled when the user interrupts the command.
    pub(crate) fn cancellation(&self) -> &CancellationToken {
        &self.cancel
    }
}

/// Shows the events that a display supports.
fn show(mut events: EventReceiver, mode: Mode) -> Result<JoinHandle<()>, CliError> {
    // Renderers flush complete frames.
    let out = std::io::BufWriter::new(std::io::stderr());
    let mut renderer = mode.renderer(out, terminal()).map_err(|error| CliError::Input(error.to_string()))?;
    let (progress, updates) = progress::channel();
    Ok(tokio::spawn(async move {
        let has_failed = AtomicBool::new(false);
        let read = async {
            // Dropping it at the end ends the display.
            let progress = progress;
            while let Some(event) = events.recv().await {
                if matches!(event.kind, EventKind::Failed(_)) {
                    has_failed.store(true, Ordering::Relaxed);
                }
                if let Some(update) = event.to_update() {
                    progress.send(update).await;
                }
            }
        };
        // Write errors of the display cannot be reported.
        let shown = progress::render_with(updates, renderer.as_mut(), || has_failed.load(Ordering::Relaxed));
        let ((), _) = tokio::join!(read, shown);
    }))
}

async fn write_json(mut events: EventReceiver) {
    while let Some(event) = events.recv().await {
        print::event(&event);
    }
}

/// The first interrupt cancels the build, which then ends cleanly; the second one ends the program immediately.
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
        // Without a handler, the signal's default action ends the program, as intended.
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
