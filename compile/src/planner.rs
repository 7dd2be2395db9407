//! Planning: every choice of a build, made from the spec, the settings and the facts.
//!
//! A fact that is missing is noted and planning goes on as far as it can, so that one round asks for as much as possible.
//! Which ops carry a step out is not decided here.

mod apt;
mod content;
mod files;
mod image;
mod install;
mod lock;
mod python;
mod user;

pub(crate) use content::copied;
pub use content::{ContextUse, context_use};

use std::collections::BTreeSet;

use buildkit_llb::{Location, Platform, missing_caps};
use imagespec::{Diagnostic, ImageSpec, Rule, SourceMap, Spans, field};

use crate::env::Env;
use crate::facts::{Facts, ImageFact, Need, Place, Root, RootfsFacts, image_key, rootfs_key};
use crate::image_config;
use crate::locations;
use crate::lock_file::LockFile;
use crate::lock_step::LockStep;
use crate::lower;
use crate::merged::Merged;
use crate::plan::{Common, Home, Parent, PinnedImage, Plan, Shape, Step};
use crate::planner::lock::ReadLocks;
use crate::planner::python::Python;
use crate::rules;
use crate::settings::{CaBundle, Settings};

/// A checked spec with its text: what diagnostics and progress point into.
#[derive(Clone, Debug)]
pub struct Document {
    /// The spec.
    pub spec: ImageSpec,
    /// Where its fields stand.
    pub spans: Spans,
    /// The texts.
    pub sources: SourceMap,
    /// The image's name in a file of several.
    pub target: Option<String>,
    /// Planning begins anew whenever facts have come, and reading a lock takes longer than all the rest of it.
    pub(crate) locks: ReadLocks,
}

impl Document {
    /// What a text says, if nothing is wrong with it.
    #[must_use]
    pub fn of(parsed: imagespec::Parsed, target: Option<&str>) -> Option<Self> {
        let imagespec::Parsed { spec, spans, sources, images, diagnostics: _ } = parsed;
        let target = target.or(images.first().map(String::as_str)).map(str::to_owned);
        Some(Self { spec: spec?, spans, sources, target, locks: ReadLocks::default() })
    }
}

impl Document {
    /// A spec that was made in Rust, as if it came from a file of this name: the lock next to that file is its lock.
    #[must_use]
    pub fn from_spec(spec: ImageSpec, file_name: &str) -> Self {
        let mut sources = SourceMap::new();
        sources.add(file_name, "");
        Self { sources, ..Self::from(spec) }
    }
}

/// A spec that was made in Rust, and has no text.
impl From<ImageSpec> for Document {
    fn from(spec: ImageSpec) -> Self {
        let (spans, sources) = (Spans::default(), SourceMap::new());
        Self { spec, spans, sources, target: None, locks: ReadLocks::default() }
    }
}

/// The outcome of planning.
#[derive(Debug)]
pub enum Planned {
    /// Facts are missing: gather them and ask again.
    Needs(BTreeSet<Need>),
    /// One plan per platform.
    Complete {
        /// In the order in which the platforms were asked for.
        plans: Vec<Plan>,
        /// What the user should know; never errors.
        warnings: Vec<Diagnostic>,
    },
}

/// Plans a build. Requirements files it reads are added to the document's sources, so that diagnostics can point into them.
///
/// # Errors
/// Everything wrong with the spec in the light of the facts.
pub fn plan(document: &mut Document, settings: &Settings, facts: &Facts) -> Result<Planned, Vec<Diagnostic>> {
    if facts.default_platform.is_none() {
        return Ok(Planned::Needs(BTreeSet::from([Need::Daemon])));
    }
    let platforms = target_platforms(&document.spec, settings, facts);
    let mut outcome = Outcome::default();
    let plans: Vec<Option<Plan>> = platforms
        .iter()
        .map(|platform| {
            let multi = platforms.len() > 1;
            Planner { document, settings, facts, platform, multi, level: Depth::default(), out: &mut outcome }.plan()
        })
        .collect();
    let Outcome { mut needs, problems, warnings } = outcome;
    if !problems.is_empty() {
        // Files of the context are cheap to read, so what is wrong in all of them is told at once; anything else can wait.
        needs.retain(|need| matches!(need, Need::ContextFile { .. }));
        if needs.is_empty() {
            return Err(dedup(problems));
        }
    }
    if !needs.is_empty() {
        return Ok(Planned::Needs(needs));
    }
    let plans: Vec<Plan> = plans.into_iter().flatten().collect();
    match missing_capabilities(&plans, &document.sources, facts) {
        Some(problem) => Err(vec![problem]),
        None => Ok(Planned::Complete { plans, warnings: dedup(warnings) }),
    }
}

