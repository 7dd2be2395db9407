//! Plans an image with a build that exports nothing.

use buildkit_client::solve::{CacheEntry, SolveOptions};
use imagespec_compile::LockUse;
use imagespec_frontend::Planned;
use tokio_util::sync::CancellationToken;

use crate::batch::in_process;
use crate::caches::Caches;
use crate::daemon::Daemon;
use crate::error::{BuildError, take};
use crate::event::{EventKind, Events, Failure, Reporter};
use crate::image::Image;
use crate::solving::Solving;

/// Plans an image: the daemon answers all questions, and builds only what that requires and the caches do not have.
///
/// # Errors
/// The spec is invalid, a question could not be answered, or the connection was lost.
pub async fn plan(
    image: &Image,
    daemon: &Daemon,
    lock: LockUse,
    cache_imports: &[CacheEntry],
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Planned, BuildError> {
    let reporter = Reporter::begin(events, &image.title, None);
    let planned = plan_reported(image, daemon, lock, cache_imports, &reporter, cancel).await;
    let failed = planned.as_ref().err().map(Failure::from_build);
    reporter.end(failed.map(EventKind::Failed)).await;
    planned
}

async fn plan_reported(
    image: &Image,
    daemon: &Daemon,
    lock: LockUse,
    cache_imports: &[CacheEntry],
    reporter: &Reporter,
    cancel: &CancellationToken,
) -> Result<Planned, BuildError> {
    let caches = Caches::open(&[], cache_imports, reporter).await?;
    let recorder = reporter.record(image.frontend(lock, daemon.memory.clone())).planning_only();
    let recorded = recorder.recorded();
    let mut options = image.options.clone();
    options.extend(caches.option());
    let (session, progress) = (caches.attach(image.session()), reporter.progress());
    let cache_imports = caches.imports;
    let solve = SolveOptions { frontend_attrs: options.clone(), cache_imports, internal: true, ..SolveOptions::new() };
    let solving = Solving { connection: &daemon.connection, session, solve, progress, cancel };
    let outcome = solving.run(|handle| in_process(handle, options, recorder), || async { Ok(()) }).await;
    take(&recorded, reporter.vertices(), outcome.map(drop))
}
