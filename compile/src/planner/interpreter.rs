//! Selects the interpreter of the Python environment.

use imagespec::{PythonVersion, field};

use crate::answer::{InterpreterFact, Program};
use crate::interpreter::{self, Choice};
use crate::outcome::Recipe;
use crate::plan::ManagedPython;
use crate::planner::Planner;
use crate::planner::asking::Stage;
use crate::planner::base::Base;
use crate::question;
use crate::rules;

/// The interpreter of an environment.
pub(super) enum Interpreter {
    /// An existing one, in this root filesystem.
    Found(Stage, String),
    /// One that uv installs, with this version, for this C library.
    Managed(String, &'static str),
}

impl<'a> Planner<'a, '_> {
    /// Selects the interpreter of the environment.
    pub(super) fn interpreter(&mut self, base: &Base) -> Option<Interpreter> {
        if let Some((field, path)) = self.specs().given(field::PYTHON_EXEC) {
            let path = path.to_owned();
            return self.python_exec(base, &field, path).map(|(stage, path)| Interpreter::Found(stage, path));
        }
        let wanted = self.wanted_python();
        let stages: &[Stage] =
            if self.specs().names_apt_python() { &[Stage::Base, Stage::Apt] } else { &[Stage::Base] };
        let mut seen = Vec::new();
        let mut is_taken = false;
        for stage in stages.iter().copied() {
            let programs = self.programs(base, stage)?.to_vec();
            // There can be only one environment at the path, and packages belong to its Python.
            let has_environment = programs.iter().any(|program| base.is_in_environment(&program.path));
            is_taken |= has_environment;
            let programs: Vec<Program> = programs
                .into_iter()
                .filter(|program| !has_environment || base.is_in_environment(&program.path))
                .collect();
            match (interpreter::choose(&programs, wanted), wanted) {
                (Choice::Found(path), _) => return Some(Interpreter::Found(stage, path.to_owned())),
                (Choice::Ask(path), Some(wanted)) => {
                    let version = self.version_of(base, stage, path)?;
                    if version.as_deref().is_some_and(|found| interpreter::satisfies(found, wanted)) {
                        return Some(Interpreter::Found(stage, path.to_owned()));
                    }
                    seen.push(format!("{path} ({})", version.as_deref().unwrap_or("unknown version")));
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
        // The name of the dynamic linker of musl (musl: `configure`, `LDSO_PATHNAME`).
        let loader = format!("/lib/ld-musl-{}.so.1", machine(&self.platform.architecture));
        let libc = if self.exists(base, Stage::Base, &loader)? { "musl" } else { "gnu" };
        let version = wanted.map_or(crate::fixed::DEFAULT_PYTHON.to_owned(), |version| version.to_string());
        Some(Interpreter::Managed(version, libc))
    }

    /// A build of CPython (its name in uv: `crates/uv-python/src/installation.rs`,
    /// `PythonInstallationKey`).
    pub(super) fn managed(&self, version: &str, libc: &str) -> ManagedPython {
        let machine = machine(&self.platform.architecture);
        let hard_float = if machine.starts_with("arm") { "eabihf" } else { "" };
        let libc = format!("{libc}{hard_float}");
        let name = format!("cpython-{version}-linux-{machine}-{libc}");
        let interpreter = format!("{}/{name}/bin/python{}", crate::fixed::PYTHONS, interpreter::minor(version));
        ManagedPython { name, libc, interpreter, ..ManagedPython::default() }
    }

    /// The requested Python version.
    fn wanted_python(&self) -> Option<PythonVersion> {
        self.specs().value(field::PYTHON_VERSION)
    }

    /// The problem that the base's environment does not have the requested version.
    fn no_interpreter(&mut self, base: &Base, seen: &[String]) {
        let wanted = self.wanted_python();
        let what = wanted.map_or("Python interpreter".to_owned(), |version| format!("Python {version}"));
        let found = if seen.is_empty() { String::new() } else { format!(" (it has {})", seen.join(", ")) };
        let image = self.part.spec.base_reference().unwrap_or(crate::fixed::DEFAULT_BASE_IMAGE);
        let message = format!("the environment of {image} at {} does not have {what}{found}", self.home(base).path);
        let field = self.specs().path(field::PYTHON_VERSION).unwrap_or_else(|| "packages".to_owned());
        let help = "use the version that the environment has, or start from an image without an environment";
        self.problem(&rules::NO_INTERPRETER, message, &[&field, "base_image"], help);
    }

    fn python_exec(&mut self, base: &Base, field: &str, path: String) -> Option<(Stage, String)> {
        let has_apt = self.specs().has_apt_packages();
        let stages: &[Stage] = if has_apt { &[Stage::Base, Stage::Apt] } else { &[Stage::Base] };
        for stage in stages.iter().copied() {
            if self.exists(base, stage, &path)? {
                return self.check_version(base, stage, path);
            }
        }
        let message =
            format!("there is no {path} in the base image{}", if has_apt { " or its apt packages" } else { "" });
        self.problem(&rules::NO_PYTHON_EXEC, message, &[field], "give the path of an existing interpreter");
        None
    }

    /// Checks that `python_exec` has the requested `python_version`.
    fn check_version(&mut self, base: &Base, stage: Stage, path: String) -> Option<(Stage, String)> {
        let Some(wanted) = self.wanted_python() else { return Some((stage, path)) };
        let version = self.version_of(base, stage, &path)?;
        if version.as_deref().is_some_and(|found| interpreter::satisfies(found, wanted)) {
            return Some((stage, path));
        }
        let message = format!("{path} is Python {}, not {wanted}", version.as_deref().unwrap_or("of unknown version"));
        self.problem(
            &rules::WRONG_PYTHON,
            message,
            &["python_version", "python_exec"],
            "change python_version or python_exec",
        );
        None
    }

    /// The files named `python*` on PATH; `None` until known.
    fn programs(&mut self, base: &Base, stage: Stage) -> Option<&'a [Program]> {
        if let Some(survey) = self.survey(base, stage)? {
            return Some(&survey.programs);
        }
        let question = question::Programs { root: self.root(base, stage)?, folders: base.program_folders() };
        self.ask(question, |planner| planner.root_recipe(base, stage).map(Recipe::Root)).map(Vec::as_slice)
    }

    /// Whether there is a path that a survey looks for; `None` until known.
    fn exists(&mut self, base: &Base, stage: Stage, path: &str) -> Option<bool> {
        if let Some(survey) = self.survey(base, stage)? {
            return Some(survey.paths.contains(path));
        }
        let question = question::Exists { root: self.root(base, stage)?, path: path.to_owned() };
        self.ask(question, |planner| planner.root_recipe(base, stage).map(Recipe::Root)).copied()
    }

    /// The version that an interpreter reports, if any; the outer `None` means not known yet.
    pub(super) fn version_of(&mut self, base: &Base, stage: Stage, path: &str) -> Option<Option<String>> {
        Some(self.interpreter_fact(base, stage, path)?.map(|reported| reported.version.clone()))
    }

    /// The description of an interpreter; the outer `None` means not known yet.
    pub(super) fn interpreter_fact(
        &mut self,
        base: &Base,
        stage: Stage,
        path: &str,
    ) -> Option<Option<&'a InterpreterFact>> {
        if let Some(known) = self.survey(base, stage)?.and_then(|survey| survey.interpreters.get(path)) {
            return Some(known.as_ref());
        }
        let question = question::Interpreter { root: self.root(base, stage)?, path: path.to_owned() };
        let recipe = |planner: &Self| {
            let root = planner.root_recipe(base, stage)?;
            Some(Recipe::Interpreter { root, path: path.to_owned() })
        };
        Some(self.ask(question, recipe)?.as_ref())
    }
}

/// An architecture as uv and C libraries name it.
fn machine(architecture: &str) -> &str {
    match architecture {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "386" => "i686",
        "arm" => "armv7",
        "ppc64le" => "powerpc64le",
        other => other,
    }
}

impl Base {
    /// Whether an interpreter belongs to the environment that the base image has at the path of ours.
    pub(super) fn is_in_environment(&self, interpreter: &str) -> bool {
        self.home().unwrap_or_default().contains(interpreter)
    }
}
