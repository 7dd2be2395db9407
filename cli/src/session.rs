//! What the session of a build serves: the context, the spec's folder, secrets and registry credentials.
//!
//! Paths a spec names on the client are relative to the spec file.

use std::path::{Path, PathBuf};

use buildkit_client::flag::SecretFlag;
use buildkit_client::session::auth::{AuthOptions, ProxySettings, RegistryAuth};
use buildkit_client::session::files::LocalDir;
use buildkit_client::session::secrets::{SecretSource, Secrets};
use buildkit_client::session::{SecretBytes, Session, SessionBuilder, SharedKey};
use imagespec::ImageSpec;

use crate::args::BuildOptionArgs;
use crate::error::CliError;
use crate::options::CA_BUNDLE_ID;
use crate::spec_file::SpecFile;

/// Whether a secret that nobody brings is an error now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The build will want it.
    Refuse,
    /// Planning reads no secrets, and whoever plans may not have them.
    Ignore,
}

/// The session of a build of a spec.
pub(crate) fn builder(
    file: &SpecFile,
    spec: &ImageSpec,
    args: &BuildOptionArgs,
    missing: Missing,
) -> Result<SessionBuilder, CliError> {
    let context = std::path::absolute(&file.context).unwrap_or_else(|_| file.context.clone());
    Ok(Session::builder()
        .with_shared_key(SharedKey::for_directory(&context, "imagespec"))
        .with_local_dir("context", LocalDir::new(&file.context))
        .with_local_dir("dockerfile", LocalDir::new(file.folder()))
        .with_secrets(secrets(file, spec, args, missing)?)
        .with_registry_auth(registry_auth()?))
}

/// Credentials from Docker's configuration, for token requests that honour the machine's own certificates.
pub(crate) fn registry_auth() -> Result<RegistryAuth, CliError> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let home = || std::env::home_dir().map(|home| home.join(".docker"));
    let options = AuthOptions {
        config_dir: variable("DOCKER_CONFIG").map(PathBuf::from).or_else(home),
        auth_config: text("DOCKER_AUTH_CONFIG").map(|text| SecretBytes::from(text.into_bytes())),
        helper_path: None,
        ca_bundle: variable("SSL_CERT_FILE").map(PathBuf::from),
        proxies: proxies(text),
        no_client_token: text("BUILDKIT_NO_CLIENT_TOKEN").is_some(),
    };
    RegistryAuth::new(options).map_err(|error| CliError::Refused(error.to_string()))
}

/// Proxies as the usual variables name them; lower case first, as curl has it.
fn proxies(text: impl Fn(&str) -> Option<String>) -> ProxySettings {
    let either = |name: &str| text(name).or_else(|| text(&name.to_ascii_uppercase()));
    ProxySettings { http: text("http_proxy"), https: either("https_proxy"), no_proxy: either("no_proxy") }
}

/// The secrets of flags and spec. A flag wins over the spec, so that one machine can bring another file.
fn secrets(file: &SpecFile, spec: &ImageSpec, args: &BuildOptionArgs, missing: Missing) -> Result<Secrets, CliError> {
    let mut secrets = Secrets::default();
    let environment = |name: &str| std::env::var_os(name);
    let refused = |error: buildkit_client::session::secrets::SecretError| {
        use std::error::Error as _;
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        CliError::Refused(format!("{error}{cause}"))
    };
    let flags: Vec<SecretFlag> = args
        .secret
        .iter()
        .map(|text| text.parse().map_err(|error: buildkit_client::flag::FlagError| CliError::Input(error.to_string())))
        .collect::<Result<_, _>>()?;
    for mount in &spec.pip_secret_mounts {
        if flags.iter().any(|flag| flag.id == mount.id) {
            continue;
        }
        let source = match &mount.source {
            Some(imagespec::SecretSource::File(path)) => SecretSource::File(beside(file, path)),
            Some(imagespec::SecretSource::Env(name)) => SecretSource::Env(name.clone()),
            None if missing == Missing::Ignore => continue,
            None => {
                return Err(CliError::Refused(format!(
                    "the spec uses the secret {id:?} and does not say where it is; add --secret id={id},src=FILE",
                    id = mount.id
                )));
            }
        };
        match secrets.add(&mount.id, source, environment) {
            Err(error) if missing == Missing::Refuse => return Err(refused(error)),
            Ok(()) | Err(_) => {}
        }
    }
    let bundle = args
        .ca_bundle
        .clone()
        .or_else(|| spec.builder_options.ca_bundle.as_ref().map(|path| beside(file, path)))
        .filter(|_| flags.iter().all(|flag| flag.id != CA_BUNDLE_ID));
    if let Some(path) = bundle {
        secrets.add(CA_BUNDLE_ID, SecretSource::File(path), environment).map_err(refused)?;
    }
    for SecretFlag { id, source } in flags {
        match source {
            Some(source) => secrets.add(id, source, environment),
            None => secrets.add_by_id(id, environment),
        }
        .map_err(refused)?;
    }
    Ok(secrets)
}

/// A path of the client's that the spec names.
fn beside(file: &SpecFile, path: &str) -> PathBuf {
    match path.strip_prefix("~/").zip(std::env::home_dir()) {
        Some((rest, home)) => home.join(rest),
        None => file.folder().join(Path::new(path)),
    }
}
