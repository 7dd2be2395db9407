//! The Python steps: which interpreter, and an empty environment over it. What is installed into it is not decided here.

use imagespec::{Diagnostic, ImageSpec, PythonVersion, SecretMount, SecretTarget, Severity, field};

use crate::arguments;
use crate::facts::{InterpreterFact, Need, Program, Root};
use crate::interpreter::{self, Choice};
use crate::lock_file::LockFile;
use crate::lock_step::LockStep;
use crate::plan::{Action, Home, ManagedPython, Parent, PinnedImage, Shape, Step};
use crate::planner::apt::APT;
use crate::planner::install::Wanted;
use crate::planner::user::is_root;
use crate::planner::{Base, Planner, Tools, summary};
use crate::requirements::{self, Implied, Requirements};
use crate::rules;

/// The planned Python part, as far as it is known.
#[derive(Default)]
pub(super) struct Python {
    pub(super) steps: Vec<Step>,
    pub(super) tools: Tools,
    pub(super) has_environment: bool,
    /// How the lock is resolved, if one is.
    pub(super) lock: Option<LockStep>,
    /// What should lie beside the spec.
    pub(super) lock_file: Option<LockFile>,
    /// Folders of libraries that packages bring and programs look for.
    pub(super) libraries: Vec<String>,
    /// These are all steps.
    pub(super) is_complete: bool,
}

/// What an environment stands on.
enum Interpreter {
    /// One that is there.
    Found(Root, String),
    /// One that uv installs.
    Managed(String),
}

