//! The build itself: spec, facts, plan, graph, result.
//!
//! Knows the order of things; each of them is done elsewhere.

use std::sync::Arc;
use std::time::Instant;

use buildkit_gateway::{
    Bridge, Build, BuildOptions, Frontend, FrontendResult, PlatformImage, Reference, SolveRequest, Status, Subrequest,
    SubrequestAnswer,
};
use buildkit_llb::Graph;
use imagespec::{Choice, Diagnostic, Severity, SourceMap};
use imagespec_compile::{Asked, Compiled, Document, Facts, LockFile, LockUse, NoCache, Plan, Planned, Settings};

use futures_util::future::join;
use tokio::sync::mpsc::UnboundedSender;

use crate::answers::Answers;
use crate::client_files::ClientFiles;
use crate::early::Early;
use crate::foresee::{Foreseen, Remembered};
use crate::gather::{self, Gatherer};
use crate::{lint, load, report};

/// How often facts may be gathered: an image, its interpreter, a requirements file and its includes are a handful of rounds;
/// more means that planner and gatherer disagree.
pub(crate) const MAX_ROUNDS: usize = 64;

/// A spec's text, when the caller has it already.
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
    /// The spec, if the caller has it; else it is loaded through the daemon.
    pub spec: Option<SpecText>,
    /// What becomes of the lock beside the spec. Unless it is read, nothing is built: gathering ends once the locks are known.
    pub lock: LockUse,
    /// Is told of each part of the image that had to be built, as soon as it is there; a client can compress it meanwhile.
    pub news: Option<UnboundedSender<Graph>>,
    /// Where answers are kept from build to build.
    pub answers: Option<Arc<dyn Answers>>,
    /// The spec's name among all whose answers are kept there. With one, the next build of it asks at once for what this one asks
    /// for.
    pub identity: Option<String>,
    /// The client's files, if they are where this runs; else they come through the daemon.
    pub files: Option<Arc<dyn ClientFiles>>,
}

/// What gathering yields: all that a build depends on.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// The spec.
    pub document: Document,
    /// What the caller chose.
    pub settings: Settings,
    /// What the world said.
    pub facts: Facts,
    /// One plan per platform; none where only the locks were asked for.
    pub plans: Vec<Plan>,
    /// What the user should know.
    pub warnings: Vec<Diagnostic>,
    /// What the plans become, where that was built while their facts were confirmed.
    built: Vec<(Compiled, Option<Reference>)>,
}

impl Gathered {
    /// The graphs and image configs, one per plan.
    #[must_use]
    pub fn compile(&self) -> Vec<Compiled> {
        self.plans.iter().map(|plan| imagespec_compile::lower(plan, &self.document.sources)).collect()
    }

    /// The locks that should lie beside the spec, one per platform; empty for a spec that names its own lock or no packages.
    pub fn lock_files(&mut self) -> Vec<LockFile> {
        imagespec_compile::lock_files(&mut self.document, &self.settings, &self.facts).unwrap_or_default()
    }

    /// Takes the session out of facts and plans, for a graph that somebody else's session will serve.
    pub fn forget_session(&mut self) {
        self.facts.session = None;
        for plan in &mut self.plans {
            plan.forget_session();
        }
    }
}

/// Why there is nothing to build.
#[derive(Clone, Debug)]
pub enum GatherError {
    /// The spec is wrong, by itself or in the light of the facts.
    Problems {
        /// Everything wrong.
        diagnostics: Vec<Diagnostic>,
        /// What they point into.
        sources: SourceMap,
    },
    /// The daemon failed, or something could not be read.
    Failed(Status),
    /// A step failed that had to be done before the plan was complete.
    Step {
        /// What the daemon says.
        status: Status,
        /// The spec.
        document: Box<Document>,
        /// The steps known so far.
        asked: Vec<Asked>,
    },
}

impl From<GatherError> for Status {
    fn from(error: GatherError) -> Self {
        match error {
            GatherError::Problems { diagnostics, sources } => report::to_status(&diagnostics, &sources),
            GatherError::Failed(status) | GatherError::Step { status, .. } => status,
        }
    }
}

impl From<Status> for GatherError {
    fn from(status: Status) -> Self {
        Self::Failed(status)
    }
}

