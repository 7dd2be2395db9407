//! What we send on the stream of one process: the start first, then control messages and input as they come.
//!
//! Control messages overtake input that is still here; in the daemon they wait behind input the process has not read yet
//! (`moby/buildkit: frontend/gateway/gateway.go`, `ExecProcess`). Knows nothing of what comes back.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use buildkit_proto::rpc::gateway::{ExecMessage, FdMessage, exec_message};
use tokio::sync::mpsc;
use tokio_stream::Stream;

/// The descriptor of the input.
const STDIN: u32 = 0;

/// A control message.
#[derive(Debug)]
pub(super) enum Control {
    Send(Box<exec_message::Input>),
    /// The process has ended: the rest of its input is dropped, but the daemon waits for the end of the input.
    EndInput,
}

/// The source of the input.
#[derive(Debug)]
pub(super) enum Source {
    /// The input has ended, and the daemon was told.
    Closed,
    Bytes(VecDeque<Vec<u8>>),
    Pipe(mpsc::Receiver<Vec<u8>>),
}

/// The stream; it ends when all senders of control messages are dropped.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) process: String,
    pub(super) control: mpsc::UnboundedReceiver<Control>,
    pub(super) source: Source,
}

impl Outgoing {
    fn message(&self, input: exec_message::Input) -> ExecMessage {
        ExecMessage { process_id: self.process.clone(), input: Some(input) }
    }

    fn end_of_input(&mut self) -> ExecMessage {
        self.source = Source::Closed;
        self.message(exec_message::Input::File(FdMessage { fd: STDIN, eof: true, data: Vec::new() }))
    }
}

impl Stream for Outgoing {
    type Item = ExecMessage;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<ExecMessage>> {
        loop {
            match self.control.poll_recv(context) {
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Ready(Some(Control::Send(input))) => return Poll::Ready(Some(self.message(*input))),
                Poll::Ready(Some(Control::EndInput)) if matches!(self.source, Source::Closed) => continue,
                Poll::Ready(Some(Control::EndInput)) => return Poll::Ready(Some(self.end_of_input())),
                Poll::Pending => break,
            }
        }
        let bytes = match &mut self.source {
            Source::Closed => return Poll::Pending,
            Source::Bytes(chunks) => chunks.pop_front(),
            Source::Pipe(pipe) => ready!(pipe.poll_recv(context)),
        };
        Poll::Ready(Some(match bytes {
            Some(data) => self.message(exec_message::Input::File(FdMessage { fd: STDIN, eof: false, data })),
            None => self.end_of_input(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt as _;

    use super::*;

    fn outgoing(source: Source) -> (mpsc::UnboundedSender<Control>, Outgoing) {
        let (sender, control) = mpsc::unbounded_channel();
        (sender, Outgoing { process: "p".to_owned(), control, source })
    }

    fn file(message: Option<ExecMessage>) -> (Vec<u8>, bool) {
        match message.and_then(|message| message.input) {
            Some(exec_message::Input::File(file)) => (file.data, file.eof),
            other => panic!("no input: {other:?}"),
        }
    }

    #[tokio::test]
    async fn input_ends_once_and_the_stream_with_its_control() {
        let (control, mut messages) = outgoing(Source::Bytes(VecDeque::from([vec![1], vec![2]])));
        assert_eq!(file(messages.next().await), (vec![1], false));
        assert_eq!(file(messages.next().await), (vec![2], false));
        assert_eq!(file(messages.next().await), (Vec::new(), true));
        control.send(Control::EndInput).unwrap();
        drop(control);
        assert_eq!(messages.next().await, None);
    }

    #[tokio::test]
    async fn control_overtakes_input_and_can_end_it() {
        let (pipe, input) = mpsc::channel(4);
        let (control, mut messages) = outgoing(Source::Pipe(input));
        pipe.send(vec![1]).await.unwrap();
        control.send(Control::EndInput).unwrap();
        assert_eq!(file(messages.next().await), (Vec::new(), true));
        assert!(pipe.send(vec![2]).await.is_err(), "nobody takes it any more");
    }
}
