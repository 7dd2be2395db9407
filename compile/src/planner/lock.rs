//! The lock: named by the spec, next to the spec, or to be resolved.
//!
//! A lock that the spec names is used as it is. A lockfile that `imagespec lock` wrote is used while it fits the spec; afterwards the
//! versions are resolved again, and its versions are kept if possible. The install steps are not decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buildkit_llb::Platform;
use imagespec::{Diagnostic, FileId, ImageSpec, PackageName, RequirementsKind, SourceMap, is_read_by_installers};

use crate::answer::{InstalledPackage, InterpreterFact, LockFact, Text};
use crate::arguments;
use crate::fixed::PIP_CONFIG;
use crate::identity;
use crate::lock::{Cut, Lock, Version};
use crate::lock_file::{self, LockFile, LockInputs};
use crate::lock_step::{Environment, LockCommand, LockPlace, LockStep, PROJECT_FILE, project_path};
use crate::outcome::{LockRecipe, Recipe, Record};
use crate::pip_config::PipIndexes;
use crate::plan::{Compiler, InstallSecret, Parent};
use crate::planner::apt::APT;
use crate::planner::asking::Stage;
use crate::planner::base::Base;
use crate::planner::wanted::{Wanted, text};
use crate::planner::{Planner, summary};
use crate::question;
use crate::requirements::{self, ProjectFile, Requirements};
use crate::rules;
use crate::settings::LockUse;
use crate::stand_in;

/// The lock as far as known.
#[derive(Default)]
pub(super) struct Found {
    /// The lock, and its name in messages.
    pub(super) lock: Option<(Arc<Lock>, String)>,
    /// The step that resolves it, if none is given.
    pub(super) step: Option<Arc<LockStep>>,
    /// The lockfile that belongs next to the spec, if no lock is given.
    pub(super) file: Option<LockFile>,
    /// The packages that joined since the lock's packages were divided; `None` if no lock says.
    pub(super) young: Option<BTreeSet<PackageName>>,
    /// The hashes that another lock allows, from which this one was made, by package.
    pub(super) allowed: BTreeMap<String, BTreeSet<String>>,
}

