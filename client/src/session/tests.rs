//! Sessions from the daemon's side: real gRPC clients on the other end of the byte stream.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use buildkit_proto::rpc::control::BytesMessage;
use buildkit_proto::rpc::filesync::file_send_client::FileSendClient;
use buildkit_proto::rpc::filesync::file_sync_client::FileSyncClient;
use buildkit_proto::rpc::filesync::{BytesMessage as FileBytes, CredentialsRequest, auth_client::AuthClient};
use buildkit_proto::rpc::fsutil::{Packet, packet::PacketType};
use buildkit_proto::rpc::health::HealthCheckRequest;
use buildkit_proto::rpc::health::health_client::HealthClient;
use buildkit_proto::rpc::secrets::GetSecretRequest;
use buildkit_proto::rpc::secrets::secrets_client::SecretsClient;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::auth::{AuthOptions, RegistryAuth};
use super::byte_stream::byte_stream;
use super::exports::{ExportTarget, ReceivedExport};
use super::files::LocalDir;
use super::handle::{Session, SessionBuilder, SessionEnd};
use super::secrets::{SecretSource, Secrets};

/// A session and the daemon's end of it.
pub(super) struct Pair {
    session: Session,
    /// A client inside the session.
    pub(super) channel: Channel,
    /// Breaks the outer call.
    breaker: mpsc::Sender<Result<BytesMessage, Status>>,
}

pub(super) async fn pair(builder: SessionBuilder) -> Pair {
    let (to_session, inbound) = mpsc::channel(8);
    let (outbound, mut from_session) = mpsc::channel(8);
    let session = builder.prepare().start("test".parse().expect("not empty"), ReceiverStream::new(inbound), outbound);
    // The daemon writes plain messages; the client may also read a failure of the call.
    let (daemon_out, mut from_daemon) = mpsc::channel::<BytesMessage>(8);
    let breaker = to_session.clone();
    tokio::spawn(async move {
        while let Some(message) = from_daemon.recv().await {
            if to_session.send(Ok(message)).await.is_err() {
                return;
            }
        }
    });
    let (to_daemon, daemon_in) = mpsc::channel(8);
    tokio::spawn(async move {
        while let Some(message) = from_session.recv().await {
            if to_daemon.send(Ok(message)).await.is_err() {
                return;
            }
        }
    });
    let mut io = Some(TokioIo::new(byte_stream(ReceiverStream::new(daemon_in), daemon_out).0));
    let channel = Endpoint::from_static("http://localhost")
        // About the limit of Go's HTTP/2.
        .http2_max_header_list_size(1 << 20)
        .connect_with_connector(tower::service_fn(move |_| {
            let io = io.take();
            async move { io.ok_or_else(|| std::io::Error::other("only one connection")) }
        }))
        .await
        .unwrap();
    Pair { session, channel, breaker }
}

async fn is_healthy(channel: &Channel) -> Result<(), Status> {
    let check = async { HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await };
    tokio::time::timeout(Duration::from_secs(5), check).await.expect("an answer within five seconds").map(drop)
}