/// An environment, before anything is installed into it.
struct Environment {
    steps: Vec<Step>,
    /// The step that makes it; without one, the base image has it.
    venv: Option<String>,
    /// Where its interpreter is found.
    root: Root,
    interpreter: String,
    /// What the environment stands on, or, where its interpreter comes with it, the environment.
    parent: Parent,
    /// Why its packages cannot be cut into groups, if there is something in it already.
    filled: Option<&'static str>,
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
        let is_conda = self.specs().wants_conda();
        self.cuda_twice(base);
        // All are asked before any is given up, so that one round of facts serves them together.
        let uv = self.uv();
        let micromamba = if is_conda { self.micromamba().map(Some) } else { Some(None) };
        let interpreter = if is_conda { Some(None) } else { self.interpreter(base).map(Some) };
        let requirements = self.requirements();
        let (uv, micromamba, interpreter, requirements) = (uv?, micromamba?, interpreter?, requirements?);
        let args = arguments::arguments(&self.specs(), &requirements.options);
        let may_build = requirements.may_build || arguments::may_build(&args);
        let has_apt = self.specs().has_apt();
        let on_apt = may_build && has_apt;
        let environment = match interpreter {
            None => self.conda(base)?,
            Some(interpreter) => self.environment_over(base, interpreter, on_apt, shape, &requirements, reasons),
        };
        let single = self.why_one_step(shape, environment.filled, &requirements);
        let Environment { steps, venv, root, interpreter, parent, filled: _ } = environment;
        let tools = Tools { uv: Some(uv), micromamba };
        let mut python =
            Python { steps, tools, has_environment: true, is_complete: !self.wants_packages(), ..Python::default() };
        if let Some(folders) = self.libraries(base, root, &interpreter) {
            python.libraries = folders;
        } else {
            python.is_complete = false;
            return Some(python);
        }
        if self.wants_packages() {
            let below = below.iter().chain(&python.steps).cloned().collect();
            let tools = python.tools.clone();
            let wanted =
                Wanted { requirements, args, may_build, root, interpreter, parent, venv, shape, single, tools, below };
            let installs = self.installs(base, wanted, reasons).unwrap_or_default();
            python.steps.extend(installs.steps);
            python.lock = installs.lock;
            python.lock_file = installs.file;
            python.is_complete = installs.is_complete;
        }
        Some(python)
    }

    /// An empty environment over an interpreter, or the one that the base has.
    fn environment_over(
        &self,
        base: &Base,
        interpreter: Interpreter,
        on_apt: bool,
        shape: Shape,
        requirements: &Requirements,
        reasons: &mut Vec<String>,
    ) -> Environment {
        let apt = || Parent::Step(APT.to_owned());
        let builds_on_apt = on_apt && self.why_one_step(shape, None, requirements).is_some();
        match interpreter {
            Interpreter::Found(root, path) if is_in_environment(base, &path) => {
                let home = self.home(base).path;
                reasons.push(format!("the base image has an environment at {home} already; it is extended"));
                let parent = if on_apt || root == Root::Apt { apt() } else { Parent::Base };
                let filled = Some("the base image's environment is extended");
                Environment { steps: Vec::new(), venv: None, root, interpreter: path, parent, filled }
            }
            Interpreter::Found(root, path) => {
                let mut parent = Parent::Base;
                if root == Root::Apt {
                    parent = apt();
                    reasons.push(format!("Python stands on the apt packages, because {path} is one of them"));
                } else if builds_on_apt {
                    parent = apt();
                    reasons.push(
                        "Python stands on the apt packages, because a requirement may be built from source".to_owned(),
                    );
                }
                let step = self.venv(base, path.clone(), None, parent.clone());
                let venv = Some(step.id.clone());
                Environment { steps: vec![step], venv, root, interpreter: path, parent, filled: None }
            }
            Interpreter::Managed(version) => {
                let below = if builds_on_apt { apt() } else { Parent::Base };
                reasons.push(format!("uv installs Python {version}, because the base image has none that fits"));
                let managed = ManagedPython {
                    bytecode: self.specs().bytecode(),
                    env: self.installer_env(base, false),
                    secrets: self.install_secrets(),
                    secret_env_native: self.has_secret_env(),
                };
                let step = self.venv(base, version, Some(managed), below);
                let parent = Parent::Step(step.id.clone());
                let venv = Some(step.id.clone());
                let interpreter = Home::VENV.python();
                Environment { steps: vec![step], venv, root: Root::Python, interpreter, parent, filled: None }
            }
        }
    }

    /// The conda environment. Another one at its place would be gone, with all that is in it.
    fn conda(&mut self, base: &Base) -> Option<Environment> {
        if base.home() == Some(Home::CONDA) {
            let message = format!("the base image has a conda environment at {} already", crate::CONDA_ENVIRONMENT);
            let fields = self.specs().fields(field::CONDA_PACKAGES);
            let field = fields.first().map_or("base_image", String::as_str);
            let help = "name all conda packages in one spec, or use `packages`, which extend the environment";
            self.problem(&rules::CONDA_TWICE, message, &[field, "base_image"], help);
            return None;
        }
        let specs = self.specs();
        let mut packages: Vec<String> =
            specs.items(field::CONDA_PACKAGES).into_iter().map(|(_, name)| name.clone()).collect();
        let mut fields = specs.fields(field::CONDA_PACKAGES);
        // Before the set is sorted, for people.
        let title = self.title("conda", &summary(&packages));
        let names_python = packages.iter().any(|package| {
            let name = package.rsplit("::").next().unwrap_or_default();
            let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')));
            end.map_or(name, |end| &name[..end]) == "python"
        });
        let version = specs.said(field::PYTHON_VERSION);
        fields.extend(version.as_ref().map(|(field, _)| field.clone()));
        if !names_python || version.is_some() {
            let version = version.map_or(crate::DEFAULT_PYTHON.to_owned(), |(_, version)| version.to_string());
            packages.push(format!("python={version}"));
        }
        if let Some((field, cuda)) = specs.said(field::CUDA).filter(|_| self.has_base()) {
            let cudnn = specs.value(field::CUDNN);
            packages.extend(crate::cuda::conda_packages(cuda, cudnn));
            fields.push(field);
        }
        packages.sort();
        packages.dedup();
        let named = specs.levels().iter().rev().map(|level| level.spec.conda_channels());
        let mut channels = named.into_iter().find(|channels| !channels.is_empty()).unwrap_or_default().to_vec();
        // As in Flytekit's images, where every other channel comes after it; whoever names it chooses its place.
        const FORGE: &str = "conda-forge";
        if !channels.iter().any(|channel| channel == FORGE) {
            channels.insert(0, FORGE.to_owned());
        }
        fields.extend(specs.fields(field::CONDA_CHANNELS));
        let env = self.installer_env(base, false);
        let action = Action::Conda { packages, channels, env, bytecode: specs.bytecode() };
        let step = self.step("conda", title, Parent::Base, action, fields);
        let parent = Parent::Step(step.id.clone());
        let filled = Some("what conda installs counts as installed");
        let interpreter = Home::CONDA.python();
        Some(Environment { steps: vec![step], venv: None, root: Root::Python, interpreter, parent, filled })
    }

    /// Folders of libraries that wheels bring and nobody else finds; `None` while facts are missing.
    fn libraries(&mut self, base: &Base, root: Root, interpreter: &str) -> Option<Vec<String>> {
        let specs = self.specs();
        let Some(cuda) = specs.value(field::CUDA).filter(|_| self.has_cuda_wheels()).map(str::to_owned) else {
            return Some(Vec::new());
        };
        let has_cudnn = specs.any(|spec| spec.cudnn().is_some());
        let version = self.version_of(root, interpreter)?.unwrap_or_default();
        let minor: Vec<&str> = version.split('.').take(2).collect();
        let packages = format!("{}/lib/python{}/site-packages", self.home(base).path, minor.join("."));
        let folders = crate::cuda::library_folders(&cuda, has_cudnn);
        Some(folders.into_iter().map(|folder| format!("{packages}/{folder}")).collect())
    }

    /// Whether programs then find the base's libraries or the packages' is anybody's guess.
    fn cuda_twice(&mut self, base: &Base) {
        let field = self.specs().said(field::CUDA).map(|(field, _)| field);
        let is_brought = self.has_base() && (self.has_cuda_wheels() || self.specs().wants_conda());
        let Some(field) = field.filter(|_| is_brought && crate::cuda::is_in(&base.env)) else { return };
        let message = "the base image has CUDA already, and `cuda` brings it a second time";
        let warning = Diagnostic::new(&rules::CUDA_TWICE, message)
            .with_help("leave `cuda` out to use the base's, or start from an image without CUDA");
        self.out.warnings.push(warning.with_place(self.document.spans.nearest_span(&field)));
    }

    /// CUDA comes as wheels: over a base image that somebody chose, without conda.
    fn has_cuda_wheels(&self) -> bool {
        let specs = self.specs();
        specs.any(|spec| spec.cuda().is_some()) && self.has_base() && !specs.wants_conda()
    }

    /// Requirements that other fields than `packages` ask for.
    fn implied(&self) -> Vec<Implied> {
        let specs = self.specs();
        let mut implied = Vec::new();
        if specs.is_flyte() {
            let field = specs.said(field::FLAVOR);
            let field = field.map(|(field, _)| field).unwrap_or_default();
            implied.push(Implied { name: "flytekit", line: "flytekit".to_owned(), field, is_optional: false });
        }
        if let Some((field, cuda)) = specs.said(field::CUDA).filter(|_| self.has_cuda_wheels()) {
            let cudnn = specs.value(field::CUDNN);
            let lines = crate::cuda::wheels(cuda, cudnn);
            implied.extend(lines.into_iter().map(|(name, line)| Implied {
                name,
                line,
                field: field.clone(),
                is_optional: false,
            }));
        }
        // What a conda environment's Python brings, an environment of ours does not: commands of real specs call it, and what
        // is installed at the start is installed with it. Over an interpreter that is named, its own counts as installed.
        let runtime = specs.fields(field::RUNTIME_PACKAGES);
        let commands = specs.fields(field::COMMANDS);
        let asking = runtime.into_iter().chain(commands).next();
        let has_own = specs.wants_conda() || specs.any(|spec| spec.python_exec().is_some());
        if let (Some(field), false) = (asking, has_own) {
            implied.push(Implied { name: "pip", line: "pip".to_owned(), field, is_optional: true });
        }
        // A lock is the whole of what is installed.
        if specs.lock().is_some() { Vec::new() } else { implied }
    }

    pub(super) fn wants_packages(&self) -> bool {
        self.specs().has_packages() || (self.wants_python() && !self.implied().is_empty())
    }

    pub(super) fn wants_python(&self) -> bool {
        let specs = self.specs();
        let is_asked = |spec: &ImageSpec| spec.python_exec().is_some() || spec.python_version().is_some();
        let has_runtime = specs.any(|spec| !spec.runtime_packages().is_empty());
        specs.has_packages()
            || specs.any(is_asked)
            || specs.wants_conda()
            || specs.is_flyte()
            || has_runtime
            || self.has_cuda_wheels()
    }

    /// The tool image with uv.
    pub(super) fn uv(&mut self) -> Option<PinnedImage> {
        let said = self.specs().said(field::UV_IMAGE).map(|(field, image)| (field, image.to_owned()));
        self.tool(said, crate::DEFAULT_UV_IMAGE)
    }

    /// The tool image with micromamba.
    pub(super) fn micromamba(&mut self) -> Option<PinnedImage> {
        let said = self.specs().said(field::MICROMAMBA_IMAGE).map(|(field, image)| (field, image.to_owned()));
        self.tool(said, crate::DEFAULT_MICROMAMBA_IMAGE)
    }

    fn tool(&mut self, said: Option<(String, String)>, default: &str) -> Option<PinnedImage> {
        let (field, reference) = said.unwrap_or_else(|| ("builder_config".to_owned(), default.to_owned()));
        self.image(&reference, &field).map(|(image, _)| image)
    }

    fn venv(&self, base: &Base, interpreter: String, managed: Option<ManagedPython>, parent: Parent) -> Step {
        let specs = self.specs();
        let asked = [
            specs.said(field::PYTHON_EXEC).map(|(field, _)| field),
            specs.said(field::PYTHON_VERSION).map(|(field, _)| field),
        ];
        let over = if managed.is_some() { format!("Python {interpreter}") } else { interpreter.clone() };
        let title = self.title("python", &format!("environment over {over}"));
        let system_site_packages = specs.any(|spec| spec.python_exec().is_some());
        // Whoever installs packages at the start must be able to.
        let user = self.final_user(base);
        let is_filled_later =
            !self.runtime_packages().is_empty() && !is_root(user.split(':').next().unwrap_or_default());
        let owner = if is_filled_later { user } else { String::new() };
        let action = Action::Venv { interpreter, system_site_packages, managed, owner };
        self.step("venv", title, parent, action, asked.into_iter().flatten().collect())
    }

    /// Mounts of ours and of the user must not hide each other.
    pub(super) fn secret_targets(&mut self) {
        let is_ours = |path: &str| {
            let inside = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
            path == crate::MOUNTS || inside(path, crate::MOUNTS) || inside(crate::MOUNTS, path)
        };
        let secrets: Vec<(String, SecretMount)> =
            self.specs().secrets().into_iter().map(|(field, mount)| (field, mount.clone())).collect();
        for (field, mount) in secrets {
            if let SecretTarget::File(path) = mount.target()
                && is_ours(path)
            {
                let message = format!("a secret cannot be mounted at {path}: the build's own files are there");
                self.problem(&rules::RESERVED_PATH, message, &[&field], "choose a path outside of /dev");
            }
        }
    }

    /// The interpreter that the environment stands on.
    fn interpreter(&mut self, base: &Base) -> Option<Interpreter> {
        if let Some((field, path)) = self.specs().said(field::PYTHON_EXEC) {
            let path = path.to_owned();
            return self.python_exec(&field, path).map(|(root, path)| Interpreter::Found(root, path));
        }
        let wanted = self.wanted_python();
        let has_apt_python =
            self.specs().any(|spec| spec.apt_packages().iter().any(|package| package.starts_with("python")));
        let roots: &[Root] = if has_apt_python { &[Root::Base, Root::Apt] } else { &[Root::Base] };
        let mut seen = Vec::new();
        let mut is_taken = false;
        for root in roots.iter().copied() {
            let folders: Vec<String> =
                base.env.path().split(':').filter(|folder| folder.starts_with('/')).map(str::to_owned).collect();
            let Some(programs) = self.rootfs(root).and_then(|facts| facts.programs.clone()) else {
                self.out.needs.insert(Need::Programs {
                    platform: self.platform.clone(),
                    place: self.place(root),
                    folders,
                });
                return None;
            };
            // An environment cannot be put where one is, and packages belong to its Python only.
            let has_environment = programs.iter().any(|program| is_in_environment(base, &program.path));
            is_taken |= has_environment;
            let programs: Vec<Program> = programs
                .into_iter()
                .filter(|program| !has_environment || is_in_environment(base, &program.path))
                .collect();
            match (interpreter::choose(&programs, wanted), wanted) {
                (Choice::Found(path), _) => return Some(Interpreter::Found(root, path.to_owned())),
                (Choice::Ask(path), Some(version)) => {
                    let said = self.version_of(root, path)?;
                    if said.as_deref().is_some_and(|said| interpreter::satisfies(said, version)) {
                        return Some(Interpreter::Found(root, path.to_owned()));
                    }
                    seen.push(format!("{path} ({})", said.as_deref().unwrap_or("says no version")));
                }
                (Choice::Ask(_) | Choice::None, _) => {
                    seen.extend(interpreter::names(&programs).into_iter().map(str::to_owned));
                }
            }
        }
        if is_taken {
            self.no_interpreter(base, &seen);
            return None;
        }
        Some(Interpreter::Managed(wanted.map_or(crate::DEFAULT_PYTHON.to_owned(), |version| version.to_string())))
    }

    /// The Python version that the specs ask for.
    fn wanted_python(&self) -> Option<PythonVersion> {
        self.specs().value(field::PYTHON_VERSION)
    }

    /// An environment cannot be put where one is.
    fn no_interpreter(&mut self, base: &Base, seen: &[String]) {
        let wanted = self.wanted_python();
        let what = wanted.map_or("Python interpreter".to_owned(), |version| format!("Python {version}"));
        let found = if seen.is_empty() { String::new() } else { format!(" (it has {})", seen.join(", ")) };
        let image = self.document.spec.base_reference().unwrap_or(crate::DEFAULT_BASE_IMAGE);
        let message = format!("the environment that {image} has at {} is not of {what}{found}", self.home(base).path);
        let field = self.specs().said(field::PYTHON_VERSION).map(|(field, _)| field);
        let field = field.unwrap_or_else(|| "packages".to_owned());
        let help = "ask for the version that is there, or start from an image without an environment";
        self.problem(&rules::NO_INTERPRETER, message, &[&field, "base_image"], help);
    }

    fn python_exec(&mut self, field: &str, path: String) -> Option<(Root, String)> {
        let has_apt = self.specs().has_apt();
        let roots: &[Root] = if has_apt { &[Root::Base, Root::Apt] } else { &[Root::Base] };
        for root in roots.iter().copied() {
            if self.exists(root, &path)? {
                return self.check_version(root, path);
            }
        }
        let message =
            format!("there is no {path} in the base image{}", if has_apt { " or its apt packages" } else { "" });
        self.problem(&rules::NO_PYTHON_EXEC, message, &[field], "give the path of an interpreter that is there");
        None
    }

    /// Both `python_exec` and `python_version`: they have to agree.
    fn check_version(&mut self, root: Root, path: String) -> Option<(Root, String)> {
        let Some(wanted) = self.wanted_python() else { return Some((root, path)) };
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
        self.out.needs.insert(Need::Exists {
            platform: self.platform.clone(),
            place: self.place(root),
            path: path.to_owned(),
        });
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
        self.out.needs.insert(Need::Interpreter {
            platform: self.platform.clone(),
            place: self.place(root),
            path: path.to_owned(),
        });
        None
    }

    pub(super) fn requirements(&mut self) -> Option<Requirements> {
        let implied = self.implied();
        let gathered = requirements::gather(self.document, self.facts, &implied);
        self.out.needs.extend(gathered.needs.iter().cloned());
        let (errors, warnings): (Vec<_>, Vec<_>) =
            gathered.diagnostics.into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
        let complete = gathered.needs.is_empty() && errors.is_empty();
        self.out.problems.extend(errors);
        self.out.warnings.extend(warnings);
        complete.then_some(gathered.requirements)
    }
}

/// Whether an interpreter belongs to the environment that the base image has at the place of ours.
fn is_in_environment(base: &Base, interpreter: &str) -> bool {
    base.home().unwrap_or_default().has(interpreter)
}
