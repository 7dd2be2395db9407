//! The lock: given with the spec, lying beside it, or to be resolved.
//!
//! A lock that is given is used as it is. One that `imagespec lock` wrote counts while it is of what the spec asks for; after that
//! the step that resolves anew keeps its versions where it can. What is installed by which step is not decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buildkit_llb::Platform;
use imagespec::{Diagnostic, FileId, ImageSpec, RequirementsKind, SourceMap};

use crate::arguments;
use crate::facts::{Need, Root};
use crate::lock::{self, Lock};
use crate::lock_file::{self, LockFile, MadeOf};
use crate::lock_step::{LockCommand, LockStep, PROJECT_FILE, project_beside};
use crate::lower;
use crate::plan::Parent;
use crate::planner::apt::APT;
use crate::planner::install::{Wanted, text};
use crate::planner::{Base, Planner, summary, target_platforms};
use crate::requirements::{self, Missing, Requirements};
use crate::rules;
use crate::settings::LockUse;

/// The lock as far as it is known.
#[derive(Default)]
pub(super) struct Found {
    /// The lock, and how people call it.
    pub(super) lock: Option<(Arc<Lock>, String)>,
    /// How it is resolved, if nobody gives one.
    pub(super) step: Option<LockStep>,
    /// What should lie beside the spec, if nobody gives a lock.
    pub(super) file: Option<LockFile>,
    /// By package the hashes that another lock allows, from which this one was made.
    pub(super) allowed: BTreeMap<String, BTreeSet<String>>,
}

/// Locks that were read before, by their text.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReadLocks(BTreeMap<String, Arc<Lock>>);

/// What lies beside the spec. The default: nothing, and nothing ever will.
#[derive(Default)]
pub(super) struct Beside {
    /// Where the lock would be; `None` for a spec without a file's name.
    name: Option<String>,
    text: Option<String>,
}

impl Beside {
    /// There is a lock.
    pub(super) fn is_there(&self) -> bool {
        self.text.is_some()
    }
}

