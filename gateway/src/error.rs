//! What can go wrong with a call to the bridge, sorted by whose move it is.
//!
//! Turning such an error into the answer to the client is `From<GatewayError> for Status`; nothing here prints or retries.

use oci_names::ParseReferenceError;
use tonic::Code;

use crate::status::Status;

/// Any failure of a [`Bridge`](crate::Bridge).
///
/// ```
/// use buildkit_gateway::{GatewayError, Status};
///
/// let error = GatewayError::Rpc { method: "ReadFile", status: Status::failed("open /x: no such file or directory") };
/// assert!(error.is_missing_file() && !error.is_final());
/// assert_eq!(Status::from(error).message, "open /x: no such file or directory");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// The daemon refused; its status is whole and can be passed on.
    #[error("{status}")]
    Rpc {
        /// The LLBBridge method.
        method: &'static str,
        /// The answer.
        status: Status,
    },
    /// The build was cancelled. Final: no call after it is sent.
    #[error("the build was cancelled during {method}")]
    Canceled {
        /// The LLBBridge method.
        method: &'static str,
        /// The answer.
        status: Status,
    },
    /// The connection is gone, which in a container is how cancellation looks. Final: no call after it is sent.
    #[error("lost the connection to BuildKit during {method}")]
    Lost {
        /// The LLBBridge method.
        method: &'static str,
        /// The message of the transport.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A call after cancellation or loss of the connection; it was not sent.
    #[error("{method} was not sent: the build is over")]
    Over {
        /// The LLBBridge method.
        method: &'static str,
    },
    /// The daemon did not answer in time.
    #[error("no answer to {method} within {seconds} s")]
    NoAnswer {
        /// The LLBBridge method.
        method: &'static str,
        /// How long we waited.
        seconds: u64,
    },
    /// The answer lacks a part it must have.
    #[error("the answer to {method} has no {what}")]
    Incomplete {
        /// The LLBBridge method.
        method: &'static str,
        /// The missing part.
        what: &'static str,
    },
    /// The daemon is too old for the request.
    #[error("this BuildKit cannot {what} (it lacks the capability {capability})")]
    MissingCapability {
        /// The capability id.
        capability: String,
        /// What it is needed for.
        what: &'static str,
    },
    /// A source policy turned the image into something else; resolve the new identifier instead, a bounded number of times.
    #[error("a source policy changed the image {reference} to {identifier}, which is not an image")]
    NotAnImage {
        /// The requested image.
        reference: String,
        /// `scheme://…` of what to use instead.
        identifier: String,
    },
    /// The image of the request is not a valid reference.
    #[error(transparent)]
    ImageReference(#[from] ParseReferenceError),
    /// The request contradicts itself.
    #[error("invalid request: {0}")]
    Invalid(&'static str),
    /// A second `Return`.
    #[error("the build was already answered")]
    AlreadyReturned,
    /// This process's stdin and stdout do not lead to a daemon.
    #[error("no BuildKit on stdin and stdout: this program is a BuildKit frontend, started by BuildKit itself")]
    Stdio(#[source] std::io::Error),
    /// The handshake on stdin and stdout failed.
    #[error("could not start talking to BuildKit on stdin and stdout")]
    Handshake(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl GatewayError {
    /// Whether the build is over, so that neither a retry nor an answer makes sense.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Canceled { .. } | Self::Lost { .. } | Self::Over { .. })
    }

    /// Whether a requested file does not exist. The daemon has no code for it, only the text of the system's error
    /// (`moby/buildkit: cache/util/fsutil.go`).
    #[must_use]
    pub fn is_missing_file(&self) -> bool {
        self.status().is_some_and(|status| {
            ["no such file or directory", "not a directory"].iter().any(|text| status.message.contains(text))
        })
    }

    /// The daemon's status, if it gave one.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Rpc { status, .. } | Self::Canceled { status, .. } => Some(status),
            _ => None,
        }
    }
}

/// A transport's error with its causes, in one line.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = match error.downcast_ref::<tonic::Status>() {
        Some(status) => status.message().to_owned(),
        None => error.to_string(),
    };
    let mut next = error.source();
    while let Some(cause) = next {
        let more = cause.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = cause.source();
    }
    text
}

impl From<GatewayError> for Status {
    fn from(error: GatewayError) -> Self {
        match error {
            GatewayError::Rpc { status, .. } | GatewayError::Canceled { status, .. } => status,
            GatewayError::Over { .. } => Self::new(Code::Cancelled, error.to_string()),
            GatewayError::Lost { .. } | GatewayError::NoAnswer { .. } => {
                Self::new(Code::Unavailable, error.to_string())
            }
            other => Self::failed(other.to_string()),
        }
    }
}
