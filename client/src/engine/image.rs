//! `POST /images/load` and `POST /images/{name}/push`. The Engine must do this itself: the BuildKit that built the image
//! can't access the Engine's image store, or can't push from it.

use std::fmt;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use oci_names::{ImageReference, ParseReferenceError};
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, DuplexStream};
use tokio_stream::{Stream, StreamExt};
use tokio_util::codec::{FramedRead, LinesCodec};
use tokio_util::io::{ReaderStream, StreamReader};

use super::{Answer, Call, Engine};
use crate::transport::DialProblem;

/// Bytes of an image that are buffered between the daemon and the Engine.
const LOAD_BUFFER: usize = 1 << 20;
/// Limit for a line of progress. Real lines are far shorter.
const MAX_LINE: usize = 1 << 20;

/// An event that an Engine reports while it loads or pushes.
///
/// ```
/// use buildkit_client::engine::ImageEvent;
///
/// let shown = |event: ImageEvent| match event {
///     ImageEvent::Message(line) => line,
///     ImageEvent::Progress { id, current, total, .. } => format!("{id}: {current} of {total} bytes"),
///     ImageEvent::Pushed { tag, digest, .. } => format!("{tag} is {digest}"),
///     _ => String::new(),
/// };
/// assert_eq!(shown(ImageEvent::Message("Loaded image: app:1".to_owned())), "Loaded image: app:1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImageEvent {
    /// A line for the user, for example `Loaded image: app:1`.
    Message(String),
    /// The progress of one layer.
    Progress {
        /// The layer's short id.
        id: String,
        /// What the Engine is doing with it.
        status: String,
        /// Bytes done.
        current: i64,
        /// Total bytes, zero if unknown.
        total: i64,
    },
    /// The image is in the registry.
    Pushed {
        /// The tag.
        tag: String,
        /// The digest of the manifest.
        digest: String,
        /// The size of the manifest in bytes.
        size: i64,
    },
}

/// Why an image was not loaded or pushed.
///
/// ```
/// use buildkit_client::engine::ImageError;
///
/// let error = ImageError::Failed { action: "load the image".to_owned(), message: "no space left".to_owned() };
/// assert_eq!(error.to_string(), "the Engine can't load the image: no space left");
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The name is not a valid image reference.
    #[error(transparent)]
    Name(#[from] ParseReferenceError),
    /// The call itself failed.
    #[error(transparent)]
    Call(#[from] DialProblem),
    /// The Engine started and then failed.
    #[error("the Engine can't {action}: {message}")]
    Failed {
        /// `load the image` or `push NAME`.
        action: String,
        /// Its message.
        message: String,
    },
    /// The bytes to load could not be read.
    #[error("can't read the image to load")]
    Read(#[source] io::Error),
    /// The answer is incomplete or invalid.
    #[error("the Engine's answer can't be read: {0}")]
    Answer(String),
}

/// Credentials for pushing to a registry. `Debug` does not print the secrets.
///
/// ```
/// use buildkit_client::engine::RegistryAuth;
///
/// let login = RegistryAuth { username: "me".into(), password: "hunter2".into(), ..RegistryAuth::default() };
/// assert!(!format!("{login:?}").contains("hunter2"));
/// ```
#[derive(Clone, Default)]
pub struct RegistryAuth {
    /// Login name; empty with an identity token.
    pub username: String,
    /// Password.
    pub password: String,
    /// A token that replaces login name and password.
    pub identity_token: String,
    /// The registry, as in Docker's configuration.
    pub server_address: String,
}

impl fmt::Debug for RegistryAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryAuth").field("server_address", &self.server_address).finish_non_exhaustive()
    }
}

