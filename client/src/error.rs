//! Why a build did not succeed, in terms of whose move it is.
//!
//! Errors of connecting are [`crate::dial::DialError`]; this is what happens from the first call on. The daemon's typed
//! details are [`ErrorDetails`], excerpts of the spec are rendered by [`render_source`].

mod details;
mod source;

use std::collections::BTreeMap;

use thiserror::Error;
use tonic::{Code, Status};

pub use self::details::{ErrorDetails, Subject};
pub use self::source::{LineRange, Source, render_source};

/// A build, or another call to the daemon, that failed.
///
/// ```
/// use buildkit_client::error::SolveError;
///
/// let lost = SolveError::from_status(&tonic::Status::unavailable("connection reset"));
/// assert!(matches!(lost, SolveError::Lost { .. }) && lost.is_retryable());
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SolveError {
    /// The request makes no sense to the daemon, or to us before it was sent: the caller has to change it.
    #[error("invalid request: {message}")]
    Invalid {
        /// The reason.
        message: String,
        /// What the daemon attached.
        details: Box<ErrorDetails>,
    },
    /// The daemon can't be reached any more, or stopped.
    #[error("lost the BuildKit daemon: {message}")]
    Lost {
        /// The message of the connection.
        message: String,
    },
    /// A registry, a credential or a secret was refused.
    #[error("{message}")]
    Refused {
        /// The daemon's message.
        message: String,
        /// What the daemon attached.
        details: Box<ErrorDetails>,
    },
    /// A step of the build failed.
    #[error("{}", .0.message)]
    Build(Box<BuildFailure>),
    /// The code that drives the build on our side failed and the daemon had no error of its own.
    #[error("{0}")]
    Frontend(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The daemon, or the machine it runs on, is at its limits.
    #[error("the daemon is out of resources: {message}")]
    Exhausted {
        /// The daemon's message.
        message: String,
    },
    /// The daemon's answer can't be understood.
    #[error("can't read the daemon's answer: {message}")]
    Unreadable {
        /// What is wrong with it.
        message: String,
    },
    /// The daemon reports a fault of its own.
    #[error("internal error of the daemon: {message}")]
    Internal {
        /// The daemon's message.
        message: String,
        /// What the daemon attached.
        details: Box<ErrorDetails>,
    },
}

/// A step of the build that failed, with all that is known about it.
///
/// ```
/// use buildkit_client::error::SolveError;
///
/// let status = tonic::Status::unknown("process \"make\" did not complete successfully: exit code: 2");
/// let SolveError::Build(failure) = SolveError::from_status(&status) else { panic!("a step failed") };
/// assert_eq!(failure.exit_code, Some(2));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildFailure {
    /// The daemon's message.
    pub message: String,
    /// The step, when the daemon names it.
    pub vertex: Option<FailedVertex>,
    /// Exit code of the step's process.
    pub exit_code: Option<u32>,
    /// What the daemon attached, spec excerpts included.
    pub details: ErrorDetails,
}

/// The step that failed.
///
/// ```
/// use buildkit_client::error::SolveError;
///
/// let explain = |error: &SolveError| {
///     let SolveError::Build(failure) = error else { return None };
///     let vertex = failure.vertex.as_ref()?;
///     Some(format!("{}\n{}", vertex.name.as_deref().unwrap_or(&vertex.digest), vertex.log_tail.join("\n")))
/// };
/// assert_eq!(explain(&SolveError::Cancelled), None);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedVertex {
    /// Its digest in the definition.
    pub digest: String,
    /// Its name, when it was seen in the progress.
    pub name: Option<String>,
    /// The last lines it wrote.
    pub log_tail: Vec<String>,
}

