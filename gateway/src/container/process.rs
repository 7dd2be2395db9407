//! A process in a container: what it writes, how it ends, which signals it takes (`ExecProcess`).
//!
//! Every process has a stream of its own, although the daemon would take all on one: there, a write to a process that has
//! just ended breaks the stream, and the others with it (`moby/buildkit: frontend/gateway/gateway.go`, `processIO.Write`).

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use buildkit_proto::rpc::gateway::{ExecMessage, ExitMessage, ResizeMessage, SignalMessage, exec_message};
use tokio::io::AsyncWrite;
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;
use tonic::Streaming;

use super::command::{Command, Input, Signal};
use super::outgoing::{Control, Outgoing, Source};
use super::{Container, Shared};
use crate::bridge::{Bridge, method};
use crate::error::GatewayError;
use crate::pong::caps;
use crate::status::Status;
use buildkit_proto::errdefs::ErrorDetail;

/// So much input goes into one message.
const CHUNK: usize = 64 << 10;
/// The number of messages that are queued before a writer has to wait.
const MAX_WAITING: usize = 4;
const STDOUT: u32 = 1;
const STDERR: u32 = 2;
const METHOD: &str = "ExecProcess";
/// The code of a process whose code is not known (`moby/buildkit: frontend/gateway/pb/exit.go`).
const UNKNOWN: u32 = 255;
/// How long a start may take. A daemon that cannot start a process waits with its answer for the end of our stream
/// (`moby/buildkit: frontend/gateway/gateway.go`, `ExecProcess`), which we do not want to end: there may be input.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Likewise with secrets, which may well be missing.
const SECRETS_TIMEOUT: Duration = Duration::from_secs(15);

/// A running process.
///
/// What it writes comes with [`Process::next`], which somebody has to call: a process whose output nobody takes comes to
/// a stop, as it would on a pipe. Dropping this leaves the process running, unheard, for as long as its container lives,
/// and keeps the container no longer.
///
/// ```no_run
/// # use buildkit_gateway::{GatewayError, container::{Command, Container, Event, Signal}};
/// # async fn first_words(container: &Container) -> Result<Vec<u8>, GatewayError> {
/// let mut server = container.start(Command::new(["server"])).await?;
/// let mut words = Vec::new();
/// while let Some(event) = server.next().await? {
///     if let Event::Stdout(bytes) = event {
///         words = bytes;
///         server.signal(Signal::Term)?;
///     }
/// }
/// # Ok(words)
/// # }
/// ```
#[derive(Debug)]
pub struct Process {
    container: std::sync::Arc<Shared>,
    control: mpsc::UnboundedSender<Control>,
    messages: Streaming<ExecMessage>,
    stdin: Option<Stdin>,
    /// Known, but there may be output still.
    exit: Option<Exit>,
    /// The output has ended. If unread input has broken the stream, this comes before the exit.
    is_done: bool,
    is_over: bool,
    takes_signals: bool,
}

/// Something a process did.
///
/// ```
/// use buildkit_gateway::container::{Event, Exit};
///
/// let exit = Event::Exit(Exit { code: 0, status: None });
/// let events = [Event::Stdout(b"3.".to_vec()), Event::Stdout(b"12".to_vec()), exit];
/// let written = events.iter().filter_map(|event| match event {
///     Event::Stdout(bytes) => Some(bytes.as_slice()),
///     _ => None,
/// });
/// assert_eq!(written.collect::<Vec<_>>().concat(), b"3.12");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// It wrote to stdout, or to its terminal.
    Stdout(Vec<u8>),
    /// It wrote to stderr.
    Stderr(Vec<u8>),
    /// It ended; always the last event.
    Exit(Exit),
}

/// How a process ended (`ExitMessage`).
///
/// ```
/// use buildkit_gateway::Status;
/// use buildkit_gateway::container::Exit;
///
/// let exit = Exit { code: 3, status: Some(Status::failed("process exited with code 3")) };
/// assert!(!exit.success());
/// let failed: Status = exit.into_result().unwrap_err();
/// assert_eq!(failed.message, "process exited with code 3");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Exit {
    /// Its exit code; 137 is what `KILL` leaves. 255 and 4294967295 also stand for "not known": the program could not be
    /// run, or its container was gone.
    pub code: u32,
    /// The daemon's status of a failure.
    pub status: Option<Status>,
}

impl Exit {
    /// Whether the exit code is 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.code == 0
    }

    /// The failure with the exit code, to return to the client.
    ///
    /// # Errors
    /// If the exit code is not 0.
    pub fn into_result(self) -> Result<(), Status> {
        let Self { code, status } = self;
        if code == 0 {
            return Ok(());
        }
        let status = status.unwrap_or_else(|| Status::failed(format!("exit code: {code}")));
        let is_told = status.has_detail(ErrorDetail::EXIT);
        // Daemons before BuildKit 0.10 do not send it there.
        Err(if is_told || code == UNKNOWN { status } else { status.with_detail(&ErrorDetail::Exit { code }) })
    }
}

