//! A content store from the daemon's side, with correct and hostile calls.

use bytes::Bytes;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request};

use super::super::handle::Session;
use super::super::tests::{Pair, pair};
use super::*;

const ID: &str = "local:cache";

async fn session(folder: &std::path::Path) -> Pair {
    pair(Session::builder().with_content_store(ID, OciLayout::create(folder).unwrap())).await
}

fn to_store<T>(message: T, store: &'static str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(STORE_ID, store.parse().unwrap());
    request
}

fn path(method: &str) -> http::uri::PathAndQuery {
    format!("/{SERVICE}/{method}").parse().unwrap()
}

async fn info(channel: &Channel, digest: &str, store: &'static str) -> Result<i64, Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let codec = ProstCodec::<InfoRequest, InfoResponse>::default();
    let request = to_store(InfoRequest { digest: digest.to_owned() }, store);
    let answer = client.unary(request, path("Info"), codec).await?.into_inner();
    Ok(answer.info.unwrap_or_default().size)
}

async fn write(channel: &Channel, requests: Vec<WriteContentRequest>) -> Result<Vec<WriteContentResponse>, Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let codec = ProstCodec::<WriteContentRequest, WriteContentResponse>::default();
    let request = to_store(tokio_stream::iter(requests), ID);
    client.streaming(request, path("Write"), codec).await?.into_inner().collect().await
}

async fn read(channel: &Channel, digest: &str, offset: i64, size: i64) -> Result<Vec<u8>, Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let codec = ProstCodec::<ReadContentRequest, ReadContentResponse>::default();
    let request = to_store(ReadContentRequest { digest: digest.to_owned(), offset, size }, ID);
    let mut parts = client.server_streaming(request, path("Read"), codec).await?.into_inner();
    let mut blob = Vec::new();
    while let Some(part) = parts.message().await? {
        assert_eq!(usize::try_from(part.offset), Ok(blob.len()));
        blob.extend(part.data);
    }
    Ok(blob)
}

fn message(action: WriteAction, offset: i64, data: &'static [u8]) -> WriteContentRequest {
    let reference = "layer".to_owned();
    let data = Bytes::from_static(data);
    WriteContentRequest { action: action.into(), reference, offset, data, ..WriteContentRequest::default() }
}

fn commit(total: i64, expected: &str, offset: i64) -> WriteContentRequest {
    WriteContentRequest { total, expected: expected.to_owned(), ..message(WriteAction::Commit, offset, b"") }
}

fn blobs(folder: &std::path::Path) -> usize {
    let count = |name: &str| std::fs::read_dir(folder.join(name)).unwrap().count();
    assert_eq!(count("ingest"), 0, "an unfinished blob is left");
    count("blobs/sha256")
}

#[tokio::test]
async fn a_blob_is_written_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let pair = session(folder.path()).await;
    let channel = &pair.channel;
    let digest = Digest::from_content(b"0123456789").to_string();
    let requests = vec![
        message(WriteAction::Stat, 0, b""),
        message(WriteAction::Write, 0, b"01234"),
        message(WriteAction::Write, 5, b"56789"),
        commit(10, &digest, 10),
    ];
    let answers = write(channel, requests).await.unwrap();
    assert_eq!(answers.iter().map(|answer| answer.offset).collect::<Vec<_>>(), [0, 5, 10, 10]);
    assert_eq!(answers[3].digest, digest);
    assert_eq!(info(channel, &digest, ID).await.unwrap(), 10);
    assert_eq!(read(channel, &digest, 0, 0).await.unwrap(), b"0123456789");
    assert_eq!(read(channel, &digest, 3, 4).await.unwrap(), b"3456");
    // The daemon does not send what is there.
    let stat = WriteContentRequest { expected: digest, ..message(WriteAction::Stat, 0, b"") };
    assert_eq!(write(channel, vec![stat]).await.unwrap_err().code(), Code::AlreadyExists);
    assert_eq!(blobs(folder.path()), 1);
}

#[tokio::test]
async fn a_write_may_start_again() {
    let folder = tempfile::tempdir().unwrap();
    let pair = session(folder.path()).await;
    let channel = &pair.channel;
    let digest = Digest::from_content(b"right").to_string();
    let requests =
        vec![message(WriteAction::Write, 0, b"wrong"), message(WriteAction::Write, 0, b"right"), commit(5, &digest, 5)];
    write(channel, requests).await.unwrap();
    assert_eq!(read(channel, &digest, 0, 0).await.unwrap(), b"right");
}

#[tokio::test]
async fn wrong_writes_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let pair = session(folder.path()).await;
    let channel = &pair.channel;
    let other = Digest::from_content(b"other").to_string();
    let data = || message(WriteAction::Write, 0, b"data");
    let without_reference = WriteContentRequest { reference: String::new(), ..data() };
    let unknown_action = WriteContentRequest { action: 7, ..data() };
    for (requests, code) in [
        (vec![data(), commit(4, &other, 4)], Code::FailedPrecondition),
        (vec![data(), commit(5, "", 4)], Code::FailedPrecondition),
        (vec![data(), message(WriteAction::Write, 9, b"gap")], Code::OutOfRange),
        (vec![data(), commit(4, "sha256:../../../etc/passwd", 4)], Code::InvalidArgument),
        (vec![without_reference], Code::InvalidArgument),
        (vec![unknown_action], Code::InvalidArgument),
    ] {
        assert_eq!(write(channel, requests.clone()).await.unwrap_err().code(), code, "{requests:?}");
    }
    // The daemon breaks off.
    write(channel, vec![data()]).await.unwrap();
    assert_eq!(blobs(folder.path()), 0);
}

#[tokio::test]
async fn only_blobs_of_the_stores_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let pair = session(folder.path()).await;
    let channel = &pair.channel;
    let missing = Digest::from_content(b"missing").to_string();
    assert_eq!(info(channel, &missing, ID).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(info(channel, &missing, "local:other").await.unwrap_err().code(), Code::NotFound);
    for hostile in ["", "sha256:../oci-layout", "../index.json", "sha512:00"] {
        assert_eq!(info(channel, hostile, ID).await.unwrap_err().code(), Code::InvalidArgument, "{hostile}");
        assert_eq!(read(channel, hostile, 0, 0).await.unwrap_err().code(), Code::InvalidArgument, "{hostile}");
    }
}
