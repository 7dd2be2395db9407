//! Credentials and tokens, with a real helper program and a real token endpoint on loopback.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex as StdMutex;

use buildkit_proto::rpc::filesync::auth_server::Auth as _;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use super::*;

/// A token endpoint that records requests as `METHOD query-or-form authorization` and sends scripted answers.
struct Endpoint {
    address: std::net::SocketAddr,
    requests: Arc<StdMutex<Vec<String>>>,
}

impl Endpoint {
    async fn answering(answers: &'static [(u16, &'static str)]) -> Self {
        Self::start(answers, None).await
    }

    async fn start(answers: &'static [(u16, &'static str)], tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(StdMutex::new(Vec::new()));
        let noted = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (noted, tls) = (Arc::clone(&noted), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, answers, noted).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, answers, noted).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve<IO>(io: IO, answers: &'static [(u16, &'static str)], noted: Arc<StdMutex<Vec<String>>>)
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let answer = service_fn(move |request: http::Request<Incoming>| {
        let noted = Arc::clone(&noted);
        async move {
            let (head, body) = request.into_parts();
            let form = body.collect().await.unwrap().to_bytes();
            let authorization = head.headers.get("authorization").map_or("-", |value| value.to_str().unwrap());
            let query = head.uri.query().unwrap_or_default();
            let note = format!("{} {query}{} {authorization}", head.method, String::from_utf8_lossy(&form));
            let index = {
                let mut noted = noted.lock().unwrap();
                noted.push(note);
                noted.len() - 1
            };
            let (status, body) = answers[index.min(answers.len() - 1)];
            let mut response = http::Response::builder().status(status);
            if (300..400).contains(&status) {
                response = response.header("location", body);
            }
            response.body(Full::new(bytes::Bytes::from_static(body.as_bytes())))
        }
    });
    let _client_gone = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(io), answer).await;
}

fn service(options: AuthOptions) -> Service {
    Service(Arc::new(RegistryAuth::new(options).unwrap()))
}

