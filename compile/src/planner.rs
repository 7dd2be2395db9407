//! Planning: makes all decisions of a build from the spec, the settings and the known facts, in one pass.
//!
//! If an answer is missing, it is asked for, and planning continues as far as possible, so that one round asks as much as possible.
//! The ops of the steps are not decided here.

mod apt;
mod asking;
mod base;
mod content;
mod files;
mod image;
mod install;
mod installed;
mod interpreter;
mod lock;
mod locked;
mod part;
mod python;
mod user;
mod wanted;

pub use content::{ContextUse, context_use};

use buildkit_llb::{CapSet, Location, Platform};
use imagespec::{Diagnostic, ImageSpec, MergedSpec, Rule, field};

use crate::document::Document;
use crate::locations;
use crate::outcome::{Draft, Outcome, Record};
use crate::plan::{Action, Common, ImageConfigPlan, Parent, PinnedImage, Plan, Shape, Step};
use crate::question;
use crate::rules;
use crate::settings::{CaBundle, Settings};
use crate::store::{AnyQuestion, Knowledge};

use base::Base;
use part::{Part, parts};

/// Plans a build as far as the known facts allow.
#[must_use]
pub fn plan<'a>(document: &'a Document, settings: &'a Settings, knowledge: impl Into<Knowledge<'a>>) -> Outcome {
    let knowledge = knowledge.into();
    let mut out = Outcome { sources: document.sources.clone(), ..Outcome::default() };
    out.reads.insert(question::Daemon.into());
    let Some(daemon) = knowledge.daemon() else {
        out.ask_daemon();
        return out;
    };
    let platforms = target_platforms(&document.spec, settings, Some(&daemon.platform));
    out.platforms = platforms.len();
    let (parts, caps) = (parts(document), daemon.caps());
    for platform in &platforms {
        let world = World { document, settings, knowledge, caps: &caps, parts: &parts, multi: platforms.len() > 1 };
        Planner::new(world, platform, 0, &mut out).plan();
    }
    out.settle();
    out
}

impl Outcome {
    fn ask_daemon(&mut self) {
        let question = AnyQuestion::from(question::Daemon);
        self.asks
            .insert(question.clone(), crate::outcome::Ask { question, recipe: None, is_expected: false, place: None });
    }

    /// Removes duplicates and questions that need no answer any more.
    fn settle(&mut self) {
        self.problems = dedup(std::mem::take(&mut self.problems));
        self.warnings = dedup(std::mem::take(&mut self.warnings));
        if !self.problems.is_empty() {
            // Reading files of the context is cheap, so the problems of all of them are reported at once. Other questions are dropped.
            self.asks.retain(|question, ask| ask.is_expected || matches!(question, AnyQuestion::ContextFile(_)));
        }
    }
}

/// The target platforms, each once: an index cannot have two images of one platform. `default` is the daemon's own platform.
fn target_platforms(spec: &ImageSpec, settings: &Settings, default: Option<&Platform>) -> Vec<Platform> {
    let listed = spec.platforms();
    let wanted = match (settings.platforms.as_slice(), listed.as_slice()) {
        ([], []) => default.cloned().into_iter().collect(),
        ([], _) => listed,
        (chosen, _) => chosen.to_vec(),
    };
    dedup(wanted)
}

/// The first of equal items: the same problem may be found once per platform.
fn dedup<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut unique: Vec<T> = Vec::new();
    for item in items {
        if !unique.contains(&item) {
            unique.push(item);
        }
    }
    unique
}

/// The data that all planners of a pass share.
#[derive(Clone, Copy)]
struct World<'a> {
    document: &'a Document,
    settings: &'a Settings,
    knowledge: Knowledge<'a>,
    /// The daemon's capabilities.
    caps: &'a CapSet,
    /// The images that are built on each other, innermost first.
    parts: &'a [Part<'a>],
    /// Whether several platforms are built.
    multi: bool,
}

/// The tool images of a plan.
#[derive(Clone, Default)]
struct Tools {
    uv: Option<PinnedImage>,
    micromamba: Option<PinnedImage>,
    python: Option<PinnedImage>,
}

/// The planner of one image for one platform.
struct Planner<'a, 'o> {
    document: &'a Document,
    settings: &'a Settings,
    knowledge: Knowledge<'a>,
    caps: &'a CapSet,
    world: World<'a>,
    part: &'a Part<'a>,
    platform: &'a Platform,
    out: &'o mut Outcome,
    shape: Shape,
    /// The steps so far, each after the steps it is built on.
    steps: Vec<Step>,
    /// The known tool images.
    tools: Tools,
    /// Reasons for decisions.
    reasons: Vec<String>,
    /// The Debian packages that are installed below those that joined later, for the lockfile.
    settled_apt: Vec<String>,
    /// What was read, as files of the image, each with the question that it answers.
    records: Vec<(AnyQuestion, Record)>,
    /// Whether the step that changes the owner of the home folder is planned, or not needed.
    has_owner: bool,
    /// Whether the steps below Python's are planned.
    has_foundation: bool,
}

