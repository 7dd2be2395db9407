//! Graphs that answer needs: what has to be solved, and which file of the result is the answer.
//!
//! Only builds them; solving and reading is the caller's business.

use buildkit_llb::{Graph, Platform};
use imagespec::SourceMap;

use crate::facts::{Facts, Need, Root};
use crate::lock_file::LockFile;
use crate::lock_step::LOCK;
use crate::lower::{self, group::COLLISIONS_FILE, lock::LOCK_FILE};
use crate::merged::Merged;
use crate::plan::{Action, Parent, Plan, Shape, Step};
use crate::planner::{self, Document, Draft};
use crate::probe::{self, INTERPRETER_FILE};
use crate::settings::Settings;

/// A graph that is solved to know something.
#[derive(Clone, Debug)]
pub struct Inquiry {
    /// What to solve. Its result is a root filesystem to look into, or a folder with one file.
    pub graph: Graph,
    /// The file to read, if it is one file.
    pub file: Option<&'static str>,
    /// The answer will be the same wherever and whenever it is asked for: all that it depends on is named by its content, and so
    /// is part of the graph's digest.
    pub is_lasting: bool,
}

/// What answers a need. `None` for needs that no graph answers (images, files of the context), and where facts are missing
/// that it would be made of; the planner asks for those first.
#[must_use]
pub fn graph_for(need: &Need, document: &mut Document, settings: &Settings, facts: &Facts) -> Option<Inquiry> {
    let mut draft = |platform: &Platform, depth: usize| planner::draft(document, settings, facts, platform, depth);
    let inquiry =
        |graph: Graph, file: &'static str, is_lasting: bool| Some(Inquiry { graph, file: Some(file), is_lasting });
    match need {
        Need::Daemon | Need::Image { .. } | Need::ContextFile { .. } => None,
        Need::ContextIgnore | Need::ContextSources { .. } | Need::SpecFile { .. } => None,
        Need::Programs { platform, place, .. }
        | Need::RootfsFile { platform, place, .. }
        | Need::Exists { platform, place, .. } => {
            let draft = draft(platform, place.depth)?;
            let graph = rootfs(&draft.plan, &document.sources, place.root);
            Some(Inquiry { graph, file: None, is_lasting: is_pinned(&draft.plan, place.root) })
        }
        Need::Interpreter { platform, place, path } => {
            let draft = draft(platform, place.depth)?;
            let root = rootfs(&draft.plan, &document.sources, place.root);
            let asked = probe::interpreter(root, path, platform, &draft.plan.common.base_config)?;
            // A program that does not run may do so the next time.
            inquiry(asked, INTERPRETER_FILE, false)
        }
        Need::Lock { platform, place, .. } => {
            let Draft { plan, lock, .. } = draft(platform, place.depth)?;
            inquiry(lower::lower_lock(&plan, &document.sources, &lock?), LOCK_FILE, false)
        }
        Need::Collisions { platform, depth, .. } => {
            let draft = draft(platform, *depth)?;
            // Only packages are compared whose files have a hash.
            inquiry(lower::lower_collisions(&draft.plan, &document.sources), COLLISIONS_FILE, true)
        }
    }
}

/// What can be done while facts are missing, because no fact will change it.
#[derive(Clone, Debug, Default)]
pub struct Ahead {
    /// Parts of the image, such as the apt packages while versions of Python packages are being chosen. To build them meanwhile
    /// changes nothing but when they are done.
    pub parts: Vec<Graph>,
    /// What later steps read and is no part of the image: what the client sends of the context, and images of tools. They can be
    /// fetched while the base image is.
    pub inputs: Vec<Graph>,
}

/// What can be done ahead of the facts that are missing.
#[must_use]
pub fn ahead(document: &mut Document, settings: &Settings, facts: &Facts) -> Ahead {
    let platforms = planner::target_platforms(&document.spec, settings, facts);
    let is_early = |action: &Action| match action {
        Action::Apt { .. } | Action::Venv { .. } | Action::Conda { .. } | Action::Copy { .. } => true,
        Action::WriteFile { .. } => false,
        Action::OwnHome { .. } | Action::Commands { .. } => false,
        Action::Install { .. } | Action::InstallGroup(_) => false,
    };
    let session = facts.session.as_deref();
    let contexts = planner::copied(document, settings, facts);
    let inputs = contexts.iter().map(|local| probe::context_listing(local, session)).collect();
    let mut ahead = Ahead { inputs, ..Ahead::default() };
    for platform in &platforms {
        let Some(Draft { plan, .. }) = drafts(document, settings, facts, platform).next() else { continue };
        let tools = plan.uv.iter().chain(&plan.micromamba);
        ahead.inputs.extend(tools.map(|tool| probe::fetched(&tool.reference, &plan.platform)));
        // In a chain a step that is not known yet may come below one that is.
        let steps = plan.steps.iter().filter(|step| plan.shape == Shape::Merge && is_early(&step.action));
        ahead.parts.extend(steps.map(|step| lower::lower_step(&plan, &document.sources, &step.id)));
    }
    ahead
}

