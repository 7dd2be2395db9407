//! A stream that remembers why it broke. The HTTP/2 library reports only "closed" to the calls that share a connection,
//! although the reason (a TLS alert, the last output of a helper) could be read from the stream.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

use crate::transport::BoxedIo;

/// How long to wait for the reason of a failed write.
const REASON_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a call may take to end by itself after its connection is gone.
const CALL_END_TIMEOUT: Duration = Duration::from_millis(200);

/// The first read error, or else the first write error.
#[derive(Debug, Clone, Default)]
pub(super) struct Breakage(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    errors: Mutex<Errors>,
    gone: Notify,
}

#[derive(Debug, Default)]
struct Errors {
    read: Option<String>,
    write: Option<String>,
}

impl Breakage {
    pub(super) fn take(&self) -> Option<String> {
        let mut errors = self.0.errors.lock().unwrap_or_else(PoisonError::into_inner);
        // Read errors contain the reason; writes just fail when the peer has closed the stream.
        errors.read.take().or_else(|| errors.write.take())
    }

    /// The result of `call`, or `None` if the connection is gone and the call does not end. In rare cases the HTTP/2 library
    /// never ends the first call after it closes the connection to a peer that does not speak HTTP/2.
    pub(super) async fn or_lost<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        let lost = async {
            self.0.gone.notified().await;
            sleep(CALL_END_TIMEOUT).await;
        };
        tokio::select! {
            biased;
            done = call => Some(done),
            () = lost => None,
        }
    }

    fn note_read<T>(&self, outcome: &Poll<io::Result<T>>) {
        if let Poll::Ready(Err(error)) = outcome {
            let mut errors = self.0.errors.lock().unwrap_or_else(PoisonError::into_inner);
            errors.read.get_or_insert_with(|| error.to_string());
        }
    }

    fn note_write(&self, error: &io::Error) {
        let mut errors = self.0.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.write.get_or_insert_with(|| error.to_string());
    }
}

pub(super) struct Watched {
    io: BoxedIo,
    breakage: Breakage,
    /// A failed write, held back until the peer's last output has been read.
    failed: Option<FailedWrite>,
}

struct FailedWrite {
    error: io::Error,
    timeout: Pin<Box<Sleep>>,
}

impl Watched {
    pub(super) fn new(io: BoxedIo) -> (Self, Breakage) {
        let breakage = Breakage::default();
        (Self { io, breakage: breakage.clone(), failed: None }, breakage)
    }

    /// Writes, unless a write has failed before. In that case, reads the reason before it returns the error.
    fn write<T>(
        &mut self,
        cx: &mut Context<'_>,
        attempt: impl FnOnce(Pin<&mut BoxedIo>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.failed.is_none() {
            match attempt(Pin::new(&mut self.io), cx) {
                Poll::Ready(Err(error)) => {
                    self.failed = Some(FailedWrite { error, timeout: Box::pin(sleep(REASON_TIMEOUT)) });
                }
                other => return other,
            }
        }
        let drained = self.drain(cx);
        let Some(failed) = &mut self.failed else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        if drained.is_pending() && failed.timeout.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        // The first caller gets the error itself; later callers get a broken pipe.
        let error = std::mem::replace(&mut failed.error, io::ErrorKind::BrokenPipe.into());
        self.breakage.note_write(&error);
        Poll::Ready(Err(error))
    }

    /// Reads to the end, for an error that the peer sent before it closed the stream.
    fn drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [0; 1024];
        loop {
            let mut buf = ReadBuf::new(&mut scratch);
            let outcome = Pin::new(&mut self.io).poll_read(cx, &mut buf);
            self.breakage.note_read(&outcome);
            match outcome {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
            }
        }
    }
}

/// Marks the connection as gone.
impl Drop for Watched {
    fn drop(&mut self) {
        self.breakage.0.gone.notify_one();
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_read(cx, buf);
        self.breakage.note_read(&outcome);
        outcome
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().write(cx, |io, cx| io.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().write(cx, |io, cx| io.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().write(cx, |io, cx| io.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}
