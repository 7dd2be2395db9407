//! The user's registry credentials: those of Docker, or of the configuration that a spec names.
//!
//! Finds them; what is done with them is `buildkit-client`'s.

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
    /// `registry_config` of the spec names something else.
    #[error("registry_config: {path} is not a Docker config.json or a folder with one")]
    NoConfig {
        /// What it names.
        path: PathBuf,
    },
    /// Docker's configuration, certificates or proxies.
    #[error(transparent)]
    Auth(#[from] AuthError),
}

/// Credentials from the configuration that the spec names, a Docker `config.json` or the folder that has it; else Docker's own.
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
/// There is no such configuration, or it cannot be understood.
pub fn registry_auth(files: &Files, spec: &ImageSpec, variables: &Variables) -> Result<RegistryAuth, CredentialsError> {
    let folder = match spec.registry_config() {
        None => None,
        Some(path) => Some(config_folder(files.resolve_with_home(path, variables.path("HOME").as_deref()))?),
    };
    Ok(RegistryAuth::new(auth_options(folder, variables))?)
}

/// The user's login for the registry of an image, for an Engine that pushes: it has none of its own. An error is one sentence.
///
/// # Errors
/// The name is not a valid reference, or the login cannot be had.
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

/// What the environment says about registries: Docker's configuration, proxies, and the machine's own certificates. A folder that
/// is given counts alone.
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
        config_dir: folder.or_else(|| variables.path("DOCKER_CONFIG")).or_else(home),
        helper_path: None,
        ca_bundle: variables.path("SSL_CERT_FILE"),
        proxies: proxies(text),
        no_client_token: text("BUILDKIT_NO_CLIENT_TOKEN").is_some(),
    }
}

/// Proxies as the usual variables name them; lower case first, as curl has it.
fn proxies(text: impl Fn(&str) -> Option<String>) -> ProxySettings {
    let either = |name: &str| text(name).or_else(|| text(&name.to_ascii_uppercase()));
    ProxySettings { http: text("http_proxy"), https: either("https_proxy"), no_proxy: either("no_proxy") }
}
