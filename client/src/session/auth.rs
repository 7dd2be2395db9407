//! `moby.filesync.v1.Auth`: answers the daemon's questions about registries (moby/buildkit: `session/auth`).
//!
//! A daemon asks either for credentials or, if the client can prove that it is the same one as before (the token
//! authority), for tokens that the client fetches itself, so that passwords stay on the client. All input from the
//! environment is in [`AuthOptions`]; only credential helpers inherit the environment of this process.
//!
//! [`RegistryAuth::find_manifest`] asks a registry directly, with the same credentials, certificates and proxies.

mod authority;
mod config;
mod helper;
mod manifest;
mod token;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use buildkit_proto::rpc::filesync::auth_server::{self, AuthServer};
use buildkit_proto::rpc::filesync::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tonic::{Request, Response, Status};

use super::grpc::{Attachment, MAX_MESSAGE};
use super::secret_bytes::SecretBytes;
use authority::Authority;
use config::{Credentials, DockerConfig, Lookup};
use token::TokenClient;

pub use manifest::Existence;
pub use token::ProxySettings;

const METHODS: [&str; 4] = ["Credentials", "FetchToken", "GetTokenAuthority", "VerifyTokenAuthority"];

/// How long the output of a credential helper is reused. Google's tokens are valid for five minutes.
const HELPER_CACHE_LIFETIME: Duration = Duration::from_secs(290);

/// The registry configuration of the environment. The default has no credentials and trusts the machine's certificates.
///
/// ```
/// use buildkit_client::session::auth::{AuthOptions, RegistryAuth};
///
/// let config = r#"{"auths":{"registry.example":{"auth":"bWU6aHVudGVyMg=="}}}"#.to_owned();
/// let auth = RegistryAuth::new(AuthOptions { auth_config: Some(config.into()), ..AuthOptions::default() })?;
/// # drop(auth);
/// # Ok::<(), buildkit_client::session::auth::AuthError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct AuthOptions {
    /// Docker's configuration folder (`DOCKER_CONFIG`, else `~/.docker`), which contains `config.json`.
    pub config_dir: Option<PathBuf>,
    /// Content of `DOCKER_AUTH_CONFIG`; overrides everything else.
    pub auth_config: Option<SecretBytes>,
    /// Where credential helpers are searched; the `PATH` of this process if not given.
    pub helper_path: Option<OsString>,
    /// CA certificates (PEM) trusted for token endpoints in addition to the machine's.
    pub ca_bundle: Option<PathBuf>,
    /// Proxies for token endpoints.
    pub proxies: ProxySettings,
    /// Go on without a configuration that cannot be read, as Docker does. [`RegistryAuth::problems`] tells.
    pub is_lenient: bool,
    /// Do not fetch tokens; the daemon then asks for credentials (`BUILDKIT_NO_CLIENT_TOKEN`).
    pub no_client_token: bool,
}

/// Invalid options of [`RegistryAuth::new`].
///
/// ```
/// use buildkit_client::session::auth::{AuthError, AuthOptions, RegistryAuth};
///
/// let options = AuthOptions { auth_config: Some("{".to_owned().into()), ..AuthOptions::default() };
/// let error = RegistryAuth::new(options).expect_err("half an object");
/// assert!(matches!(error, AuthError::Config { .. }));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthError {
    /// A file can't be read.
    #[error("can't read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file or a variable has invalid content.
    #[error("{origin} is not a valid Docker configuration: {problem}")]
    Config {
        /// A path or the name of a variable.
        origin: String,
        /// Where parsing stopped; never quotes the content.
        problem: String,
    },
    /// The trusted certificates or the proxies can't be used.
    #[error("can't set up the client for token requests: {problem}")]
    Client {
        /// Why.
        problem: String,
    },
}

/// Registry credentials of a user.
///
/// ```
/// use buildkit_client::session::auth::{AuthOptions, RegistryAuth};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = r#"{"auths":{"registry.example":{"auth":"bWU6aHVudGVyMg=="}}}"#.to_owned();
/// let auth = RegistryAuth::new(AuthOptions { auth_config: Some(config.into()), ..AuthOptions::default() })?;
/// assert_eq!(auth.engine_login("registry.example").await?.username, "me");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RegistryAuth {
    config: DockerConfig,
    problems: Vec<AuthError>,
    tokens: TokenClient,
    authority: Option<Authority>,
    helper_path: Option<OsString>,
    /// Output of helpers, by key of the configuration. The lock is held while a helper runs, because macOS's keychain does not
    /// support concurrent helpers.
    helped: Mutex<BTreeMap<String, (Instant, Credentials)>>,
}

impl RegistryAuth {
    /// Reads the configuration. If there is none, there are no credentials.
    ///
    /// # Errors
    ///
    /// A file can't be read or parsed, unless the options are lenient.
    pub fn new(options: AuthOptions) -> Result<Self, AuthError> {
        let AuthOptions { config_dir, auth_config, helper_path, ca_bundle, proxies, is_lenient, no_client_token } =
            options;
        let (config, mut problems) = DockerConfig::load(config_dir.as_deref(), auth_config.as_ref());
        if let Some(problem) = problems.pop_if(|_| !is_lenient) {
            return Err(problem);
        }
        Ok(Self {
            config,
            problems,
            tokens: TokenClient::new(ca_bundle.as_deref(), &proxies)?,
            authority: (!no_client_token).then(|| Authority::new(config_dir)),
            helper_path,
            helped: Mutex::default(),
        })
    }

