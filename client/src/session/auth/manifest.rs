//! Asks a registry whether it has a manifest (`HEAD /v2/<name>/manifests/<reference>` of the OCI distribution
//! specification).
//!
//! It downloads nothing, and uses the authentication scheme that the registry requests. If the registry does not give access
//! to an image, the result is "unknown", not "missing".

mod challenge;

use std::fmt;

use oci_names::ImageReference;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Method, Response, StatusCode, Url};
use serde::Deserialize;
use zeroize::Zeroizing;

use buildkit_proto::rpc::filesync::FetchTokenRequest;

use self::challenge::{Challenge, challenges};
use super::RegistryAuth;
use super::token::{describe, is_loopback, read_body};

/// Media types of manifests and indexes, of OCI and Docker.
const TYPES: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
/// The header with the digest of a manifest.
const DIGEST: &str = "docker-content-digest";
/// Manifests are smaller (distribution specification, "Pushing Manifests").
const MAX_MANIFEST: usize = 4 * 1024 * 1024;
/// Some registries redirect to manifests on other hosts (registry.k8s.io).
const MAX_REDIRECTS: usize = 5;
/// Limit for the body of an answer; only its error codes are read.
const MAX_BODY: usize = 64 * 1024;
/// Codes that mean "missing" regardless of the status (distribution specification, "Error Codes").
const MISSING: [&str; 2] = ["MANIFEST_UNKNOWN", "NAME_UNKNOWN"];

/// Whether an image is in its registry.
///
/// ```
/// use buildkit_client::session::auth::Existence;
///
/// let builds = |existence: &Existence| !matches!(existence, Existence::Exists);
/// assert!(builds(&Existence::Missing) && builds(&Existence::Unknown("it answered 503".to_owned())));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Existence {
    /// The registry has the image.
    Exists,
    /// The registry does not have the image.
    Missing,
    /// The registry gave no clear answer. The reason is a message for the user and contains no secrets.
    Unknown(String),
}

impl fmt::Display for Existence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "exists",
            Self::Missing => "missing",
            Self::Unknown(_) => "unknown",
        })
    }
}

/// The URL of the manifest. A name without a tag and a digest means `latest`.
fn manifest_url(scheme: &str, image: &ImageReference) -> Option<Url> {
    // Docker Hub's registry has a different host name.
    let host = match image.registry() {
        "docker.io" => "registry-1.docker.io",
        host => host,
    };
    let wanted = image.digest().or(image.tag()).unwrap_or("latest");
    Url::parse(&format!("{scheme}://{host}/v2/{}/manifests/{wanted}", image.repository())).ok()
}

fn unknown(reason: impl Into<String>) -> Existence {
    Existence::Unknown(reason.into())
}

impl RegistryAuth {
    /// Asks the registry for a manifest, with the user's credentials if it requires any.
    ///
    /// A name without a tag and a digest means `latest`. As in Docker, a registry on this machine may use plain HTTP, which is
    /// tried first; all others must use HTTPS.
    ///
    /// ```no_run
    /// use buildkit_client::session::auth::{AuthOptions, Existence, RegistryAuth};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let auth = RegistryAuth::new(AuthOptions::default())?;
    /// assert_eq!(auth.find_manifest(&"debian:bookworm-slim".parse()?).await, Existence::Exists);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn find_manifest(&self, image: &ImageReference) -> Existence {
        let registry = image.registry();
        let Some(https) = manifest_url("https", image) else {
            return unknown(format!("{registry} is not a valid host name"));
        };
        let http = manifest_url("http", image).filter(|url| url.host_str().is_some_and(is_loopback));
        let mut reasons: Vec<String> = Vec::new();
        for url in http.into_iter().chain([https]) {
            let reason = match self.ask(image, url).await {
                Ok(existence) => return existence,
                Err(reason) => reason,
            };
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        unknown(format!("{registry}: {}", reasons.join("; with TLS: ")))
    }

