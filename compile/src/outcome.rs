//! The result of one planning pass: drafts, which may be incomplete, and the questions that are open.
//!
//! It contains steps and no ops: how to find an answer is described in terms of the plan, and lowering makes the graph.

use std::collections::BTreeMap;
use std::sync::Arc;

use buildkit_llb::Platform;
use imagespec::{Diagnostic, SourceMap, Span};

use crate::identity;
use crate::lock_file::LockFile;
use crate::lock_step::{LOCK, LockPlace, LockStep};
use crate::lower::{COLLISIONS_FILE, EXPORTED_FILE, INSTALLED_FILE, INTERPRETER_FILE, LOCK_FILE, record};
use crate::plan::{Action, LocalFilter, Parent, Plan, Shape, Step};
use crate::step_key::StepKey;
use crate::store::{AnyQuestion, Reads};

/// The result of one planning pass.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// One draft for each platform and each separately planned image. A finished image comes before the image that is built on it.
    pub drafts: Vec<Draft>,
    /// The local files that the client will send, as far as known.
    pub sent: Vec<LocalFilter>,
    /// Errors. They may be based on answers that are only expected.
    pub problems: Vec<Diagnostic>,
    /// Warnings for the user.
    pub warnings: Vec<Diagnostic>,
    /// The texts of the spec and of all requirements files, which drafts and diagnostics refer to.
    pub sources: SourceMap,
    /// All questions whose answer was read or is missing.
    pub reads: Reads,
    pub(crate) asks: BTreeMap<AnyQuestion, Ask>,
    /// The number of platforms.
    pub(crate) platforms: usize,
}

/// A question that must be answered before the plan is certain.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The question.
    pub question: AnyQuestion,
    /// How to find the answer, if it is the result of steps.
    pub recipe: Option<Recipe>,
    /// Whether an earlier build has an answer, which the plan uses and which must be confirmed. Otherwise the plan waits.
    pub is_expected: bool,
    /// Where the spec names what the question is about, if it does.
    pub place: Option<Span>,
}

/// How to find an answer, in terms of a plan ([`lower_recipe`](crate::lower_recipe) makes the graph).
#[derive(Clone, Debug, PartialEq)]
pub enum Recipe {
    /// Read files of a root filesystem.
    Root(RootRecipe),
    /// Run a script that describes a root filesystem.
    Survey(SurveyRecipe),
    /// Run an interpreter.
    Interpreter {
        /// The root filesystem with the interpreter.
        root: RootRecipe,
        /// The absolute path of the interpreter.
        path: String,
    },
    /// Run an interpreter to list its packages.
    Installed {
        /// The root filesystem with the interpreter.
        root: RootRecipe,
        /// The absolute path of the interpreter.
        path: String,
    },
    /// Resolve requirements.
    Lock(LockRecipe),
    /// Compare the files of groups of packages. The plan has those groups.
    Collisions(Arc<Plan>),
}

/// A survey of a root filesystem.
#[derive(Clone, Debug, PartialEq)]
pub struct SurveyRecipe {
    pub(crate) root: RootRecipe,
    pub(crate) folders: Vec<String>,
    pub(crate) program: Option<String>,
    /// The name of its record.
    pub(crate) name: &'static str,
}

/// A file of an image with what its plan is based on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Record {
    /// The answer to a question, which is the result of a recipe.
    Answer(Recipe),
    /// A lock that was read next to the spec, as it was resolved once.
    Lock(String),
}

impl Record {
    /// Its name.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self {
            Self::Answer(recipe) => recipe.record(),
            Self::Lock(_) => Some(LOCK_FILE),
        }
    }

    /// Removes the session, for a graph that another session will serve.
    pub(crate) fn forget_session(&mut self) {
        match self {
            Self::Answer(recipe) => recipe.forget_session(),
            Self::Lock(_) => {}
        }
    }
}

impl SurveyRecipe {
    /// The step with this root filesystem; `None` for the base of all steps.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        self.root.step()
    }
}

impl Recipe {
    /// The path of the file with the answer in the result; `None` if the answer is not in one file.
    #[must_use]
    pub fn file(&self) -> Option<String> {
        match self {
            Self::Interpreter { .. } => Some(INTERPRETER_FILE.to_owned()),
            _ => self.record().map(record),
        }
    }

