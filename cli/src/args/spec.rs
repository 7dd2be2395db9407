//! Flags of every command that reads a spec.

use std::path::PathBuf;

/// Which spec, and where its files are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SpecArgs {
    /// The spec file. Default: imagespec.yaml, .toml or .json in the context.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Which image of a file that has several.
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// Which specs, and where their files are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SpecsArgs {
    /// A spec file; several are built side by side. Default: imagespec.yaml, .toml or .json in the context.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// Which image of a file that has several; it can be more than one.
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Vec<String>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

/// What holds for all specs.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PlaceArgs {
    /// A value that takes the place of the spec's, in YAML: python_version=3.12, env.LOG_LEVEL=debug.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = one_line)]
    pub(crate) set: Vec<String>,
    /// The build context: the folder that paths in the spec are relative to.
    #[arg(value_name = "CONTEXT", default_value = ".")]
    pub(crate) context: PathBuf,
}

impl SpecArgs {
    /// Tells it from the other specs of a command.
    pub(crate) fn title(&self) -> String {
        let file = self.file.as_ref().unwrap_or(&self.place.context).display();
        self.target.as_ref().map_or_else(|| file.to_string(), |target| format!("{file} ({target})"))
    }
}

impl SpecsArgs {
    /// Every target of every file, one at least.
    pub(crate) fn each(&self) -> Vec<SpecArgs> {
        let files = if self.file.is_empty() { vec![None] } else { self.file.iter().cloned().map(Some).collect() };
        let targets = if self.target.is_empty() { vec![None] } else { self.target.iter().cloned().map(Some).collect() };
        let of_file = |file: Option<PathBuf>| {
            let targets: Vec<Option<String>> = targets.clone();
            targets.into_iter().map(move |target| SpecArgs { file: file.clone(), target, place: self.place.clone() })
        };
        let mut each: Vec<SpecArgs> = Vec::new();
        for spec in files.into_iter().flat_map(of_file) {
            // One that is named twice is built once.
            if !each.iter().any(|before| (&before.file, &before.target) == (&spec.file, &spec.target)) {
                each.push(spec);
            }
        }
        each
    }
}

/// Saved facts.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FactsArgs {
    /// Use saved facts instead of asking a daemon.
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: Option<PathBuf>,
    /// Save the facts this run gathers.
    #[arg(long, value_name = "FILE", conflicts_with = "facts")]
    pub(crate) save_facts: Option<PathBuf>,
}

/// Frontends are given all values in one build argument, a line each.
fn one_line(text: &str) -> Result<String, String> {
    if text.contains(['\n', '\r']) {
        return Err(
            "a value is one line; YAML lists and mappings can be written in one: `packages=[numpy, pandas]`".to_owned()
        );
    }
    Ok(text.to_owned())
}
