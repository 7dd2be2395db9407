//! Why an image is not there when a build has ended.

use std::sync::Arc;

use buildkit_client::dial::DialError;
use buildkit_client::error::SolveError;
use buildkit_client::session::{SessionEnd, SessionError};
use imagespec::{Diagnostic, Problems};
use imagespec_driver::{BuildError, DriveError, StepFailure};

use imagespec_driver::CredentialsError;
use imagespec_driver::SecretsError;
use imagespec_driver::content::ContentError;

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// An engine without builders.
    #[error("no image builder is registered")]
    NoBuilder,
    /// The spec names a builder that the engine has not.
    #[error("the image builder {name:?} is not registered; known are {}", .known.join(", "))]
    UnknownBuilder {
        /// What the spec says.
        name: String,
        /// What the engine has.
        known: Vec<String>,
    },
    /// The builder `noop` got a spec it cannot take an image from.
    #[error("the image builder \"noop\" takes the base image as it is, so `base_image` has to be a reference")]
    NoReference,
    /// The spec is wrong, by itself or in the light of what its build found out.
    #[error("the spec has problems: {}", first(&.0.diagnostics))]
    Spec(Box<Problems>),
    /// A step of the build failed.
    #[error("{}", .0.diagnostic.message)]
    Step(Box<StepFailure>),
    /// Files behind the spec cannot be read.
    #[error(transparent)]
    Content(ContentError),
    /// Secrets of the spec cannot be had.
    #[error(transparent)]
    Secrets(#[from] SecretsError),
    /// Registry credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// A registry does not say whether it has the image, and nobody wants it built on the chance (`FLYTE_IMG_FAST_FAIL`).
    #[error("whether {image} is there is not known: {reason}; FLYTE_IMG_FAST_FAIL is set, so it is not built")]
    NotKnown {
        /// The image.
        image: String,
        /// What went wrong.
        reason: String,
    },
    /// The daemon cannot be reached.
    #[error(transparent)]
    Dial(Box<DialError>),
    /// The daemon takes no session.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The session ended before the build.
    #[error(transparent)]
    SessionLost(#[from] SessionEnd),
    /// The build failed.
    #[error(transparent)]
    Solve(#[from] SolveError),
    /// The image was built and could not be brought where it is wanted.
    #[error("{image}: {problem}")]
    Delivery {
        /// The image.
        image: String,
        /// What went wrong.
        problem: String,
    },
    /// Whatever else a builder says.
    #[error(transparent)]
    Builder(Arc<dyn std::error::Error + Send + Sync>),
}

impl EngineError {
    /// An error of a builder's own kind.
    ///
    /// ```
    /// use imagespec_engine::EngineError;
    ///
    /// let error = EngineError::of_builder(std::io::Error::other("out of order"));
    /// assert_eq!(error.to_string(), "out of order");
    /// ```
    pub fn of_builder(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Builder(Arc::new(error))
    }

    /// All that is wrong, each problem with the line of the spec it is in; the message alone where no line is to blame.
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

    /// A failed build of an image.
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

    pub(crate) fn of_status(message: impl Into<String>) -> Self {
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
            DriveError::Failed(status) | DriveError::Step { status, .. } => Self::of_status(status.message),
        }
    }
}

/// The first problem stands for all of them.
fn first(diagnostics: &[Diagnostic]) -> String {
    let said = |diagnostic: &Diagnostic| format!("{}: {}", diagnostic.code, diagnostic.message);
    diagnostics.first().map(said).unwrap_or_default()
}