impl Planner<'_> {
    /// What the lock of this image for a platform is called. The file is of the image that is built, not of one it stands on.
    fn lock_name(&self, platform: &Platform) -> Option<String> {
        let target = self.document.target.as_deref();
        (self.level.depth == 0).then(|| lock_file::name(&self.spec_name(), target, platform)).flatten()
    }

    /// What lies beside the spec; `None` until known.
    pub(super) fn beside(&mut self) -> Option<Beside> {
        let Some(name) = self.lock_name(self.platform) else { return Some(Beside::default()) };
        if self.settings.lock == LockUse::Renew {
            return Some(Beside { name: Some(name), text: None });
        }
        let Some(text) = self.facts.spec_files.get(&name) else {
            self.out.needs.insert(Need::SpecFile { name });
            return None;
        };
        Some(Beside { name: Some(name), text: text.clone() })
    }

    /// By platform the name of the lock that builds of this spec look for beside it.
    pub(super) fn locks_beside(&self) -> BTreeMap<String, String> {
        if !self.wants_packages() || self.given_lock().is_some() {
            return BTreeMap::new();
        }
        let mut platforms = target_platforms(&self.document.spec, self.settings, self.facts);
        if platforms.is_empty() {
            let any = |(architecture, variant): (&str, &str)| Platform::new("linux", architecture, variant);
            platforms = lock_file::ARCHITECTURES.map(any).to_vec();
        }
        let named = |platform: &Platform| Some((platform.to_string(), self.lock_name(platform)?));
        platforms.iter().filter_map(named).collect()
    }

    /// What the spec's file is called.
    fn spec_name(&self) -> String {
        self.document.sources.files().next().map(|(_, file)| file.name().to_owned()).unwrap_or_default()
    }

    pub(super) fn lock(
        &mut self,
        base: &Base,
        wanted: &Wanted,
        given: Option<RequirementsKind>,
        beside: Beside,
    ) -> Found {
        let named = self.specs().lock().map(|(field, file)| (field, file.path().to_owned()));
        let (field, file) = named.unwrap_or_default();
        if given == Some(RequirementsKind::Pylock) {
            let lock = self.context_text(&file, &field).and_then(|text| self.parse_lock(&file, &text));
            return Found { lock: lock.map(|lock| (lock, format!("from {file}"))), ..Found::default() };
        }
        let Some(mut step) = self.lock_step(base, wanted, given, &field, &file) else { return Found::default() };
        let Beside { name, text } = beside;
        if let (None, Some(name), Some(text)) = (given, &name, text) {
            let Some(lock) = self.parse_lock(name, &text) else { return Found::default() };
            let Some(made_of) = self.made_of(wanted, &step) else {
                return Found { step: Some(step), ..Found::default() };
            };
            if made_of.is_of(&lock) {
                let file = LockFile { name: name.clone(), text, is_current: true };
                return Found { lock: Some((lock, format!("from {name}"))), file: Some(file), ..Found::default() };
            }
            if self.settings.lock == LockUse::Read {
                let differences = made_of.differences(&lock);
                let why = if differences.is_empty() { String::new() } else { format!(" ({})", differences.join(", ")) };
                let message = format!("{name} is of another spec than this, so versions are chosen anew{why}");
                let help = "write it again with `imagespec lock`, which keeps the versions that still fit";
                self.out.warnings.push(Diagnostic::new(&rules::STALE_LOCK, message).with_help(help));
            }
            step.preferences = Some(text);
        }
        let key = self.key(base, wanted, &[], |plan, sources| lower::lower_lock(plan, sources, &step));
        let Some(text) = self.facts.locks.get(&key).cloned() else {
            let (platform, interpreter) = (self.platform.clone(), wanted.interpreter.clone());
            let exports = step.command == LockCommand::Poetry;
            let place = self.place(wanted.root);
            self.out.needs.insert(Need::Lock { platform, place, interpreter, key, exports });
            return Found { step: Some(step), ..Found::default() };
        };
        let called = if given.is_some() { file } else { "the resolved lock".to_owned() };
        let lock = self.parse_lock(&called, &text).map(|lock| (lock, format!("from {called}")));
        let file = name.filter(|_| given.is_none()).and_then(|name| {
            let made_of = self.made_of(wanted, &step)?;
            Some(LockFile { name, text: lock_file::text(&text, &self.spec_name(), &made_of), is_current: false })
        });
        let allowed = self.facts.exports.get(&key).map(|text| requirements::allowed(text)).unwrap_or_default();
        Found { lock, step: Some(step), file, allowed }
    }

    /// What a lock of this spec is made of; a need until the interpreter is known.
    fn made_of(&mut self, wanted: &Wanted, step: &LockStep) -> Option<MadeOf> {
        let said = self.interpreter_fact(wanted.root, &wanted.interpreter)?;
        let version = said.map(|said| said.version).unwrap_or_default();
        Some(MadeOf::new(step, self.platform, &version))
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
            files.insert(name.to_owned(), lock?);
            files.insert(PROJECT_FILE.to_owned(), project?);
            match kind {
                RequirementsKind::Poetry => (LockCommand::Poetry, format!("find the files of {file}")),
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
            let title = if is_decided { "find the files of" } else { "resolve" };
            (LockCommand::Compile { is_decided }, format!("{title} {}", summary(&names)))
        };
        let mut step = LockStep {
            title: self.title("lock", &title),
            command,
            interpreter: wanted.interpreter.clone(),
            // To know what a source distribution needs, it may have to be built.
            parent: match (wanted.may_build && self.specs().has_apt(), wanted.root) {
                (true, Root::Base | Root::Apt) => Parent::Step(APT.to_owned()),
                // The interpreter is in no other root.
                (true, Root::Python) => Parent::Joined(wanted.below.iter().map(|step| step.id.clone()).collect()),
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

    /// The text of a file of the context; a need until known, a problem if it is not there.
    pub(super) fn context_text(&mut self, path: &str, field: &str) -> Option<String> {
        match requirements::context_file(self.facts, path, requirements::IN_CONTEXT) {
            Ok(text) => Some(text.to_owned()),
            Err(Missing::Unknown(need)) => {
                self.out.needs.insert(*need);
                None
            }
            Err(Missing::Absent(diagnostic)) => {
                self.out.problems.push(diagnostic.with_place(self.document.spans.nearest_span(field)));
                None
            }
        }
    }

    /// Problems of a lock that nobody wrote have no place in the user's files; its text is shown where it has some.
    fn parse_lock(&mut self, name: &str, text: &str) -> Option<Arc<Lock>> {
        if let Some(known) = self.document.locks.0.get(text) {
            return Some(Arc::clone(known));
        }
        let mut tried: SourceMap = self.document.sources.clone();
        let file: FileId = tried.add(name, text);
        match lock::parse(file, text) {
            Ok(lock) => {
                let lock = Arc::new(lock);
                self.document.locks.0.insert(text.to_owned(), Arc::clone(&lock));
                Some(lock)
            }
            Err(problems) => {
                self.document.sources = tried;
                self.out.problems.extend(problems);
                None
            }
        }
    }
}
