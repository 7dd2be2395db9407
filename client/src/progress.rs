//! Progress of a build: the updates of the daemon and of local steps, a model of them, and renderers.
//!
//! Renderers write to the writer that they are given, and the caller declares whether it is a terminal.

mod channel;
mod event;
mod format;
mod json;
mod local;
mod log_tail;
mod model;
mod plain;
mod raw_json;
mod stamp;
mod tty;
mod visible;

use std::io::{self, Write};
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;
use tokio::time::{MissedTickBehavior, interval};

pub use self::channel::{ProgressReceiver, ProgressSender, channel};
pub use self::event::{Log, ProgressGroup, Stream, Update, Vertex, VertexStatus, Warning};
pub use self::local::LocalStep;
pub use self::plain::Plain;
pub use self::raw_json::RawJson;
pub use self::stamp::Stamp;
pub use self::tty::{Terminal, Tty};

/// The interval at which a display is redrawn without updates, for its clocks.
const TICK: Duration = Duration::from_millis(150);

/// Displays progress. Times are those of this machine.
pub trait Renderer {
    /// Handles an update.
    ///
    /// # Errors
    /// If writing fails.
    fn update(&mut self, update: &Update, now: Stamp) -> io::Result<()>;
    /// Called regularly, so that displays show the elapsed time.
    ///
    /// # Errors
    /// If writing fails.
    fn tick(&mut self, _now: Stamp) -> io::Result<()> {
        Ok(())
    }
    /// Shows the final state, and again what failing steps wrote.
    ///
    /// # Errors
    /// If writing fails.
    fn finish(&mut self, now: Stamp) -> io::Result<()>;
    /// Called before [`finish`](Self::finish) if steps may have failed, but the build did not: a frontend can try something else.
    fn forget_failures(&mut self) {}
}

/// Shows nothing.
///
/// ```
/// use buildkit_client::progress::{Quiet, Renderer as _, Stamp, Update};
///
/// Quiet.update(&Update::default(), Stamp::now())?;
/// Quiet.finish(Stamp::now())?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Quiet;

impl Renderer for Quiet {
    fn update(&mut self, _update: &Update, _now: Stamp) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _now: Stamp) -> io::Result<()> {
        Ok(())
    }
}

/// The values of `--progress`.
///
/// ```
/// use buildkit_client::progress::Mode;
///
/// let mode: Mode = "plain".parse()?;
/// assert_eq!(mode.or_variable(Some("tty"))?, Mode::Plain, "a mode that is given beats the variable");
/// assert_eq!(Mode::Auto.or_variable(Some("tty"))?, Mode::Tty);
/// # Ok::<(), buildkit_client::progress::UnknownMode>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Mode {
    /// A display on a terminal, otherwise plain lines.
    #[default]
    Auto,
    /// A display that is redrawn.
    Tty,
    /// Plain lines.
    Plain,
    /// JSON lines for programs.
    RawJson,
    /// Nothing.
    Quiet,
}

/// An unknown mode.
///
/// ```
/// use buildkit_client::progress::Mode;
///
/// assert!("loud".parse::<Mode>().expect_err("no such mode").to_string().contains("\"loud\""));
/// ```
#[derive(Debug, Error, PartialEq, Eq)]
#[error("progress mode {0:?} is none of auto, plain, tty, rawjson, quiet")]
pub struct UnknownMode(String);

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        match text {
            "auto" | "" => Ok(Self::Auto),
            "tty" => Ok(Self::Tty),
            "plain" => Ok(Self::Plain),
            "rawjson" => Ok(Self::RawJson),
            "quiet" | "none" => Ok(Self::Quiet),
            other => Err(UnknownMode(other.to_owned())),
        }
    }
}

/// `tty` was requested without a terminal.
///
/// ```
/// use buildkit_client::progress::{Mode, NotATerminal};
///
/// assert_eq!(Mode::Tty.renderer(Vec::new(), None).err(), Some(NotATerminal));
/// ```
#[derive(Debug, Error, PartialEq, Eq)]
#[error("progress mode tty needs a terminal; use plain or auto")]
pub struct NotATerminal;

impl Mode {
    /// Uses the mode of `BUILDKIT_PROGRESS` if no mode is given. As in BuildKit's clients, a given mode takes precedence.
    ///
    /// # Errors
    /// The variable's value is not a mode.
    pub fn or_variable(self, value: Option<&str>) -> Result<Self, UnknownMode> {
        match (self, value) {
            (Self::Auto, Some(value)) => value.parse(),
            (mode, _) => Ok(mode),
        }
    }

    /// Creates the renderer. `terminal` is given if `out` is a terminal.
    ///
    /// # Errors
    /// The mode needs a terminal and there is none.
    pub fn renderer<W: Write + Send + 'static>(
        self,
        out: W,
        terminal: Option<Terminal>,
    ) -> Result<Box<dyn Renderer + Send>, NotATerminal> {
        Ok(match (self, terminal) {
            (Self::Auto | Self::Tty, Some(terminal)) => Box::new(Tty::new(out, terminal)),
            (Self::Tty, None) => return Err(NotATerminal),
            (Self::Auto | Self::Plain, _) => Box::new(Plain::new(out)),
            (Self::RawJson, _) => Box::new(RawJson::new(out)),
            (Self::Quiet, _) => Box::new(Quiet),
        })
    }
}

/// Passes updates to a renderer until all senders are dropped, and returns the warnings among them.
///
/// After a write error, updates are still received, so that a closed pipe does not block the build. The first error is returned at the
/// end, together with the warnings.
pub async fn render(reports: ProgressReceiver, renderer: &mut (dyn Renderer + Send)) -> (Vec<Warning>, io::Result<()>) {
    render_with(reports, renderer, || true).await
}

/// The same for a caller that knows at the end whether the build failed. If it did not, the output of failed steps is not shown again.
pub async fn render_with(
    mut reports: ProgressReceiver,
    renderer: &mut (dyn Renderer + Send),
    has_failed: impl FnOnce() -> bool,
) -> (Vec<Warning>, io::Result<()>) {
    let mut warnings = Vec::new();
    let mut outcome = Ok(());
    let mut clock = interval(TICK);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let written = tokio::select! {
            update = reports.recv() => match update {
                Some(update) => {
                    warnings.extend(update.warnings.iter().cloned());
                    clock.reset();
                    if outcome.is_ok() { renderer.update(&update, Stamp::now()) } else { Ok(()) }
                }
                None => break,
            },
            _ = clock.tick() => if outcome.is_ok() { renderer.tick(Stamp::now()) } else { Ok(()) },
        };
        outcome = outcome.and(written);
    }
    if outcome.is_ok() {
        if !has_failed() {
            renderer.forget_failures();
        }
        outcome = renderer.finish(Stamp::now());
    }
    (warnings, outcome)
}

#[cfg(test)]
mod tests;
