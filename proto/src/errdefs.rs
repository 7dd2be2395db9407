//! The typed details of errors: JSON behind a type URL (`moby/buildkit: solver/errdefs`, `frontend/gateway/pb/exit.go`,
//! `util/grpcerrors`).
//!
//! Decoding never fails: an unknown detail is kept as it is.

mod json;

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use self::json::{
    DecisionJson, DenyJson, DigestJson, ExitJson, FrontendJson, InfoJson, NameJson, SourceJson, line_number,
};
use crate::pb;

const PREFIX: &str = "github.com/moby/buildkit/";
const SOURCE: &str = "errdefs.Source+json";
const VERTEX: &str = "errdefs.Vertex+json";
const SOLVE: &str = "errdefs.Solve+json";
const FRONTEND: &str = "errdefs.Frontend+json";
const FRONTEND_CAP: &str = "errdefs.FrontendCap+json";
const SUBREQUEST: &str = "errdefs.Subrequest+json";
const EXIT: &str = "gatewayapi.ExitMessage+json";
const DECISION: &str = "policysession.DecisionResponse+json";

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
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ErrorDetail {
    /// The place in a file that caused the failure; clients print it with `>>>` markers.
    Source {
        /// The file.
        info: SourceInfo,
        /// The lines.
        ranges: Vec<SourceRange>,
    },
    /// The failed vertex; added by the solver.
    Vertex {
        /// `sha256:…` of the vertex.
        digest: String,
    },
    /// The mounts of a failed vertex, from which debuggers start containers.
    Solve(SolveDetail),
    /// The failed frontend; added by the daemon.
    Frontend {
        /// `gateway.v0`.
        name: String,
        /// The image, for `gateway.v0`.
        source: String,
    },
    /// A capability that the frontend lacks.
    FrontendCap {
        /// Its full name.
        name: String,
    },
    /// A request that the frontend does not support.
    Subrequest {
        /// The `requestid`.
        name: String,
    },
    /// The exit code of a process.
    Exit {
        /// The code; 255 if it is unknown.
        code: u32,
    },
    /// A source policy denied a source.
    PolicyDenial {
        /// The reasons.
        messages: Vec<String>,
    },
    /// Any other detail, or a known type whose value can't be decoded.
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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceInfo {
    /// The name, as shown to the user.
    pub filename: String,
    /// Linguist name of its language, `YAML`.
    pub language: String,
    /// Its text.
    pub data: Vec<u8>,
    /// The graph that loaded it. It is sent with warnings; error details leave it out, because no client uses it there.
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
    #[serde(skip_serializing_if = "is_zero", deserialize_with = "line_number")]
    pub line: u32,
    /// From 0.
    #[serde(skip_serializing_if = "is_zero", deserialize_with = "line_number")]
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
    /// The place in a file that caused the failure.
    #[must_use]
    pub fn source(info: SourceInfo, ranges: Vec<SourceRange>) -> Self {
        Self::Source { info, ranges }
    }

    /// Decodes a detail; an unknown detail becomes [`ErrorDetail::Other`].
    #[must_use]
    pub fn decode(any: &AnyDetail) -> Self {
        Self::decode_known(any).unwrap_or_else(|| Self::Other(any.clone()))
    }

    fn decode_known(any: &AnyDetail) -> Option<Self> {
        let value = any.value.as_slice();
        Some(match any.type_url.strip_prefix(PREFIX)? {
            SOURCE => {
                let json: SourceJson = serde_json::from_slice(value).ok()?;
                let info = json.info.unwrap_or_default();
                Self::Source {
                    info: SourceInfo {
                        filename: info.filename,
                        language: info.language,
                        data: BASE64.decode(info.data).ok()?,
                        definition: None,
                    },
                    ranges: json.ranges.unwrap_or_default(),
                }
            }
            VERTEX => {
                let json: DigestJson = serde_json::from_slice(value).ok()?;
                Self::Vertex { digest: json.digest }
            }
            SOLVE => Self::Solve(serde_json::from_slice(value).ok()?),
            FRONTEND => {
                let json: FrontendJson = serde_json::from_slice(value).ok()?;
                Self::Frontend { name: json.name, source: json.source }
            }
            FRONTEND_CAP => {
                let json: NameJson = serde_json::from_slice(value).ok()?;
                Self::FrontendCap { name: json.name }
            }
            SUBREQUEST => {
                let json: NameJson = serde_json::from_slice(value).ok()?;
                Self::Subrequest { name: json.name }
            }
            EXIT => {
                let json: ExitJson = serde_json::from_slice(value).ok()?;
                Self::Exit { code: json.code }
            }
            DECISION => {
                let json: DecisionJson = serde_json::from_slice(value).ok()?;
                Self::PolicyDenial { messages: json.deny_messages.into_iter().map(|deny| deny.message).collect() }
            }
            _ => return None,
        })
    }

    /// Encodes the detail in BuildKit's format.
    #[must_use]
    pub fn encode(&self) -> AnyDetail {
        match self {
            Self::Source { info, ranges } => {
                let SourceInfo { filename, language, data, definition: _ } = info;
                any(
                    SOURCE,
                    &SourceJson {
                        info: Some(InfoJson {
                            filename: filename.clone(),
                            data: BASE64.encode(data),
                            language: language.clone(),
                        }),
                        ranges: Some(ranges.clone()),
                    },
                )
            }
            Self::Vertex { digest } => any(VERTEX, &DigestJson { digest: digest.clone() }),
            Self::Solve(solve) => any(SOLVE, solve),
            Self::Frontend { name, source } => {
                any(FRONTEND, &FrontendJson { name: name.clone(), source: source.clone() })
            }
            Self::FrontendCap { name } => any(FRONTEND_CAP, &NameJson { name: name.clone() }),
            Self::Subrequest { name } => any(SUBREQUEST, &NameJson { name: name.clone() }),
            Self::Exit { code } => any(EXIT, &ExitJson { code: *code }),
            Self::PolicyDenial { messages } => {
                let deny_messages = messages.iter().map(|message| DenyJson { message: message.clone() }).collect();
                any(DECISION, &DecisionJson { deny_messages })
            }
            Self::Other(detail) => detail.clone(),
        }
    }
}

fn any(name: &str, json: &impl Serialize) -> AnyDetail {
    AnyDetail {
        type_url: format!("{PREFIX}{name}"),
        value: serde_json::to_vec(json).expect("plain structs with text keys always serialize"),
    }
}

#[cfg(test)]
mod tests;
