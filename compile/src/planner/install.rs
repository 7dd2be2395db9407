//! The installation of packages: a lock divided into groups.
//!
//! Packages that the environment already has in the locked version are left as they are. Whether files of different groups collide is
//! only known after they are installed, so groups are planned twice: packages with collisions become steps of their own, in a fixed
//! order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use imagespec::{
    Bytecode, Diagnostic, PackageName, RequirementsKind, SecretTarget, SourceBuilds, field, is_read_by_installers,
};

use crate::answer::InterpreterFact;
use crate::arguments;
use crate::group::{self, Budget, Group};
use crate::identity;
use crate::lock::{self, Implementation, Interpreter, Libc, Target};
use crate::lock_file::LockFile;
use crate::lock_step::LockStep;
use crate::outcome::Recipe;
use crate::plan::{Action, Compiler, GroupInstall, ImageConfigPlan, InstallSecret, Parent, Place, Shape, Step};
use crate::planner::base::Base;
use crate::planner::lock::{Found, SiblingLock};
use crate::planner::locked::{apart, collision_reason, restrict, without_hashes};
use crate::planner::wanted::Wanted;
use crate::planner::{Planner, chain};
use crate::project;
use crate::question;
use crate::requirements::{ProjectFile, Requirements, allowed_for};
use crate::rules;
use crate::stand_in;

/// Up to this number of packages and bytes, an environment is one step: installing all of it again costs less than additional steps.
const SMALL_MAX_PACKAGES: usize = 12;
const SMALL_MAX_BYTES: u64 = 12_000_000;

/// The variable that makes uv precompile packages.
const COMPILE: &str = "UV_COMPILE_BYTECODE";

/// The steps that install packages, as far as known.
#[derive(Default)]
pub(super) struct Installs {
    pub(super) steps: Vec<Step>,
    /// The step that resolves the lock, if none is given.
    pub(super) lock: Option<Arc<LockStep>>,
    /// The lockfile that belongs next to the spec.
    pub(super) file: Option<LockFile>,
    /// Whether these are the final steps.
    pub(super) is_complete: bool,
}

