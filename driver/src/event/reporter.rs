//! Creates the events of a build from the daemon's progress, the frontend's events, and the outcome.

use std::sync::Arc;

use buildkit_client::progress::{self, ProgressReceiver, ProgressSender, Update};
use buildkit_llb::Graph;
use imagespec_frontend::{Event as DriveEvent, Events as DriveEvents, ImagespecFrontend, Recorder, Vertices};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::{Event, EventKind, Events, VertexState};

/// Reports the events of one build.
#[derive(Debug)]
pub(crate) struct Reporter {
    sink: Sink,
    vertices: Vertices,
    progress: ProgressSender,
    drive: DriveEvents,
    relay: JoinHandle<()>,
}

impl Reporter {
    /// Starts reporting. `parts` receives the parts of the image that were built, as soon as they are finished. Must be called within a
    /// runtime.
    pub(crate) fn begin(events: &Events, image: &str, parts: Option<UnboundedSender<Graph>>) -> Self {
        let sink = Sink { events: events.clone(), image: Arc::from(image) };
        let vertices = Vertices::default();
        let (progress, updates) = progress::channel();
        let (drive, driven) = unbounded_channel();
        let relay = Relay { sink: sink.clone(), vertices: vertices.clone(), parts };
        let relay = tokio::spawn(relay.run(updates, driven));
        Self { sink, vertices, progress, drive: DriveEvents::new(drive), relay }
    }

    /// The sender for the daemon's progress, and for work of the client.
    pub(crate) fn progress(&self) -> &ProgressSender {
        &self.progress
    }

    /// Creates a recorder for a frontend, and reports its events.
    pub(crate) fn record(&self, frontend: ImagespecFrontend) -> Recorder {
        Recorder::new(ImagespecFrontend { events: self.drive.clone(), vertices: self.vertices.clone(), ..frontend })
    }

    /// The steps of the vertices in the builds of the recorders.
    pub(crate) fn vertices(&self) -> &Vertices {
        &self.vertices
    }

    /// Sends a single event.
    pub(crate) async fn send(&self, kind: EventKind) {
        self.sink.send(kind).await;
    }

    /// Ends with the outcome, after all earlier events.
    pub(crate) async fn end(self, outcome: impl IntoIterator<Item = EventKind>) {
        let Self { sink, vertices: _, progress, drive, relay } = self;
        drop((progress, drive));
        // A relay that has panicked sends nothing more.
        let _ = relay.await;
        for kind in outcome {
            sink.send(kind).await;
        }
    }
}

impl Events {
    /// A sender for the progress of a solve that builds no image, such as pushing the frontend image; `title` is used instead of an
    /// image's title. Must be called within a runtime.
    #[must_use]
    pub fn progress(&self, title: &str) -> ProgressSender {
        // Its relay ends when the returned sender is dropped.
        Reporter::begin(self, title, None).progress
    }
}

/// The sender of one image's events.
#[derive(Clone, Debug)]
struct Sink {
    events: Events,
    image: Arc<str>,
}

impl Sink {
    async fn send(&self, kind: EventKind) {
        self.events.send(Event { image: Arc::clone(&self.image), kind }).await;
    }
}

struct Relay {
    sink: Sink,
    vertices: Vertices,
    parts: Option<UnboundedSender<Graph>>,
}

impl Relay {
    /// Runs until all senders are dropped.
    async fn run(self, mut updates: ProgressReceiver, mut driven: UnboundedReceiver<DriveEvent>) {
        let mut is_open = (true, true);
        while is_open.0 || is_open.1 {
            tokio::select! {
                update = updates.recv(), if is_open.0 => match update {
                    Some(update) => self.progress(update).await,
                    None => is_open.0 = false,
                },
                event = driven.recv(), if is_open.1 => match event {
                    Some(event) => self.driven(event).await,
                    None => is_open.1 = false,
                },
            }
        }
    }

    async fn driven(&self, event: DriveEvent) {
        let kind = match event {
            DriveEvent::Planned(pass) => EventKind::Planned(pass),
            DriveEvent::Asked(question) => EventKind::Asked(question),
            DriveEvent::Answered(question) => EventKind::Answered(question),
            DriveEvent::PartBuilt(part) => {
                if let Some(parts) = &self.parts {
                    // The receiver may have stopped.
                    let _ = parts.send(part);
                }
                return;
            }
        };
        self.sink.send(kind).await;
    }

    async fn progress(&self, update: Update) {
        for vertex in update.vertexes {
            let (state, step) = (VertexState::from_vertex(&vertex), self.vertices.step(&vertex.digest));
            self.sink.send(EventKind::Vertex { state, step, vertex }).await;
        }
        for status in update.statuses {
            self.sink.send(EventKind::Progress(status)).await;
        }
        for log in update.logs {
            self.sink.send(EventKind::Log { step: self.vertices.step(&log.vertex), log }).await;
        }
        for warning in update.warnings {
            self.sink.send(EventKind::Warning(warning)).await;
        }
    }
}
