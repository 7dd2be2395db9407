//! The channel that carries reports from wherever they arise to one renderer.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use tokio::sync::mpsc;

use super::event::{Log, Update};

/// Reports that may wait for the renderer; when it is full the Status stream waits, and the daemon keeps the rest.
const MAX_BACKLOG: usize = 256;

/// Logs that are known again, for a channel that lives as long as its program.
const MAX_REMEMBERED_LOGS: usize = 1 << 20;

/// The reporting end; clones report to the same renderer.
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

/// The renderer's end.
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
    /// Of logs, in eight bytes each.
    seen: HashSet<u64>,
}

/// Makes a channel for one build, or for several that are shown together: the daemon reports the output of a step that they
/// share to each of them, and it comes out once.
#[must_use]
pub fn channel() -> (ProgressSender, ProgressReceiver) {
    let (sender, updates) = mpsc::channel(MAX_BACKLOG);
    (ProgressSender(sender), ProgressReceiver { updates, seen: HashSet::new() })
}

impl ProgressSender {
    /// Reports; waits while the renderer is behind. A renderer that is gone does not matter to the build.
    pub async fn send(&self, update: Update) {
        let _ = self.0.send(update).await;
    }
}

impl ProgressReceiver {
    /// The next report; `None` when all senders are gone.
    pub async fn recv(&mut self) -> Option<Update> {
        let mut update = self.updates.recv().await?;
        if self.seen.len() > MAX_REMEMBERED_LOGS {
            // Logs of steps that were running then are shown twice at worst.
            self.seen.clear();
        }
        // The daemon's times have nanoseconds, so that equal lines of one build differ.
        update.logs.retain(|log| log.timestamp.is_none() || self.seen.insert(short(log)));
        Some(update)
    }
}

fn short(log: &Log) -> u64 {
    let mut hasher = DefaultHasher::new();
    log.hash(&mut hasher);
    hasher.finish()
}
