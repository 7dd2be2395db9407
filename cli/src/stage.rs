//! The display of a command, and the user who may interrupt it.

use std::io::IsTerminal as _;

use buildkit_client::progress::{self, Mode, Terminal};
use imagespec_driver::{EventReceiver, Events};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::args::Progress;
use crate::error::CliError;
use crate::exit::Exit;
use crate::print;

/// What all builds of a command share: one display, and the user who may interrupt them.
pub(crate) struct Stage {
    events: Events,
    /// Ends when nobody reports any more.
    reader: JoinHandle<()>,
    cancel: CancellationToken,
    interrupts: JoinHandle<()>,
}

impl Stage {
    /// Begins to show progress: of builds by their events, and of whatever else reports some.
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

    /// Shows the last of it.
    pub(crate) async fn close(self) {
        self.interrupts.abort();
        drop(self.events);
        let _ = self.reader.await;
    }

    /// Where builds report what happens.
    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    /// What the user interrupts.
    pub(crate) fn cancellation(&self) -> &CancellationToken {
        &self.cancel
    }
}

/// Shows the events that a display has room for.
fn show(mut events: EventReceiver, mode: Mode) -> Result<JoinHandle<()>, CliError> {
    // Renderers flush what belongs together.
    let out = std::io::BufWriter::new(std::io::stderr());
    let mut renderer = mode.renderer(out, terminal()).map_err(|error| CliError::Input(error.to_string()))?;
    let (progress, updates) = progress::channel();
    Ok(tokio::spawn(async move {
        let read = async {
            // Dropped at the end, which ends the display.
            let progress = progress;
            while let Some(event) = events.recv().await {
                if let Some(update) = event.to_update() {
                    progress.send(update).await;
                }
            }
        };
        // A display that cannot write has nobody to tell.
        let ((), _) = tokio::join!(read, progress::render(updates, renderer.as_mut()));
    }))
}

async fn write_json(mut events: EventReceiver) {
    while let Some(event) = events.recv().await {
        print::event(&event);
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
