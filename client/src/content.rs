//! Blobs of the daemon's content store, such as manifests of images it has made: containerd's content service, which BuildKit
//! serves for reading (containerd: `api/services/content/v1/content.proto`; moby/buildkit: `control/control.go`, `Register`).
//!
//! Knows nothing about what a blob means. A daemon drops blobs that nothing refers to any more.

pub(crate) mod wire;

use tonic::client::Grpc;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;

use self::wire::{ReadContentRequest, ReadContentResponse};
use crate::dial::Connection;
use crate::error::SolveError;

const READ: &str = "/containerd.services.content.v1.Content/Read";

/// Reads a blob of at most `max_bytes`. `None` if the daemon does not have it, or serves no content, as before BuildKit 0.11.
///
/// ```no_run
/// use buildkit_client::content::read_blob;
///
/// # async fn example(connection: &buildkit_client::dial::Connection) -> Result<(), buildkit_client::error::SolveError> {
/// let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// let manifest = read_blob(connection, digest, 4 << 20).await?;
/// # drop(manifest);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The daemon is gone, or the blob is larger.
pub async fn read_blob(connection: &Connection, digest: &str, max_bytes: usize) -> Result<Option<Vec<u8>>, SolveError> {
    let mut grpc = Grpc::new(connection.channel.clone());
    grpc.ready().await.map_err(|error| SolveError::Lost { message: error.to_string() })?;
    let request = ReadContentRequest { digest: digest.to_owned(), offset: 0, size: 0 };
    let codec = ProstCodec::<ReadContentRequest, ReadContentResponse>::default();
    let path = http::uri::PathAndQuery::from_static(READ);
    let mut stream = match grpc.server_streaming(Request::new(request), path, codec).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return unless_missing(&status),
    };
    let mut blob = Vec::new();
    loop {
        match stream.message().await {
            Ok(Some(ReadContentResponse { offset: _, data })) => blob.extend(data),
            Ok(None) => return Ok(Some(blob)),
            Err(status) => return unless_missing(&status),
        }
        if blob.len() > max_bytes {
            return Err(SolveError::Unreadable { message: format!("{digest} has more than {max_bytes} bytes") });
        }
    }
}

fn unless_missing(status: &Status) -> Result<Option<Vec<u8>>, SolveError> {
    match status.code() {
        Code::NotFound | Code::Unimplemented => Ok(None),
        _ => Err(SolveError::from_status(status)),
    }
}
