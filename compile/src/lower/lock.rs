//! The op that makes a lock, and its graph.

use std::collections::BTreeSet;

use buildkit_llb::{BindMount, Mount, Output};

use crate::arguments::{WithoutIndexes, without_indexes};
use crate::fixed::OUTPUT;
use crate::group::{PYPI_INDEX, cache_control, searched};
use crate::lock_step::{LOCK, LockCommand, LockStep, PROJECT_FILE};
use crate::lower::Lowering;
use crate::lower::probe::{INTERPRETER_FILE, PROBE, PROBE_FILE};
use crate::lower::python::{DOWNLOADS, uv_path, with_secrets};
use crate::plan::InstallSecret;

/// The file with the lock, in the result for [`question::Lock`](crate::question::Lock). uv recognizes the format by this name.
pub const LOCK_FILE: &str = "pylock.toml";

/// An older lock, among the input files of the command.
const PREFERENCES_FILE: &str = "pylock.preferences.toml";

/// The requirements that a tool exported from its own lockfile, in the same folder as the lock.
pub const EXPORTED_FILE: &str = "exported.txt";

impl Lowering<'_> {
    /// The folder with [`LOCK_FILE`].
    pub(crate) fn lock(&mut self, step: &LockStep, parent: Output) -> Option<Output> {
        let exported = match step.command {
            LockCommand::Poetry => Some(self.poetry(step, parent)?),
            LockCommand::Compile { .. } | LockCommand::Export => None,
        };
        let folder = format!("{}/requirements", crate::fixed::MOUNTS);
        let WithoutIndexes { indexes, arguments, overridden } = configured(step);
        let configuration = if indexes.is_empty() { cache_control([PYPI_INDEX]) } else { searched(&indexes) };
        let files = step.files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let preferences = step.preferences.as_deref().map(|text| (PREFERENCES_FILE, text));
        let files = files.chain([("uv.toml", configuration.as_str()), (PROBE_FILE, PROBE)]).chain(preferences);
        let files = files.collect::<Vec<_>>();
        let inputs = self.inputs("requirements", &files);
        let has_constraints = step.files.contains_key("constraints.txt");
        let exported = exported.map(|exported| Mount::read_only(exported_folder(), exported));
        let command = command(step, arguments, &folder, has_constraints);
        self.run(step, &step.title, parent, command, &overridden, [inputs].into_iter().chain(exported))
    }

    /// The folder with [`EXPORTED_FILE`]. Poetry, which uv installs into its cache, reads its lockfile.
    fn poetry(&mut self, step: &LockStep, parent: Output) -> Option<Output> {
        let folder = format!("{}/project", crate::fixed::MOUNTS);
        let files = step.files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let files = files.collect::<Vec<_>>();
        let inputs = self.inputs("project", &files);
        let run = ["tool", "run", "--python", &step.interpreter, "--from", "poetry", "--with", "poetry-plugin-export"];
        let indexes = crate::arguments::index_arguments(&step.args);
        let file = format!("{OUTPUT}/{EXPORTED_FILE}");
        let export = ["poetry", "--no-interaction", "--directory", &folder, "export", "--format", "requirements.txt"];
        let words =
            [uv_path()].into_iter().chain(run.map(str::to_owned)).chain(indexes).chain(export.map(str::to_owned));
        let words = words.chain(named("--extras", &step.extras)).chain(named("--with", &step.groups));
        let command = words.chain(["--output".to_owned(), file]).collect();
        let title = self.named("lock", "export poetry.lock");
        self.run(step, &title, parent, command, &BTreeSet::new(), [inputs])
    }

    /// Runs a command of the step with uv, the network, secrets, and the spec's variables except for `overridden` ones. Returns the
    /// folder that the command writes to.
    fn run(
        &mut self,
        step: &LockStep,
        title: &str,
        parent: Output,
        command: Vec<String>,
        overridden: &BTreeSet<&'static str>,
        inputs: impl IntoIterator<Item = BindMount>,
    ) -> Option<Output> {
        let (command, mounts, envs) = with_secrets(command, &step.secrets, step.secret_env_native);
        // The root has an output, although it is not used: without one it is read-only, and base images without `/etc/hosts` could not
        // run.
        let exec = self.exec(command, parent);
        let exec = self
            .with_installer(exec, DOWNLOADS)
            .with_envs(step.env.clone())
            // This also overrides variables of the base image. uv ignores an empty variable.
            .with_envs(overridden.iter().map(|name| ((*name).to_owned(), String::new())))
            .with_mounts(inputs)
            .with_mount(Mount::scratch_output(OUTPUT));
        let exec = self.with_trust(exec, mounts, envs);
        let outputs = self.graph.exec(exec);
        let mut note = self.note(LOCK, title, &step.locations);
        note.ignore_cache = self.common.no_cache.applies_to(&[LOCK]);
        self.graph.annotate(outputs.op(), note);
        outputs.at(OUTPUT)
    }
}

/// The folder with [`EXPORTED_FILE`] in the step that makes a lock from it.
fn exported_folder() -> String {
    format!("{}/exported", crate::fixed::MOUNTS)
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

fn command(step: &LockStep, args: Vec<String>, folder: &str, has_constraints: bool) -> Vec<String> {
    let exported = format!("{}/{EXPORTED_FILE}", exported_folder());
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
        LockCommand::Poetry => (&["pip", "compile", "--no-deps"], vec![exported.clone()]),
        // As in Flytekit, neither the project itself nor its development dependencies are installed.
        LockCommand::Export => {
            let project = ["--project".to_owned(), folder.to_owned()].into_iter();
            let parts = named("--extra", &step.extras).chain(named("--group", &step.groups));
            (&["export", "--frozen", "--no-dev", "--no-emit-project"], project.chain(parts).collect())
        }
    };
    let config = ["--config-file".to_owned(), format!("{folder}/uv.toml")];
    let output = ["--python", &step.interpreter, "--format", "pylock.toml", "--no-header"].map(str::to_owned);
    // uv keeps the versions that are already in its output file.
    let output_file = format!("{OUTPUT}/{LOCK_FILE}");
    let preferences = format!("{folder}/{PREFERENCES_FILE}");
    let copy = match step.command {
        // Kept next to the lock, because only files with its hashes may be installed.
        LockCommand::Poetry => Some((exported, format!("{OUTPUT}/{EXPORTED_FILE}"))),
        _ => step.preferences.as_ref().map(|_| (preferences, output_file.clone())),
    };
    let copy = copy.into_iter().flat_map(|(from, to)| ["--copy".to_owned(), from, to]);
    // The interpreter first reports its description, which selects wheels of the lock, and then runs uv.
    let (probe, report) = (format!("{folder}/{PROBE_FILE}"), format!("{OUTPUT}/{INTERPRETER_FILE}"));
    [step.interpreter.clone(), "-I".to_owned(), probe, report]
        .into_iter()
        .chain(copy)
        .chain([uv_path()])
        .chain(words.iter().map(|word| (*word).to_owned()))
        .chain(config)
        .chain(output)
        .chain(["-o".to_owned(), output_file])
        .chain(args)
        .chain(rest)
        .collect()
}

/// An option before each name.
fn named(option: &str, names: &BTreeSet<String>) -> impl Iterator<Item = String> {
    names.iter().flat_map(|name| [option.to_owned(), name.clone()]).collect::<Vec<_>>().into_iter()
}
