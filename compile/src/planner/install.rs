//! What is installed into the environment: one step for all packages, or a lock cut into groups.
//!
//! Groups need a lock, a daemon that merges, and an environment that starts empty. Where one of them is missing there is one
//! step, and the plan says why. Whether files of different groups clash only their installs tell, so the groups are planned
//! twice: packages that clash are then steps of their own, in an order that is always the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use buildkit_llb::Graph;
use imagespec::{Bytecode, Diagnostic, RequirementsKind, SecretTarget, SourceMap, field};

use crate::arguments;
use crate::env;
use crate::facts::{InterpreterFact, Need, Root};
use crate::group::{self, Budget, Group, GroupKind};
use crate::lock::{self, Implementation, Interpreter, Libc, Lock, PackageName, Target};
use crate::lock_file::LockFile;
use crate::lock_step::LockStep;
use crate::lower;
use crate::plan::{Action, GroupInstall, ImageConfigPlan, InstallSecret, Parent, Plan, Shape, Step};
use crate::planner::lock::{Beside, Found};
use crate::planner::{Base, Planner, Tools, summary};
use crate::requirements::{Allowed, Requirements, allowed_for};
use crate::rules;
use crate::settings::LockUse;

/// From so many packages, or so many bytes to download, an environment is worth cutting: below, one step that installs all of
/// it again costs less than the steps themselves.
const FEW_PACKAGES: usize = 12;
const FEW_BYTES: u64 = 12_000_000;

/// Whether uv precompiles what it installs.
const COMPILE: &str = "UV_COMPILE_BYTECODE";

/// What is to be installed, and into what.
pub(super) struct Wanted {
    pub(super) requirements: Requirements,
    pub(super) args: Vec<String>,
    /// Something may have to be built.
    pub(super) may_build: bool,
    pub(super) root: Root,
    pub(super) interpreter: String,
    /// What the environment stands on.
    pub(super) parent: Parent,
    /// The step that makes the environment; without one, the base image has it.
    pub(super) venv: Option<String>,
    pub(super) shape: Shape,
    /// Why everything is one step, if it is.
    pub(super) single: Option<&'static str>,
    pub(super) tools: Tools,
    /// The steps planned so far.
    pub(super) below: Vec<Step>,
}

/// The steps that install packages, as far as they are known.
#[derive(Default)]
pub(super) struct Installs {
    pub(super) steps: Vec<Step>,
    /// How the lock is resolved, if nobody gives one.
    pub(super) lock: Option<LockStep>,
    /// What should lie beside the spec.
    pub(super) file: Option<LockFile>,
    /// These are the final steps.
    pub(super) is_complete: bool,
}