/// The lockfile next to the spec. The default is for a spec that has none and gets none.
#[derive(Default)]
pub(super) struct SiblingLock<'a> {
    /// The name of the lockfile; `None` for a spec without a file.
    name: Option<String>,
    text: Option<&'a Text>,
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

    /// The Debian packages that the lockfile next to the spec has settled; `None` until known.
    pub(super) fn known_apt(&mut self) -> Option<Vec<String>> {
        if !self.specs().wants_packages() || self.given_lock().is_some() {
            return Some(Vec::new());
        }
        let SiblingLock { name: Some(name), text: Some(text) } = self.sibling_lock()? else { return Some(Vec::new()) };
        // Its problems are told with the packages.
        let mut tried: SourceMap = self.out.sources.clone();
        let lock = text.lock(tried.add(name, text.as_str())).ok();
        Some(lock.map(|lock| lock.cut.apt.clone()).unwrap_or_default())
    }

    pub(super) fn lock(
        &mut self,
        base: &Base,
        wanted: &Wanted,
        given: Option<RequirementsKind>,
        sibling: SiblingLock<'a>,
        (interpreter, installed): (Option<&InterpreterFact>, &[InstalledPackage]),
    ) -> Found {
        let named = self.specs().lock().map(|(field, file)| (field, file.path().to_owned()));
        let (field, file) = named.unwrap_or_default();
        if given == Some(RequirementsKind::Pylock) {
            let lock = self.context_text(&file, &field).and_then(|text| self.parse_lock(&file, text));
            return Found { lock: lock.map(|lock| (lock, format!("from {file}"))), ..Found::default() };
        }
        let Some(mut step) = self.lock_step(base, wanted, given, (&field, &file), interpreter) else {
            return Found::default();
        };
        let SiblingLock { name, text } = sibling;
        let mut older = None;
        if let (None, Some(name), Some(text)) = (given, &name, text) {
            let Some(lock) = self.parse_lock(name, text) else { return Found::default() };
            older = Some(Arc::clone(&lock));
            let inputs = self.lock_inputs(&step, interpreter);
            if inputs.matches(&lock) {
                let file = LockFile { name: name.clone(), text: text.as_str().to_owned(), is_current: true };
                let question = question::SpecFile { name: name.clone() };
                self.record(question.into(), |_| Some(Record::Lock(lock_file::resolved(text.as_str()))));
                let young = Some(lock.cut.young.clone());
                return Found {
                    lock: Some((lock, format!("from {name}"))),
                    file: Some(file),
                    young,
                    ..Found::default()
                };
            }
            if self.settings.lock == LockUse::Read {
                self.warn_of_stale(name, &inputs.differences(&lock));
            }
            step.preferences = Some(text.as_str().to_owned());
        }
        if step.installed.is_some() {
            step.preferences = Some(preferences(installed, older.as_deref()));
        }
        let mut step = Arc::new(step);
        let mut found = self.resolve(base, &step);
        if let (Some(fact), LockPlace::Apart { .. }) = (found, &step.place)
            && fact.lock.is_none()
        {
            self.reasons.push(
                "versions are resolved on top of the base image, because a package may have to be built for that"
                    .to_owned(),
            );
            let (place, secrets) = (self.on_top(wanted), self.build_secrets());
            // An index that needs a password refuses then.
            let without = if secrets.len() < step.secrets.len() { " without secrets" } else { "" };
            let title = format!("{}{without}", step.title);
            step = Arc::new(LockStep { title, place, secrets, ..LockStep::clone(&step) });
            found = self.resolve(base, &step);
        }
        let Some(LockFact { lock: Some(text), exported }) = found else {
            return Found { step: Some(step), ..Found::default() };
        };
        let called = if given.is_some() { file } else { "the resolved lock".to_owned() };
        let lock = self.parse_lock(&called, text);
        let young = older.zip(lock.as_ref()).map(|(older, lock)| lock_file::young(lock, &older));
        let file = name.filter(|_| given.is_none()).map(|name| {
            let inputs = self.lock_inputs(&step, interpreter);
            let cut = Cut { young: young.clone().unwrap_or_default(), apt: self.settled_apt.clone() };
            let text = lock_file::text(text.as_str(), self.document.spec_name(), &inputs, &cut);
            LockFile { name, text, is_current: false }
        });
        let lock = lock.map(|lock| (lock, format!("from {called}")));
        let allowed = exported.as_deref().map(requirements::allowed).unwrap_or_default();
        Found { lock, step: Some(step), file, young, allowed }
    }

    /// Asks for the files of a lock that a spec names.
    pub(super) fn given_files(&mut self) {
        let Some((field, file)) = self.specs().lock() else { return };
        let (path, kind) = (file.path().to_owned(), file.kind());
        self.context_text(&path, &field);
        if kind != RequirementsKind::Pylock {
            self.context_text(&project_path(&path), &field);
        }
    }

    /// The result of a lock step; `None` until known.
    fn resolve(&mut self, base: &Base, step: &Arc<LockStep>) -> Option<&'a LockFact> {
        if !step.parents().into_iter().all(|parent| self.can_stand_on(parent)) {
            return None;
        }
        let plan = self.partial_plan(base);
        let question = question::Lock { digest: identity::lock_digest(&plan, step) };
        let recipe = |_: &Self| Some(Recipe::Lock(LockRecipe { plan: Arc::clone(&plan), step: Arc::clone(step) }));
        self.ask_recorded(question, |fact| fact.lock.is_some(), recipe)
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
        (field, file): (&str, &str),
        interpreter: Option<&InterpreterFact>,
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
            if let Some(ProjectFile { path, text, file: _ }) = project {
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
        let mut args = arguments::filtered(&wanted.args, |option| option.resolves);
        if command != LockCommand::Export {
            args.extend(self.pip_indexes(base, &args)?);
        }
        // Reading the requirements of a source distribution may require building it, and Poetry is a program in Python.
        let env = self.installer_env(base, wanted.may_build);
        let reads_files = arguments::reads_files(&wanted.args, &env);
        let runs_code = wanted.may_build || command == LockCommand::Poetry || reads_files;
        let apart = if runs_code { None } else { self.apart(base, wanted, interpreter)? };
        let is_apart = apart.is_some();
        let place = apart.unwrap_or_else(|| self.on_top(wanted));
        let mut step = LockStep {
            title: self.title("lock", &title),
            installed: (wanted.is_filled && matches!(command, LockCommand::Compile { .. }))
                .then(|| Environment { parent: wanted.parent.clone(), interpreter: wanted.interpreter.clone() }),
            command,
            place,
            extras: self.project_parts(|spec| spec.builder_options().extras()),
            groups: self.project_parts(|spec| spec.builder_options().groups()),
            files,
            preferences: None,
            args,
            env,
            secrets: if is_apart { self.install_secrets() } else { self.build_secrets() },
            secret_env_native: self.has_secret_env(),
            fields: self.package_fields(),
            locations: Vec::new(),
        };
        step.locations = self.locations(&step.fields);
        step.locations.extend(wanted.requirements.locations.iter().copied());
        step.fields = self.document_paths(step.fields);
        Some(step)
    }

    /// The indexes that pip would use in the image, as arguments, if the spec names none. `None` if they are not known yet, or a problem.
    fn pip_indexes(&mut self, base: &Base, args: &[String]) -> Option<Vec<String>> {
        const OPTIONS: [&str; 6] =
            ["--index", "--default-index", "--index-url", "--extra-index-url", "--no-index", "--find-links"];
        const VARIABLES: [&str; 5] =
            ["UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_NO_INDEX"];
        let env = self.environment(base, true);
        let secrets = self.install_secrets();
        let is_secret = |name: &str| {
            secrets.iter().any(|secret| matches!(secret, InstallSecret::Env { name: known, .. } if known == name))
        };
        let is_named = args.iter().any(|arg| OPTIONS.contains(&arg.as_str()))
            || VARIABLES.iter().any(|name| env.get(name).is_some() || is_secret(name));
        if is_named {
            return Some(Vec::new());
        }
        let of_variables = PipIndexes::from_variables(env.get("PIP_INDEX_URL"), env.get("PIP_EXTRA_INDEX_URL"));
        let (found, place) = match of_variables.is_empty() {
            false => (of_variables, "PIP_INDEX_URL".to_owned()),
            true => {
                let text = self.base_file(base, PIP_CONFIG)?.unwrap_or_default();
                (PipIndexes::from_file(text), format!("{PIP_CONFIG} of the base image"))
            }
        };
        if found.is_empty() {
            return Some(Vec::new());
        }
        let has_credentials = found.urls().any(|url| imagespec::mask_credentials(url) != url);
        if has_credentials || !secrets.is_empty() {
            let why = if has_credentials { "has a password" } else { "would get the secrets of this spec" };
            let message = format!("the index of {place} {why}");
            let help =
                "name the index with `pip_index`, without a password; `pip_secret_mounts` has an example of a login";
            let fields = self.package_fields();
            let fields: Vec<&str> = fields.iter().map(String::as_str).take(1).collect();
            self.problem(&rules::PIP_INDEX, message, &fields, help);
            return None;
        }
        self.reasons.push(format!(
            "packages are looked up in the index of {place}: {}",
            found.urls().collect::<Vec<_>>().join(", ")
        ));
        Some(found.arguments())
    }

    /// Where versions are chosen without code of the base image. The inner `None` means that this is not possible; the outer one that it is
    /// not known yet, or a problem.
    fn apart(
        &mut self,
        base: &Base,
        wanted: &Wanted,
        interpreter: Option<&InterpreterFact>,
    ) -> Option<Option<LockPlace>> {
        let Some(interpreter) = interpreter.filter(|fact| stand_in::is_known(self.platform, fact)) else {
            return Some(None);
        };
        let secrets = self.install_secrets();
        let names_env = secrets.iter().any(|secret| matches!(secret, InstallSecret::Env { .. }));
        let shell = match names_env && !self.has_secret_env() {
            true => match self.compiler(interpreter, &wanted.interpreter)? {
                Compiler::Tool { image, .. } => Some(image),
                Compiler::Own { .. } => {
                    self.no_secret_variables();
                    return None;
                }
            },
            false => None,
        };
        // A base image could name its own index, to which the credentials of another one would be sent.
        let env = match secrets.is_empty() {
            true => base.env.to_pairs().into_iter().filter(|(name, _)| is_read_by_installers(name)).collect(),
            false => BTreeMap::new(),
        };
        // Where its packages are does not matter there.
        let interpreter = InterpreterFact { packages: Vec::new(), ..interpreter.clone() };
        Some(Some(LockPlace::Apart { interpreter, shell, env }))
    }

    fn no_secret_variables(&mut self) {
        let message =
            "this daemon cannot pass secrets as variables, and there is no image with a shell that could do it";
        let help = "pass the secret as a file (`dst`), name a `builder_config.python_image`, or use a newer daemon";
        self.problem(&rules::MISSING_CAPABILITY, message.to_owned(), &["pip_secret_mounts"], help);
    }

    /// Where packages can be built to learn their requirements.
    fn on_top(&self, wanted: &Wanted) -> LockPlace {
        let parent = match (self.specs().has_apt_packages(), wanted.stage) {
            (true, Stage::Base | Stage::Apt) => Parent::Step(APT.to_owned()),
            // The interpreter is in no other root filesystem.
            (true, Stage::Python) => Parent::Joined(self.steps.iter().map(|step| step.id.clone()).collect()),
            (false, _) => wanted.parent.clone(),
        };
        LockPlace::OnTop { parent, interpreter: wanted.interpreter.clone() }
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

/// A lock with the installed versions, and those of an older lock for other packages: the resolver keeps them if they fit.
fn preferences(installed: &[InstalledPackage], older: Option<&Lock>) -> String {
    let mut versions = BTreeMap::new();
    for package in older.iter().flat_map(|lock| &lock.packages) {
        versions.extend(package.version.as_ref().map(|version| (package.name.clone(), version.to_string())));
    }
    for package in installed {
        // Names and versions that are not valid cannot be resolved to.
        if let (Some(name), Ok(version)) = (PackageName::new(&package.name), package.version.parse::<Version>()) {
            versions.insert(name, version.to_string());
        }
    }
    let entry = |(name, version): (&PackageName, &String)| {
        format!("\n[[packages]]\nname = \"{name}\"\nversion = \"{version}\"\n")
    };
    let packages: String = versions.iter().map(entry).collect();
    let none = if packages.is_empty() { "packages = []\n" } else { "" };
    format!("lock-version = \"1.0\"\ncreated-by = \"imagespec\"\n{none}{packages}")
}
