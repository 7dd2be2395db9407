//! The op that makes a lock, and its graph.

use std::collections::BTreeSet;

use buildkit_llb::{Access, BindMount, Mount, Note, Output};

use crate::arguments::{WithoutIndexes, without_indexes};
use crate::fixed::{INSTALLED, MOUNTS, OUTPUT};
use crate::group::{PYPI_INDEX, cache_control, searched};
use crate::identity;
use crate::lock_step::{Environment, LOCK, LockCommand, LockPlace, LockStep, PROJECT_FILE};
use crate::lower::Lowering;
use crate::lower::probe::{self, WHEELS_FOLDER};
use crate::lower::python::{uv_cache, uv_path, with_secrets};
use crate::plan::InstallSecret;
use crate::stand_in::{self, Folders};

/// The file with the lock. uv recognizes the format by this name.
pub(crate) const LOCK_FILE: &str = "pylock.toml";

/// The requirements that a tool exported from its own lockfile, in the same folder as the lock.
pub(crate) const EXPORTED_FILE: &str = "exported.txt";

impl Lowering<'_> {
    /// The folder with [`LOCK_FILE`].
    pub(super) fn lock(&mut self, step: &LockStep, base: Option<Output>) -> Option<Output> {
        let parent = match &step.place {
            LockPlace::Apart { .. } => None,
            LockPlace::OnTop { parent, .. } => self.parent(parent, base?),
        };
        let exported = match step.command {
            LockCommand::Poetry => Some(self.poetry(step, parent)?),
            LockCommand::Compile { .. } | LockCommand::Export => None,
        };
        let folder = format!("{MOUNTS}/requirements");
        let WithoutIndexes { indexes, arguments, overridden } = configured(step);
        let configuration = if indexes.is_empty() { cache_control([PYPI_INDEX]) } else { searched(&indexes) };
        let files = step.files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let files: Vec<(&str, &str)> = files.chain([("uv.toml", configuration.as_str())]).collect();
        let mut inputs = vec![self.inputs("requirements", &files)];
        let python = match &step.place {
            LockPlace::OnTop { interpreter, .. } => interpreter.clone(),
            LockPlace::Apart { interpreter, .. } => {
                let folders = Folders { prefix: self.common.home.path, executable: &self.common.home.python() };
                let program = stand_in::program(&self.plan.platform, interpreter, folders)?;
                inputs.push(self.inputs_with_program("interpreter", &[], Some(("python", program))));
                format!("{MOUNTS}/interpreter/python")
            }
        };
        if let Some(Environment { parent, interpreter }) = &step.installed {
            let root = self.parent(parent, base?)?;
            let packages = probe::packages(&mut self.graph, root, interpreter, self.plan)?;
            inputs.push(Mount::read_only(INSTALLED, packages));
        }
        // uv keeps the versions that are already in its output file.
        let preferences =
            step.preferences.as_deref().map(|text| self.input_files("older lock", &[(LOCK_FILE, text)], None));
        let has_constraints = step.files.contains_key("constraints.txt");
        let command = command(step, &python, arguments, &folder, has_constraints);
        // With its output, the requirements are kept that it is made from: only files with their hashes may be installed.
        let output = exported.or(preferences);
        self.run(step, &step.title, parent, command, &overridden, (inputs, output))
    }

    /// The folder with [`EXPORTED_FILE`]. Poetry, which uv installs into its cache, reads its lockfile.
    fn poetry(&mut self, step: &LockStep, parent: Option<Output>) -> Option<Output> {
        let LockPlace::OnTop { interpreter, .. } = &step.place else { return None };
        let folder = format!("{MOUNTS}/project");
        let files = step.files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let files = files.collect::<Vec<_>>();
        let inputs = self.inputs("project", &files);
        let run = ["tool", "run", "--python", interpreter, "--from", "poetry", "--with", "poetry-plugin-export"];
        let indexes = crate::arguments::index_arguments(&step.args);
        let file = format!("{OUTPUT}/{EXPORTED_FILE}");
        let export = ["poetry", "--no-interaction", "--directory", &folder, "export", "--format", "requirements.txt"];
        let words =
            [uv_path()].into_iter().chain(run.map(str::to_owned)).chain(indexes).chain(export.map(str::to_owned));
        let words = words.chain(named("--extras", &step.extras)).chain(named("--with", &step.groups));
        let command = words.chain(["--output".to_owned(), file]).collect();
        let title = self.named("lock", "export poetry.lock");
        self.run(step, &title, parent, command, &BTreeSet::new(), (vec![inputs], None))
    }

    /// Runs a command of the step with uv, the network, secrets, and the spec's variables except for `overridden` ones. Returns the
    /// folder that the command writes to, which begins with the files of `output`.
    fn run(
        &mut self,
        step: &LockStep,
        title: &str,
        parent: Option<Output>,
        command: Vec<String>,
        overridden: &BTreeSet<&'static str>,
        (inputs, output): (Vec<BindMount>, Option<Output>),
    ) -> Option<Output> {
        let (command, mounts, envs) = with_secrets(command, &step.secrets, step.secret_env_native);
        // The root has an output, although it is not used: without one it is read-only, and base images without `/etc/hosts` could not
        // run.
        let (exec, cache) = match (&step.place, parent) {
            (LockPlace::Apart { interpreter: _, shell, env }, _) => {
                let root = self.image(shell.as_ref().or(self.plan.uv.as_ref())?);
                let exec = self.apart(command, root).with_envs(env.clone());
                (exec, self.shared_cache(&step.env, &step.args))
            }
            (LockPlace::OnTop { .. }, parent) => {
                // Code that packages run while they are built can write to the cache, so no other build uses it.
                let digest = identity::lock_digest(self.plan, step);
                (self.exec(command, parent?), format!("uv-lock-{:.16}", identity::hex(&digest)))
            }
        };
        let exec = self
            .with_installer(exec, &cache)
            .with_envs(step.env.clone())
            // This also overrides variables of the base image. uv ignores an empty variable.
            .with_envs(overridden.iter().map(|name| ((*name).to_owned(), String::new())))
            .with_env("UV_CACHE_DIR", uv_cache())
            .with_mounts(inputs)
            .with_mount(Mount::bind(OUTPUT, output, Access::Output));
        let exec = self.with_trust(exec, mounts, envs);
        let ignore_cache = self.common.no_cache.applies_to(&[LOCK]);
        let outputs = self.exec_of(Note { ignore_cache, ..self.note(LOCK, title, &step.locations) }, exec);
        outputs.at(OUTPUT)
    }
}

