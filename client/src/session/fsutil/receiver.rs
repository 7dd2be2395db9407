//! The receiving side of fsutil: merges an export into a directory (fsutil: `receive.go`).
//!
//! The daemon is trusted less than the user, so everything is checked before it is written: paths and their order, ids,
//! sizes, targets of hard links. One blocking worker handles all packets of a stream in sequence. The queue of requests has
//! no limit: a worker that waited for the daemon to accept a request could not receive the content that the daemon is
//! waiting to send.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_stream::{Stream, StreamExt as _};
use tonic::Status;

use super::mode;
use super::order::{Order, OrderError};
use super::wire::{Packet, PacketKind, Stat};
use crate::session::records::WriteFailure;
use crate::session::tasks::Tasks;
use target::{FileInProgress, TargetDir, TargetError};

mod target;
#[cfg(test)]
mod tests;

/// Packets that wait to be written: half a MiB with Go's chunks of 32 KiB.
const INBOX_SIZE: usize = 16;
/// Files that are written at the same time. Go's sender sends four at a time.
const MAX_OPEN_FILES: usize = 64;

/// The result of a successful transfer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Received {
    /// Entries of all kinds.
    pub(crate) entries: u64,
    /// Bytes of content.
    pub(crate) bytes: u64,
    /// Devices, fifos and sockets, which are skipped: root filesystems contain some, but a user's folder should not.
    pub(crate) skipped: u64,
}

/// Why a transfer failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReceiveError {
    #[error(transparent)]
    Order(#[from] OrderError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error("error from sender: {0}")]
    Sender(String),
    #[error("protocol error: {0}")]
    Protocol(String),
    #[error("{path} was announced with {announced} bytes but {received}")]
    Size { path: String, announced: u64, received: String },
    #[error("{path:?} is a hard link to {target:?}, which is not a file of this export")]
    LinkTarget { path: String, target: String },
    #[error("the daemon went away before the export was complete")]
    Interrupted,
}

/// Receives a tree into `destination` and returns the packets for the daemon. `done` is called when everything is on disk,
/// before the daemon is notified, so that everything is there when a solve returns. `failure` is set if something cannot be written.
pub(crate) fn receive<S>(
    destination: PathBuf,
    mut inbound: S,
    tasks: &Tasks,
    done: impl FnOnce(Received) + Send + 'static,
    failure: WriteFailure,
) -> UnboundedReceiverStream<Result<Packet, Status>>
where
    S: Stream<Item = Result<Packet, Status>> + Send + Unpin + 'static,
{
    let (outbox, packets) = mpsc::unbounded_channel();
    let (inbox, arrivals) = mpsc::channel(INBOX_SIZE);
    tasks.spawn(async move {
        while let Some(Ok(packet)) = inbound.next().await {
            if inbox.send(packet).await.is_err() {
                return;
            }
        }
    });
    tasks.spawn_blocking(move || {
        let outcome = Receiver::new(destination, outbox.clone(), done)
            .map_err(ReceiveError::from)
            .and_then(|receiver| receiver.run(arrivals));
        if let Err(error) = outcome {
            let problem = error.to_string();
            if matches!(error, ReceiveError::Target(_)) {
                failure.set(problem.clone());
            }
            let _daemon_gone = outbox.send(Ok(Packet::error(&problem)));
            let _daemon_gone = outbox.send(Err(Status::aborted(problem)));
        }
    });
    UnboundedReceiverStream::new(packets)
}

type Outbox = mpsc::UnboundedSender<Result<Packet, Status>>;

struct Receiver<D> {
    target: TargetDir,
    outbox: Outbox,
    order: Order,
    /// The id of the next entry.
    next_id: u32,
    /// Whether all entries have been announced.
    is_announced: bool,
    /// Called when everything is on disk.
    done: Option<D>,
    /// Requested files that have not been completed.
    pending: BTreeMap<u32, Pending>,
    open_files: usize,
    /// Regular files of this transfer, to which hard links may point.
    plain: BTreeSet<Vec<u8>>,
    /// Created when all files are complete, because files get their names only then.
    hard_links: Vec<Stat>,
    /// Directories, whose modes and times are set last: writing into a directory needs permissions and changes its time.
    directories: Vec<Stat>,
    received: Received,
}

struct Pending {
    stat: Stat,
    /// Opened when the first piece of content arrives.
    file: Option<FileInProgress>,
    written: u64,
}

impl<D: FnOnce(Received)> Receiver<D> {
    fn new(destination: PathBuf, outbox: Outbox, done: D) -> Result<Self, TargetError> {
        Ok(Self {
            target: TargetDir::create(destination)?,
            outbox,
            order: Order::new(),
            next_id: 0,
            is_announced: false,
            done: Some(done),
            pending: BTreeMap::new(),
            open_files: 0,
            plain: BTreeSet::new(),
            hard_links: Vec::new(),
            directories: Vec::new(),
            received: Received::default(),
        })
    }

