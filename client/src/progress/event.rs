//! Reports about a running build, as in the daemon's Status stream. Serialized, they are the JSON of BuildKit's Go clients
//! (moby/buildkit: `client/graph.go`).

use buildkit_proto::rpc::control as wire;
use buildkit_proto::rpc::llb;
use serde::{Serialize, Serializer};

use super::json;
use super::stamp::Stamp;
use crate::error::{LineRange, Source};

/// One report; each part may be empty.
///
/// ```
/// use buildkit_client::progress::{Update, Vertex};
///
/// let mut update = Update::default();
/// update.vertexes.push(Vertex::default());
/// assert!(update.logs.is_empty() && update.vertexes.len() == 1);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Update {
    /// New states of steps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vertexes: Vec<Vertex>,
    /// New states of sub-tasks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub statuses: Vec<VertexStatus>,
    /// Output of steps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<Log>,
    /// Warnings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// A step. It replaces the previous state of the step with this digest.
///
/// ```
/// use buildkit_client::progress::{Stamp, Vertex};
///
/// let mut vertex = Vertex::default();
/// vertex.name = "[apt] install".to_owned();
/// vertex.started = Some(Stamp::now());
/// let is_running = vertex.started.is_some() && vertex.completed.is_none();
/// assert!(is_running);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Vertex {
    /// Identity.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Digests of the steps it builds on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<String>,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// When it started; a step may start several times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Stamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<Stamp>,
    /// Its result was there already.
    #[serde(skip_serializing_if = "json::is_default")]
    pub cached: bool,
    /// Why it failed; empty when it did not.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// The group it is shown as part of.
    #[serde(rename = "progressGroup", skip_serializing_if = "Option::is_none")]
    pub group: Option<ProgressGroup>,
}

impl Vertex {
    /// Whether it was stopped rather than failed. BuildKit marks this in the error's text.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        is_canceled(&self.error)
    }
}

/// Whether an error of a vertex is BuildKit's mark for a stopped one.
pub(super) fn is_canceled(error: &str) -> bool {
    error.ends_with("context canceled")
}

/// Steps that are shown as a single one.
///
/// ```
/// use buildkit_client::progress::{ProgressGroup, Vertex};
///
/// let mut vertex = Vertex::default();
/// vertex.group = Some(ProgressGroup { id: "apt".to_owned(), name: "[apt] packages".to_owned(), weak: false });
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ProgressGroup {
    /// Identity.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Does not bring the group into view on its own.
    #[serde(skip_serializing_if = "json::is_default")]
    pub weak: bool,
}

/// A sub-task of a step, such as pulling a layer or sending a context.
///
/// ```
/// use buildkit_client::progress::VertexStatus;
///
/// let mut layer = VertexStatus::default();
/// (layer.current, layer.total) = (512, 1024);
/// assert_eq!(100 * layer.current / layer.total, 50, "half of the bytes are there");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VertexStatus {
    /// The id within the step.
    pub id: String,
    /// The step's digest.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vertex: String,
    /// For people; often empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Bytes in all.
    #[serde(skip_serializing_if = "json::is_default")]
    pub total: i64,
    /// Bytes done, when `total` is positive.
    pub current: i64,
    /// When this was so.
    #[serde(serialize_with = "json::time")]
    pub timestamp: Option<Stamp>,
    /// When it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Stamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<Stamp>,
}

/// An output stream of a process.
///
/// ```
/// use buildkit_client::progress::{Log, Stream};
///
/// assert_eq!(Log::default().stream, Stream::Stdout);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Stream {
    /// Standard output, and every number other than standard error's.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}

impl Serialize for Stream {
    /// As the number of the file descriptor.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(match self {
            Self::Stdout => 1,
            Self::Stderr => 2,
        })
    }
}

/// Some bytes a step wrote; lines may be torn.
///
/// ```
/// use buildkit_client::progress::{Log, Stream};
///
/// let mut log = Log::default();
/// (log.stream, log.data) = (Stream::Stderr, b"E: no such package\n".to_vec());
/// assert_eq!(String::from_utf8_lossy(&log.data).trim_end(), "E: no such package");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize)]
#[non_exhaustive]
pub struct Log {
    /// The step's digest.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vertex: String,
    /// The output stream.
    pub stream: Stream,
    /// What it wrote.
    #[serde(serialize_with = "json::base64")]
    pub data: Vec<u8>,
    /// When.
    #[serde(serialize_with = "json::time")]
    pub timestamp: Option<Stamp>,
}

