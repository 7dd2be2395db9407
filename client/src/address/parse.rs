//! The grammar of addresses, by scheme.

use std::collections::BTreeMap;
use std::path::PathBuf;

use buildkit_proto::go::percent_decode;

use super::{Address, EngineAddress, Helper, SshTarget, TcpAddress};

pub(super) fn parse(text: &str) -> Result<Address, String> {
    let (scheme, rest) = text.split_once("://").ok_or_else(|| {
        "expected an address such as unix:///path, tcp://host:port, docker-container://name, kube-pod://pod or ssh://host"
            .to_owned()
    })?;
    match scheme {
        "unix" => Ok(Address::Unix(unix_path(rest)?)),
        "tcp" => Ok(Address::Tcp(tcp(rest, None)?)),
        "docker-container" => {
            let target = Target::parse(rest)?;
            let mut query = target.query(&["context"])?;
            Ok(Address::Helper(Helper::DockerContainer {
                name: target.name("container")?,
                context: query.remove("context").filter(|value| !value.is_empty()),
            }))
        }
        "podman-container" => {
            let target = Target::parse(rest)?;
            target.query(&[])?;
            Ok(Address::Helper(Helper::PodmanContainer { name: target.name("container")? }))
        }
        "nerdctl-container" => {
            let target = Target::parse(rest)?;
            let mut query = target.query(&["namespace"])?;
            Ok(Address::Helper(Helper::NerdctlContainer {
                name: target.name("container")?,
                namespace: query.remove("namespace").filter(|value| !value.is_empty()),
            }))
        }
        "kube-pod" => kube_pod(rest),
        "ssh" => Ok(Address::Helper(Helper::Ssh(ssh(rest)?))),
        "docker+unix" | "docker+tcp" | "docker+ssh" => {
            Ok(Address::Engine(parse_engine(text.trim_start_matches("docker+"), 2375)?))
        }
        "npipe" => Err("named pipes exist only on Windows, which this client does not support".to_owned()),
        other => Err(format!(
            "unknown scheme {other:?}; use unix, tcp, docker-container, podman-container, nerdctl-container, kube-pod, ssh, \
             docker+unix, docker+tcp or docker+ssh"
        )),
    }
}

pub(super) fn parse_engine(text: &str, default_port: u16) -> Result<EngineAddress, String> {
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| "expected a Docker host such as unix:///path, tcp://host:port or ssh://host".to_owned())?;
    match scheme {
        "unix" => Ok(EngineAddress::Unix(unix_path(rest)?)),
        "tcp" | "http" | "https" => Ok(EngineAddress::Tcp(tcp(rest, Some(default_port))?)),
        "ssh" => Ok(EngineAddress::Ssh(ssh(rest)?)),
        other => Err(format!("unknown scheme {other:?}; use unix, tcp or ssh")),
    }
}

fn unix_path(rest: &str) -> Result<PathBuf, String> {
    if rest.is_empty() { Err("the socket path is missing".to_owned()) } else { Ok(PathBuf::from(rest)) }
}

fn tcp(rest: &str, default_port: Option<u16>) -> Result<TcpAddress, String> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = split_host_port(authority)?;
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    let port = port.or(default_port).ok_or_else(|| format!("the port is missing: tcp://{authority}:1234"))?;
    Ok(TcpAddress { host, port, tls: None })
}

fn kube_pod(rest: &str) -> Result<Address, String> {
    let target = Target::parse(rest)?;
    let mut query = target.query(&["context", "namespace", "container"])?;
    let pod = target.name("pod")?;
    let namespace = query.remove("namespace").unwrap_or_default();
    let container = query.remove("container").unwrap_or_default();
    for (what, value) in [("pod", &pod), ("namespace", &namespace), ("container", &container)] {
        let plain = value.bytes().all(|byte| matches!(byte, b'-' | b'.' | b'a'..=b'z' | b'0'..=b'9'));
        if !plain {
            return Err(format!("{what} name {value:?} may contain only a-z, 0-9, - and ."));
        }
    }
    Ok(Address::Helper(Helper::KubePod {
        pod,
        context: query.remove("context").unwrap_or_default(),
        namespace,
        container,
    }))
}

fn ssh(rest: &str) -> Result<SshTarget, String> {
    if rest.contains('?') || rest.contains('#') {
        return Err("an ssh address cannot have a query or a fragment".to_owned());
    }
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (user, host_port) = match authority.rsplit_once('@') {
        Some((user, host)) if user.contains(':') => {
            let _ = host;
            return Err("a password in the address is not supported; ssh uses its agent and keys".to_owned());
        }
        Some((user, host)) => (Some(decode(user)?), host),
        None => (None, authority),
    };
    let (host, port) = split_host_port(host_port)?;
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    // Both become arguments of ssh, which must not read them as options.
    if host.starts_with('-') || user.as_deref().is_some_and(|user| user.starts_with('-') || user.is_empty()) {
        return Err("user and host must not be empty or start with '-'".to_owned());
    }
    let socket = Some(decode(path)?).filter(|path| !path.is_empty() && path != "/");
    Ok(SshTarget { user, host, port, socket })
}

/// `NAME?key=value&…` of the container schemes.
struct Target<'a> {
    host: &'a str,
    query: &'a str,
}

impl<'a> Target<'a> {
    fn parse(rest: &'a str) -> Result<Self, String> {
        let (host, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, path) = host.split_once('/').unwrap_or((host, ""));
        if path.is_empty() { Ok(Self { host, query }) } else { Err(format!("unexpected path {path:?}")) }
    }

    fn name(&self, what: &str) -> Result<String, String> {
        let name = decode(self.host)?;
        match name.bytes().next() {
            None => Err(format!("the {what} name is missing")),
            // It becomes an argument of the helper, which must not read it as an option.
            Some(first) if !first.is_ascii_alphanumeric() => {
                Err(format!("{what} name {name:?} must start with a letter or digit"))
            }
            Some(_) => Ok(name),
        }
    }

    fn query(&self, known: &[&str]) -> Result<BTreeMap<String, String>, String> {
        let mut found = BTreeMap::new();
        for pair in self.query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !known.contains(&key) {
                return Err(match known {
                    [] => format!("unknown parameter {key:?}; this scheme has no parameters"),
                    _ => format!("unknown parameter {key:?}; use {}", known.join(", ")),
                });
            }
            found.insert(key.to_owned(), decode(&value.replace('+', " "))?);
        }
        Ok(found)
    }
}

fn split_host_port(authority: &str) -> Result<(String, Option<u16>), String> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or_else(|| "the ']' after '[' is missing".to_owned())?;
        (host, after.strip_prefix(':').or(if after.is_empty() { None } else { Some(after) }))
    } else {
        match authority.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => {
                return Err("an IPv6 address needs brackets: [::1]:1234".to_owned());
            }
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    let port = port
        .map(|port| port.parse::<u16>().map_err(|_| format!("port {port:?} is not a number up to 65535")))
        .transpose()?;
    Ok((host.to_owned(), port))
}

fn decode(text: &str) -> Result<String, String> {
    let bytes = percent_decode(text)
        .ok_or_else(|| format!("{text:?} contains a '%' that is not followed by two hex digits"))?;
    String::from_utf8(bytes).map_err(|_| format!("{text:?} is not UTF-8 after percent-decoding"))
}
