//! The Python steps: the interpreter, and an empty environment. What is installed into it is not decided here.

use std::sync::Arc;

use imagespec::{Diagnostic, OWN_PYTHON, SecretMount, SecretTarget, Severity, field};

use crate::answer::InterpreterFact;
use crate::arguments;
use crate::env::Env;
use crate::interpreter::minor;
use crate::lock_file::LockFile;
use crate::lock_step::LockStep;
use crate::plan::{Action, Compiler, Home, ManagedPython, OtherEnvironment, Parent, PinnedImage, Step};
use crate::planner::apt::APT;
use crate::planner::asking::Stage;
use crate::planner::base::Base;
use crate::planner::interpreter::Interpreter;
use crate::planner::user::is_root;
use crate::planner::wanted::Wanted;
use crate::planner::{Planner, summary};
use crate::question;
use crate::requirements::{self, Implied, Requirements};
use crate::rules;
use crate::stand_in;

/// The planned Python steps, as far as known.
#[derive(Default)]
pub(super) struct Python {
    pub(super) has_environment: bool,
    /// The step that resolves the lock, if there is one.
    pub(super) lock: Option<Arc<LockStep>>,
    /// The lockfile that belongs next to the spec.
    pub(super) lock_file: Option<LockFile>,
    /// Folders with libraries of packages, which the image's variables must include.
    pub(super) libraries: Vec<String>,
    /// Whether all steps are planned.
    pub(super) is_complete: bool,
}

/// An environment before packages are installed.
struct Environment {
    /// The step that creates it.
    step: Option<Step>,
    /// The root filesystem with its interpreter.
    stage: Stage,
    interpreter: String,
    /// The parent of the environment; the environment itself if its interpreter is created with it.
    parent: Parent,
    /// Whether it has packages, or can see others.
    is_filled: bool,
}

impl OtherEnvironment {
    /// The environment that an interpreter belongs to.
    fn of(interpreter: Option<&InterpreterFact>) -> Option<Self> {
        let fact = interpreter.filter(|fact| !fact.packages.is_empty())?;
        let library = format!("lib/{}/site-packages", stand_in::library(fact)?);
        Some(Self { library, packages: fact.packages.clone() })
    }
}

/// The image that compiles modules, if the spec names none. Tags of superseded releases stay as they are, so layers made with them
/// do, too; all releases of a minor version have the same bytecode.
fn python_image(interpreter: &InterpreterFact) -> Option<String> {
    let is_usual = interpreter.implementation == "cpython" && !interpreter.free_threaded;
    let minor = interpreter.version.strip_prefix("3.")?.split('.').next()?.parse::<u32>().ok().filter(|_| is_usual)?;
    let (_, patch) = crate::fixed::PYTHON_RELEASES.into_iter().find(|(known, _)| *known == minor)?;
    Some(format!("docker.io/library/python:3.{minor}.{patch}-slim-bookworm"))
}

impl Planner<'_, '_> {
    /// Plans the environment and the steps that install packages. `None` while answers are missing or if there are problems.
    pub(super) fn python(&mut self, base: &Base) -> Option<Python> {
        if !self.specs().wants_python() {
            return Some(Python { is_complete: true, ..Python::default() });
        }
        let is_conda = self.specs().wants_conda();
        self.cuda_twice(base);
        // All facts are asked for before returning, so that one round answers them.
        let uv = self.uv();
        self.compiler_ahead();
        let micromamba = if is_conda { self.micromamba().map(Some) } else { Some(None) };
        let interpreter = if is_conda { Some(None) } else { self.interpreter(base).map(Some) };
        let requirements = self.requirements();
        let (_, _, interpreter, requirements) = (uv?, micromamba?, interpreter?, requirements?);
        let args = arguments::arguments(self.specs(), &requirements.options);
        let may_build = requirements.may_build || arguments::may_build(&args);
        let environment = match interpreter {
            None => self.conda(base)?,
            Some(interpreter) => self.environment_over(base, interpreter)?,
        };
        let Environment { step, stage, interpreter, parent, is_filled } = environment;
        // Without a step, the base image has the environment.
        let venv = step.as_ref().filter(|step| step.is_venv()).map(|step| step.id.clone());
        self.steps.extend(step);
        let mut python =
            Python { has_environment: true, is_complete: !self.specs().wants_packages(), ..Python::default() };
        if let Some(folders) = self.libraries(base, stage, &interpreter) {
            python.libraries = folders;
        } else {
            python.is_complete = false;
            return Some(python);
        }
        if self.specs().wants_packages() {
            let wanted = Wanted { requirements, args, may_build, stage, interpreter, parent, venv, is_filled };
            let installs = self.installs(base, wanted).unwrap_or_default();
            self.steps.extend(installs.steps);
            python.lock = installs.lock;
            python.lock_file = installs.file;
            python.is_complete = installs.is_complete;
        }
        Some(python)
    }

