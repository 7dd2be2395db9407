//! `containerd.services.content.v1.Content`: content stores of the client (moby/buildkit: `session/content`; containerd:
//! `api/services/content/v1/content.proto`, `plugins/services/content/contentserver`).
//!
//! The daemon writes an exported cache to such a store, and reads an imported one from it. It names the store in a header. Stores are
//! folders with the OCI image layout ([`OciLayout`]); this module only knows the protocol.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use buildkit_proto::Digest;
use http::HeaderMap;
use tokio_stream::{Stream, StreamExt as _};
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

use super::grpc::{self, Attachment, BoxStream, Request, Response};
use super::tasks::Tasks;
use crate::content::wire::{
    Empty, Info, InfoRequest, InfoResponse, ReadContentRequest, ReadContentResponse, WriteAction, WriteContentRequest,
    WriteContentResponse,
};
use crate::layout::{LayoutError, OciLayout, Upload};

const SERVICE: &str = "containerd.services.content.v1.Content";
const METHODS: [&str; 9] = ["Abort", "Delete", "Info", "List", "ListStatuses", "Read", "Status", "Update", "Write"];
/// The header with the id of the store.
const STORE_ID: &str = "buildkit-attachable-store-id";
/// The maximum size of a message with a part of a blob.
const CHUNK: usize = 256 * 1024;

/// Serves the stores by their ids.
pub(super) fn attach(stores: BTreeMap<String, OciLayout>, tasks: &Tasks) -> Attachment {
    let (stores, tasks) = (Arc::new(stores), tasks.clone());
    Attachment::new(SERVICE, &METHODS, move |request| {
        let (stores, tasks) = (Arc::clone(&stores), tasks.clone());
        Box::pin(async move {
            match store(&stores, request.headers()) {
                Ok(store) => serve(store, request, tasks).await,
                Err(status) => status.into_http(),
            }
        })
    })
}

fn store(stores: &BTreeMap<String, OciLayout>, headers: &HeaderMap) -> Result<OciLayout, Status> {
    let id = headers.get(STORE_ID).and_then(|id| id.to_str().ok());
    let id = id.ok_or_else(|| Status::invalid_argument(format!("the request has no header {STORE_ID}")))?;
    stores.get(id).cloned().ok_or_else(|| Status::not_found(format!("unknown store {id}")))
}

async fn serve(store: OciLayout, request: Request, tasks: Tasks) -> Response {
    let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    match method.as_str() {
        "Info" => {
            let answer = async |requests| {
                let InfoRequest { digest } = only(requests).await?;
                let size = store.size(&parse(&digest)?).await.map_err(status)?;
                let info = Some(Info { digest, size: wire_size(size)? });
                Ok(tokio_stream::once(Ok(InfoResponse { info })))
            };
            grpc::streaming(ProstCodec::<InfoResponse, InfoRequest>::default(), request, answer).await
        }
        "Read" => {
            let answer = async |requests| read(&store, only(requests).await?).await;
            grpc::streaming(ProstCodec::<ReadContentResponse, ReadContentRequest>::default(), request, answer).await
        }
        "Write" => {
            let answer = async |requests| Ok(write(store, requests, &tasks));
            grpc::streaming(ProstCodec::<WriteContentResponse, WriteContentRequest>::default(), request, answer).await
        }
        "Abort" => {
            let answer = async |requests| {
                let Empty {} = only(requests).await?;
                Ok(tokio_stream::once(Ok(Empty {})))
            };
            grpc::streaming(ProstCodec::<Empty, Empty>::default(), request, answer).await
        }
        // The daemon looks for a write that it could resume.
        "Status" => Status::not_found("there is no unfinished write").into_http(),
        // As in containerd's store without labels.
        "Update" => Status::failed_precondition("the store keeps no labels").into_http(),
        _ => grpc::unimplemented(),
    }
}

/// The request of a method that has only one.
async fn only<T>(mut requests: Streaming<T>) -> Result<T, Status> {
    requests.message().await?.ok_or_else(|| Status::invalid_argument("the call has no request"))
}

