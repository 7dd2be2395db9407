//! Updates about a running build, as in the daemon's Status stream (moby/buildkit: `client/graph.go`), and the channel to one
//! renderer.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use buildkit_proto::rpc::control as wire;
use buildkit_proto::rpc::llb;
use tokio::sync::mpsc;

use super::format::rfc3339;
use crate::error::{LineRange, Source};

/// The maximum number of unread updates. If the channel is full, the Status stream waits, and the daemon keeps further updates.
const MAX_BACKLOG: usize = 256;

/// The maximum number of logs that are recognized as duplicates, for a channel that lives as long as its program.
const MAX_REMEMBERED_LOGS: usize = 1 << 20;

/// A point in time with nanoseconds, because the daemon's clock and its precision differ from this machine's.
///
/// ```
/// use std::time::Duration;
///
/// use buildkit_client::progress::Stamp;
///
/// let (early, late) = (Stamp { seconds: 1, nanos: 0 }, Stamp { seconds: 2, nanos: 500_000_000 });
/// assert_eq!(late.since(early), Duration::from_millis(1500));
/// assert_eq!(early.since(late), Duration::ZERO);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp {
    /// Seconds since 1970.
    pub seconds: i64,
    /// Nanoseconds within the second.
    pub nanos: u32,
}

impl Stamp {
    /// The current time of this machine.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX), nanos: since.subsec_nanos() }
    }

    /// The duration since an earlier time; zero if that is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::try_from_secs_f64((self.as_nanos() - earlier.as_nanos()) as f64 / 1e9).unwrap_or_default()
    }

    /// Moves the stamp by nanoseconds.
    #[must_use]
    pub(crate) fn shifted(self, nanos: i128) -> Self {
        let total = self.as_nanos() + nanos;
        Self {
            seconds: i64::try_from(total.div_euclid(1_000_000_000)).unwrap_or(i64::MAX),
            nanos: u32::try_from(total.rem_euclid(1_000_000_000)).unwrap_or(0),
        }
    }

    pub(crate) fn as_nanos(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)
    }
}

impl fmt::Display for Stamp {
    /// RFC 3339, in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rfc3339(*self))
    }
}

/// An update; each part may be empty.
///
/// ```
/// use buildkit_client::progress::{Update, Vertex};
///
/// let mut update = Update::default();
/// update.vertexes.push(Vertex::default());
/// assert!(update.logs.is_empty() && update.vertexes.len() == 1);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Update {
    /// New states of steps.
    pub vertexes: Vec<Vertex>,
    /// New states of sub-tasks.
    pub statuses: Vec<VertexStatus>,
    /// Output of steps.
    pub logs: Vec<Log>,
    /// Warnings.
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Vertex {
    /// The digest, which identifies the step.
    pub digest: String,
    /// Digests of the steps it builds on.
    pub inputs: Vec<String>,
    /// The name for users.
    pub name: String,
    /// Whether its result was in the cache.
    pub cached: bool,
    /// When it started; a step may start several times.
    pub started: Option<Stamp>,
    /// When it finished.
    pub completed: Option<Stamp>,
    /// The error; empty if it did not fail.
    pub error: String,
    /// The group as whose part it is shown.
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProgressGroup {
    /// The id.
    pub id: String,
    /// The name for users.
    pub name: String,
    /// Whether the group is only shown if one of its other members starts.
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct VertexStatus {
    /// The id within the step.
    pub id: String,
    /// The step's digest.
    pub vertex: String,
    /// The name for users; often empty.
    pub name: String,
    /// The bytes done, if `total` is positive.
    pub current: i64,
    /// The total bytes.
    pub total: i64,
    /// The time of this state.
    pub timestamp: Option<Stamp>,
    /// When it started.
    pub started: Option<Stamp>,
    /// When it finished.
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

/// Output of a step; it may begin or end within a line.
///
/// ```
/// use buildkit_client::progress::{Log, Stream};
///
/// let mut log = Log::default();
/// (log.stream, log.data) = (Stream::Stderr, b"E: no such package\n".to_vec());
/// assert_eq!(String::from_utf8_lossy(&log.data).trim_end(), "E: no such package");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Log {
    /// The step's digest.
    pub vertex: String,
    /// The output stream.
    pub stream: Stream,
    /// The bytes.
    pub data: Vec<u8>,
    /// The time of the output.
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
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Warning {
    /// The step's digest.
    pub vertex: String,
    /// The importance.
    pub level: i64,
    /// The message in one line.
    pub short: Vec<u8>,
    /// Further lines.
    pub detail: Vec<Vec<u8>>,
    /// A URL with more information.
    pub url: String,
    /// The file it is about.
    pub info: Option<llb::SourceInfo>,
    /// The places in the file.
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

/// The sender of updates; clones send to the same renderer.
///
/// ```
/// use buildkit_client::progress::{Update, channel};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (sender, mut receiver) = channel();
/// sender.send(Update::default()).await;
/// drop(sender);
/// assert_eq!(receiver.recv().await, Some(Update::default()));
/// assert_eq!(receiver.recv().await, None, "all senders are gone");
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ProgressSender(mpsc::Sender<Update>);

/// The receiver of updates.
///
/// ```
/// use buildkit_client::progress::{Update, channel};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (sender, mut receiver) = channel();
/// sender.send(Update::default()).await;
/// drop(sender);
/// assert_eq!(receiver.recv().await, Some(Update::default()));
/// assert_eq!(receiver.recv().await, None, "all senders are gone");
/// # }
/// ```
#[derive(Debug)]
pub struct ProgressReceiver {
    updates: mpsc::Receiver<Update>,
    /// Hashes of logs, eight bytes each.
    seen: HashSet<u64>,
}

/// Creates a channel for one build, or for several that are shown together: the daemon reports the output of a shared step to each of
/// them, and it is received once.
#[must_use]
pub fn channel() -> (ProgressSender, ProgressReceiver) {
    let (sender, updates) = mpsc::channel(MAX_BACKLOG);
    (ProgressSender(sender), ProgressReceiver { updates, seen: HashSet::new() })
}

impl ProgressSender {
    /// Sends an update; waits while the renderer is behind. A dropped renderer does not affect the build.
    pub async fn send(&self, update: Update) {
        let _ = self.0.send(update).await;
    }
}

impl ProgressReceiver {
    /// The next update; `None` if all senders are dropped.
    pub async fn recv(&mut self) -> Option<Update> {
        let mut update = self.updates.recv().await?;
        if self.seen.len() > MAX_REMEMBERED_LOGS {
            // Logs of steps that were running at this point may be shown twice.
            self.seen.clear();
        }
        // The daemon's times have nanoseconds, so equal lines of one build have different times.
        update.logs.retain(|log| log.timestamp.is_none() || self.seen.insert(short(log)));
        Some(update)
    }
}

fn short(log: &Log) -> u64 {
    let mut hasher = DefaultHasher::new();
    log.hash(&mut hasher);
    hasher.finish()
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
