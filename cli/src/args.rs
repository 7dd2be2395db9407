//! The command-line grammar: commands, flags and their help. It parses arguments and runs nothing.

mod build;
mod daemon;
mod graph;
mod spec;

use clap::{Parser, Subcommand};

pub(crate) use build::{BuildArgs, BuildOptionArgs, OutputArgs, Progress};
pub(crate) use daemon::DaemonArgs;
pub(crate) use graph::{GraphArgs, GraphCommand, GraphDiffArgs};
pub(crate) use spec::{CommonSpecArgs, FactsArgs, SpecArgs, SpecsArgs};

/// Build container images from declarative specs, without a Dockerfile.
#[derive(Debug, Parser)]
#[command(
    name = "imagespec",
    version,
    propagate_version = true,
    after_help = "Examples:\n  imagespec build -t localhost:5000/app:1 --push .\n  imagespec build -f train.yaml --load -t app:dev .\n  imagespec check -f train.yaml\n  imagespec compile --format pb . | buildctl build --local context=.\n  imagespec doctor\n\nExit codes: 0 success, 1 a step failed, graphs differ or an image is missing, 2 invalid input, 3 daemon unreachable or lost, 4 access to a registry or secret refused, 5 a registry is unavailable, 70 internal error, 130 interrupted."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Build the image a spec describes.
    Build(Box<BuildArgs>),
    /// Print the LLB definition a spec compiles to, without building it.
    Compile(Box<CompileArgs>),
    /// Print the steps of a build and what each step depends on.
    Plan(Box<PlanArgs>),
    /// Pin the versions of all Python packages in a lockfile next to the spec.
    Lock(Box<LockArgs>),
    /// Compare LLB definitions.
    Graph(GraphArgs),
    /// Check a spec without a daemon.
    Check(CheckArgs),
    /// Print the image name of a spec, without a daemon.
    Tag(TagArgs),
    /// Check whether the image of a spec is in its registry.
    Exists(ExistsArgs),
    /// Show what differs between two specs, and which steps run again.
    Why(WhyArgs),
    /// Print the JSON Schema of spec files, for editors.
    Schema,
    /// Print a spec with the Python version and packages of an existing environment.
    FromEnv(FromEnvArgs),
    /// Create a spec file, and the JSON Schema for editors next to it.
    Init(InitArgs),
    /// Package the imagespec frontend as an image and push it.
    Frontend(Box<FrontendArgs>),
    /// Show which daemon is used, and what it supports.
    Doctor(DoctorArgs),
    /// Print a shell completion script.
    Completions(CompletionsArgs),
    /// Print the manual page, or write the manual pages of all commands.
    Man(ManArgs),
}

impl Command {
    /// Whether stderr is for events, and for nothing else.
    pub(crate) fn writes_events(&self) -> bool {
        let progress = match self {
            Self::Build(args) if args.output.quiet => Progress::Quiet,
            Self::Build(args) => args.output.progress,
            Self::Lock(args) => args.progress,
            Self::Frontend(args) => args.progress,
            _ => Progress::Auto,
        };
        progress == Progress::Json
    }
}

/// Arguments of `compile`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The image config is not part of LLB. Pass it to buildctl as an exporter attribute:\n  imagespec compile --config-file config.json . > app.pb\n  buildctl build --local context=. < app.pb \\\n    --output 'type=image,name=app,\"containerimage.config='\"$(sed 's/\"/\"\"/g' config.json)\"'\"'"
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
    /// Output format; `buildctl build` reads `pb`.
    #[arg(long, value_enum, default_value_t = GraphFormat::Pb)]
    pub(crate) format: GraphFormat,
    /// Write the image config (OCI image spec JSON) to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) config_file: Option<std::path::PathBuf>,
}

/// Output formats of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum GraphFormat {
    /// BuildKit's protobuf encoding.
    Pb,
    /// JSON, for tools.
    Json,
    /// Text, suited to diffs.
    Text,
    /// A Graphviz diagram.
    Dot,
    /// A Mermaid diagram, for Markdown.
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
    /// Output format.
    #[arg(long, value_enum, default_value_t = TextFormat::Text)]
    pub(crate) format: TextFormat,
}

/// Arguments of `lock`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Writes `pylock.<spec>-<architecture>.toml` next to the spec, one file per platform. Commit these files. A build installs the versions in the lockfile of its platform and resolves nothing.\nAn existing lockfile is updated: versions that still satisfy the spec are kept.\n\nExamples:\n  imagespec lock\n  imagespec lock --upgrade --platform linux/amd64,linux/arm64\n  imagespec lock --check    in continuous integration\n\nExit codes: 0 success, 1 with --check: a lockfile is missing or was made for a different spec."
)]
pub(crate) struct LockArgs {
    #[command(flatten)]
    pub(crate) spec: SpecArgs,
    /// Ignore the versions in existing lockfiles.
    #[arg(short = 'U', long)]
    pub(crate) upgrade: bool,
    /// Write nothing; fail if a lockfile is missing or was made for a different spec.
    #[arg(long, conflicts_with = "upgrade")]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) options: BuildOptionArgs,
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,
    /// Progress output.
    #[arg(long, value_enum, default_value_t = Progress::Auto, env = "BUILDKIT_PROGRESS")]
    pub(crate) progress: Progress,
}

/// Output formats of a report.
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
    /// Explain a diagnostic code instead of checking a spec.
    #[arg(long, value_name = "CODE")]
    pub(crate) explain: Option<String>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = TextFormat::Text)]
    pub(crate) format: TextFormat,
}

