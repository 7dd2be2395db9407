//! Builders created by `docker buildx create` (docker/buildx: `store`, `builder`, `util/confutil`). The files are only
//! read. No lock is needed, because buildx replaces each file atomically.

use std::collections::BTreeMap;
use std::path::PathBuf;

use buildkit_proto::Digest;
use buildkit_proto::go::parse_bool;
use serde::Deserialize;

use super::{Builder, Environment, docker, read_json};
use crate::address::{Address, AddressError, EngineAddress};
use crate::tls::TlsFiles;

/// The name buildx gives the container of a node.
const CONTAINER_PREFIX: &str = "buildx_buildkit_";
/// The schemes that buildx's `remote` driver accepts.
const REMOTE_SCHEMES: [&str; 6] = ["docker-container", "kube-pod", "npipe", "ssh", "tcp", "unix"];

#[derive(Deserialize)]
struct Instance {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Driver", default)]
    driver: String,
    #[serde(rename = "Nodes", default)]
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    #[serde(rename = "Name")]
    name: String,
    #[serde(rename = "Endpoint", default)]
    endpoint: String,
    #[serde(rename = "DriverOpts", default)]
    driver_opts: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
struct Current {
    #[serde(rename = "Key", default)]
    key: String,
    #[serde(rename = "Name", default)]
    name: String,
    #[serde(rename = "Global", default)]
    global: bool,
}

/// The builder of that name, or the Engine of the Docker context of that name.
pub(super) fn named(name: &str, environment: &dyn Environment) -> Result<(Address, Builder), String> {
    match instance(name, environment)? {
        Some(instance) => resolve(instance, environment),
        None if docker::context_exists(name, environment) => {
            let engine = docker::context(name, environment)?;
            Ok((Address::Engine(engine), implicit(name)))
        }
        None => Err(format!("no builder or Docker context is named {name:?}")),
    }
}

/// The selected builder of the current Docker context; `None` if that is the context's own Engine.
pub(super) fn selected(environment: &dyn Environment) -> Result<Option<(Address, Builder)>, String> {
    let Some(dir) = dir(environment) else { return Ok(None) };
    let key = key(environment)?;
    let current: Option<Current> = read_json(&dir.join("current"), environment)?;
    if let Some(Current { key: current_key, name, global }) = current
        && !name.is_empty()
        && (global || current_key == key)
    {
        if let Some(found) = instance(&name, environment)? {
            return resolve(found, environment).map(Some);
        }
        if current_key == key {
            return Ok(None);
        }
    }
    let hash = Digest::from_content(key.as_bytes()).hex();
    let name = match environment.read(&dir.join("defaults").join(hash.get(..20).unwrap_or_default())) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).trim().to_owned(),
        Err(_) => return Ok(None),
    };
    match instance(&name, environment)? {
        Some(found) => resolve(found, environment).map(Some),
        None => Ok(None),
    }
}

fn implicit(name: &str) -> Builder {
    Builder { name: name.to_owned(), driver: "docker".to_owned(), node: name.to_owned(), nodes: 1, default_load: false }
}

/// The key of a selection: the name of the context, or the host if there is no context.
fn key(environment: &dyn Environment) -> Result<String, String> {
    let name = docker::context_name(environment)?;
    if name != "default" {
        return Ok(name);
    }
    Ok(environment.set_variable("DOCKER_HOST").unwrap_or_else(|| format!("unix://{}", docker::DEFAULT_SOCKET)))
}

fn dir(environment: &dyn Environment) -> Option<PathBuf> {
    let named = environment.set_variable("BUILDX_CONFIG").map(PathBuf::from);
    named.or_else(|| docker::config_dir(environment).map(|dir| dir.join("buildx")))
}

fn instance(name: &str, environment: &dyn Environment) -> Result<Option<Instance>, String> {
    let mut bytes = name.bytes();
    let is_name = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    let Some(dir) = dir(environment).filter(|_| is_name) else { return Ok(None) };
    read_json(&dir.join("instances").join(name.to_lowercase()), environment)
}

fn resolve(instance: Instance, environment: &dyn Environment) -> Result<(Address, Builder), String> {
    let Instance { name, driver, nodes } = instance;
    let count = nodes.len();
    let node = nodes.into_iter().next().ok_or_else(|| format!("builder {name:?} has no nodes"))?;
    let options = node.driver_opts.unwrap_or_default();
    let address = match driver.as_str() {
        "docker" | "" => Address::Engine(engine(&node.endpoint, environment)?),
        "docker-container" => Address::Container {
            engine: engine(&node.endpoint, environment)?,
            name: format!("{CONTAINER_PREFIX}{}", node.name),
        },
        "remote" => remote(&node.endpoint, &options)?,
        "kubernetes" => {
            return Err(format!(
                "builder {name:?} uses the kubernetes driver; pass one of its pods with --addr kube-pod://POD instead"
            ));
        }
        other => return Err(format!("builder {name:?} uses the driver {other:?}, which is not supported")),
    };
    let default_load = options.get("default-load").is_some_and(|value| parse_bool(value) == Some(true));
    let driver = if driver.is_empty() { "docker".to_owned() } else { driver };
    Ok((address, Builder { name, driver, node: node.name, nodes: count, default_load }))
}

/// The Engine of an endpoint, which is a context name or a host.
fn engine(endpoint: &str, environment: &dyn Environment) -> Result<EngineAddress, String> {
    if endpoint.contains("://") {
        docker::host_from_environment(endpoint, environment).map_err(|error| error.to_string())
    } else {
        docker::context(endpoint, environment).map_err(|problem| format!("Docker context {endpoint:?}: {problem}"))
    }
}

fn remote(endpoint: &str, options: &BTreeMap<String, String>) -> Result<Address, String> {
    let scheme = endpoint.split("://").next().unwrap_or_default();
    if !REMOTE_SCHEMES.contains(&scheme) {
        return Err(format!("a remote builder can't use the endpoint {endpoint:?}"));
    }
    let invalid = |error: AddressError| error.to_string();
    let address: Address = endpoint.parse().map_err(invalid)?;
    let file = |key: &str| match options.get(key).map(PathBuf::from) {
        Some(path) if path.is_relative() => {
            Err(format!("driver option {key} is not an absolute path: {}", path.display()))
        }
        path => Ok(path),
    };
    let (ca, cert, key) = (file("cacert")?, file("cert")?, file("key")?);
    let server_name = options.get("servername").cloned();
    if ca.is_none() && (cert.is_some() || key.is_some() || server_name.is_some()) {
        return Err("the driver options enable TLS but have no cacert".to_owned());
    }
    match ca {
        None => Ok(address),
        ca => address.with_tls(TlsFiles { server_name, ca, cert, key, skip_verify: false }).map_err(invalid),
    }
}
