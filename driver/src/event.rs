//! The events of builds: one stream of typed data for displays, other programs and tests.
//!
//! Events are not rendered here. [`Event::to_json`] is the format for other programs.

mod json;
mod problem;
mod reporter;
pub(crate) mod warnings;

use std::path::PathBuf;
use std::sync::Arc;

use buildkit_client::progress::{Log, Update, Vertex, VertexStatus, Warning};
use imagespec_compile::{AnyQuestion, StepKey};
use imagespec_frontend::PlanningPass;
use tokio::sync::mpsc::{Receiver, Sender, channel};

pub use problem::{Failure, FailureKind, Place, Problem};
pub(crate) use reporter::Reporter;

/// The maximum number of unread events; beyond it, builds wait for the reader.
const MAX_BACKLOG: usize = 256;

/// Something that happened while an image was built.
#[derive(Clone, Debug)]
pub struct Event {
    /// The title of the image ([`Image::title`](crate::Image::title)).
    pub image: Arc<str>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// A planning pass has ended.
    Planned(PlanningPass),
    /// A question was sent to the daemon, a registry or the client.
    Asked(AnyQuestion),
    /// A question was answered.
    Answered(AnyQuestion),
    /// The state of a vertex has changed.
    Vertex {
        /// The new state.
        state: VertexState,
        /// The step of the plan that it belongs to, if any.
        step: Option<StepKey>,
        /// The vertex, as reported by the daemon, or by the client for its own work.
        vertex: Vertex,
    },
    /// The progress of a part of a vertex, such as pulling a layer or sending a folder.
    Progress(VertexStatus),
    /// Output of a vertex.
    Log {
        /// The step of the plan that it belongs to, if any.
        step: Option<StepKey>,
        /// The output.
        log: Log,
    },
    /// A warning. Warnings about the spec have a code.
    Warning(Warning),
    /// The image was delivered.
    Delivered(Delivered),
    /// The build failed.
    Failed(Failure),
}

/// The state of a vertex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VertexState {
    /// It has not started.
    Announced,
    /// It is running.
    Started,
    /// Its result was in the cache.
    Cached,
    /// It has finished.
    Done,
    /// It was stopped, because it is not needed any more or the build has ended.
    Canceled,
    /// It has failed.
    Failed,
}

impl VertexState {
    /// The state that a report of a vertex describes.
    #[must_use]
    pub fn from_vertex(vertex: &Vertex) -> Self {
        match (vertex.started, vertex.completed) {
            (_, Some(_)) if vertex.is_canceled() => Self::Canceled,
            (_, Some(_)) if !vertex.error.is_empty() => Self::Failed,
            (_, Some(_)) if vertex.cached => Self::Cached,
            (_, Some(_)) => Self::Done,
            (Some(_), None) => Self::Started,
            (None, None) => Self::Announced,
        }
    }
}

/// A delivered result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The destination.
    pub to: Destination,
    /// The names at the destination; empty for files.
    pub names: Vec<String>,
    /// The digest of the image's manifest or index; `None` for files and folders.
    pub digest: Option<String>,
    /// For an image in a registry or a store: the size of all its blobs, compressed, each counted once. Otherwise the number of bytes
    /// written. `None` if the daemon does not report it.
    pub bytes: Option<u64>,
    /// Whether the result existed before, so that nothing was built or sent.
    pub is_up_to_date: bool,
}

/// The destination of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A registry.
    Registry,
    /// The daemon's own image store.
    Store,
    /// A Docker Engine to which the image was sent.
    Engine,
    /// A file.
    File(PathBuf),
    /// A folder.
    Directory(PathBuf),
    /// Standard output.
    Stdout,
    /// Only the daemon's cache.
    Cache,
}

impl Event {
    /// The event as a progress update for a [`Renderer`](buildkit_client::progress::Renderer). `None` for events that such a display does
    /// not show.
    #[must_use]
    pub fn to_update(&self) -> Option<Update> {
        let mut update = Update::default();
        match &self.kind {
            EventKind::Vertex { vertex, .. } => update.vertexes.push(vertex.clone()),
            EventKind::Progress(status) => update.statuses.push(status.clone()),
            EventKind::Log { log, .. } => update.logs.push(log.clone()),
            EventKind::Warning(warning) => update.warnings.push(warning.clone()),
            EventKind::Planned(_)
            | EventKind::Asked(_)
            | EventKind::Answered(_)
            | EventKind::Delivered(_)
            | EventKind::Failed(_) => return None,
        }
        Some(update)
    }
}

/// The sender of events; by default they are dropped. Clones send to the same reader.
///
/// ```
/// use imagespec_driver::Events;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (events, mut receiver) = Events::channel();
/// drop(events);
/// assert!(receiver.recv().await.is_none(), "nothing is built any more");
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Events(Option<Sender<Event>>);

/// The receiver of events; it ends when all senders are dropped. Builds wait for a slow reader, but not for a dropped one.
pub type EventReceiver = Receiver<Event>;

impl Events {
    /// Creates a channel of events.
    #[must_use]
    pub fn channel() -> (Self, EventReceiver) {
        let (sender, receiver) = channel(MAX_BACKLOG);
        (Self(Some(sender)), receiver)
    }

    /// Sends an event, and waits while the reader is behind.
    pub(crate) async fn send(&self, event: Event) {
        if let Some(sender) = &self.0 {
            // A dropped reader does not affect the build.
            let _ = sender.send(event).await;
        }
    }
}
