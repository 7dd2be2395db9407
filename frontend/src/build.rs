//! The frontend: from a spec's text to a plan, and to the image that the daemon exports.
//!
//! This module defines the order; other modules do the work.

use std::sync::Arc;
use std::time::Instant;

use buildkit_gateway::{
    Bridge, Build, BuildOptions, Frontend, FrontendResult, PlatformImage, Reference, SolveRequest, Status, Subrequest,
    SubrequestAnswer,
};
use buildkit_llb::CapSet;
use futures_util::future::try_join_all;
use imagespec::{Choice, Diagnostic, Problems};
use imagespec_compile::{
    Avoided, Compiled, Document, LockFile, LockUse, NoCache, Outcome, Plan, Settings, Store, lower, lower_for, plan,
};

use crate::answering::{self, Answerer};
use crate::client_files::{self, ClientFiles};
use crate::drive::{DriveOutcome, Driver, Goal};
use crate::error::DriveError;
use crate::event::Events;
use crate::memory::{LastBuild, Memory, Worker};
use crate::parts::Parts;
use crate::vertices::Vertices;
use crate::{lint, load, report};

/// The text of a spec.
#[derive(Clone, Debug)]
pub struct SpecText {
    /// The name for messages.
    pub name: String,
    /// The text.
    pub text: String,
}

impl SpecText {
    /// The text of a spec's file.
    ///
    /// # Errors
    /// It is not text; the problem has the place.
    pub fn from_bytes(name: impl Into<String>, bytes: &[u8]) -> Result<Self, DriveError> {
        let name = name.into();
        let text = imagespec::spec_text(&name, bytes).map_err(DriveError::Problems)?;
        Ok(Self { name, text })
    }
}

/// The imagespec frontend.
#[derive(Clone, Debug, Default)]
pub struct ImagespecFrontend {
    /// The spec with its warnings, if the caller has it; otherwise it is loaded through the daemon.
    pub document: Option<(Document, Vec<Diagnostic>)>,
    /// What to do with the lockfile next to the spec. Unless it is only read, nothing is built, and driving ends once the locks are known.
    pub lock: LockUse,
    /// The receiver of events.
    pub events: Events,
    /// The steps of vertices; filled while the build is driven.
    pub vertices: Vertices,
    /// The memory of the daemon between builds.
    pub memory: Option<Arc<dyn Memory>>,
    /// The spec's name in the memory. With a name, the next build of the spec immediately asks the questions of this build.
    pub identity: Option<String>,
    /// The client's files, if this process can read them; otherwise they are requested through the daemon.
    pub files: Option<Arc<dyn ClientFiles>>,
    /// Recent answers of the same daemon.
    pub known: Store,
    /// LLB capabilities that the daemon must have for options of the client besides the graph, each with the name of the option. An old
    /// daemon would ignore such an option.
    pub required: Vec<(&'static str, &'static str)>,
}

/// A planned build: its inputs, and the resulting graphs.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The spec, with all texts that were read.
    pub document: Document,
    /// The options of the build.
    pub settings: Settings,
    /// The known answers.
    pub store: Store,
    /// The result of planning.
    pub outcome: Outcome,
    /// Graphs and image configs, one per platform; empty if only the locks were requested.
    pub compiled: Vec<Compiled>,
    /// Warnings for the user.
    pub warnings: Vec<Diagnostic>,
    /// The images, if they were built while answers were confirmed.
    built: Option<Vec<Option<Reference>>>,
}

/// A build that was driven to its goal.
pub(crate) struct Driven {
    pub(crate) planned: Result<Option<Planned>, DriveError>,
    /// The answer to the daemon.
    pub(crate) result: Result<FrontendResult, Status>,
}

/// What to do if a daemon's state stays broken.
const BROKEN_STATE_HELP: &str = " (a build that was cancelled has left a broken state in the daemon, which it keeps until it is \
                                 restarted)";

/// Whether the daemon has lost the inputs of an op (moby/buildkit: `solver/scheduler.go`, `NewInputRequest`; `solver/jobs.go`,
/// `CalcSlowCache`).
fn is_broken_state(status: &Status) -> bool {
    ["inconsistent graph state", "failed to get state for index"].iter().any(|text| status.message.contains(text))
}