impl<'a> Planner<'a, '_> {
    pub(super) fn installs(&mut self, base: &Base, wanted: Wanted) -> Option<Installs> {
        let given = self.given_lock();
        let layers = self.specs().value(field::PYTHON_LAYERS);
        let single = (layers == Some(1)).then_some("`builder_options.python_layers` is 1");
        let sibling = if given.is_some() { Some(SiblingLock::default()) } else { self.sibling_lock() };
        let Some(sibling) = sibling else { return Some(Installs::default()) };
        if !wanted.requirements.names_some() && given.is_none() {
            self.reasons.push("no Python package is installed, because none is named".to_owned());
            return Some(Installs { is_complete: true, ..Installs::default() });
        }
        let reported = self.interpreter_fact(base, wanted.stage, &wanted.interpreter);
        // What is asked for in the same round.
        let installed = if wanted.is_filled { self.installed(base, &wanted) } else { Some(&[][..]) };
        let (Some(reported), Some(installed)) = (reported, installed) else {
            self.given_files();
            return Some(Installs::default());
        };
        if let (Some(ProjectFile { path, text, file }), Some(reported)) = (&wanted.requirements.project, reported)
            && let Some(problem) = project::unsupported(path, text, *file, &reported.version)
        {
            self.out.problems.push(problem);
            return None;
        }
        // Asked for now, so that the image is pulled while versions are resolved.
        let compiler = match reported {
            Some(reported) => self.compiler(reported, &wanted.interpreter).map(Some),
            _ => Some(None),
        };
        let Found { lock, step, file, young, allowed } =
            self.lock(base, &wanted, given, sibling, (reported, installed));
        let target = lock.is_some().then(|| self.target(&wanted, reported)).flatten();
        let (Some(target), Some((mut lock, of_lock)), Some(reported)) = (target, lock, reported) else {
            return Some(Installs { lock: step, file, ..Installs::default() });
        };
        let Requirements { hashes, constrained_hashes, .. } = &wanted.requirements;
        let of_lines = if allowed.is_empty() { allowed_for(hashes, &target) } else { allowed };
        let allowed = [of_lines, allowed_for(constrained_hashes, &target)];
        let mut refused = Vec::new();
        for allowed in allowed.iter().filter(|allowed| !allowed.is_empty()) {
            refused.extend(restrict(Arc::make_mut(&mut lock), allowed));
        }
        if given.is_none() && wanted.args.iter().any(|arg| arg == "--require-hashes") {
            refused.extend(without_hashes(&lock, &allowed));
        }
        if !refused.is_empty() {
            let refused: Vec<_> = refused.into_iter().map(|problem| self.lock_problem(problem)).collect();
            self.out.problems.extend(refused);
            return None;
        }
        let mut selected = match lock::select(&lock, &target) {
            Ok(selected) => selected,
            Err(problems) => {
                let problems: Vec<_> = problems.into_iter().map(|problem| self.lock_problem(problem)).collect();
                self.out.problems.extend(problems);
                return None;
            }
        };
        let replaced = self.leave_installed(&mut selected, installed);
        if let Some(local) = selected.iter().find(|one| one.is_local()) {
            let message = format!("{} is locked to a local file or folder", local.package.name);
            let help = "publish it to an index, or copy the project with `copy` and install it in `commands`";
            self.problem(&rules::PATH_REQUIREMENT, message, &["requirements"], help);
            return None;
        }
        let bytes: u64 = selected.iter().filter_map(|one| one.size()).fold(0, u64::saturating_add);
        // What joined later does not change how the others are divided.
        let has_cut = young.is_some();
        let young = young.unwrap_or_default();
        let settled = || selected.iter().filter(|one| !young.contains(&one.package.name));
        let settled_bytes: u64 = settled().filter_map(|one| one.size()).fold(0, u64::saturating_add);
        let is_small = settled().count() <= SMALL_MAX_PACKAGES && settled_bytes <= SMALL_MAX_BYTES;
        let is_all_wheels = || !group::group(&selected, &Budget::all_wheels()).iter().any(Group::is_built);
        let mut budget = match (&single, layers) {
            (None, _) if self.shape == Shape::Chain => Budget::all_wheels(),
            // Wheels are installed apart from what is built, unless there may be only one step.
            (Some(_), _) if is_all_wheels() => Budget::all_wheels(),
            (Some(_), _) => Budget::single_group(),
            (None, None) if is_small => Budget::all_wheels(),
            (None, None) => Budget::default(),
            (None, Some(layers)) => Budget::new(usize::try_from(layers).unwrap_or(usize::MAX)),
        };
        let room = room(base);
        if single.is_none() && budget.layers() > room {
            self.reasons.push(format!("the base image has so many layers that Python packages get {room}"));
            budget = Budget::new(room);
        }
        budget = budget.with_young(young);
        let cut = group::group(&selected, &budget);
        let size = crate::plan::size(bytes);
        self.reasons.push(match (&single, cut.len()) {
            (Some(why), _) => format!("{of_lock}, {} packages, {size}: one step, because {why}", selected.len()),
            (None, 1) if is_small && layers.is_none() => format!(
                "{of_lock}, {} packages, {size}: one step, because installing so little again costs less than more steps",
                selected.len()
            ),
            (None, count) => format!("{of_lock}, {} packages, {size}, in {count} steps", selected.len()),
        });
        if single.is_none() && !has_cut && given.is_none() {
            self.reasons.push(
                "without a lockfile (`imagespec lock`), a package that joins later changes one of these steps"
                    .to_owned(),
            );
        }
        let Some(compiler) = compiler else {
            return Some(Installs { lock: step, file, ..Installs::default() });
        };
        let place = match compiler.filter(|_| stand_in::is_known(self.platform, reported)) {
            None => Place::OnTop,
            Some(compiler) => Place::Apart { interpreter: stand_in::for_unpacking(reported), compiler },
        };
        let environment = self.environment_steps(base, &wanted, &reported.version, replaced);
        self.steps.extend(environment);
        let mut steps = self.groups(base, &wanted, cut, &place);
        let mut is_complete = true;
        if single.is_none() && steps.iter().any(Step::is_compared) {
            let mut all = self.steps.iter().chain(&steps).cloned().collect::<Vec<_>>();
            if self.shape == Shape::Chain {
                chain(&mut all);
            }
            let plan = Arc::new(self.assemble(base, all, ImageConfigPlan::default(), Vec::new()));
            let question = question::Collisions { digest: identity::groups_digest(&plan) };
            match self.ask_recorded(question, |_| true, |_| Some(Recipe::Collisions(Arc::clone(&plan)))) {
                None => is_complete = false,
                Some(found) => {
                    let apart = apart(found);
                    if !apart.is_empty() {
                        self.reasons.extend(found.lines().filter_map(collision_reason).collect::<BTreeSet<_>>());
                        budget = budget.with_apart(apart);
                        steps = self.groups(base, &wanted, group::group(&selected, &budget), &place);
                    }
                }
            }
        }
        Some(Installs { steps, lock: step, file, is_complete })
    }

    /// The kind of the lockfile that a spec names, if it names one.
    pub(super) fn given_lock(&self) -> Option<RequirementsKind> {
        self.specs().lock().map(|(_, file)| file.kind())
    }

    /// Moves a problem of the whole lock to the fields that the lock results from.
    fn lock_problem(&self, problem: Diagnostic) -> Diagnostic {
        let fields = self.package_fields();
        let span = fields.iter().find_map(|field| self.part.spans.nearest_span(field));
        Diagnostic { labels: Vec::new(), ..problem }.with_place(span)
    }

    /// The target for the selection of wheels. It is a problem if the interpreter does not report the necessary data.
    fn target(&mut self, wanted: &Wanted, reported: Option<&InterpreterFact>) -> Option<Target> {
        let target = reported.and_then(|reported| target(reported, self.platform));
        if target.is_none() {
            let what = reported.map_or("reports no usable version or C library".to_owned(), |reported| {
                format!("is {} {} with C library {:?}", reported.implementation, reported.version, reported.libc)
            });
            let message = format!("{} {what}, so no wheels can be selected for it", wanted.interpreter);
            let help = "use a base image with CPython or PyPy on glibc or musl, or `builder_options.python_layers: 1`";
            self.problem(&rules::NO_INTERPRETER, message, &["python_version", "packages", "base_image"], help);
        }
        target
    }

    fn groups(&self, base: &Base, wanted: &Wanted, groups: Vec<Group>, place: &Place) -> Vec<Step> {
        let venv = match &wanted.venv {
            Some(id) => Parent::Step(id.clone()),
            None => wanted.parent.clone(),
        };
        let wheels = match place {
            Place::Apart { compiler: Compiler::Tool { .. }, .. } => Parent::Nothing,
            Place::Apart { compiler: Compiler::Own { .. }, .. } => wanted.parent.clone(),
            Place::OnTop => venv.clone(),
        };
        let apt =
            self.steps.iter().filter(|step| matches!(step.action, Action::Apt { .. } | Action::RemovePackages { .. }));
        let mut below: Vec<String> = apt.map(|step| step.id.clone()).collect();
        for id in wanted.parent.ids().into_iter().chain(wanted.venv.as_deref()) {
            if !below.iter().any(|known| known == id) {
                below.push(id.to_owned());
            }
        }
        // A build sees other packages only if it is not isolated from them.
        let variables = base.env.to_pairs().into_iter().map(|(name, _)| name);
        let variables = variables.chain(self.installer_env(base, true).into_keys());
        let is_isolated = !arguments::builds_in_environment(&wanted.args, variables);
        let built = |below: &[String]| match below {
            [] => wanted.parent.clone(),
            _ => Parent::Joined(below.to_vec()),
        };
        let apart = built(&below);
        let mut steps: Vec<Step> = Vec::new();
        for group in groups {
            let (parent, place) = match (group.is_built(), is_isolated) {
                (true, true) => (apart.clone(), Place::OnTop),
                (true, false) => (built(&below), Place::OnTop),
                (false, _) => (wheels.clone(), place.clone()),
            };
            let step = self.group(base, wanted, parent, group, place);
            below.push(step.id.clone());
            steps.push(step);
        }
        steps
    }

    fn group(&self, base: &Base, wanted: &Wanted, parent: Parent, group: Group, place: Place) -> Step {
        let is_built = group.is_built();
        let member = |member: &group::Member| match &member.version {
            Some(version) => format!("{} {version}", member.name),
            None => member.name.to_string(),
        };
        let obstacles = group.members.iter().filter_map(|member| {
            Some(format!("{} is in the step `{}`: {}", member.name, group.id, member.obstacle?.reason()))
        });
        let title = self.title("pip", &group.title());
        let fields = self.fields_of(&group, wanted);
        let action = Action::InstallGroup(Box::new(GroupInstall {
            place,
            packages: group.members.iter().map(member).collect(),
            bytes: group.bytes(),
            obstacles: obstacles.collect(),
            // Wheels only need the user's options for the access to an index; builds need all options.
            args: arguments::filtered(&wanted.args, |option| {
                option.installs
                    && !option.name.ends_with("compile-bytecode")
                    && (is_built || arguments::DOWNLOAD_OPTIONS.contains(&option.name))
            }),
            env: self.installer_env(base, is_built).into_iter().filter(|(name, _)| name != COMPILE).collect(),
            secrets: if is_built { self.build_secrets() } else { self.install_secrets() },
            secret_env_native: self.has_secret_env(),
            bytecode: self.bytecode(base, wanted),
            lock: group.lock,
            config: group.config,
        }));
        self.step(&group.id, title, parent, action, fields)
    }

    /// The entries of `packages` that a group's packages belong to; without any, all fields that packages result from.
    fn fields_of(&self, group: &Group, wanted: &Wanted) -> Vec<String> {
        let is_member = |name: &PackageName| group.members.iter().any(|member| member.name == *name);
        let named: Vec<String> = wanted
            .requirements
            .named
            .iter()
            .filter(|(name, _)| is_member(name))
            .map(|(_, field)| field.clone())
            .collect();
        if named.is_empty() { self.package_fields() } else { named }
    }

    pub(super) fn package_fields(&self) -> Vec<String> {
        let specs = self.specs();
        let mut fields = specs.fields(field::PACKAGES);
        fields.extend(specs.requirements().into_iter().map(|(field, _)| field));
        fields
    }

    pub(super) fn installer_env(&self, base: &Base, may_build: bool) -> BTreeMap<String, String> {
        self.install_env(base, |name| may_build || is_read_by_installers(name))
    }

    /// How packages are precompiled. Groups are compiled by our own script, which follows the installer's settings.
    fn bytecode(&self, base: &Base, wanted: &Wanted) -> Bytecode {
        let variable = self.installer_env(base, false).remove(COMPILE);
        let is_off =
            |value: &String| matches!(value.to_ascii_lowercase().as_str(), "0" | "false" | "no" | "off" | "f" | "n");
        let refused = wanted.args.iter().any(|arg| arg == "--no-compile-bytecode");
        if refused || variable.as_ref().is_some_and(is_off) { Bytecode::None } else { self.specs().bytecode() }
    }

    pub(super) fn has_secret_env(&self) -> bool {
        self.caps.contains(buildkit_llb::caps::EXEC_SECRETENV)
    }

    /// The secrets of a step in which code of packages runs.
    pub(super) fn build_secrets(&self) -> Vec<InstallSecret> {
        match self.specs().source_builds() {
            SourceBuilds::Isolated => Vec::new(),
            SourceBuilds::Trusted => self.install_secrets(),
        }
    }

    pub(super) fn install_secrets(&self) -> Vec<InstallSecret> {
        let mounts = self.specs().secrets().into_iter();
        mounts
            .map(|(_, mount)| match mount.target() {
                SecretTarget::File(path) => InstallSecret::File { id: mount.id().to_owned(), path: path.clone() },
                SecretTarget::Env(name) => InstallSecret::Env { id: mount.id().to_owned(), name: name.clone() },
            })
            .collect()
    }
}