    /// What could not be read of a lenient configuration.
    ///
    /// ```
    /// use buildkit_client::session::auth::{AuthOptions, RegistryAuth};
    ///
    /// let broken = AuthOptions { auth_config: Some("{".to_owned().into()), ..AuthOptions::default() };
    /// let auth = RegistryAuth::new(AuthOptions { is_lenient: true, ..broken })?;
    /// assert_eq!(auth.problems().len(), 1);
    /// # Ok::<(), buildkit_client::session::auth::AuthError>(())
    /// ```
    #[must_use]
    pub fn problems(&self) -> &[AuthError] {
        &self.problems
    }

    /// The registries with a login or a credential helper of their own, as Docker's configuration names them.
    ///
    /// ```
    /// use buildkit_client::session::auth::{AuthOptions, RegistryAuth};
    ///
    /// let config = r#"{"auths":{"registry.example":{"auth":"bWU6aHVudGVyMg=="}}}"#.to_owned();
    /// let auth = RegistryAuth::new(AuthOptions { auth_config: Some(config.into()), ..AuthOptions::default() })?;
    /// assert_eq!(auth.registries(), ["registry.example"]);
    /// # Ok::<(), buildkit_client::session::auth::AuthError>(())
    /// ```
    #[must_use]
    pub fn registries(&self) -> Vec<&str> {
        self.config.registries()
    }

    pub(crate) fn attach(self: Arc<Self>) -> Attachment {
        let server = AuthServer::new(Service(self))
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE);
        Attachment::generated(auth_server::SERVICE_NAME, &METHODS, server)
    }

    /// The login for a registry, in the form of an Engine's push API; empty if there is none.
    ///
    /// `host` is the registry of an image name, including `docker.io`.
    ///
    /// # Errors
    /// A configuration or a credential helper can't be used; the status names it.
    pub async fn engine_login(&self, host: &str) -> Result<crate::engine::RegistryAuth, Status> {
        let host = if host == "docker.io" { "registry-1.docker.io" } else { host };
        let credentials = self.credentials(host).await?;
        let text = |secret: &super::SecretBytes| {
            let text = secret.expose_text().map(str::to_owned);
            text.ok_or_else(|| Status::failed_precondition(format!("the credentials for {host} are not UTF-8")))
        };
        Ok(crate::engine::RegistryAuth {
            username: credentials.username().to_owned(),
            password: text(&credentials.password)?,
            identity_token: text(&credentials.identity_token)?,
            server_address: config::key_of(host).to_owned(),
        })
    }

    async fn credentials(&self, host: &str) -> Result<Credentials, Status> {
        let key = config::key_of(host);
        let lookup = self
            .config
            .lookup(key)
            .map_err(|problem| Status::failed_precondition(format!("credentials for {host}: {problem}")))?;
        let (suffix, base) = match lookup {
            Lookup::Known(credentials) => return Ok(credentials),
            Lookup::Helper { suffix, base } => (suffix, base),
        };
        let mut helped = self.helped.lock().await;
        if let Some((since, credentials)) = helped.get(key)
            && since.elapsed() < HELPER_CACHE_LIFETIME
        {
            return Ok(credentials.clone());
        }
        let credentials = helper::get(suffix, key, base, self.helper_path.as_deref())
            .await
            .map_err(|error| Status::failed_precondition(error.to_string()))?;
        helped.insert(key.to_owned(), (Instant::now(), credentials.clone()));
        Ok(credentials)
    }

    /// The key that proves to a daemon with this salt that this is the client it knows.
    async fn authority_key(&self, host: &str, salt: &[u8]) -> Result<authority::Key, Status> {
        let authority = self.authority.as_ref().ok_or_else(|| Status::unavailable("client side tokens disabled"))?;
        let has_secret = !self.credentials(host).await?.secret().is_empty();
        authority
            .key(host, salt, has_secret)
            .await
            .map_err(|error| Status::internal(format!("can't create a token authority: {error}")))
    }
}

struct Service(Arc<RegistryAuth>);

#[tonic::async_trait]
impl auth_server::Auth for Service {
    async fn credentials(&self, request: Request<CredentialsRequest>) -> Result<Response<CredentialsResponse>, Status> {
        let credentials = self.0.credentials(&request.into_inner().host).await?;
        let secret = credentials
            .secret()
            .expose_text()
            .ok_or_else(|| Status::failed_precondition("the password is not UTF-8"))?
            .to_owned();
        let username = credentials.username().to_owned();
        Ok(Response::new(CredentialsResponse { username, secret }))
    }

    async fn fetch_token(&self, request: Request<FetchTokenRequest>) -> Result<Response<FetchTokenResponse>, Status> {
        let request = request.into_inner();
        let credentials = self.0.credentials(&request.host).await?;
        let token = self
            .0
            .tokens
            .fetch(&request, &credentials)
            .await
            .map_err(|error| Status::permission_denied(format!("{}: {error}", request.host)))?;
        Ok(Response::new(token))
    }

    async fn get_token_authority(
        &self,
        request: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        let request = request.into_inner();
        let key = self.0.authority_key(&request.host, &request.salt).await?;
        Ok(Response::new(GetTokenAuthorityResponse { public_key: key.public() }))
    }

    async fn verify_token_authority(
        &self,
        request: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        let request = request.into_inner();
        let key = self.0.authority_key(&request.host, &request.salt).await?;
        Ok(Response::new(VerifyTokenAuthorityResponse { signed: key.sign(&request.payload) }))
    }
}

#[cfg(test)]
mod tests;
