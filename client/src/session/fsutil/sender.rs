//! The sending side of fsutil: sends one tree to one receiver (fsutil: `send.go`).
//!
//! Three kinds of tasks share a response stream: the walk announces entries, a listener receives requests, and a limited
//! number of readers answers them. The protocol has no flow control of its own: the queue of requests has no limit, but each
//! id may be requested only once, and content waits for HTTP/2's flow control. If an entry changes after it was announced,
//! the transfer fails; upstream sends such entries empty.
//!
//! A failure is an error packet, and the call's status follows when the receiver has ended too: a status ends the context of the
//! daemon's call, and the daemon then often reports `context canceled` instead of the packet or the status.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rustix::fs::FileType;
use rustix::io::Errno;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::filter::Filter;
use super::mode;
use super::tree::{self, Tree};
use super::walk::{self, Entry, Owner, WalkError};
use super::wire::{Packet, PacketKind, Stat};
use crate::session::records::{List, Records};
use crate::session::sent::{DirRequest, Fingerprint, SentDir};
use crate::session::tasks::Tasks;

/// Content per packet. Old daemons refuse messages of 4 MiB, and larger chunks than this are not faster.
const CHUNK_SIZE: usize = 128 * 1024;
/// Chunk size for files that are announced as empty, which nearly always are.
const SMALL_CHUNK_SIZE: usize = 4096;
/// Packets that wait to be sent, with at most 4 MiB of content.
const OUTBOX_SIZE: usize = 32;
/// Files that are read at the same time.
const MAX_READERS: usize = 8;
/// Names that are recorded because they are not UTF-8.
const MAX_NAMES: usize = 10;
/// The time for the receiver to end after a failure was reported to it.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// The tree to send, and how.
pub(crate) struct Source {
    pub(crate) tree: Tree,
    pub(crate) filter: Filter,
    pub(crate) owner: Owner,
    /// The request of the receiver.
    pub(crate) request: DirRequest,
    pub(crate) records: Records,
}

/// Serves `source` to the receiver whose packets arrive in `inbound`, and returns the packets for it.
pub(crate) fn send<S>(source: Source, inbound: S, tasks: &Tasks) -> ReceiverStream<Result<Packet, Status>>
where
    S: Stream<Item = Result<Packet, Status>> + Send + Unpin + 'static,
{
    let Source { tree, filter, owner, request, records } = source;
    let (outbox, packets) = mpsc::channel(OUTBOX_SIZE);
    let transfer = Arc::new(Transfer {
        tree,
        outbox,
        announced: Mutex::new(Vec::new()),
        requests: Mutex::new(Requests::default()),
        has_failed: AtomicBool::new(false),
        failure: OnceLock::new(),
        has_reported: CancellationToken::new(),
        tasks: tasks.clone(),
    });
    let walker = Arc::clone(&transfer);
    tasks.spawn_blocking(move || walker.announce(&filter, owner, request, &records));
    tasks.spawn(async move { transfer.listen(inbound).await });
    ReceiverStream::new(packets)
}

/// Answers a request that cannot be served.
pub(crate) fn refuse<S>(status: Status, inbound: S, tasks: &Tasks) -> ReceiverStream<Result<Packet, Status>>
where
    S: Stream<Item = Result<Packet, Status>> + Send + Unpin + 'static,
{
    let (outbox, packets) = mpsc::channel(1);
    tasks.spawn(async move {
        if outbox.send(Ok(Packet::error(status.message()))).await.is_ok() {
            until_ended(inbound).await;
            let _receiver_gone = outbox.send(Err(status)).await;
        }
    });
    ReceiverStream::new(packets)
}

/// Waits until the receiver has ended.
async fn until_ended<S>(mut inbound: S)
where
    S: Stream<Item = Result<Packet, Status>> + Unpin,
{
    let ended = async {
        while let Some(Ok(packet)) = inbound.next().await {
            if packet.kind() == PacketKind::Error {
                return;
            }
        }
    };
    // One that does not end has had its time.
    let _ = timeout(END_TIMEOUT, ended).await;
}

struct Transfer {
    tree: Tree,
    outbox: mpsc::Sender<Result<Packet, Status>>,
    /// Announced entries; the id is the index.
    announced: Mutex<Vec<Announced>>,
    requests: Mutex<Requests>,
    has_failed: AtomicBool,
    /// The failure that is reported to the receiver.
    failure: OnceLock<String>,
    /// Cancelled when it was reported.
    has_reported: CancellationToken,
    tasks: Tasks,
}

enum Announced {
    /// A directory, link or device.
    WithoutContent,
    File(Content),
    Requested,
}