/// Arguments of `tag`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The tag is a hash of everything that can change the image: the spec, the requirements, the lockfile next to the spec, copied files and sources, and the platform if one is given. Secrets and the order of packages do not affect it.\n\n`build` uses this name unless -t is given.\n\nExamples:\n  imagespec tag\n  imagespec tag --format id"
)]
pub(crate) struct TagArgs {
    #[command(flatten)]
    pub(crate) spec: SpecArgs,
    /// Target platforms, comma-separated; overrides the spec.
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', env = "DOCKER_DEFAULT_PLATFORM")]
    pub(crate) platform: Vec<String>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = TagFormat::Name)]
    pub(crate) format: TagFormat,
}

/// Arguments of `exists`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Prints `exists`, `missing` or `unknown`, followed by the image reference. imagespec asks the registry directly, with the credentials of `docker login` or of the spec's `registry_config`; neither a daemon nor Docker is needed. A single argument with a tag or digest is read as a reference, any other as a context.\n\nExamples:\n  imagespec exists || imagespec build -t \"$(imagespec tag)\" --push .\n  imagespec exists ghcr.io/my-team/train:1\n  imagespec exists -f train.yaml . registry.example.com/train:1\n\nExit codes: 0 the image exists, 1 it is missing, 4 the registry did not answer or refused access."
)]
pub(crate) struct ExistsArgs {
    #[command(flatten)]
    pub(crate) spec: SpecArgs,
    /// The image to check, instead of the image of the spec.
    #[arg(value_name = "REFERENCE")]
    pub(crate) reference: Option<String>,
    /// Target platforms, comma-separated; overrides the spec.
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', env = "DOCKER_DEFAULT_PLATFORM")]
    pub(crate) platform: Vec<String>,
}

/// Output formats of `tag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TagFormat {
    /// The full reference: registry, name and tag.
    Name,
    /// Only the tag.
    Tag,
    /// The full hash that the tag is derived from.
    Fingerprint,
    /// An id of the spec, derived from its parameters only (`_F_IMG_ID`).
    Id,
}

/// Arguments of `why`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  git show HEAD~1:imagespec.yaml > old.yaml; imagespec why --old-context . old.yaml imagespec.yaml\n  imagespec why --format json a/imagespec.yaml b/imagespec.yaml\n\nExit codes: 0 the images are the same, 1 they differ."
)]
pub(crate) struct WhyArgs {
    /// The old spec file.
    pub(crate) old: std::path::PathBuf,
    /// The new spec file.
    pub(crate) new: std::path::PathBuf,
    /// The build context of the old spec. Default: the folder of the spec file.
    #[arg(long, value_name = "DIR")]
    pub(crate) old_context: Option<std::path::PathBuf>,
    /// The build context of the new spec. Default: the folder of the spec file.
    #[arg(long, value_name = "DIR")]
    pub(crate) new_context: Option<std::path::PathBuf>,
    /// Which image to compare, if the files define several.
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = TextFormat::Text)]
    pub(crate) format: TextFormat,
}

/// Arguments of `from-env`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  imagespec from-env > imagespec.yaml\n  imagespec from-env --python .venv/bin/python --base-image python:3.12-slim"
)]
pub(crate) struct FromEnvArgs {
    /// The interpreter of the environment.
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    pub(crate) python: String,
    /// The base image to write into the spec.
    #[arg(long, value_name = "REF")]
    pub(crate) base_image: Option<String>,
    /// Write only the major and minor version of Python, such as 3.12.
    #[arg(long)]
    pub(crate) minor: bool,
}

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  imagespec init\n  imagespec init --python .venv/bin/python services/api")]
pub(crate) struct InitArgs {
    /// Take the Python version and packages from the environment of this interpreter.
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) python: Option<String>,
    /// The folder to write to.
    #[arg(value_name = "CONTEXT", default_value = ".")]
    pub(crate) context: std::path::PathBuf,
}

/// Arguments of `frontend`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  imagespec frontend --push registry.example.com/imagespec-frontend:1\nA spec then starts with\n  # syntax=registry.example.com/imagespec-frontend:1"
)]
pub(crate) struct FrontendArgs {
    /// The image reference to push to.
    #[arg(long, value_name = "REF")]
    pub(crate) push: String,
    /// The static frontend program, one per platform (`linux/amd64=PATH`). Default: `imagespec-frontend` next to this program.
    #[arg(long, value_name = "[PLATFORM=]FILE")]
    pub(crate) binary: Vec<String>,
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,
    /// Progress output.
    #[arg(long, value_enum, default_value_t = Progress::Auto, env = "BUILDKIT_PROGRESS")]
    pub(crate) progress: Progress,
}

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  imagespec completions bash > /etc/bash_completion.d/imagespec\n  imagespec completions zsh > \"${fpath[1]}/_imagespec\"\n  imagespec completions fish > ~/.config/fish/completions/imagespec.fish"
)]
pub(crate) struct CompletionsArgs {
    /// The shell to complete for.
    pub(crate) shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  imagespec man | man -l -\n  imagespec man /usr/local/share/man/man1")]
pub(crate) struct ManArgs {
    /// Write one page per command to this folder. Default: print the main page to stdout.
    pub(crate) folder: Option<std::path::PathBuf>,
}

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct DoctorArgs {
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,
    /// Output format.
    #[arg(long, value_enum, default_value_t = TextFormat::Text)]
    pub(crate) format: TextFormat,
}
