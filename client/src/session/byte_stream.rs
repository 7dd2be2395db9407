//! The bytes inside `Control.Session`: two streams of `BytesMessage` as one connection (moby/buildkit:
//! `session/grpchijack/dial.go`).
//!
//! The messages have no framing of their own; the end of the stream is the end of the connection. HTTP/2 runs on top of
//! this, in [`super::server`].

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use buildkit_proto::rpc::control::BytesMessage;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_util::sync::PollSender;
use tonic::Status;

/// Largest message to send. HTTP/2 frames to Go are 16 KiB, so this is not reached in practice.
const MAX_WRITE: usize = 64 * 1024;

/// One side of a connection.
pub(super) struct ByteStream<S> {
    inbound: S,
    outbound: PollSender<BytesMessage>,
    /// Received bytes; `received[read..]` has not been read yet.
    received: Vec<u8>,
    read: usize,
    failure: Failure,
}

/// Why the outer call broke, for code that only sees a broken connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Failure(Arc<OnceLock<Status>>);

impl Failure {
    pub(super) fn get(&self) -> Option<Status> {
        self.0.get().cloned()
    }
}

impl<S> ByteStream<S> {
    pub(super) fn new(inbound: S, outbound: mpsc::Sender<BytesMessage>) -> Self {
        Self {
            inbound,
            outbound: PollSender::new(outbound),
            received: Vec::new(),
            read: 0,
            failure: Failure::default(),
        }
    }

    pub(super) fn failure(&self) -> Failure {
        self.failure.clone()
    }
}

impl<S> AsyncRead for ByteStream<S>
where
    S: Stream<Item = Result<BytesMessage, Status>> + Unpin,
{
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.read == this.received.len() {
            match ready!(Pin::new(&mut this.inbound).poll_next(context)) {
                Some(Ok(message)) => {
                    this.received = message.data;
                    this.read = 0;
                }
                Some(Err(status)) => {
                    let error = io::Error::new(io::ErrorKind::ConnectionReset, status.clone());
                    // The first failure is the cause.
                    let _later = this.failure.0.set(status);
                    return Poll::Ready(Err(error));
                }
                None => return Poll::Ready(Ok(())),
            }
        }
        let unread = &this.received[this.read..];
        let length = unread.len().min(buffer.remaining());
        buffer.put_slice(&unread[..length]);
        this.read += length;
        Poll::Ready(Ok(()))
    }
}

impl<S: Unpin> AsyncWrite for ByteStream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    /// Frame header and content arrive as two slices and should be sent as one message.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.outbound.poll_reserve(context)).map_err(|_| broken())?;
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut data = Vec::with_capacity(total.min(MAX_WRITE));
        for slice in slices {
            let room = MAX_WRITE - data.len();
            data.extend_from_slice(&slice[..slice.len().min(room)]);
        }
        let length = data.len();
        if length > 0 {
            this.outbound.send_item(BytesMessage { data }).map_err(|_| broken())?;
        }
        Poll::Ready(Ok(length))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().outbound.close();
        Poll::Ready(Ok(()))
    }
}

fn broken() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}
