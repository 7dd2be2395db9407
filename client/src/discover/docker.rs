//! The Engine that `docker` would use (docker/cli: `cli/command/cli.go`, `cli/context/store`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use buildkit_proto::Digest;
use serde::Deserialize;

use super::{Environment, read_json};
use crate::address::{AddressError, EngineAddress};
use crate::tls::TlsFiles;

/// The default socket of an Engine.
pub(super) const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
const DEFAULT_CONTEXT: &str = "default";

/// The current Docker context.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Context {
    /// `DOCKER_HOST`, which overrides contexts.
    Host(String),
    /// A stored context.
    Named {
        name: String,
        /// The setting that selected it.
        set_by: &'static str,
    },
    /// The Engine at the default socket.
    Default,
}

/// `DOCKER_HOST` overrides `DOCKER_CONTEXT`, which overrides the configuration file.
pub(super) fn current_context(environment: &dyn Environment) -> Result<Context, String> {
    if let Some(host) = environment.set_variable("DOCKER_HOST") {
        return Ok(Context::Host(host));
    }
    let named = |name: String, set_by| match name.as_str() {
        DEFAULT_CONTEXT => Context::Default,
        _ => Context::Named { name, set_by },
    };
    if let Some(name) = environment.set_variable("DOCKER_CONTEXT") {
        return Ok(named(name, "DOCKER_CONTEXT"));
    }
    let configured = configuration(environment)?.current_context.filter(|name| !name.is_empty());
    Ok(configured.map_or(Context::Default, |name| named(name, "config.json")))
}

/// The Engine of a stored context, or of the context `default`.
pub(super) fn context(name: &str, environment: &dyn Environment) -> Result<EngineAddress, String> {
    if name == DEFAULT_CONTEXT {
        return match environment.set_variable("DOCKER_HOST") {
            Some(host) => host_from_environment(&host, environment).map_err(|error| error.to_string()),
            None => Ok(EngineAddress::Unix(DEFAULT_SOCKET.into())),
        };
    }
    let contexts = config_dir(environment).ok_or("there is no home directory")?.join("contexts");
    let id = Digest::from_content(name.as_bytes()).hex();
    let meta: Option<Meta> = read_json(&contexts.join("meta").join(&id).join("meta.json"), environment)?;
    let meta = meta.ok_or("there is no such context")?;
    let endpoint = meta.endpoints.get("docker").ok_or("it has no Docker endpoint")?;
    let files = tls_files(&contexts.join("tls").join(&id).join("docker"), environment);
    let tls = match files {
        None if !endpoint.skip_tls_verify => None,
        files => Some(TlsFiles { skip_verify: endpoint.skip_tls_verify, ..files.unwrap_or_default() }),
    };
    engine(&endpoint.host, tls).map_err(|error| error.to_string())
}

/// Whether a context of that name is stored.
pub(super) fn context_exists(name: &str, environment: &dyn Environment) -> bool {
    name == DEFAULT_CONTEXT
        || config_dir(environment).is_some_and(|dir| {
            let id = Digest::from_content(name.as_bytes()).hex();
            environment.exists(&dir.join("contexts/meta").join(id).join("meta.json"))
        })
}

/// The name of the current context, which buildx uses as the key of its selections.
pub(super) fn context_name(environment: &dyn Environment) -> Result<String, String> {
    Ok(match current_context(environment)? {
        Context::Named { name, .. } => name,
        Context::Host(_) | Context::Default => DEFAULT_CONTEXT.to_owned(),
    })
}

/// The Engine at an explicit host, with the TLS settings of the environment.
pub(super) fn host_from_environment(host: &str, environment: &dyn Environment) -> Result<EngineAddress, AddressError> {
    engine(host, tls_from_environment(environment))
}

/// TLS settings. `DOCKER_TLS_VERIFY` and `DOCKER_TLS` take effect with any non-empty value.
pub(super) fn tls_from_environment(environment: &dyn Environment) -> Option<TlsFiles> {
    let verify = environment.set_variable("DOCKER_TLS_VERIFY").is_some();
    if !verify && environment.set_variable("DOCKER_TLS").is_none() {
        return None;
    }
    let dir = environment.set_variable("DOCKER_CERT_PATH").map(PathBuf::from).or_else(|| config_dir(environment));
    let files = dir.and_then(|dir| tls_files(&dir, environment)).unwrap_or_default();
    Some(TlsFiles { skip_verify: !verify, ..files })
}

/// `$DOCKER_CONFIG`, or `.docker` in the home directory.
pub(super) fn config_dir(environment: &dyn Environment) -> Option<PathBuf> {
    let named = environment.set_variable("DOCKER_CONFIG").map(PathBuf::from);
    named.or_else(|| environment.home().map(|home| home.join(".docker")))
}

fn engine(host: &str, tls: Option<TlsFiles>) -> Result<EngineAddress, AddressError> {
    EngineAddress::parse(host.trim(), tls)
}

fn tls_files(dir: &Path, environment: &dyn Environment) -> Option<TlsFiles> {
    let file = |name: &str| Some(dir.join(name)).filter(|path| environment.exists(path));
    let (ca, cert, key) = (file("ca.pem"), file("cert.pem"), file("key.pem"));
    if ca.is_none() && cert.is_none() && key.is_none() {
        return None;
    }
    Some(TlsFiles { ca, cert, key, ..TlsFiles::default() })
}

#[derive(Deserialize, Default)]
struct Configuration {
    #[serde(rename = "currentContext")]
    current_context: Option<String>,
}

fn configuration(environment: &dyn Environment) -> Result<Configuration, String> {
    let Some(dir) = config_dir(environment) else { return Ok(Configuration::default()) };
    Ok(read_json(&dir.join("config.json"), environment)?.unwrap_or_default())
}

#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Endpoints", default)]
    endpoints: BTreeMap<String, Endpoint>,
}

/// An endpoint. The map also contains endpoints of other tools, so no field may be required.
#[derive(Deserialize)]
struct Endpoint {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_tls_verify: bool,
}
