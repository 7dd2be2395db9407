//! The typed details of a gRPC status as BuildKit sends them (moby/buildkit: `util/grpcerrors`, `solver/errdefs`).
//!
//! They travel as `Any` messages whose value is *JSON*, not protobuf: Go's `encoding/json` of the message, or protojson in
//! the case of `Solve`. What is not understood is kept as it came.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use buildkit_proto::rpc::status as rpc_status;
use prost::Message as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tonic::Status;

use super::source::{LineRange, Source};

const PREFIX: &str = "github.com/moby/buildkit/";

/// Everything the daemon attached to an error.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorDetails {
    /// Places in the spec, in the order in which they came and should be printed.
    pub sources: Vec<Source>,
    /// Digest of the vertex that failed.
    pub vertex: Option<String>,
    /// Exit code of its process.
    pub exit_code: Option<u32>,
    /// What of the vertex failed.
    pub subject: Option<Subject>,
    /// Free text the daemon attached to the solve, for instance the platform.
    pub description: BTreeMap<String, String>,
    /// The frontend that failed and, for `gateway.v0`, its image.
    pub frontend: Option<(String, String)>,
    /// A capability the frontend asks for and the daemon lacks.
    pub missing_capability: Option<String>,
    /// A subrequest the frontend does not know.
    pub unsupported_subrequest: Option<String>,
    /// Why a source policy said no.
    pub deny_messages: Vec<String>,
    /// Details of a kind not known here, Go's stack traces among them.
    pub unknown: Vec<UnknownDetail>,
}

/// The part of a vertex that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The file action with this index.
    FileAction(i64),
    /// Computing the content-based cache key of the input with this index.
    ContentCache(i64),
}

/// A detail this crate doesn't know.
#[derive(Clone, PartialEq, Eq)]
pub struct UnknownDetail {
    /// Its type.
    pub type_url: String,
    /// Its bytes, JSON as a rule.
    pub value: Vec<u8>,
}

impl fmt::Debug for UnknownDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnknownDetail({}, {} bytes)", self.type_url, self.value.len())
    }
}

impl ErrorDetails {
    /// Reads what a status carries in `grpc-status-details-bin`; a detail that can't be read counts as unknown.
    #[must_use]
    pub fn from_status(status: &Status) -> Self {
        let mut details = Self::default();
        let Ok(decoded) = rpc_status::Status::decode(status.details()) else {
            return details;
        };
        for any in decoded.details {
            if details.add(&any.type_url, &any.value).is_none() {
                details.unknown.push(UnknownDetail { type_url: any.type_url, value: any.value });
            }
        }
        details
    }

    fn add(&mut self, type_url: &str, value: &[u8]) -> Option<()> {
        match type_url.strip_prefix(PREFIX)? {
            "errdefs.Source+json" => self.sources.push(json::<SourceJson>(value)?.into_source()),
            // The innermost vertex is the one that failed; the others are its callers' words for it.
            "errdefs.Vertex+json" => {
                let digest = json::<VertexJson>(value)?.digest;
                self.vertex.get_or_insert(digest);
            }
            "errdefs.Solve+json" => {
                let solve = json::<SolveJson>(value)?;
                self.subject = solve.subject().or(self.subject);
                self.description.extend(solve.description);
            }
            "errdefs.Frontend+json" => {
                let frontend = json::<FrontendJson>(value)?;
                self.frontend = Some((frontend.name, frontend.source));
            }
            "errdefs.FrontendCap+json" => self.missing_capability = Some(json::<NameJson>(value)?.name),
            "errdefs.Subrequest+json" => self.unsupported_subrequest = Some(json::<NameJson>(value)?.name),
            "gatewayapi.ExitMessage+json" => self.exit_code = Some(json::<ExitJson>(value)?.code),
            "policysession.DecisionResponse+json" => {
                let messages = json::<DecisionJson>(value)?.deny_messages.into_iter().map(|deny| deny.message);
                self.deny_messages.extend(messages);
            }
            _ => return None,
        }
        Some(())
    }
}

fn json<T: DeserializeOwned>(value: &[u8]) -> Option<T> {
    serde_json::from_slice(value).ok()
}

#[derive(Deserialize)]
struct VertexJson {
    #[serde(default)]
    digest: String,
}

#[derive(Deserialize)]
struct NameJson {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct FrontendJson {
    #[serde(default)]
    name: String,
    #[serde(default)]
    source: String,
}

#[derive(Deserialize)]
struct ExitJson {
    #[serde(rename = "Code", default)]
    code: u32,
}

#[derive(Deserialize)]
struct DecisionJson {
    #[serde(alias = "denyMessages", default)]
    deny_messages: Vec<DenyJson>,
}

#[derive(Deserialize)]
struct DenyJson {
    #[serde(default)]
    message: String,
}

/// protojson writes 64-bit numbers as strings.
#[derive(Deserialize)]
struct SolveJson {
    file: Option<IndexJson>,
    cache: Option<IndexJson>,
    #[serde(default)]
    description: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct IndexJson {
    #[serde(default)]
    index: serde_json::Value,
}

impl IndexJson {
    fn number(&self) -> i64 {
        match &self.index {
            serde_json::Value::String(text) => text.parse().unwrap_or_default(),
            other => other.as_i64().unwrap_or_default(),
        }
    }
}

impl SolveJson {
    fn subject(&self) -> Option<Subject> {
        let file = self.file.as_ref().map(|file| Subject::FileAction(file.number()));
        file.or_else(|| self.cache.as_ref().map(|cache| Subject::ContentCache(cache.number())))
    }
}

#[derive(Deserialize)]
struct SourceJson {
    info: Option<InfoJson>,
    #[serde(default)]
    ranges: Vec<RangeJson>,
}

#[derive(Deserialize)]
struct InfoJson {
    #[serde(default)]
    filename: String,
    /// Base64, as Go writes bytes.
    #[serde(default)]
    data: String,
    #[serde(default)]
    language: String,
}

#[derive(Deserialize)]
struct RangeJson {
    start: Option<PositionJson>,
    end: Option<PositionJson>,
}

#[derive(Deserialize, Clone, Copy, Default)]
struct PositionJson {
    #[serde(default)]
    line: i32,
}

impl SourceJson {
    fn into_source(self) -> Source {
        let info =
            self.info.unwrap_or(InfoJson { filename: String::new(), data: String::new(), language: String::new() });
        let ranges = self.ranges.into_iter().filter_map(|range| {
            let start = range.start.unwrap_or_default().line;
            let end = range.end.unwrap_or_default().line.max(start);
            LineRange::new(start, end)
        });
        Source {
            filename: info.filename,
            data: STANDARD.decode(info.data).unwrap_or_default(),
            language: info.language,
            ranges: ranges.collect(),
        }
    }
}
