//! The op that makes a lock, and the graph whose only result it is.

use std::collections::BTreeSet;

use buildkit_llb::{Mount, Output};

use crate::group::{PYPI_INDEX, unchanging_files};
use crate::lock_step::{LOCK, LockCommand, LockStep};
use crate::lower::python::{uv_path, with_secrets};
use crate::lower::{Lowering, OUTPUT};
use crate::probe::{INTERPRETER_FILE, SAY, SAY_FILE};

/// The file that holds the lock, below [`OUTPUT`]. uv knows the format by the name.
pub(crate) const LOCK_FILE: &str = "pylock.toml";

impl Lowering<'_> {
    /// The folder with [`LOCK_FILE`].
    pub(crate) fn lock(&mut self, step: &LockStep, parent: Output) -> Option<Output> {
        let folder = format!("{}/requirements", crate::MOUNTS);
        let configuration = configuration(&step.indexes);
        let files = step.files.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let files = files.chain([("uv.toml", configuration.as_str()), (SAY_FILE, SAY)]).collect::<Vec<_>>();
        let inputs = self.inputs("requirements", &files);
        let has_constraints = step.files.contains_key("constraints.txt");
        let (command, mounts, envs) =
            with_secrets(command(step, &folder, has_constraints), &step.secrets, step.secret_env_native);
        // With an output, although nobody wants it: without one the root is read-only, and base images that lack `/etc/hosts`
        // could not be run.
        let exec = self.exec(command, parent);
        let exec = self
            .with_installer(exec)
            .with_envs(step.env.clone())
            .with_mount(inputs)
            .with_mount(Mount::scratch_output(OUTPUT));
        let exec = self.with_trust(exec, mounts, envs);
        let outputs = self.graph.exec(exec);
        let mut note = buildkit_llb::Note::named(&step.title).at_all(step.locations.iter().copied());
        note.ignore_cache = self.common.no_cache.applies_to(&[LOCK]);
        self.graph.annotate(outputs.op(), note);
        outputs.at(OUTPUT)
    }
}

fn command(step: &LockStep, folder: &str, has_constraints: bool) -> Vec<String> {
    let (words, rest): (&[&str], Vec<String>) = match step.command {
        LockCommand::Compile { is_decided } => {
            let constraints = ["-c".to_owned(), format!("{folder}/constraints.txt")];
            let rest = is_decided.then(|| "--no-deps".to_owned()).into_iter();
            let rest = rest.filter(|option| !step.args.contains(option));
            let rest = rest.chain(constraints.into_iter().filter(|_| has_constraints));
            (&["pip", "compile"], rest.chain([format!("{folder}/requirements.txt")]).collect())
        }
        // What Flytekit installs of a project: neither itself nor what its developers need.
        LockCommand::Export => {
            (&["export", "--frozen", "--no-dev", "--no-emit-project"], vec!["--project".to_owned(), folder.to_owned()])
        }
    };
    let config = ["--config-file".to_owned(), format!("{folder}/uv.toml")];
    let output = ["--python", &step.interpreter, "--format", "pylock.toml", "--no-header"].map(str::to_owned);
    // The interpreter first says what it is, which chooses among the wheels of the lock, and becomes uv.
    let (say, said) = (format!("{folder}/{SAY_FILE}"), format!("{OUTPUT}/{INTERPRETER_FILE}"));
    [step.interpreter.clone(), "-I".to_owned(), say, said, uv_path()]
        .into_iter()
        .chain(words.iter().map(|word| (*word).to_owned()))
        .chain(config)
        .chain(output)
        .chain(["-o".to_owned(), format!("{OUTPUT}/{LOCK_FILE}")])
        .chain(step.args.iter().cloned())
        .chain(rest)
        .collect()
}

/// Files of an index never change, so uv need not ask for the metadata it has; pages of an index do change, and stay uv's to
/// ask for as often as the index says.
fn configuration(indexes: &[String]) -> String {
    // PyPI is used when nobody names an index.
    let indexes: BTreeSet<&str> = indexes.iter().map(String::as_str).chain([PYPI_INDEX]).collect();
    unchanging_files(indexes)
}
