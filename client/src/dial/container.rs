//! `buildkitd` in a container of an Engine, as buildx's docker-container driver keeps it: an exec of `buildctl dial-stdio`
//! through the Engine's API (docker/buildx: `driver/docker-container/driver.go`).
//!
//! It starts a stopped container, but does not create one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep};

use super::{Connection, DaemonKind, DialProblem, Route, first_answer};
use crate::engine::{Call, Engine};
use crate::transport::BoxedIo;

/// Size of a frame's header: stream, three zeroes, big-endian length (moby/moby: `pkg/stdcopy`).
const FRAME_HEADER: usize = 8;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
/// How much of the helper's standard error is kept.
const MAX_STDERR: usize = 4096;

/// Connects; waits for a daemon that is starting.
pub(super) async fn connect(engine: &Engine, container: &str, deadline: Instant) -> Result<Connection, DialProblem> {
    start_if_stopped(engine, container).await?;
    let mut pause = Duration::from_millis(120);
    loop {
        let route = Route::Exec { engine: engine.clone(), container: container.to_owned() };
        let attempt = async { first_answer(route.clone(), route.open().await?, "localhost").await };
        match attempt.await {
            Ok((channel, workers)) => {
                return Ok(Connection {
                    channel,
                    kind: DaemonKind::Buildkitd,
                    description: format!("buildkitd in container {container} on {}", engine.address()),
                    address: String::new(),
                    peer: engine.transport().peer(),
                    workers,
                    // `--load` loads images into the Engine that runs the container.
                    engine: Some(engine.clone()),
                });
            }
            Err(DialProblem::NoAnswer(_) | DialProblem::Broken(_)) if Instant::now() + pause < deadline => {
                sleep(pause).await;
            }
            Err(problem) => return Err(problem),
        }
        pause += Duration::from_millis(120);
    }
}

async fn start_if_stopped(engine: &Engine, container: &str) -> Result<(), DialProblem> {
    #[derive(Deserialize)]
    struct Inspect {
        #[serde(rename = "State")]
        state: State,
    }
    #[derive(Deserialize)]
    struct State {
        #[serde(rename = "Running")]
        running: bool,
    }
    let inspect = Call::get(&format!("/containers/{container}/json"));
    let shown = inspect.to_string();
    let found: Inspect = engine.call(inspect).await?.json(&shown).await?;
    if found.state.running {
        return Ok(());
    }
    match engine.call(Call::post(&format!("/containers/{container}/start"))).await {
        // 304: the container was started by another client.
        Ok(_) | Err(DialProblem::Refused { status: 304, .. }) => Ok(()),
        Err(problem) => Err(problem),
    }
}

/// Runs `buildctl dial-stdio` in the container and returns its standard streams as one.
pub(super) async fn exec(engine: &Engine, container: &str) -> Result<BoxedIo, DialProblem> {
    #[derive(Deserialize)]
    struct Created {
        #[serde(rename = "Id")]
        id: String,
    }
    let create = Call::post(&format!("/containers/{container}/exec")).with_json(&json!({
        "AttachStdin": true, "AttachStdout": true, "AttachStderr": true, "Tty": false,
        "Cmd": ["buildctl", "dial-stdio"],
    }));
    let shown = create.to_string();
    let created: Created = engine.call(create).await?.json(&shown).await?;
    let start = Call::post(&format!("/exec/{}/start", created.id))
        .with_header(CONNECTION, HeaderValue::from_static("Upgrade"))
        .with_header(UPGRADE, HeaderValue::from_static("tcp"))
        .with_json(&json!({"Detach": false, "Tty": false}));
    let shown = start.to_string();
    let answer = engine.call(start).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(answer.refusal(&shown).await);
    }
    let io = answer.upgraded(&shown).await?;
    Ok(Box::new(Demux::new(io)))
}

/// Reads standard output from the Engine's frames. Writes pass through unchanged.
struct Demux<T> {
    io: T,
    state: State,
    stderr: Vec<u8>,
}

/// The position of the reader within a frame.
enum State {
    Header { bytes: [u8; FRAME_HEADER], have: usize },
    Stdout { left: usize },
    Stderr { left: usize },
}

