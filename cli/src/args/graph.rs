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

/// The subcommands of `graph`.
#[derive(Debug, Subcommand)]
pub(crate) enum GraphCommand {
    /// Show which vertices differ between two definitions, and why.
    Diff(GraphDiffArgs),
}

/// Arguments of `graph diff`.
#[derive(Debug, Args)]
#[command(
    after_help = "The report distinguishes a vertex that changed itself from one whose inputs changed. Vertex names and source locations do not affect the build and are not compared.\n\nExample:\n  imagespec compile . > before.pb\n  imagespec compile . | imagespec graph diff before.pb -\n\nExit codes: 0 equal, 1 different, 2 a file is not a valid definition."
)]
pub(crate) struct GraphDiffArgs {
    /// The old definition, as printed by `compile --format pb`; `-` for stdin.
    pub(crate) before: PathBuf,
    /// The new definition; `-` for stdin.
    pub(crate) after: PathBuf,
    /// Output format.
    #[arg(long, value_enum, default_value_t = TextFormat::Text)]
    pub(crate) format: TextFormat,
}
