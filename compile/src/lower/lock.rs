//! The op that makes a lock, and the graph whose only result it is.

use std::collections::BTreeSet;

use buildkit_llb::{BindMount, Mount, Output};

use crate::arguments::{WithoutIndexes, without_indexes};
use crate::fixed::OUTPUT;
use crate::group::{PYPI_INDEX, cache_control, searched};
use crate::lock_step::{LOCK, LockCommand, LockStep, PROJECT_FILE};
use crate::lower::Lowering;
use crate::lower::probe::{INTERPRETER_FILE, SAY, SAY_FILE};
use crate::lower::python::{DOWNLOADS, uv_path, with_secrets};
use crate::plan::InstallSecret;

/// The file that holds the lock, in what answers [`question::Lock`](crate::question::Lock). uv knows the format by the name.
pub const LOCK_FILE: &str = "pylock.toml";

/// An older lock, beside what the command reads.
const PREFERENCES_FILE: &str = "pylock.preferences.toml";

/// The requirements that a tool exported from its own lock, in the folder with the lock.
pub const EXPORTED_FILE: &str = "exported.txt";

impl Lowering<'_> {
    /// The folder with [`LOCK_FILE`].
    pub(crate) fn lock(&mut self, step: &LockStep, parent: Output) -> Option<Output> {
        let exported = match step.command {
            LockCommand::Poetry => Some(self.poetry(step, parent)?),
            LockCommand::Compile { .. } | LockCommand::Export => None,
        };
        let folder = format!("{}/requirements", crate::fixed::MOUNTS);
        let WithoutIndexes { indexes, arguments, beaten } = configured(step);
        let configuration = if indexes.is_empty() { cache_control([PYPI_INDEX]) } else { searched(&indexes) };
        let files = step.files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let preferences = step.preferences.as_deref().map(|text| (PREFERENCES_FILE, text));
        let files = files.chain([("uv.toml", configuration.as_str()), (SAY_FILE, SAY)]).chain(preferences);
        let files = files.collect::<Vec<_>>();
        let inputs = self.inputs("requirements", &files);
        let has_constraints = step.files.contains_key("constraints.txt");
        let exported = exported.map(|exported| Mount::read_only(exported_folder(), exported));
        let command = command(step, arguments, &folder, has_constraints);
        self.run(step, &step.title, parent, command, &beaten, [inputs].into_iter().chain(exported))
    }

    /// The folder with [`EXPORTED_FILE`]: Poetry, which uv installs into its cache, reads its lock.
    fn poetry(&mut self, step: &LockStep, parent: Output) -> Option<Output> {
        let folder = format!("{}/project", crate::fixed::MOUNTS);
        let files = step.files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let files = files.collect::<Vec<_>>();
        let inputs = self.inputs("project", &files);
        let run = ["tool", "run", "--python", &step.interpreter, "--from", "poetry", "--with", "poetry-plugin-export"];
        let indexes = crate::arguments::of_indexes(&step.args);
        let file = format!("{OUTPUT}/{EXPORTED_FILE}");
        let export = ["poetry", "--no-interaction", "--directory", &folder, "export", "--format", "requirements.txt"];
        let words =
            [uv_path()].into_iter().chain(run.map(str::to_owned)).chain(indexes).chain(export.map(str::to_owned));
        let words = words.chain(named("--extras", &step.extras)).chain(named("--with", &step.groups));
        let command = words.chain(["--output".to_owned(), file]).collect();
        let title = self.named("lock", "export poetry.lock");
        self.run(step, &title, parent, command, &BTreeSet::new(), [inputs])
    }

    /// Runs a command of the step with all it may use: uv, the network, the spec's variables but for those that are beaten, and
    /// secrets. Yields the folder that the command writes to.
    fn run(
        &mut self,
        step: &LockStep,
        title: &str,
        parent: Output,
        command: Vec<String>,
        beaten: &BTreeSet<&'static str>,
        inputs: impl IntoIterator<Item = BindMount>,
    ) -> Option<Output> {
        let (command, mounts, envs) = with_secrets(command, &step.secrets, step.secret_env_native);
        // With an output, although nobody wants it: without one the root is read-only, and base images that lack `/etc/hosts`
        // could not be run.
        let exec = self.exec(command, parent);
        let exec = self
            .with_installer(exec, DOWNLOADS)
            .with_envs(step.env.clone())
            // Those of the base image are meant too. To uv an empty one is none.
            .with_envs(beaten.iter().map(|name| ((*name).to_owned(), String::new())))
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

/// Where [`EXPORTED_FILE`] is for the step that makes a lock of it.
fn exported_folder() -> String {
    format!("{}/exported", crate::fixed::MOUNTS)
}

/// The indexes that uv's configuration names, and the arguments besides.
///
/// They stay arguments beside a project of its own, which may name indexes too and say which package is of which, and where a
/// secret is a variable that an argument beats.
fn configured(step: &LockStep) -> WithoutIndexes<'_> {
    let is_project = match step.command {
        LockCommand::Poetry => false,
        LockCommand::Compile { .. } => step.files.contains_key(PROJECT_FILE),
        LockCommand::Export => true,
    };
    let without = without_indexes(&step.args);
    let is_beaten = |secret: &InstallSecret| match secret {
        InstallSecret::Env { name, .. } => without.beaten.contains(name.as_str()),
        InstallSecret::File { .. } => false,
    };
    if is_project || step.secrets.iter().any(is_beaten) {
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
        // What Flytekit installs of a project: neither itself nor what its developers need.
        LockCommand::Export => {
            let project = ["--project".to_owned(), folder.to_owned()].into_iter();
            let parts = named("--extra", &step.extras).chain(named("--group", &step.groups));
            (&["export", "--frozen", "--no-dev", "--no-emit-project"], project.chain(parts).collect())
        }
    };
    let config = ["--config-file".to_owned(), format!("{folder}/uv.toml")];
    let output = ["--python", &step.interpreter, "--format", "pylock.toml", "--no-header"].map(str::to_owned);
    // uv keeps the versions that its output file has already.
    let output_file = format!("{OUTPUT}/{LOCK_FILE}");
    let preferences = format!("{folder}/{PREFERENCES_FILE}");
    let copy = match step.command {
        // Kept beside the lock: its hashes are the only ones that may be installed.
        LockCommand::Poetry => Some((exported, format!("{OUTPUT}/{EXPORTED_FILE}"))),
        _ => step.preferences.as_ref().map(|_| (preferences, output_file.clone())),
    };
    let copy = copy.into_iter().flat_map(|(from, to)| ["--copy".to_owned(), from, to]);
    // The interpreter first says what it is, which chooses among the wheels of the lock, and becomes uv.
    let (say, said) = (format!("{folder}/{SAY_FILE}"), format!("{OUTPUT}/{INTERPRETER_FILE}"));
    [step.interpreter.clone(), "-I".to_owned(), say, said]
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

/// An option before each of some names.
fn named(option: &str, names: &BTreeSet<String>) -> impl Iterator<Item = String> {
    names.iter().flat_map(|name| [option.to_owned(), name.clone()]).collect::<Vec<_>>().into_iter()
}
