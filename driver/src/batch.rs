//! Builds images: a single one, and several in parallel.
//!
//! Several images share a connection. One session serves the build context for all of them, so that common steps run once; secrets,
//! credentials and results are separate.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_client::progress;
use buildkit_client::session::Session;
use buildkit_client::solve::{Exporter, SolveOptions};
use buildkit_gateway::{SolveRequest, Status};
use buildkit_llb::Graph;
use buildkit_proto::caps;
use buildkit_proto::keys::{self, option};
use futures_util::StreamExt as _;
use imagespec_compile::LockUse;
use imagespec_frontend::{Recorded, Recorder, require_caps};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::caches::Caches;
use crate::compress::compress_ahead;
use crate::daemon::Daemon;
use crate::delivery::{self, Delivery};
use crate::error::BuildError;
use crate::event::{Delivered, EventKind, Events, Failure, Reporter, warnings};
use crate::files::Files;
use crate::image::{Built, Image};
use crate::request::Request;
use crate::solving::{BoxError, Driven, Handle, Solving};
use crate::up_to_date::{LastPush, UnchangedPush, UpToDate};

/// The maximum number of images that are built at once; the daemon does the work.
const MAX_CONCURRENT: usize = 8;

/// The maximum number of solves of a build whose layers an Engine loses ([`SolveError::has_lost_layers`](
/// buildkit_client::error::SolveError::has_lost_layers)).
const MAX_ATTEMPTS: usize = 4;

/// Images that are built in parallel.
#[derive(Debug)]
pub struct Batch<'d> {
    daemon: &'d Daemon,
    request: &'d Request,
    images: Vec<(&'d Image, Delivery<'d>)>,
}

impl<'d> Batch<'d> {
    /// Plans the delivery of the images.
    ///
    /// # Errors
    /// The options cannot be combined, or the daemon does not support them.
    pub fn new(
        images: impl IntoIterator<Item = &'d Image>,
        request: &'d Request,
        daemon: &'d Daemon,
    ) -> Result<Self, BuildError> {
        let planned = images.into_iter().map(|image| Ok((image, Delivery::plan(image, request, daemon)?)));
        let batch = Self { daemon, request, images: planned.collect::<Result<_, BuildError>>()? };
        let conflicts = batch.conflicts();
        if conflicts.is_empty() {
            return Ok(batch);
        }
        Err(BuildError::Input(format!("cannot build several images at once: {}", conflicts.join("; "))))
    }

    /// The reasons why the images cannot be built together: folders, archives and standard output hold one result, and images with the
    /// same name would replace each other.
    fn conflicts(&self) -> Vec<String> {
        let mut conflicts = Vec::new();
        if self.images.len() < 2 {
            return conflicts;
        }
        if self.images.iter().any(|(_, delivery)| delivery.has_client_output()) {
            let why = "--output names a folder or file for one image; push or load several images, or build them one at a time";
            conflicts.push(why.to_owned());
        }
        let mut by_name: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (image, delivery) in &self.images {
            delivery.names().into_iter().for_each(|name| by_name.entry(name).or_default().push(&image.title));
        }
        let twice = by_name.into_iter().filter(|(_, titles)| titles.len() > 1);
        conflicts.extend(twice.map(|(name, titles)| format!("{} have the same name {name}", titles.join(", "))));
        conflicts
    }

    /// Warnings before the builds, each once.
    #[must_use]
    pub fn warnings(&self) -> BTreeSet<String> {
        self.images.iter().flat_map(|(image, delivery)| warnings_before(image, delivery)).collect()
    }

