//! The lock: named by the spec, next to the spec, or to be resolved.
//!
//! A lock that the spec names is used as it is. A lockfile that `imagespec lock` wrote is used while it fits the spec; afterwards the
//! versions are resolved again, and its versions are kept if possible. The install steps are not decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buildkit_llb::Platform;
use imagespec::{Diagnostic, FileId, ImageSpec, RequirementsKind, SourceMap};

use crate::answer::{InterpreterFact, LockFact, Text};
use crate::arguments;
use crate::identity;
use crate::lock::Lock;
use crate::lock_file::{self, LockFile, LockInputs};
use crate::lock_step::{LockCommand, LockStep, PROJECT_FILE, project_path};
use crate::outcome::{LockRecipe, Recipe};
use crate::plan::Parent;
use crate::planner::apt::APT;
use crate::planner::asking::Stage;
use crate::planner::base::Base;
use crate::planner::wanted::{Wanted, text};
use crate::planner::{Planner, summary};
use crate::question;
use crate::requirements::{self, Requirements};
use crate::rules;
use crate::settings::LockUse;

/// The lock as far as known.
#[derive(Default)]
pub(super) struct Found<'a> {
    /// The lock, and its name in messages.
    pub(super) lock: Option<(Arc<Lock>, String)>,
    /// The step that resolves it, if none is given.
    pub(super) step: Option<Arc<LockStep>>,
    /// The lockfile that belongs next to the spec, if no lock is given.
    pub(super) file: Option<LockFile>,
    /// The hashes that another lock allows, from which this one was made, by package.
    pub(super) allowed: BTreeMap<String, BTreeSet<String>>,
    /// The interpreter that was reported when the lock was made.
    pub(super) interpreter: Option<Option<&'a InterpreterFact>>,
}

/// The lockfile next to the spec. The default is for a spec that has none and gets none.
#[derive(Default)]
pub(super) struct SiblingLock<'a> {
    /// The name of the lockfile; `None` for a spec without a file.
    name: Option<String>,
    text: Option<&'a Text>,
}

impl SiblingLock<'_> {
    /// Whether the lockfile exists.
    pub(super) fn exists(&self) -> bool {
        self.text.is_some()
    }
}

