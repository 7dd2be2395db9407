//! The lock: given with the spec, lying beside it, or to be resolved.
//!
//! A lock that is given is used as it is. One that `imagespec lock` wrote counts while it is of what the spec asks for; after that
//! the step that resolves anew keeps its versions where it can. What is installed by which step is not decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buildkit_llb::Platform;
use imagespec::{Diagnostic, FileId, ImageSpec, RequirementsKind, SourceMap};

use crate::answer::{InterpreterFact, LockFact, Text};
use crate::arguments;
use crate::identity;
use crate::lock::Lock;
use crate::lock_file::{self, LockFile, MadeOf};
use crate::lock_step::{LockCommand, LockStep, PROJECT_FILE, project_beside};
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

/// The lock as far as it is known.
#[derive(Default)]
pub(super) struct Found<'a> {
    /// The lock, and how people call it.
    pub(super) lock: Option<(Arc<Lock>, String)>,
    /// How it is resolved, if nobody gives one.
    pub(super) step: Option<Arc<LockStep>>,
    /// What should be beside the spec, if nobody gives a lock.
    pub(super) file: Option<LockFile>,
    /// By package the hashes that another lock allows, from which this one was made.
    pub(super) allowed: BTreeMap<String, BTreeSet<String>>,
    /// What the interpreter reported while the lock was made.
    pub(super) interpreter: Option<Option<&'a InterpreterFact>>,
}

/// What is beside the spec. The default: nothing, and nothing ever will.
#[derive(Default)]
pub(super) struct Beside<'a> {
    /// Where the lock would be; `None` for a spec without a file's name.
    name: Option<String>,
    text: Option<&'a Text>,
}

impl Beside<'_> {
    /// There is a lock.
    pub(super) fn is_there(&self) -> bool {
        self.text.is_some()
    }
}