/// Plans a build from saved facts, without a daemon.
///
/// # Errors
/// Everything wrong with the spec, or a failure that names the facts that are missing.
pub fn compile_only(mut document: Document, settings: Settings, facts: Facts) -> Result<Gathered, GatherError> {
    match imagespec_compile::plan(&mut document, &settings, &facts) {
        Ok(Planned::Complete { plans, warnings }) => {
            Ok(Gathered { document, settings, facts, plans, warnings, built: Vec::new() })
        }
        Ok(Planned::Needs(needs)) => {
            let needs: Vec<String> = needs.iter().map(|need| format!("{need:?}")).collect();
            Err(Status::failed(format!("the saved facts do not fit this spec; missing: {}", needs.join("; "))).into())
        }
        Err(diagnostics) => Err(GatherError::Problems { diagnostics, sources: document.sources }),
    }
}

/// A build before anything but the daemon was asked.
struct Begun<'a> {
    document: Document,
    warnings: Vec<Diagnostic>,
    settings: Settings,
    facts: Facts,
    remembered: Option<Remembered<'a>>,
    early: Early,
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
    ) -> Result<(Document, Vec<Diagnostic>), GatherError> {
        let text = match &self.spec {
            Some(spec) => spec.clone(),
            None => {
                let (name, text) = load::spec(bridge, options).await?;
                SpecText { name, text }
            }
        };
        parse(&text, &crate::choice(options))
    }

    /// Gathers all facts and plans.
    ///
    /// # Errors
    /// The spec is wrong, or the daemon failed; the status says which.
    pub async fn gather(&self, bridge: &Bridge, options: &BuildOptions) -> Result<Gathered, GatherError> {
        let Begun { mut document, mut warnings, settings, mut facts, remembered, early } =
            self.begin(bridge, options).await?;
        let gatherer = self.gatherer(bridge, options, &settings, &early);
        if let Some(remembered) = &remembered
            && let Some(foreseen) = gatherer.foresee(remembered, &mut document, &mut facts).await?
        {
            let Foreseen { facts, plans, warnings: more, built } = foreseen;
            warnings.extend(more);
            return Ok(Gathered { document, settings, facts, plans, warnings, built });
        }
        for _ in 0..MAX_ROUNDS {
            if self.lock != LockUse::Read && imagespec_compile::lock_files(&mut document, &settings, &facts).is_some() {
                return Ok(Gathered { document, settings, facts, plans: Vec::new(), warnings, built: Vec::new() });
            }
            match imagespec_compile::plan(&mut document, &settings, &facts) {
                Err(diagnostics) => return Err(GatherError::Problems { diagnostics, sources: document.sources }),
                Ok(Planned::Needs(needs)) => {
                    if let Err(status) = gatherer.gather(needs, &mut document, &mut facts).await {
                        let asked = imagespec_compile::asked(&mut document, &settings, &facts);
                        return Err(GatherError::Step { status, document: Box::new(document), asked });
                    }
                }
                Ok(Planned::Complete { plans, warnings: more }) => {
                    if let Err(status) = early.finish().await {
                        let asked = plans.iter().flat_map(Asked::of).collect();
                        return Err(GatherError::Step { status, document: Box::new(document), asked });
                    }
                    warnings.extend(more);
                    if let Some(remembered) = remembered {
                        remembered.keep(&facts);
                    }
                    return Ok(Gathered { document, settings, facts, plans, warnings, built: Vec::new() });
                }
            }
        }
        Err(Status::failed("internal error: the plan keeps asking for facts").into())
    }

    /// Asks whether all facts are as they were when this spec was built last, and builds nothing. `None` if one is not, or if
    /// nothing is remembered of that build.
    ///
    /// # Errors
    /// The spec is wrong, or the daemon failed.
    pub(crate) async fn confirm(
        &self,
        bridge: &Bridge,
        options: &BuildOptions,
    ) -> Result<Option<Gathered>, GatherError> {
        let Begun { mut document, mut warnings, settings, mut facts, remembered, early } =
            self.begin(bridge, options).await?;
        let Some(remembered) = remembered else { return Ok(None) };
        let gatherer = self.gatherer(bridge, options, &settings, &early);
        let confirmed = gatherer.confirm(&remembered, &mut document, &mut facts).await?;
        Ok(confirmed.map(|Foreseen { facts, plans, warnings: more, built }| {
            warnings.extend(more);
            Gathered { document, settings, facts, plans, warnings, built }
        }))
    }

    async fn begin(&self, bridge: &Bridge, options: &BuildOptions) -> Result<Begun<'_>, GatherError> {
        let (document, warnings) = self.document(bridge, options).await?;
        let settings = Settings { lock: self.lock, ..crate::settings(options).map_err(Status::from)? };
        let mut facts = Facts::default();
        let began = Instant::now();
        let daemon = async { (gather::daemon(bridge, options).await, began.elapsed()) };
        let ((daemon, call), remembered) = join(daemon, async { self.remembered(&document, &settings) }).await;
        daemon?(&mut facts);
        let early = Early::new(bridge.clone(), options.cache_imports.clone(), call, self.news.clone());
        Ok(Begun { document, warnings, settings, facts, remembered, early })
    }

    fn gatherer<'a>(
        &'a self,
        bridge: &'a Bridge,
        options: &'a BuildOptions,
        settings: &'a Settings,
        early: &'a Early,
    ) -> Gatherer<'a> {
        let (answers, client) = (self.answers.as_deref(), self.files.as_deref());
        Gatherer { bridge, options, settings, early, answers, client }
    }

    /// What the last build found out, unless this one is to find it out anew.
    fn remembered(&self, document: &Document, settings: &Settings) -> Option<Remembered<'_>> {
        let (answers, identity) = (self.answers.as_deref()?, self.identity.as_deref()?);
        let is_usual = self.lock == LockUse::Read && settings.no_cache == NoCache::default();
        let target = document.target.as_deref().unwrap_or_default();
        let platforms = settings.platforms.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        is_usual.then(|| Remembered::of(answers, &format!("{identity} {target} {platforms}")))
    }
}