    /// An empty environment with an interpreter, or the base's environment.
    fn environment_over(&mut self, base: &Base, interpreter: Interpreter) -> Option<Environment> {
        let apt = || Parent::Step(APT.to_owned());
        let sees_others = self.specs().has_python_exec();
        Some(match interpreter {
            Interpreter::Found(stage, path) if base.is_in_environment(&path) => {
                let home = self.home(base).path;
                self.reasons.push(format!("the base image has an environment at {home} already; it is extended"));
                let parent = if stage == Stage::Apt { apt() } else { Parent::Base };
                Environment { step: None, stage, interpreter: path, parent, is_filled: true }
            }
            Interpreter::Found(stage, path) => {
                let mut parent = Parent::Base;
                if stage == Stage::Apt {
                    parent = apt();
                    self.reasons
                        .push(format!("Python is installed on top of the apt packages, because {path} is one of them"));
                }
                let over = OtherEnvironment::of(self.interpreter_fact(base, stage, &path)?);
                if over.is_some() {
                    self.reasons
                        .push(format!("{path} is the interpreter of an environment, whose packages stay visible"));
                }
                let is_filled = sees_others || over.is_some();
                let step = self.venv(base, path.clone(), over, None, parent.clone());
                Environment { step: Some(step), stage, interpreter: path, parent, is_filled }
            }
            Interpreter::Managed(version, libc) => {
                self.reasons.push(format!("uv installs Python {version}, because the base image has none that fits"));
                let managed = ManagedPython {
                    bytecode: self.specs().bytecode(),
                    env: self.installer_env(base, false),
                    secrets: self.install_secrets(),
                    secret_env_native: self.has_secret_env(),
                    ..self.managed(&version, libc)
                };
                let step = self.venv(base, version, None, Some(managed), Parent::Base);
                let parent = Parent::Step(step.id.clone());
                let interpreter = Home::VENV.python();
                Environment { step: Some(step), stage: Stage::Python, interpreter, parent, is_filled: false }
            }
        })
    }

