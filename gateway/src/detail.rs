//! BuildKit's typed error details: JSON behind a type URL (`moby/buildkit: solver/errdefs`, `frontend/gateway/pb/exit.go`).
//!
//! Decoding never fails: what is not understood stays as it came. Knows nothing of statuses or transports.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use buildkit_proto::pb;
use serde::{Deserialize, Serialize};

use crate::status::AnyDetail;

const PREFIX: &str = "github.com/moby/buildkit/";
const SOURCE: &str = "errdefs.Source+json";
const VERTEX: &str = "errdefs.Vertex+json";
const SOLVE: &str = "errdefs.Solve+json";
const FRONTEND: &str = "errdefs.Frontend+json";
const FRONTEND_CAP: &str = "errdefs.FrontendCap+json";
const SUBREQUEST: &str = "errdefs.Subrequest+json";
const EXIT: &str = "gatewayapi.ExitMessage+json";

/// A detail of a [`Status`](crate::Status), as far as it is known.
///
/// ```
/// use buildkit_gateway::ErrorDetail;
///
/// let detail = ErrorDetail::Exit { code: 3 };
/// assert_eq!(ErrorDetail::decode(&detail.encode()), detail);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum ErrorDetail {
    /// Where in a file the failure comes from; command lines print it with `>>>` markers.
    Source {
        /// The file.
        info: SourceInfo,
        /// The lines.
        ranges: Vec<SourceRange>,
    },
    /// Which vertex failed; added by the solver.
    Vertex {
        /// `sha256:…` of the vertex.
        digest: String,
    },
    /// What a failed vertex had mounted; debuggers start containers from it.
    Solve(SolveDetail),
    /// Which frontend failed; added around us by the daemon.
    Frontend {
        /// `gateway.v0`.
        name: String,
        /// The image, for `gateway.v0`.
        source: String,
    },
    /// A capability the frontend lacks.
    FrontendCap {
        /// Its full name.
        name: String,
    },
    /// A request the frontend does not know.
    Subrequest {
        /// The `requestid`.
        name: String,
    },
    /// The exit code of a process.
    Exit {
        /// 255 when it is not known.
        code: u32,
    },
    /// Anything else, or a known type whose value is unreadable.
    Other(AnyDetail),
}

/// A file the user wrote.
///
/// ```
/// use buildkit_gateway::{ErrorDetail, SourceInfo, SourceRange, Status};
///
/// let file = SourceInfo { filename: "image.txt".into(), data: b"one\ntwo\n".to_vec(), ..SourceInfo::default() };
/// let status = Status::failed("no such word").with_source(file, vec![SourceRange::lines(2, 2)]);
/// let Some(ErrorDetail::Source { info, .. }) = status.typed_details().next() else { panic!("it is there") };
/// assert_eq!(info.filename, "image.txt");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceInfo {
    /// As shown to the user.
    pub filename: String,
    /// Linguist name of its language, `YAML`.
    pub language: String,
    /// Its text.
    pub data: Vec<u8>,
    /// The graph that loaded it. Sent with warnings; left out of error details, where no client uses it.
    pub definition: Option<pb::Definition>,
}

/// A range of text, ends included.
///
/// ```
/// use buildkit_gateway::SourceRange;
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
/// use buildkit_gateway::{SourcePosition, SourceRange};
///
/// let (start, end) = (SourcePosition { line: 2, character: 0 }, SourcePosition { line: 2, character: 3 });
/// let word = SourceRange { start, end };
/// assert!(word.start < word.end && SourceRange::lines(1, 1) < word, "in the order of the text");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct SourcePosition {
    /// From 1.
    #[serde(skip_serializing_if = "is_zero")]
    pub line: u32,
    /// From 0.
    #[serde(skip_serializing_if = "is_zero")]
    pub character: u32,
}

/// `errdefs.Solve`: ids by which the gateway can mount what the failed vertex saw.
///
/// ```
/// use buildkit_gateway::{ErrorDetail, SolveDetail, Status};
///
/// let solve = SolveDetail { mount_ids: vec!["ref1".into()], ..SolveDetail::default() };
/// let status = Status::failed("exit code: 1").with_detail(&ErrorDetail::Solve(solve));
/// // What a failed step saw at its first mount can be looked into.
/// let mounted = status.typed_details().find_map(|detail| match detail {
///     ErrorDetail::Solve(solve) => solve.mount_ids.first().cloned(),
///     _ => None,
/// });
/// assert_eq!(mounted.as_deref(), Some("ref1"));
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
    /// Which action of a file op failed (protojson writes its 64-bit index as text).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<serde_json::Value>,
    /// Which input's checksum failed, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<serde_json::Value>,
    /// The vertex's description.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub description: std::collections::BTreeMap<String, String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde wants")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl SourceRange {
    /// Whole lines, both included.
    #[must_use]
    pub fn lines(first: u32, last: u32) -> Self {
        let line = |line| SourcePosition { line, character: 0 };
        Self { start: line(first), end: line(last) }
    }

    pub(crate) fn to_pb(self) -> pb::Range {
        let position = |position: SourcePosition| pb::Position {
            line: i32::try_from(position.line).unwrap_or(i32::MAX),
            character: i32::try_from(position.character).unwrap_or(i32::MAX),
        };
        pb::Range { start: Some(position(self.start)), end: Some(position(self.end)) }
    }
}

