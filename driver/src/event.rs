//! What builds report while they run: one stream of typed data, which displays, other programs and tests read.
//!
//! Says nothing about how an event is shown. [`Event::to_json`] is the form for other programs.

mod json;
mod problem;
mod reporter;
pub(crate) mod warnings;

use std::path::PathBuf;
use std::sync::Arc;

use buildkit_client::progress::{Log, Update, Vertex, VertexStatus, Warning};
use imagespec_compile::{AnyQuestion, StepInfo, StepKey};
use tokio::sync::mpsc::{Receiver, Sender, channel};

pub use problem::{Failure, FailureKind, Place, Problem};
pub(crate) use reporter::Reporter;

/// Events that may wait for their reader. Builds wait when there are more.
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
    /// A pass of planning has ended.
    Planned {
        /// The steps that are known so far.
        steps: Vec<StepInfo>,
        /// How many questions have no answer yet.
        missing: usize,
        /// How many answers of an earlier build have to be confirmed.
        expected: usize,
    },
    /// A question was put to the daemon, a registry or the client.
    Asked(AnyQuestion),
    /// A question was answered.
    Answered(AnyQuestion),
    /// A vertex has a new state.
    Vertex {
        /// The state.
        state: VertexState,
        /// The step of the plan that it belongs to, if it belongs to one.
        step: Option<StepKey>,
        /// What the daemon reports, or the client about work of its own.
        vertex: Vertex,
    },
    /// A part of a vertex has got further: a layer is pulled, a folder is sent.
    Progress(VertexStatus),
    /// A vertex wrote something.
    Log {
        /// The step of the plan that it belongs to, if it belongs to one.
        step: Option<StepKey>,
        /// What it wrote.
        log: Log,
    },
    /// Something the user should know. Warnings about the spec have a code.
    Warning(Warning),
    /// The image is where it is wanted.
    Delivered(Delivered),
    /// There is no image.
    Failed(Failure),
}

/// How a vertex stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VertexState {
    /// It is known, and has not started.
    Announced,
    /// It runs.
    Started,
    /// Its result was there already.
    Cached,
    /// It has ended.
    Done,
    /// It was stopped, because nobody needs it any more or the build is over.
    Canceled,
    /// It has ended with an error.
    Failed,
}

impl VertexState {
    /// The state that a report of a vertex stands for.
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

/// Where a result is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The kind of place.
    pub to: Destination,
    /// What it is called there; empty for files.
    pub names: Vec<String>,
    /// The digest of the image's manifest or index; `None` for files and folders.
    pub digest: Option<String>,
    /// For an image in a registry or a store the size of all its blobs, each counted once, as compressed as they are there. For
    /// everything else the bytes that were written. `None` where the daemon does not tell.
    pub bytes: Option<u64>,
    /// It was there before: nothing was built or sent.
    pub is_up_to_date: bool,
}

/// Kinds of places for results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A registry.
    Registry,
    /// The daemon's own image store.
    Store,
    /// A Docker Engine, which the image was sent to.
    Engine,
    /// A file.
    File(PathBuf),
    /// A folder.
    Directory(PathBuf),
    /// Standard output.
    Stdout,
    /// The daemon's cache, and nowhere else.
    Cache,
}

impl Event {
    /// The event as a report of progress, for a [`Renderer`](buildkit_client::progress::Renderer). `None` for events that have no
    /// place in such a display.
    #[must_use]
    pub fn to_update(&self) -> Option<Update> {
        let mut update = Update::default();
        match &self.kind {
            EventKind::Vertex { vertex, .. } => update.vertexes.push(vertex.clone()),
            EventKind::Progress(status) => update.statuses.push(status.clone()),
            EventKind::Log { log, .. } => update.logs.push(log.clone()),
            EventKind::Warning(warning) => update.warnings.push(warning.clone()),
            EventKind::Planned { .. }
            | EventKind::Asked(_)
            | EventKind::Answered(_)
            | EventKind::Delivered(_)
            | EventKind::Failed(_) => return None,
        }
        Some(update)
    }
}

/// Where events go; nowhere by default. Clones report to the same reader.
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

/// The reader's end; it ends when all senders are gone. Builds wait for a reader that is behind, and not for one that is dropped.
pub type EventReceiver = Receiver<Event>;

impl Events {
    /// Events that a reader gets.
    #[must_use]
    pub fn channel() -> (Self, EventReceiver) {
        let (sender, receiver) = channel(MAX_BACKLOG);
        (Self(Some(sender)), receiver)
    }

    /// Reports an event, and waits while the reader is behind.
    pub(crate) async fn send(&self, event: Event) {
        if let Some(sender) = &self.0 {
            // A reader that is gone does not matter to the build.
            let _ = sender.send(event).await;
        }
    }
}
