//! Flags shared by the commands that read a spec.

use std::path::PathBuf;

/// One spec and its build context.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SpecArgs {
    /// The spec file. Default: imagespec.yaml, .toml or .json in the context.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Which image to use, if the file defines several.
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) common: CommonSpecArgs,
}

/// One or more specs and their build context.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SpecsArgs {
    /// The spec file; repeat it to build several. Default: imagespec.yaml, .toml or .json in the context.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Vec<PathBuf>,
    /// Which image to build, if the file defines several; repeat it to build more than one.
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Vec<String>,
    #[command(flatten)]
    pub(crate) common: CommonSpecArgs,
}

/// Arguments that apply to all specs of a command.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct CommonSpecArgs {
    /// Override a field of the spec with a YAML value: python_version=3.12, env.LOG_LEVEL=debug.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = one_line)]
    pub(crate) set: Vec<String>,
    /// The build context: the folder that paths in the spec are relative to.
    #[arg(value_name = "CONTEXT", default_value = ".")]
    pub(crate) context: PathBuf,
}

impl SpecArgs {
    /// A name that distinguishes this spec from the other specs of a command.
    pub(crate) fn title(&self) -> String {
        let file = self.file.as_ref().unwrap_or(&self.common.context).display();
        self.target.as_ref().map_or_else(|| file.to_string(), |target| format!("{file} ({target})"))
    }
}

impl SpecsArgs {
    /// Every target of every file; at least one.
    pub(crate) fn each(&self) -> Vec<SpecArgs> {
        let files = if self.file.is_empty() { vec![None] } else { self.file.iter().cloned().map(Some).collect() };
        let targets = if self.target.is_empty() { vec![None] } else { self.target.iter().cloned().map(Some).collect() };
        let of_file = |file: Option<PathBuf>| {
            let targets: Vec<Option<String>> = targets.clone();
            targets.into_iter().map(move |target| SpecArgs { file: file.clone(), target, common: self.common.clone() })
        };
        let mut each: Vec<SpecArgs> = Vec::new();
        for spec in files.into_iter().flat_map(of_file) {
            // A spec that is named twice is built once.
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
    /// Read facts from a file instead of asking a daemon.
    #[arg(long, value_name = "FILE")]
    pub(crate) facts: Option<PathBuf>,
    /// Save the gathered facts to a file.
    #[arg(long, value_name = "FILE", conflicts_with = "facts")]
    pub(crate) save_facts: Option<PathBuf>,
}

/// Rejects values with line breaks: frontends receive all values in one build argument, one per line.
fn one_line(text: &str) -> Result<String, String> {
    if text.contains(['\n', '\r']) {
        return Err(
            "the value must be a single line; write lists and mappings in YAML flow style: `packages=[numpy, pandas]`"
                .to_owned(),
        );
    }
    Ok(text.to_owned())
}