impl SolveError {
    /// Whether the same build may succeed if simply tried again on a new connection.
    ///
    /// True for [`SolveError::Lost`] and [`SolveError::Exhausted`] only. Steps that failed, refusals and cancellations are
    /// not: nothing suggests that they would go another way.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Exhausted { .. })
    }

    /// What the daemon attached to its answer, if there was one.
    #[must_use]
    pub fn details(&self) -> Option<&ErrorDetails> {
        match self {
            Self::Invalid { details, .. } | Self::Refused { details, .. } | Self::Internal { details, .. } => {
                Some(details)
            }
            Self::Build(failure) => Some(&failure.details),
            Self::Lost { .. }
            | Self::Frontend(_)
            | Self::Cancelled
            | Self::Exhausted { .. }
            | Self::Unreadable { .. } => None,
        }
    }

    /// Excerpts of the spec the error points at, in the order to print them.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        self.details().map_or(&[], |details| &details.sources)
    }

    /// Reads a gRPC status as the daemon means it.
    #[must_use]
    pub fn from_status(status: &Status) -> Self {
        Self::from_status_with(status, &BTreeMap::new())
    }

    /// As [`SolveError::from_status`], completing the failed step from the progress seen so far.
    pub(crate) fn from_status_with(status: &Status, seen: &BTreeMap<String, SeenVertex>) -> Self {
        // Causes are local ones only: what travelled over the wire has none.
        if let Some(cause) = std::error::Error::source(status) {
            return Self::Lost { message: format!("{}: {}", status.message(), crate::dial::error_chain(cause)) };
        }
        let details = ErrorDetails::from_status(status);
        let message = status.message().to_owned();
        if let Some(failure) = BuildFailure::find(&message, &details, seen) {
            return if is_refusal(status.code(), &message) {
                Self::Refused { message, details: Box::new(details) }
            } else {
                Self::Build(Box::new(failure))
            };
        }
        match status.code() {
            _ if is_refusal(status.code(), &message) => Self::Refused { message, details: Box::new(details) },
            Code::Cancelled => Self::Cancelled,
            Code::Unavailable => Self::Lost { message },
            Code::ResourceExhausted => Self::Exhausted { message },
            Code::Internal | Code::DataLoss => Self::Internal { message, details: Box::new(details) },
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented => Self::Invalid { message, details: Box::new(details) },
            // A frontend's complaint, an exporter that failed: the build did not work, though no step is named.
            Code::Ok
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::PermissionDenied
            | Code::Unauthenticated => {
                Self::Build(Box::new(BuildFailure { exit_code: details.exit_code, message, vertex: None, details }))
            }
        }
    }
}

/// What the progress reported about a vertex.
#[derive(Debug, Clone, Default)]
pub(crate) struct SeenVertex {
    pub(crate) name: String,
    /// It ended with an error that is not just a cancellation.
    pub(crate) failed: bool,
    pub(crate) log_tail: std::collections::VecDeque<String>,
    pub(crate) partial: String,
}

impl BuildFailure {
    /// A failure of a step: the daemon names a vertex, or an exit code.
    fn find(message: &str, details: &ErrorDetails, seen: &BTreeMap<String, SeenVertex>) -> Option<Self> {
        // Old daemons name no vertex, but the progress shows which one failed.
        let failed = || seen.iter().find(|(_, seen)| seen.failed).map(|(digest, _)| digest.clone());
        let digest = details.vertex.clone().or_else(failed);
        let exit_code = details.exit_code.or_else(|| exit_code_in(message));
        if digest.is_none() && exit_code.is_none() {
            return None;
        }
        let vertex = digest.map(|digest| {
            let seen = seen.get(&digest);
            FailedVertex {
                name: seen.map(|seen| seen.name.clone()).filter(|name| !name.is_empty()),
                log_tail: seen.map(SeenVertex::lines).unwrap_or_default(),
                digest,
            }
        });
        Some(Self { message: message.to_owned(), vertex, exit_code, details: details.clone() })
    }
}

/// BuildKit before 0.9, which Engine 20.10 has, attaches no exit code but ends its message with it.
fn exit_code_in(message: &str) -> Option<u32> {
    message.rsplit_once("exit code: ")?.1.trim().parse().ok()
}

/// Texts with which BuildKit, containerd's resolver and registries refuse; the gRPC code is often lost on the way.
const REFUSALS: [&str; 8] = [
    "authorization failed",
    "insufficient_scope",
    "pull access denied",
    "push access denied",
    "no basic auth credentials",
    "401 Unauthorized",
    "403 Forbidden",
    "error getting credentials",
];

fn is_refusal(code: Code, message: &str) -> bool {
    matches!(code, Code::Unauthenticated | Code::PermissionDenied)
        || REFUSALS.iter().any(|text| message.contains(text))
        // "secret NAME: not found" (moby/buildkit: solver/llbsolver/mounts/mount.go).
        || (message.contains("secret ") && message.ends_with(": not found"))
}

#[cfg(test)]
mod tests;