impl Planner<'_> {
    pub(super) fn installs(&mut self, base: &Base, wanted: Wanted, reasons: &mut Vec<String>) -> Option<Installs> {
        let given = self.given_lock();
        let single = wanted.single;
        let beside = if given.is_some() { Some(Beside::default()) } else { self.beside() };
        let Some(beside) = beside else { return Some(Installs::default()) };
        let is_locked = given.is_some()
            || beside.is_there()
            || wanted.requirements.project.is_some()
            || self.settings.lock != LockUse::Read;
        if let (Some(why), false) = (single, is_locked) {
            reasons.push(format!("all Python packages are one step, because {why}"));
            let steps = vec![self.one_step(base, wanted)];
            return Some(Installs { steps, is_complete: true, ..Installs::default() });
        }
        let Found { lock, step, file, allowed } = self.lock(base, &wanted, given, beside);
        // The step that resolves says what the interpreter is, so nobody has to ask before.
        let target = lock.as_ref().and_then(|_| self.target(wanted.root, &wanted.interpreter));
        let (Some(target), Some((mut lock, of_lock))) = (target, lock) else {
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
            let refused: Vec<_> = refused.into_iter().map(|problem| self.of_lock(problem)).collect();
            self.out.problems.extend(refused);
            return None;
        }
        let selected = match lock::select(&lock, &target) {
            Ok(selected) => selected,
            Err(problems) => {
                let problems: Vec<_> = problems.into_iter().map(|problem| self.of_lock(problem)).collect();
                self.out.problems.extend(problems);
                return None;
            }
        };
        if let Some(local) = selected.iter().find(|one| one.is_local()) {
            let message = format!("{} is locked to a local file or folder", local.package.name);
            let help = "publish it to an index, or copy the project with `copy` and install it in `commands`";
            self.problem(&rules::PATH_REQUIREMENT, message, &["requirements"], help);
            return None;
        }
        let bytes: u64 = selected.iter().filter_map(|one| one.size()).fold(0, u64::saturating_add);
        let is_small = selected.len() <= FEW_PACKAGES && bytes <= FEW_BYTES;
        let layers = self.specs().value(field::PYTHON_LAYERS);
        let mut budget = match (&single, layers) {
            (Some(_), _) => Budget::one(),
            (None, None) if is_small => Budget::together(),
            (None, None) => Budget::default(),
            (None, Some(layers)) => Budget::new(usize::try_from(layers).unwrap_or(usize::MAX)),
        };
        let room = room(base);
        if single.is_none() && budget.layers() > room {
            reasons.push(format!("the base image has so many layers that Python packages get {room}"));
            budget = Budget::new(room);
        }
        let cut = group::group(&selected, &budget);
        let size = crate::plan::size(bytes);
        reasons.push(match (&single, cut.len()) {
            (Some(why), _) => format!("{of_lock}, {} packages, {size}: one step, because {why}", selected.len()),
            (None, 1) if is_small && layers.is_none() => format!(
                "{of_lock}, {} packages, {size}: one step, because installing so little again costs less than more steps",
                selected.len()
            ),
            (None, count) => format!("{of_lock}, {} packages, {size}, in {count} steps", selected.len()),
        });
        let mut steps = self.groups(base, &wanted, cut);
        let mut is_complete = true;
        if single.is_none() {
            let key = self.key(base, &wanted, &steps, lower::lower_collisions);
            match self.facts.collisions.get(&key) {
                None => {
                    self.out.needs.insert(Need::Collisions {
                        platform: self.platform.clone(),
                        depth: self.level.depth,
                        key,
                    });
                    is_complete = false;
                }
                Some(found) => {
                    let apart = apart(found);
                    if !apart.is_empty() {
                        reasons.extend(found.lines().filter_map(collision_reason).collect::<BTreeSet<_>>());
                        budget = budget.with_apart(apart);
                        steps = self.groups(base, &wanted, group::group(&selected, &budget));
                    }
                }
            }
        }
        Some(Installs { steps, lock: step, file, is_complete })
    }

    /// The kind of the lock that a spec names, if one does.
    pub(super) fn given_lock(&self) -> Option<RequirementsKind> {
        self.specs().lock().map(|(_, file)| file.kind())
    }

    /// Why there are no groups.
    pub(super) fn why_one_step(
        &self,
        shape: Shape,
        filled: Option<&'static str>,
        requirements: &Requirements,
    ) -> Option<&'static str> {
        let specs = self.specs();
        let names_some = !requirements.names.is_empty() || requirements.project.is_some() || specs.lock().is_some();
        if shape == Shape::Chain {
            Some("the daemon cannot merge layers")
        } else if specs.value(field::PYTHON_LAYERS) == Some(1) {
            Some("`builder_options.python_layers` is 1")
        } else if specs.any(|spec| spec.python_exec().is_some()) {
            Some("what `python_exec` has already counts as installed")
        } else if filled.is_some() {
            filled
        } else if !names_some {
            Some("no package is named")
        } else {
            None
        }
    }

    /// All packages at once, whatever versions the installer finds.
    fn one_step(&self, base: &Base, wanted: Wanted) -> Step {
        let Wanted { requirements, args, may_build, venv, parent, .. } = wanted;
        let action = Action::Install {
            requirements: text(&requirements.lines),
            constraints: text(&requirements.constraints),
            args,
            env: self.installer_env(base, may_build),
            secrets: self.install_secrets(),
            secret_env_native: self.has_secret_env(),
            bytecode: self.specs().bytecode(),
        };
        // Option lines alone, or a file of constraints, name nothing.
        let names = if requirements.names.is_empty() { "no packages".to_owned() } else { summary(&requirements.names) };
        let parent = venv.map_or(parent, Parent::Step);
        let title = self.title("python", &names);
        let mut step = self.step("python", title, parent, action, self.package_fields());
        step.locations.extend(requirements.locations);
        step
    }

    /// What facts that come out of a graph are called: its digest. The session is left out, so that facts can be replayed.
    pub(super) fn key(
        &self,
        base: &Base,
        wanted: &Wanted,
        steps: &[Step],
        lower: impl FnOnce(&Plan, &SourceMap) -> Graph,
    ) -> String {
        let steps = wanted.below.iter().chain(steps).cloned().collect();
        let image = ImageConfigPlan::default();
        let mut plan = self.assemble(base, wanted.shape, wanted.tools.clone(), steps, image, Vec::new());
        plan.forget_session();
        let graph = lower(&plan, &self.document.sources);
        graph.root().and_then(|root| graph.digest(root.op())).map(|digest| digest.to_string()).unwrap_or_default()
    }

    /// A problem of the lock as a whole points at who asked for it.
    fn of_lock(&self, problem: Diagnostic) -> Diagnostic {
        let fields = self.package_fields();
        let span = fields.iter().find_map(|field| self.document.spans.nearest_span(field));
        Diagnostic { labels: Vec::new(), ..problem }.with_place(span)
    }

    /// What wheels must fit; a need until known.
    fn target(&mut self, root: Root, interpreter: &str) -> Option<Target> {
        let said = self.interpreter_fact(root, interpreter)?;
        let target = said.as_ref().and_then(|said| target(said, self.platform));
        if target.is_none() {
            let what = said.map_or("says nothing usable of itself".to_owned(), |said| {
                format!("is {} {} with C library {:?}", said.implementation, said.version, said.libc)
            });
            let message = format!("{interpreter} {what}, so no wheels can be chosen for it");
            let help = "use a base image with CPython or PyPy on glibc or musl, or `builder_options.python_layers: 1`";
            self.problem(&rules::NO_INTERPRETER, message, &["python_version", "packages", "base_image"], help);
        }
        target
    }

    fn groups(&self, base: &Base, wanted: &Wanted, groups: Vec<Group>) -> Vec<Step> {
        let venv = match &wanted.venv {
            Some(id) => Parent::Step(id.clone()),
            None => wanted.parent.clone(),
        };
        let mut below: Vec<String> = wanted.venv.iter().cloned().collect();
        let mut steps: Vec<Step> = Vec::new();
        for group in groups {
            let is_built = group.is_built();
            let parent = match group.kind {
                GroupKind::Tail | GroupKind::All if is_built && !below.is_empty() => {
                    let apt = wanted.below.iter().filter(|step| matches!(step.action, Action::Apt { .. }));
                    let apt = apt.map(|step| step.id.clone());
                    let below: Vec<String> = apt.chain(below.iter().cloned()).collect();
                    Parent::Joined(below)
                }
                _ => venv.clone(),
            };
            let step = self.group(base, wanted, parent, group, is_built);
            below.push(step.id.clone());
            steps.push(step);
        }
        steps
    }

    fn group(&self, base: &Base, wanted: &Wanted, parent: Parent, group: Group, is_built: bool) -> Step {
        let member = |member: &group::Member| match &member.version {
            Some(version) => format!("{} {version}", member.name),
            None => member.name.to_string(),
        };
        let obstacles = group
            .members
            .iter()
            .filter_map(|member| Some(format!("{} is in the tail: {}", member.name, member.obstacle?.reason())));
        let title = self.title("pip", &group.title());
        let fields = self.fields_of(&group, wanted);
        let action = Action::InstallGroup(GroupInstall {
            packages: group.members.iter().map(member).collect(),
            bytes: group.bytes(),
            obstacles: obstacles.collect(),
            // Wheels need of the user's arguments only how to reach an index; what is built, all of them.
            args: arguments::that(&wanted.args, |option| {
                option.installs
                    && !option.name.ends_with("compile-bytecode")
                    && (is_built || arguments::REACHES.contains(&option.name))
            }),
            is_built,
            env: self.installer_env(base, is_built).into_iter().filter(|(name, _)| name != COMPILE).collect(),
            secrets: self.install_secrets(),
            secret_env_native: self.has_secret_env(),
            bytecode: self.bytecode(base, wanted),
            lock: group.lock,
            config: group.config,
        });
        self.step(&group.id, title, parent, action, fields)
    }

    /// The entries of `packages` that a group's packages answer; with none, whatever asked for packages.
    fn fields_of(&self, group: &Group, wanted: &Wanted) -> Vec<String> {
        let is_member = |name: &str| group.members.iter().any(|member| member.name.as_str() == name);
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
        let mut fields: Vec<String> = specs.packages().into_iter().map(|(field, _)| field).collect();
        fields.extend(specs.requirements().into_iter().map(|(field, _)| field));
        fields
    }

    pub(super) fn installer_env(&self, base: &Base, may_build: bool) -> BTreeMap<String, String> {
        self.install_env(base, |name| may_build || env::read_by_installers(name))
    }

    /// How packages are precompiled. Groups do it themselves, so what is said to the installer counts for them.
    fn bytecode(&self, base: &Base, wanted: &Wanted) -> Bytecode {
        let variable = self.installer_env(base, false).remove(COMPILE);
        let is_off =
            |value: &String| matches!(value.to_ascii_lowercase().as_str(), "0" | "false" | "no" | "off" | "f" | "n");
        let refused = wanted.args.iter().any(|arg| arg == "--no-compile-bytecode");
        if refused || variable.as_ref().is_some_and(is_off) { Bytecode::None } else { self.specs().bytecode() }
    }

    pub(super) fn has_secret_env(&self) -> bool {
        self.facts.caps().contains(buildkit_llb::caps::EXEC_SECRETENV)
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

/// How many layers an image has at most: kernels mount some 120 at a time, and a base is built upon.
const IMAGE_LAYERS: usize = 100;

/// Of those, what may come besides Python packages: apt, the environment, sources, copies, commands, and packages set apart.
const OTHER_LAYERS: usize = 10;

/// How many layers there is room for over a base image.
fn room(base: &Base) -> usize {
    let steps: usize = base.below.iter().flat_map(|plan| plan.images()).map(|plan| plan.steps.len()).sum();
    let below = base.config["rootfs"]["diff_ids"].as_array().map_or(0, Vec::len) + steps;
    IMAGE_LAYERS.saturating_sub(OTHER_LAYERS + below).max(1)
}

/// What wheels must fit, from what an interpreter says of itself.
fn target(said: &InterpreterFact, platform: &buildkit_llb::Platform) -> Option<Target> {
    let implementation = match said.implementation.as_str() {
        "cpython" => Implementation::CPython { free_threaded: said.free_threaded },
        "pypy" => Implementation::PyPy { version: said.implementation_version.parse().ok()? },
        _ => return None,
    };
    let mut numbers = said.libc_version.split('.').map(|number| number.parse::<u16>().ok());
    let (major, minor) = (numbers.next()??, numbers.next()??);
    let libc = match said.libc.as_str() {
        "glibc" => Libc::Glibc { major, minor },
        "musl" => Libc::Musl { major, minor },
        _ => return None,
    };
    Target::new(Interpreter { version: said.version.parse().ok()?, implementation }, platform, libc)
}

/// Leaves out the files that the requirements do not allow: where lines name hashes, they are the user's word on what may be
/// installed. A package of which nothing is left is a problem.
fn restrict(lock: &mut Lock, allowed: &Allowed) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for package in &mut lock.packages {
        let Some(hashes) = allowed_of(package, allowed) else { continue };
        let of =
            |file: &lock::File| file.hashes.iter().map(|(name, digits)| format!("{name}:{digits}")).collect::<Vec<_>>();
        let is_allowed = |file: &lock::File| of(file).iter().any(|hash| hashes.contains(hash));
        let wheels = package.wheels.iter().map(|wheel| &wheel.file);
        let archive = package.archive.iter().map(|archive| &archive.file);
        let found: Vec<String> = wheels.chain(&package.sdist).chain(archive).flat_map(of).collect();
        package.wheels.retain(|wheel| is_allowed(&wheel.file));
        package.sdist = package.sdist.take().filter(is_allowed);
        package.archive = package.archive.take().filter(|archive| is_allowed(&archive.file));
        let is_nothing_left = package.wheels.is_empty() && package.sdist.is_none() && package.archive.is_none();
        if is_nothing_left && !found.is_empty() {
            let message = format!("no file of {} has a hash that the requirements allow", package.name);
            let allowed: Vec<&str> = hashes.iter().map(String::as_str).collect();
            problems.push(Diagnostic::new(&rules::HASH_MISMATCH, message).with_help(format!(
                "allowed are {}; the index has {}",
                allowed.join(", "),
                found.join(", ")
            )));
        }
    }
    problems
}

