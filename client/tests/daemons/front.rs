//! Engines newer than the lab's, and Engines behind proxies: a front that answers the API's ping with any version, and
//! forwards one or both of the two methods to the lab's real BuildKit.

use std::path::PathBuf;
use std::sync::Arc;

use buildkit_client::address::{Address, EngineAddress, TcpAddress};
use buildkit_client::dial::{DaemonKind, DialOptions, DialProblem, dial};
use buildkit_client::tls::TlsFiles;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::lab::{connect, fresh, options, run, shell, variable};

#[derive(Clone, Copy)]
struct Front {
    version: &'static str,
    /// HTTP/2 with prior knowledge passes.
    direct: bool,
    /// `POST /grpc` passes.
    upgrade: bool,
}

const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0";

impl Front {
    async fn serve(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
        let mut head = Vec::new();
        let is_http2 = loop {
            if stream.read_buf(&mut head).await? == 0 {
                return Ok(());
            }
            if head.starts_with(HTTP2_PREFACE) {
                break true;
            }
            if head.windows(4).any(|end| end == b"\r\n\r\n") {
                break false;
            }
        };
        let head_text = String::from_utf8_lossy(&head).into_owned();
        let answer = match head_text.split_whitespace().collect::<Vec<_>>().as_slice() {
            _ if is_http2 && self.direct => return pass(stream, &head).await,
            _ if is_http2 => "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_owned(),
            ["GET", "/_ping", ..] => {
                format!("HTTP/1.1 200 OK\r\nApi-Version: {}\r\nContent-Length: 2\r\n\r\nOK", self.version)
            }
            ["POST", "/grpc", ..] if self.upgrade => {
                let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
                stream.write_all(switch).await?;
                return pass(stream, &[]).await;
            }
            _ => {
                let body = r#"{"message":"page not found"}"#;
                format!("HTTP/1.1 404 Not Found\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            }
        };
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    }

    fn on_socket(self) -> (TempDir, EngineAddress) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("docker.sock");
        let listener = UnixListener::bind(&path).unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(self.serve(stream));
            }
        });
        (dir, EngineAddress::Unix(path))
    }

    /// Like an Engine on TCP: TLS that offers both HTTP versions.
    async fn over_tls(self) -> (TempDir, EngineAddress) {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let ca = dir.path().join("ca.pem");
        std::fs::write(&ca, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(made.cert.der().to_vec())], key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move { self.serve(acceptor.accept(stream).await?).await });
            }
        });
        let tls = TlsFiles { ca: Some(ca), ..TlsFiles::default() };
        (dir, EngineAddress::Tcp(TcpAddress { host: "localhost".to_owned(), port, tls: Some(tls) }))
    }
}

async fn pass(mut stream: impl AsyncRead + AsyncWrite + Unpin, head: &[u8]) -> std::io::Result<()> {
    let socket = PathBuf::from(variable("BUILDKIT_HOST").trim_start_matches("unix://"));
    let mut daemon = UnixStream::connect(socket).await?;
    daemon.write_all(head).await?;
    copy_bidirectional(&mut stream, &mut daemon).await.map(drop)
}

async fn builds(engine: EngineAddress, version: &str) {
    let connection = connect(&Address::Engine(engine)).await;
    let DaemonKind::Engine { api_version } = &connection.kind else { panic!("{connection:?}") };
    assert_eq!(api_version.to_string(), version);
    let report = run(&connection, options(shell(&format!("echo through; : {}", fresh())))).await;
    report.outcome.as_ref().unwrap();
    assert_eq!(report.logs(), "through\n");
}

#[tokio::test]
async fn whichever_way_is_open_is_found() {
    let fronts = [
        Front { version: "1.53", direct: true, upgrade: false },
        Front { version: "1.53", direct: false, upgrade: true },
        Front { version: "1.51", direct: true, upgrade: false },
        Front { version: "1.51", direct: false, upgrade: true },
    ];
    for front in fronts {
        let (_dir, engine) = front.on_socket();
        builds(engine, front.version).await;
        let (_dir, engine) = front.over_tls().await;
        builds(engine, front.version).await;
    }
}

#[tokio::test]
async fn an_engine_without_buildkit_is_reported_with_both_reasons() {
    let (_dir, engine) = Front { version: "1.40", direct: false, upgrade: false }.on_socket();
    let error = dial(&Address::Engine(engine), &DialOptions::default()).await.expect_err("no way through");
    assert!(matches!(error.problem, DialProblem::EngineWithoutBuildkit { .. }), "{error:?}");
    assert!(error.to_string().contains("404 to POST /grpc: page not found"), "{error}");
    assert!(error.help().unwrap().contains("20.10"), "{error:?}");
}

#[tokio::test]
async fn an_unknown_socket_is_recognized_as_an_engines() {
    let (_dir, engine) = Front { version: "1.51", direct: false, upgrade: true }.on_socket();
    let EngineAddress::Unix(path) = engine else { panic!("a socket") };
    let connection = connect(&Address::Unix(path)).await;
    assert!(matches!(connection.kind, DaemonKind::Engine { .. }), "{connection:?}");
}