async fn read(store: &OciLayout, request: ReadContentRequest) -> Result<BoxStream<ReadContentResponse>, Status> {
    let ReadContentRequest { digest, offset, size } = request;
    let offset = u64::try_from(offset).unwrap_or_default();
    let limit = u64::try_from(size).ok().filter(|size| *size > 0);
    let blob = store.read(&parse(&digest)?, offset, limit).await.map_err(status)?;
    let mut sent = 0;
    let chunks = tokio_util::io::ReaderStream::with_capacity(blob, CHUNK);
    let messages = chunks.map(move |chunk| {
        let data = chunk.map_err(|error| Status::aborted(format!("cannot read a blob: {error}")))?;
        let offset = sent;
        sent += wire_size(data.len() as u64)?;
        Ok(ReadContentResponse { offset, data })
    });
    Ok(Box::pin(messages))
}

/// Answers the messages of a write, one by one.
fn write(
    store: OciLayout,
    mut requests: Streaming<WriteContentRequest>,
    tasks: &Tasks,
) -> impl Stream<Item = Result<WriteContentResponse, Status>> + Send + use<> {
    let (answers, stream) = tokio::sync::mpsc::channel(1);
    tasks.spawn(async move {
        let mut write = Write { store, upload: None, expected: String::new(), total: 0 };
        loop {
            let answer = match requests.message().await {
                Ok(Some(request)) => write.answer(request).await,
                Ok(None) => break,
                Err(error) => Err(error),
            };
            let is_over = match &answer {
                Ok(answer) => answer.action() == WriteAction::Commit,
                Err(_) => true,
            };
            // The daemon may have stopped listening.
            if answers.send(answer).await.is_err() || is_over {
                break;
            }
        }
    });
    tokio_stream::wrappers::ReceiverStream::new(stream)
}

/// A write in progress. An unfinished one leaves nothing.
struct Write {
    store: OciLayout,
    upload: Option<Upload>,
    expected: String,
    total: u64,
}

impl Write {
    async fn answer(&mut self, request: WriteContentRequest) -> Result<WriteContentResponse, Status> {
        let action = WriteAction::try_from(request.action)
            .map_err(|_| Status::invalid_argument(format!("unknown write action {}", request.action)))?;
        if !request.expected.is_empty() {
            if self.store.size(&parse(&request.expected)?).await.is_ok() {
                return Err(Status::already_exists(format!("blob {} exists", request.expected)));
            }
            self.expected = request.expected;
        }
        if let Some(total) = u64::try_from(request.total).ok().filter(|total| *total > 0) {
            self.total = total;
        }
        let upload = match &mut self.upload {
            Some(upload) => upload,
            None if request.reference.is_empty() => {
                return Err(Status::invalid_argument("the first message of a write needs a reference"));
            }
            None => self.upload.insert(self.store.upload().await.map_err(status)?),
        };
        if action != WriteAction::Stat {
            let offset = u64::try_from(request.offset).unwrap_or_default();
            if offset == 0 && upload.len() > 0 {
                // Go's writers start again like this.
                *upload = self.store.upload().await.map_err(status)?;
            }
            if offset != upload.len() {
                let message = format!("a write at {offset} does not continue at {}", upload.len());
                return Err(Status::out_of_range(message));
            }
            upload.write(&request.data).await.map_err(status)?;
        }
        let (offset, digest) = (upload.len(), upload.digest().to_string());
        if action == WriteAction::Commit {
            if self.total > 0 && self.total != offset {
                let message = format!("the blob has {offset} bytes instead of {}", self.total);
                return Err(Status::failed_precondition(message));
            }
            if !self.expected.is_empty() && self.expected != digest {
                let message = format!("the blob is {digest} instead of {}", self.expected);
                return Err(Status::failed_precondition(message));
            }
            if let Some(upload) = self.upload.take() {
                self.store.commit(upload).await.map_err(status)?;
            }
        }
        let (offset, total) = (wire_size(offset)?, wire_size(self.total)?);
        Ok(WriteContentResponse { action: action.into(), offset, total, digest })
    }
}

fn wire_size(size: u64) -> Result<i64, Status> {
    i64::try_from(size).map_err(|_| Status::out_of_range(format!("{size} bytes are too many")))
}

fn parse(digest: &str) -> Result<Digest, Status> {
    digest.parse().map_err(|error| Status::invalid_argument(format!("{digest:?}: {error}")))
}

fn status(error: LayoutError) -> Status {
    match &error {
        LayoutError::Io(_, cause) if cause.kind() == io::ErrorKind::NotFound => Status::not_found(error.to_string()),
        _ => Status::aborted(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