impl<'a, 'o> Planner<'a, 'o> {
    fn new(world: World<'a>, platform: &'a Platform, depth: usize, out: &'o mut Outcome) -> Self {
        let World { document, settings, knowledge, caps, parts, multi: _ } = world;
        Self {
            document,
            settings,
            knowledge,
            caps,
            world,
            part: &parts[depth],
            platform,
            out,
            shape: Shape::Merge,
            steps: Vec::new(),
            tools: Tools::default(),
            reasons: Vec::new(),
            settled_apt: Vec::new(),
            records: Vec::new(),
            has_owner: false,
            has_foundation: false,
        }
    }

    /// Drafts the image, and returns the plan if it is complete.
    fn plan(mut self) -> Option<Plan> {
        let draft = self.draft()?;
        let plan = draft.is_complete.then(|| draft.plan.clone());
        self.out.drafts.push(draft);
        plan
    }

    /// The plan of the finished image below. The inner `None` means that it is incomplete.
    fn below(&mut self) -> Option<Option<Plan>> {
        let depth = self.part.depth + 1;
        self.world.parts.get(depth)?;
        Some(Planner::new(self.world, self.platform, depth, self.out).plan())
    }

    /// The plan as far as the answers allow; `None` before the base is known.
    fn draft(&mut self) -> Option<Draft> {
        if self.platform.os != "linux" {
            let message = format!("cannot build for {}: only Linux images can be built", self.platform);
            self.problem(&rules::UNSUPPORTED_PLATFORM, message, &["platform"], "choose linux/<architecture>");
            return None;
        }
        self.secret_targets();
        let Some(base) = self.base() else {
            self.ask_ahead();
            return None;
        };
        self.choose_shape();
        // Each part is planned even if an earlier one waits for answers, so that one round asks all questions.
        let user = self.own_home(&base);
        self.has_owner = user.is_some();
        self.steps.extend(user.flatten());
        let apt = self.apt(&base);
        self.has_foundation = self.has_owner && apt.is_some();
        self.steps.extend(apt.into_iter().flatten());
        let python = self.python(&base);
        let files = self.files(&base);
        let mut is_complete =
            self.has_foundation && python.as_ref().is_some_and(|python| python.is_complete) && files.is_some();
        let python = python.unwrap_or_default();
        // Commands may call uv, with or without our environment.
        if self.tools.uv.is_none() && (self.specs().wants_python() || !self.part.spec.commands().is_empty()) {
            is_complete &= self.uv().is_some();
        }
        self.check_variables(&base, python.has_environment);
        let image = self.image_config(&base, python.has_environment, &python.libraries);
        let path = image.env.iter().find(|(name, _)| name == "PATH").map_or("", |(_, path)| path);
        let profile = self.profile(&base, path);
        let mut steps = std::mem::take(&mut self.steps);
        steps.extend(profile);
        steps.extend(self.entry());
        steps.extend(files.into_iter().flatten());
        steps.extend(self.commands(&base, &image, &steps));
        if self.shape == Shape::Chain {
            chain(&mut steps);
        }
        let mut reasons = std::mem::take(&mut self.reasons);
        reasons.extend(not_repeatable(&steps).filter(|_| self.shape == Shape::Merge));
        let records = std::mem::take(&mut self.records).into_iter().map(|(_, record)| record).collect();
        let plan = Plan { records, ..self.assemble(&base, steps, image, reasons) };
        let (depth, lock, lock_file) = (self.part.depth, python.lock, python.lock_file);
        Some(Draft { plan, depth, is_complete, lock_file, lock })
    }

    /// Asks questions that do not depend on the base, so that they are answered in the same round.
    fn ask_ahead(&mut self) {
        if self.specs().wants_python() {
            self.requirements();
        }
        if self.specs().wants_packages() && self.given_lock().is_none() {
            self.sibling_lock();
        }
        if self.specs().wants_python() || !self.part.spec.commands().is_empty() {
            self.uv();
        }
        if self.specs().wants_conda() {
            self.micromamba();
        }
        if self.specs().wants_python() {
            self.compiler_ahead();
        }
        self.file_facts();
    }

