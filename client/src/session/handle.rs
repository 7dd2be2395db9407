//! Opens a session, and defines the handle that owns it.
//!
//! The session ends when the handle is closed or dropped, when the daemon ends it, or when the connection breaks. The handle
//! reports the reason. [`SessionBuilder`] defines what the session serves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use buildkit_proto::rpc::control::BytesMessage;
use buildkit_proto::rpc::control::control_client::ControlClient;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::transport::Channel;

use super::auth::RegistryAuth;
use super::byte_stream::byte_stream;
use super::exports::{ExportTarget, ReceivedExport};
use super::files::LocalDir;
use super::grpc::MAX_MESSAGE;
use super::health::Heartbeat;
use super::id::SessionId;
use super::records::Records;
use super::secrets::Secrets;
use super::sent::SentDir;
use super::server::{self, Services};
use super::tasks::Tasks;
use super::{content, exports, files, health};
use crate::error::chain;
use crate::layout::OciLayout;

// moby/buildkit: `session/session.go`, in lower case as gRPC requires.
const HEADER_ID: &str = "x-docker-expose-session-uuid";
const HEADER_SHARED_KEY: &str = "x-docker-expose-session-sharedkey";
const HEADER_METHOD: &str = "x-docker-expose-session-grpc-method";

/// Messages that wait to be sent.
const OUTBOX_SIZE: usize = 8;
/// The daemon sends a health check every five seconds. After a minute without one, the connection is considered dead.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(60);

/// Tells the daemon which earlier copy of a directory to compare with, so that only changed files are sent.
///
/// It must be the same for each build of a project, and different for other projects.
///
/// ```
/// use std::path::Path;
///
/// use buildkit_client::session::SharedKey;
///
/// let key = SharedKey::for_directory(Path::new("/home/me/app"), "machine");
/// assert_eq!(key, SharedKey::new("app:machine"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedKey(String);

impl SharedKey {
    /// Any text. Characters that are not allowed in a header are escaped.
    pub fn new(text: &str) -> Self {
        let mut key = String::with_capacity(text.len());
        for byte in text.bytes() {
            if (byte.is_ascii_graphic() || byte == b' ') && byte != b'%' {
                key.push(char::from(byte));
            } else {
                key.push_str(&format!("%{byte:02x}"));
            }
        }
        Self(key)
    }

    /// The key that docker buildx uses for a build context: the last component of its absolute path and a salt of the machine.
    pub fn for_directory(directory: &Path, machine: &str) -> Self {
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        Self::new(&format!("{name}:{machine}"))
    }
}

/// Why a session could not be opened.
///
/// ```
/// use buildkit_client::session::SessionError;
///
/// let error = SessionError::Refused(Box::new(tonic::Status::unimplemented("no sessions here")));
/// assert_eq!(error.to_string(), "the daemon refused the session: no sessions here");
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The daemon refused, or could not be reached.
    #[error("the daemon refused the session: {}", .0.message())]
    Refused(#[source] Box<Status>),
}

/// How a session ended.
///
/// ```
/// use buildkit_client::session::SessionEnd;
///
/// let is_wanted = |end: &SessionEnd| matches!(end, SessionEnd::Closed);
/// assert!(is_wanted(&SessionEnd::Closed) && !is_wanted(&SessionEnd::ClosedByDaemon));
/// ```
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SessionEnd {
    /// The client closed it.
    #[error("session closed")]
    Closed,
    /// The daemon ended it, for example because it shuts down.
    #[error("the daemon closed the session")]
    ClosedByDaemon,
    /// The connection broke.
    #[error("the session was lost: {reason}")]
    Lost {
        /// The known cause.
        reason: String,
    },
    /// The daemon has stopped sending health checks although the connection is open: the connection is dead.
    #[error("nothing heard from the daemon for {} s", .0.as_secs())]
    Silent(Duration),
}

/// Builds a session from the services that it offers.
///
/// ```
/// use buildkit_client::session::{Session, SessionBuilder, SharedKey};
/// use buildkit_client::session::files::LocalDir;
///
/// let session: SessionBuilder = Session::builder()
///     .with_shared_key(SharedKey::new("app"))
///     .with_local_dir("context", LocalDir::new("."));
/// # drop(session);
/// ```
#[derive(Debug, Default)]
pub struct SessionBuilder {
    shared_key: SharedKey,
    local_dirs: BTreeMap<String, LocalDir>,
    exports: BTreeMap<u32, ExportTarget>,
    secrets: Secrets,
    auth: Option<Arc<RegistryAuth>>,
    stores: BTreeMap<String, OciLayout>,
}