    /// The conda environment. It would replace an existing one at the same path.
    fn conda(&mut self, base: &Base) -> Option<Environment> {
        if base.home() == Some(Home::CONDA) {
            let message =
                format!("the base image already has a conda environment at {}", crate::fixed::CONDA_ENVIRONMENT);
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
        // The title lists the packages before they are sorted.
        let title = self.title("conda", &summary(&packages));
        let names_python = packages.iter().any(|package| {
            let name = package.rsplit("::").next().unwrap_or_default();
            let end = name.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')));
            end.map_or(name, |end| &name[..end]) == "python"
        });
        let version = specs.given(field::PYTHON_VERSION);
        fields.extend(version.as_ref().map(|(field, _)| field.clone()));
        if !names_python || version.is_some() {
            let version = version.map_or(crate::fixed::DEFAULT_PYTHON.to_owned(), |(_, version)| version.to_string());
            packages.push(format!("python={version}"));
        }
        if let Some((field, cuda)) = specs.given(field::CUDA).filter(|_| specs.has_base()) {
            let cudnn = specs.value(field::CUDNN);
            packages.extend(crate::cuda::conda_packages(cuda, cudnn));
            fields.push(field);
        }
        packages.sort();
        packages.dedup();
        let named = specs.levels().iter().rev().map(|level| level.spec.conda_channels());
        let mut channels = named.into_iter().find(|channels| !channels.is_empty()).unwrap_or_default().to_vec();
        // As in Flytekit's images, conda-forge comes first, unless the spec lists it.
        const FORGE: &str = "conda-forge";
        if !channels.iter().any(|channel| channel == FORGE) {
            channels.insert(0, FORGE.to_owned());
        }
        fields.extend(specs.fields(field::CONDA_CHANNELS));
        let env = self.installer_env(base, false);
        let action = Action::Conda { packages, channels, env, bytecode: specs.bytecode() };
        let step = self.step("conda", title, Parent::Base, action, fields);
        let parent = Parent::Step(step.id.clone());
        let interpreter = Home::CONDA.python();
        Some(Environment { step: Some(step), stage: Stage::Python, interpreter, parent, is_filled: true })
    }

    /// Folders of libraries that wheels install where programs do not look for them; `None` while answers are missing.
    fn libraries(&mut self, base: &Base, stage: Stage, interpreter: &str) -> Option<Vec<String>> {
        let specs = self.specs();
        let Some(cuda) = specs.value(field::CUDA).filter(|_| specs.has_cuda_wheels()).map(str::to_owned) else {
            return Some(Vec::new());
        };
        let has_cudnn = specs.any(|spec| spec.cudnn().is_some());
        let version = self.version_of(base, stage, interpreter)?.unwrap_or_default();
        let packages = format!("{}/lib/python{}/site-packages", self.home(base).path, minor(&version));
        let folders = crate::cuda::library_folders(&cuda, has_cudnn);
        Some(folders.into_iter().map(|folder| format!("{packages}/{folder}")).collect())
    }

    /// Warns if CUDA is in the base image and in packages: it is undefined which of the two programs use.
    fn cuda_twice(&mut self, base: &Base) {
        let field = self.specs().path(field::CUDA);
        let is_brought_twice = self.specs().has_cuda_packages() && crate::cuda::is_in(&base.env);
        let Some(field) = field.filter(|_| is_brought_twice) else { return };
        let message = "the base image already has CUDA, and `cuda` installs it again";
        let warning = Diagnostic::new(&rules::CUDA_TWICE, message)
            .with_help("leave out `cuda` to use the CUDA of the base image, or start from an image without CUDA");
        self.out.warnings.push(warning.with_place(self.part.spans.nearest_span(&field)));
    }

    /// Requirements that result from other fields than `packages`.
    fn implied(&self) -> Vec<Implied> {
        let specs = self.specs();
        let mut implied = Vec::new();
        if specs.implies_flytekit() {
            let field = specs.path(field::FLAVOR).unwrap_or_default();
            implied.push(Implied { name: "flytekit", line: "flytekit".to_owned(), field, is_optional: false });
        }
        if let Some((field, cuda)) = specs.given(field::CUDA).filter(|_| specs.implies_cuda()) {
            let cudnn = specs.value(field::CUDNN);
            let lines = crate::cuda::wheels(cuda, cudnn);
            implied.extend(lines.into_iter().map(|(name, line)| Implied {
                name,
                line,
                field: field.clone(),
                is_optional: false,
            }));
        }
        // A conda environment has pip, a virtual environment does not: commands of existing specs call it, and runtime packages are
        // installed with it. With `python_exec`, the interpreter's own packages count as installed.
        let callers = [specs.fields(field::RUNTIME_PACKAGES), specs.fields(field::COMMANDS)];
        if let Some(field) = callers.into_iter().flatten().next().filter(|_| specs.implies_pip()) {
            implied.push(Implied { name: "pip", line: "pip".to_owned(), field, is_optional: true });
        }
        implied
    }

    /// Sets the tool image with uv; `None` until known.
    pub(super) fn uv(&mut self) -> Option<()> {
        let image = self.specs().given(field::UV_IMAGE).map(|(field, image)| (field, image.to_owned()));
        self.tools.uv = Some(self.tool(image, crate::fixed::DEFAULT_UV_IMAGE)?);
        Some(())
    }

    /// Sets the tool image with micromamba; `None` until known.
    pub(super) fn micromamba(&mut self) -> Option<()> {
        let image = self.specs().given(field::MICROMAMBA_IMAGE).map(|(field, image)| (field, image.to_owned()));
        self.tools.micromamba = Some(self.tool(image, crate::fixed::DEFAULT_MICROMAMBA_IMAGE)?);
        Some(())
    }

    /// The image that compiles the modules of wheels, and the field that names it; `None` if the image's own interpreter does.
    fn compiler_image(&self, interpreter: &InterpreterFact) -> Option<(String, String)> {
        let specs = self.specs();
        match specs.given(field::PYTHON_IMAGE) {
            Some((_, OWN_PYTHON)) => None,
            Some((field, image)) => Some((field, image.to_owned())),
            None if specs.given(field::UV_IMAGE).is_some() => None,
            None => python_image(interpreter).map(|image| ("builder_config".to_owned(), image)),
        }
    }

    /// Asks for the image that compiles modules before the interpreter is known, if the spec names its version, so that it is pulled
    /// together with the base image.
    pub(super) fn compiler_ahead(&mut self) {
        let specs = self.specs();
        let Some(version) = specs.value(field::PYTHON_VERSION).filter(|_| specs.wants_packages()) else { return };
        let expected = InterpreterFact {
            version: version.to_string(),
            implementation: "cpython".to_owned(),
            ..InterpreterFact::default()
        };
        let Some((field, reference)) = self.compiler_image(&expected) else { return };
        if let Some((image, _)) = self.image(&reference, &field) {
            self.tools.python = Some(image);
        }
    }

    /// What compiles the modules of wheels; `None` until known.
    pub(super) fn compiler(&mut self, interpreter: &InterpreterFact, own: &str) -> Option<Compiler> {
        let Some((field, reference)) = self.compiler_image(interpreter) else {
            if self.specs().given(field::PYTHON_IMAGE).is_none() {
                self.reasons.push("modules are compiled by the image's own interpreter; `builder_config.python_image` would compile them for other base images, too".to_owned());
            }
            self.tools.python = None;
            return Some(Compiler::Own { interpreter: own.to_owned() });
        };
        let (image, fact) = self.image(&reference, &field)?;
        let path = Env::from_image_config(&fact.config).path().to_owned();
        self.tools.python = Some(image.clone());
        Some(Compiler::Tool { image, path })
    }

    fn tool(&mut self, image: Option<(String, String)>, default: &str) -> Option<PinnedImage> {
        let (field, reference) = image.unwrap_or_else(|| ("builder_config".to_owned(), default.to_owned()));
        self.image(&reference, &field).map(|(image, _)| image)
    }

    fn venv(
        &self,
        base: &Base,
        interpreter: String,
        over: Option<OtherEnvironment>,
        managed: Option<ManagedPython>,
        parent: Parent,
    ) -> Step {
        let specs = self.specs();
        let asked = [specs.path(field::PYTHON_EXEC), specs.path(field::PYTHON_VERSION)];
        let with = if managed.is_some() { format!("Python {interpreter}") } else { interpreter.clone() };
        let title = self.title("python", &format!("create an environment with {with}"));
        // uv would take the packages of the interpreter that the other environment was made with.
        let system_site_packages = specs.has_python_exec() && over.is_none();
        // The image's user installs packages at container start.
        let user = self.final_user(base);
        let is_filled_later =
            !self.runtime_packages().is_empty() && !is_root(user.split(':').next().unwrap_or_default());
        let owner = if is_filled_later { user } else { String::new() };
        let action = Action::Venv { interpreter, system_site_packages, over, managed, owner };
        self.step("venv", title, parent, action, asked.into_iter().flatten().collect())
    }

    /// Checks that mounts of the build and of the user do not hide each other.
    pub(super) fn secret_targets(&mut self) {
        let is_ours = |path: &str| {
            let inside = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'));
            path == crate::fixed::MOUNTS || inside(path, crate::fixed::MOUNTS) || inside(crate::fixed::MOUNTS, path)
        };
        let secrets: Vec<(String, SecretMount)> =
            self.specs().secrets().into_iter().map(|(field, mount)| (field, mount.clone())).collect();
        for (field, mount) in secrets {
            if let SecretTarget::File(path) = mount.target()
                && is_ours(path)
            {
                let message = format!("a secret cannot be mounted at {path}: the build mounts its own files there");
                self.problem(&rules::RESERVED_PATH, message, &[&field], "choose a path outside /dev");
            }
        }
    }

    /// The requirements; `None` while files are missing or if they have problems.
    pub(super) fn requirements(&mut self) -> Option<Requirements> {
        let (implied, part) = (self.implied(), self.part);
        // `self.ask` borrows all of `self`, so the sources are moved out meanwhile.
        let mut sources = std::mem::take(&mut self.out.sources);
        let mut read = |path: &str| self.ask(question::ContextFile { path: path.to_owned() }, |_| None).cloned();
        let gathered = requirements::gather(&part.specs, &part.spans, &mut sources, &mut read, &implied);
        self.out.sources = sources;
        let (errors, warnings): (Vec<_>, Vec<_>) =
            gathered.diagnostics.into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
        let is_complete = !gathered.is_incomplete && errors.is_empty();
        self.out.problems.extend(errors);
        self.out.warnings.extend(warnings);
        is_complete.then_some(gathered.requirements)
    }
}