/// Where there is no other way, a daemon that cannot do what a plan needs is named before it is asked: an old one would ignore
/// what it does not know.
fn missing_capabilities(plans: &[Plan], sources: &SourceMap, facts: &Facts) -> Option<Diagnostic> {
    let caps = facts.caps();
    let missing: BTreeSet<&str> =
        plans.iter().flat_map(|plan| missing_caps(&lower::lower(plan, sources).graph, &caps)).collect();
    if missing.is_empty() {
        return None;
    }
    let names = missing.into_iter().collect::<Vec<_>>().join(", ");
    let problem =
        Diagnostic::new(&rules::MISSING_CAPABILITY, format!("this daemon cannot do what the build needs: {names}"));
    Some(problem.with_help("use a newer BuildKit or Docker Engine; `imagespec doctor` shows what this one can do"))
}

/// Each platform once: an index has no room for two images of one platform.
pub(crate) fn target_platforms(spec: &ImageSpec, settings: &Settings, facts: &Facts) -> Vec<Platform> {
    let normal =
        |p: imagespec::Platform| Platform::new(&p.os, &p.architecture, p.variant.as_deref().unwrap_or_default());
    let said: Vec<Platform> = spec.platforms().into_iter().map(normal).collect();
    let wanted = match (settings.platforms.as_slice(), said.as_slice()) {
        ([], []) => facts.default_platform.clone().into_iter().collect(),
        ([], _) => said,
        (chosen, _) => chosen.to_vec(),
    };
    dedup(wanted)
}

/// The first of equal items: the same problem is found once per platform.
fn dedup<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut unique: Vec<T> = Vec::new();
    for item in items {
        if !unique.contains(&item) {
            unique.push(item);
        }
    }
    unique
}

#[derive(Default)]
struct Outcome {
    needs: BTreeSet<Need>,
    problems: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

/// As much of a plan as is known.
pub(crate) struct Draft {
    pub(crate) plan: Plan,
    /// How the lock is resolved, if one is.
    pub(crate) lock: Option<LockStep>,
    /// The lock that should lie beside the spec, once it is known.
    pub(crate) lock_file: Option<LockFile>,
    /// Nothing is missing.
    is_complete: bool,
}

/// Drafts the plan of one platform, with whatever problems there are left for [`plan`] to tell. At depth 0 it is the image that
/// is built, at 1 the finished image that it stands on, and so on.
pub(crate) fn draft(
    document: &mut Document,
    settings: &Settings,
    facts: &Facts,
    platform: &Platform,
    depth: usize,
) -> Option<Draft> {
    let multi = target_platforms(&document.spec, settings, facts).len() > 1;
    let mut outcome = Outcome::default();
    let mut level = Depth::default();
    let mut inner: Option<Document> = None;
    for _ in 0..depth {
        inner = Some(level.descend(inner.as_ref().unwrap_or(document))?);
    }
    let image = inner.as_mut().unwrap_or(document);
    let draft = Planner { document: image, settings, facts, platform, multi, level, out: &mut outcome }.draft();
    if let Some(inner) = inner {
        // What was read meanwhile is what the draft's locations point into.
        document.sources = inner.sources;
        document.locks = inner.locks;
    }
    draft
}

/// Which of the images that stand on each other is planned.
#[derive(Clone, Debug, Default)]
struct Depth {
    /// How many stand on it.
    depth: usize,
    /// What stands in front of its fields' paths.
    prefix: String,
}

impl Depth {
    /// One deeper: the finished image that a document's stands on.
    fn descend(&mut self, document: &Document) -> Option<Document> {
        let finished = Merged::finished(&document.spec)?;
        self.depth += 1;
        self.prefix += &finished.prefix;
        Some(Document {
            spec: finished.spec.clone(),
            spans: document.spans.below(&finished.prefix),
            sources: document.sources.clone(),
            target: document.target.clone(),
            locks: document.locks.clone(),
        })
    }
}

/// The tool images of a plan.
#[derive(Clone, Default)]
struct Tools {
    uv: Option<PinnedImage>,
    micromamba: Option<PinnedImage>,
}

/// The planner of one platform.
struct Planner<'a> {
    document: &'a mut Document,
    settings: &'a Settings,
    facts: &'a Facts,
    platform: &'a Platform,
    multi: bool,
    level: Depth,
    out: &'a mut Outcome,
}

