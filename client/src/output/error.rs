//! Errors of planning outputs.

use std::path::PathBuf;

use thiserror::Error;

/// An output that is not possible.
///
/// ```
/// use buildkit_client::dial::ImageStore;
/// use buildkit_client::output::{DaemonFacts, OutputError, OutputOptions, plan_outputs};
///
/// let options = OutputOptions { push: true, ..OutputOptions::default() };
/// let error = plan_outputs(&options, &DaemonFacts::new(ImageStore::None)).expect_err("an image without a name");
/// assert_eq!(error, OutputError::PushWithoutName);
/// ```
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputError {
    /// A push without a name.
    #[error("an image needs a name to be pushed; set one with --tag")]
    PushWithoutName,
    /// The store of the Engine lacks the exporter.
    #[error(
        "{what} is not possible with the Engine's classic image store; enable its containerd image store or use a different builder"
    )]
    ClassicStore {
        /// The requested output.
        what: String,
    },
    /// `push-by-digest` on an Engine.
    #[error("an Engine can't push by digest; use a different builder")]
    PushByDigest,
    /// An exporter that writes folders has no destination.
    #[error("type={kind} needs dest=FOLDER")]
    NeedsFolder {
        /// The exporter.
        kind: &'static str,
    },
    /// A destination of the wrong kind.
    #[error("type={kind} can't write to {path}: {problem}")]
    BadDestination {
        /// The exporter.
        kind: &'static str,
        /// The destination.
        path: PathBuf,
        /// The reason.
        problem: String,
    },
    /// Binary data for a terminal.
    #[error("type={kind} would write an archive to the terminal; set dest=FILE or redirect the output")]
    Terminal {
        /// The exporter.
        kind: &'static str,
    },
    /// Two archives go to standard output.
    #[error("only one output can go to standard output")]
    StdoutTwice,
    /// The Docker format supports one platform.
    #[error("type=docker supports one platform and no attestations; use type=oci{}", if *.loading { ", or an Engine with the containerd image store" } else { "" })]
    DockerFormat {
        /// Whether the image was to be loaded.
        loading: bool,
    },
    /// There is no Engine to load the image into.
    #[error(
        "there is no Docker Engine to load the image into; push it, or write it with --output type=docker,dest=FILE"
    )]
    NoEngine,
    /// Several outputs, but the daemon supports only one.
    #[error("this daemon supports one output per build; BuildKit 0.13 or newer supports several")]
    OneOutput,
    /// A feature of BuildKit that this client does not support.
    #[error("{what} is not supported")]
    Unsupported {
        /// The feature.
        what: String,
    },
    /// An image id is requested for a folder or an archive of files, which has none.
    #[error("type={kind} does not make an image, so there is no id to write to --iidfile")]
    NoImageId {
        /// The exporter.
        kind: &'static str,
    },
}