/// A message to the user from the daemon or a frontend.
///
/// ```
/// use buildkit_client::progress::Warning;
///
/// let mut warning = Warning::default();
/// warning.short = b"the tag latest changes".to_vec();
/// assert_eq!(warning.source(), None, "it points nowhere");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Warning {
    /// The step's digest.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub vertex: String,
    /// Importance.
    #[serde(skip_serializing_if = "json::is_default")]
    pub level: i64,
    /// In a line.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "json::base64")]
    pub short: Vec<u8>,
    /// In several.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "json::base64_list")]
    pub detail: Vec<Vec<u8>>,
    /// Where to read more.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// The file it is about.
    #[serde(rename = "sourceInfo", skip_serializing_if = "Option::is_none", serialize_with = "json::source_info")]
    pub info: Option<llb::SourceInfo>,
    /// The places in it.
    #[serde(rename = "range", skip_serializing_if = "Vec::is_empty", serialize_with = "json::ranges")]
    pub ranges: Vec<llb::Range>,
}

impl Warning {
    /// The place of the warning in the spec, in the form of the places of errors.
    #[must_use]
    pub fn source(&self) -> Option<Source> {
        let info = self.info.as_ref()?;
        let ranges = self.ranges.iter().filter_map(|range| {
            let start = range.start.as_ref().map_or(0, |position| position.line);
            LineRange::new(start, range.end.as_ref().map_or(start, |position| position.line))
        });
        Some(Source {
            filename: info.filename.clone(),
            data: info.data.clone(),
            language: info.language.clone(),
            ranges: ranges.collect(),
        })
    }
}

impl From<wire::StatusResponse> for Update {
    fn from(response: wire::StatusResponse) -> Self {
        Self {
            vertexes: response.vertexes.into_iter().map(Vertex::from).collect(),
            statuses: response.statuses.into_iter().map(VertexStatus::from).collect(),
            logs: response.logs.into_iter().map(Log::from).collect(),
            warnings: response.warnings.into_iter().map(Warning::from).collect(),
        }
    }
}

/// The generated timestamp type has no public path, so its two fields are passed.
macro_rules! stamp {
    ($timestamp:expr) => {
        $timestamp
            .map(|timestamp| Stamp { seconds: timestamp.seconds, nanos: u32::try_from(timestamp.nanos).unwrap_or(0) })
    };
}

impl From<wire::Vertex> for Vertex {
    fn from(vertex: wire::Vertex) -> Self {
        Self {
            digest: vertex.digest,
            inputs: vertex.inputs,
            name: vertex.name,
            cached: vertex.cached,
            started: stamp!(vertex.started),
            completed: stamp!(vertex.completed),
            error: vertex.error,
            group: vertex.progress_group.map(|group| ProgressGroup {
                id: group.id,
                name: group.name,
                weak: group.weak,
            }),
        }
    }
}

impl From<wire::VertexStatus> for VertexStatus {
    fn from(status: wire::VertexStatus) -> Self {
        Self {
            id: status.id,
            vertex: status.vertex,
            name: status.name,
            current: status.current,
            total: status.total,
            timestamp: stamp!(status.timestamp),
            started: stamp!(status.started),
            completed: stamp!(status.completed),
        }
    }
}

impl From<wire::VertexLog> for Log {
    fn from(log: wire::VertexLog) -> Self {
        Self {
            vertex: log.vertex,
            stream: if log.stream == 2 { Stream::Stderr } else { Stream::Stdout },
            data: log.msg,
            timestamp: stamp!(log.timestamp),
        }
    }
}

impl From<wire::VertexWarning> for Warning {
    fn from(warning: wire::VertexWarning) -> Self {
        let wire::VertexWarning { vertex, level, short, detail, url, info, ranges } = warning;
        Self { vertex, level, short, detail, url, info, ranges }
    }
}