/// Parses a spec; warnings are returned beside it.
///
/// # Errors
/// Everything wrong with it.
pub fn parse(text: &SpecText, choice: &Choice) -> Result<(Document, Vec<Diagnostic>), GatherError> {
    let parsed = imagespec::parse_with(&text.name, &text.text, choice);
    let (warnings, errors): (Vec<_>, Vec<_>) =
        parsed.diagnostics.clone().into_iter().partition(|diagnostic| diagnostic.severity == Severity::Warning);
    let sources = parsed.sources.clone();
    match Document::of(parsed, choice.target.as_deref()) {
        Some(document) => Ok((document, warnings)),
        None => {
            let diagnostics = errors.into_iter().chain(warnings).collect();
            Err(GatherError::Problems { diagnostics, sources })
        }
    }
}

/// Solves what was gathered; the daemon does the work when it exports the result.
///
/// # Errors
/// The daemon refused a graph.
pub async fn finish(bridge: &Bridge, options: &BuildOptions, gathered: &Gathered) -> Result<FrontendResult, Status> {
    let mut images = Vec::new();
    let built = match gathered.built.as_slice() {
        [] => solve(bridge, options, gathered.compile()).await?,
        built => built.to_vec(),
    };
    for (plan, (compiled, reference)) in gathered.plans.iter().zip(built) {
        images.push(PlatformImage {
            platform: plan.platform.clone(),
            reference,
            config: compiled.image_config.to_string().into_bytes(),
            base_config: Some(compiled.base_config.to_string().into_bytes()),
            epoch: gathered.settings.source_date_epoch,
        });
        // Once is enough for all platforms.
        if images.len() == 1 {
            warn(bridge, gathered, &compiled.graph).await;
        }
    }
    let per_platform = options.multi_platform || images.len() > 1;
    FrontendResult::image(images, per_platform).map_err(|error| Status::failed(error.to_string()))
}

/// The daemon does the work when it exports them.
async fn solve(
    bridge: &Bridge,
    options: &BuildOptions,
    compiled: Vec<Compiled>,
) -> Result<Vec<(Compiled, Option<Reference>)>, Status> {
    let mut solved = Vec::new();
    for compiled in compiled {
        let request = SolveRequest::definition(compiled.graph.to_definition());
        let reference = load::solve(bridge, request.with_cache_imports(options.cache_imports.clone())).await?;
        solved.push((compiled, reference));
    }
    Ok(solved)
}

impl Frontend for ImagespecFrontend {
    async fn build(&self, build: &Build) -> Result<FrontendResult, Status> {
        let Build { bridge, options } = build;
        let gathered = self.gather(bridge, options).await?;
        if gathered.plans.is_empty() {
            return Ok(FrontendResult::single(None));
        }
        finish(bridge, options, &gathered).await
    }

    fn subrequests(&self) -> Vec<Subrequest> {
        vec![lint::describe()]
    }

    async fn subrequest(&self, name: &str, build: &Build) -> Result<SubrequestAnswer, Status> {
        match name {
            lint::REQUEST => lint::answer(self, build).await,
            other => Err(Status::unsupported_subrequest(other)),
        }
    }
}

/// Tells the user's client; a daemon that cannot is no reason to fail.
async fn warn(bridge: &Bridge, gathered: &Gathered, graph: &buildkit_llb::Graph) {
    let Some(digest) = graph.root().and_then(|root| graph.digest(root.op())) else { return };
    for warning in &gathered.warnings {
        let _ = bridge.warn(report::to_warning(warning, &gathered.document.sources, &digest.to_string())).await;
    }
}