const START: State = State::Header { bytes: [0; FRAME_HEADER], have: 0 };

impl<T> Demux<T> {
    fn new(io: T) -> Self {
        Self { io, state: START, stderr: Vec::new() }
    }

    /// The stream ended between frames. If the helper wrote to standard error, that is the reason.
    fn end(&self) -> io::Result<()> {
        let stderr = String::from_utf8_lossy(&self.stderr);
        match stderr.trim() {
            "" => Ok(()),
            message => Err(io::Error::other(format!("`buildctl dial-stdio` in the container ended: {message}"))),
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Demux<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Header { bytes, have } => {
                    let mut header = ReadBuf::new(bytes.get_mut(*have..).unwrap_or_default());
                    ready!(Pin::new(&mut this.io).poll_read(cx, &mut header))?;
                    let read = header.filled().len();
                    if read == 0 && *have == 0 {
                        return Poll::Ready(this.end());
                    }
                    if read == 0 {
                        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                    }
                    *have += read;
                    if *have < FRAME_HEADER {
                        continue;
                    }
                    let [stream, _, _, _, length @ ..] = *bytes;
                    let left = usize::try_from(u32::from_be_bytes(length)).map_err(io::Error::other)?;
                    this.state = match stream {
                        _ if left == 0 => START,
                        STDOUT => State::Stdout { left },
                        STDERR => State::Stderr { left },
                        other => {
                            return Poll::Ready(Err(io::Error::other(format!(
                                "unknown stream {other} in the Engine's answer"
                            ))));
                        }
                    };
                }
                State::Stdout { left } => {
                    let room = buf.remaining().min(*left);
                    let mut part = ReadBuf::new(buf.initialize_unfilled_to(room));
                    ready!(Pin::new(&mut this.io).poll_read(cx, &mut part))?;
                    let read = part.filled().len();
                    if read == 0 && room > 0 {
                        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                    }
                    buf.advance(read);
                    *left -= read;
                    if *left == 0 {
                        this.state = START;
                    }
                    return Poll::Ready(Ok(()));
                }
                State::Stderr { left } => {
                    let mut chunk = [0; 512];
                    let mut part = ReadBuf::new(chunk.get_mut(..512.min(*left)).unwrap_or_default());
                    ready!(Pin::new(&mut this.io).poll_read(cx, &mut part))?;
                    let read = part.filled().len();
                    if read == 0 {
                        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                    }
                    this.stderr.extend_from_slice(part.filled());
                    let excess = this.stderr.len().saturating_sub(MAX_STDERR);
                    this.stderr.drain(..excess);
                    *left -= read;
                    if *left == 0 {
                        this.state = START;
                    }
                }
            }
        }
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Demux<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    fn frame(stream: u8, data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).expect("short");
        [&[stream, 0, 0, 0], length.to_be_bytes().as_slice(), data].concat()
    }

    async fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Demux::new(bytes).read_to_end(&mut out).await.map(|_| out)
    }

    #[tokio::test]
    async fn standard_output_is_joined_over_frames() {
        let big = vec![b'x'; 10_000];
        let stream = [frame(STDOUT, b"ab"), frame(STDOUT, b""), frame(STDOUT, &big), frame(STDOUT, b"c")].concat();
        assert_eq!(read(&stream).await.expect("frames"), [b"ab".as_slice(), &big, b"c"].concat());
    }

    #[tokio::test]
    async fn standard_error_becomes_the_reason_of_the_end() {
        let stream = [frame(STDOUT, b"ab"), frame(STDERR, b"no "), frame(STDERR, b"socket\n")].concat();
        let error = read(&stream).await.expect_err("complaint");
        assert_eq!(error.to_string(), "`buildctl dial-stdio` in the container ended: no socket");
    }

    #[tokio::test]
    async fn a_torn_or_foreign_frame_is_an_error() {
        let whole = frame(STDOUT, b"abcdef");
        for cut in 1..whole.len() {
            let torn = whole.get(..cut).expect("within");
            assert_eq!(read(torn).await.expect_err("torn").kind(), io::ErrorKind::UnexpectedEof, "cut at {cut}");
        }
        assert!(read(&frame(7, b"x")).await.expect_err("foreign").to_string().contains("unknown stream 7"));
    }
}
