//! The frontend: a spec's text, a plan, and the image that the daemon exports.
//!
//! Knows the order of things; each of them is done elsewhere.

use std::sync::Arc;
use std::time::Instant;

use buildkit_gateway::{
    Bridge, Build, BuildOptions, Frontend, FrontendResult, PlatformImage, Reference, SolveRequest, Status, Subrequest,
    SubrequestAnswer,
};
use futures_util::future::try_join_all;
use imagespec::{Choice, Diagnostic, Problems};
use imagespec_compile::{
    Compiled, Document, LockFile, LockUse, NoCache, Outcome, Plan, Settings, Store, lower, lower_for, plan,
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

/// A spec's text.
#[derive(Clone, Debug)]
pub struct SpecText {
    /// The name it is shown under.
    pub name: String,
    /// The text.
    pub text: String,
}

/// The imagespec frontend.
#[derive(Clone, Debug, Default)]
pub struct ImagespecFrontend {
    /// The spec with what the user should know of it, if the caller has it; else it is loaded through the daemon.
    pub document: Option<(Document, Vec<Diagnostic>)>,
    /// What becomes of the lock beside the spec. Unless it is read, nothing is built: driving ends once the locks are known.
    pub lock: LockUse,
    /// Where events go.
    pub events: Events,
    /// Which step each vertex belongs to; filled while the build is driven.
    pub vertices: Vertices,
    /// What is remembered of the daemon from build to build.
    pub memory: Option<Arc<dyn Memory>>,
    /// The spec's name among all that are remembered. With one, the next build of it asks at once what this one asks.
    pub identity: Option<String>,
    /// The client's files, if they are where this runs; else they come through the daemon.
    pub files: Option<Arc<dyn ClientFiles>>,
    /// Answers that are known from a moment ago, of the same daemon.
    pub known: Store,
    /// Capabilities of LLB that the daemon must have for what its client asks of it beside the graph, each with what it is for. An
    /// old daemon would ignore what it does not know.
    pub required: Vec<(&'static str, &'static str)>,
}

/// A planned build: all that it depends on, and what it becomes.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The spec, with all texts that were read.
    pub document: Document,
    /// What the caller chose.
    pub settings: Settings,
    /// What was known.
    pub store: Store,
    /// What planning made of it.
    pub outcome: Outcome,
    /// Graphs and image configs, one per platform; none where only the locks were asked for.
    pub compiled: Vec<Compiled>,
    /// What the user should know.
    pub warnings: Vec<Diagnostic>,
    /// The images, where they were built while answers were confirmed.
    built: Option<Vec<Option<Reference>>>,
}

impl Planned {
    /// One plan per platform; none where only the locks were asked for.
    #[must_use]
    pub fn plans(&self) -> Vec<&Plan> {
        if self.compiled.is_empty() { Vec::new() } else { self.outcome.plans().unwrap_or_default() }
    }

    /// The locks that should be beside the spec, one per platform; empty for a spec that names its own lock or no packages.
    #[must_use]
    pub fn lock_files(&self) -> Vec<&LockFile> {
        self.outcome.lock_files().unwrap_or_default()
    }

    /// The graphs and image configs without the session: for a graph that somebody else's session will serve, or to compare builds.
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
/// Everything wrong with the spec, or a failure that names the answers that are missing.
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

impl ImagespecFrontend {
    /// The spec, parsed.
    ///
    /// # Errors
    /// The spec cannot be loaded, or is wrong; the status points at all places.
    pub async fn document(
        &self,
        bridge: &Bridge,
        options: &BuildOptions,
    ) -> Result<(Document, Vec<Diagnostic>), DriveError> {
        if let Some(document) = &self.document {
            return Ok(document.clone());
        }
        let (name, text) = load::spec(bridge, options).await?;
        parse(&SpecText { name, text }, &crate::choice(options))
    }