impl RegistryAuth {
    fn header(&self) -> Result<HeaderValue, ImageError> {
        let value = if self.identity_token.is_empty() {
            json!({"username": self.username, "password": self.password, "serveraddress": self.server_address})
        } else {
            json!({"identitytoken": self.identity_token, "serveraddress": self.server_address})
        };
        let mut header = HeaderValue::try_from(URL_SAFE.encode(value.to_string()))
            .map_err(|error| ImageError::Answer(error.to_string()))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

/// An image being loaded: [`Engine::load`] gives the stream for the archive, and [`Load::run`] is awaited at the same time.
///
/// ```no_run
/// use buildkit_client::engine::{Engine, ImageError};
/// use tokio::io::AsyncWriteExt as _;
///
/// # async fn example(engine: &Engine, archive: &[u8]) -> Result<bool, ImageError> {
/// let (mut writer, load) = engine.load();
/// let write = async move { writer.write_all(archive).await };
/// let (written, loaded) = tokio::join!(write, load.run(|event| println!("{event:?}")));
/// written.map_err(ImageError::Read)?;
/// loaded
/// # }
/// ```
#[derive(Debug)]
pub struct Load {
    engine: Engine,
    reader: DuplexStream,
}

impl Engine {
    /// Prepares to load an archive, which is written to the returned stream. Nothing is sent before its first byte.
    #[must_use]
    pub fn load(&self) -> (DuplexStream, Load) {
        let (writer, reader) = tokio::io::duplex(LOAD_BUFFER);
        (writer, Load { engine: self.clone(), reader })
    }

    /// Pushes an image from the Engine's store to the registry in its name.
    ///
    /// # Errors
    /// The name is not a valid image reference, or the Engine or the registry refuses.
    pub async fn push(
        &self,
        name: &str,
        auth: Option<&RegistryAuth>,
        mut on_event: impl FnMut(ImageEvent),
    ) -> Result<(), ImageError> {
        let image = ImageReference::parse(name)?;
        let (repository, tag) = (image.familiar_name(), image.tag().unwrap_or("latest"));
        let header = auth.cloned().unwrap_or_default().header()?;
        let call = Call::post(&format!("/images/{repository}/push?tag={tag}"))
            .with_header(HeaderName::from_static("x-registry-auth"), header);
        let answer = self.call(call).await?;
        follow(answer, &format!("push {name}"), &mut on_event).await
    }
}

impl Load {
    /// Forwards the archive until its writer is dropped. Returns whether there was anything to load: a build that fails before
    /// its export writes nothing, and then the Engine is not called.
    ///
    /// # Errors
    /// The Engine refuses the archive.
    pub async fn run(self, mut on_event: impl FnMut(ImageEvent)) -> Result<bool, ImageError> {
        let Self { engine, mut reader } = self;
        let mut first = BytesMut::with_capacity(64 << 10);
        if reader.read_buf(&mut first).await.map_err(ImageError::Read)? == 0 {
            return Ok(false);
        }
        let body = StreamBody::new(chunks(first.freeze(), reader));
        let call = Call::post("/images/load?quiet=0").with_body("application/x-tar", BodyExt::boxed(body));
        let answer = engine.call(call).await?;
        follow(answer, "load the image", &mut on_event).await?;
        Ok(true)
    }
}

fn chunks(
    first: Bytes,
    rest: impl AsyncRead + Send + Sync + 'static,
) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send + Sync + 'static {
    let rest = ReaderStream::with_capacity(rest, 256 << 10);
    tokio_stream::once(Ok(first)).chain(rest).map(|chunk| chunk.map(Frame::data))
}

/// One line of the Engine's answer; each line has some of these fields (moby/moby: `pkg/jsonmessage`).
#[derive(Deserialize)]
struct Line {
    stream: Option<String>,
    status: Option<String>,
    id: Option<String>,
    error: Option<String>,
    #[serde(rename = "progressDetail")]
    progress: Option<ProgressDetail>,
    aux: Option<Aux>,
}

#[derive(Deserialize, Default)]
struct ProgressDetail {
    #[serde(default)]
    current: i64,
    #[serde(default)]
    total: i64,
}

#[derive(Deserialize)]
struct Aux {
    #[serde(rename = "Tag", default)]
    tag: String,
    #[serde(rename = "Digest", default)]
    digest: String,
    #[serde(rename = "Size", default)]
    size: i64,
}

impl Line {
    fn into_event(self) -> Option<ImageEvent> {
        if let Some(Aux { tag, digest, size }) = self.aux {
            return (!digest.is_empty()).then_some(ImageEvent::Pushed { tag, digest, size });
        }
        if let Some(text) = self.stream {
            let text = text.trim_end();
            return (!text.is_empty()).then(|| ImageEvent::Message(text.to_owned()));
        }
        let status = self.status?;
        let Some(id) = self.id.filter(|id| !id.is_empty()) else {
            return Some(ImageEvent::Message(status));
        };
        let ProgressDetail { current, total } = self.progress.unwrap_or_default();
        Some(ImageEvent::Progress { id, status, current, total })
    }
}

/// Reads progress to its end. The HTTP status was sent before the work started, so errors come as lines.
async fn follow(answer: Answer, action: &str, on_event: &mut impl FnMut(ImageEvent)) -> Result<(), ImageError> {
    let body = answer.into_body().into_data_stream().map(|chunk| chunk.map_err(io::Error::other));
    let mut lines = FramedRead::new(StreamReader::new(body), LinesCodec::new_with_max_length(MAX_LINE));
    while let Some(line) = lines.next().await {
        let line = line.map_err(|error| ImageError::Answer(error.to_string()))?;
        read_line(&line, action, on_event)?;
    }
    Ok(())
}

fn read_line(line: &str, action: &str, on_event: &mut impl FnMut(ImageEvent)) -> Result<(), ImageError> {
    if line.trim().is_empty() {
        return Ok(());
    }
    let line: Line = serde_json::from_str(line).map_err(|error| ImageError::Answer(error.to_string()))?;
    if let Some(message) = line.error {
        return Err(ImageError::Failed { action: action.to_owned(), message });
    }
    if let Some(event) = line.into_event() {
        on_event(event);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(lines: &[&str]) -> Result<Vec<ImageEvent>, ImageError> {
        let mut events = Vec::new();
        for line in lines {
            read_line(line, "push app", &mut |event| events.push(event))?;
        }
        Ok(events)
    }

    #[test]
    fn lines_become_events() {
        let events = events(&[
            r#"{"stream":"Loaded image: app:1\n"}"#,
            r#"{"status":"Pushing","progressDetail":{"current":5,"total":9},"id":"abc"}"#,
            r#"{"status":"The push refers to repository [r/app]"}"#,
            r#"{"progressDetail":{},"aux":{"Tag":"1","Digest":"sha256:d","Size":7}}"#,
            "\r\n",
        ]);
        let expect = [
            ImageEvent::Message("Loaded image: app:1".into()),
            ImageEvent::Progress { id: "abc".into(), status: "Pushing".into(), current: 5, total: 9 },
            ImageEvent::Message("The push refers to repository [r/app]".into()),
            ImageEvent::Pushed { tag: "1".into(), digest: "sha256:d".into(), size: 7 },
        ];
        assert_eq!(events.expect("events"), expect);
    }

    #[test]
    fn an_error_line_is_an_error() {
        let error = events(&[r#"{"errorDetail":{"message":"denied"},"error":"denied"}"#]).expect_err("denied");
        assert_eq!(error.to_string(), "the Engine can't push app: denied");
    }

    #[test]
    fn credentials_do_not_print() {
        let auth = RegistryAuth { username: "me".into(), password: "geheim".into(), ..RegistryAuth::default() };
        assert!(!format!("{auth:?}").contains("geheim"));
        assert!(!format!("{:?}", auth.header().expect("header")).contains("Z2Vo"));
    }
}
