//! The typed details of errors: JSON behind a type URL (`moby/buildkit: solver/errdefs`, `frontend/gateway/pb/exit.go`,
//! `util/grpcerrors`).
//!
//! Decoding never fails: an unknown detail is kept as it is.

mod json;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::pb;

const PREFIX: &str = "github.com/moby/buildkit/";

/// One detail on the wire: a type URL and its bytes (JSON for BuildKit's own types).
///
/// ```
/// use buildkit_proto::errdefs::{AnyDetail, ErrorDetail};
///
/// let detail = AnyDetail { type_url: "example.com/odd".to_owned(), value: b"{}".to_vec() };
/// assert_eq!(ErrorDetail::decode(&detail), ErrorDetail::Other(detail), "an unknown detail stays as it came");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct AnyDetail {
    /// `github.com/moby/buildkit/errdefs.Source+json` and the like.
    pub type_url: String,
    /// The encoded value.
    pub value: Vec<u8>,
}

impl fmt::Debug for AnyDetail {
    /// The value is left out, because it contains whole files and graphs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyDetail({:?}, {} bytes)", self.type_url, self.value.len())
    }
}

/// A decoded detail of an error.
///
/// ```
/// use buildkit_proto::errdefs::ErrorDetail;
///
/// let detail = ErrorDetail::Exit { code: 3 };
/// assert_eq!(ErrorDetail::decode(&detail.encode()), detail);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value")]
#[non_exhaustive]
pub enum ErrorDetail {
    /// The place in a file that caused the failure; clients print it with `>>>` markers.
    #[serde(rename = "errdefs.Source+json")]
    Source {
        /// The file.
        #[serde(default, deserialize_with = "json::or_default")]
        info: SourceInfo,
        /// The lines.
        #[serde(default, deserialize_with = "json::or_default")]
        ranges: Vec<SourceRange>,
    },
    /// The failed vertex; added by the solver.
    #[serde(rename = "errdefs.Vertex+json")]
    Vertex {
        /// `sha256:…` of the vertex.
        #[serde(default)]
        digest: String,
    },
    /// The mounts of a failed vertex, from which debuggers start containers.
    #[serde(rename = "errdefs.Solve+json")]
    Solve(SolveDetail),
    /// The failed frontend; added by the daemon.
    #[serde(rename = "errdefs.Frontend+json")]
    Frontend {
        /// `gateway.v0`.
        #[serde(default)]
        name: String,
        /// The image, for `gateway.v0`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        source: String,
    },
    /// A capability that the frontend lacks.
    #[serde(rename = "errdefs.FrontendCap+json")]
    FrontendCap {
        /// Its full name.
        #[serde(default)]
        name: String,
    },
    /// A request that the frontend does not support.
    #[serde(rename = "errdefs.Subrequest+json")]
    Subrequest {
        /// The `requestid`.
        #[serde(default)]
        name: String,
    },
    /// The exit code of a process.
    #[serde(rename = "gatewayapi.ExitMessage+json")]
    Exit {
        /// The code; 255 if it is unknown.
        #[serde(rename = "Code", default)]
        code: u32,
    },
    /// A source policy denied a source.
    #[serde(rename = "policysession.DecisionResponse+json")]
    PolicyDenial {
        /// The reasons.
        #[serde(rename = "deny_messages", alias = "denyMessages", default, with = "json::deny_messages")]
        messages: Vec<String>,
    },
    /// Any other detail, or a known type whose value can't be decoded.
    #[serde(skip)]
    Other(AnyDetail),
}

/// A file of the user.
///
/// ```
/// use buildkit_proto::errdefs::{ErrorDetail, SourceInfo, SourceRange};
///
/// let file = SourceInfo { filename: "image.txt".into(), data: b"one\ntwo\n".to_vec(), ..SourceInfo::default() };
/// let detail = ErrorDetail::source(file.clone(), vec![SourceRange::lines(2, 2)]);
/// let ErrorDetail::Source { info, .. } = ErrorDetail::decode(&detail.encode()) else { panic!("it is one") };
/// assert_eq!(info, file);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceInfo {
    /// The name, as shown to the user.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub filename: String,
    /// Its text.
    #[serde(skip_serializing_if = "Vec::is_empty", with = "json::base64")]
    pub data: Vec<u8>,
    /// Linguist name of its language, `YAML`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub language: String,
    /// The graph that loaded it. It is sent with warnings; error details leave it out, because no client uses it there.
    #[serde(skip)]
    pub definition: Option<pb::Definition>,
}

/// A range of text, both ends included.
///
/// ```
/// use buildkit_proto::errdefs::SourceRange;
///
/// let range = SourceRange::lines(2, 4);
/// assert_eq!((range.start.line, range.end.line), (2, 4));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceRange {
    /// First position.
    pub start: SourcePosition,
    /// Last position.
    pub end: SourcePosition,
}