/// What the image stands on.
struct Base {
    /// The base image, of the innermost image if there are several.
    image: PinnedImage,
    /// The finished image, if it is one.
    below: Option<Box<Plan>>,
    config: serde_json::Value,
    env: Env,
}

impl Base {
    /// The environment of an earlier build of ours, or of somebody else who likes the same place: what the base's programs are
    /// looked for in first says which.
    fn home(&self) -> Option<Home> {
        let homes = [Home::VENV, Home::CONDA];
        self.env.path().split(':').find_map(|folder| homes.into_iter().find(|home| folder == home.bin()))
    }
}

impl Planner<'_> {
    fn plan(&mut self) -> Option<Plan> {
        self.draft().filter(|draft| draft.is_complete).map(|draft| draft.plan)
    }

    /// As much of the plan as the facts allow; `None` before the base is known.
    pub(crate) fn draft(&mut self) -> Option<Draft> {
        if self.platform.os != "linux" {
            let message = format!("cannot build for {}: only linux images can be built", self.platform);
            self.problem(&rules::UNSUPPORTED_PLATFORM, message, &["platform"], "choose linux/<architecture>");
            return None;
        }
        self.secret_targets();
        let Some(base) = self.base() else {
            self.ask_ahead();
            return None;
        };
        let shape = self.shape();
        let mut reasons = Vec::new();
        if shape == Shape::Chain {
            reasons.push("the daemon cannot merge layers, so the steps form a chain".to_owned());
        }
        let user = self.own_home(&base);
        let mut is_complete = user.is_some();
        let mut steps: Vec<Step> = user.flatten().into_iter().collect();
        // Each part is planned even when an earlier one misses facts: the needs of all are asked for in one round.
        let apt = self.apt(&base);
        steps.extend(apt.iter().flatten().cloned());
        let python = self.python(&base, shape, &steps, &mut reasons);
        let files = self.files(&base);
        is_complete &= apt.is_some() && python.as_ref().is_some_and(|python| python.is_complete) && files.is_some();
        let Python { steps: of_python, mut tools, has_environment, lock, lock_file, libraries, is_complete: _ } =
            python.unwrap_or_default();
        steps.extend(of_python);
        // Commands may call uv, with an environment of ours or without.
        if tools.uv.is_none() && (self.wants_python() || !self.document.spec.commands().is_empty()) {
            tools.uv = self.uv();
            is_complete &= tools.uv.is_some();
        }
        let image = self.image_config(&base, has_environment, &libraries);
        let path = image.env.iter().find(|(name, _)| name == "PATH").map_or("", |(_, path)| path);
        steps.extend(self.profile(&base, path));
        steps.extend(self.entry());
        steps.extend(files.into_iter().flatten());
        steps.extend(self.commands(&image, &steps));
        if shape == Shape::Chain {
            chain(&mut steps);
        }
        let plan = self.assemble(&base, shape, tools, steps, image, reasons);
        Some(Draft { plan, lock, lock_file, is_complete })
    }

    /// Asks for the facts that do not depend on the base, so that they come in the same round.
    fn ask_ahead(&mut self) {
        if self.wants_python() {
            self.requirements();
        }
        if self.wants_packages() && self.given_lock().is_none() {
            self.beside();
        }
        if self.wants_python() || !self.document.spec.commands().is_empty() {
            self.uv();
        }
        if self.specs().wants_conda() {
            self.micromamba();
        }
        self.file_facts();
    }

    fn assemble(
        &self,
        base: &Base,
        shape: Shape,
        tools: Tools,
        steps: Vec<Step>,
        image: crate::plan::ImageConfigPlan,
        reasons: Vec<String>,
    ) -> Plan {
        let Settings {
            platforms: _,
            labels: _,
            no_cache,
            resolve_mode,
            network,
            proxy,
            hosts,
            hostname,
            cache_namespace,
            ca_bundle: _,
            image_id: _,
            lock: _,
            source_date_epoch,
        } = self.settings.clone();
        let common = Common {
            no_cache,
            resolve_mode,
            network,
            proxy,
            hosts,
            hostname,
            cache_namespace,
            ca_bundle: self.ca_bundle(),
            session: self.facts.session.clone(),
            source_date_epoch,
            home: self.home(base),
            base_env: base.env.to_pairs(),
            multi_platform: self.multi,
            base_config: base.config.clone(),
        };
        let Tools { uv, micromamba } = tools;
        let platform = self.platform.clone();
        let (base, below) = (base.image.clone(), base.below.clone());
        Plan { platform, shape, base, below, uv, micromamba, steps, image, reasons, common }
    }

    fn shape(&mut self) -> Shape {
        let caps = self.facts.caps();
        if caps.contains(buildkit_llb::caps::MERGEOP) && caps.contains(buildkit_llb::caps::DIFFOP) {
            return Shape::Merge;
        }
        self.out.warnings.push(
            Diagnostic::new(&rules::CHAINED, "this daemon cannot merge layers, so incremental pushes will be larger")
                .with_help("use a BuildKit daemon, or Docker with the containerd image store"),
        );
        Shape::Chain
    }

    fn base(&mut self) -> Option<Base> {
        let mut level = self.level.clone();
        if let Some(mut document) = level.descend(self.document) {
            let Self { settings, facts, platform, multi, .. } = *self;
            let inner = Planner { document: &mut document, settings, facts, platform, multi, level, out: self.out };
            let plan = { inner }.plan();
            self.document.sources = document.sources;
            let plan = plan?;
            let config = image_config::image_config(&plan);
            let (image, env) = (plan.base.clone(), Env::of_image(&config));
            return Some(Base { image, below: Some(Box::new(plan)), env, config });
        }
        let (reference, field) = self.base_reference()?;
        let (image, fact) = self.image(&reference, &field)?;
        self.other_platform(&image, &fact.config, &field);
        Some(Base { image, below: None, env: Env::of_image(&fact.config), config: fact.config })
    }

    /// A daemon takes an image that is for one platform only for any.
    fn other_platform(&mut self, image: &PinnedImage, config: &serde_json::Value, field: &str) {
        let said = |key: &str| config[key].as_str().filter(|text| !text.is_empty());
        let Some(architecture) = said("architecture") else { return };
        let is = Platform::new(said("os").unwrap_or("linux"), architecture, said("variant").unwrap_or_default());
        if (&is.os, &is.architecture) == (&self.platform.os, &self.platform.architecture) {
            return;
        }
        let message = format!("{} is an image for {is}, not for {}", image.reference, self.platform);
        let warning = Diagnostic::new(&rules::OTHER_PLATFORM, message).with_help(
            "what it holds may not run there; name an image that is for both, or build for another platform",
        );
        self.out.warnings.push(warning.with_place(self.document.spans.nearest_span(field)));
    }

    /// The image that the innermost spec starts from, and the field that says so; a problem where CUDA is asked for and no image
    /// has it.
    fn base_reference(&mut self) -> Option<(String, String)> {
        let specs = self.specs();
        let prefix = specs.levels().first().map(|level| level.prefix.clone()).unwrap_or_default();
        if let Some(reference) = self.document.spec.base_reference() {
            return Some((reference.to_owned(), format!("{prefix}base_image")));
        }
        let Some((field, cuda)) = specs.said(field::CUDA) else {
            return Some((crate::DEFAULT_BASE_IMAGE.to_owned(), format!("{prefix}base_image")));
        };
        let cudnn = specs.value(field::CUDNN);
        match crate::cuda::image(cuda, cudnn) {
            Ok(reference) => Some((reference, field)),
            Err(known) => {
                let what = cudnn.map(|cudnn| format!(" with cuDNN {cudnn}")).unwrap_or_default();
                let message = format!("NVIDIA has no image of CUDA {cuda}{what}: {known}");
                let help = "choose another release, or name a `base_image`: packages then bring CUDA";
                self.problem(&rules::NO_CUDA, message, &[&field], help);
                None
            }
        }
    }

    /// What the specs of the image say together.
    fn specs(&self) -> Merged<'_> {
        Merged::of(&self.document.spec)
    }

    /// Where Python packages are installed.
    fn home(&self, base: &Base) -> Home {
        if self.specs().wants_conda() {
            return Home::CONDA;
        }
        let said = self.specs().value(field::PYTHON_EXEC);
        // As far as anybody has looked: a folder on PATH may be empty.
        let programs = self.rootfs(Root::Base).and_then(|facts| facts.programs.as_ref());
        let is_extended = |home: &Home| match (said, programs) {
            (Some(path), _) => home.has(path),
            (None, Some(programs)) => programs.iter().any(|program| home.has(&program.path)),
            (None, None) => true,
        };
        base.home().filter(is_extended).unwrap_or_default()
    }

    /// A resolved image; what it is resolved to is a need until known.
    fn image(&mut self, written: &str, field: &str) -> Option<(PinnedImage, ImageFact)> {
        let reference = match imagespec::full_reference(written) {
            Ok(reference) => reference,
            Err(error) => {
                let message = format!("{written:?} is no image reference: {error}");
                self.problem(&rules::BAD_REFERENCE, message, &[field], "write registry/name:tag");
                return None;
            }
        };
        let Some(fact) = self.facts.images.get(&image_key(&reference, self.platform)) else {
            self.out.needs.insert(Need::Image { reference, platform: self.platform.clone() });
            return None;
        };
        let image = PinnedImage { reference: fact.reference.clone() };
        Some((image, fact.clone()))
    }

    fn ca_bundle(&self) -> Option<CaBundle> {
        let from_spec = || {
            let bundle = self.specs().value(field::CA_BUNDLE);
            bundle.map(|_| CaBundle { secret_id: CaBundle::DEFAULT_ID.to_owned() })
        };
        self.settings.ca_bundle.clone().or_else(from_spec)
    }

    fn rootfs(&self, root: Root) -> Option<&RootfsFacts> {
        self.facts.rootfs.get(&rootfs_key(self.platform, self.place(root)))
    }

    fn place(&self, root: Root) -> Place {
        Place { depth: self.level.depth, root }
    }

    /// Whether somebody chose what the image starts from.
    fn has_base(&self) -> bool {
        self.document.spec.base_reference().is_some() || Merged::finished(&self.document.spec).is_some()
    }

    /// Progress names of several platforms say which one they belong to.
    fn title(&self, part: &str, text: &str) -> String {
        if self.multi { format!("[{} {part}] {text}", self.platform) } else { format!("[{part}] {text}") }
    }

    fn locations(&self, fields: &[String]) -> Vec<Location> {
        let Document { spans, sources, .. } = &*self.document;
        fields
            .iter()
            .filter_map(|field| spans.nearest_span(field))
            .filter_map(|span| locations::location(sources, span))
            .collect()
    }

    fn step(&self, id: &str, title: String, parent: Parent, action: crate::plan::Action, fields: Vec<String>) -> Step {
        let locations = self.locations(&fields);
        let fields = self.of_document(fields);
        Step { id: id.to_owned(), title, parent, action, fields, locations }
    }

    /// The fields' paths from the outermost spec on.
    fn of_document(&self, fields: Vec<String>) -> Vec<String> {
        fields.into_iter().map(|field| format!("{}{field}", self.level.prefix)).collect()
    }

    fn problem(&mut self, rule: &'static Rule, message: String, fields: &[&str], help: &str) {
        let mut diagnostic = Diagnostic::new(rule, message).with_help(help);
        for field in fields {
            diagnostic = diagnostic.with_place(self.document.spans.nearest_span(field));
        }
        self.out.problems.push(diagnostic);
    }
}

/// Lets every step stand on the one before.
fn chain(steps: &mut [Step]) {
    let mut parent = Parent::Base;
    for step in steps {
        step.parent = std::mem::replace(&mut parent, Parent::Step(step.id.clone()));
    }
}

/// The id of one of several steps that do the same for one spec after the other: the outermost spec's has the name alone.
fn numbered(name: &str, index: usize, count: usize) -> String {
    if index + 1 == count { name.to_owned() } else { format!("{name}-{}", index + 1) }
}

/// The fields of a list, one per item.
fn items(field: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{field}[{index}]")).collect()
}

/// The first few names, and how many more there are.
fn summary(names: &[String]) -> String {
    const SHOWN: usize = 4;
    match names.len() {
        0..=5 => names.join(", "),
        count => format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN),
    }
}