impl Planned {
    /// One plan per platform; empty if only the locks were requested.
    #[must_use]
    pub fn plans(&self) -> Vec<&Plan> {
        if self.compiled.is_empty() { Vec::new() } else { self.outcome.plans().unwrap_or_default() }
    }

    /// The lockfiles that belong next to the spec, one per platform; empty for a spec that names its own lock or has no packages.
    #[must_use]
    pub fn lock_files(&self) -> Vec<&LockFile> {
        self.outcome.lock_files().unwrap_or_default()
    }

    /// The graphs and image configs without the session: for a graph that another session will serve, or to compare builds.
    #[must_use]
    pub fn without_session(&self) -> Vec<Compiled> {
        let plans = self.plans().into_iter().map(|plan| {
            let mut plan = plan.clone();
            plan.forget_session();
            lower(&plan, &self.document.sources)
        });
        plans.collect()
    }
}

/// Plans a build from saved answers, without a daemon.
///
/// # Errors
/// All errors in the spec, or a failure that names the missing answers.
pub fn compile_only(mut document: Document, settings: Settings, store: Store) -> Result<Planned, DriveError> {
    let outcome = plan(&document, &settings, &store);
    if !outcome.is_certain() {
        let missing: Vec<String> = outcome.asks().map(|ask| ask.question.to_string()).collect();
        let message = format!("the saved facts do not match this spec; missing: {}", missing.join("; "));
        return Err(Status::failed(message).into());
    }
    let problems = |diagnostics| {
        let (sources, spans) = (outcome.sources.clone(), document.spans.clone());
        DriveError::Problems(Box::new(Problems { diagnostics, sources, spans }))
    };
    let Some(plans) = outcome.plans() else { return Err(problems(outcome.problems.clone())) };
    let compiled = match store.daemon() {
        Some(daemon) => lower_for(&plans, &outcome.sources, daemon).map_err(|problem| problems(vec![problem]))?,
        None => plans.iter().map(|plan| lower(plan, &outcome.sources)).collect(),
    };
    document.sources = outcome.sources.clone();
    let warnings = outcome.warnings.clone();
    Ok(Planned { document, settings, store, outcome, compiled, warnings, built: None })
}

/// Checks that a daemon has the capabilities for options of the client, each with the name of the option.
///
/// # Errors
/// A capability is missing.
pub fn require_caps(required: &[(&str, &str)], caps: &CapSet) -> Result<(), Status> {
    match required.iter().find(|(cap, _)| !caps.contains(cap)) {
        Some((_, option)) => Err(Status::failed(format!("this daemon does not support {option}; use a newer daemon"))),
        None => Ok(()),
    }
}

impl ImagespecFrontend {
    /// The spec, parsed.
    ///
    /// # Errors
    /// The spec cannot be loaded or is invalid; the status contains all places.
    pub async fn document(
        &self,
        bridge: &Bridge,
        options: &BuildOptions,
    ) -> Result<(Document, Vec<Diagnostic>), DriveError> {
        if let Some(document) = &self.document {
            return Ok(document.clone());
        }
        let (name, bytes) = load::spec(bridge, options).await?;
        parse(&SpecText::from_bytes(name, &bytes)?, &crate::choice(options))
    }

    /// Drives a build to a goal, and solves its images if they are the goal.
    ///
    /// If a build ends while the daemon computes cache keys for it, the daemon may keep an op without its inputs. From then on, each build
    /// with an op of the same cache key is given that one and fails, until the daemon is restarted (moby/buildkit: `solver/scheduler.go`,
    /// `dispatch` stores edges in the index that were released before). Seen with records of answers, whose keys are their content. So
    /// further attempts have other cache keys. Ops that ignore the cache would not be enough: what is built on them would be given the
    /// failed ops of the first attempt, which have the same keys and are kept until the build ends.
    pub(crate) async fn build_to(&self, bridge: &Bridge, options: &BuildOptions, goal: Goal) -> Driven {
        let mut driven = Box::pin(self.attempt(bridge, options, goal, Avoided::Nothing)).await;
        for avoided in [Avoided::Records, Avoided::Steps] {
            if !driven.result.as_ref().is_err_and(is_broken_state) {
                return driven;
            }
            driven = Box::pin(self.attempt(bridge, options, goal, avoided)).await;
        }
        let statuses = [driven.result.as_mut().err(), driven.planned.as_mut().err().and_then(DriveError::status_mut)];
        for status in statuses.into_iter().flatten().filter(|status| is_broken_state(status)) {
            status.message.push_str(BROKEN_STATE_HELP);
        }
        driven
    }

