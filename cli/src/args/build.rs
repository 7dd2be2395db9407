//! Flags of `build`. Their names and meanings follow `docker buildx build`.

use std::path::PathBuf;

use buildkit_client::progress::Mode;

use crate::args::{DaemonArgs, SpecsArgs};

/// Arguments of `build`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  imagespec build -t registry.example.com/team/app:1 --push .\n  imagespec build -t app:dev --load .\n  imagespec build -o type=oci,dest=app.tar .\n  imagespec build --secret id=secret_0,src=netrc --ca-bundle /etc/ssl/certs/ca-certificates.crt .\n  imagespec build -f train.yaml -f serve.yaml --push .\n  imagespec build --target train --target serve --load .\n\nWithout -t and an output, the build only fills the cache and keeps no image.\n\nSeveral images are built in parallel, and common steps run once. Each image gets the name in its spec. If one fails, the others are still built."
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
    /// Compile with this frontend image in the daemon instead of in this program.
    #[arg(long, value_name = "IMAGE")]
    pub(crate) frontend: Option<String>,
    /// A source policy as JSON: which images and downloads the build may use, and what replaces others. The daemon applies it.
    #[arg(long, value_name = "FILE", env = "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY")]
    pub(crate) source_policy_file: Option<PathBuf>,
    /// Build and push even if the image is up to date.
    #[arg(long)]
    pub(crate) always_build: bool,
    /// Save the facts gathered by this build to a file for `compile --facts`.
    #[arg(long, value_name = "FILE")]
    pub(crate) save_facts: Option<PathBuf>,
}

/// Options that change the build itself.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Build")]
pub(crate) struct BuildOptionArgs {
    /// Target platforms, comma-separated; overrides the spec.
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',', env = "DOCKER_DEFAULT_PLATFORM")]
    pub(crate) platform: Vec<String>,
    /// Pass a secret to the build: id=NAME,src=FILE or id=NAME,env=VARIABLE.
    #[arg(long, value_name = "SECRET")]
    pub(crate) secret: Vec<String>,
    /// Set a build argument, NAME=VALUE; without =VALUE, the value comes from the environment.
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) build_arg: Vec<String>,
    /// Replace an image that the spec names: NAME=docker-image://REF.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) build_context: Vec<String>,
    /// Add a label to the image, NAME=VALUE.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) label: Vec<String>,
    /// Add an entry to /etc/hosts in all steps, HOST:IP.
    #[arg(long, value_name = "HOST:IP")]
    pub(crate) add_host: Vec<String>,
    /// Network mode of all steps.
    #[arg(long, value_name = "default|none|host")]
    pub(crate) network: Option<String>,
    /// Run every step again, without the build cache.
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Run these steps again: `lock`, `apt`, `pip`, `commands`, or a step id from `imagespec plan`.
    #[arg(long, value_name = "STEP,…", value_delimiter = ',')]
    pub(crate) no_cache_filter: Vec<String>,
    /// Check registries for newer versions of the images.
    #[arg(long)]
    pub(crate) pull: bool,
    /// Extra CA certificates that the steps trust; they are not added to the image.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca_bundle: Option<PathBuf>,
    /// Import a build cache, for example type=registry,ref=REF or type=local,src=FOLDER.
    #[arg(long, value_name = "CACHE")]
    pub(crate) cache_from: Vec<String>,
}

/// Options for the result.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// Image name, REPOSITORY:TAG. Default for a spec with a `name`: the output of `imagespec tag`.
    #[arg(short, long, value_name = "NAME")]
    pub(crate) tag: Vec<String>,
    /// Push the image to its registry.
    #[arg(long)]
    pub(crate) push: bool,
    /// Load the image into the Docker Engine.
    #[arg(long)]
    pub(crate) load: bool,
    /// Output destination: type=image|registry|oci|docker|local|tar,dest=..., a folder, or - for a tar on stdout.
    #[arg(short, long, value_name = "OUTPUT")]
    pub(crate) output: Vec<String>,
    /// Compression of the new layers in a push, unless --output sets one.
    #[arg(long, value_enum, default_value_t = Compression::Zstd, env = "IMAGESPEC_COMPRESSION")]
    pub(crate) compression: Compression,
    /// Export the build cache, for example type=registry,ref=REF,mode=max or type=local,dest=FOLDER.
    #[arg(long, value_name = "CACHE")]
    pub(crate) cache_to: Vec<String>,
    /// Allow an extra privilege: network.host or security.insecure.
    #[arg(long, value_name = "ENTITLEMENT")]
    pub(crate) allow: Vec<String>,
    /// Add an annotation to the image, NAME=VALUE.
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) annotation: Vec<String>,
    /// Add an attestation, for example type=sbom.
    #[arg(long, value_name = "ATTESTATION")]
    pub(crate) attest: Vec<String>,
    /// Shorthand for --attest=type=provenance.
    #[arg(long, value_name = "OPTIONS", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) provenance: Option<String>,
    /// Shorthand for --attest=type=sbom.
    #[arg(long, value_name = "OPTIONS", num_args = 0..=1, default_missing_value = "true")]
    pub(crate) sbom: Option<String>,
    /// Progress output.
    #[arg(long, value_enum, default_value_t = Progress::Auto, env = "BUILDKIT_PROGRESS")]
    pub(crate) progress: Progress,
    /// Show no progress; print only the image id.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Write the build metadata to a file as JSON; for several images, one entry each, keyed by -f and --target.
    #[arg(long, value_name = "FILE")]
    pub(crate) metadata_file: Option<PathBuf>,
    /// Write the image id to a file.
    #[arg(long, value_name = "FILE")]
    pub(crate) iidfile: Option<PathBuf>,
}

/// Layer compressions (`moby/buildkit: util/compression`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Compression {
    /// Several times faster than gzip and slightly smaller; pulled by containerd 1.5+, CRI-O 1.20+ and Docker 23+.
    Zstd,
    /// Supported everywhere.
    Gzip,
    /// gzip that containerd's stargz snapshotter can pull lazily.
    Estargz,
    /// No compression.
    Uncompressed,
}

impl Compression {
    /// The exporter's name for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
            Self::Estargz => "estargz",
            Self::Uncompressed => "uncompressed",
        }
    }
}

/// Progress displays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Progress {
    /// `tty` on a terminal, otherwise `plain`.
    // An empty variable is as good as none.
    #[value(alias = "")]
    Auto,
    /// An interactive display.
    Tty,
    /// A plain log.
    Plain,
    /// BuildKit's status messages as JSON lines, on stderr.
    Rawjson,
    /// Events as JSON lines, on stderr: steps, logs, warnings, what was delivered, and what failed with its fields and places.
    Json,
    /// No progress.
    // buildx calls it so.
    #[value(alias = "none")]
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
