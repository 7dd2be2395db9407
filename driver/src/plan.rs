//! Plans an image with a build that exports nothing.

use buildkit_client::solve::SolveOptions;
use imagespec_compile::LockUse;
use imagespec_frontend::Planned;
use tokio_util::sync::CancellationToken;

use crate::batch::in_process;
use crate::daemon::Daemon;
use crate::error::{BuildError, take};
use crate::event::{EventKind, Events, Failure, Reporter};
use crate::image::Image;
use crate::solving::Solving;

/// Plans an image: the daemon answers all questions, and builds only what that requires.
///
/// # Errors
/// The spec is invalid, a question could not be answered, or the connection was lost.
pub async fn plan(
    image: &Image,
    daemon: &Daemon,
    lock: LockUse,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Planned, BuildError> {
    let reporter = Reporter::begin(events, &image.title, None);
    let recorder = reporter.record(image.frontend(lock, daemon.memory.clone())).planning_only();
    let recorded = recorder.recorded();
    let options = image.options.clone();
    let solve = SolveOptions { frontend_attrs: options.clone(), internal: true, ..SolveOptions::new() };
    let progress = reporter.progress();
    let solving = Solving { connection: &daemon.connection, session: image.session(), solve, progress, cancel };
    let outcome = solving.run(|handle| in_process(handle, options, recorder), || async { Ok(()) }).await;
    let planned = take(&recorded, reporter.vertices(), outcome.map(drop));
    let failed = planned.as_ref().err().map(Failure::from_build);
    reporter.end(failed.map(EventKind::Failed)).await;
    planned
}