/// Credentials for the registry `reg`, in a folder that must exist as long as its seeds are needed.
fn with_entry(entry: &str) -> (tempfile::TempDir, AuthOptions) {
    let folder = tempfile::tempdir().unwrap();
    let config = format!(r#"{{"auths": {{"reg": {entry}}}}}"#);
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    let options = AuthOptions { config_dir: Some(folder.path().to_owned()), ..AuthOptions::default() };
    (folder, options)
}

fn token_request(realm: String) -> Request<FetchTokenRequest> {
    Request::new(FetchTokenRequest {
        client_id: String::new(),
        host: "reg".to_owned(),
        realm,
        service: "the service".to_owned(),
        scopes: vec!["repository:a:pull".to_owned(), "repository:b:pull,push".to_owned()],
    })
}

async fn fetch(options: AuthOptions, endpoint: &Endpoint) -> Result<FetchTokenResponse, Status> {
    let realm = format!("http://{}/token?kept=1", endpoint.address);
    service(options).fetch_token(token_request(realm)).await.map(Response::into_inner)
}

const QUERY: &str = "kept=1&service=the+service&scope=repository%3Aa%3Apull&scope=repository%3Ab%3Apull%2Cpush";
const PASSWORD_FORM: &str = "kept=1service=the+service&client_id=buildkit-client&\
    scope=repository%3Aa%3Apull+repository%3Ab%3Apull%2Cpush&grant_type=password&username=u&password=p";

#[tokio::test]
async fn without_credentials_it_asks_anonymously() {
    let endpoint =
        Endpoint::answering(&[(200, r#"{"token": "T", "expires_in": 300, "issued_at": "2026-01-02T03:04:05.678Z"}"#)])
            .await;
    let token = fetch(AuthOptions::default(), &endpoint).await.unwrap();
    assert_eq!(token, FetchTokenResponse { token: "T".to_owned(), expires_in: 300, issued_at: 1_767_323_045 });
    assert_eq!(endpoint.requests(), [format!("GET {QUERY} -")]);
}

#[tokio::test]
async fn with_credentials_it_posts_a_form() {
    let endpoint = Endpoint::answering(&[(200, r#"{"access_token": "T"}"#)]).await;
    // dTpw is u:p
    let token = fetch(with_entry(r#"{"auth": "dTpw"}"#).1, &endpoint).await.unwrap();
    assert_eq!(token, FetchTokenResponse { token: "T".to_owned(), expires_in: 60, issued_at: 0 });
    assert_eq!(endpoint.requests(), [format!("POST {PASSWORD_FORM} -")]);
}

#[tokio::test]
async fn identity_tokens_are_refresh_tokens() {
    let endpoint = Endpoint::answering(&[(200, r#"{"access_token": "T"}"#)]).await;
    fetch(with_entry(r#"{"auth": "dTpw", "identitytoken": "I"}"#).1, &endpoint).await.unwrap();
    let request = endpoint.requests().remove(0);
    assert!(request.ends_with("grant_type=refresh_token&refresh_token=I -"), "{request}");
}

#[tokio::test]
async fn falls_back_to_get_where_posting_is_unknown() {
    for status in [
        &[(401, ""), (200, r#"{"token": "T"}"#)],
        &[(404, ""), (200, r#"{"token": "T"}"#)],
        &[(405, ""), (200, r#"{"token": "T"}"#)],
    ] {
        let endpoint = Endpoint::answering(status).await;
        assert_eq!(fetch(with_entry(r#"{"auth": "dTpw"}"#).1, &endpoint).await.unwrap().token, "T");
        assert_eq!(endpoint.requests()[1], format!("GET {QUERY} Basic dTpw"));
    }
}

#[tokio::test]
async fn refusals_and_unreadable_answers_are_errors() {
    for (answers, problem) in [
        (&[(403, "no")][..], "403"),
        (&[(401, ""), (401, "")], "401"),
        (&[(200, "{}")], "no token"),
        (&[(200, "<html>")], "can't be read"),
    ] {
        let endpoint = Endpoint::answering(answers).await;
        let status = fetch(with_entry(r#"{"auth": "dTpw"}"#).1, &endpoint).await.unwrap_err();
        assert!(status.message().contains(problem), "{status}");
    }
    for realm in ["", "ftp://reg/token", "/token", "http://127.0.0.1:1/"] {
        let status = service(AuthOptions::default()).fetch_token(token_request(realm.to_owned())).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::PermissionDenied, "{realm:?}");
    }
}

#[tokio::test]
async fn passwords_do_not_follow_redirects_to_other_hosts() {
    let endpoint = Endpoint::answering(&[(307, "/elsewhere"), (200, r#"{"access_token": "T"}"#)]).await;
    assert_eq!(fetch(with_entry(r#"{"auth": "dTpw"}"#).1, &endpoint).await.unwrap().token, "T");
    let endpoint = Endpoint::answering(&[(307, "http://other.invalid/token")]).await;
    let status = fetch(with_entry(r#"{"auth": "dTpw"}"#).1, &endpoint).await.unwrap_err();
    assert!(status.message().contains("307"), "{status}");
}

#[tokio::test]
async fn a_registry_token_needs_no_request() {
    let endpoint = Endpoint::answering(&[(500, "")]).await;
    let token = fetch(with_entry(r#"{"registrytoken": "R"}"#).1, &endpoint).await.unwrap();
    assert_eq!((token.token.as_str(), token.expires_in), ("R", 60));
    assert!(endpoint.requests().is_empty());
}

#[tokio::test]
async fn proxies_are_those_given() {
    let endpoint = Endpoint::answering(&[(200, r#"{"token": "proxied"}"#)]).await;
    let proxies = ProxySettings {
        http: Some(format!("http://{}", endpoint.address)),
        no_proxy: Some("direct.example".to_owned()),
        ..ProxySettings::default()
    };
    let service = service(AuthOptions { proxies, ..AuthOptions::default() });
    let fetch = async |realm: &str| service.fetch_token(token_request(realm.to_owned())).await;
    let token = fetch("http://reg.invalid/token").await.unwrap().into_inner();
    assert_eq!(token.token, "proxied");
    fetch("http://direct.example.invalid/token").await.unwrap();
    let direct = fetch(&format!("http://{}/token", "direct.example:1")).await.unwrap_err();
    assert!(direct.message().contains("can't reach"), "{direct}");
    assert_eq!(endpoint.requests().len(), 2);
}

#[tokio::test]
async fn trusts_the_bundle_it_is_given() {
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(Arc::new(
        tokio_rustls::rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(
        vec![certified.cert.der().clone()],
        tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()).into(),
    )
    .unwrap();
    let tls = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let endpoint = Endpoint::start(&[(200, r#"{"token": "T"}"#)], Some(tls)).await;
    let realm = format!("https://localhost:{}/token", endpoint.address.port());

    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("ca.pem");
    std::fs::write(&bundle, certified.cert.pem()).unwrap();
    let trusting = AuthOptions { ca_bundle: Some(bundle.clone()), ..AuthOptions::default() };
    let token = service(trusting).fetch_token(token_request(realm.clone())).await.unwrap();
    assert_eq!(token.into_inner().token, "T");
    let status = service(AuthOptions::default()).fetch_token(token_request(realm)).await.unwrap_err();
    assert!(status.message().contains("certificate"), "{status}");

    std::fs::write(&bundle, "no certificate").unwrap();
    let options = AuthOptions { ca_bundle: Some(bundle), ..AuthOptions::default() };
    assert!(matches!(RegistryAuth::new(options), Err(AuthError::Client { .. })));
}

/// A folder with `docker-credential-test`, which records each run, and a configuration that names it.
fn with_helper(script: &str) -> (tempfile::TempDir, AuthOptions) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let helper = path.join("docker-credential-test");
    let script = format!("#!/bin/sh\nread -r key\necho \"$1 $key\" >> '{}'\n{script}\n", path.join("runs").display());
    std::fs::write(&helper, script).unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(path.join("config.json"), r#"{"credsStore": "test"}"#).unwrap();
    let options =
        AuthOptions { config_dir: Some(path.to_owned()), helper_path: Some(path.into()), ..AuthOptions::default() };
    (folder, options)
}

async fn ask(service: &Service, host: &str) -> Result<(String, String), Status> {
    let request = Request::new(CredentialsRequest { host: host.to_owned() });
    let answer = auth_server::Auth::credentials(service, request).await?.into_inner();
    Ok((answer.username, answer.secret))
}

#[tokio::test]
async fn helpers_are_asked_once() {
    let (folder, options) = with_helper(r#"echo '{"ServerURL": "x", "Username": "u", "Secret": "p"}'"#);
    let service = service(options);
    for _ in 0..2 {
        assert_eq!(ask(&service, "registry-1.docker.io").await.unwrap(), ("u".to_owned(), "p".to_owned()));
    }
    ask(&service, "other").await.unwrap();
    let runs = std::fs::read_to_string(folder.path().join("runs")).unwrap();
    assert_eq!(runs, "get https://index.docker.io/v1/\nget other\n");
}

#[tokio::test]
async fn helpers_may_know_tokens_or_nothing() {
    let (_folder, options) = with_helper(r#"echo '{"Username": "<token>", "Secret": "I"}'"#);
    assert_eq!(ask(&service(options), "reg").await.unwrap(), (String::new(), "I".to_owned()));
    let (_folder, options) = with_helper("echo credentials not found in native keychain; exit 1");
    assert_eq!(ask(&service(options), "reg").await.unwrap(), (String::new(), String::new()));
}

#[tokio::test]
async fn helpers_that_fail_are_named() {
    for (script, problem) in [("echo locked; exit 1", "locked"), ("echo '{'", "JSON")] {
        let (_folder, options) = with_helper(script);
        let status = ask(&service(options), "reg").await.unwrap_err();
        assert!(status.message().contains("docker-credential-test"), "{status}");
        assert!(status.message().contains(problem), "{status}");
    }
    let (folder, options) = with_helper("");
    for suffix in ["missing", "../evil"] {
        std::fs::write(folder.path().join("config.json"), format!(r#"{{"credsStore": "{suffix}"}}"#)).unwrap();
        let status = ask(&service(options.clone()), "reg").await.unwrap_err();
        assert!(status.message().contains(suffix), "{status}");
    }
}

#[tokio::test]
async fn the_authority_is_stable_and_can_be_turned_off() {
    let (_folder, options) = with_entry(r#"{"auth": "dTpw"}"#);
    let public = async |options: AuthOptions| {
        let request = GetTokenAuthorityRequest { host: "reg".to_owned(), salt: b"salt".to_vec() };
        service(options).get_token_authority(Request::new(request)).await
    };
    let first = public(options.clone()).await.unwrap().into_inner().public_key;
    assert_eq!(first.len(), 32);
    assert_eq!(public(options.clone()).await.unwrap().into_inner().public_key, first);
    let off = AuthOptions { no_client_token: true, ..options };
    assert_eq!(public(off).await.unwrap_err().code(), tonic::Code::Unavailable);
}
