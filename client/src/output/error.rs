//! Why a result can't go where it should.

use std::path::PathBuf;

use thiserror::Error;

/// Why a result can't go where it should.
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
    #[error("an image needs a name to be pushed; give one with --tag")]
    PushWithoutName,
    /// The store of the Engine lacks the exporter.
    #[error(
        "{what} is not possible with the Engine's classic image store; enable its containerd image store or use another builder"
    )]
    ClassicStore {
        /// What was asked for.
        what: String,
    },
    /// `push-by-digest` on an Engine.
    #[error("an Engine can't push by digest; use another builder")]
    PushByDigest,
    /// An exporter that writes folders has none.
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
        /// Where to.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// Binary data for a terminal.
    #[error("type={kind} would write an archive to the terminal; give dest=FILE or redirect the output")]
    Terminal {
        /// The exporter.
        kind: &'static str,
    },
    /// Two archives for one pipe.
    #[error("only one output can go to standard output")]
    StdoutTwice,
    /// The Docker format knows one platform.
    #[error("type=docker holds one platform and no attestations; use type=oci{}", if *.loading { ", or an Engine with the containerd image store" } else { "" })]
    DockerFormat {
        /// Whether it was for loading.
        loading: bool,
    },
    /// Nothing to load into.
    #[error(
        "there is no Docker Engine to load the image into; push it, or write it with --output type=docker,dest=FILE"
    )]
    NoEngine,
    /// More than the daemon can do.
    #[error("this daemon takes one output per build; BuildKit 0.13 or newer takes several")]
    OneOutput,
    /// Something BuildKit can do and this client can't.
    #[error("{what} is not supported")]
    Unsupported {
        /// What.
        what: String,
    },
    /// Folders and archives of files have no image id.
    #[error("type={kind} does not make an image, so there is no id to write to --iidfile")]
    NoImageId {
        /// The exporter.
        kind: &'static str,
    },
}
