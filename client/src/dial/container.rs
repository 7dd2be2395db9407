//! `buildkitd` in a container of an Engine, as buildx's docker-container driver keeps it: an exec of `buildctl dial-stdio`
//! through the Engine's API (docker/buildx: `driver/docker-container/driver.go`).
//!
//! It starts a stopped container, but does not create one.

use std::io;
use std::time::Duration;

use http::HeaderValue;
use http::header::{CONNECTION, UPGRADE};
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncRead;
use tokio::time::{Instant, sleep};
use tokio_stream::StreamExt as _;
use tokio_util::codec::LengthDelimitedCodec;
use tokio_util::io::StreamReader;

use super::{Connection, DaemonKind, DialProblem, Route, first_answer};
use crate::engine::{Call, Engine};
use crate::transport::{BoxedIo, keep_end};

/// Size of a frame's header: stream, three zeroes, big-endian length (moby/moby: `pkg/stdcopy`).
const FRAME_HEADER: usize = 8;
const LENGTH_OFFSET: usize = 4;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
/// Go copies in pieces of 32 KiB.
const MAX_FRAME: usize = 16 << 20;

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
    let found: Inspect = engine.call(inspect).await?.json().await?;
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
    let created: Created = engine.call(create).await?.json().await?;
    let start = Call::post(&format!("/exec/{}/start", created.id))
        .with_header(CONNECTION, HeaderValue::from_static("Upgrade"))
        .with_header(UPGRADE, HeaderValue::from_static("tcp"))
        .with_json(&json!({"Detach": false, "Tty": false}));
    let (read, write) = tokio::io::split(engine.call(start).await?.upgraded().await?);
    Ok(Box::new(tokio::io::join(standard_output(read), write)))
}

/// Standard output in the Engine's frames. If the helper writes to standard error, that is why the stream ends.
fn standard_output<T: AsyncRead + Unpin>(frames: T) -> impl AsyncRead + Unpin {
    let frames = LengthDelimitedCodec::builder()
        .length_field_offset(LENGTH_OFFSET)
        .length_field_type::<u32>()
        .length_adjustment(FRAME_HEADER as isize)
        .num_skip(0)
        .max_frame_length(MAX_FRAME)
        .new_read(frames);
    let mut stderr = Vec::new();
    let stdout = frames.map(Some).chain(tokio_stream::once(None)).filter_map(move |frame| {
        let mut frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Some(Err(error)),
            None => return end(&stderr).map(Err),
        };
        let payload = frame.split_off(FRAME_HEADER);
        match frame.first().copied().unwrap_or_default() {
            STDOUT => Some(Ok(payload)),
            STDERR => {
                keep_end(&mut stderr, &payload);
                None
            }
            other => Some(Err(io::Error::other(format!("unknown stream {other} in the Engine's answer")))),
        }
    });
    StreamReader::new(stdout)
}

fn end(stderr: &[u8]) -> Option<io::Error> {
    let stderr = String::from_utf8_lossy(stderr);
    match stderr.trim() {
        "" => None,
        message => Some(io::Error::other(format!("`buildctl dial-stdio` in the container ended: {message}"))),
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
        standard_output(bytes).read_to_end(&mut out).await.map(|_| out)
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
            assert!(read(torn).await.is_err(), "cut at {cut}");
        }
        assert!(read(&frame(7, b"x")).await.expect_err("foreign").to_string().contains("unknown stream 7"));
    }
}
