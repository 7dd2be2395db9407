//! The command line's grammar: commands, flags and their help. Nothing is done here.

mod build;
mod daemon;
mod graph;
mod spec;

use clap::{Parser, Subcommand};

pub(crate) use build::{BuildArgs, BuildOptionArgs, OutputArgs, Progress};
pub(crate) use daemon::DaemonArgs;
pub(crate) use graph::{GraphArgs, GraphCommand, GraphDiffArgs};
pub(crate) use spec::{FactsArgs, SpecArgs};

/// Build container images from declarative specs, without a Dockerfile.
#[derive(Debug, Parser)]
#[command(
    name = "imagespec",
    version,
    propagate_version = true,
    after_help = "Examples:\n  imagespec build -t localhost:5000/app:1 --push .\n  imagespec build -f train.yaml --load -t app:dev .\n  imagespec check -f train.yaml\n  imagespec compile --format pb . | buildctl build --local context=.\n  imagespec doctor\n\nExit codes: 0 success, 1 a step failed or graphs differ, 2 input refused, 3 daemon unreachable or lost, 4 registry or secret refused, 70 our bug, 130 interrupted."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build the image a spec describes.
    Build(Box<BuildArgs>),
    /// Print the LLB definition a spec compiles to, without building it.
    Compile(Box<CompileArgs>),
    /// Print the steps of a build and what each stands on.
    Plan(Box<PlanArgs>),
    /// Compare LLB definitions.
    Graph(GraphArgs),
    /// Check a spec without a daemon.
    Check(CheckArgs),
    /// Package this program's frontend as an image and push it.
    Frontend(Box<FrontendArgs>),
    /// Say which daemon is found, and what it can do.
    Doctor(DoctorArgs),
    /// Print a script that lets a shell complete this program's arguments.
    Completions(CompletionsArgs),
    /// Print the manual page, or write the pages of all commands.
    Man(ManArgs),
}

/// Arguments of `compile`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The image config is not part of LLB. Hand it over as an exporter attribute:\n  imagespec compile --config-file config.json . | buildctl build --local context=. \\\n    --output 'type=image,name=app,\"containerimage.config='\"$(sed 's/\"/\"\"/g' config.json)\"'\"'"
)]
pub(crate) struct CompileArgs {
    #[command(flatten)]
    pub(crate) spec: SpecArgs,
    #[command(flatten)]
    pub(crate) options: BuildOptionArgs,
    #[command(flatten)]
    pub(crate) facts: FactsArgs,
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,
    /// What to print: `pb` is what `buildctl build` reads.
    #[arg(long, value_enum, default_value_t = GraphFormat::Pb)]
    pub(crate) format: GraphFormat,
    /// Write the image config (OCI image spec JSON) to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config_file: Option<std::path::PathBuf>,
}

/// Forms of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum GraphFormat {
    /// BuildKit's protobuf.
    Pb,
    /// JSON for tools.
    Json,
    /// Text that diffs well.
    Text,
    /// A drawing for Graphviz.
    Dot,
    /// A drawing for Markdown.
    Mermaid,
}

/// Arguments of `plan`.
#[derive(Debug, clap::Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) spec: SpecArgs,
    #[command(flatten)]
    pub(crate) options: BuildOptionArgs,
    #[command(flatten)]
    pub(crate) facts: FactsArgs,
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,
    /// Form of the plan.
    #[arg(long, value_enum, default_value_t = TextFormat::Text)]
    pub(crate) format: TextFormat,
}

/// Forms of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TextFormat {
    /// For people.
    Text,
    /// For tools.
    Json,
}

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) spec: SpecArgs,
    /// Explain a code instead of checking a spec.
    #[arg(long, value_name = "CODE")]
    pub(crate) explain: Option<String>,
    /// Form of the report.
    #[arg(long, value_enum, default_value_t = TextFormat::Text)]
    pub(crate) format: TextFormat,
}

/// Arguments of `frontend`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  imagespec frontend --push registry.example.com/imagespec-frontend:1\nA spec then starts with\n  # syntax=registry.example.com/imagespec-frontend:1"
)]
pub(crate) struct FrontendArgs {
    /// The image to push.
    #[arg(long, value_name = "REF")]
    pub(crate) push: String,
    /// The static frontend program, one per platform (`linux/amd64=PATH`). Default: `imagespec-frontend` beside this program.
    #[arg(long, value_name = "[PLATFORM=]FILE")]
    pub(crate) binary: Vec<String>,
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,
    /// How to show progress.
    #[arg(long, value_enum, default_value_t = Progress::Auto, env = "BUILDKIT_PROGRESS")]
    pub(crate) progress: Progress,
}

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  imagespec completions bash > /etc/bash_completion.d/imagespec\n  imagespec completions zsh > \"${fpath[1]}/_imagespec\"\n  imagespec completions fish > ~/.config/fish/completions/imagespec.fish"
)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  imagespec man | man -l -\n  imagespec man /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Write one page a command into this folder; without it, the main page goes to stdout.
    pub(crate) folder: Option<std::path::PathBuf>,
}

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,
    /// Form of the report.
    #[arg(long, value_enum, default_value_t = TextFormat::Text)]
    pub(crate) format: TextFormat,
}