    /// The registry's answer; an error if the other URL scheme may work.
    async fn ask(&self, image: &ImageReference, url: Url) -> Result<Existence, String> {
        let mut answer = self.request(Method::HEAD, &url, None).await?;
        let mut login = None;
        let place = |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
        if answer.status() == StatusCode::UNAUTHORIZED && place(answer.url()) == place(&url) {
            login = match self.login(image, &answer).await {
                Ok(login) => login,
                Err(reason) => return Ok(unknown(format!("{}: {reason}", image.registry()))),
            };
            if login.is_some() {
                answer = self.request(Method::HEAD, &url, login.as_ref()).await?;
            }
        }
        let status = answer.status();
        if status == StatusCode::BAD_REQUEST && url.scheme() == "http" {
            // The answer of Go's and nginx's servers to a client that should use TLS.
            return Err("the registry refuses plain HTTP".to_owned());
        }
        if status == StatusCode::OK {
            // A proxy may answer everything with a page of its own.
            return Ok(match self.is_manifest(&answer, &url, login.as_ref()).await {
                true => Existence::Exists,
                false => unknown(format!(
                    "{} answered {status} with {}, which is no manifest; a proxy or a login page may have answered instead",
                    image.registry(),
                    content_type(&answer).unwrap_or("nothing")
                )),
            });
        }
        if status == StatusCode::NOT_FOUND {
            return Ok(Existence::Missing);
        }
        // An answer to HEAD has no body, and some registries report only in the body that a manifest is missing. A registry
        // that limits requests is not asked again.
        let codes = match status {
            StatusCode::TOO_MANY_REQUESTS => Vec::new(),
            _ => match self.request(Method::GET, &url, login.as_ref()).await {
                Ok(answer) => error_codes(answer).await,
                Err(_) => Vec::new(),
            },
        };
        if codes.iter().any(|code| MISSING.contains(&code.as_str())) {
            return Ok(Existence::Missing);
        }
        let listed = if codes.is_empty() { String::new() } else { format!(" ({})", codes.join(", ")) };
        let advice = match (status, &login) {
            (StatusCode::UNAUTHORIZED, None) => "; there are no credentials for this registry",
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _) => {
                "; the credentials do not give access to the image"
            }
            _ => "",
        };
        Ok(unknown(format!("{} answered {status}{listed}{advice}", image.registry())))
    }

    /// Whether an answer describes a manifest: by its type and digest, or by its content.
    async fn is_manifest(&self, answer: &Response, url: &Url, login: Option<&HeaderValue>) -> bool {
        let digest = answer.headers().get(DIGEST).and_then(|value| value.to_str().ok());
        let is_typed = |answer: &Response| content_type(answer).is_some_and(|found| TYPES.contains(&found));
        if is_typed(answer) && digest.is_some_and(|digest| digest.contains(':')) {
            return true;
        }
        // Registries need not send the digest, and old ones need not send the type with an answer to HEAD.
        let Ok(mut answer) = self.request(Method::GET, url, login).await else { return false };
        let Ok(Some(body)) = read_body(&mut answer, MAX_MANIFEST).await else { return false };
        let is_schema = |body: &[u8]| {
            serde_json::from_slice::<serde_json::Value>(body).is_ok_and(|manifest| manifest["schemaVersion"] == 2)
        };
        is_typed(&answer) && is_schema(&body)
    }

    /// Sends one request. Redirects to other hosts are followed without the login, and never from HTTPS to HTTP.
    async fn request(&self, method: Method, url: &Url, login: Option<&HeaderValue>) -> Result<Response, String> {
        let mut at = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let client = self.tokens.client(&at).map_err(|error| error.to_string())?;
            let mut request = client.request(method.clone(), at.clone()).header(ACCEPT, TYPES.join(", "));
            let is_same = (at.scheme(), at.host_str(), at.port()) == (url.scheme(), url.host_str(), url.port());
            if let Some(login) = login.filter(|_| is_same) {
                request = request.header(AUTHORIZATION, login.clone());
            }
            let answer = request.send().await.map_err(describe)?;
            let target = answer.headers().get(LOCATION).filter(|_| answer.status().is_redirection());
            let Some(target) = target else { return Ok(answer) };
            let next = target.to_str().ok().and_then(|target| answer.url().join(target).ok());
            at = next
                .filter(|next| next.scheme() == "https" || (next.scheme() == "http" && at.scheme() == "http"))
                .ok_or("it redirects to an unsupported URL")?;
        }
        Err("too many redirects".to_owned())
    }

    /// The value of `Authorization` for the registry. `None` if there are no credentials.
    async fn login(&self, image: &ImageReference, answer: &Response) -> Result<Option<HeaderValue>, String> {
        let headers = answer.headers().get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let wanted: Vec<Challenge> = headers.flat_map(challenges).collect();
        let challenge = |scheme: &str| wanted.iter().find(|found| found.scheme == scheme);
        let text = match (challenge("bearer"), challenge("basic")) {
            (Some(bearer), _) => Zeroizing::new(format!("Bearer {}", self.token(image, bearer).await?.as_str())),
            (None, Some(_)) => match self.basic(image).await? {
                Some(text) => text,
                None => return Ok(None),
            },
            (None, None) => return Err("it requires an unsupported authentication scheme".to_owned()),
        };
        let mut header = HeaderValue::try_from(text.as_str())
            .map_err(|_| "the credentials cannot be sent in a header".to_owned())?;
        header.set_sensitive(true);
        Ok(Some(header))
    }

    async fn token(&self, image: &ImageReference, bearer: &Challenge) -> Result<Zeroizing<String>, String> {
        let credentials = self.credentials(image.registry()).await.map_err(|status| status.message().to_owned())?;
        let given = |key: &str| bearer.value(key).unwrap_or_default().to_owned();
        let scope = Some(given("scope")).filter(|scope| !scope.is_empty());
        let request = FetchTokenRequest {
            host: image.registry().to_owned(),
            realm: given("realm"),
            service: given("service"),
            scopes: vec![scope.unwrap_or_else(|| format!("repository:{}:pull", image.repository()))],
            ..FetchTokenRequest::default()
        };
        let answer = self.tokens.fetch(&request, &credentials).await.map_err(|error| error.to_string())?;
        Ok(Zeroizing::new(answer.token))
    }

    async fn basic(&self, image: &ImageReference) -> Result<Option<Zeroizing<String>>, String> {
        use base64::Engine as _;
        let credentials = self.credentials(image.registry()).await.map_err(|status| status.message().to_owned())?;
        // An identity token is not a password.
        if credentials.username().is_empty() || credentials.secret().is_empty() {
            return Ok(None);
        }
        let mut pair = Zeroizing::new(format!("{}:", credentials.username()).into_bytes());
        pair.extend_from_slice(credentials.secret().expose());
        let encoded = Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(pair.as_slice()));
        Ok(Some(Zeroizing::new(format!("Basic {}", encoded.as_str()))))
    }
}

/// The media type of an answer, if it is printable.
fn content_type(answer: &Response) -> Option<&str> {
    let value = answer.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next()?.trim())
}

/// The codes in the body of an error. Messages are not used: the registry writes them, and they may quote the request.
async fn error_codes(mut answer: Response) -> Vec<String> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        errors: Option<Vec<Entry>>,
    }
    #[derive(Deserialize)]
    struct Entry {
        #[serde(default)]
        code: Option<String>,
    }
    let Ok(Some(body)) = read_body(&mut answer, MAX_BODY).await else { return Vec::new() };
    let Ok(Body { errors }) = serde_json::from_slice(&body) else { return Vec::new() };
    let is_code = |code: &String| {
        (1..=40).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
    };
    errors.into_iter().flatten().filter_map(|entry| entry.code).filter(is_code).take(4).collect()
}

#[cfg(test)]
mod tests;
