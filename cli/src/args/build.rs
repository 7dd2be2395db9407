//! Flags of `build`; names and meaning are buildx's.

use std::path::PathBuf;

use buildkit_client::progress::Mode;

use crate::args::{DaemonArgs, SpecsArgs};

/// Arguments of `build`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  imagespec build -t registry.example.com/team/app:1 --push .\n  imagespec build -t app:dev --load .\n  imagespec build -o type=oci,dest=app.tar .\n  imagespec build --secret id=secret_0,src=netrc --ca-bundle /etc/ssl/certs/ca-certificates.crt .\n  imagespec build -f train.yaml -f serve.yaml --push .\n  imagespec build --target train --target serve --load .\n\nWithout -t and an output the build fills the cache and keeps no image.\n\nSeveral images are called by their specs. They are built side by side, what they have in common once, and one that fails does not stop the others."
)]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) specs: SpecsArgs,
    #[command(flatten)]
    pub(crate) options: BuildOptionArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) daemon: DaemonArgs,
    /// Run this frontend image in the daemon instead of compiling here.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) frontend: Option<String>,
    /// A source policy as JSON: which images and downloads the build may use, and what replaces others. The daemon applies it.
    #[arg(long, value_name = "FILE", env = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY")]
    pub(crate) source_policy_file: Option<PathBuf>,
    /// Build and push also what is up to date: nothing has changed since it was pushed, and its registry still has it.
    #[arg(long)]
    pub(crate) always_build: bool,
    /// Save the facts this build gathers, to replay it with `compile --facts`.
    #[arg(long, value_name = "FILE")]
    pub(crate) save_facts: Option<PathBuf>,
}

/// What changes the build itself.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Build")]
pub(crate) struct BuildOptionArgs {
    /// Target platforms, comma-separated; they win over the spec's.
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', env = "DOCKER_DEFAULT_PLATFORM")]
    pub(crate) platform: Vec<String>,
    /// A secret for the build: id=NAME,src=FILE or id=NAME,env=VARIABLE.
    #[arg(long, value_name = "SECRET")]
    pub(crate) secret: Vec<String>,
    /// A build argument, NAME=VALUE; without a value it is taken from the environment.
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) build_arg: Vec<String>,
    /// Use another image in the place of one the spec names: NAME=docker-image://REF.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) build_context: Vec<String>,
    /// A label of the image, NAME=VALUE.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) label: Vec<String>,
    /// A line for /etc/hosts of all steps, HOST:IP.
    #[arg(long, value_name = "HOST:IP")]
    pub(crate) add_host: Vec<String>,
    /// The network of all steps.
    #[arg(long, value_name = "default|none|host")]
    pub(crate) network: Option<String>,
    /// Run every step again.
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Run only these steps again: `lock`, `apt`, `pip`, `commands`, or an id that `imagespec plan` shows.
    #[arg(long, value_name = "STEP,…", value_delimiter = ',')]
    pub(crate) no_cache_filter: Vec<String>,
    /// Ask registries for newer images.
    #[arg(long)]
    pub(crate) pull: bool,
    /// Certificates that the steps trust beside the image's own; the image is not changed.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_bundle: Option<PathBuf>,
    /// Import cache, for example type=registry,ref=REF.
    #[arg(long, value_name = "CACHE")]
    pub(crate) cache_from: Vec<String>,
}

/// What becomes of the result.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Name of the image, REPOSITORY:TAG; by default what the spec says, if it has a name (see `tag`).
    #[arg(short, long, value_name = "NAME")]
    pub(crate) tag: Vec<String>,
    /// Push the image to its registry.
    #[arg(long)]
    pub(crate) push: bool,
    /// Load the image into the Docker Engine.
    #[arg(long)]
    pub(crate) load: bool,
    /// Where the result goes: type=image|registry|oci|docker|local|tar,dest=..., a folder, or - for a tar on stdout.
    #[arg(short, long, value_name = "OUTPUT")]
    pub(crate) output: Vec<String>,
    /// How a push compresses the layers it adds, unless --output says so itself.
    #[arg(long, value_enum, default_value_t = Compression::Zstd, env = "IMAGESPEC_COMPRESSION")]
    pub(crate) compression: Compression,
    /// Export cache, for example type=registry,ref=REF,mode=max.
    #[arg(long, value_name = "CACHE")]
    pub(crate) cache_to: Vec<String>,
    /// Allow more than the sandbox: network.host, security.insecure.
    #[arg(long, value_name = "ENTITLEMENT")]
    pub(crate) allow: Vec<String>,
    /// An annotation of the image, NAME=VALUE.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) annotation: Vec<String>,
    /// An attestation, for example type=sbom.
    #[arg(long, value_name = "ATTESTATION")]
    pub(crate) attest: Vec<String>,
    /// Shorthand for --attest=type=provenance.
    #[arg(long, value_name = "OPTIONS", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) provenance: Option<String>,
    /// Shorthand for --attest=type=sbom.
    #[arg(long, value_name = "OPTIONS", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) sbom: Option<String>,
    /// How to show progress.
    #[arg(long, value_enum, default_value_t = Progress::Auto, env = "BUILDKIT_PROGRESS")]
    pub(crate) progress: Progress,
    /// Show no progress; print the image id.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Write what the exporters report to a file; of several images under what -f and --target say of each.
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata_file: Option<PathBuf>,
    /// Write the image id to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) iidfile: Option<PathBuf>,
}

/// Compressions of layers (`moby/buildkit: util/compression`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Compression {
    /// Several times faster than gzip and a little smaller; pulled by containerd 1.5, CRI-O 1.20, Docker 23 and later.
    Zstd,
    /// Pulled by everything.
    Gzip,
    /// gzip that containerd's stargz snapshotter can read before all of it is there.
    Estargz,
    /// None.
    Uncompressed,
}

impl Compression {
    /// The exporter's word.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Estargz => "estargz",
            Self::Uncompressed => "uncompressed",
        }
    }
}

/// Ways to show progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Progress {
    /// `tty` on a terminal, else `plain`.
    Auto,
    /// A display that is redrawn.
    Tty,
    /// Lines.
    Plain,
    /// BuildKit's status messages as JSON lines, on stderr.
    Rawjson,
    /// Events as JSON lines, on stderr: steps, logs, warnings, what was delivered, and what failed with its fields and places.
    Json,
    /// Nothing.
    Quiet,
}

impl Progress {
    /// The renderer of a display; `None` where events are written as they are.
    pub(crate) fn mode(self) -> Option<Mode> {
        match self {
            Self::Auto => Some(Mode::Auto),
            Self::Tty => Some(Mode::Tty),
            Self::Plain => Some(Mode::Plain),
            Self::Rawjson => Some(Mode::RawJson),
            Self::Json => None,
            Self::Quiet => Some(Mode::Quiet),
        }
    }
}