    /// Builds all images, even if one fails. The results are in the order of the images.
    pub async fn build(&self, events: &Events, cancel: &CancellationToken) -> Vec<Result<Built, BuildError>> {
        let context = match self.images.as_slice() {
            [(image, _), _, ..] => {
                let session = image.files.context_session().open(self.daemon.connection.channel.clone());
                // If it fails, each build serves the context itself and reports problems of its session.
                session.await.ok()
            }
            _ => None,
        };
        let builds = self.images.iter().map(|(image, delivery)| {
            build(image, self.request, delivery, self.daemon, context.as_ref(), events, cancel)
        });
        let builds: Vec<_> = builds.collect();
        let outcomes = futures_util::stream::iter(builds).buffered(MAX_CONCURRENT).collect().await;
        if let Some(context) = context {
            context.close().await;
        }
        outcomes
    }
}

/// Builds and delivers an image, unless it is up to date. `context` is the session with the build context, if it is not the build's
/// own.
///
/// # Errors
/// The spec is invalid, a step failed, the connection was lost, or the image could not be delivered.
pub async fn build(
    image: &Image,
    request: &Request,
    delivery: &Delivery<'_>,
    daemon: &Daemon,
    context: Option<&Session>,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Built, BuildError> {
    let (parts, built_parts) = unbounded_channel();
    let reporter = Reporter::begin(events, &image.title, Some(parts));
    for warning in warnings_before(image, delivery) {
        reporter.send(EventKind::Warning(warnings::from_text(&warning))).await;
    }
    let build = build_reported(image, request, delivery, daemon, context, (&reporter, built_parts), cancel);
    // Boxed, because nested futures of this size overflow the stack of a runtime thread in debug builds.
    let outcome = Box::pin(build).await;
    let ended = match &outcome {
        Ok(built) => built.events(),
        Err(error) => vec![EventKind::Failed(Failure::from_build(error))],
    };
    reporter.end(ended).await;
    outcome
}

/// What can be said before a build.
fn warnings_before(image: &Image, delivery: &Delivery<'_>) -> Vec<String> {
    let logins = image.credentials.problems().iter();
    let logins = logins.map(|problem| format!("{problem}; the build goes on without the logins in it"));
    delivery.warnings().map(str::to_owned).chain(logins).collect()
}

async fn build_reported(
    image: &Image,
    request: &Request,
    delivery: &Delivery<'_>,
    daemon: &Daemon,
    context: Option<&Session>,
    (reporter, parts): (&Reporter, UnboundedReceiver<Graph>),
    cancel: &CancellationToken,
) -> Result<Built, BuildError> {
    let caches = Caches::open(&request.cache_exports, &request.cache_imports, reporter).await?;
    let mut options = image.options.clone();
    options.extend(request.attestations.options());
    options.extend(caches.option());
    // The options without the ones that differ in every call.
    let lasting_options = options.clone();
    if let Some(session) = context {
        options.insert(Files::CONTEXT_SESSION.to_owned(), session.id().to_string());
    }
    let exporters = delivery.exporters();
    let last_push = last_push(image, request, delivery, daemon, &lasting_options, &exporters);
    let build = OneBuild { image, request, daemon, options, caches, reporter, cancel };
    let mut known = imagespec_compile::Store::default();
    if let Some(unchanged) = unchanged(last_push.clone().filter(|_| !request.always_build)).await {
        match build.confirm(unchanged).await? {
            UpToDate::Yes { planned, exporter_response } => {
                let image_id = delivery.image_id(&exporter_response);
                let delivered = delivery.delivered(&exporter_response, &[], None);
                let delivered = delivered.into_iter().map(|one| Delivered { is_up_to_date: true, ..one }).collect();
                let planned = Some(*planned);
                return Ok(Built {
                    exporter_response,
                    planned,
                    image_id,
                    delivered,
                    is_up_to_date: true,
                    skipped_files: 0,
                });
            }
            UpToDate::No { known: found } => known = *found,
        }
    }
    let (Driven { response, sent, received, .. }, recorded) =
        build.solve_repeatedly(delivery, exporters, known, parts).await?;
    let planned = recorded.get().and_then(|planned| planned.as_ref().ok()).cloned();
    if let (Some(last_push), Some(planned)) = (last_push, &planned) {
        let of_context = context.map(Session::sent_dirs).unwrap_or_default();
        last_push.keep(planned, sent.into_iter().chain(of_context).collect(), &response.exporter_response);
    }
    let exporter_response = response.exporter_response;
    build.caches.finish(&exporter_response)?;
    let image_id = delivery.image_id(&exporter_response);
    let bytes = delivery.image_bytes(&exporter_response).await;
    let delivered = delivery.delivered(&exporter_response, &received, bytes);
    let skipped_files = received.iter().map(|export| export.skipped).sum();
    Ok(Built { exporter_response, planned, image_id, delivered, is_up_to_date: false, skipped_files })
}

/// The last push, if this build would repeat it. It checks files in a blocking task, so that other images do not wait.
async fn unchanged(last_push: Option<LastPush>) -> Option<UnchangedPush> {
    let last_push = last_push?;
    tokio::task::spawn_blocking(move || last_push.unchanged()).await.ok().flatten()
}

/// The record of the last push of an image, if the image is only pushed.
fn last_push(
    image: &Image,
    request: &Request,
    delivery: &Delivery<'_>,
    daemon: &Daemon,
    options: &BTreeMap<String, String>,
    exporters: &[Exporter],
) -> Option<LastPush> {
    let is_push_alone =
        request.frontend_image.is_none() && request.cache_exports.is_empty() && delivery.is_for_registries();
    let memory = daemon.memory.clone().filter(|_| is_push_alone)?;
    LastPush::new(image, options, exporters, request.source_policy.as_ref(), memory)
}

/// A build that is ready to run.
struct OneBuild<'a> {
    image: &'a Image,
    request: &'a Request,
    daemon: &'a Daemon,
    options: BTreeMap<String, String>,
    caches: Caches,
    reporter: &'a Reporter,
    cancel: &'a CancellationToken,
}