/// The groups of packages that a plan installs, those that take longest first: started in this order, a few at a time, the
/// whole is done soonest.
#[must_use]
pub fn groups(
    document: &mut Document,
    settings: &Settings,
    facts: &Facts,
    platform: &Platform,
    depth: usize,
) -> Vec<Graph> {
    let Some(Draft { plan, .. }) = planner::draft(document, settings, facts, platform, depth) else {
        return Vec::new();
    };
    by_size(&plan).into_iter().map(|id| lower::lower_step(&plan, &document.sources, id)).collect()
}

/// The first of the groups of a plan that is complete, if there are any.
#[must_use]
pub fn first_group(plan: &Plan, sources: &SourceMap) -> Option<Graph> {
    by_size(plan).first().map(|id| lower::lower_step(plan, sources, id))
}

/// The steps that install groups, the largest first.
fn by_size(plan: &Plan) -> Vec<&str> {
    let mut groups: Vec<(u64, &str)> = plan
        .steps
        .iter()
        .filter(|step| lower::group::is_compared(step))
        .map(|step| match &step.action {
            Action::InstallGroup(install) => (install.bytes, step.id.as_str()),
            _ => (0, step.id.as_str()),
        })
        .collect();
    groups.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    groups.into_iter().map(|(_, id)| id).collect()
}

/// The locks that should lie beside the spec, one per platform; `None` until all are known. There is none for a platform whose
/// lock the spec names, nor for a spec without packages.
#[must_use]
pub fn lock_files(document: &mut Document, settings: &Settings, facts: &Facts) -> Option<Vec<LockFile>> {
    facts.default_platform.as_ref()?;
    let platforms = planner::target_platforms(&document.spec, settings, facts);
    platforms.iter().map(|platform| planner::draft(document, settings, facts, platform, 0)?.lock_file).collect()
}

/// What a step is called, and what asked for it: enough to say in the spec's words which one failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Names the step within its plan; `lock` is the one that resolves.
    pub id: String,
    /// What progress shows.
    pub title: String,
    /// The spec's fields that asked for it.
    pub fields: Vec<String>,
    /// It copies files of the context.
    pub is_copy: bool,
    /// It sees what `apt_packages` installs.
    pub stands_on_apt: bool,
}

impl Asked {
    /// What a plan's steps are called.
    #[must_use]
    pub fn of(plan: &Plan) -> Vec<Self> {
        let is_apt = |parent: &Parent| match parent {
            Parent::Base => false,
            Parent::Step(id) => id == "apt",
            Parent::Joined(ids) => ids.iter().any(|id| id == "apt"),
        };
        let venv = plan
            .images()
            .flat_map(|plan| &plan.steps)
            .any(|step| matches!(step.action, Action::Venv { .. }) && is_apt(&step.parent));
        let asked = |step: &Step| Self {
            id: step.id.clone(),
            title: step.title.clone(),
            fields: step.fields.clone(),
            is_copy: matches!(step.action, Action::Copy { .. }),
            stands_on_apt: venv || is_apt(&step.parent),
        };
        plan.images().flat_map(|plan| &plan.steps).map(asked).collect()
    }
}

/// What the steps are called that are known so far, the one that resolves included.
#[must_use]
pub fn asked(document: &mut Document, settings: &Settings, facts: &Facts) -> Vec<Asked> {
    let platforms = planner::target_platforms(&document.spec, settings, facts);
    let mut known = Vec::new();
    for platform in &platforms {
        // The innermost first, each with those below it.
        known.extend(drafts(document, settings, facts, platform).next());
    }
    known
        .into_iter()
        .flat_map(|Draft { plan, lock, .. }| {
            let lock = lock.map(|lock| Asked {
                id: LOCK.to_owned(),
                title: lock.title,
                fields: lock.fields,
                is_copy: false,
                stands_on_apt: lock.parent == Parent::Step("apt".to_owned()),
            });
            Asked::of(&plan).into_iter().chain(lock)
        })
        .collect()
}

/// The drafts that there are so far, the outermost first.
fn drafts(
    document: &mut Document,
    settings: &Settings,
    facts: &Facts,
    platform: &Platform,
) -> impl Iterator<Item = Draft> {
    let count =
        std::iter::successors(Some(&document.spec), |spec| Merged::finished(spec).map(|level| level.spec)).count();
    (0..count).filter_map(move |depth| planner::draft(document, settings, facts, platform, depth))
}

/// Whether a root filesystem is that of an image named by its digest; what a step makes may differ from run to run.
fn is_pinned(plan: &Plan, root: Root) -> bool {
    root == Root::Base && plan.below.is_none() && plan.base.reference.contains("@sha256:")
}

fn rootfs(plan: &Plan, sources: &SourceMap, root: Root) -> Graph {
    match root {
        Root::Base => match &plan.below {
            None => probe::base_root(&plan.base.reference, &plan.platform),
            Some(below) => lower::lower(below, sources).graph,
        },
        Root::Apt => lower::lower_step(plan, sources, "apt"),
        Root::Python => {
            let makes = |step: &&Step| matches!(step.action, Action::Venv { .. } | Action::Conda { .. });
            let id = plan.steps.iter().find(makes).map_or("venv", |step| step.id.as_str());
            lower::lower_step(plan, sources, id)
        }
    }
}
