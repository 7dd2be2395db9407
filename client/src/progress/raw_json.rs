//! Progress for programs: one JSON object per update, with the same bytes as BuildKit's Go clients
//! (moby/buildkit: `client/graph.go` and `solver/pb/ops.pb.go` encoded by `encoding/json`).

mod pb;

use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::Renderer;
use super::event::{Log, Stamp, Stream, Update, Vertex, VertexStatus, Warning};
use super::format::rfc3339;

/// Writes a line per update.
///
/// ```
/// use buildkit_client::progress::{RawJson, Renderer as _, Stamp, Update, Vertex};
///
/// # fn main() -> std::io::Result<()> {
/// let mut vertex = Vertex::default();
/// vertex.digest = "sha256:1".to_owned();
/// vertex.name = "[apt] install".to_owned();
/// vertex.started = Some(Stamp::default());
/// let mut update = Update::default();
/// update.vertexes.push(vertex);
/// let mut out = Vec::new();
/// RawJson::new(&mut out).update(&update, Stamp::default())?;
/// assert!(String::from_utf8_lossy(&out).contains(r#""name":"[apt] install""#));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RawJson<W> {
    out: W,
}

impl<W: Write> RawJson<W> {
    /// Creates a renderer that writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write> Renderer for RawJson<W> {
    fn update(&mut self, update: &Update, _now: Stamp) -> io::Result<()> {
        let line = serde_json::to_string(&UpdateJson::from(update))?;
        writeln!(self.out, "{}", escape_as_go(&line))?;
        self.out.flush()
    }

    fn tick(&mut self, _now: Stamp) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self, _now: Stamp) -> io::Result<()> {
        self.out.flush()
    }
}

/// Escapes characters for HTML, like Go's encoder. They only occur in strings.
fn escape_as_go(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for char in json.chars() {
        match char {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            other => out.push(other),
        }
    }
    out
}

fn is_false(value: &bool) -> bool {
    !value
}

fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

#[derive(Serialize)]
struct UpdateJson<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vertexes: Vec<VertexJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    statuses: Vec<StatusJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logs: Vec<LogJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<WarningJson<'a>>,
}

#[derive(Serialize)]
struct VertexJson<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    digest: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    inputs: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<String>,
    #[serde(skip_serializing_if = "is_false")]
    cached: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
    #[serde(rename = "progressGroup", skip_serializing_if = "Option::is_none")]
    group: Option<pb::Group<'a>>,
}

#[derive(Serialize)]
struct StatusJson<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    vertex: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    total: i64,
    current: i64,
    timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed: Option<String>,
}

#[derive(Serialize)]
struct LogJson<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    vertex: &'a str,
    stream: u8,
    data: String,
    timestamp: String,
}

#[derive(Serialize)]
struct WarningJson<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    vertex: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    level: i64,
    #[serde(skip_serializing_if = "str::is_empty")]
    short: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    detail: Vec<String>,
    #[serde(skip_serializing_if = "str::is_empty")]
    url: &'a str,
    #[serde(rename = "sourceInfo", skip_serializing_if = "Option::is_none")]
    info: Option<pb::SourceInfo<'a>>,
    #[serde(rename = "range", skip_serializing_if = "Vec::is_empty")]
    ranges: Vec<pb::Range>,
}

impl<'a> From<&'a Update> for UpdateJson<'a> {
    fn from(update: &'a Update) -> Self {
        Self {
            vertexes: update.vertexes.iter().map(VertexJson::from).collect(),
            statuses: update.statuses.iter().map(StatusJson::from).collect(),
            logs: update.logs.iter().map(LogJson::from).collect(),
            warnings: update.warnings.iter().map(WarningJson::from).collect(),
        }
    }
}

impl<'a> From<&'a Vertex> for VertexJson<'a> {
    fn from(vertex: &'a Vertex) -> Self {
        let Vertex { digest, inputs, name, cached, started, completed, error, group } = vertex;
        Self {
            digest,
            inputs,
            name,
            started: started.map(rfc3339),
            completed: completed.map(rfc3339),
            cached: *cached,
            error,
            group: group.as_ref().map(|group| pb::Group { id: &group.id, name: &group.name, weak: group.weak }),
        }
    }
}

impl<'a> From<&'a VertexStatus> for StatusJson<'a> {
    fn from(status: &'a VertexStatus) -> Self {
        let VertexStatus { id, vertex, name, current, total, timestamp, started, completed } = status;
        Self {
            id,
            vertex,
            name,
            total: *total,
            current: *current,
            timestamp: rfc3339(timestamp.unwrap_or_default()),
            started: started.map(rfc3339),
            completed: completed.map(rfc3339),
        }
    }
}

impl<'a> From<&'a Log> for LogJson<'a> {
    fn from(log: &'a Log) -> Self {
        let Log { vertex, stream, data, timestamp } = log;
        Self {
            vertex,
            stream: match stream {
                Stream::Stdout => 1,
                Stream::Stderr => 2,
            },
            data: STANDARD.encode(data),
            timestamp: rfc3339(timestamp.unwrap_or_default()),
        }
    }
}

impl<'a> From<&'a Warning> for WarningJson<'a> {
    fn from(warning: &'a Warning) -> Self {
        let Warning { vertex, level, short, detail, url, info, ranges } = warning;
        Self {
            vertex,
            level: *level,
            short: STANDARD.encode(short),
            detail: detail.iter().map(|line| STANDARD.encode(line)).collect(),
            url,
            info: info.as_ref().map(pb::SourceInfo::from),
            ranges: ranges.iter().map(pb::Range::from).collect(),
        }
    }
}