    fn run(mut self, mut arrivals: mpsc::Receiver<Packet>) -> Result<(), ReceiveError> {
        while let Some(packet) = arrivals.blocking_recv() {
            match PacketKind::try_from(packet.kind) {
                Ok(PacketKind::Stat) => match packet.stat {
                    Some(stat) => self.entry(stat)?,
                    None => self.end_of_entries()?,
                },
                Ok(PacketKind::Data) => self.data(packet)?,
                Ok(PacketKind::Finish) if self.done.is_none() => return Ok(()),
                Ok(PacketKind::Error) => {
                    let message = String::from_utf8_lossy(&packet.data).into_owned();
                    return Err(ReceiveError::Sender(message));
                }
                Ok(kind @ (PacketKind::Finish | PacketKind::Request)) => {
                    return Err(ReceiveError::Protocol(format!("unexpected packet {kind:?}")));
                }
                Err(_) => {
                    let problem = format!("unknown packet type {}", packet.kind);
                    return Err(ReceiveError::Protocol(problem));
                }
            }
            self.finish_if_complete()?;
        }
        Err(ReceiveError::Interrupted)
    }

    fn entry(&mut self, stat: Stat) -> Result<(), ReceiveError> {
        if self.is_announced {
            return Err(ReceiveError::Protocol("an entry after the end of the tree".to_owned()));
        }
        let id = self.next_id;
        self.next_id = id.checked_add(1).ok_or_else(|| ReceiveError::Protocol("too many entries".to_owned()))?;
        let is_dir = stat.mode & mode::DIR != 0;
        self.order.accept(&stat.path, is_dir)?;
        self.received.entries += 1;
        match stat.mode & mode::TYPE {
            mode::DIR => {
                self.target.make_dir(&stat.path)?;
                self.directories.push(stat);
            }
            mode::SYMLINK => self.target.make_symlink(&stat)?,
            0 if !stat.linkname.is_empty() => {
                if !self.plain.contains(stat.linkname.as_slice()) {
                    return Err(ReceiveError::LinkTarget { path: lossy(&stat.path), target: lossy(&stat.linkname) });
                }
                self.hard_links.push(stat);
            }
            0 => {
                self.plain.insert(stat.path.clone());
                self.pending.insert(id, Pending { stat, file: None, written: 0 });
                self.send(Packet::request(id));
            }
            _ => {
                self.received.entries -= 1;
                self.received.skipped += 1;
            }
        }
        Ok(())
    }

    fn end_of_entries(&mut self) -> Result<(), ReceiveError> {
        if self.is_announced {
            return Err(ReceiveError::Protocol("the tree ended twice".to_owned()));
        }
        self.is_announced = true;
        Ok(())
    }

    fn data(&mut self, packet: Packet) -> Result<(), ReceiveError> {
        let Some(pending) = self.pending.get_mut(&packet.id) else {
            let problem = format!("content for {}, which was not requested", packet.id);
            return Err(ReceiveError::Protocol(problem));
        };
        let announced = u64::try_from(pending.stat.size)
            .map_err(|_| ReceiveError::Protocol(format!("negative size of {}", lossy(&pending.stat.path))))?;
        let file = match &mut pending.file {
            Some(file) => file,
            none => {
                if self.open_files == MAX_OPEN_FILES {
                    let problem = format!("more than {MAX_OPEN_FILES} files at once");
                    return Err(ReceiveError::Protocol(problem));
                }
                self.open_files += 1;
                none.insert(self.target.begin_file(&pending.stat.path)?)
            }
        };
        let size_error = |received| ReceiveError::Size { path: lossy(&pending.stat.path), announced, received };
        if !packet.data.is_empty() {
            pending.written += packet.data.len() as u64;
            if pending.written > announced {
                return Err(size_error("has more".to_owned()));
            }
            file.write(&packet.data)?;
            self.received.bytes += packet.data.len() as u64;
            return Ok(());
        }
        if pending.written < announced {
            return Err(size_error(format!("ended after {}", pending.written)));
        }
        if let Some(Pending { stat, file: Some(file), .. }) = self.pending.remove(&packet.id) {
            self.open_files -= 1;
            file.complete(&stat)?;
        }
        Ok(())
    }

    fn finish_if_complete(&mut self) -> Result<(), ReceiveError> {
        if !self.is_announced || !self.pending.is_empty() || self.done.is_none() {
            return Ok(());
        }
        for link in std::mem::take(&mut self.hard_links) {
            self.target.make_hard_link(&link)?;
        }
        // Deepest first, because the final mode of a directory may deny access to its children.
        for directory in std::mem::take(&mut self.directories).iter().rev() {
            self.target.finish_dir(directory)?;
        }
        if let Some(done) = self.done.take() {
            done(self.received);
        }
        self.send(Packet::finish());
        Ok(())
    }

    fn send(&self, packet: Packet) {
        // If the receiver of these packets is gone, no packets arrive either, which ends the transfer.
        let _daemon_gone = self.outbox.send(Ok(packet));
    }
}

fn lossy(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