impl SessionBuilder {
    /// Sets the key for incremental transfers; see [`SharedKey`].
    #[must_use]
    pub fn with_shared_key(mut self, key: SharedKey) -> Self {
        self.shared_key = key;
        self
    }

    /// Serves a directory by its name in `local://NAME` sources.
    #[must_use]
    pub fn with_local_dir(mut self, name: impl Into<String>, dir: LocalDir) -> Self {
        self.local_dirs.insert(name.into(), dir);
        self
    }

    /// Receives the export of the exporter at `index` in the solve request.
    #[must_use]
    pub fn with_export(mut self, index: u32, target: ExportTarget) -> Self {
        self.exports.insert(index, target);
        self
    }

    /// Serves these secrets.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = secrets;
        self
    }

    /// Serves registry credentials. They can be shared with other code that asks registries, because they cache the output of
    /// credential helpers and the machine's certificates.
    #[must_use]
    pub fn with_registry_auth(mut self, auth: impl Into<Arc<RegistryAuth>>) -> Self {
        self.auth = Some(auth.into());
        self
    }

    /// Serves a content store by its id, such as `local:FOLDER` for the local cache in a folder.
    #[must_use]
    pub fn with_content_store(mut self, id: impl Into<String>, store: OciLayout) -> Self {
        self.stores.insert(id.into(), store);
        self
    }

    /// Opens the session on a connection to the daemon.
    ///
    /// # Errors
    ///
    /// The daemon can't be reached, or refuses the session.
    pub async fn open(self, channel: Channel) -> Result<Session, SessionError> {
        let id = SessionId::random();
        let (outbox, outbound) = mpsc::channel(OUTBOX_SIZE);
        let mut request = tonic::Request::new(ReceiverStream::new(outbound));
        let prepared = self.prepare();
        announce(request.metadata_mut(), id.as_str(), &prepared);
        let inbound = ControlClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE)
            .session(request)
            .await
            .map_err(|status| SessionError::Refused(Box::new(status)))?
            .into_inner();
        Ok(prepared.start(id, inbound, outbox))
    }

    pub(super) fn prepare(self) -> Prepared {
        let tasks = Tasks::default();
        let heartbeat = Heartbeat::new();
        let records = Records::default();
        let mut attachments = vec![health::attach(heartbeat.clone())];
        if !self.local_dirs.is_empty() {
            attachments.push(files::attach(self.local_dirs, records.clone(), &tasks));
        }
        if !self.exports.is_empty() {
            attachments.push(exports::attach(
                self.exports,
                records.exports.clone(),
                records.write_failure.clone(),
                &tasks,
            ));
        }
        if !self.secrets.is_empty() {
            attachments.push(self.secrets.attach());
        }
        if let Some(auth) = self.auth {
            attachments.push(auth.attach());
        }
        if !self.stores.is_empty() {
            attachments.push(content::attach(self.stores, &tasks));
        }
        let services = Services::new(attachments);
        Prepared { shared_key: self.shared_key, services, tasks, heartbeat, records }
    }
}

/// A session that is not connected yet.
pub(super) struct Prepared {
    shared_key: SharedKey,
    services: Services,
    tasks: Tasks,
    heartbeat: Heartbeat,
    records: Records,
}

impl Prepared {
    /// Starts the session on the two message streams of an accepted call.
    pub(super) fn start<S>(self, id: SessionId, inbound: S, outbox: mpsc::Sender<BytesMessage>) -> Session
    where
        S: Stream<Item = Result<BytesMessage, Status>> + Send + Unpin + 'static,
    {
        let (ended, end) = watch::channel(None);
        let close = CancellationToken::new();
        let (io, failure) = byte_stream(inbound, outbox);
        let Self { services, tasks, heartbeat, records, shared_key: _ } = self;
        let connection = server::serve(io, services, tasks.clone());
        let closing = close.clone();
        // The task is detached. It ends soon after `close`, which is also triggered by dropping the handle.
        tokio::spawn(async move {
            // The connection is dropped when another branch completes first; this tells the daemon that the session has ended.
            let end = tokio::select! {
                () = closing.cancelled() => SessionEnd::Closed,
                () = heartbeat.stopped(SILENCE_TIMEOUT) => SessionEnd::Silent(SILENCE_TIMEOUT),
                outcome = connection => match (failure.get(), outcome) {
                    (Some(status), _) => SessionEnd::Lost { reason: status.message().to_owned() },
                    (None, Err(error)) => SessionEnd::Lost { reason: chain(&error) },
                    (None, Ok(())) => SessionEnd::ClosedByDaemon,
                },
            };
            // Publish the end at once, so that a build that needs the session can be cancelled. Running calls may take longer.
            ended.send_replace(Some(end));
            tasks.stop().await;
        });
        Session { id, end, close, records }
    }
}

