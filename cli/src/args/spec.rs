//! Flags of every command that reads a spec.

use std::path::PathBuf;

/// Which spec, and where its files are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct SpecArgs {
    /// The spec file. Default: imagespec.yaml, .toml or .json in the context.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The build context: the folder that paths in the spec are relative to.
    #[arg(value_name = "CONTEXT", default_value = ".")]
    pub(crate) context: PathBuf,
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