    async fn attempt(&self, bridge: &Bridge, options: &BuildOptions, goal: Goal, avoided: Avoided) -> Driven {
        let planned = Box::pin(self.drive(bridge, options, goal, avoided)).await;
        let result = match &planned {
            Err(error) => Err(error.clone().into()),
            Ok(Some(planned)) if goal == Goal::Build && !planned.compiled.is_empty() => {
                finish(bridge, options, planned).await
            }
            Ok(_) => Ok(FrontendResult::single(None)),
        };
        Driven { planned, result }
    }

    /// Drives a build to a goal. `None` if the goal is to confirm the last build, and something has changed.
    pub(crate) async fn drive(
        &self,
        bridge: &Bridge,
        options: &BuildOptions,
        goal: Goal,
        avoided: Avoided,
    ) -> Result<Option<Planned>, DriveError> {
        let (mut document, mut warnings) = self.document(bridge, options).await?;
        let settings = crate::settings(options).map_err(Status::from)?;
        let settings = Settings { lock: self.lock, avoided, ..settings };
        let began = Instant::now();
        let lists_files = self.files.is_some() && load::local_name(options).is_ok();
        let daemon = answering::daemon(bridge, options, lists_files).await?;
        require_caps(&self.required, &daemon.fact.caps())?;
        let call = began.elapsed();
        let (events, vertices) = (self.events.clone(), self.vertices.clone());
        let parts = Parts::new(bridge.clone(), options.cache_imports.clone(), call, events, vertices);
        let worker = self.memory.as_deref().map(|memory| Worker { memory, id: &daemon.worker });
        let name = self.memory_name(&document, &settings);
        let last = worker.zip(name.as_deref()).map(|(worker, name)| worker.last_build(name));
        if goal == Goal::Confirm && last.is_none() {
            return Ok(None);
        }
        let last = last.unwrap_or_default();
        let mut known = self.known.clone();
        if let Some(client) = self.files.as_deref() {
            // A file that cannot be read is requested again if it is still needed.
            let read = client_files::read_at_hand(options, client, &last.files).ok().flatten();
            known.extend(read.into_iter().flatten());
        }
        let driver = Driver {
            answerer: Answerer { bridge, options, parts: &parts, worker, jobs: jobs(&document) },
            parts: &parts,
            client: self.files.as_deref(),
            events: &self.events,
            document: &document,
            settings: &settings,
            goal,
            daemon: daemon.fact.clone(),
            known,
            expected: last.expected(),
        };
        let Some(DriveOutcome { outcome, store, compiled, built }) = Box::pin(driver.drive()).await? else {
            return Ok(None);
        };
        compiled.iter().for_each(|compiled| self.vertices.add(&compiled.graph));
        let store = remembered(&store, &last);
        if let Some((worker, name)) = worker.zip(name) {
            let build = LastBuild::new(&store, &outcome.reads);
            worker.keep_build(&name, &last, &build);
        }
        document.sources = outcome.sources.clone();
        warnings.extend(outcome.warnings.clone());
        Ok(Some(Planned { document, settings, store, outcome, compiled, warnings, built }))
    }

    /// The name of the spec's last build in the memory. `None` if this build should not use it.
    fn memory_name(&self, document: &Document, settings: &Settings) -> Option<String> {
        let is_usual = self.lock == LockUse::Read
            && settings.no_cache == NoCache::default()
            && settings.avoided == Avoided::Nothing;
        let target = document.target.as_deref().unwrap_or_default();
        let platforms = settings.platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        self.identity.as_ref().filter(|_| is_usual).map(|identity| format!("{identity} {target} {platforms}"))
    }
}

