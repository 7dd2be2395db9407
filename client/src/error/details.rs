//! The details that the daemon attaches to an error.

use std::collections::BTreeMap;

use buildkit_proto::errdefs::{AnyDetail, ErrorDetail, SolveDetail};
use buildkit_proto::rpc::status as rpc_status;
use prost::Message as _;
use tonic::Status;

use super::source::{LineRange, Source};

/// Everything the daemon attached to an error.
///
/// ```
/// use buildkit_client::error::ErrorDetails;
///
/// let details = ErrorDetails::from_status(&tonic::Status::unknown("exit code: 1"));
/// assert_eq!(details, ErrorDetails::default(), "an old daemon attaches nothing");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorDetails {
    /// Places in the spec, in the order in which they arrived and should be printed.
    pub sources: Vec<Source>,
    /// Digest of the vertex that failed.
    pub vertex: Option<String>,
    /// Exit code of its process.
    pub exit_code: Option<u32>,
    /// The part of the vertex that failed.
    pub subject: Option<Subject>,
    /// Free text the daemon attached to the solve, for instance the platform.
    pub description: BTreeMap<String, String>,
    /// The frontend that failed and, for `gateway.v0`, its image.
    pub frontend: Option<(String, String)>,
    /// A capability that the frontend needs and the daemon lacks.
    pub missing_capability: Option<String>,
    /// A subrequest that the frontend does not support.
    pub unsupported_subrequest: Option<String>,
    /// Why a source policy refused.
    pub deny_messages: Vec<String>,
    /// Details of an unknown kind, such as Go stack traces, and details that can't be decoded.
    pub unknown: Vec<AnyDetail>,
}

/// The part of a vertex that failed.
///
/// ```
/// use buildkit_client::error::Subject;
///
/// let subject = Subject::FileAction(2);
/// assert_ne!(subject, Subject::ContentCache(2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// The file action with this index.
    FileAction(i64),
    /// Computing the content-based cache key of the input with this index.
    ContentCache(i64),
}

impl ErrorDetails {
    /// Reads the details in the `grpc-status-details-bin` of a status.
    #[must_use]
    pub fn from_status(status: &Status) -> Self {
        let mut details = Self::default();
        let Ok(decoded) = rpc_status::Status::decode(status.details()) else {
            return details;
        };
        for any in decoded.details {
            details.add(ErrorDetail::decode(&AnyDetail { type_url: any.type_url, value: any.value }));
        }
        details
    }

    fn add(&mut self, detail: ErrorDetail) {
        match detail {
            ErrorDetail::Source { info, ranges } => {
                let lines = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
                let ranges = ranges.iter().filter_map(|range| {
                    let start = lines(range.start.line);
                    LineRange::new(start, lines(range.end.line).max(start))
                });
                let ranges = ranges.collect();
                self.sources.push(Source { filename: info.filename, data: info.data, language: info.language, ranges });
            }
            // The innermost vertex is the one that failed; its callers add the others.
            ErrorDetail::Vertex { digest } => {
                self.vertex.get_or_insert(digest);
            }
            ErrorDetail::Solve(solve) => {
                self.subject = subject(&solve).or(self.subject);
                self.description.extend(solve.description);
            }
            ErrorDetail::Frontend { name, source } => self.frontend = Some((name, source)),
            ErrorDetail::FrontendCap { name } => self.missing_capability = Some(name),
            ErrorDetail::Subrequest { name } => self.unsupported_subrequest = Some(name),
            ErrorDetail::Exit { code } => self.exit_code = Some(code),
            ErrorDetail::PolicyDenial { messages } => self.deny_messages.extend(messages),
            ErrorDetail::Other(any) => self.unknown.push(any),
            // A detail that this crate does not know yet.
            other => self.unknown.push(other.encode()),
        }
    }
}

fn subject(solve: &SolveDetail) -> Option<Subject> {
    let file = solve.file_index().map(Subject::FileAction);
    file.or_else(|| solve.cache_index().map(Subject::ContentCache))
}
