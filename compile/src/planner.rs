//! Planning: every choice of a build, made from the spec, the settings and the facts.
//!
//! A fact that is missing is noted and planning goes on as far as it can, so that one round asks for as much as possible.
//! Which ops carry a step out is not decided here.

mod apt;
mod files;
mod image;
mod install;
mod python;

use std::collections::BTreeSet;

use buildkit_llb::{Location, Platform, missing_caps};
use imagespec::{Diagnostic, ImageSpec, Rule, SourceMap, Spans};

use crate::env::Env;
use crate::facts::{Facts, ImageFact, Need, Root, RootfsFacts, image_key, rootfs_key};
use crate::locations;
use crate::lock_step::LockStep;
use crate::lower;
use crate::plan::{Common, Parent, PinnedImage, Plan, Shape, Step};
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
            Planner { document, settings, facts, platform, multi: platforms.len() > 1, out: &mut outcome }.plan()
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
    let written = || {
        let normal =
            |p: &imagespec::Platform| Platform::new(&p.os, &p.architecture, p.variant.as_deref().unwrap_or_default());
        spec.platform.iter().map(normal).collect()
    };
    let wanted: Vec<Platform> = match (settings.platforms.as_slice(), spec.platform.as_slice()) {
        ([], []) => facts.default_platform.clone().into_iter().collect(),
        ([], _) => written(),
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
    /// Nothing is missing.
    is_complete: bool,
}

/// Drafts the plan of one platform, with whatever problems there are left for [`plan`] to tell.
pub(crate) fn draft(document: &mut Document, settings: &Settings, facts: &Facts, platform: &Platform) -> Option<Draft> {
    let multi = target_platforms(&document.spec, settings, facts).len() > 1;
    let mut outcome = Outcome::default();
    Planner { document, settings, facts, platform, multi, out: &mut outcome }.draft()
}

/// The planner of one platform.
struct Planner<'a> {
    document: &'a mut Document,
    settings: &'a Settings,
    facts: &'a Facts,
    platform: &'a Platform,
    multi: bool,
    out: &'a mut Outcome,
}

/// The base image, resolved.
struct Base {
    image: PinnedImage,
    config: serde_json::Value,
    env: Env,
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
        let mut steps: Vec<Step> = self.own_home(&base).into_iter().collect();
        // Each part is planned even when an earlier one misses facts: the needs of all are asked for in one round.
        let apt = self.apt(&base);
        steps.extend(apt.iter().flatten().cloned());
        let python = self.python(&base, shape, &steps, &mut reasons);
        let files = self.files(&base);
        let mut is_complete =
            apt.is_some() && python.as_ref().is_some_and(|python| python.is_complete) && files.is_some();
        let python = python.unwrap_or_default();
        let has_environment = python.has_environment;
        steps.extend(python.steps);
        let mut uv = python.uv;
        if uv.is_none() && !self.document.spec.commands.is_empty() {
            // Commands may call uv, with an environment of ours or without.
            uv = self.uv();
            is_complete &= uv.is_some();
        }
        steps.extend(files.into_iter().flatten());
        let image = self.image_config(&base, has_environment);
        steps.extend(self.commands(&image, &steps));
        if shape == Shape::Chain {
            chain(&mut steps);
        }
        let plan = self.assemble(&base, shape, uv, steps, image, reasons);
        Some(Draft { plan, lock: python.lock, is_complete })
    }

    /// Asks for the facts that do not depend on the base, so that they come in the same round.
    fn ask_ahead(&mut self) {
        if self.wants_python() {
            self.requirements();
        }
        if self.wants_python() || !self.document.spec.commands.is_empty() {
            self.uv();
        }
        self.file_facts();
    }

    fn assemble(
        &self,
        base: &Base,
        shape: Shape,
        uv: Option<PinnedImage>,
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
            base_env: base.env.to_pairs(),
            multi_platform: self.multi,
            base_config: base.config.clone(),
        };
        Plan { platform: self.platform.clone(), shape, base: base.image.clone(), uv, steps, image, reasons, common }
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
        let written = self.document.spec.base_image.clone();
        let reference = written.as_deref().unwrap_or(crate::DEFAULT_BASE_IMAGE);
        let (image, fact) = self.image(reference, "base_image")?;
        Some(Base { image, env: Env::of_image(&fact.config), config: fact.config })
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
            let spec = &self.document.spec.builder_options;
            spec.ca_bundle.as_ref().map(|_| CaBundle { secret_id: CaBundle::DEFAULT_ID.to_owned() })
        };
        self.settings.ca_bundle.clone().or_else(from_spec)
    }

    fn rootfs(&self, root: Root) -> Option<&RootfsFacts> {
        self.facts.rootfs.get(&rootfs_key(self.platform, root))
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
        Step { id: id.to_owned(), title, parent, action, fields, locations }
    }

    fn problem(&mut self, rule: &'static Rule, message: String, fields: &[&str], help: &str) {
        let mut diagnostic = Diagnostic::new(rule, message).with_help(help);
        for field in fields {
            if let Some(span) = self.document.spans.nearest_span(field) {
                diagnostic = diagnostic.with_label(span, "");
            }
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