impl OneBuild<'_> {
    /// Checks that nothing has changed since a push, without building.
    async fn confirm(&self, unchanged: UnchangedPush) -> Result<UpToDate, BuildError> {
        let published = unchanged.published();
        let names = published.names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let progress = self.reporter.progress();
        let step = progress.start(format!("[internal] look for changes since {names} was pushed")).await;
        let frontend = self.image.frontend(LockUse::Read, self.daemon.memory.clone());
        let recorder = self.reporter.record(frontend).confirming_only(published);
        let recorded = recorder.recorded();
        let solve = SolveOptions { internal: true, ..self.solve_options() };
        // Errors here, such as a name that no registry has, are not errors of the build, so they are not displayed.
        let (unseen, _) = progress::channel();
        let session = self.caches.attach(self.image.session());
        let (connection, cancel) = (&self.daemon.connection, self.cancel);
        let solving = Solving { connection, session, solve, progress: &unseen, cancel };
        let outcome =
            solving.run(|handle| in_process(handle, self.options.clone(), recorder), || async { Ok(()) }).await;
        step.done().await;
        let planned = match (outcome, recorded.get()) {
            (Err(BuildError::Cancelled), _) => return Err(BuildError::Cancelled),
            (Ok(_), Some(Ok(planned))) => planned.clone(),
            _ => return Ok(UpToDate::No { known: Box::default() }),
        };
        let found = unchanged.found(planned);
        if let UpToDate::Yes { .. } = found {
            progress.start(format!("{names} is up to date")).await.cached().await;
        }
        Ok(found)
    }

    /// Builds the image and delivers it, again if the Engine has lost layers while it stored the image.
    async fn solve_repeatedly(
        &self,
        delivery: &Delivery<'_>,
        exporters: Vec<Exporter>,
        known: imagespec_compile::Store,
        mut parts: UnboundedReceiver<Graph>,
    ) -> Result<(Driven<()>, Recorded), BuildError> {
        let mut attempts = 1..MAX_ATTEMPTS;
        loop {
            match Box::pin(self.solve(delivery, exporters.clone(), known.clone(), parts)).await {
                Err(BuildError::Solve(error)) if error.has_lost_layers() && attempts.next().is_some() => {
                    let progress = self.reporter.progress();
                    progress.start("storing the image again, because the Engine lost a layer of it").await.done().await;
                    // Its layers are compressed already.
                    parts = unbounded_channel().1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Builds the image and delivers it.
    async fn solve(
        &self,
        delivery: &Delivery<'_>,
        exporters: Vec<Exporter>,
        known: imagespec_compile::Store,
        parts: UnboundedReceiver<Graph>,
    ) -> Result<(Driven<()>, Recorded), BuildError> {
        let Self { image, request, daemon, options, caches, reporter, cancel } = self;
        let (session, mut loads) = delivery.attach(caches.attach(image.session()))?;
        let solve = SolveOptions {
            cache_exports: request.cache_exports.clone(),
            cache_imports: caches.imports.clone(),
            exporters,
            ..self.solve_options()
        };
        let mut frontend = image.frontend(LockUse::Read, daemon.memory.clone());
        frontend.known = known;
        frontend.required = request.required_caps();
        let recorder = reporter.record(frontend);
        let recorded = recorder.recorded();
        let layers = delivery.pushed_layers().cloned();
        let progress = reporter.progress();
        let solving = Solving { connection: &daemon.connection, session, solve, progress, cancel };
        let drive = |handle: Handle| async move {
            match &request.frontend_image {
                None => {
                    if let Some(layers) = layers {
                        compress_ahead(&daemon.connection, &handle.session_id, &layers, parts);
                    }
                    in_process(handle, options.clone(), recorder).await
                }
                Some(frontend) => in_daemon(handle, options.clone(), frontend, &request.required_caps()).await,
            }
        };
        let outcome = solving.run(drive, || delivery.finish(&mut loads, &image.credentials, progress)).await;
        match outcome {
            Ok(driven) => Ok((driven, recorded)),
            // An Engine also refuses an incomplete archive, so its error would not be the cause.
            Err(error @ (BuildError::Cancelled | BuildError::SessionLost(_))) => Err(error),
            Err(error) => Err(delivery::load_failure(loads)
                .await
                .unwrap_or_else(|| error.explained(&recorded, reporter.vertices()))),
        }
    }

    fn solve_options(&self) -> SolveOptions {
        SolveOptions {
            frontend_attrs: self.options.clone(),
            entitlements: self.request.entitlements.clone(),
            source_policy: self.request.source_policy.clone(),
            ..SolveOptions::new()
        }
    }
}

/// Compiles in this process; the daemon answers questions and solves the graph.
pub(crate) async fn in_process(
    handle: Handle,
    options: BTreeMap<String, String>,
    recorder: Recorder,
) -> Result<(), BoxError> {
    let session = handle.session_id.to_string();
    Box::pin(recorder.run(handle.bridge()?, options, session)).await
}

/// Compiles in a frontend image in the daemon.
async fn in_daemon(
    handle: Handle,
    mut options: BTreeMap<String, String>,
    image: &str,
    required: &[(&str, &str)],
) -> Result<(), BoxError> {
    let bridge = handle.bridge()?;
    let pong = bridge.ping().await?;
    require_caps(required, &pong.llb_caps)?;
    options.insert(option::SOURCE.to_owned(), image.to_owned());
    options.insert(option::FRONTEND_CAPS.to_owned(), format!("{}+forward", caps::frontend::SUBREQUESTS));
    let frontend = Some(keys::frontend::GATEWAY_V0.to_owned());
    let request = SolveRequest { frontend, frontend_opts: options, ..SolveRequest::default() };
    match bridge.solve(request).await {
        Ok(result) => Ok(bridge.return_result(result).await?),
        Err(error) => {
            let status = Status::from(error);
            bridge.return_error(status.clone()).await?;
            Err(status.message.into())
        }
    }
}
