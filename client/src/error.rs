//! Why a build failed, grouped by who can fix it.
//!
//! Connection errors are [`crate::dial::DialError`]; the errors here occur after the first call. The daemon's typed
//! details are [`ErrorDetails`]; [`render_source`] renders excerpts of the spec.

mod details;
mod registry;
mod source;

use std::collections::BTreeMap;

use thiserror::Error;
use tonic::{Code, Status};

pub use self::details::{ErrorDetails, Subject};
pub use self::source::{LineRange, Source, render_source};

/// A failed build, or another failed call to the daemon.
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
    /// The daemon, or this client before sending it, rejected the request. The caller has to change it.
    #[error("invalid request: {message}")]
    Invalid {
        /// The reason.
        message: String,
        /// What the daemon attached.
        details: Box<ErrorDetails>,
    },
    /// The connection to the daemon was lost, or the daemon stopped.
    #[error("lost the BuildKit daemon: {message}")]
    Lost {
        /// The message of the connection.
        message: String,
    },
    /// Access to a registry or a secret was refused.
    #[error("{message}")]
    Refused {
        /// The daemon's message.
        message: String,
        /// What the daemon attached.
        details: Box<ErrorDetails>,
    },
    /// A registry is overloaded, fails, or cannot be reached by the daemon. The same build may succeed later.
    #[error("{message}")]
    Unavailable {
        /// The daemon's message.
        message: String,
        /// What the daemon attached.
        details: Box<ErrorDetails>,
    },
    /// The result cannot be written on this machine.
    #[error("can't write the result: {message}")]
    Output {
        /// What cannot be written, and why.
        message: String,
    },
    /// A step of the build failed.
    #[error("{}", .0.message)]
    Build(Box<BuildFailure>),
    /// The client code that drives the build failed, and the daemon reported no error.
    #[error("{0}")]
    Frontend(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The daemon or its machine is out of resources.
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
    /// The daemon reported an internal error.
    #[error("internal error of the daemon: {message}")]
    Internal {
        /// The daemon's message.
        message: String,
        /// What the daemon attached.
        details: Box<ErrorDetails>,
    },
}

/// A failed step of the build, with everything known about it.
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
    /// The step, if the daemon names it.
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
    /// Its name, if the progress reported it.
    pub name: Option<String>,
    /// The last lines it wrote.
    pub log_tail: Vec<String>,
}

impl SolveError {
    /// Whether the same build may succeed if it is retried on a new connection.
    ///
    /// True only for [`SolveError::Lost`], [`SolveError::Exhausted`] and [`SolveError::Unavailable`]. Failed steps, refusals and
    /// cancellations would most likely repeat.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Exhausted { .. } | Self::Unavailable { .. })
    }

    /// The registry that refused access or is unavailable, as `docker login` names it, if the message tells.
    ///
    /// ```
    /// use buildkit_client::error::SolveError;
    ///
    /// let status = tonic::Status::unknown("failed to push r.example/a:1: denied: requested access to the resource is denied");
    /// assert_eq!(SolveError::from_status(&status).registry(), Some("r.example"));
    /// ```
    #[must_use]
    pub fn registry(&self) -> Option<&str> {
        match self {
            Self::Refused { message, .. } | Self::Unavailable { message, .. } => registry::host(message),
            _ => None,
        }
    }

    /// Whether an Engine with the containerd store has lost layers of the image while it stored it. The same build succeeds if it is
    /// repeated, mostly from the cache.
    ///
    /// If the name belonged to another image before, that image is garbage as soon as the name is the new one's, and its layers are
    /// deleted even if the new image has them too and they are just being unpacked: `moby/buildkit` issue 6521, seen with Engine 28.5 in 3
    /// of 120 builds, of which 4 ran at a time.
    #[must_use]
    pub fn has_lost_layers(&self) -> bool {
        let message = self.to_string();
        ["failed to prepare extraction snapshot", "parent snapshot", "does not exist"]
            .iter()
            .all(|part| message.contains(part))
    }

    /// What the daemon attached to its answer, if there was one.
    #[must_use]
    pub fn details(&self) -> Option<&ErrorDetails> {
        match self {
            Self::Invalid { details, .. } | Self::Refused { details, .. } => Some(details),
            Self::Unavailable { details, .. } | Self::Internal { details, .. } => Some(details),
            Self::Build(failure) => Some(&failure.details),
            Self::Lost { .. }
            | Self::Output { .. }
            | Self::Frontend(_)
            | Self::Cancelled
            | Self::Exhausted { .. }
            | Self::Unreadable { .. } => None,
        }
    }

    /// The excerpts of the spec that the error points to, in the order to print them.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        self.details().map_or(&[], |details| &details.sources)
    }

    /// Converts a gRPC status of the daemon.
    #[must_use]
    pub fn from_status(status: &Status) -> Self {
        Self::from_status_with(status, &BTreeMap::new())
    }

    /// Like [`SolveError::from_status`], but completes the failed step from the progress so far.
    pub(crate) fn from_status_with(status: &Status, seen: &BTreeMap<String, SeenVertex>) -> Self {
        // Only local errors have a cause; errors from the wire have none.
        if let Some(cause) = std::error::Error::source(status) {
            return Self::Lost { message: format!("{}: {}", status.message(), chain(cause)) };
        }
        let details = ErrorDetails::from_status(status);
        let message = status.message().to_owned();
        if let Some(failure) = BuildFailure::find(&message, &details, seen) {
            return if is_refusal(status.code(), &message) {
                Self::Refused { message, details: Box::new(details) }
            } else if failure.exit_code.is_none() && registry::is_trouble(&message) {
                Self::Unavailable { message, details: Box::new(details) }
            } else {
                Self::Build(Box::new(failure))
            };
        }
        match status.code() {
            _ if is_refusal(status.code(), &message) => Self::Refused { message, details: Box::new(details) },
            _ if registry::is_trouble(&message) => Self::Unavailable { message, details: Box::new(details) },
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
            // For example an error of a frontend or an exporter: the build failed, but no step is named.
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
    /// It ended with an error other than a cancellation.
    pub(crate) failed: bool,
    pub(crate) log_tail: std::collections::VecDeque<String>,
    pub(crate) partial: String,
}

impl BuildFailure {
    /// The failed step, if the daemon names a vertex or an exit code.
    fn find(message: &str, details: &ErrorDetails, seen: &BTreeMap<String, SeenVertex>) -> Option<Self> {
        // Old daemons do not name the vertex, but the progress shows which one failed.
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

/// BuildKit before 0.9, as in Engine 20.10, does not attach the exit code, but its message ends with it.
fn exit_code_in(message: &str) -> Option<u32> {
    message.rsplit_once("exit code: ")?.1.trim().parse().ok()
}

fn is_refusal(code: Code, message: &str) -> bool {
    matches!(code, Code::Unauthenticated | Code::PermissionDenied)
        || registry::is_refusal(message)
        // "secret NAME: not found" (moby/buildkit: solver/llbsolver/mounts/mount.go).
        || (message.contains("secret ") && message.ends_with(": not found"))
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
