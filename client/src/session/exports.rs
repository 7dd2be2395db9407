//! `moby.filesync.v1.FileSend`: receives what the daemon exports to the client (moby/buildkit:
//! `session/filesync/filesync.go`, `SyncTarget`).
//!
//! One method, two wire types: for the `local` exporter the messages are fsutil packets, for all others `BytesMessage`
//! (field 1, `data`). The exporter's index in the request determines the type. It can't be detected from the bytes, since a
//! packet decodes as an empty `BytesMessage`. Existing files that are not in the export are kept.

mod file;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::HeaderMap;
use prost::Message;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio_stream::Stream;
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

use super::fsutil::receiver;
use super::fsutil::wire::Packet;
use super::grpc::{self, Attachment};
use super::records::{List, WriteFailure};
use super::tasks::Tasks;
use file::TargetFile;

const SERVICE: &str = "moby.filesync.v1.FileSend";
const METHODS: [&str; 1] = ["DiffCopy"];
const EXPORTER_ID: &str = "buildkit-attachable-exporter-id";
const METADATA_PREFIX: &str = "exporter-md-";

/// The target of an export.
///
/// ```
/// use buildkit_client::session::Session;
/// use buildkit_client::session::exports::ExportTarget;
///
/// let session = Session::builder()
///     .with_export(0, ExportTarget::Directory("out".into()))
///     .with_export(1, ExportTarget::Writer(Box::new(tokio::io::sink())));
/// # drop(session);
/// ```
#[non_exhaustive]
pub enum ExportTarget {
    /// `local`: merged into a directory, which is created if missing. Set-user-id bits and device files are dropped.
    Directory(PathBuf),
    /// `tar`, `oci`, `docker`: a file, which appears only when it is complete. An existing special file, such as a fifo, is
    /// written to directly.
    File(PathBuf),
    /// `tar`, `oci`, `docker`: any other writer. It can be used for one export.
    Writer(Box<dyn AsyncWrite + Send + Unpin>),
}

impl fmt::Debug for ExportTarget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => formatter.debug_tuple("Directory").field(path).finish(),
            Self::File(path) => formatter.debug_tuple("File").field(path).finish(),
            Self::Writer(_) => formatter.write_str("Writer(..)"),
        }
    }
}

/// A received export. The `local` exporter sends one per platform.
///
/// ```no_run
/// use buildkit_client::session::Session;
///
/// # fn example(session: &Session) {
/// for export in session.received_exports() {
///     println!("exporter {}: {} files, {} bytes", export.exporter, export.entries, export.bytes);
/// }
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedExport {
    /// Index of the exporter in the solve request.
    pub exporter: u32,
    /// What the exporter reports about its result, for example `containerimage.digest`; empty for `local` and `tar`.
    pub metadata: BTreeMap<String, String>,
    /// Files, directories and links of a directory; 1 for a file.
    pub entries: u64,
    /// Bytes of content.
    pub bytes: u64,
    /// Devices, fifos and sockets of a directory, which were not created.
    pub skipped: u64,
}

/// `moby.filesync.v1.BytesMessage`.
#[derive(Clone, PartialEq, Message)]
struct BytesMessage {
    #[prost(bytes = "bytes", tag = "1")]
    data: Bytes,
}

type Messages = Streaming<BytesMessage>;
/// The answer to a file has no messages.
type End = tokio_stream::Empty<Result<BytesMessage, Status>>;

struct Exports {
    /// `None` for a writer that has been used.
    targets: Mutex<BTreeMap<u32, Option<ExportTarget>>>,
    received: List<ReceivedExport>,
    failure: WriteFailure,
    tasks: Tasks,
}

/// Serves the targets. The key is the index of the exporter in the solve request.
pub(crate) fn attach(
    targets: BTreeMap<u32, ExportTarget>,
    received: List<ReceivedExport>,
    failure: WriteFailure,
    tasks: &Tasks,
) -> Attachment {
    let targets = targets.into_iter().map(|(index, target)| (index, Some(target))).collect();
    let exports = Arc::new(Exports { targets: Mutex::new(targets), received, failure, tasks: tasks.clone() });
    Attachment::new(SERVICE, &METHODS, move |request| {
        let exports = Arc::clone(&exports);
        Box::pin(async move {
            if request.uri().path() != "/moby.filesync.v1.FileSend/DiffCopy" {
                return grpc::unimplemented();
            }
            match exports.target(request.headers()) {
                Ok((ExportTarget::Directory(path), export)) => {
                    let receive = async |packets| Ok(exports.receive_directory(path, export, packets));
                    grpc::streaming(ProstCodec::<Packet, Packet>::default(), request, receive).await
                }
                Ok((ExportTarget::File(path), export)) => {
                    let receive = async |messages| exports.receive_file(path, export, messages).await;
                    grpc::streaming(ProstCodec::<BytesMessage, BytesMessage>::default(), request, receive).await
                }
                Ok((ExportTarget::Writer(writer), export)) => {
                    let receive = async |messages| exports.receive_bytes(writer, export, messages).await;
                    grpc::streaming(ProstCodec::<BytesMessage, BytesMessage>::default(), request, receive).await
                }
                Err(status) => status.into_http(),
            }
        })
    })
}