impl SourceInfo {
    pub(crate) fn into_pb(self) -> pb::SourceInfo {
        pb::SourceInfo {
            filename: self.filename,
            data: self.data,
            definition: self.definition,
            language: self.language,
        }
    }
}

/// The JSON of `errdefs.Source`: Go's `encoding/json` of protobuf structs.
#[derive(Serialize, Deserialize)]
struct SourceJson {
    #[serde(default)]
    info: Option<InfoJson>,
    #[serde(default)]
    ranges: Option<Vec<SourceRange>>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct InfoJson {
    #[serde(skip_serializing_if = "String::is_empty")]
    filename: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    data: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    language: String,
}

#[derive(Serialize, Deserialize)]
struct DigestJson {
    #[serde(default)]
    digest: String,
}

#[derive(Serialize, Deserialize)]
struct NameJson {
    #[serde(default)]
    name: String,
}

#[derive(Serialize, Deserialize)]
struct FrontendJson {
    #[serde(default)]
    name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    source: String,
}

#[derive(Serialize, Deserialize)]
struct ExitJson {
    #[serde(rename = "Code", default)]
    code: u32,
}

impl ErrorDetail {
    /// Where in a file the failure comes from.
    #[must_use]
    pub fn source(info: SourceInfo, ranges: Vec<SourceRange>) -> Self {
        Self::Source { info, ranges }
    }

    /// Reads a detail; what is not understood becomes [`ErrorDetail::Other`].
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
            _ => return None,
        })
    }

    /// Writes the detail as BuildKit reads it.
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
            Self::Other(detail) => detail.clone(),
        }
    }
}

fn any(name: &str, json: &impl Serialize) -> AnyDetail {
    AnyDetail {
        type_url: format!("{PREFIX}{name}"),
        value: serde_json::to_vec(json).expect("plain structs with text keys always serialise"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn round_trip(detail: &ErrorDetail, json: &str) {
        let any = detail.encode();
        assert_eq!(String::from_utf8(any.value.clone()).unwrap(), json);
        assert_eq!(&ErrorDetail::decode(&any), detail);
    }

    #[test]
    fn source_has_base64_data_and_both_ends() {
        let info = SourceInfo {
            filename: "imagespec.yaml".into(),
            language: "YAML".into(),
            data: b"name: x\n".to_vec(),
            definition: None,
        };
        round_trip(
            &ErrorDetail::source(info, vec![SourceRange::lines(1, 1)]),
            r#"{"info":{"filename":"imagespec.yaml","data":"bmFtZTogeAo=","language":"YAML"},"ranges":[{"start":{"line":1},"end":{"line":1}}]}"#,
        );
    }

    #[test]
    fn a_source_of_the_daemons_is_read() {
        let value = br#"{"info":{"filename":"Dockerfile","data":"RlJPTSB4","definition":{"def":["AA=="]}},"ranges":[{"start":{"line":3,"character":2},"end":{"line":4}}]}"#;
        let any = AnyDetail { type_url: format!("{PREFIX}{SOURCE}"), value: value.to_vec() };
        let ErrorDetail::Source { info, ranges } = ErrorDetail::decode(&any) else {
            panic!("no source");
        };
        assert_eq!((info.filename.as_str(), info.data.as_slice()), ("Dockerfile", b"FROM x".as_slice()));
        assert_eq!(ranges[0].start, SourcePosition { line: 3, character: 2 });
        assert_eq!(ranges[0].end, SourcePosition { line: 4, character: 0 });
    }

    #[test]
    fn the_others() {
        round_trip(&ErrorDetail::Vertex { digest: "sha256:1".into() }, r#"{"digest":"sha256:1"}"#);
        round_trip(
            &ErrorDetail::Frontend { name: "gateway.v0".into(), source: "x/y".into() },
            r#"{"name":"gateway.v0","source":"x/y"}"#,
        );
        round_trip(&ErrorDetail::Exit { code: 42 }, r#"{"Code":42}"#);
        let solve =
            br#"{"inputIDs":["a"],"mountIDs":["","b"],"op":{"exec":{}},"file":{"index":"1"},"description":{"k":"v"}}"#;
        let any = AnyDetail { type_url: format!("{PREFIX}{SOLVE}"), value: solve.to_vec() };
        let ErrorDetail::Solve(detail) = ErrorDetail::decode(&any) else {
            panic!("no solve detail");
        };
        assert_eq!((detail.input_ids, detail.mount_ids), (vec!["a".to_owned()], vec![String::new(), "b".to_owned()]));
        assert_eq!(detail.description["k"], "v");
    }

    #[test]
    fn the_unknown_and_the_broken_stay_as_they_are() {
        for (type_url, value) in [
            ("example.com/x", "{}"),
            ("github.com/moby/buildkit/stack.Stack+json", "{}"),
            ("github.com/moby/buildkit/errdefs.Source+json", "{"),
        ] {
            let any = AnyDetail { type_url: type_url.into(), value: value.as_bytes().to_vec() };
            assert_eq!(ErrorDetail::decode(&any), ErrorDetail::Other(any.clone()));
            assert_eq!(ErrorDetail::decode(&any).encode(), any);
        }
    }
}
