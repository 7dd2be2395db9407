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
use tokio_stream::StreamExt as _;
use tonic::{Status, Streaming};

use super::fsutil::receiver;
use super::fsutil::wire::Packet;
use super::grpc::{self, Attachment, BoxStream, RawCodec};
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

/// The exports received so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrivals(Arc<Mutex<Vec<ReceivedExport>>>);

impl Arrivals {
    pub(crate) fn list(&self) -> Vec<ReceivedExport> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, export: ReceivedExport) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(export);
    }
}

/// `moby.filesync.v1.BytesMessage`.
#[derive(Clone, PartialEq, Message)]
struct BytesMessage {
    #[prost(bytes = "bytes", tag = "1")]
    data: Bytes,
}

struct Exports {
    targets: BTreeMap<u32, Target>,
    arrivals: Arrivals,
    tasks: Tasks,
}

enum Target {
    Directory(PathBuf),
    File(PathBuf),
    Writer(Mutex<Option<Box<dyn AsyncWrite + Send + Unpin>>>),
}

/// Serves the targets. The key is the index of the exporter in the solve request.
pub(crate) fn attach(targets: BTreeMap<u32, ExportTarget>, arrivals: Arrivals, tasks: &Tasks) -> Attachment {
    let targets = targets
        .into_iter()
        .map(|(index, target)| {
            let target = match target {
                ExportTarget::Directory(path) => Target::Directory(path),
                ExportTarget::File(path) => Target::File(path),
                ExportTarget::Writer(writer) => Target::Writer(Mutex::new(Some(writer))),
            };
            (index, target)
        })
        .collect();
    let exports = Arc::new(Exports { targets, arrivals, tasks: tasks.clone() });
    Attachment::new(SERVICE, &METHODS, move |request| {
        let exports = Arc::clone(&exports);
        Box::pin(async move {
            if request.uri().path() != "/moby.filesync.v1.FileSend/DiffCopy" {
                return grpc::unimplemented();
            }
            let headers = request.headers().clone();
            grpc::streaming(RawCodec, request, async move |inbound| exports.receive(&headers, inbound).await).await
        })
    })
}

impl Exports {
    async fn receive(&self, headers: &HeaderMap, inbound: Streaming<Bytes>) -> Result<BoxStream<Bytes>, Status> {
        let exporter = exporter_id(headers)?;
        let target =
            self.targets.get(&exporter).ok_or_else(|| Status::not_found(format!("exporter {exporter} not found")))?;
        let export = ReceivedExport { exporter, metadata: metadata(headers), ..ReceivedExport::default() };
        match target {
            Target::Directory(path) => Ok(self.receive_directory(path.clone(), export, inbound)),
            Target::File(path) => {
                let mut file = TargetFile::create(path.clone()).await.map_err(write_error)?;
                let bytes = write_all(&mut file.writer, inbound).await?;
                file.complete().await.map_err(write_error)?;
                Ok(self.arrived(export, bytes))
            }
            Target::Writer(writer) => {
                let writer = writer.lock().unwrap_or_else(PoisonError::into_inner).take();
                let mut writer = writer
                    .ok_or_else(|| Status::failed_precondition(format!("exporter {exporter} has already been used")))?;
                let bytes = write_all(&mut writer, inbound).await?;
                writer.shutdown().await.map_err(write_error)?;
                Ok(self.arrived(export, bytes))
            }
        }
    }

    fn receive_directory(&self, path: PathBuf, export: ReceivedExport, inbound: Streaming<Bytes>) -> BoxStream<Bytes> {
        let packets = inbound
            .map(|message| Packet::decode(message?).map_err(|error| Status::invalid_argument(error.to_string())));
        let arrivals = self.arrivals.clone();
        let done = move |received: receiver::Received| {
            let receiver::Received { entries, bytes, skipped } = received;
            arrivals.note(ReceivedExport { entries, bytes, skipped, ..export });
        };
        let answers = receiver::receive(path, packets, &self.tasks, done);
        Box::pin(answers.map(|packet| Ok(Bytes::from(packet?.encode_to_vec()))))
    }

    /// The end of the call tells the daemon that everything is written.
    fn arrived(&self, export: ReceivedExport, bytes: u64) -> BoxStream<Bytes> {
        self.arrivals.note(ReceivedExport { entries: 1, bytes, ..export });
        Box::pin(tokio_stream::empty())
    }
}

async fn write_all<W>(writer: &mut W, mut inbound: Streaming<Bytes>) -> Result<u64, Status>
where
    W: AsyncWrite + Unpin,
{
    let mut bytes = 0;
    while let Some(message) = inbound.next().await {
        let message = BytesMessage::decode(message?).map_err(|error| Status::invalid_argument(error.to_string()))?;
        writer.write_all(&message.data).await.map_err(write_error)?;
        bytes += message.data.len() as u64;
    }
    Ok(bytes)
}

fn write_error(error: std::io::Error) -> Status {
    Status::aborted(format!("can't write the export: {error}"))
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