#[tokio::test]
async fn answers_health_checks_and_rejects_unserved_methods() {
    let pair = pair(Session::builder()).await;
    is_healthy(&pair.channel).await.unwrap();
    let request = GetSecretRequest { id: "x".to_owned(), ..Default::default() };
    let status = SecretsClient::new(pair.channel.clone()).get_secret(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(matches!(pair.session.close().await, SessionEnd::Closed));
}

#[tokio::test]
async fn reports_how_it_ended() {
    let lost = pair(Session::builder()).await;
    is_healthy(&lost.channel).await.unwrap();
    lost.breaker.send(Err(Status::unavailable("daemon restarted"))).await.unwrap();
    let SessionEnd::Lost { reason } = lost.session.closed().await else { panic!("not lost") };
    assert!(reason.contains("daemon restarted"), "{reason}");

    let Pair { session, channel, breaker } = pair(Session::builder()).await;
    is_healthy(&channel).await.unwrap();
    drop((channel, breaker));
    let end = tokio::time::timeout(Duration::from_secs(5), session.closed()).await.unwrap();
    assert!(matches!(end, SessionEnd::ClosedByDaemon), "{end:?}");

    let Pair { session, channel, .. } = pair(Session::builder()).await;
    is_healthy(&channel).await.unwrap();
    let closed = session.closed();
    drop(session);
    assert!(matches!(closed.await, SessionEnd::Closed));
    is_healthy(&channel).await.unwrap_err();
}

fn with_dir(path: &Path) -> SessionBuilder {
    Session::builder().with_local_dir("context", LocalDir::new(path))
}

/// Requests a directory with the given headers and returns the announced paths.
async fn announced(channel: &Channel, headers: &[(&'static str, String)]) -> Result<Vec<String>, Status> {
    let (requests, outbound) = mpsc::channel::<Packet>(1);
    let mut request = Request::new(ReceiverStream::new(outbound));
    for (key, value) in headers {
        request.metadata_mut().append(*key, value.parse().unwrap());
    }
    let mut packets = FileSyncClient::new(channel.clone()).diff_copy(request).await?.into_inner();
    let mut paths = Vec::new();
    loop {
        let packet = packets.next().await.unwrap()?;
        match packet.stat {
            // The daemon's receiver repeats an error, which the status follows.
            None if !packet.data.is_empty() => requests.send(packet).await.unwrap(),
            None => return Ok(paths),
            Some(stat) => paths.push(stat.path),
        }
    }
}

#[tokio::test]
async fn serves_named_directories_only() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), b"x").unwrap();
    let pair = pair(with_dir(dir.path())).await;
    let ask = |name: &str| announced_owned(pair.channel.clone(), name.to_owned());
    assert_eq!(ask("context").await.unwrap(), ["file"]);
    for name in ["other", "", "context/..", "/"] {
        let status = ask(name).await.unwrap_err();
        assert_eq!(status.code(), Code::NotFound, "{name:?}");
        assert!(status.message().starts_with("no access allowed to dir"), "{status}");
    }
}

async fn announced_owned(channel: Channel, name: String) -> Result<Vec<String>, Status> {
    announced(&channel, &[("dir-name", name)]).await
}

#[tokio::test]
async fn takes_long_lists_of_patterns() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["kept", "dropped-9999"] {
        std::fs::write(dir.path().join(name), b"x").unwrap();
    }
    let pair = pair(with_dir(dir.path())).await;
    let mut headers = vec![("dir-name", "context".to_owned())];
    headers.extend((0..10_000).map(|index| ("exclude-patterns", format!("dropped-{index}"))));
    assert_eq!(announced(&pair.channel, &headers).await.unwrap(), ["kept"]);
}

