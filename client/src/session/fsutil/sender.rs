//! The sending side of fsutil: one tree, one receiver (fsutil: `send.go`).
//!
//! Three independent activities share a response stream: the walk announces entries, a listener takes requests, and a
//! bounded number of readers answers them. The protocol has no window of its own, so requests are queued without limit
//! (each id may come once) while content waits for HTTP/2's flow control. Entries that changed after they were
//! announced fail the transfer; upstream sends them empty.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use rustix::fs::FileType;
use rustix::io::Errno;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::Status;

use super::filter::Filter;
use super::mode;
use super::tree::{self, Tree};
use super::walk::{self, Entry, Owner, WalkError};
use super::wire::{Packet, PacketKind, Stat};
use crate::session::sent::{DirRequest, Fingerprint, Sent};
use crate::session::tasks::Tasks;

/// Content per packet. Old daemons refuse messages of 4 MiB; larger chunks than this gain nothing.
const CHUNK: usize = 128 * 1024;
/// Read from files that are announced as empty and nearly always are.
const SMALL_CHUNK: usize = 4096;
/// Packets waiting for the wire, at most 4 MiB of content.
const OUTBOX: usize = 32;
/// Files read at the same time.
const READERS: usize = 8;

/// What a receiver is served.
pub(crate) struct Source {
    pub(crate) tree: Tree,
    pub(crate) filter: Filter,
    pub(crate) owner: Owner,
    pub(crate) listeners: Listeners,
}

/// Who hears of what is sent.
#[derive(Default)]
pub(crate) struct Listeners {
    /// What the receiver asked for.
    pub(crate) request: DirRequest,
    /// Hears of all entries once the receiver knows them.
    pub(crate) sent: Sent,
    /// Hears of names that not every daemon takes.
    pub(crate) odd_names: OddNames,
}

/// Names that were sent although they are not UTF-8. Daemons whose gRPC checks that, as Docker Engine's does, end the
/// transfer with a message that tells neither the name nor the directory.
#[derive(Clone, Debug, Default)]
pub(crate) struct OddNames(Arc<Mutex<Vec<PathBuf>>>);

impl OddNames {
    /// Enough to find the others.
    const LIMIT: usize = 10;

    pub(crate) fn list(&self) -> Vec<PathBuf> {
        lock(&self.0).clone()
    }

    fn look_at(&self, stat: &Stat) {
        if [&stat.path, &stat.linkname].iter().any(|name| std::str::from_utf8(name).is_err()) {
            let mut names = lock(&self.0);
            if names.len() < Self::LIMIT {
                names.push(tree::as_path(&stat.path).to_owned());
            }
        }
    }
}

/// Serves `source` to the receiver whose packets arrive in `inbound`, and returns the packets for it.
pub(crate) fn send<S>(source: Source, inbound: S, tasks: &Tasks) -> ReceiverStream<Result<Packet, Status>>
where
    S: Stream<Item = Result<Packet, Status>> + Send + Unpin + 'static,
{
    let Source { tree, filter, owner, listeners } = source;
    let (outbox, packets) = mpsc::channel(OUTBOX);
    let transfer = Arc::new(Transfer {
        tree,
        outbox,
        announced: Mutex::new(Vec::new()),
        requests: Mutex::new(Requests::default()),
        has_failed: AtomicBool::new(false),
        tasks: tasks.clone(),
    });
    let walker = Arc::clone(&transfer);
    tasks.spawn_blocking(move || walker.announce(&filter, owner, listeners));
    tasks.spawn(async move { transfer.listen(inbound).await });
    ReceiverStream::new(packets)
}

struct Transfer {
    tree: Tree,
    outbox: mpsc::Sender<Result<Packet, Status>>,
    /// By id: the index in the sequence of stats.
    announced: Mutex<Vec<Announced>>,
    requests: Mutex<Requests>,
    has_failed: AtomicBool,
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
    /// Sends the stats. Blocking.
    fn announce(&self, filter: &Filter, owner: Owner, listeners: Listeners) {
        let Listeners { request, sent, odd_names } = listeners;
        let mut fingerprint = Fingerprint::default();
        let mut emit = |entry: Entry| {
            odd_names.look_at(&entry.stat);
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
            // Before the stat leaves, since the request for it may come at once.
            lock(&self.announced).push(announced);
            self.send(Packet::stat(entry.stat))
        };
        match walk::walk(&self.tree, filter, owner, &mut emit) {
            Ok(()) => {
                // Before the receiver can end what needs them.
                sent.note(request, fingerprint);
                self.send(Packet::end_of_stats());
            }
            Err(WalkError::Stopped) => {}
            Err(WalkError::Tree(error)) => self.fail(&error.to_string()),
        }
    }

