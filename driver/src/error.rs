//! Errors of builds.

use buildkit_client::error::SolveError;
use buildkit_client::session::{SessionEnd, SessionError};
use imagespec::Problems;
use imagespec_frontend::{DriveError, Planned, Recorded, Vertices};

use crate::explain::{StepFailure, step_failure};

/// Why a build has no image.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The options cannot be combined, or the daemon does not support them.
    #[error("{0}")]
    Input(String),
    /// The spec is invalid, alone or together with facts of the build.
    #[error("the spec has errors")]
    Spec(Box<Problems>),
    /// A step of the build failed.
    #[error("{}", .0.diagnostic.message)]
    Step(Box<StepFailure>),
    /// The daemon refused the session.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The session ended before the build.
    #[error(transparent)]
    SessionLost(#[from] SessionEnd),
    /// The build failed.
    #[error(transparent)]
    Solve(#[from] SolveError),
    /// A registry, an Engine's image store, or credentials failed.
    #[error("{0}")]
    Refused(String),
    /// The caller cancelled the build.
    #[error("interrupted")]
    Cancelled,
    /// A bug.
    #[error("internal error: {0}")]
    Internal(String),
}

impl From<DriveError> for BuildError {
    fn from(error: DriveError) -> Self {
        match error {
            DriveError::Problems(problems) => Self::Spec(problems),
            DriveError::Failed(status) | DriveError::Step { status, .. } => Self::Input(status.message),
        }
    }
}

impl BuildError {
    /// The failure in terms of the spec, if it is related to the spec.
    pub(crate) fn explained(self, recorded: &Recorded, vertices: &Vertices) -> Self {
        match (self, recorded.get()) {
            (_, Some(Err(problems @ DriveError::Problems(_)))) => problems.clone().into(),
            (Self::Solve(SolveError::Build(failure)), Some(planned)) => match step_failure(&failure, planned, vertices)
            {
                Some(step) => Self::Step(Box::new(step)),
                None => SolveError::Build(failure).into(),
            },
            (error, _) => error,
        }
    }
}

/// The recorded plan, or the reason for a missing one. Problems of the spec are reported from the record and not from the daemon's
/// error.
pub(crate) fn take(
    recorded: &Recorded,
    vertices: &Vertices,
    outcome: Result<(), BuildError>,
) -> Result<Planned, BuildError> {
    match (recorded.get(), outcome) {
        (_, Err(error)) => Err(error.explained(recorded, vertices)),
        (Some(Ok(planned)), Ok(())) => Ok(planned.clone()),
        (Some(Err(error)), Ok(())) => Err(error.clone().into()),
        (None, Ok(())) => Err(BuildError::Internal("the build ended before the spec was read".to_owned())),
    }
}
