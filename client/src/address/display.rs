//! Addresses as text, in the form that the parser accepts if there is one. They never contain a password.

use std::fmt;

use super::{Address, EngineAddress, Helper, SshTarget, TcpAddress};

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(tcp) => write!(f, "tcp://{tcp}"),
            Self::Helper(helper) => helper.fmt(f),
            Self::Engine(engine) => write!(f, "docker+{engine}"),
            Self::Container { engine, name } => write!(f, "container {name} on {engine}"),
        }
    }
}

impl fmt::Display for TcpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for EngineAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(tcp) => write!(f, "tcp://{tcp}"),
            Self::Ssh(target) => target.fmt(f),
        }
    }
}

impl fmt::Display for SshTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ssh://")?;
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        f.write_str(&self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        f.write_str(self.socket.as_deref().unwrap_or_default())
    }
}

impl fmt::Display for Helper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DockerContainer { name, context } => {
                write!(f, "docker-container://{name}")?;
                context.as_ref().map_or(Ok(()), |context| write!(f, "?context={context}"))
            }
            Self::PodmanContainer { name } => write!(f, "podman-container://{name}"),
            Self::NerdctlContainer { name, namespace } => {
                write!(f, "nerdctl-container://{name}")?;
                namespace.as_ref().map_or(Ok(()), |namespace| write!(f, "?namespace={namespace}"))
            }
            Self::KubePod { pod, context, namespace, container } => {
                write!(f, "kube-pod://{pod}")?;
                let mut sep = '?';
                for (key, value) in [("context", context), ("namespace", namespace), ("container", container)] {
                    if !value.is_empty() {
                        write!(f, "{sep}{key}={value}")?;
                        sep = '&';
                    }
                }
                Ok(())
            }
            Self::Ssh(target) => target.fmt(f),
        }
    }
}
