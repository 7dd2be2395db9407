//! Errors of driving a build.

use std::fmt;

use buildkit_gateway::Status;
use imagespec::Problems;
use imagespec_compile::{Document, StepInfo};

use crate::report;

/// Why driving a build failed.
#[derive(Clone, Debug)]
pub enum DriveError {
    /// The spec is invalid, alone or together with facts of the build.
    Problems(Box<Problems>),
    /// The daemon failed, or something could not be read.
    Failed(Status),
    /// A step that was necessary for planning failed, or a question could not be answered.
    Step {
        /// The daemon's report.
        status: Status,
        /// The spec.
        document: Box<Document>,
        /// The steps known so far.
        steps: Vec<StepInfo>,
    },
}

impl DriveError {
    /// What the daemon has reported.
    pub(crate) fn status_mut(&mut self) -> Option<&mut Status> {
        match self {
            Self::Problems(_) => None,
            Self::Failed(status) | Self::Step { status, .. } => Some(status),
        }
    }
}

impl fmt::Display for DriveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problems(problems) => f.write_str(&report::to_status(problems).message),
            Self::Failed(status) | Self::Step { status, .. } => f.write_str(&status.message),
        }
    }
}

impl std::error::Error for DriveError {}

impl From<DriveError> for Status {
    fn from(error: DriveError) -> Self {
        match error {
            DriveError::Problems(problems) => report::to_status(&problems),
            DriveError::Failed(status) | DriveError::Step { status, .. } => status,
        }
    }
}

impl From<Status> for DriveError {
    fn from(status: Status) -> Self {
        Self::Failed(status)
    }
}