/// A position in a text.
///
/// ```
/// use buildkit_proto::errdefs::{SourcePosition, SourceRange};
///
/// let (start, end) = (SourcePosition { line: 2, character: 0 }, SourcePosition { line: 2, character: 3 });
/// let word = SourceRange { start, end };
/// assert!(word.start < word.end && SourceRange::lines(1, 1) < word, "in the order of the text");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct SourcePosition {
    /// From 1.
    #[serde(skip_serializing_if = "is_zero", deserialize_with = "json::line_number")]
    pub line: u32,
    /// From 0.
    #[serde(skip_serializing_if = "is_zero", deserialize_with = "json::line_number")]
    pub character: u32,
}

/// `errdefs.Solve`: ids by which the gateway can mount the inputs and mounts of the failed vertex.
///
/// ```
/// use buildkit_proto::errdefs::{ErrorDetail, SolveDetail};
///
/// let sent = ErrorDetail::Solve(SolveDetail { mount_ids: vec!["ref1".into()], ..SolveDetail::default() }).encode();
/// // What a failed step saw at its first mount can be looked into.
/// let ErrorDetail::Solve(solve) = ErrorDetail::decode(&sent) else { panic!("it is one") };
/// assert_eq!(solve.mount_ids, ["ref1"]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SolveDetail {
    /// Ids of the vertex's inputs.
    #[serde(rename = "inputIDs", skip_serializing_if = "Vec::is_empty")]
    pub input_ids: Vec<String>,
    /// Ids of its mounts, by mount index.
    #[serde(rename = "mountIDs", skip_serializing_if = "Vec::is_empty")]
    pub mount_ids: Vec<String>,
    /// The op as protojson.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op: Option<serde_json::Value>,
    /// The failed action of a file op (protojson writes its 64-bit index as text).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<serde_json::Value>,
    /// The input whose checksum failed, in the same form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<serde_json::Value>,
    /// The vertex's description.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub description: BTreeMap<String, String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde wants")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl SourceRange {
    /// A range of whole lines, both included.
    #[must_use]
    pub fn lines(first: u32, last: u32) -> Self {
        let line = |line| SourcePosition { line, character: 0 };
        Self { start: line(first), end: line(last) }
    }
}

impl From<SourceRange> for pb::Range {
    fn from(range: SourceRange) -> Self {
        let position = |position: SourcePosition| pb::Position {
            line: i32::try_from(position.line).unwrap_or(i32::MAX),
            character: i32::try_from(position.character).unwrap_or(i32::MAX),
        };
        Self { start: Some(position(range.start)), end: Some(position(range.end)) }
    }
}

impl From<SourceInfo> for pb::SourceInfo {
    fn from(info: SourceInfo) -> Self {
        let SourceInfo { filename, language, data, definition } = info;
        Self { filename, data, definition, language }
    }
}

impl SolveDetail {
    /// The index of the failed action of a file op.
    #[must_use]
    pub fn file_index(&self) -> Option<i64> {
        self.file.as_ref().map(index)
    }

    /// The index of the input whose content checksum failed.
    #[must_use]
    pub fn cache_index(&self) -> Option<i64> {
        self.cache.as_ref().map(index)
    }
}

/// Reads an index: protojson writes 64-bit numbers as text and omits 0.
fn index(value: &serde_json::Value) -> i64 {
    match value.get("index") {
        Some(serde_json::Value::String(text)) => text.parse().unwrap_or_default(),
        Some(number) => number.as_i64().unwrap_or_default(),
        None => 0,
    }
}

impl ErrorDetail {
    /// The type URL of [`ErrorDetail::Source`]. To look for a detail, this needs less code than decoding all of them.
    pub const SOURCE: &str = "github.com/moby/buildkit/errdefs.Source+json";
    /// The type URL of [`ErrorDetail::Exit`].
    pub const EXIT: &str = "github.com/moby/buildkit/gatewayapi.ExitMessage+json";

    /// The place in a file that caused the failure.
    #[must_use]
    pub fn source(info: SourceInfo, ranges: Vec<SourceRange>) -> Self {
        Self::Source { info, ranges }
    }

    /// Decodes a detail; an unknown detail becomes [`ErrorDetail::Other`].
    #[must_use]
    pub fn decode(any: &AnyDetail) -> Self {
        let known = any.type_url.strip_prefix(PREFIX).and_then(|name| {
            let value: serde_json::Value = serde_json::from_slice(&any.value).ok()?;
            serde_json::from_value(json!({"type": name, "value": value})).ok()
        });
        known.unwrap_or_else(|| Self::Other(any.clone()))
    }

    /// Encodes the detail in BuildKit's format.
    #[must_use]
    pub fn encode(&self) -> AnyDetail {
        #[derive(Deserialize)]
        struct Tagged<'a> {
            #[serde(rename = "type")]
            name: &'a str,
            #[serde(borrow)]
            value: &'a RawValue,
        }
        if let Self::Other(detail) = self {
            return detail.clone();
        }
        let text = serde_json::to_string(self).expect("plain structs with text keys always serialize");
        let Tagged { name, value } = serde_json::from_str(&text).expect("a type and a value were written");
        AnyDetail { type_url: format!("{PREFIX}{name}"), value: value.get().into() }
    }
}

#[cfg(test)]
mod tests;
