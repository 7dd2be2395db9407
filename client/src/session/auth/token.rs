//! Fetches registry tokens from the endpoint that a registry names (containerd: `core/remotes/docker/auth/fetch.go`).
//!
//! There are two methods: an OAuth2 form, which is tried first if there is a secret, and a GET with or without credentials.
//! The module does not read the environment; the caller passes proxies and certificates.

use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use buildkit_proto::rpc::filesync::{FetchTokenRequest, FetchTokenResponse};
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Client, NoProxy, Proxy, RequestBuilder, Response, StatusCode, Url};
use serde::Deserialize;
use thiserror::Error;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use zeroize::Zeroizing;

use super::AuthError;
use super::config::Credentials;
use crate::error::chain;

/// The daemon waits for one minute, and two requests may be needed.
const TIMEOUT: Duration = Duration::from_secs(25);
const MAX_ANSWER: usize = 1024 * 1024;
/// Lifetime in seconds of a token without one (distribution's token specification).
const DEFAULT_LIFETIME: i64 = 60;
const DEFAULT_CLIENT_ID: &str = "buildkit-client";

/// Proxy settings, in the form of the environment variables of the same names.
///
/// ```
/// use buildkit_client::session::auth::{AuthOptions, ProxySettings, RegistryAuth};
///
/// let https = Some("http://proxy.example:3128".to_owned());
/// let proxies = ProxySettings { https, no_proxy: Some("localhost".to_owned()), ..ProxySettings::default() };
/// let auth = RegistryAuth::new(AuthOptions { proxies, ..AuthOptions::default() })?;
/// # drop(auth);
/// # Ok::<(), buildkit_client::session::auth::AuthError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// `HTTP_PROXY`
    pub http: Option<String>,
    /// `HTTPS_PROXY`
    pub https: Option<String>,
    /// `NO_PROXY`
    pub no_proxy: Option<String>,
}

#[derive(Debug, Error)]
pub(super) enum TokenError {
    #[error("invalid token endpoint {0:?}")]
    Realm(String),
    #[error("the secret is not UTF-8")]
    Secret,
    #[error("can't set up the client for token requests: {0}")]
    Client(String),
    #[error("can't reach the token endpoint: {0}")]
    Unreachable(String),
    #[error("the token endpoint answered {0}")]
    Refused(StatusCode),
    #[error("the token endpoint's answer can't be read")]
    Answer,
    #[error("the token endpoint's answer contains no token")]
    NoToken,
}

/// A client for token endpoints.
#[derive(Debug)]
pub(super) struct TokenClient {
    /// Trusted in addition to the machine's certificates.
    extra_roots: RootCertStore,
    proxies: Vec<Proxy>,
    /// Created on first use: most builds fetch no token, and reading the machine's certificates takes longer than some builds.
    client: OnceLock<Client>,
    /// A client without proxies, for this machine itself.
    direct: OnceLock<Client>,
}

/// The answer of a token endpoint. A member that is `null` is an absent one, as for Go.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<i64>,
    issued_at: Option<String>,
}

impl TokenClient {
    pub(super) fn new(ca_bundle: Option<&Path>, proxies: &ProxySettings) -> Result<Self, AuthError> {
        let exceptions = proxies.no_proxy.as_deref().and_then(NoProxy::from_string);
        let given = |url: &Option<String>| url.clone().filter(|url| !url.is_empty());
        let chosen = [given(&proxies.http).map(Proxy::http), given(&proxies.https).map(Proxy::https)];
        let proxies = chosen.into_iter().flatten().map(|proxy| {
            // The error would quote the URL, which may contain a password.
            let proxy = proxy.map_err(|_| AuthError::Client { problem: "invalid proxy URL".to_owned() })?;
            Ok(proxy.no_proxy(exceptions.clone()))
        });
        let proxies = proxies.collect::<Result<_, AuthError>>()?;
        let extra_roots = bundled_roots(ca_bundle)?;
        Ok(Self { extra_roots, proxies, client: OnceLock::new(), direct: OnceLock::new() })
    }

    /// The HTTP client for a URL. It follows redirects on the same host only.
    pub(super) fn client(&self, url: &Url) -> Result<&Client, TokenError> {
        let is_here = url.host_str().is_some_and(is_loopback);
        let (made, proxies) = if is_here { (&self.direct, &[][..]) } else { (&self.client, &self.proxies[..]) };
        if let Some(client) = made.get() {
            return Ok(client);
        }
        let problem = |error: &dyn std::fmt::Display| TokenError::Client(error.to_string());
        let mut roots = self.extra_roots.clone();
        // Without the machine's certificates, registries with plain HTTP or a certificate from the bundle still work.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| problem(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut builder = Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(TIMEOUT)
            .redirect(Policy::custom(follow_on_same_host))
            .user_agent(concat!("buildkit-client/", env!("CARGO_PKG_VERSION")))
            .no_proxy();
        for proxy in proxies {
            builder = builder.proxy(proxy.clone());
        }
        let client = builder.build().map_err(|error| problem(&error))?;
        Ok(made.get_or_init(|| client))
    }

