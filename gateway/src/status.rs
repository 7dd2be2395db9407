//! The status an RPC fails with and a frontend answers with: `google.rpc.Status`, kept whole.
//!
//! A status is passed on unchanged, details unknown to us included, because exit codes, source markers and debuggers live
//! in them (`moby/buildkit: util/grpcerrors`). [`ErrorDetail`] reads the known ones.

use std::fmt;

use buildkit_proto::errdefs::{AnyDetail, ErrorDetail, SourceInfo, SourceRange};
use buildkit_proto::rpc::protobuf::Any;
use buildkit_proto::rpc::status as wire;
use prost::Message as _;

use tonic::Code;

/// A failure as it travels between daemon, frontend and client.
///
/// ```
/// use buildkit_gateway::{ErrorDetail, SourceInfo, SourceRange, Status};
///
/// let spec = SourceInfo { filename: "spec.txt".into(), data: b"one\ntwo\n".to_vec(), ..SourceInfo::default() };
/// let status = Status::failed("no such word").with_source(spec, vec![SourceRange::lines(2, 2)]).with_context("spec.txt");
/// assert_eq!(status.to_string(), "spec.txt: no such word");
/// assert!(status.typed_details().any(|detail| matches!(detail, ErrorDetail::Source { .. })));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// The gRPC code as a number, so that codes this library does not know survive.
    pub code: i32,
    /// What the user reads.
    pub message: String,
    /// Details in their order; ours are appended after those received.
    pub details: Vec<AnyDetail>,
}

impl Status {
    /// A status of the given code.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code: code as i32, message: message.into(), details: Vec::new() }
    }

    /// The user's mistake or a failed build: code Unknown, whose name Go clients do not print.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Code::Unknown, message)
    }

    /// The answer to a capability in `frontend.caps` that the frontend lacks; buildx compares code and text.
    #[must_use]
    pub fn unsupported_frontend_cap(name: &str) -> Self {
        Self::new(Code::Unimplemented, format!("unsupported frontend capability {name}"))
            .with_detail(&ErrorDetail::FrontendCap { name: name.to_owned() })
    }

    /// The answer to an unknown `requestid`; BuildKit 0.8 compares the text.
    #[must_use]
    pub fn unsupported_subrequest(name: &str) -> Self {
        Self::failed(format!("unsupported request {name}"))
            .with_detail(&ErrorDetail::Subrequest { name: name.to_owned() })
    }

    /// The gRPC code; one we do not know is Unknown.
    #[must_use]
    pub fn code(&self) -> Code {
        Code::from_i32(self.code)
    }

    /// Whether there is a detail saying where in the user's file the mistake is.
    #[must_use]
    pub fn has_source(&self) -> bool {
        self.has_detail(ErrorDetail::SOURCE)
    }

    /// Whether there is a detail of a type.
    pub(crate) fn has_detail(&self, type_url: &str) -> bool {
        self.details.iter().any(|detail| detail.type_url == type_url)
    }

    /// The details, decoded as far as they are known.
    pub fn typed_details(&self) -> impl Iterator<Item = ErrorDetail> {
        self.details.iter().map(ErrorDetail::decode)
    }

    /// Appends a detail.
    #[must_use]
    pub fn with_detail(mut self, detail: &ErrorDetail) -> Self {
        self.details.push(detail.encode());
        self
    }

    /// Appends where in the user's file the mistake is.
    #[must_use]
    pub fn with_source(self, info: SourceInfo, ranges: Vec<SourceRange>) -> Self {
        self.with_detail(&ErrorDetail::source(info, ranges))
    }

    /// Puts a text before the message; code and details stay.
    #[must_use]
    pub fn with_context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }

    /// Reads the trailers of a failed RPC: the full status if it is there, else code and message.
    #[must_use]
    pub fn from_rpc(status: &tonic::Status) -> Self {
        match wire::Status::decode(status.details()) {
            Ok(full) if full.code == status.code() as i32 => Self::from_message(full),
            _ => Self::new(status.code(), status.message()),
        }
    }

    /// Takes over a status that is part of a message.
    /// The status as a client of the daemon gets it.
    ///
    /// ```
    /// use buildkit_gateway::Status;
    ///
    /// let status = Status::failed("no such file");
    /// assert_eq!(Status::from_rpc(&status.to_rpc()), status);
    /// ```
    #[must_use]
    pub fn to_rpc(&self) -> tonic::Status {
        let details = self.clone().into_message().encode_to_vec();
        tonic::Status::with_details(self.code(), self.message.clone(), details.into())
    }

    pub(crate) fn from_message(status: wire::Status) -> Self {
        let details = status.details.into_iter();
        Self {
            code: status.code,
            message: status.message,
            details: details.map(|any| AnyDetail { type_url: any.type_url, value: any.value }).collect(),
        }
    }

    pub(crate) fn into_message(self) -> wire::Status {
        let details = self.details.into_iter();
        wire::Status {
            code: self.code,
            message: self.message,
            details: details.map(|any| Any { type_url: any.type_url, value: any.value }).collect(),
        }
    }
}