struct Content {
    path: Vec<u8>,
    size: u64,
    is_socket: bool,
}

#[derive(Default)]
struct Requests {
    waiting: VecDeque<(u32, Content)>,
    readers: usize,
}

impl Transfer {
    /// Announces the entries. Blocking.
    fn announce(&self, filter: &Filter, owner: Owner, request: DirRequest, records: &Records) {
        let mut fingerprint = Fingerprint::default();
        let mut emit = |entry: Entry| {
            note_name(&entry.stat, &records.non_utf8_names);
            fingerprint.add(&entry);
            let announced = if mode::has_content(entry.stat.mode) {
                Announced::File(Content {
                    path: entry.stat.path.clone(),
                    size: u64::try_from(entry.stat.size).unwrap_or(0),
                    is_socket: entry.is_socket,
                })
            } else {
                Announced::WithoutContent
            };
            // Before the entry is sent, because the request for it may arrive at once.
            lock(&self.announced).push(announced);
            self.send(Packet::stat(entry.stat))
        };
        match walk::walk(&self.tree, filter, owner, &mut emit) {
            Ok(()) => {
                // Record before the receiver can finish the build that uses the records.
                records.sent.push(SentDir::new(request, fingerprint));
                self.send(Packet::end_of_stats());
            }
            Err(WalkError::Stopped) => {}
            Err(WalkError::Tree(error)) => self.fail(&error.to_string()),
        }
    }

    /// Handles the receiver's packets until it is done, fails, or disconnects, and ends the call of a failed transfer.
    async fn listen<S>(self: Arc<Self>, mut inbound: S)
    where
        S: Stream<Item = Result<Packet, Status>> + Unpin,
    {
        let problem = tokio::select! {
            problem = self.serve(&mut inbound) => problem,
            // The first failure is the one that was reported.
            () = self.has_reported.cancelled() => None,
        };
        if let Some(problem) = problem {
            self.fail_async(&problem).await;
        }
        if self.has_reported.is_cancelled() {
            until_ended(inbound).await;
            let problem = self.failure.get().map_or("the transfer failed", String::as_str);
            let _receiver_gone = self.outbox.send(Err(Status::aborted(problem))).await;
        }
    }

    /// Handles the receiver's packets; returns a problem that the receiver does not know of.
    async fn serve<S>(self: &Arc<Self>, inbound: &mut S) -> Option<String>
    where
        S: Stream<Item = Result<Packet, Status>> + Unpin,
    {
        while let Some(packet) = inbound.next().await {
            let Ok(packet) = packet else { break };
            match PacketKind::try_from(packet.kind) {
                Ok(PacketKind::Request) => {
                    if let Err(problem) = self.queue(packet.id) {
                        return Some(problem);
                    }
                }
                Ok(PacketKind::Finish) => {
                    let _receiver_gone = self.outbox.send(Ok(Packet::finish())).await;
                    return None;
                }
                Ok(PacketKind::Error) => {
                    self.abandon();
                    let message = String::from_utf8_lossy(&packet.data);
                    let status = Status::aborted(format!("error from receiver: {message}"));
                    let _receiver_gone = self.outbox.send(Err(status)).await;
                    return None;
                }
                Ok(kind @ (PacketKind::Stat | PacketKind::Data)) => return Some(format!("unexpected packet {kind:?}")),
                Err(_) => return Some(format!("unknown packet type {}", packet.kind)),
            }
        }
        self.abandon();
        None
    }

    /// The receiver is gone: stops the walk and the readers at their next packet.
    fn abandon(&self) {
        self.has_failed.store(true, Ordering::Relaxed);
    }

    fn queue(self: &Arc<Self>, id: u32) -> Result<(), String> {
        let content = {
            let mut announced = lock(&self.announced);
            let index = usize::try_from(id).unwrap_or(usize::MAX);
            match announced.get_mut(index) {
                Some(entry @ Announced::File(_)) => match std::mem::replace(entry, Announced::Requested) {
                    Announced::File(content) => content,
                    Announced::Requested | Announced::WithoutContent => return Ok(()),
                },
                Some(Announced::Requested) => return Err(format!("file {id} was requested twice")),
                Some(Announced::WithoutContent) => return Err(format!("entry {id} has no content")),
                None => return Err(format!("there is no entry {id}")),
            }
        };
        let mut requests = lock(&self.requests);
        requests.waiting.push_back((id, content));
        if requests.readers < MAX_READERS {
            requests.readers += 1;
            let reader = Arc::clone(self);
            self.tasks.spawn_blocking(move || reader.read_requested());
        }
        Ok(())
    }