/// The indexes for uv's configuration, and the remaining arguments.
///
/// Indexes stay arguments if there is a project, which may have indexes of its own and assign packages to them, and if a secret is a
/// variable that an argument overrides.
fn configured(step: &LockStep) -> WithoutIndexes<'_> {
    let is_project = match step.command {
        LockCommand::Poetry => false,
        LockCommand::Compile { .. } => step.files.contains_key(PROJECT_FILE),
        LockCommand::Export => true,
    };
    let without = without_indexes(&step.args);
    let is_overridden = |secret: &InstallSecret| match secret {
        InstallSecret::Env { name, .. } => without.overridden.contains(name.as_str()),
        InstallSecret::File { .. } => false,
    };
    if is_project || step.secrets.iter().any(is_overridden) {
        return WithoutIndexes { arguments: step.args.clone(), ..WithoutIndexes::default() };
    }
    without
}

fn command(step: &LockStep, python: &str, args: Vec<String>, folder: &str, has_constraints: bool) -> Vec<String> {
    let (words, rest): (&[&str], Vec<String>) = match step.command {
        LockCommand::Compile { is_decided } => {
            let constraints = ["-c".to_owned(), format!("{folder}/constraints.txt")];
            let rest = is_decided.then(|| "--no-deps".to_owned()).into_iter();
            let rest = rest.filter(|option| !step.args.contains(option));
            let rest = rest.chain(constraints.into_iter().filter(|_| has_constraints));
            let rest = rest.chain(named("--extra", &step.extras));
            let project = format!("{folder}/{PROJECT_FILE}");
            let groups = step.groups.iter().map(|group| format!("{project}:{group}")).collect();
            let rest = rest.chain(named("--group", &groups));
            let project = step.files.contains_key(PROJECT_FILE).then_some(project);
            (&["pip", "compile"], rest.chain([format!("{folder}/requirements.txt")]).chain(project).collect())
        }
        LockCommand::Poetry => (&["pip", "compile", "--no-deps"], vec![format!("{OUTPUT}/{EXPORTED_FILE}")]),
        // As in Flytekit, neither the project itself nor its development dependencies are installed.
        LockCommand::Export => {
            let project = ["--project".to_owned(), folder.to_owned()].into_iter();
            let parts = named("--extra", &step.extras).chain(named("--group", &step.groups));
            (&["export", "--frozen", "--no-dev", "--no-emit-project"], project.chain(parts).collect())
        }
    };
    let config = ["--config-file".to_owned(), format!("{folder}/uv.toml")];
    let wheels = ["--find-links".to_owned(), format!("{}/{WHEELS_FOLDER}", INSTALLED)];
    let wheels = wheels.into_iter().filter(|_| step.installed.is_some());
    // Otherwise uv also prints the file that it writes, which is hundreds of lines.
    let output = ["--quiet", "--python", python, "--format", "pylock.toml", "--no-header"].map(str::to_owned);
    [uv_path()]
        .into_iter()
        .chain(words.iter().map(|word| (*word).to_owned()))
        .chain(config)
        .chain(output)
        .chain(["-o".to_owned(), format!("{OUTPUT}/{LOCK_FILE}")])
        .chain(args)
        .chain(wheels)
        .chain(rest)
        .collect()
}

/// An option before each name.
fn named(option: &str, names: &BTreeSet<String>) -> impl Iterator<Item = String> {
    names.iter().flat_map(|name| [option.to_owned(), name.clone()]).collect::<Vec<_>>().into_iter()
}
