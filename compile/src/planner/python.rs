//! The Python steps: which interpreter, and an empty environment over it. What is installed into it is not decided here.

use imagespec::{SecretTarget, Severity};

use crate::arguments;
use crate::facts::{InterpreterFact, Need, Program, Root};
use crate::interpreter::{self, Choice};
use crate::lock_step::LockStep;
use crate::plan::{Action, Parent, PinnedImage, Shape, Step};
use crate::planner::install::Wanted;
use crate::planner::{Base, Planner};
use crate::requirements::{self, Requirements};
use crate::rules;

/// The planned Python part, as far as it is known.
#[derive(Default)]
pub(super) struct Python {
    pub(super) steps: Vec<Step>,
    pub(super) uv: Option<PinnedImage>,
    pub(super) has_environment: bool,
    /// How the lock is resolved, if one is.
    pub(super) lock: Option<LockStep>,
    /// These are all steps.
    pub(super) is_complete: bool,
}

impl Planner<'_> {
    /// `None` while facts are missing or something is wrong.
    pub(super) fn python(
        &mut self,
        base: &Base,
        shape: Shape,
        below: &[Step],
        reasons: &mut Vec<String>,
    ) -> Option<Python> {
        if !self.wants_python() {
            return Some(Python { is_complete: true, ..Python::default() });
        }
        // All three are asked before any is given up, so that one round of facts serves them together.
        let uv = self.uv();
        let interpreter = self.interpreter(base);
        let requirements = self.requirements();
        let (uv, (root, interpreter), requirements) = (uv?, interpreter?, requirements?);
        let args = arguments::arguments(&self.document.spec, &requirements.options);
        let may_build = requirements.may_build || arguments::may_build(&args);

        let has_venv = !is_in_environment(&interpreter);
        let single = self.why_one_step(shape, has_venv, &requirements);
        let apt = || Parent::Step("apt".to_owned());
        let mut parent = Parent::Base;
        if root == Root::Apt {
            parent = apt();
            reasons.push(format!("Python stands on the apt packages, because {interpreter} is one of them"));
        } else if may_build && single.is_some() && !self.document.spec.apt_packages.is_empty() {
            parent = apt();
            reasons
                .push("Python stands on the apt packages, because a requirement may be built from source".to_owned());
        }
        let mut steps = Vec::new();
        let mut venv = None;
        if !has_venv {
            reasons
                .push(format!("the base image has an environment at {} already; it is extended", crate::ENVIRONMENT));
        } else {
            let step = self.venv(interpreter.clone(), parent.clone());
            venv = Some(step.id.clone());
            steps.push(step);
        }
        let mut python =
            Python { steps, uv: Some(uv), has_environment: true, lock: None, is_complete: !self.wants_packages() };
        if self.wants_packages() {
            let below = below.iter().chain(&python.steps).cloned().collect();
            let uv = python.uv.clone();
            let wanted =
                Wanted { requirements, args, may_build, root, interpreter, parent, venv, shape, single, uv, below };
            let installs = self.installs(base, wanted, reasons).unwrap_or_default();
            python.steps.extend(installs.steps);
            python.lock = installs.lock;
            python.is_complete = installs.is_complete;
        }
        Some(python)
    }

    fn wants_packages(&self) -> bool {
        !self.document.spec.packages.is_empty() || self.document.spec.requirements.is_some()
    }

    pub(super) fn wants_python(&self) -> bool {
        let spec = &self.document.spec;
        self.wants_packages() || spec.python_exec.is_some() || spec.python_version.is_some()
    }

    /// The tool image with uv.
    pub(super) fn uv(&mut self) -> Option<PinnedImage> {
        let written = self.document.spec.builder_config.uv_image.clone();
        let written = written.unwrap_or_else(|| crate::DEFAULT_UV_IMAGE.to_owned());
        self.image(&written, "builder_config.uv_image").map(|(image, _)| image)
    }

    fn venv(&self, interpreter: String, parent: Parent) -> Step {
        let spec = &self.document.spec;
        let asked = [("python_exec", spec.python_exec.is_some()), ("python_version", spec.python_version.is_some())];
        let fields = asked.into_iter().filter(|(_, is_asked)| *is_asked).map(|(field, _)| field.to_owned()).collect();
        let title = self.title("python", &format!("environment over {interpreter}"));
        let system_site_packages = spec.python_exec.is_some();
        self.step("venv", title, parent, Action::Venv { interpreter, system_site_packages }, fields)
    }

    /// Mounts of ours and of the user must not hide each other.
    pub(super) fn secret_targets(&mut self) {
        let is_ours = |path: &str| {
            let inside = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
            path == crate::MOUNTS || inside(path, crate::MOUNTS) || inside(crate::MOUNTS, path)
        };
        for (index, mount) in self.document.spec.pip_secret_mounts.clone().iter().enumerate() {
            if let SecretTarget::File(path) = &mount.target
                && is_ours(path)
            {
                let message = format!("a secret cannot be mounted at {path}: the build's own files are there");
                let field = format!("pip_secret_mounts[{index}]");
                self.problem(&rules::RESERVED_PATH, message, &[&field], "choose a path outside of /dev");
            }
        }
    }

    /// The interpreter and where it is.
    fn interpreter(&mut self, base: &Base) -> Option<(Root, String)> {
        if let Some(path) = self.document.spec.python_exec.clone() {
            return self.python_exec(path);
        }
        let wanted = self.document.spec.python_version;
        let has_apt_python = self.document.spec.apt_packages.iter().any(|package| package.starts_with("python"));
        let roots: &[Root] = if has_apt_python { &[Root::Base, Root::Apt] } else { &[Root::Base] };
        let mut seen = Vec::new();
        for root in roots.iter().copied() {
            let folders: Vec<String> =
                base.env.path().split(':').filter(|folder| folder.starts_with('/')).map(str::to_owned).collect();
            let Some(programs) = self.rootfs(root).and_then(|facts| facts.programs.clone()) else {
                self.out.needs.insert(Need::Programs { platform: self.platform.clone(), root, folders });
                return None;
            };
            // An environment cannot be put where one is, and packages belong to its Python only.
            let has_environment = programs.iter().any(|program| is_in_environment(&program.path));
            let programs: Vec<Program> =
                programs.into_iter().filter(|program| !has_environment || is_in_environment(&program.path)).collect();
            match (interpreter::choose(&programs, wanted), wanted) {
                (Choice::Found(path), _) => return Some((root, path.to_owned())),
                (Choice::Ask(path), Some(version)) => {
                    let said = self.version_of(root, path)?;
                    if said.as_deref().is_some_and(|said| interpreter::satisfies(said, version)) {
                        return Some((root, path.to_owned()));
                    }
                    seen.push(format!("{path} ({})", said.as_deref().unwrap_or("says no version")));
                }
                (Choice::Ask(_) | Choice::None, _) => {
                    seen.extend(interpreter::names(&programs).into_iter().map(str::to_owned));
                }
            }
        }
        self.no_interpreter(&seen);
        None
    }

    fn no_interpreter(&mut self, seen: &[String]) {
        let wanted = self.document.spec.python_version;
        let what = wanted.map_or("Python interpreter".to_owned(), |version| format!("Python {version}"));
        let found = if seen.is_empty() { String::new() } else { format!(" (it has {})", seen.join(", ")) };
        let image = self.document.spec.base_image.as_deref().unwrap_or(crate::DEFAULT_BASE_IMAGE);
        let message = format!("{image} has no {what} on its PATH{found}");
        let help = match wanted {
            None => {
                "use a base image with Python, such as python:3.12-slim, or install one with apt_packages: [python3]"
                    .to_owned()
            }
            Some(version) => {
                let other = if seen.is_empty() { "" } else { ", or ask for a version that is there" };
                format!("use a base image that has it, such as python:{}.{}-slim{other}", version.major, version.minor)
            }
        };
        let field = if wanted.is_some() { "python_version" } else { "packages" };
        self.problem(&rules::NO_INTERPRETER, message, &[field, "base_image"], &help);
    }

    fn python_exec(&mut self, path: String) -> Option<(Root, String)> {
        let has_apt = !self.document.spec.apt_packages.is_empty();
        let roots: &[Root] = if has_apt { &[Root::Base, Root::Apt] } else { &[Root::Base] };
        for root in roots.iter().copied() {
            if self.exists(root, &path)? {
                return self.check_version(root, path);
            }
        }
        let message =
            format!("there is no {path} in the base image{}", if has_apt { " or its apt packages" } else { "" });
        self.problem(
            &rules::NO_PYTHON_EXEC,
            message,
            &["python_exec"],
            "give the path of an interpreter that is there",
        );
        None
    }

    /// Both `python_exec` and `python_version`: they have to agree.
    fn check_version(&mut self, root: Root, path: String) -> Option<(Root, String)> {
        let Some(wanted) = self.document.spec.python_version else { return Some((root, path)) };
        let said = self.version_of(root, &path)?;
        if said.as_deref().is_some_and(|said| interpreter::satisfies(said, wanted)) {
            return Some((root, path));
        }
        let message = format!("{path} is Python {}, not {wanted}", said.as_deref().unwrap_or("of unknown version"));
        self.problem(
            &rules::WRONG_PYTHON,
            message,
            &["python_version", "python_exec"],
            "change python_version or python_exec",
        );
        None
    }

    fn exists(&mut self, root: Root, path: &str) -> Option<bool> {
        if let Some(known) = self.rootfs(root).and_then(|facts| facts.exists.get(path)) {
            return Some(*known);
        }
        self.out.needs.insert(Need::Exists { platform: self.platform.clone(), root, path: path.to_owned() });
        None
    }

    fn version_of(&mut self, root: Root, path: &str) -> Option<Option<String>> {
        Some(self.interpreter_fact(root, path)?.map(|said| said.version))
    }

    /// What an interpreter says of itself; a need until known.
    pub(super) fn interpreter_fact(&mut self, root: Root, path: &str) -> Option<Option<InterpreterFact>> {
        if let Some(known) = self.rootfs(root).and_then(|facts| facts.interpreters.get(path)) {
            return Some(known.clone());
        }
        self.out.needs.insert(Need::Interpreter { platform: self.platform.clone(), root, path: path.to_owned() });
        None
    }

    pub(super) fn requirements(&mut self) -> Option<Requirements> {
        let gathered = requirements::gather(self.document, self.facts);
        self.out.needs.extend(gathered.needs.iter().cloned());
        let (errors, warnings): (Vec<_>, Vec<_>) =
            gathered.diagnostics.into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
        let complete = gathered.needs.is_empty() && errors.is_empty();
        self.out.problems.extend(errors);
        self.out.warnings.extend(warnings);
        complete.then_some(gathered.requirements)
    }
}

/// Whether an interpreter belongs to an environment at the place of ours: one that an earlier build of ours made, or somebody
/// else who likes the same path.
fn is_in_environment(interpreter: &str) -> bool {
    interpreter.strip_prefix(crate::ENVIRONMENT).is_some_and(|rest| rest.starts_with('/'))
}