    /// Answers requests until none are queued. Blocking.
    fn read_requested(&self) {
        let mut reader = Reader { transfer: self, buffer: BytesMut::new(), dir: None };
        loop {
            let (id, content) = {
                let mut requests = lock(&self.requests);
                match requests.waiting.pop_front() {
                    Some(request) => request,
                    None => {
                        requests.readers -= 1;
                        return;
                    }
                }
            };
            if let Err(problem) = reader.answer(id, &content) {
                self.fail(&problem);
            }
        }
    }

    /// False if the transfer is over. Blocking.
    fn send(&self, packet: Packet) -> bool {
        !self.has_failed.load(Ordering::Relaxed) && self.outbox.blocking_send(Ok(packet)).is_ok()
    }

    /// Reports a failure to the receiver. Only the first failure is reported. Blocking.
    fn fail(&self, problem: &str) {
        if let Some(packet) = self.failure(problem) {
            let _receiver_gone = self.outbox.blocking_send(Ok(packet));
            self.has_reported.cancel();
        }
    }

    async fn fail_async(&self, problem: &str) {
        if let Some(packet) = self.failure(problem) {
            let _receiver_gone = self.outbox.send(Ok(packet)).await;
            self.has_reported.cancel();
        }
    }

    fn failure(&self, problem: &str) -> Option<Packet> {
        if self.has_failed.swap(true, Ordering::Relaxed) {
            return None;
        }
        self.failure.set(problem.to_owned()).ok()?;
        Some(Packet::error(problem))
    }
}

/// The state of one reader.
struct Reader<'a> {
    transfer: &'a Transfer,
    buffer: BytesMut,
    /// The directory of the last file; requests arrive in the order of the walk.
    dir: Option<(Vec<u8>, OwnedFd)>,
}

impl Reader<'_> {
    fn answer(&mut self, id: u32, content: &Content) -> Result<(), String> {
        if !content.is_socket && !self.send_content(id, content)? {
            return Ok(());
        }
        self.transfer.send(Packet::data(id, Bytes::new()));
        Ok(())
    }

    /// False if the transfer is over.
    fn send_content(&mut self, id: u32, content: &Content) -> Result<bool, String> {
        let failed = |action, error| self.transfer.tree.error(action, &content.path, error).to_string();
        let (directory, name) = tree::split_path(&content.path);
        let is_same = self.dir.as_ref().is_some_and(|(path, _)| path == directory);
        if !is_same {
            let dir = self.transfer.tree.open_dir(directory).map_err(|e| failed("open", e))?;
            self.dir = Some((directory.to_owned(), dir));
        }
        let Some((_, dir)) = &self.dir else { return Ok(false) };
        let file = tree::open_child_file(dir.as_fd(), name).map_err(|e| failed("open", e))?;
        let state = rustix::fs::fstat(&file).map_err(|e| failed("examine", e))?;
        if FileType::from_raw_mode(state.st_mode) != FileType::RegularFile {
            return Err(failed("send", Errno::INVAL));
        }
        // A file that grows is cut at the announced size. Pseudo files are always announced as empty, so files without a size
        // are read to their end.
        let (mut left, chunk) =
            if content.size == 0 { (u64::MAX, SMALL_CHUNK_SIZE) } else { (content.size, CHUNK_SIZE) };
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(chunk).min(chunk);
            self.buffer.resize(wanted, 0);
            let length = loop {
                match rustix::io::read(&file, &mut self.buffer[..]) {
                    Err(Errno::INTR) => {}
                    outcome => break outcome.map_err(|e| failed("read", e))?,
                }
            };
            if length == 0 {
                break;
            }
            left -= length as u64;
            // The rest of the allocation is reused for the next chunk after this one has been sent.
            let chunk = self.buffer.split_to(length).freeze();
            if !self.transfer.send(Packet::data(id, chunk)) {
                return Ok(false);
            }
        }
        if content.size > 0 && left > 0 {
            let path = tree::as_path(&content.path).display();
            return Err(format!("{path} became shorter while it was being sent"));
        }
        Ok(true)
    }
}

/// Records a name that not every daemon accepts, unless there are already enough for the user to find the cause.
fn note_name(stat: &Stat, names: &List<PathBuf>) {
    let is_utf8 = |name: &[u8]| std::str::from_utf8(name).is_ok();
    if !(is_utf8(&stat.path) && is_utf8(&stat.linkname)) && names.to_vec().len() < MAX_NAMES {
        names.push(tree::as_path(&stat.path).to_owned());
    }
}

/// Code that holds one of these locks does not panic, so poisoning can be ignored.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