    /// The name of the record with the answer, if images have it.
    fn record(&self) -> Option<&'static str> {
        match self {
            Self::Root(_) | Self::Interpreter { .. } => None,
            Self::Survey(survey) => Some(survey.name),
            Self::Installed { .. } => Some(INSTALLED_FILE),
            Self::Lock(_) => Some(LOCK_FILE),
            Self::Collisions(_) => Some(COLLISIONS_FILE),
        }
    }

    /// The path of the file with requirements that a tool exported from its own lockfile, in the result for a lock that is made from them.
    #[must_use]
    pub fn exported_file(&self) -> Option<String> {
        self.exports_requirements().then(|| record(EXPORTED_FILE))
    }

    /// The plan that it is a part of.
    pub(crate) fn plan(&self) -> &Arc<Plan> {
        match self {
            Self::Root(root) | Self::Interpreter { root, .. } | Self::Installed { root, .. } => &root.plan,
            Self::Survey(survey) => &survey.root.plan,
            Self::Lock(lock) => &lock.plan,
            Self::Collisions(plan) => plan,
        }
    }

    fn forget_session(&mut self) {
        let plan = match self {
            Self::Root(root) | Self::Interpreter { root, .. } | Self::Installed { root, .. } => &mut root.plan,
            Self::Survey(survey) => &mut survey.root.plan,
            Self::Lock(lock) => &mut lock.plan,
            Self::Collisions(plan) => plan,
        };
        Arc::make_mut(plan).forget_session();
    }

    /// Whether the answer includes the requirements that a tool exported from its own lockfile
    /// ([`Recipe::exported_file`]).
    #[must_use]
    pub fn exports_requirements(&self) -> bool {
        matches!(self, Self::Lock(lock) if lock.step.exports_requirements())
    }
}

/// A root filesystem that a part of a plan results in.
#[derive(Clone, Debug, PartialEq)]
pub struct RootRecipe {
    pub(crate) plan: Arc<Plan>,
    /// The step with this root filesystem; `None` for the base.
    pub(crate) step: Option<String>,
}

impl RootRecipe {
    /// The step with this root filesystem; `None` for the base of all steps.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        self.step.as_deref()
    }
}

/// The step that resolves requirements, and the plan below it.
#[derive(Clone, Debug, PartialEq)]
pub struct LockRecipe {
    pub(crate) plan: Arc<Plan>,
    pub(crate) step: Arc<LockStep>,
}

impl LockRecipe {
    /// The input files of the resolver by name, such as `requirements.txt`.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<String, String> {
        &self.step.files
    }

    /// The user's arguments for the resolver.
    #[must_use]
    pub fn arguments(&self) -> &[String] {
        &self.step.args
    }

    /// Whether nothing can be built where the versions are chosen. Then the step may find that a package would have to be built.
    #[must_use]
    pub fn is_apart(&self) -> bool {
        matches!(self.step.place, LockPlace::Apart { .. })
    }
}

/// The plan of one image for one platform, as far as known.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The steps so far. They are final, except for groups of packages that may share files.
    pub plan: Plan,
    /// 0 for the image that is built, 1 for the finished image that it is built on, and so on.
    pub depth: usize,
    /// Whether nothing is missing.
    pub is_complete: bool,
    /// The lockfile that belongs next to the spec, once known.
    pub lock_file: Option<LockFile>,
    /// The step that resolves the lock, if there is one.
    pub(crate) lock: Option<Arc<LockStep>>,
}

impl Outcome {
    /// All questions to answer, whether missing or to be confirmed.
    pub fn asks(&self) -> impl Iterator<Item = &Ask> {
        self.asks.values()
    }

    /// Where the spec names what a question is about, if it does.
    #[must_use]
    pub fn place(&self, question: &AnyQuestion) -> Option<Span> {
        self.asks.get(question)?.place
    }

    /// The questions that planning waits for.
    pub fn missing(&self) -> impl Iterator<Item = &Ask> {
        self.asks().filter(|ask| !ask.is_expected)
    }