    /// Drives a build to a goal. `None` if that is to confirm the last one, and something has changed.
    pub(crate) async fn drive(
        &self,
        bridge: &Bridge,
        options: &BuildOptions,
        goal: Goal,
    ) -> Result<Option<Planned>, DriveError> {
        let (mut document, mut warnings) = self.document(bridge, options).await?;
        let settings = Settings { lock: self.lock, ..crate::settings(options).map_err(Status::from)? };
        let began = Instant::now();
        let daemon = answering::daemon(bridge, options).await?;
        let caps = daemon.fact.caps();
        if let Some((_, purpose)) = self.required.iter().find(|(cap, _)| !caps.contains(cap)) {
            return Err(Status::failed(format!("this daemon does not support {purpose}; use a newer daemon")).into());
        }
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
            // One that cannot be read is asked for again, if it still matters.
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
            expected: last.answers.clone(),
        };
        let Some(DriveOutcome { outcome, store, compiled, built }) = driver.drive().await? else { return Ok(None) };
        compiled.iter().for_each(|compiled| self.vertices.add(&compiled.graph));
        if let Some((worker, name)) = worker.zip(name) {
            let build = LastBuild::new(&remembered(&store, &last), &outcome.reads);
            worker.keep_build(&name, &last, &build);
        }
        document.sources = outcome.sources.clone();
        warnings.extend(outcome.warnings.clone());
        Ok(Some(Planned { document, settings, store, outcome, compiled, warnings, built }))
    }

    /// What the spec's last build is called in memory. `None` if this one is to find everything out anew.
    fn memory_name(&self, document: &Document, settings: &Settings) -> Option<String> {
        let is_usual = self.lock == LockUse::Read && settings.no_cache == NoCache::default();
        let target = document.target.as_deref().unwrap_or_default();
        let platforms = settings.platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        self.identity.as_ref().filter(|_| is_usual).map(|identity| format!("{identity} {target} {platforms}"))
    }
}

/// What is known, and what lasts of what was remembered: planning used both.
fn remembered(store: &Store, last: &LastBuild) -> Store {
    let mut all: Store = last.answers.facts().filter(|fact| fact.question().is_permanent()).collect();
    all.extend(store.facts());
    all
}

/// How many groups of packages are installed at the same time. More than a few only take turns on the machine's processors and
/// disk, and slow down what is built beside them.
fn jobs(document: &Document) -> usize {
    const DEFAULT: usize = 3;
    let levels = document.spec.levels();
    let chosen = levels.iter().rev().find_map(|level| level.spec.builder_options().python_jobs());
    let chosen = chosen.and_then(|jobs| usize::try_from(jobs).ok());
    chosen.unwrap_or(DEFAULT)
}

/// Parses a spec; warnings are returned beside it.
///
/// # Errors
/// Everything wrong with it.
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

/// Solves what was planned.
///
/// # Errors
/// The daemon refused a graph, or a step failed.
pub(crate) async fn finish(
    bridge: &Bridge,
    options: &BuildOptions,
    planned: &Planned,
) -> Result<FrontendResult, Status> {
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
        // Once is enough for all platforms.
        if images.len() == 1 {
            warn(bridge, planned, &compiled.graph).await;
        }
    }
    let per_platform = options.multi_platform || images.len() > 1;
    FrontendResult::image(images, per_platform).map_err(|error| Status::failed(error.to_string()))
}

/// Has the images made at the same time. Only an op that fails here is described in the error: one that fails while the result is
/// exported is named by its digest, which may be another one than ours (`moby/buildkit: frontend/gateway/gateway.go`,
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
        match self.drive(bridge, options, Goal::Build).await? {
            Some(planned) if !planned.compiled.is_empty() => finish(bridge, options, &planned).await,
            _ => Ok(FrontendResult::single(None)),
        }
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

/// Tells the user's client; a daemon that cannot is no reason to fail.
async fn warn(bridge: &Bridge, planned: &Planned, graph: &buildkit_llb::Graph) {
    let Some(digest) = graph.root().and_then(|root| graph.digest(root.op())) else { return };
    for warning in &planned.warnings {
        let _ = bridge.warn(report::to_warning(warning, &planned.document.sources, &digest.to_string())).await;
    }
}