/// The maximum number of layers of an image: kernels mount about 120 at a time, and other images are built on it.
const IMAGE_LAYERS: usize = 100;

/// The layers that are reserved for other steps: apt, the environment, sources, copies, commands, and packages set apart.
const OTHER_LAYERS: usize = 10;

/// The number of layers left for Python packages on top of a base image.
fn room(base: &Base) -> usize {
    let steps: usize = base.below.iter().flat_map(|plan| plan.images()).map(|plan| plan.steps.len()).sum();
    let below = base.config["rootfs"]["diff_ids"].as_array().map_or(0, Vec::len) + steps;
    IMAGE_LAYERS.saturating_sub(OTHER_LAYERS + below).max(1)
}

/// The target for the selection of wheels, from an interpreter's description.
fn target(reported: &InterpreterFact, platform: &buildkit_llb::Platform) -> Option<Target> {
    let implementation = match reported.implementation.as_str() {
        "cpython" => Implementation::CPython { free_threaded: reported.free_threaded },
        "pypy" => Implementation::PyPy { version: reported.implementation_version.parse().ok()? },
        _ => return None,
    };
    let mut numbers = reported.libc_version.split('.').map(|number| number.parse::<u16>().ok());
    let (major, minor) = (numbers.next()??, numbers.next()??);
    let libc = match reported.libc.as_str() {
        "glibc" => Libc::Glibc { major, minor },
        "musl" => Libc::Musl { major, minor },
        _ => return None,
    };
    Target::new(Interpreter { version: reported.version.parse().ok()?, implementation }, platform, libc)
}