    /// Whether no question is open, so that plans and problems are certain.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        self.asks.is_empty()
    }

    /// The plans, one per platform in the requested order. `None` if one is incomplete or there are errors. Expected answers that they
    /// are based on may still have to be confirmed.
    pub fn plans(&self) -> Option<Vec<&Plan>> {
        let complete = self.drafts.iter().filter(|draft| draft.depth == 0 && draft.is_complete);
        let plans: Vec<&Plan> = complete.map(|draft| &draft.plan).collect();
        (self.problems.is_empty() && self.platforms > 0 && plans.len() == self.platforms).then_some(plans)
    }

    /// The outermost draft of each platform. It contains the plans of the finished images below it.
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

    /// The lockfiles that belong next to the spec, one per platform. `None` until all are known. A platform whose lock is named by the
    /// spec has none, and neither has a spec without packages.
    #[must_use]
    pub fn lock_files(&self) -> Option<Vec<&LockFile>> {
        let files: Vec<&LockFile> =
            self.drafts.iter().filter(|draft| draft.depth == 0).filter_map(|draft| draft.lock_file.as_ref()).collect();
        (self.problems.is_empty() && self.platforms > 0 && files.len() == self.platforms).then_some(files)
    }

    /// The known steps, including the one that resolves requirements.
    #[must_use]
    pub fn steps(&self) -> Vec<StepInfo> {
        let of_draft = |draft: &Draft| {
            let lock = draft.lock.as_ref().map(|lock| StepInfo {
                key: StepKey::new(&draft.plan, LOCK),
                id: LOCK.to_owned(),
                title: lock.title.clone(),
                fields: lock.fields.clone(),
                is_copy: false,
                stands_on_apt: lock.parents().contains(&&Parent::Step("apt".to_owned())),
            });
            StepInfo::from_plan(&draft.plan).into_iter().chain(lock)
        };
        self.outermost().flat_map(of_draft).collect()
    }

    /// The steps that no missing answer can change, by platform. They can be built while answers are found.
    pub fn early_steps(&self) -> impl Iterator<Item = (&Plan, Vec<EarlyStep<'_>>)> {
        let is_early = |action: &Action| match action {
            Action::Apt { .. } | Action::Venv { .. } | Action::Conda { .. } | Action::Copy { .. } => true,
            Action::WriteFile { .. } => false,
            Action::OwnHome { .. } | Action::Commands { .. } => false,
            Action::RemovePackages { .. } | Action::Folders { .. } | Action::InstallGroup(_) => false,
        };
        self.outermost().map(move |Draft { plan, .. }| {
            // In a chain, an unknown step may come below a known one.
            let can_merge = plan.shape == Shape::Merge;
            let early = plan.steps.iter().filter(|step| can_merge && is_early(&step.action));
            (
                plan,
                early.map(|step| EarlyStep { id: &step.id, digest: identity::step_digest(plan, &step.id) }).collect(),
            )
        })
    }

    /// The tool images that steps will use, by platform. They can be pulled while answers are found.
    pub fn tool_images(&self) -> impl Iterator<Item = (&str, &Platform)> {
        self.outermost().flat_map(|Draft { plan, .. }| {
            plan.uv
                .iter()
                .chain(&plan.micromamba)
                .chain(&plan.python)
                .map(|tool| (tool.reference.as_str(), &plan.platform))
        })
    }
}

/// A step that no missing answer can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlyStep<'a> {
    /// The id of the step, unique within its plan.
    pub id: &'a str,
    /// The digest of the step, including the steps below it.
    pub digest: String,
}

/// The identity and title of a step and its fields in the spec, to report which step failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepInfo {
    /// The key of the step, unique within the build.
    pub key: StepKey,
    /// The id of the step, unique within its plan; `lock` is the step that resolves requirements.
    pub id: String,
    /// The title in progress displays.
    pub title: String,
    /// The fields of the spec that the step results from.
    pub fields: Vec<String>,
    /// Whether it copies files of the context.
    pub is_copy: bool,
    /// Whether it is built on the packages in `apt_packages`.
    pub stands_on_apt: bool,
}

impl StepInfo {
    /// The steps of a plan and of the images below it.
    fn from_plan(plan: &Plan) -> Vec<Self> {
        let is_apt = |parent: &Parent| parent.ids().contains(&"apt");
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
