//! Graphs that answer needs: what has to be solved, and which file of the result is the answer.
//!
//! Only builds them; solving and reading is the caller's business.

use buildkit_llb::{Graph, Platform};
use imagespec::SourceMap;

use crate::facts::{Facts, Need, Root};
use crate::lock_step::LOCK;
use crate::lower::{self, group::COLLISIONS_FILE, lock::LOCK_FILE};
use crate::plan::{Action, Parent, Plan, Step};
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
}

/// What answers a need. `None` for needs that no graph answers (images, files of the context), and where facts are missing
/// that it would be made of; the planner asks for those first.
#[must_use]
pub fn graph_for(need: &Need, document: &mut Document, settings: &Settings, facts: &Facts) -> Option<Inquiry> {
    let mut draft = |platform: &Platform| planner::draft(document, settings, facts, platform);
    let inquiry = |graph: Graph, file: &'static str| Some(Inquiry { graph, file: Some(file) });
    match need {
        Need::Daemon | Need::Image { .. } | Need::ContextFile { .. } => None,
        Need::ContextIgnore | Need::ContextSources { .. } => None,
        Need::Programs { platform, root, .. }
        | Need::RootfsFile { platform, root, .. }
        | Need::Exists { platform, root, .. } => {
            let draft = draft(platform)?;
            Some(Inquiry { graph: rootfs(&draft.plan, &document.sources, *root), file: None })
        }
        Need::Interpreter { platform, root, path } => {
            let draft = draft(platform)?;
            let root = rootfs(&draft.plan, &document.sources, *root);
            let asked = probe::interpreter(root, path, platform, &draft.plan.common.base_config)?;
            inquiry(asked, INTERPRETER_FILE)
        }
        Need::Lock { platform, .. } => {
            let Draft { plan, lock, .. } = draft(platform)?;
            inquiry(lower::lower_lock(&plan, &document.sources, &lock?), LOCK_FILE)
        }
        Need::Collisions { platform, .. } => {
            let draft = draft(platform)?;
            inquiry(lower::lower_collisions(&draft.plan, &document.sources), COLLISIONS_FILE)
        }
    }
}

/// Parts of the image that stand already although facts are still missing, such as the apt packages while versions of Python
/// packages are being chosen. To build them meanwhile changes nothing but when they are done.
#[must_use]
pub fn early_parts(document: &mut Document, settings: &Settings, facts: &Facts) -> Vec<Graph> {
    let platforms = planner::target_platforms(&document.spec, settings, facts);
    let drafts = platforms.iter().filter_map(|platform| planner::draft(document, settings, facts, platform));
    let drafts: Vec<Draft> = drafts.collect();
    let is_early = |action: &Action| match action {
        Action::Apt { .. } | Action::Venv { .. } | Action::Copy { .. } => true,
        Action::OwnHome { .. } | Action::Commands { .. } => false,
        Action::Install { .. } | Action::InstallGroup(_) => false,
    };
    let parts = drafts.iter().flat_map(|draft| {
        let steps = draft.plan.steps.iter().filter(|step| is_early(&step.action));
        steps.map(|step| lower::lower_step(&draft.plan, &document.sources, &step.id))
    });
    parts.collect()
}

/// The groups of packages that a plan installs, those that take longest first: started in this order, a few at a time, the
/// whole is done soonest.
#[must_use]
pub fn groups(document: &mut Document, settings: &Settings, facts: &Facts, platform: &Platform) -> Vec<Graph> {
    let Some(draft) = planner::draft(document, settings, facts, platform) else { return Vec::new() };
    let mut groups: Vec<(u64, &str)> = draft
        .plan
        .steps
        .iter()
        .filter(|step| lower::group::is_compared(step))
        .map(|step| match &step.action {
            Action::InstallGroup(install) => (install.bytes, step.id.as_str()),
            _ => (0, step.id.as_str()),
        })
        .collect();
    groups.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    groups.into_iter().map(|(_, id)| lower::lower_step(&draft.plan, &document.sources, id)).collect()
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
        let venv = plan.steps.iter().any(|step| matches!(step.action, Action::Venv { .. }) && is_apt(&step.parent));
        let asked = |step: &Step| Self {
            id: step.id.clone(),
            title: step.title.clone(),
            fields: step.fields.clone(),
            is_copy: matches!(step.action, Action::Copy { .. }),
            stands_on_apt: venv || is_apt(&step.parent),
        };
        plan.steps.iter().map(asked).collect()
    }
}

/// What the steps are called that are known so far, the one that resolves included.
#[must_use]
pub fn asked(document: &mut Document, settings: &Settings, facts: &Facts) -> Vec<Asked> {
    let platforms = planner::target_platforms(&document.spec, settings, facts);
    let drafts = platforms.iter().filter_map(|platform| planner::draft(document, settings, facts, platform));
    drafts
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

fn rootfs(plan: &Plan, sources: &SourceMap, root: Root) -> Graph {
    match root {
        Root::Base => probe::base_root(&plan.base.reference, &plan.platform),
        Root::Apt => lower::lower_step(plan, sources, "apt"),
    }
}
