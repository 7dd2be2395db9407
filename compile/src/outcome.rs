//! What one pass of planning yields: drafts, however much is missing, and everything that it asks.
//!
//! Knows steps and no ops: what answers a question is described in terms of the plan, and lowering makes a graph of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use buildkit_llb::Platform;
use imagespec::{Diagnostic, SourceMap, Span};

use crate::identity;
use crate::lock_file::LockFile;
use crate::lock_step::{LOCK, LockStep};
use crate::plan::{Action, LocalFilter, Parent, Plan, Shape, Step};
use crate::step_key::StepKey;
use crate::store::{AnyQuestion, Reads};

/// What one pass of planning yields.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// One for each platform and each image that is planned for itself, as far as it got: a finished image before the image on
    /// top of it.
    pub drafts: Vec<Draft>,
    /// What the client will send of its files, as far as it is known.
    pub sent: Vec<LocalFilter>,
    /// Errors. They may rest on answers that are only expected.
    pub problems: Vec<Diagnostic>,
    /// What the user should know.
    pub warnings: Vec<Diagnostic>,
    /// The spec's text and all requirements files that were read: what drafts and diagnostics point into.
    pub sources: SourceMap,
    /// Every question of which the answer was read, or is missing.
    pub reads: Reads,
    pub(crate) asks: BTreeMap<AnyQuestion, Ask>,
    /// How many platforms there are.
    pub(crate) platforms: usize,
}

/// A question that has to be answered before the plan is certain.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The question.
    pub question: AnyQuestion,
    /// What makes the answer, where it is the result of steps.
    pub recipe: Option<Recipe>,
    /// An earlier build has an answer, with which the plan goes on; it has to be confirmed. Else the plan waits for it.
    pub is_expected: bool,
    /// Where the spec names what the question is about, if it does.
    pub place: Option<Span>,
}

/// What makes an answer, in terms of a plan ([`lower_recipe`](crate::lower_recipe) makes a graph of it).
#[derive(Clone, Debug)]
pub enum Recipe {
    /// A root filesystem is looked into.
    Root(RootRecipe),
    /// An interpreter is run.
    Interpreter {
        /// Where it is.
        root: RootRecipe,
        /// The program, absolute.
        path: String,
    },
    /// Requirements are resolved.
    Lock(LockRecipe),
    /// What groups of packages bring is compared. The plan has those groups.
    Collisions(Arc<Plan>),
}

impl Recipe {
    /// Whether the answer comes with the requirements that a tool exported from its own lock
    /// ([`EXPORTED_FILE`](crate::EXPORTED_FILE)).
    #[must_use]
    pub fn exports_requirements(&self) -> bool {
        matches!(self, Self::Lock(lock) if lock.step.exports_requirements())
    }
}

/// A root filesystem as a part of a plan.
#[derive(Clone, Debug)]
pub struct RootRecipe {
    pub(crate) plan: Arc<Plan>,
    /// The step whose result it is; without one it is the base's.
    pub(crate) step: Option<String>,
}

impl RootRecipe {
    /// The step whose result it is; `None` for what the steps stand on.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        self.step.as_deref()
    }
}

/// The step that resolves requirements, and what it stands on.
#[derive(Clone, Debug)]
pub struct LockRecipe {
    pub(crate) plan: Arc<Plan>,
    pub(crate) step: Arc<LockStep>,
}

impl LockRecipe {
    /// The interpreter that versions are chosen for, absolute.
    #[must_use]
    pub fn interpreter(&self) -> &str {
        &self.step.interpreter
    }
}

/// The plan of one image for one platform, as far as it is known.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The steps so far. Those that are there are final, but for groups of packages that may have files in common.
    pub plan: Plan,
    /// 0 for the image that is built, 1 for the finished image that it stands on, and so on.
    pub depth: usize,
    /// Nothing is missing.
    pub is_complete: bool,
    /// The lock that should be beside the spec, once it is known.
    pub lock_file: Option<LockFile>,
    /// How the lock is resolved, if one is.
    pub(crate) lock: Option<Arc<LockStep>>,
}

impl Outcome {
    /// All that has to be answered, missing or to be confirmed.
    pub fn asks(&self) -> impl Iterator<Item = &Ask> {
        self.asks.values()
    }

    /// Where the spec names what a question is about, if it does.
    #[must_use]
    pub fn place(&self, question: &AnyQuestion) -> Option<Span> {
        self.asks.get(question)?.place
    }

    /// What planning waits for.
    pub fn missing(&self) -> impl Iterator<Item = &Ask> {
        self.asks().filter(|ask| !ask.is_expected)
    }