/// An open session. Dropping it ends it.
///
/// ```no_run
/// use buildkit_client::session::Session;
///
/// # async fn example(connection: &buildkit_client::dial::Connection) -> Result<(), buildkit_client::session::SessionError> {
/// let session = Session::builder().open(connection.channel.clone()).await?;
/// println!("builds name it by {}", session.id());
/// session.close().await;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    end: watch::Receiver<Option<SessionEnd>>,
    close: CancellationToken,
    records: Records,
}

impl Session {
    /// A builder for a session that serves only health checks.
    pub fn builder() -> SessionBuilder {
        SessionBuilder::default()
    }

    /// The id that a solve request uses.
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// Waits for the end of the session and returns its reason. The future can outlive the handle.
    pub fn closed(&self) -> impl Future<Output = SessionEnd> + Send + 'static + use<> {
        let mut end = self.end.clone();
        async move {
            match end.wait_for(Option::is_some).await.as_deref() {
                Ok(Some(end)) => end.clone(),
                // The task that sets it is gone, for example because the runtime shuts down.
                Ok(None) | Err(_) => SessionEnd::Closed,
            }
        }
    }

    /// Waits until an export cannot be written on this machine, and returns why. The future can outlive the handle.
    ///
    /// The daemon is told. BuildKit 0.32 may wait for ever then, because its sender and ours wait for each other, so the build has to be
    /// cancelled.
    pub fn write_failure(&self) -> impl Future<Output = String> + Send + 'static + use<> {
        let failure = self.records.write_failure.clone();
        async move { failure.wait().await }
    }

    /// The exports received so far.
    pub fn received_exports(&self) -> Vec<ReceivedExport> {
        self.records.exports.to_vec()
    }

    /// The parts of directories that were sent to the daemon so far.
    pub fn sent_dirs(&self) -> Vec<SentDir> {
        self.records.sent.to_vec()
    }

    /// The first few files sent so far whose name or link target is not UTF-8, relative to their served directory.
    ///
    /// `buildkitd` accepts them. The daemon in a Docker Engine fails the build with "string field contains invalid UTF-8", which
    /// does not name the file.
    pub fn names_not_utf8(&self) -> Vec<PathBuf> {
        self.records.non_utf8_names.to_vec()
    }

    /// Ends the session and waits until all its tasks have stopped. If it ended earlier, returns that reason.
    pub async fn close(self) -> SessionEnd {
        self.close.cancel();
        let mut end = self.end.clone();
        // The task drops the sender when everything has stopped.
        while end.changed().await.is_ok() {}
        let end = end.borrow().clone();
        end.unwrap_or(SessionEnd::Closed)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close.cancel();
    }
}

fn announce(metadata: &mut MetadataMap, id: &str, prepared: &Prepared) {
    let value = |text: &str| -> MetadataValue<Ascii> {
        text.parse().expect("ids, escaped keys and method names are printable ASCII")
    };
    metadata.insert(HEADER_ID, value(id));
    metadata.insert(HEADER_SHARED_KEY, value(&prepared.shared_key.0));
    for method in prepared.services.methods() {
        metadata.append(HEADER_METHOD, value(&method));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_keys_fit_into_headers() {
        assert_eq!(SharedKey::new("app:0123").0, "app:0123");
        assert_eq!(SharedKey::new("caf\u{e9} 100%\n").0, "caf%c3%a9 100%25%0a");
        assert_eq!(SharedKey::for_directory(Path::new("/home/u/app"), "n").0, "app:n");
        assert_eq!(SharedKey::for_directory(Path::new("/"), "n").0, ":n");
    }
}