impl Exports {
    /// The target of a request, and the record of the export that begins.
    fn target(&self, headers: &HeaderMap) -> Result<(ExportTarget, ReceivedExport), Status> {
        let exporter = exporter_id(headers)?;
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        let target = match targets.get_mut(&exporter) {
            None => return Err(Status::not_found(format!("exporter {exporter} not found"))),
            Some(Some(ExportTarget::Directory(path))) => ExportTarget::Directory(path.clone()),
            Some(Some(ExportTarget::File(path))) => ExportTarget::File(path.clone()),
            Some(writer) => writer
                .take()
                .ok_or_else(|| Status::failed_precondition(format!("exporter {exporter} has already been used")))?,
        };
        Ok((target, ReceivedExport { exporter, metadata: metadata(headers), ..ReceivedExport::default() }))
    }

    fn receive_directory(
        &self,
        path: PathBuf,
        export: ReceivedExport,
        packets: Streaming<Packet>,
    ) -> impl Stream<Item = Result<Packet, Status>> + use<> {
        let list = self.received.clone();
        let done = move |received: receiver::Received| {
            let receiver::Received { entries, bytes, skipped } = received;
            list.push(ReceivedExport { entries, bytes, skipped, ..export });
        };
        receiver::receive(path, packets, &self.tasks, done, self.failure.clone())
    }

    async fn receive_file(&self, path: PathBuf, export: ReceivedExport, messages: Messages) -> Result<End, Status> {
        let name = path.display().to_string();
        let failed = |error| self.failed(&name, &error);
        let mut file = TargetFile::create(path).await.map_err(failed)?;
        let bytes = write_all(&mut file.writer, messages, failed).await?;
        file.complete().await.map_err(failed)?;
        Ok(self.end(export, bytes))
    }

    async fn receive_bytes(
        &self,
        mut writer: Box<dyn AsyncWrite + Send + Unpin>,
        export: ReceivedExport,
        messages: Messages,
    ) -> Result<End, Status> {
        let failed = |error| self.failed("the output", &error);
        let bytes = write_all(&mut writer, messages, failed).await?;
        writer.shutdown().await.map_err(failed)?;
        Ok(self.end(export, bytes))
    }

    /// Records that a target cannot be written, and returns the status for the daemon.
    fn failed(&self, target: &str, error: &std::io::Error) -> Status {
        self.failure.set(format!("{target}: {error}"));
        Status::aborted(format!("can't write the export: {error}"))
    }

    /// The end of the call tells the daemon that everything is written.
    fn end(&self, export: ReceivedExport, bytes: u64) -> End {
        self.received.push(ReceivedExport { entries: 1, bytes, ..export });
        tokio_stream::empty()
    }
}

async fn write_all<W>(
    writer: &mut W,
    mut messages: Messages,
    failed: impl Fn(std::io::Error) -> Status,
) -> Result<u64, Status>
where
    W: AsyncWrite + Unpin,
{
    let mut bytes = 0;
    while let Some(message) = messages.message().await? {
        writer.write_all(&message.data).await.map_err(&failed)?;
        bytes += message.data.len() as u64;
    }
    Ok(bytes)
}

/// The index of the exporter. Without the key there is only one exporter.
fn exporter_id(headers: &HeaderMap) -> Result<u32, Status> {
    let Some(value) = headers.get(EXPORTER_ID) else { return Ok(0) };
    value
        .to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| Status::invalid_argument(format!("{EXPORTER_ID} is not an index: {value:?}")))
}

fn metadata(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut metadata: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in headers {
        if let Some(key) = key.as_str().strip_prefix(METADATA_PREFIX) {
            let value = String::from_utf8_lossy(value.as_bytes());
            metadata
                .entry(key.to_owned())
                .and_modify(|present| {
                    present.push(',');
                    present.push_str(&value);
                })
                .or_insert_with(|| value.into_owned());
        }
    }
    metadata
}