#[tokio::test]
async fn refuses_patterns_it_cannot_read() {
    let dir = tempfile::tempdir().unwrap();
    let pair = pair(with_dir(dir.path())).await;
    let headers = [("dir-name", "context".to_owned()), ("include-patterns", "[".to_owned())];
    let status = announced(&pair.channel, &headers).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

/// Sends an export the way the daemon does for everything but directories.
async fn export(channel: &Channel, headers: &[(&'static str, &str)], pieces: &[&[u8]]) -> Result<(), Status> {
    let pieces: Vec<FileBytes> = pieces.iter().map(|piece| FileBytes { data: piece.to_vec() }).collect();
    let mut request = Request::new(tokio_stream::iter(pieces));
    for (key, value) in headers {
        request.metadata_mut().append(*key, value.parse().unwrap());
    }
    let mut answers = FileSendClient::new(channel.clone()).diff_copy(request).await?.into_inner();
    match answers.next().await {
        None => Ok(()),
        Some(Ok(message)) => panic!("an answer with content: {message:?}"),
        Some(Err(status)) => Err(status),
    }
}

const EXPORTER: &str = "buildkit-attachable-exporter-id";

#[tokio::test]
async fn receives_files_by_exporter() {
    let dir = tempfile::tempdir().unwrap();
    let [zero, two] = ["zero.tar", "two.tar"].map(|name| dir.path().join(name));
    std::fs::write(&two, b"something longer that was there before").unwrap();
    let builder = Session::builder()
        .with_export(0, ExportTarget::File(zero.clone()))
        .with_export(2, ExportTarget::File(two.clone()));
    let pair = pair(builder).await;
    export(&pair.channel, &[], &[b"ab", b"", b"c"]).await.unwrap();
    let headers = [
        (EXPORTER, "2"),
        ("exporter-md-containerimage.digest", "sha256:00"),
        ("exporter-md-list", "a"),
        ("exporter-md-list", "b"),
    ];
    export(&pair.channel, &headers, &[b"image"]).await.unwrap();
    assert_eq!(std::fs::read(&zero).unwrap(), b"abc");
    assert_eq!(std::fs::read(&two).unwrap(), b"image");
    let metadata = [("containerimage.digest", "sha256:00"), ("list", "a,b")];
    let metadata: BTreeMap<String, String> =
        metadata.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    assert_eq!(
        pair.session.received_exports(),
        [
            ReceivedExport { exporter: 0, entries: 1, bytes: 3, ..ReceivedExport::default() },
            ReceivedExport { exporter: 2, entries: 1, bytes: 5, metadata, skipped: 0 },
        ]
    );
    for (id, code) in [("1", Code::NotFound), ("-1", Code::InvalidArgument), ("x", Code::InvalidArgument)] {
        assert_eq!(export(&pair.channel, &[(EXPORTER, id)], &[]).await.unwrap_err().code(), code, "{id}");
    }
}

#[tokio::test]
async fn an_export_that_breaks_off_leaves_the_old_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("out.tar");
    std::fs::write(&file, b"old").unwrap();
    let pair = pair(Session::builder().with_export(0, ExportTarget::File(file.clone()))).await;
    let (pieces, outbound) = mpsc::channel(1);
    let channel = pair.channel.clone();
    let call = tokio::spawn(async move { FileSendClient::new(channel).diff_copy(ReceiverStream::new(outbound)).await });
    pieces.send(FileBytes { data: b"half".to_vec() }).await.unwrap();
    while std::fs::read_dir(dir.path()).unwrap().count() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    call.abort();
    let cleaned_up = async {
        while std::fs::read_dir(dir.path()).unwrap().count() > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), cleaned_up).await.expect("the half file to be removed");
    assert_eq!(std::fs::read(&file).unwrap(), b"old");
    assert!(pair.session.received_exports().is_empty());
    drop(pieces);
}

#[tokio::test]
async fn a_writer_whose_export_breaks_off_is_not_shut_down() {
    let kept = Kept::default();
    let builder = Session::builder().with_export(0, ExportTarget::Writer(Box::new(kept.clone())));
    let pair = pair(builder).await;
    let (pieces, outbound) = mpsc::channel(1);
    let channel = pair.channel.clone();
    let call = tokio::spawn(async move { FileSendClient::new(channel).diff_copy(ReceiverStream::new(outbound)).await });
    pieces.send(FileBytes { data: b"half".to_vec() }).await.unwrap();
    while kept.0.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    call.abort();
    is_healthy(&pair.channel).await.unwrap();
    pair.session.close().await;
    assert_eq!(*kept.0.lock().unwrap(), b"half");
}

#[tokio::test]
async fn a_link_to_a_file_stays_a_link() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("real.tar"), b"old").unwrap();
    let link = dir.path().join("link.tar");
    std::os::unix::fs::symlink("real.tar", &link).unwrap();
    let pair = pair(Session::builder().with_export(0, ExportTarget::File(link.clone()))).await;
    export(&pair.channel, &[], &[b"new"]).await.unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::read(dir.path().join("real.tar")).unwrap(), b"new");
}

#[tokio::test]
async fn devices_are_written_to_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("null");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    let pair = pair(Session::builder().with_export(0, ExportTarget::File(link.clone()))).await;
    export(&pair.channel, &[], &[b"new"]).await.unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    let null = std::fs::metadata("/dev/null").unwrap();
    assert!(std::os::unix::fs::FileTypeExt::is_char_device(&null.file_type()));
}

