//! The user's registry credentials: Docker's, or those of the configuration that a spec names.
//!
//! `buildkit-client` uses them.

use std::path::{Path, PathBuf};

use buildkit_client::engine::RegistryAuth as EngineLogin;
use buildkit_client::session::SecretBytes;
use buildkit_client::session::auth::{AuthError, AuthOptions, ProxySettings, RegistryAuth};
use imagespec::ImageSpec;
use oci_names::ImageReference;

use crate::files::Files;
use crate::variables::Variables;

/// Credentials that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// `registry_config` of the spec does not name a configuration.
    #[error("registry_config: {path} is not a Docker config.json or a folder with one")]
    NoConfig {
        /// The path.
        path: PathBuf,
    },
    /// Docker's configuration, certificates or proxies are invalid.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

/// The credentials in the configuration that the spec names, a Docker `config.json` or its folder; otherwise Docker's own.
///
/// ```
/// use imagespec::ImageSpec;
/// use imagespec_driver::{Files, Variables, registry_auth};
///
/// let spec = ImageSpec::default().with_registry_config("no-such-folder")?;
/// assert!(registry_auth(&Files::default(), &spec, &Variables::default()).is_err());
/// # Ok::<(), imagespec::Invalid>(())
/// ```
///
/// # Errors
/// The configuration does not exist or is invalid.
pub fn registry_auth(files: &Files, spec: &ImageSpec, variables: &Variables) -> Result<RegistryAuth, CredentialsError> {
    let folder = match spec.registry_config() {
        None => None,
        Some(path) => Some(config_folder(files.resolve_with_home(path, variables.path("HOME").as_deref()))?),
    };
    Ok(RegistryAuth::new(auth_options(folder, variables))?)
}

/// The user's login for the registry of an image, for an Engine that pushes and has no credentials of its own. The error is a
/// message.
///
/// # Errors
/// The name is not a valid reference, or there is no login.
pub async fn push_login(image: &str, credentials: &RegistryAuth) -> Result<EngineLogin, String> {
    let image = ImageReference::parse(image).map_err(|error| error.to_string())?;
    let host = image.registry();
    let login = credentials.engine_login(host).await;
    login.map_err(|status| format!("no credentials for {host}: {}", status.message()))
}

fn config_folder(path: PathBuf) -> Result<PathBuf, CredentialsError> {
    if path.is_dir() {
        Ok(path)
    } else if path.is_file() && path.file_name().is_some_and(|name| name == "config.json") {
        Ok(path.parent().map(Path::to_path_buf).unwrap_or_default())
    } else {
        Err(CredentialsError::NoConfig { path })
    }
}

/// Registry options from the environment: Docker's configuration, proxies, and the system's certificates. If `folder` is given,
/// only its configuration is used.
///
/// ```
/// use imagespec_driver::{Variables, auth_options};
///
/// let variables = Variables::new(|name| (name == "HOME").then(|| "/home/me".into()));
/// assert_eq!(auth_options(None, &variables).config_dir, Some("/home/me/.docker".into()));
/// ```
#[must_use]
pub fn auth_options(folder: Option<PathBuf>, variables: &Variables) -> AuthOptions {
    let text = |name: &str| variables.text(name);
    let home = || variables.path("HOME").map(|home| home.join(".docker"));
    AuthOptions {
        auth_config: text("DOCKER_AUTH_CONFIG")
            .filter(|_| folder.is_none())
            .map(|text| SecretBytes::from(text.into_bytes())),
        // A configuration that the spec names is needed. Docker's own may belong to somebody else, as in many containers.
        is_lenient: folder.is_none(),
        config_dir: folder.or_else(|| variables.path("DOCKER_CONFIG")).or_else(home),
        helper_path: None,
        ca_bundle: variables.path("SSL_CERT_FILE"),
        proxies: proxies(text),
        no_client_token: text("BUILDKIT_NO_CLIENT_TOKEN").is_some(),
    }
}

/// Proxies from the usual variables; lowercase names take precedence, as in curl.
fn proxies(text: impl Fn(&str) -> Option<String>) -> ProxySettings {
    let either = |name: &str| text(name).or_else(|| text(&name.to_ascii_uppercase()));
    ProxySettings { http: text("http_proxy"), https: either("https_proxy"), no_proxy: either("no_proxy") }
}