/// A process from its start to its end.
///
/// ```
/// use buildkit_gateway::container::{Exit, Output};
///
/// let output = Output { exit: Exit { code: 0, status: None }, stdout: b"3.12\n".to_vec(), stderr: Vec::new() };
/// assert_eq!(output.stdout().trim(), "3.12");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// How it ended.
    pub exit: Exit,
    /// All it wrote to stdout, or to its terminal.
    pub stdout: Vec<u8>,
    /// All it wrote to stderr.
    pub stderr: Vec<u8>,
}

impl Output {
    /// What it wrote to stdout as text; bytes that are not UTF-8 are replaced.
    #[must_use]
    pub fn stdout(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.stdout)
    }

    /// Likewise, stderr.
    #[must_use]
    pub fn stderr(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.stderr)
    }
}

impl Process {
    pub(super) async fn start(container: &Container, command: Command) -> Result<Self, GatewayError> {
        let bridge = container.bridge();
        if container.is_released() {
            return Err(GatewayError::Invalid("the container was released"));
        }
        if command.args.is_empty() {
            return Err(GatewayError::Invalid("a process needs arguments, the program first"));
        }
        if !command.secret_env.is_empty() {
            bridge.require_gateway_cap(caps::EXEC_SECRET_ENV, "put secrets into variables of a container").await?;
        }
        let takes_signals = bridge.has_gateway_cap(caps::EXEC_SIGNALS).await?;
        let limit = if command.secret_env.is_empty() { START_TIMEOUT } else { SECRETS_TIMEOUT };
        let (init, input) = command.into_init(container.id());
        let (control, controlled) = mpsc::unbounded_channel();
        let (source, stdin) = match input {
            Input::Nothing => (Source::Closed, None),
            Input::Bytes(bytes) => {
                (Source::Bytes(bytes.chunks(CHUNK).map(<[u8]>::to_vec).collect::<VecDeque<_>>()), None)
            }
            Input::Pipe => {
                let (sender, receiver) = mpsc::channel(MAX_WAITING);
                (Source::Pipe(receiver), Some(Stdin(PollSender::new(sender))))
            }
        };
        let outgoing = Outgoing { process: container.next_process(), control: controlled, source };
        // The receiver is right here.
        let _ = control.send(Control::Send(Box::new(exec_message::Input::Init(init))));
        let mut starting = Box::pin(started(bridge, outgoing));
        let messages = match tokio::time::timeout(limit, &mut starting).await {
            Ok(messages) => messages?,
            Err(_) => {
                drop(control);
                let answer = tokio::time::timeout(limit, starting).await;
                let seconds = limit.as_secs();
                // Started after all, but without us.
                return Err(answer
                    .ok()
                    .and_then(Result::err)
                    .unwrap_or(GatewayError::NoAnswer { method: METHOD, seconds }));
            }
        };
        Ok(Self {
            container: container.0.clone(),
            control,
            messages,
            stdin,
            exit: None,
            is_done: false,
            is_over: false,
            takes_signals,
        })
    }

    /// What the process reads from, once, if its command has [`Command::with_stdin`].
    pub fn take_stdin(&mut self) -> Option<Stdin> {
        self.stdin.take()
    }

    /// The next thing it does, and `None` after its exit. May be dropped and called again.
    ///
    /// # Errors
    /// If the stream ends before the process does.
    pub async fn next(&mut self) -> Result<Option<Event>, GatewayError> {
        while !self.is_over {
            let message = match self.messages.message().await {
                Ok(Some(message)) => message,
                Ok(None) => return self.end(GatewayError::Incomplete { method: METHOD, what: "exit" }),
                Err(status) => {
                    let failure = self.container.bridge.classify_call_failure(METHOD, status);
                    return self.end(failure);
                }
            };
            match message.input {
                Some(exec_message::Input::File(file)) if file.data.is_empty() => {}
                Some(exec_message::Input::File(file)) if file.fd == STDOUT => {
                    return Ok(Some(Event::Stdout(file.data)));
                }
                Some(exec_message::Input::File(file)) if file.fd == STDERR => {
                    return Ok(Some(Event::Stderr(file.data)));
                }
                Some(exec_message::Input::Exit(exit)) => {
                    self.exit = Some(Exit::from_rpc(exit));
                    // The daemon is done when all descriptors are, and ours may still be open.
                    let _ = self.control.send(Control::EndInput);
                }
                Some(exec_message::Input::Done(_)) => self.is_done = true,
                _ => {}
            }
            if self.is_done && self.exit.is_some() {
                return self.end(GatewayError::Incomplete { method: METHOD, what: "exit" });
            }
        }
        Ok(None)
    }

