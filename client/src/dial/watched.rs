//! A stream that remembers how it broke. Where several calls share a connection, the HTTP/2 library only reports to each of
//! them that it was closed, although the reason (a TLS alert, the last output of a helper) could be read.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};

use super::BoxedIo;

/// How long the reason of a failed write is waited for.
const LAST_WORDS_TIMEOUT: Duration = Duration::from_millis(500);

/// How long a call has to end by itself once its connection is gone.
const CALL_END_TIMEOUT: Duration = Duration::from_millis(200);

/// The first error of reading, or else of writing.
#[derive(Debug, Clone, Default)]
pub(super) struct Breakage(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Seen>,
    gone: Notify,
}

#[derive(Debug, Default)]
struct Seen {
    read: Option<String>,
    write: Option<String>,
}

impl Breakage {
    pub(super) fn take(&self) -> Option<String> {
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // Reading gives reasons; writing just fails when the other side has closed.
        seen.read.take().or_else(|| seen.write.take())
    }

    /// The result of `call`, or `None` when the connection is gone and the call does not notice: once in a few hundred times the
    /// HTTP/2 library leaves the first call waiting for ever when it hangs up on a peer that speaks something else.
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
            let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.read.get_or_insert_with(|| error.to_string());
        }
    }

    fn note_write(&self, error: &io::Error) {
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.write.get_or_insert_with(|| error.to_string());
    }
}

pub(super) struct Watched {
    io: BoxedIo,
    breakage: Breakage,
    /// A write that failed, held back until the other side's last output has been read.
    failed: Option<FailedWrite>,
}

struct FailedWrite {
    error: io::Error,
    patience: Pin<Box<Sleep>>,
}

impl Watched {
    pub(super) fn new(io: BoxedIo) -> (Self, Breakage) {
        let breakage = Breakage::default();
        (Self { io, breakage: breakage.clone(), failed: None }, breakage)
    }

    /// Lets a write through, unless one has failed before: then it is time to listen.
    fn write<T>(
        &mut self,
        cx: &mut Context<'_>,
        attempt: impl FnOnce(Pin<&mut BoxedIo>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.failed.is_none() {
            match attempt(Pin::new(&mut self.io), cx) {
                Poll::Ready(Err(error)) => {
                    self.failed = Some(FailedWrite { error, patience: Box::pin(sleep(LAST_WORDS_TIMEOUT)) });
                }
                other => return other,
            }
        }
        let heard = self.last_words(cx);
        let Some(failed) = &mut self.failed else { return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())) };
        if heard.is_pending() && failed.patience.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        // The error itself goes to the first caller; to all later ones the stream is just broken.
        let error = std::mem::replace(&mut failed.error, io::ErrorKind::BrokenPipe.into());
        self.breakage.note_write(&error);
        Poll::Ready(Err(error))
    }

    /// What the other side sent before it closed may still be waiting to be read, or be about to come.
    fn last_words(&mut self, cx: &mut Context<'_>) -> Poll<()> {
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

/// Whoever held the stream is done with it.
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