impl<'a> Planner<'a, '_> {
    /// What the lock of this image for a platform is called. The file is of the image that is built, not of one it stands on.
    pub(super) fn lock_name(&self, platform: &Platform) -> Option<String> {
        let target = self.document.target.as_deref();
        (self.part.depth == 0).then(|| lock_file::name(self.document.spec_name(), target, platform)).flatten()
    }

    /// What is beside the spec; `None` until known.
    pub(super) fn lock_beside(&mut self) -> Option<Beside<'a>> {
        let Some(name) = self.lock_name(self.platform) else { return Some(Beside::default()) };
        if self.settings.lock == LockUse::Renew {
            return Some(Beside { name: Some(name), text: None });
        }
        let text = self.ask(question::SpecFile { name: name.clone() }, |_| None)?;
        Some(Beside { name: Some(name), text: text.as_ref() })
    }

    pub(super) fn lock(
        &mut self,
        base: &Base,
        wanted: &Wanted,
        given: Option<RequirementsKind>,
        beside: Beside<'a>,
    ) -> Found<'a> {
        let named = self.specs().lock().map(|(field, file)| (field, file.path().to_owned()));
        let (field, file) = named.unwrap_or_default();
        if given == Some(RequirementsKind::Pylock) {
            let lock = self.context_text(&file, &field).and_then(|text| self.parse_lock(&file, text));
            return Found { lock: lock.map(|lock| (lock, format!("from {file}"))), ..Found::default() };
        }
        let Some(mut step) = self.lock_step(base, wanted, given, &field, &file) else { return Found::default() };
        let Beside { name, text } = beside;
        if let (None, Some(name), Some(text)) = (given, &name, text) {
            let Some(lock) = self.parse_lock(name, text) else { return Found::default() };
            let Some(reported) = self.interpreter_fact(base, wanted.stage, &wanted.interpreter) else {
                return Found { step: Some(step.into()), ..Found::default() };
            };
            let made_of = self.made_of(&step, reported);
            if made_of.is_of(&lock) {
                let file = LockFile { name: name.clone(), text: text.as_str().to_owned(), is_current: true };
                return Found { lock: Some((lock, format!("from {name}"))), file: Some(file), ..Found::default() };
            }
            if self.settings.lock == LockUse::Read {
                self.warn_of_stale(name, &made_of.differences(&lock));
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
            let made_of = self.made_of(&step, interpreter.as_ref());
            let text = lock_file::text(text.as_str(), self.document.spec_name(), &made_of);
            LockFile { name, text, is_current: false }
        });
        let allowed = exported.as_deref().map(requirements::allowed).unwrap_or_default();
        Found { lock, step: Some(step), file, allowed, interpreter: Some(interpreter.as_ref()) }
    }

    /// What the step resolves requirements to; `None` until known.
    fn resolve(&mut self, base: &Base, step: &Arc<LockStep>) -> Option<&'a LockFact> {
        if !self.can_stand_on(&step.parent) {
            return None;
        }
        let plan = self.so_far(base);
        let question = question::Lock { digest: identity::of_lock(&plan, step) };
        self.ask(question, |_| Some(Recipe::Lock(LockRecipe { plan, step: Arc::clone(step) })))
    }

    fn warn_of_stale(&mut self, name: &str, differences: &[String]) {
        let why = if differences.is_empty() { String::new() } else { format!(" ({})", differences.join(", ")) };
        let message = format!("the lockfile {name} was made for a different spec, so versions are resolved again{why}");
        let help = "update it with `imagespec lock`, which keeps the versions that still fit";
        self.out.warnings.push(Diagnostic::new(&rules::STALE_LOCK, message).with_help(help));
    }

    /// What a lock of this spec is made of.
    fn made_of(&self, step: &LockStep, interpreter: Option<&InterpreterFact>) -> MadeOf {
        MadeOf::new(step, self.platform, interpreter.map(|reported| reported.version.as_str()).unwrap_or_default())
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
            let (project, name) = (project_beside(file), file.rsplit('/').next().unwrap_or_default());
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
            // To know what a source distribution needs, it may have to be built.
            parent: match (wanted.may_build && self.specs().has_apt_packages(), wanted.stage) {
                (true, Stage::Base | Stage::Apt) => Parent::Step(APT.to_owned()),
                // The interpreter is in no other root.
                (true, Stage::Python) => Parent::Joined(self.steps.iter().map(|step| step.id.clone()).collect()),
                (false, _) => wanted.parent.clone(),
            },
            extras: self.project_parts(|spec| spec.builder_options().extras()),
            groups: self.project_parts(|spec| spec.builder_options().groups()),
            files,
            preferences: None,
            args: arguments::that(&wanted.args, |option| option.resolves),
            env: self.installer_env(base, wanted.may_build),
            secrets: self.install_secrets(),
            secret_env_native: self.has_secret_env(),
            fields: self.package_fields(),
            locations: Vec::new(),
        };
        step.locations = self.locations(&step.fields);
        step.locations.extend(wanted.requirements.locations.iter().copied());
        step.fields = self.of_document(step.fields);
        Some(step)
    }

    /// Names of a project's dependencies that are wanted too: a set.
    fn project_parts(&self, pick: impl Fn(&ImageSpec) -> &[String]) -> BTreeSet<String> {
        let specs = self.specs();
        specs.levels().iter().flat_map(|level| pick(level.spec)).cloned().collect()
    }

    /// The text of a file of the context; `None` until known, and where it is not there, which is a problem.
    pub(super) fn context_text(&mut self, path: &str, field: &str) -> Option<&'a Text> {
        let found = self.ask(question::ContextFile { path: path.to_owned() }, |_| None)?;
        if found.is_none() {
            let problem = requirements::missing_file(path, requirements::IN_CONTEXT);
            self.out.problems.push(problem.with_place(self.part.spans.nearest_span(field)));
        }
        found.as_ref()
    }

    /// Problems of a lock that nobody wrote have no place in the user's files; its text is shown where it has some.
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
