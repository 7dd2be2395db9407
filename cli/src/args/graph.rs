//! Arguments of `graph`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::TextFormat;

/// Arguments of `graph`.
#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    #[command(subcommand)]
    pub(crate) command: GraphCommand,
}

/// What to do with graphs.
#[derive(Debug, Subcommand)]
pub(crate) enum GraphCommand {
    /// Say which vertices differ between two definitions, and why.
    Diff(GraphDiffArgs),
}

/// Arguments of `graph diff`.
#[derive(Debug, Args)]
#[command(
    after_help = "A vertex that changed itself is told from one that only reads something that changed. Names and places of vertices\nchange no build and are not compared.\n\nExample:\n  imagespec compile . > before.pb\n  imagespec compile . | imagespec graph diff before.pb -\n\nExit codes: 0 equal, 1 different, 2 a file is no definition."
)]
pub(crate) struct GraphDiffArgs {
    /// The definition before, as `compile --format pb` prints it; `-` is stdin.
    pub(crate) before: PathBuf,
    /// The definition after; `-` is stdin.
    pub(crate) after: PathBuf,
    /// Form of the report.
    #[arg(long, value_enum, default_value_t = TextFormat::Text)]
    pub(crate) format: TextFormat,
}