    fn assemble(&self, base: &Base, steps: Vec<Step>, image: ImageConfigPlan, reasons: Vec<String>) -> Plan {
        let Settings {
            platforms: _,
            labels: _,
            no_cache,
            avoided,
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
            avoided,
            resolve_mode,
            network,
            proxy,
            hosts,
            hostname,
            cache_namespace,
            ca_bundle: self.ca_bundle(),
            session: self.knowledge.daemon().and_then(|daemon| daemon.session.clone()),
            source_date_epoch,
            home: self.home(base),
            copies_folders: self.copies_folders(),
            base_env: base.env.to_pairs(),
            multi_platform: self.world.multi,
            base_config: base.config.clone(),
        };
        let Tools { uv, micromamba, python } = self.tools.clone();
        let (platform, shape) = (self.platform.clone(), self.shape);
        let (base, below) = (base.image.clone(), base.below.clone());
        let records = Vec::new();
        Plan { platform, shape, base, below, uv, micromamba, python, steps, image, reasons, records, common }
    }

    /// Whether the daemon can copy a folder without its files.
    fn copies_folders(&self) -> bool {
        self.caps.contains(buildkit_llb::caps::FILE_COPY_INCLUDEEXCLUDEPATTERNS)
    }

    fn choose_shape(&mut self) {
        if self.caps.contains(buildkit_llb::caps::MERGEOP) && self.caps.contains(buildkit_llb::caps::DIFFOP) {
            return;
        }
        self.shape = Shape::Chain;
        self.reasons.push("the daemon cannot merge layers, so the steps form a chain".to_owned());
        self.out.warnings.push(
            Diagnostic::new(&rules::CHAINED, "this daemon cannot merge layers, so incremental pushes will be larger")
                .with_help("use a BuildKit daemon, or Docker with the containerd image store"),
        );
    }

    /// The combined specs of the image.
    fn specs(&self) -> &'a MergedSpec<'a> {
        &self.part.specs
    }

    fn ca_bundle(&self) -> Option<CaBundle> {
        let from_spec = || {
            let bundle = self.specs().value(field::CA_BUNDLE);
            bundle.map(|_| CaBundle { secret_id: CaBundle::DEFAULT_ID.to_owned() })
        };
        self.settings.ca_bundle.clone().or_else(from_spec)
    }

    /// A title; for several platforms it contains the platform.
    fn title(&self, part: &str, text: &str) -> String {
        if self.world.multi { format!("[{} {part}] {text}", self.platform) } else { format!("[{part}] {text}") }
    }

    fn locations(&self, fields: &[String]) -> Vec<Location> {
        fields
            .iter()
            .filter_map(|field| self.part.spans.nearest_span(field))
            .filter_map(|span| locations::location(&self.out.sources, span))
            .collect()
    }

    fn step(&self, id: &str, title: String, parent: Parent, action: Action, fields: Vec<String>) -> Step {
        let locations = self.locations(&fields);
        let fields = self.document_paths(fields);
        Step { id: id.to_owned(), title, parent, action, fields, locations }
    }

    /// The fields' paths from the outermost spec.
    fn document_paths(&self, fields: Vec<String>) -> Vec<String> {
        fields.into_iter().map(|field| format!("{}{field}", self.part.prefix)).collect()
    }

    fn problem(&mut self, rule: &'static Rule, message: String, fields: &[&str], help: &str) {
        let mut diagnostic = Diagnostic::new(rule, message).with_help(help);
        for field in fields {
            diagnostic = diagnostic.with_place(self.part.spans.nearest_span(field));
        }
        self.out.problems.push(diagnostic);
    }
}

/// Says which steps run code that may write other bytes when it runs again.
fn not_repeatable(steps: &[Step]) -> Option<String> {
    let of_step = |step: &Step| match &step.action {
        Action::Commands { .. } => Some("commands".to_owned()),
        Action::Conda { .. } => Some("conda packages with scripts".to_owned()),
        Action::InstallGroup(install) if install.is_built() => Some(install.packages.join(", ")),
        _ => None,
    };
    let found: Vec<String> = steps.iter().filter_map(of_step).collect();
    let names = summary(&found);
    (!found.is_empty()).then(|| format!("another daemon may build other bytes of {names}; all other layers are equal"))
}

/// Makes every step depend on the previous one.
fn chain(steps: &mut [Step]) {
    let mut parent = Parent::Base;
    for step in steps {
        step.parent = std::mem::replace(&mut parent, Parent::Step(step.id.clone()));
    }
}

/// The id of one of several similar steps, one for each spec: the outermost spec's has no number.
fn numbered(name: &str, index: usize, count: usize) -> String {
    if index + 1 == count { name.to_owned() } else { format!("{name}-{}", index + 1) }
}

/// The paths of a list's items.
fn items(field: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{field}[{index}]")).collect()
}

/// The first names, and the number of the others.
fn summary(names: &[String]) -> String {
    const SHOWN: usize = 4;
    match names.len() {
        0..=5 => names.join(", "),
        count => format!("{} and {} more", names[..SHOWN].join(", "), count - SHOWN),
    }
}
