//! The command line's grammar: commands, flags and their help. Nothing is done here.

mod build;
mod daemon;
mod graph;
mod spec;

use clap::{Parser, Subcommand};

pub(crate) use build::{BuildArgs, BuildOptionArgs, OutputArgs, Progress};
pub(crate) use daemon::DaemonArgs;
pub(crate) use graph::{GraphArgs, GraphCommand, GraphDiffArgs};
pub(crate) use spec::{FactsArgs, PlaceArgs, SpecArgs, SpecsArgs};

/// Build container images from declarative specs, without a Dockerfile.
#[derive(Debug, Parser)]
#[command(
    name = "imagespec",
    version,
    propagate_version = true,
    after_help = "Examples:\n  imagespec build -t localhost:5000/app:1 --push .\n  imagespec build -f train.yaml --load -t app:dev .\n  imagespec check -f train.yaml\n  imagespec compile --format pb . | buildctl build --local context=.\n  imagespec doctor\n\nExit codes: 0 success, 1 a step failed, graphs differ or an image is missing, 2 input refused, 3 daemon unreachable or lost, 4 registry or secret refused, 70 our bug, 130 interrupted."
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
    /// Write the versions of all Python packages beside the spec, for the next builds to install.
    Lock(Box<LockArgs>),
    /// Compare LLB definitions.
    Graph(GraphArgs),
    /// Check a spec without a daemon.
    Check(CheckArgs),
    /// Print what the image of a spec is called, without a daemon.
    Tag(TagArgs),
    /// Ask a registry whether it has the image of a spec.
    Exists(ExistsArgs),
    /// Say what differs between two specs, and which steps that concerns.
    Why(WhyArgs),
    /// Print the JSON Schema of spec files, for editors.
    Schema,
    /// Print a spec with the Python version and the packages of an environment.
    FromEnv(FromEnvArgs),
    /// Write a first spec file, and its schema for editors beside it.
    Init(InitArgs),
    /// Package this program's frontend as an image and push it.
    Frontend(Box<FrontendArgs>),
    /// Say which daemon is found, and what it can do.
    Doctor(DoctorArgs),
    /// Print a script that lets a shell complete this program's arguments.
    Completions(CompletionsArgs),
    /// Print the manual page, or write the pages of all commands.
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
    after_help = "The image config is not part of LLB. Hand it over as an exporter attribute:\n  imagespec compile --config-file config.json . > app.pb\n  buildctl build --local context=. < app.pb \\\n    --output 'type=image,name=app,\"containerimage.config='\"$(sed 's/\"/\"\"/g' config.json)\"'\"'"
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

/// Arguments of `lock`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Writes `pylock.<spec>-<architecture>.toml` beside the spec, one file per platform; commit them. A build reads the file of its platform and resolves nothing.\nVersions in a file that is there already are kept where they still fit.\n\nExamples:\n  imagespec lock\n  imagespec lock --upgrade --platform linux/amd64,linux/arm64\n  imagespec lock --check    in continuous integration\n\nExit codes: 0 done, 1 with --check: a lock is missing or of another spec."
)]
pub(crate) struct LockArgs {
    #[command(flatten)]
    pub(crate) spec: SpecArgs,
    /// Choose every version anew.
    #[arg(short = 'U', long)]
    pub(crate) upgrade: bool,
    /// Write nothing; fail if a lock is missing or of another spec.
    #[arg(long, conflicts_with = "upgrade")]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) options: BuildOptionArgs,
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,
    /// How to show progress.
    #[arg(long, value_enum, default_value_t = Progress::Auto, env = "BUILDKIT_PROGRESS")]
    pub(crate) progress: Progress,
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

/// Arguments of `tag`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The tag changes with everything that can change the image: the spec, the requirements, the lock beside the spec, copied files and sources, the platform if it is named. Secrets and the order of packages do not count.\n\n`build` uses it where no -t says otherwise.\n\nExamples:\n  imagespec tag\n  imagespec tag --format id"
)]
pub(crate) struct TagArgs {
    #[command(flatten)]
    pub(crate) spec: SpecArgs,
    /// Target platforms, comma-separated, if they are not the spec's.
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', env = "DOCKER_DEFAULT_PLATFORM")]
    pub(crate) platform: Vec<String>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = TagFormat::Name)]
    pub(crate) format: TagFormat,
}

/// Arguments of `exists`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Prints `exists`, `missing` or `unknown`, and the image's reference. The registry is asked by its own protocol, with the credentials of `docker login` or of the spec's `registry_config`; neither a daemon nor Docker is needed. A reference with a tag or digest that stands alone is one; anything else is a context.\n\nExamples:\n  imagespec exists || imagespec build -t \"$(imagespec tag)\" --push .\n  imagespec exists ghcr.io/my-team/train:1\n  imagespec exists -f train.yaml . registry.example.com/train:1\n\nExit codes: 0 it is there, 1 it is missing, 4 the registry does not say, or not to us."
)]
pub(crate) struct ExistsArgs {
    #[command(flatten)]
    pub(crate) spec: SpecArgs,
    /// The image that is asked for, instead of the spec's own.
    #[arg(value_name = "REFERENCE")]
    pub(crate) reference: Option<String>,
    /// Target platforms, comma-separated, if they are not the spec's.
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', env = "DOCKER_DEFAULT_PLATFORM")]
    pub(crate) platform: Vec<String>,
}

/// What `tag` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum TagFormat {
    /// The whole reference: registry, name and tag.
    Name,
    /// The tag alone.
    Tag,
    /// All digits of the tag's hash.
    Fingerprint,
    /// What tells the spec from others by its parameters alone (`_F_IMG_ID`).
    Id,
}

/// Arguments of `why`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  git show HEAD~1:imagespec.yaml > old.yaml; imagespec why --old-context . old.yaml imagespec.yaml\n  imagespec why --format json a/imagespec.yaml b/imagespec.yaml\n\nExit codes: 0 the same image, 1 another one."
)]
pub(crate) struct WhyArgs {
    /// The one spec.
    pub(crate) old: std::path::PathBuf,
    /// The other.
    pub(crate) new: std::path::PathBuf,
    /// The build context of the first. Default: the folder it is in.
    #[arg(long, value_name = "DIR")]
    pub(crate) old_context: Option<std::path::PathBuf>,
    /// The build context of the second. Default: the folder it is in.
    #[arg(long, value_name = "DIR")]
    pub(crate) new_context: Option<std::path::PathBuf>,
    /// Which image of files that have several.
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    /// Form of the report.
    #[arg(long, value_enum, default_value_t = TextFormat::Text)]
    pub(crate) format: TextFormat,
}

/// Arguments of `from-env`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  imagespec from-env > imagespec.yaml\n  imagespec from-env --python .venv/bin/python --base-image python:3.12-slim"
)]
pub(crate) struct FromEnvArgs {
    /// The interpreter whose environment is meant.
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    pub(crate) python: String,
    /// The base image of the spec.
    #[arg(long, value_name = "REF")]
    pub(crate) base_image: Option<String>,
    /// Ask for the minor version of Python, whatever its patch version.
    #[arg(long)]
    pub(crate) minor: bool,
}

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  imagespec init\n  imagespec init --python .venv/bin/python services/api")]
pub(crate) struct InitArgs {
    /// Take version and packages of this interpreter's environment.
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) python: Option<String>,
    /// The folder to write into.
    #[arg(value_name = "CONTEXT", default_value = ".")]
    pub(crate) context: std::path::PathBuf,
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