impl<'a> Planner<'a, '_> {
    /// The name of this image's lockfile for a platform. Only the image that is built has one, not the images below it.
    pub(super) fn lock_name(&self, platform: &Platform) -> Option<String> {
        let target = self.document.target.as_deref();
        (self.part.depth == 0).then(|| lock_file::name(self.document.spec_name(), target, platform)).flatten()
    }

    /// The lockfile next to the spec; `None` until known.
    pub(super) fn sibling_lock(&mut self) -> Option<SiblingLock<'a>> {
        let Some(name) = self.lock_name(self.platform) else { return Some(SiblingLock::default()) };
        if self.settings.lock == LockUse::Renew {
            return Some(SiblingLock { name: Some(name), text: None });
        }
        let text = self.ask(question::SpecFile { name: name.clone() }, |_| None)?;
        Some(SiblingLock { name: Some(name), text: text.as_ref() })
    }

    pub(super) fn lock(
        &mut self,
        base: &Base,
        wanted: &Wanted,
        given: Option<RequirementsKind>,
        sibling: SiblingLock<'a>,
    ) -> Found<'a> {
        let named = self.specs().lock().map(|(field, file)| (field, file.path().to_owned()));
        let (field, file) = named.unwrap_or_default();
        if given == Some(RequirementsKind::Pylock) {
            let lock = self.context_text(&file, &field).and_then(|text| self.parse_lock(&file, text));
            return Found { lock: lock.map(|lock| (lock, format!("from {file}"))), ..Found::default() };
        }
        let Some(mut step) = self.lock_step(base, wanted, given, &field, &file) else { return Found::default() };
        let SiblingLock { name, text } = sibling;
        if let (None, Some(name), Some(text)) = (given, &name, text) {
            let Some(lock) = self.parse_lock(name, text) else { return Found::default() };
            let Some(reported) = self.interpreter_fact(base, wanted.stage, &wanted.interpreter) else {
                return Found { step: Some(step.into()), ..Found::default() };
            };
            let inputs = self.lock_inputs(&step, reported);
            if inputs.matches(&lock) {
                let file = LockFile { name: name.clone(), text: text.as_str().to_owned(), is_current: true };
                return Found { lock: Some((lock, format!("from {name}"))), file: Some(file), ..Found::default() };
            }
            if self.settings.lock == LockUse::Read {
                self.warn_of_stale(name, &inputs.differences(&lock));
            }
            step.preferences = Some(text.as_str().to_owned());
        }
        let step = Arc::new(step);
        let Some(LockFact { lock: text, exported, interpreter }) = self.resolve(base, &step) else {
            return Found { step: Some(step), ..Found::default() };
        };
        let called = if given.is_some() { file } else { "the resolved lock".to_owned() };
        let lock = self.parse_lock(&called, text).map(|lock| (lock, format!("from {called}")));
        let file = name.filter(|_| given.is_none()).map(|name| {
            let inputs = self.lock_inputs(&step, interpreter.as_ref());
            let text = lock_file::text(text.as_str(), self.document.spec_name(), &inputs);
            LockFile { name, text, is_current: false }
        });
        let allowed = exported.as_deref().map(requirements::allowed).unwrap_or_default();
        Found { lock, step: Some(step), file, allowed, interpreter: Some(interpreter.as_ref()) }
    }

    /// The result of a lock step; `None` until known.
    fn resolve(&mut self, base: &Base, step: &Arc<LockStep>) -> Option<&'a LockFact> {
        if !self.can_stand_on(&step.parent) {
            return None;
        }
        let plan = self.partial_plan(base);
        let question = question::Lock { digest: identity::lock_digest(&plan, step) };
        self.ask(question, |_| Some(Recipe::Lock(LockRecipe { plan, step: Arc::clone(step) })))
    }

    fn warn_of_stale(&mut self, name: &str, differences: &[String]) {
        let why = if differences.is_empty() { String::new() } else { format!(" ({})", differences.join(", ")) };
        let message = format!("the lockfile {name} was made for a different spec, so versions are resolved again{why}");
        let help = "update it with `imagespec lock`, which keeps the versions that still fit";
        self.out.warnings.push(Diagnostic::new(&rules::STALE_LOCK, message).with_help(help));
    }

    /// The inputs of a lock for this spec.
    fn lock_inputs(&self, step: &LockStep, interpreter: Option<&InterpreterFact>) -> LockInputs {
        LockInputs::new(step, self.platform, interpreter.map(|reported| reported.version.as_str()).unwrap_or_default())
    }

    fn lock_step(
        &mut self,
        base: &Base,
        wanted: &Wanted,
        given: Option<RequirementsKind>,
        field: &str,
        file: &str,
    ) -> Option<LockStep> {
        let Requirements { lines, constraints, names, project, .. } = &wanted.requirements;
        let mut names = names.clone();
        let mut files = BTreeMap::new();
        let (command, title) = if let Some(kind) = given {
            let (project, name) = (project_path(file), file.rsplit('/').next().unwrap_or_default());
            // Both are asked for in one round.
            let (lock, project) = (self.context_text(file, field), self.context_text(&project, field));
            files.insert(name.to_owned(), lock?.as_str().to_owned());
            files.insert(PROJECT_FILE.to_owned(), project?.as_str().to_owned());
            match kind {
                RequirementsKind::Poetry => (LockCommand::Poetry, format!("look up the files of {file}")),
                _ => (LockCommand::Export, format!("read {file}")),
            }
        } else {
            files.insert("requirements.txt".to_owned(), text(lines));
            if let Some((path, text)) = project {
                files.insert(PROJECT_FILE.to_owned(), text.clone());
                names.push(path.clone());
            }
            if !constraints.is_empty() {
                files.insert("constraints.txt".to_owned(), text(constraints));
            }
            let is_decided = wanted.requirements.is_decided;
            let title = if is_decided { "look up the files of" } else { "resolve" };
            (LockCommand::Compile { is_decided }, format!("{title} {}", summary(&names)))
        };
        let mut step = LockStep {
            title: self.title("lock", &title),
            command,
            interpreter: wanted.interpreter.clone(),
            // Reading the requirements of a source distribution may require building it.
            parent: match (wanted.may_build && self.specs().has_apt_packages(), wanted.stage) {
                (true, Stage::Base | Stage::Apt) => Parent::Step(APT.to_owned()),
                // The interpreter is in no other root filesystem.
                (true, Stage::Python) => Parent::Joined(self.steps.iter().map(|step| step.id.clone()).collect()),
                (false, _) => wanted.parent.clone(),
            },
            extras: self.project_parts(|spec| spec.builder_options().extras()),
            groups: self.project_parts(|spec| spec.builder_options().groups()),
            files,
            preferences: None,
            args: arguments::filtered(&wanted.args, |option| option.resolves),
            env: self.installer_env(base, wanted.may_build),
            secrets: self.install_secrets(),
            secret_env_native: self.has_secret_env(),
            fields: self.package_fields(),
            locations: Vec::new(),
        };
        step.locations = self.locations(&step.fields);
        step.locations.extend(wanted.requirements.locations.iter().copied());
        step.fields = self.document_paths(step.fields);
        Some(step)
    }

    /// The extras or dependency groups of a project that the specs request, as a set.
    fn project_parts(&self, pick: impl Fn(&ImageSpec) -> &[String]) -> BTreeSet<String> {
        let specs = self.specs();
        specs.levels().iter().flat_map(|level| pick(level.spec)).cloned().collect()
    }

    /// The text of a file of the context. `None` until known, and if the file does not exist, which is a problem.
    pub(super) fn context_text(&mut self, path: &str, field: &str) -> Option<&'a Text> {
        let found = self.ask(question::ContextFile { path: path.to_owned() }, |_| None)?;
        if found.is_none() {
            let problem = requirements::missing_file(path, requirements::IN_CONTEXT);
            self.out.problems.push(problem.with_place(self.part.spans.nearest_span(field)));
        }
        found.as_ref()
    }

    /// Parses a lock. Problems of a generated lock have no place in the user's files, so its text is added to the sources.
    fn parse_lock(&mut self, name: &str, text: &Text) -> Option<Arc<Lock>> {
        if let Some(known) = text.parsed() {
            return Some(known);
        }
        let mut tried: SourceMap = self.out.sources.clone();
        let file: FileId = tried.add(name, text.as_str());
        match text.lock(file) {
            Ok(lock) => Some(lock),
            Err(problems) => {
                self.out.sources = tried;
                self.out.problems.extend(problems);
                None
            }
        }
    }
}
