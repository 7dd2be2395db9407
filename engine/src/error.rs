//! Why an engine could not build an image.

use std::sync::Arc;

use buildkit_client::dial::DialError;
use buildkit_client::error::SolveError;
use buildkit_client::session::{SessionEnd, SessionError};
use imagespec::{Diagnostic, Problems};
use imagespec_driver::{BuildError, DriveError, StepFailure};

use imagespec_driver::CredentialsError;
use imagespec_driver::SecretsError;
use imagespec_driver::content::ContentError;

/// Why an image was not built.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The engine has no builders.
    #[error("no image builder is registered")]
    NoBuilder,
    /// The spec names a builder that is not registered.
    #[error("the image builder {name:?} is not registered; registered builders are {}", .known.join(", "))]
    UnknownBuilder {
        /// The name in the spec.
        name: String,
        /// The registered builders.
        known: Vec<String>,
    },
    /// The builder `noop` got a spec whose base image is not a reference.
    #[error("the image builder \"noop\" uses the base image as it is, so `base_image` must be an image reference")]
    NoReference,
    /// The spec is invalid, on its own or given the facts that the build gathered.
    #[error("the spec has problems: {}", first(&.0.diagnostics))]
    Spec(Box<Problems>),
    /// A step of the build failed.
    #[error("{}", .0.diagnostic.message)]
    Step(Box<StepFailure>),
    /// Files that the spec refers to cannot be read.
    #[error(transparent)]
    Content(ContentError),
    /// A secret of the spec has no source or cannot be read.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// Registry credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// It is unknown whether the image exists, and the settings ask to fail in this case (`FLYTE_IMG_FAST_FAIL`).
    #[error("cannot tell whether {image} exists: {reason}; it is not built because FLYTE_IMG_FAST_FAIL is set")]
    ExistenceUnknown {
        /// The image.
        image: String,
        /// What went wrong.
        reason: String,
    },
    /// The daemon cannot be reached.
    #[error(transparent)]
    Dial(Box<DialError>),
    /// The session could not be opened.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The session ended before the build.
    #[error(transparent)]
    SessionLost(#[from] SessionEnd),
    /// The build failed.
    #[error(transparent)]
    Solve(#[from] SolveError),
    /// The image could not be built, pushed or loaded as requested.
    #[error("{image}: {problem}")]
    Delivery {
        /// The image.
        image: String,
        /// What went wrong.
        problem: String,
    },
    /// Another error of a builder.
    #[error(transparent)]
    Builder(Arc<dyn std::error::Error + Send + Sync>),
}

impl EngineError {
    /// An error of a builder's own kind.
    ///
    /// ```
    /// use imagespec_engine::EngineError;
    ///
    /// let error = EngineError::from_builder(std::io::Error::other("out of order"));
    /// assert_eq!(error.to_string(), "out of order");
    /// ```
    pub fn from_builder(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Builder(Arc::new(error))
    }

    /// The error as text. Problems of the spec are shown with the lines they are in.
    ///
    /// ```
    /// use imagespec::ImageSpec;
    /// use imagespec_engine::{ImageBuildEngine, LlbBuilder};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut engine = ImageBuildEngine::new();
    /// engine.register("llb", LlbBuilder::new("unix:///run/buildkit/buildkitd.sock".parse()?), 5);
    /// let spec = ImageSpec::named("train")?.with_requirements("no-such-file.txt")?;
    /// let rendered = engine.build(&spec).await.unwrap_err().render();
    /// assert!(rendered.contains("there is no file no-such-file.txt in the build context"), "{rendered}");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn render(&self) -> String {
        match self {
            Self::Spec(problems) => problems.render(),
            Self::Step(failure) => imagespec::render(&failure.diagnostic, &failure.sources),
            other => other.to_string(),
        }
    }

    /// The error of a failed build.
    pub(crate) fn from_build(image: &str, error: BuildError) -> Self {
        match error {
            BuildError::Input(problem) | BuildError::Refused(problem) | BuildError::Internal(problem) => {
                Self::Delivery { image: image.to_owned(), problem }
            }
            BuildError::Spec(problems) => Self::Spec(problems),
            BuildError::Step(failure) => Self::Step(failure),
            BuildError::Session(error) => error.into(),
            BuildError::SessionLost(end) => end.into(),
            BuildError::Solve(error) => error.into(),
            BuildError::Cancelled => SolveError::Cancelled.into(),
        }
    }

    pub(crate) fn from_status(message: impl Into<String>) -> Self {
        Self::Solve(SolveError::Frontend(message.into().into()))
    }
}

impl From<DialError> for EngineError {
    fn from(error: DialError) -> Self {
        Self::Dial(Box::new(error))
    }
}

impl From<ContentError> for EngineError {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::Spec(problems) => Self::Spec(problems),
            other => Self::Content(other),
        }
    }
}

impl From<DriveError> for EngineError {
    fn from(error: DriveError) -> Self {
        match error {
            DriveError::Problems(problems) => Self::Spec(problems),
            DriveError::Failed(status) | DriveError::Step { status, .. } => Self::from_status(status.message),
        }
    }
}

/// The first problem, for the one-line message.
fn first(diagnostics: &[Diagnostic]) -> String {
    let describe = |diagnostic: &Diagnostic| format!("{}: {}", diagnostic.code, diagnostic.message);
    diagnostics.first().map(describe).unwrap_or_default()
}