    /// Once the exit is known, nothing that happens to the stream matters.
    fn end(&mut self, otherwise: GatewayError) -> Result<Option<Event>, GatewayError> {
        self.is_over = true;
        self.exit.take().map(|exit| Some(Event::Exit(exit))).ok_or(otherwise)
    }

    /// Waits for the end; what the process still writes is thrown away.
    ///
    /// # Errors
    /// As [`Process::next`]. A process that fails is not an error here.
    pub async fn wait(mut self) -> Result<Exit, GatewayError> {
        drop(self.take_stdin());
        loop {
            match self.next().await? {
                Some(Event::Exit(exit)) => return Ok(exit),
                Some(Event::Stdout(_) | Event::Stderr(_)) => {}
                None => return Err(GatewayError::Incomplete { method: METHOD, what: "exit" }),
            }
        }
    }

    /// Waits for the end and collects what the process still writes, in memory. Stdin nobody took is closed.
    ///
    /// # Errors
    /// As [`Process::next`]. A process that fails is not an error here.
    pub async fn output(mut self) -> Result<Output, GatewayError> {
        drop(self.take_stdin());
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        loop {
            match self.next().await? {
                Some(Event::Stdout(bytes)) => stdout.extend(bytes),
                Some(Event::Stderr(bytes)) => stderr.extend(bytes),
                Some(Event::Exit(exit)) => return Ok(Output { exit, stdout, stderr }),
                None => return Err(GatewayError::Incomplete { method: METHOD, what: "exit" }),
            }
        }
    }

    /// Sends a signal; one to a process that has ended goes nowhere. It waits behind input the process has not read.
    ///
    /// # Errors
    /// If the daemon cannot send signals (the capability `gateway.exec.signals`).
    pub fn signal(&self, signal: Signal) -> Result<(), GatewayError> {
        if !self.takes_signals {
            let capability = caps::EXEC_SIGNALS.to_owned();
            return Err(GatewayError::MissingCapability { capability, what: "send signals to processes" });
        }
        self.tell(exec_message::Input::Signal(SignalMessage { name: signal.name().to_owned() }));
        Ok(())
    }

    /// Resizes the process's terminal; has no effect on a process without one.
    pub fn resize(&self, rows: u32, columns: u32) {
        self.tell(exec_message::Input::Resize(ResizeMessage { rows, cols: columns }));
    }

    fn tell(&self, input: exec_message::Input) {
        if self.exit.is_none() && !self.is_over {
            // The stream may have ended; then the message is not needed.
            let _ = self.control.send(Control::Send(Box::new(input)));
        }
    }
}

/// Opens the stream and reads it as far as the start.
async fn started(bridge: &Bridge, outgoing: Outgoing) -> Result<Streaming<ExecMessage>, GatewayError> {
    let mut messages: Streaming<ExecMessage> = bridge.stream(method!("ExecProcess"), outgoing).await?;
    match messages.message().await {
        Ok(Some(ExecMessage { input: Some(exec_message::Input::Started(_)), .. })) => Ok(messages),
        Ok(_) => Err(GatewayError::Incomplete { method: METHOD, what: "start" }),
        Err(status) => Err(bridge.classify_call_failure(METHOD, status)),
    }
}

impl Exit {
    fn from_rpc(exit: ExitMessage) -> Self {
        Self { code: exit.code, status: exit.error.map(Status::from_message) }
    }
}

/// What a process reads from. Dropping or shutting it down is the end of its input.
///
/// ```no_run
/// # use buildkit_gateway::{GatewayError, container::{Command, Container, Output}};
/// use tokio::io::AsyncWriteExt as _;
///
/// # async fn sort(container: &Container) -> Result<Output, Box<dyn std::error::Error>> {
/// let mut process = container.start(Command::new(["sort"]).with_stdin()).await?;
/// if let Some(mut stdin) = process.take_stdin() {
///     stdin.write_all(b"b\na\n").await?;
/// }
/// # Ok(
/// process.output().await?
/// # )
/// # }
/// ```
#[derive(Debug)]
pub struct Stdin(PollSender<Vec<u8>>);

impl AsyncWrite for Stdin {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        ready!(self.0.poll_reserve(context)).map_err(gone)?;
        let taken = bytes.get(..CHUNK).unwrap_or(bytes);
        self.0.send_item(taken.to_vec()).map_err(gone)?;
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Nothing is held back here.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.close();
        Poll::Ready(Ok(()))
    }
}