/// The known answers, and the permanent ones of those that were remembered: planning used both.
fn remembered(store: &Store, last: &LastBuild) -> Store {
    let mut all: Store = last.answers.facts().filter(|fact| fact.question().is_permanent()).collect();
    all.extend(store.facts());
    all
}

/// The number of groups of packages that are installed at the same time. A higher number does not finish sooner, because the groups
/// share processors and disk, and slows down other steps.
fn jobs(document: &Document) -> usize {
    const DEFAULT: usize = 3;
    let levels = document.spec.levels();
    let chosen = levels.iter().rev().find_map(|level| level.spec.builder_options().python_jobs());
    let chosen = chosen.and_then(|jobs| usize::try_from(jobs).ok());
    chosen.unwrap_or(DEFAULT)
}

/// Parses a spec, and returns its warnings too.
///
/// # Errors
/// All errors in the spec.
pub fn parse(text: &SpecText, choice: &Choice) -> Result<(Document, Vec<Diagnostic>), DriveError> {
    let mut parsed = imagespec::parse_with(&text.name, &text.text, choice);
    if parsed.spec.is_none() {
        parsed.diagnostics.sort_by_key(|diagnostic| diagnostic.severity);
        return Err(DriveError::Problems(Box::new(parsed.into())));
    }
    let warnings = parsed.diagnostics.clone();
    let document = Document::from_parsed(parsed, choice.target.as_deref());
    document.map(|document| (document, warnings)).ok_or_else(|| Status::failed("internal error: no spec").into())
}

/// Solves a planned build.
///
/// # Errors
/// The daemon refused a graph, or a step failed.
async fn finish(bridge: &Bridge, options: &BuildOptions, planned: &Planned) -> Result<FrontendResult, Status> {
    let built = match &planned.built {
        Some(built) => built.clone(),
        None => solve(bridge, options, &planned.compiled).await?,
    };
    let mut images = Vec::new();
    for ((plan, compiled), reference) in planned.plans().into_iter().zip(&planned.compiled).zip(built) {
        images.push(PlatformImage {
            platform: plan.platform.clone(),
            reference,
            config: compiled.image_config.to_string().into_bytes(),
            base_config: Some(compiled.base_config.to_string().into_bytes()),
            epoch: planned.settings.source_date_epoch,
        });
        // A warning is sent once for all platforms.
        if images.len() == 1 {
            warn(bridge, planned, &compiled.graph).await;
        }
    }
    let per_platform = options.multi_platform || images.len() > 1;
    FrontendResult::image(images, per_platform).map_err(|error| Status::failed(error.to_string()))
}

/// Solves the images in parallel. The error of an op that fails here has the op's description. An op that fails during the export is
/// only identified by its digest, which a source policy may have changed (`moby/buildkit: frontend/gateway/gateway.go`,
/// `wrapSolveError`).
async fn solve(
    bridge: &Bridge,
    options: &BuildOptions,
    compiled: &[Compiled],
) -> Result<Vec<Option<Reference>>, Status> {
    let solved = compiled.iter().map(|compiled| {
        let request = SolveRequest::definition(compiled.graph.to_definition());
        load::solve(bridge, request.with_cache_imports(options.cache_imports.clone()).with_evaluate())
    });
    try_join_all(solved).await
}

impl Frontend for ImagespecFrontend {
    async fn build(&self, build: &Build) -> Result<FrontendResult, Status> {
        let Build { bridge, options } = build;
        self.build_to(bridge, options, Goal::Build).await.result
    }

    fn subrequests(&self) -> Vec<Subrequest> {
        vec![lint::describe()]
    }

    async fn subrequest(&self, name: &str, build: &Build) -> Result<SubrequestAnswer, Status> {
        match name {
            lint::REQUEST => lint::answer(build).await,
            other => Err(Status::unsupported_subrequest(other)),
        }
    }
}

/// Sends warnings to the user's client. A daemon that cannot do this is not an error.
async fn warn(bridge: &Bridge, planned: &Planned, graph: &buildkit_llb::Graph) {
    let Some(digest) = graph.root().and_then(|root| graph.digest(root.op())) else { return };
    for warning in &planned.warnings {
        let _ = bridge.warn(report::to_warning(warning, &planned.document.sources, &digest.to_string())).await;
    }
}