    pub(super) async fn fetch(
        &self,
        request: &FetchTokenRequest,
        credentials: &Credentials,
    ) -> Result<FetchTokenResponse, TokenError> {
        let text = |secret: &super::SecretBytes| secret.expose_text().map(str::to_owned).ok_or(TokenError::Secret);
        if !credentials.registry_token.is_empty() {
            let token = text(&credentials.registry_token)?;
            return Ok(FetchTokenResponse { token, expires_in: DEFAULT_LIFETIME, issued_at: 0 });
        }
        let realm = Url::parse(&request.realm)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"))
            .ok_or_else(|| TokenError::Realm(request.realm.clone()))?;
        let user = credentials.username();
        let secret = Zeroizing::new(text(credentials.secret())?);
        if secret.is_empty() {
            return self.get(realm, request, None).await;
        }
        match self.post(realm.clone(), request, user, &secret).await {
            // Registries without support for the form answer 404 or 405; JFrog's answers 401.
            Err(TokenError::Refused(status))
                if status == StatusCode::NOT_FOUND
                    || status == StatusCode::UNAUTHORIZED
                    || (status == StatusCode::METHOD_NOT_ALLOWED && !user.is_empty()) =>
            {
                self.get(realm, request, Some((user, &secret))).await
            }
            outcome => outcome,
        }
    }

    async fn post(
        &self,
        realm: Url,
        request: &FetchTokenRequest,
        user: &str,
        secret: &str,
    ) -> Result<FetchTokenResponse, TokenError> {
        let scopes = request.scopes.join(" ");
        let client_id = match request.client_id.as_str() {
            "" => DEFAULT_CLIENT_ID,
            id => id,
        };
        let mut form = vec![("service", request.service.as_str()), ("client_id", client_id)];
        if !scopes.is_empty() {
            form.push(("scope", &scopes));
        }
        if user.is_empty() {
            form.extend([("grant_type", "refresh_token"), ("refresh_token", secret)]);
        } else {
            form.extend([("grant_type", "password"), ("username", user), ("password", secret)]);
        }
        let answer = ask(self.client(&realm)?.post(realm).form(&form)).await?;
        // Only the GET form has `token`.
        Answer { token: None, ..answer }.into_response()
    }

    async fn get(
        &self,
        realm: Url,
        request: &FetchTokenRequest,
        credentials: Option<(&str, &str)>,
    ) -> Result<FetchTokenResponse, TokenError> {
        let service = Some(("service", request.service.as_str()));
        let service = service.filter(|(_, service)| !service.is_empty());
        let scopes = request.scopes.iter().map(|scope| ("scope", scope.as_str()));
        let query: Vec<(&str, &str)> = service.into_iter().chain(scopes).collect();
        let mut get = self.client(&realm)?.get(realm).query(&query);
        if let Some((user, secret)) = credentials {
            get = get.basic_auth(user, Some(secret));
        }
        ask(get).await?.into_response()
    }
}

impl Answer {
    fn into_response(self) -> Result<FetchTokenResponse, TokenError> {
        let is_given = |token: &String| !token.is_empty();
        let token = self.access_token.filter(is_given).or(self.token.filter(is_given)).ok_or(TokenError::NoToken)?;
        let expires_in = self.expires_in.filter(|seconds| *seconds > 0).unwrap_or(DEFAULT_LIFETIME);
        // Without a time, the daemon counts from the arrival of the token.
        let issued_at = self.issued_at.and_then(|time| time.parse::<prost_types::Timestamp>().ok());
        let issued_at = issued_at.map_or(0, |time| time.seconds);
        Ok(FetchTokenResponse { token, expires_in, issued_at })
    }
}

async fn ask(request: RequestBuilder) -> Result<Answer, TokenError> {
    let unreachable = |error: reqwest::Error| TokenError::Unreachable(describe(error));
    let mut response = request.send().await.map_err(unreachable)?;
    if !response.status().is_success() {
        return Err(TokenError::Refused(response.status()));
    }
    let body = read_body(&mut response, MAX_ANSWER).await.map_err(unreachable)?.ok_or(TokenError::Answer)?;
    serde_json::from_slice(&body).map_err(|_| TokenError::Answer)
}

/// The body of an answer, wiped when dropped; `None` if it has more than `max` bytes.
pub(super) async fn read_body(response: &mut Response, max: usize) -> reqwest::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > max {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// A failed request with its causes. The URL is left out, because its query may contain secrets.
pub(super) fn describe(error: reqwest::Error) -> String {
    chain(&error.without_url())
}

/// Whether a host name means this machine: `localhost`, `127.0.0.0/8` and `::1`, with or without brackets.
pub(super) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Follows redirects only on the same host and never from HTTPS to HTTP, because a redirected form contains the password.
fn follow_on_same_host(attempt: Attempt<'_>) -> Action {
    const LIMIT: usize = 10;
    let is_same = attempt.previous().last().is_some_and(|from| {
        from.host_str() == attempt.url().host_str() && (from.scheme() == "http" || attempt.url().scheme() == "https")
    });
    if is_same && attempt.previous().len() <= LIMIT { attempt.follow() } else { attempt.stop() }
}

/// The certificates of the bundle.
fn bundled_roots(ca_bundle: Option<&Path>) -> Result<RootCertStore, AuthError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = ca_bundle {
        let pem = std::fs::read(path).map_err(|source| AuthError::Read { path: path.to_owned(), source })?;
        let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
        let (added, _) = roots.add_parsable_certificates(certificates.unwrap_or_default());
        if added == 0 {
            let problem = format!("{} contains no usable certificate", path.display());
            return Err(AuthError::Client { problem });
        }
    }
    Ok(roots)
}