impl fmt::Display for Status {
    /// As Go clients print it: with the name of the code, unless it is Unknown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code() {
            Code::Ok | Code::Unknown => f.write_str(&self.message),
            code => write!(f, "{code:?}: {}", self.message),
        }
    }
}

impl std::error::Error for Status {}

/// A mistake of the user, whose message is for users too.
macro_rules! from_mistake {
    ($error:ty) => {
        impl From<$error> for $crate::status::Status {
            fn from(error: $error) -> Self {
                Self::failed(error.to_string())
            }
        }
    };
}

pub(crate) use from_mistake;

from_mistake!(buildkit_llb::GitUrlError);
from_mistake!(oci_names::ParsePlatformError);
from_mistake!(oci_names::ParseReferenceError);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_a_received_status_is_sent_again() {
        let full = wire::Status {
            code: 2,
            message: "process failed".into(),
            details: vec![
                Any {
                    type_url: "github.com/moby/buildkit/errdefs.Vertex+json".into(),
                    value: br#"{"digest":"sha256:0"}"#.to_vec(),
                },
                Any { type_url: "example.com/unheard.Of".into(), value: vec![0, 255] },
            ],
        };
        let received = tonic::Status::with_details(Code::Unknown, "process failed", full.encode_to_vec().into());
        let status = Status::from_rpc(&received);
        assert_eq!(status.details.len(), 2);
        assert_eq!(status.into_message(), full);
    }

    #[test]
    fn a_status_without_details_keeps_code_and_message() {
        let status = Status::from_rpc(&tonic::Status::new(Code::NotFound, "no such job x"));
        assert_eq!((status.code(), status.message.as_str()), (Code::NotFound, "no such job x"));
        assert_eq!(status.to_string(), "NotFound: no such job x");
    }

    #[test]
    fn details_of_another_status_are_not_believed() {
        let other = wire::Status { code: 5, message: "other".into(), details: Vec::new() };
        let received = tonic::Status::with_details(Code::Internal, "broken", other.encode_to_vec().into());
        assert_eq!(Status::from_rpc(&received).message, "broken");
    }

    #[test]
    fn texts_clients_compare() {
        let cap = Status::unsupported_frontend_cap("moby.buildkit.frontend.x");
        assert_eq!((cap.code, cap.message.as_str()), (12, "unsupported frontend capability moby.buildkit.frontend.x"));
        assert_eq!(cap.details[0].type_url, "github.com/moby/buildkit/errdefs.FrontendCap+json");
        assert_eq!(cap.details[0].value, br#"{"name":"moby.buildkit.frontend.x"}"#);
        let request = Status::unsupported_subrequest("frontend.dance");
        assert_eq!((request.code, request.message.as_str()), (2, "unsupported request frontend.dance"));
        assert_eq!(request.details[0].type_url, "github.com/moby/buildkit/errdefs.Subrequest+json");
    }
}
