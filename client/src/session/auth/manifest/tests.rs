//! Small registries on loopback, each with different answers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::*;
use crate::session::auth::{AuthOptions, ProxySettings};

type Answers = fn(&http::Request<Incoming>, SocketAddr) -> http::Response<Full<bytes::Bytes>>;

/// A registry that records `METHOD path authorization` and sends scripted answers.
struct Registry {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    async fn start(answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let noted = Arc::clone(&noted);
                tokio::spawn(async move {
                    let answer = service_fn(move |request: http::Request<Incoming>| {
                        let login = request.headers().get("authorization").map_or("-", |value| value.to_str().unwrap());
                        noted.lock().unwrap().push(format!("{} {} {login}", request.method(), request.uri()));
                        let response = answers(&request, address);
                        async move { Ok::<_, std::convert::Infallible>(response) }
                    });
                    let served = hyper::server::conn::http1::Builder::new();
                    let _client_gone = served.serve_connection(TokioIo::new(stream), answer).await;
                });
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    async fn find(&self, login: &str) -> Existence {
        let folder = tempfile::tempdir().unwrap();
        let config = format!(r#"{{"auths": {{"{}": {login}}}}}"#, self.address);
        std::fs::write(folder.path().join("config.json"), config).unwrap();
        let options = AuthOptions { config_dir: Some(folder.path().to_owned()), ..AuthOptions::default() };
        let auth = RegistryAuth::new(options).unwrap();
        auth.find_manifest(&format!("{}/team/app:1", self.address).parse().unwrap()).await
    }
}

fn answer(status: u16, headers: &[(&str, &str)], body: &'static str) -> http::Response<Full<bytes::Bytes>> {
    let mut response = http::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::new(bytes::Bytes::from_static(body.as_bytes()))).unwrap()
}

/// The answer of a registry that has the manifest.
fn manifest() -> http::Response<Full<bytes::Bytes>> {
    let digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    answer(200, &[("content-type", media_type), ("docker-content-digest", digest)], "")
}

/// dTpw is u:p.
const LOGIN: &str = r#"{"auth": "dTpw"}"#;

#[track_caller]
fn reason(existence: Existence) -> String {
    match existence {
        Existence::Unknown(reason) => {
            assert!(!reason.contains("dTpw"), "{reason}");
            reason
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn there_or_not_there() {
    let registry = Registry::start(|request, _| {
        let accept = request.headers().get("accept").map_or("", |value| value.to_str().unwrap_or_default());
        if accept.contains("oci.image.index") { manifest() } else { answer(404, &[], "") }
    })
    .await;
    assert_eq!(registry.find("{}").await, Existence::Exists);
    assert_eq!(registry.requests(), ["HEAD /v2/team/app/manifests/1 -"]);
    let registry = Registry::start(|_, _| answer(404, &[], "")).await;
    assert_eq!(registry.find("{}").await, Existence::Missing);
}

#[tokio::test]
async fn other_answers_are_no_manifests() {
    const INDEX: &str = "application/vnd.oci.image.index.v1+json";
    let registry = Registry::start(|_, _| answer(200, &[("content-type", "text/html; charset=utf-8")], "<html>")).await;
    let told = reason(registry.find("{}").await);
    assert!(told.contains("200 OK with text/html, which is no manifest"), "{told}");
    // Without a digest, the content decides.
    let registry = Registry::start(|_, _| answer(200, &[("content-type", INDEX)], r#"{"schemaVersion": 2}"#)).await;
    assert_eq!(registry.find("{}").await, Existence::Exists);
    let registry = Registry::start(|_, _| answer(200, &[("content-type", INDEX)], "<html>")).await;
    reason(registry.find("{}").await);
    let registry =
        Registry::start(|_, _| answer(200, &[("content-type", "application/json")], r#"{"schemaVersion": 2}"#)).await;
    reason(registry.find("{}").await);
}

#[tokio::test]
async fn no_proxy_leads_to_this_machine() {
    let registry = Registry::start(|_, _| manifest()).await;
    let nowhere = Some("http://127.0.0.1:1".to_owned());
    let proxies = ProxySettings { http: nowhere.clone(), https: nowhere, no_proxy: None };
    let auth = RegistryAuth::new(AuthOptions { proxies, ..AuthOptions::default() }).unwrap();
    let find = async |host: String| auth.find_manifest(&format!("{host}/a:1").parse().unwrap()).await;
    assert_eq!(find(registry.address.to_string()).await, Existence::Exists);
    let reason = reason(find("registry.invalid".to_owned()).await);
    assert!(reason.contains("refused"), "the proxy is asked: {reason}");
}

#[tokio::test]
async fn a_password_where_one_is_wanted() {
    let registry = Registry::start(|request, _| match request.headers().contains_key("authorization") {
        true => manifest(),
        false => answer(401, &[("www-authenticate", "Basic realm=\"r\"")], ""),
    })
    .await;
    assert_eq!(registry.find(LOGIN).await, Existence::Exists);
    assert_eq!(registry.requests().last().unwrap(), "HEAD /v2/team/app/manifests/1 Basic dTpw");
    let reason = reason(registry.find("{}").await);
    assert!(reason.contains("401") && reason.contains("no credentials"), "{reason}");
}

#[tokio::test]
async fn a_token_where_one_is_wanted() {
    let registry = Registry::start(|request, address| {
        let is_token = request.uri().path() == "/token";
        match request.headers().get("authorization").map(|value| value.as_bytes()) {
            _ if is_token && request.method() == Method::POST => answer(405, &[], ""),
            _ if is_token => answer(200, &[], r#"{"token": "T"}"#),
            Some(b"Bearer T") => manifest(),
            _ => {
                let wanted = format!("Bearer realm=\"http://{address}/token\",service=\"s\"");
                answer(401, &[("www-authenticate", &wanted)], "")
            }
        }
    })
    .await;
    assert_eq!(registry.find("{}").await, Existence::Exists);
    let requests = registry.requests();
    assert_eq!(requests[1], "GET /token?service=s&scope=repository%3Ateam%2Fapp%3Apull -");
    assert_eq!(registry.find(LOGIN).await, Existence::Exists);
    assert!(registry.requests().iter().any(|request| request.contains("Basic dTpw")), "{:?}", registry.requests());
}

#[tokio::test]
async fn a_token_that_is_refused_is_not_a_missing_image() {
    let registry = Registry::start(|request, address| match request.uri().path() {
        "/token" => answer(403, &[], ""),
        _ => answer(401, &[("www-authenticate", &format!("Bearer realm=\"http://{address}/token\""))], ""),
    })
    .await;
    let reason = reason(registry.find("{}").await);
    assert!(reason.contains("403"), "{reason}");
}

#[tokio::test]
async fn codes_say_what_the_status_does_not() {
    let registry =
        Registry::start(|_, _| answer(500, &[], r#"{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "m"}]}"#)).await;
    assert_eq!(registry.find("{}").await, Existence::Missing);
    let registry = Registry::start(|_, _| {
        answer(403, &[], r#"{"errors": [{"code": "DENIED", "message": "dTpw"}, {"code": "<b>"}]}"#)
    })
    .await;
    let reason = reason(registry.find(LOGIN).await);
    assert!(reason.contains("403") && reason.contains("(DENIED)"), "{reason}");
}

#[tokio::test]
async fn a_limit_is_not_asked_twice() {
    let registry = Registry::start(|_, _| answer(429, &[], "")).await;
    let reason = reason(registry.find("{}").await);
    assert!(reason.contains("429"), "{reason}");
    assert_eq!(registry.requests().len(), 1);
}

#[tokio::test]
async fn nobody_there_is_unknown() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let auth = RegistryAuth::new(AuthOptions::default()).unwrap();
    let found = auth.find_manifest(&format!("{address}/a:1").parse().unwrap()).await;
    let reason = reason(found);
    assert!(reason.contains("refused") && reason.contains(&address.to_string()), "{reason}");
}

#[tokio::test]
async fn redirects_are_followed_without_the_login() {
    let other = Registry::start(|_, _| manifest()).await;
    // On loopback, a different port stands for a different host.
    let target: &'static str = Box::leak(format!("http://{}/elsewhere", other.address).into_boxed_str());
    static TARGET: std::sync::OnceLock<&'static str> = std::sync::OnceLock::new();
    TARGET.get_or_init(|| target);
    let registry = Registry::start(|request, _| match request.headers().contains_key("authorization") {
        true => answer(307, &[("location", TARGET.get().unwrap())], ""),
        false => answer(401, &[("www-authenticate", "Basic realm=\"r\"")], ""),
    })
    .await;
    assert_eq!(registry.find(LOGIN).await, Existence::Exists);
    assert_eq!(other.requests(), ["HEAD /elsewhere -"]);
}

#[test]
fn where_manifests_are() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let check = |text: &str, expect: &str| {
        let url = manifest_url("https", &text.parse().unwrap());
        assert_eq!(url.map(String::from).as_deref(), Some(expect));
    };
    check("debian:12", "https://registry-1.docker.io/v2/library/debian/manifests/12");
    check("localhost:5000/a/b", "https://localhost:5000/v2/a/b/manifests/latest");
    check(&format!("h.x/a:1@{digest}"), &format!("https://h.x/v2/a/manifests/{digest}"));
}