    /// Whether nothing has to be answered any more: plans and problems are certain.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.asks.is_empty()
    }

    /// The plans, one per platform in the order in which platforms were asked for; `None` while one is incomplete, or something is
    /// wrong. Answers that they rest on may still have to be confirmed.
    pub fn plans(&self) -> Option<Vec<&Plan>> {
        let complete = self.drafts.iter().filter(|draft| draft.depth == 0 && draft.is_complete);
        let plans: Vec<&Plan> = complete.map(|draft| &draft.plan).collect();
        (self.problems.is_empty() && self.platforms > 0 && plans.len() == self.platforms).then_some(plans)
    }

    /// The draft of each platform that got furthest out: it has the finished images below it.
    fn outermost(&self) -> impl Iterator<Item = &Draft> {
        let mut found: Vec<&Draft> = Vec::new();
        for draft in &self.drafts {
            match found.iter_mut().find(|known| known.plan.platform == draft.plan.platform) {
                Some(known) => *known = draft,
                None => found.push(draft),
            }
        }
        found.into_iter()
    }

    /// The locks that should be beside the spec, one per platform; `None` until all are known. There is none for a platform whose
    /// lock the spec names, nor for a spec without packages.
    #[must_use]
    pub fn lock_files(&self) -> Option<Vec<&LockFile>> {
        let files: Vec<&LockFile> =
            self.drafts.iter().filter(|draft| draft.depth == 0).filter_map(|draft| draft.lock_file.as_ref()).collect();
        (self.problems.is_empty() && self.platforms > 0 && files.len() == self.platforms).then_some(files)
    }

    /// The steps that are known so far, the one that resolves requirements included.
    #[must_use]
    pub fn steps(&self) -> Vec<StepInfo> {
        let of_draft = |draft: &Draft| {
            let lock = draft.lock.as_ref().map(|lock| StepInfo {
                key: StepKey::new(&draft.plan, LOCK),
                id: LOCK.to_owned(),
                title: lock.title.clone(),
                fields: lock.fields.clone(),
                is_copy: false,
                stands_on_apt: lock.parent == Parent::Step("apt".to_owned()),
            });
            StepInfo::of_plan(&draft.plan).into_iter().chain(lock)
        };
        self.outermost().flat_map(of_draft).collect()
    }

    /// Steps that no missing answer can change, by platform: they can be built while answers are found.
    pub fn early_steps(&self) -> impl Iterator<Item = (&Plan, Vec<EarlyStep<'_>>)> {
        let is_early = |action: &Action| match action {
            Action::Apt { .. } | Action::Venv { .. } | Action::Conda { .. } | Action::Copy { .. } => true,
            Action::WriteFile { .. } => false,
            Action::OwnHome { .. } | Action::Commands { .. } => false,
            Action::Install { .. } | Action::InstallGroup(_) => false,
        };
        self.outermost().map(move |Draft { plan, .. }| {
            // In a chain a step that is not known yet may come below one that is.
            let can_merge = plan.shape == Shape::Merge;
            let early = plan.steps.iter().filter(|step| can_merge && is_early(&step.action));
            (plan, early.map(|step| EarlyStep { id: &step.id, digest: identity::of_step(plan, &step.id) }).collect())
        })
    }

    /// The images of tools that steps will use, by platform: they can be fetched while answers are found.
    pub fn tool_images(&self) -> impl Iterator<Item = (&str, &Platform)> {
        self.outermost().flat_map(|Draft { plan, .. }| {
            plan.uv.iter().chain(&plan.micromamba).map(|tool| (tool.reference.as_str(), &plan.platform))
        })
    }
}

/// A step that no missing answer can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlyStep<'a> {
    /// Names the step within its plan.
    pub id: &'a str,
    /// The digest of all that the step and those below it are told.
    pub digest: String,
}

/// What a step is called, and what asked for it: enough to say in the spec's words which one failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepInfo {
    /// Names the step within the build.
    pub key: StepKey,
    /// Names the step within its plan; `lock` is the one that resolves requirements.
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

impl StepInfo {
    /// The steps of a plan and of the images below it.
    fn of_plan(plan: &Plan) -> Vec<Self> {
        let is_apt = |parent: &Parent| match parent {
            Parent::Base => false,
            Parent::Step(id) => id == "apt",
            Parent::Joined(ids) => ids.iter().any(|id| id == "apt"),
        };
        let steps = || plan.images().flat_map(|plan| plan.steps.iter().map(move |step| (plan, step)));
        let venv = steps().any(|(_, step)| matches!(step.action, Action::Venv { .. }) && is_apt(&step.parent));
        let info = |(plan, step): (&Plan, &Step)| Self {
            key: StepKey::new(plan, &step.id),
            id: step.id.clone(),
            title: step.title.clone(),
            fields: step.fields.clone(),
            is_copy: matches!(step.action, Action::Copy { .. }),
            stands_on_apt: venv || is_apt(&step.parent),
        };
        steps().map(info).collect()
    }
}