/// By its name, or by the URL of a line that has no name.
fn allowed_of<'a>(package: &lock::LockedPackage, allowed: &'a Allowed) -> Option<&'a BTreeSet<String>> {
    let url = package.archive.as_ref().and_then(|archive| match &archive.file.place {
        lock::Place::Url(url) => url.split('#').next(),
        lock::Place::Path(_) => None,
    });
    allowed.get(package.name.as_str()).or_else(|| allowed.get(url?))
}

/// The packages that no requirement names a hash of, where all must have one (pip, "Secure installs").
fn without_hashes(lock: &Lock, allowed: &[Allowed]) -> Vec<Diagnostic> {
    let is_missing =
        |package: &&lock::LockedPackage| allowed.iter().all(|allowed| allowed_of(package, allowed).is_none());
    let missing: BTreeSet<&str> =
        lock.packages.iter().filter(is_missing).map(|package| package.name.as_str()).collect();
    let problem = |name: &str| {
        Diagnostic::new(
            &rules::HASH_MISMATCH,
            format!("`--require-hashes` is asked for, and no hash of {name} is named"),
        )
        .with_help("name every package with its version and hashes, as `uv pip compile --generate-hashes` does")
    };
    missing.into_iter().map(problem).collect()
}

/// The packages that cannot share a step with others: of those that bring one file, all but the first by name.
fn apart(collisions: &str) -> BTreeSet<PackageName> {
    collisions.lines().flat_map(|line| owners(line).into_iter().skip(1)).collect()
}

/// The packages that bring one file, by name. The names are those of metadata folders, where capitals and underscores stay.
fn owners(line: &str) -> BTreeSet<PackageName> {
    line.split('\t').skip(1).filter_map(PackageName::new).collect()
}

/// For people: `a and b both bring files of other content; b's stay`.
fn collision_reason(line: &str) -> Option<String> {
    let packages = owners(line);
    let last = packages.last()?.clone();
    let names: Vec<String> = packages.iter().map(ToString::to_string).collect();
    Some(format!("{} bring the same files with different content; those of {last} stay", names.join(" and ")))
}

/// One line per entry.
pub(super) fn text(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}