/// Keeps what is written to it.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl tokio::io::AsyncWrite for Kept {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        std::task::Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        self.0.lock().unwrap().extend_from_slice(b"|end");
        std::task::Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_writer_takes_one_export() {
    let kept = Kept::default();
    let builder = Session::builder().with_export(0, ExportTarget::Writer(Box::new(kept.clone())));
    let pair = pair(builder).await;
    export(&pair.channel, &[], &[b"a", b"b"]).await.unwrap();
    assert_eq!(*kept.0.lock().unwrap(), b"ab|end");
    assert_eq!(export(&pair.channel, &[], &[b"c"]).await.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn directories_arrive_as_packets_over_the_same_method() {
    let out = tempfile::tempdir().unwrap();
    let target = out.path().join("new");
    let pair = pair(Session::builder().with_export(0, ExportTarget::Directory(target.clone()))).await;
    let (packets, outbound) = mpsc::channel::<Packet>(8);
    // The generated client supports only the other message type.
    let mut answers = raw::Client::new(pair.channel.clone()).diff_copy(ReceiverStream::new(outbound)).await.unwrap();
    let stat =
        buildkit_proto::rpc::fsutil::Stat { path: "file".to_owned(), mode: 0o644, size: 3, ..Default::default() };
    packets.send(Packet { stat: Some(stat), ..Packet::default() }).await.unwrap();
    packets.send(Packet::default()).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap().r#type(), PacketType::PacketReq);
    let data = |data: &[u8]| Packet { r#type: PacketType::PacketData.into(), data: data.to_vec(), ..Packet::default() };
    packets.send(data(b"abc")).await.unwrap();
    packets.send(data(b"")).await.unwrap();
    let finish = Packet { r#type: PacketType::PacketFin.into(), ..Packet::default() };
    assert_eq!(answers.next().await.unwrap().unwrap(), finish);
    packets.send(finish).await.unwrap();
    assert!(answers.next().await.is_none());
    assert_eq!(std::fs::read(target.join("file")).unwrap(), b"abc");
    assert_eq!(pair.session.received_exports(), [ReceivedExport { entries: 1, bytes: 3, ..Default::default() }]);
}

/// A client of `FileSend` whose messages are packets, like the daemon's `local` exporter.
mod raw {
    use super::*;

    pub(super) struct Client(tonic::client::Grpc<Channel>);

    impl Client {
        pub(super) fn new(channel: Channel) -> Self {
            Self(tonic::client::Grpc::new(channel))
        }

        pub(super) async fn diff_copy(
            &mut self,
            packets: ReceiverStream<Packet>,
        ) -> Result<tonic::Streaming<Packet>, Status> {
            self.0.ready().await.unwrap();
            let path = http::uri::PathAndQuery::from_static("/moby.filesync.v1.FileSend/DiffCopy");
            let codec = tonic_prost::ProstCodec::<Packet, Packet>::default();
            Ok(self.0.streaming(Request::new(packets), path, codec).await?.into_inner())
        }
    }
}

/// A disk that blocks must not stop the session from answering health checks.
#[tokio::test]
async fn stays_healthy_while_an_export_waits_for_its_writer() {
    let (_reader, stuck) = tokio::io::duplex(1);
    let pair = pair(Session::builder().with_export(0, ExportTarget::Writer(Box::new(stuck)))).await;
    let (pieces, outbound) = mpsc::channel(1);
    let channel = pair.channel.clone();
    let call = tokio::spawn(async move { FileSendClient::new(channel).diff_copy(ReceiverStream::new(outbound)).await });
    let piece = FileBytes { data: vec![0; 1 << 20] };
    // Until all windows and buffers are full.
    let filled = async { while pieces.send(piece.clone()).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(2), filled).await.unwrap_err();
    is_healthy(&pair.channel).await.unwrap();
    call.abort();
}

#[tokio::test]
async fn answers_for_secrets() {
    let mut secrets = Secrets::default();
    let none = |_: &str| None;
    secrets.add("known", SecretSource::Bytes(b"value".to_vec().into()), none).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gone");
    std::fs::write(&file, b"x").unwrap();
    secrets.add("gone", SecretSource::File(file.clone()), none).unwrap();
    std::fs::remove_file(&file).unwrap();
    let pair = pair(Session::builder().with_secrets(secrets)).await;
    let mut client = SecretsClient::new(pair.channel.clone());
    let mut get = async |id: &str| {
        let request = GetSecretRequest { id: id.to_owned(), ..Default::default() };
        client.get_secret(request).await.map(|answer| answer.into_inner().data)
    };
    assert_eq!(get("known").await.unwrap(), b"value");
    // Optional mounts accept only this code as "no such secret"; a missing file must have a different code.
    assert_eq!(get("unknown").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(get("gone").await.unwrap_err().code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn answers_for_credentials() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), r#"{"auths": {"reg": {"auth": "dTpw"}}}"#).unwrap();
    let options = AuthOptions { config_dir: Some(folder.path().to_owned()), ..AuthOptions::default() };
    let pair = pair(Session::builder().with_registry_auth(RegistryAuth::new(options).unwrap())).await;
    let mut client = AuthClient::new(pair.channel.clone());
    let mut get = async |host: &str| {
        let answer = client.credentials(CredentialsRequest { host: host.to_owned() }).await.unwrap().into_inner();
        (answer.username, answer.secret)
    };
    assert_eq!(get("reg").await, ("u".to_owned(), "p".to_owned()));
    assert_eq!(get("other").await, (String::new(), String::new()));
}
