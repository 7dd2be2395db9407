//! Steps of the client among the daemon's: authentication, pushing, loading. Renderers show them like other steps.

use buildkit_proto::Digest;

use super::channel::ProgressSender;
use super::event::{Log, Stream, Update, Vertex, VertexStatus, Warning};
use super::stamp::Stamp;
use crate::reference::new_reference;

/// A running step of the client. If it is dropped before its end, it stays open in the display.
///
/// ```
/// use buildkit_client::progress::{Stream, channel};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let (sender, mut receiver) = channel();
/// let step = sender.start("[auth] registry.example").await;
/// step.log(Stream::Stdout, "asking for a token\n").await;
/// step.done().await;
/// let first = receiver.recv().await.expect("the beginning of the step");
/// assert_eq!(first.vertexes[0].name, "[auth] registry.example");
/// # }
/// ```
#[derive(Debug)]
pub struct LocalStep {
    sender: ProgressSender,
    vertex: Vertex,
}

impl ProgressSender {
    /// Starts a step. Names follow BuildKit's clients: `[auth] …`, `[internal] …`.
    pub async fn start(&self, name: impl Into<String>) -> LocalStep {
        let digest = Digest::from_content(new_reference().as_bytes()).to_string();
        let vertex = Vertex { digest, name: name.into(), started: Some(Stamp::now()), ..Vertex::default() };
        let step = LocalStep { sender: self.clone(), vertex };
        step.report(step.vertex.clone()).await;
        step
    }
}

impl LocalStep {
    /// Adds output to the step.
    pub async fn log(&self, stream: Stream, data: impl Into<Vec<u8>>) {
        let log = Log { vertex: self.vertex.digest.clone(), stream, data: data.into(), timestamp: Some(Stamp::now()) };
        self.sender.send(Update { logs: vec![log], ..Update::default() }).await;
    }

    /// Adds a warning to the step.
    pub async fn warn(&self, text: impl Into<String>) {
        let short = text.into().into_bytes();
        let warning = Warning { vertex: self.vertex.digest.clone(), level: 1, short, ..Warning::default() };
        self.sender.send(Update { warnings: vec![warning], ..Update::default() }).await;
    }

    /// Reports a sub-task; later reports should repeat the `started` of the first one.
    pub async fn task(&self, id: impl Into<String>, started: Stamp, current: i64, total: i64, is_done: bool) {
        let now = Stamp::now();
        let status = VertexStatus {
            id: id.into(),
            vertex: self.vertex.digest.clone(),
            name: String::new(),
            current,
            total,
            timestamp: Some(now),
            started: Some(started),
            completed: is_done.then_some(now),
        };
        self.sender.send(Update { statuses: vec![status], ..Update::default() }).await;
    }

    /// Ends the step successfully.
    pub async fn done(self) {
        self.end(String::new(), false).await;
    }

    /// Ends the step as cached, because nothing had to be done.
    pub async fn cached(self) {
        self.end(String::new(), true).await;
    }

    /// Ends the step with an error.
    pub async fn fail(self, error: impl Into<String>) {
        self.end(error.into(), false).await;
    }

    async fn end(self, error: String, cached: bool) {
        let vertex = Vertex { completed: Some(Stamp::now()), error, cached, ..self.vertex.clone() };
        self.report(vertex).await;
    }

    async fn report(&self, vertex: Vertex) {
        self.sender.send(Update { vertexes: vec![vertex], ..Update::default() }).await;
    }
}