    /// Takes the receiver's packets until it is done, fails, or goes away.
    async fn listen<S>(self: Arc<Self>, mut inbound: S)
    where
        S: Stream<Item = Result<Packet, Status>> + Unpin,
    {
        while let Some(packet) = inbound.next().await {
            let Ok(packet) = packet else { return self.abandon() };
            match PacketKind::try_from(packet.kind) {
                Ok(PacketKind::Request) => {
                    if let Err(problem) = self.queue(packet.id) {
                        return self.fail_async(&problem).await;
                    }
                }
                Ok(PacketKind::Finish) => {
                    let _receiver_gone = self.outbox.send(Ok(Packet::finish())).await;
                    return;
                }
                Ok(PacketKind::Error) => {
                    self.has_failed.store(true, Ordering::Relaxed);
                    let message = String::from_utf8_lossy(&packet.data);
                    let status = Status::aborted(format!("error from receiver: {message}"));
                    let _receiver_gone = self.outbox.send(Err(status)).await;
                    return;
                }
                Ok(kind @ (PacketKind::Stat | PacketKind::Data)) => {
                    return self.fail_async(&format!("unexpected packet {kind:?}")).await;
                }
                Err(_) => {
                    return self.fail_async(&format!("unknown packet type {}", packet.kind)).await;
                }
            }
        }
        self.abandon();
    }

    /// Nobody listens any more: lets walk and readers stop at their next packet.
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
        if requests.readers < READERS {
            requests.readers += 1;
            let reader = Arc::clone(self);
            self.tasks.spawn_blocking(move || reader.read_requested());
        }
        Ok(())
    }

    /// Answers requests as long as there are any. Blocking.
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

    /// Tells the receiver, then ends the call: once, whoever fails first. Blocking.
    fn fail(&self, problem: &str) {
        if let Some(last_words) = self.last_words(problem) {
            for item in last_words {
                let _receiver_gone = self.outbox.blocking_send(item);
            }
        }
    }

    async fn fail_async(&self, problem: &str) {
        if let Some(last_words) = self.last_words(problem) {
            for item in last_words {
                let _receiver_gone = self.outbox.send(item).await;
            }
        }
    }

    fn last_words(&self, problem: &str) -> Option<[Result<Packet, Status>; 2]> {
        let is_first = !self.has_failed.swap(true, Ordering::Relaxed);
        is_first.then(|| [Ok(Packet::error(problem)), Err(Status::aborted(problem))])
    }
}

/// What one reader keeps between files.
struct Reader<'a> {
    transfer: &'a Transfer,
    buffer: BytesMut,
    /// The directory of the last file: requests come in the order of the walk.
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
        let tell = |action, error| self.transfer.tree.error(action, &content.path, error).to_string();
        let (directory, name) = tree::split_path(&content.path);
        let is_same = self.dir.as_ref().is_some_and(|(path, _)| path == directory);
        if !is_same {
            let dir = self.transfer.tree.open_dir(directory).map_err(|e| tell("open", e))?;
            self.dir = Some((directory.to_owned(), dir));
        }
        let Some((_, dir)) = &self.dir else { return Ok(false) };
        let file = tree::open_child_file(dir.as_fd(), name).map_err(|e| tell("open", e))?;
        let state = rustix::fs::fstat(&file).map_err(|e| tell("examine", e))?;
        if FileType::from_raw_mode(state.st_mode) != FileType::RegularFile {
            return Err(tell("send", Errno::INVAL));
        }
        // A file that grows meanwhile is cut at the size that was announced. Pseudo files are announced as empty
        // whatever they hold, so those are read to their end.
        let (mut left, chunk) = if content.size == 0 { (u64::MAX, SMALL_CHUNK) } else { (content.size, CHUNK) };
        while left > 0 {
            let wanted = usize::try_from(left).unwrap_or(chunk).min(chunk);
            self.buffer.resize(wanted, 0);
            let length = loop {
                match rustix::io::read(&file, &mut self.buffer[..]) {
                    Err(Errno::INTR) => {}
                    outcome => break outcome.map_err(|e| tell("read", e))?,
                }
            };
            if length == 0 {
                break;
            }
            left -= length as u64;
            // The rest of the allocation is used for the next chunk once this one is on the wire.
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

/// No panic happens while one of these locks is held, so a poisoned one is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
