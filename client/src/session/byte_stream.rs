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
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio_stream::{Stream, StreamExt as _};
use tokio_util::io::StreamReader;
use tokio_util::sync::PollSender;
use tonic::Status;

/// Largest message to send. HTTP/2 frames to Go are 16 KiB, so this is not reached in practice.
const MAX_WRITE: usize = 64 * 1024;

/// Why the outer call broke, for code that only sees a broken connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Failure(Arc<OnceLock<Status>>);

impl Failure {
    pub(super) fn get(&self) -> Option<Status> {
        self.0.get().cloned()
    }
}

/// One side of a connection.
pub(super) fn byte_stream<S>(
    inbound: S,
    outbound: mpsc::Sender<BytesMessage>,
) -> (impl AsyncRead + AsyncWrite + Unpin, Failure)
where
    S: Stream<Item = Result<BytesMessage, Status>> + Unpin,
{
    let failure = Failure::default();
    let noted = failure.clone();
    let received = inbound.map(move |message| match message {
        Ok(message) => Ok(Bytes::from(message.data)),
        Err(status) => {
            let error = io::Error::new(io::ErrorKind::ConnectionReset, status.clone());
            // The first failure is the cause.
            let _later = noted.0.set(status);
            Err(error)
        }
    });
    (tokio::io::join(StreamReader::new(received), Outbound(PollSender::new(outbound))), failure)
}

/// The sending half.
struct Outbound(PollSender<BytesMessage>);

impl AsyncWrite for Outbound {
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
        ready!(this.0.poll_reserve(context)).map_err(|_| broken())?;
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        let mut data = Vec::with_capacity(total.min(MAX_WRITE));
        for slice in slices {
            let room = MAX_WRITE - data.len();
            data.extend_from_slice(&slice[..slice.len().min(room)]);
        }
        let length = data.len();
        if length > 0 {
            this.0.send_item(BytesMessage { data }).map_err(|_| broken())?;
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
        self.get_mut().0.close();
        Poll::Ready(Ok(()))
    }
}

fn broken() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}
