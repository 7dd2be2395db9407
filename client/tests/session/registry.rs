//! A registry with one image that requires bearer tokens, like public registries; Debian's registry supports only passwords.
//!
//! It listens on loopback, where the daemon uses plain HTTP.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

pub(crate) const REPOSITORY: &str = "team/app";
const TOKEN: &str = "the-token";

pub(crate) struct TokenRegistry {
    address: SocketAddr,
    image: Arc<Image>,
    requests: Arc<Mutex<Vec<TokenRequest>>>,
}

/// A request for a token.
#[derive(Clone, Debug)]
pub(crate) struct TokenRequest {
    /// Method, query and form.
    pub(crate) text: String,
    pub(crate) agent: String,
}

struct Image {
    content: Vec<u8>,
    manifest: Vec<u8>,
    config: Vec<u8>,
    layer: Vec<u8>,
}

impl TokenRegistry {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let image = Arc::new(Image::new());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (served, noted) = (Arc::clone(&image), Arc::clone(&requests));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (image, noted) = (Arc::clone(&served), Arc::clone(&noted));
                let answer = service_fn(move |request| {
                    let (image, noted) = (Arc::clone(&image), Arc::clone(&noted));
                    async move { Ok::<_, Infallible>(answer(request, address, &image, &noted).await) }
                });
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        Self { address, image, requests }
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn content(&self) -> &[u8] {
        &self.image.content
    }

    pub(crate) fn token_requests(&self) -> Vec<TokenRequest> {
        self.requests.lock().unwrap().clone()
    }
}

impl Image {
    fn new() -> Self {
        let content = buildkit_client::solve::new_reference().into_bytes();
        let layer = tar_with("hello", &content);
        let config = format!(
            r#"{{"architecture":"amd64","os":"linux","config":{{}},"rootfs":{{"type":"layers","diff_ids":["{}"]}}}}"#,
            digest(&layer)
        )
        .into_bytes();
        let descriptor = |kind: &str, bytes: &[u8]| {
            let digest = digest(bytes);
            format!(r#"{{"mediaType":"application/vnd.oci.image.{kind}","digest":"{digest}","size":{}}}"#, bytes.len())
        };
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[{}]}}"#,
            descriptor("config.v1+json", &config),
            descriptor("layer.v1.tar", &layer),
        )
        .into_bytes();
        Self { content, manifest, config, layer }
    }
}

async fn answer(
    request: Request<Incoming>,
    address: SocketAddr,
    image: &Image,
    noted: &Mutex<Vec<TokenRequest>>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = head.uri.path();
    if path == "/token" {
        let query = head.uri.query().unwrap_or_default();
        let text = format!("{} {query} {}", head.method, String::from_utf8_lossy(&body));
        noted.lock().unwrap().push(TokenRequest { text, agent: header(&head.headers, "user-agent") });
        return reply(StatusCode::OK, "application/json", format!(r#"{{"access_token":"{TOKEN}","token":"{TOKEN}"}}"#));
    }
    if header(&head.headers, "authorization") != format!("Bearer {TOKEN}") {
        let challenge =
            format!(r#"Bearer realm="http://{address}/token",service="test",scope="repository:{REPOSITORY}:pull""#);
        let mut response = reply(StatusCode::UNAUTHORIZED, "application/json", "{}");
        response.headers_mut().insert("www-authenticate", challenge.parse().unwrap());
        return response;
    }
    let blob = |kind: &str, bytes: &[u8]| {
        let mut response = if head.method == Method::HEAD {
            reply(StatusCode::OK, kind, "")
        } else {
            reply(StatusCode::OK, kind, bytes.to_vec())
        };
        response.headers_mut().insert("content-length", bytes.len().into());
        response.headers_mut().insert("docker-content-digest", digest(bytes).parse().unwrap());
        response
    };
    let reference = path.rsplit('/').next().unwrap_or_default();
    if path.contains("/manifests/") {
        return blob("application/vnd.oci.image.manifest.v1+json", &image.manifest);
    }
    match [&image.config, &image.layer].into_iter().find(|bytes| digest(bytes) == reference) {
        Some(bytes) => blob("application/octet-stream", bytes),
        None => reply(StatusCode::NOT_FOUND, "application/json", "{}"),
    }
}

fn reply(status: StatusCode, kind: &str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    Response::builder().status(status).header("content-type", kind).body(Full::new(body.into())).unwrap()
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// An archive of one file (POSIX ustar).
fn tar_with(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0_u8; 512];
    let mut put = |offset: usize, text: &str| header[offset..offset + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", content.len()));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}
