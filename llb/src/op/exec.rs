//! Exec: a process in a rootfs made of mounts.
//!
//! Knows no shell: the arguments are argv.

use buildkit_proto::pb;

use super::InputList;
use super::mount::{Access, Mount, MountKind};
use crate::graph::Output;
use crate::platform::Platform;

/// A process in a rootfs made of mounts (`ExecOp`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    pub(crate) args: Vec<String>,
    /// One entry per name, in order of last assignment, as Go's list has it.
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cwd: String,
    pub(crate) user: String,
    pub(crate) hostname: String,
    pub(crate) hosts: Vec<(String, String)>,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) network: Network,
    pub(crate) security: Security,
    pub(crate) secret_env: Vec<SecretEnv>,
    pub(crate) mounts: Vec<Mount>,
    pub(crate) platform: Platform,
}

/// The network of a process (`NetMode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// The worker's default.
    #[default]
    Sandbox,
    /// The host's; needs the entitlement `network.host`.
    Host,
    /// None.
    None,
}

/// The confinement of a process (`SecurityMode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// The default one.
    #[default]
    Sandbox,
    /// None; needs the entitlement `security.insecure`.
    Insecure,
}

/// Proxies for a process; they are no part of its cache key (`ProxyEnv`).
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Proxy {
    /// For http.
    #[serde(default)]
    pub http: String,
    /// For https.
    #[serde(default)]
    pub https: String,
    /// For ftp.
    #[serde(default)]
    pub ftp: String,
    /// Hosts reached directly.
    #[serde(default)]
    pub no: String,
    /// For everything.
    #[serde(default)]
    pub all: String,
}

/// A secret as an environment variable; needs the capability `exec.secretenv`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretEnv {
    /// The secret's id.
    pub id: String,
    /// The variable.
    pub name: String,
    /// Whether a missing secret is no error; the variable is then empty.
    pub optional: bool,
}

impl Exec {
    /// Runs `args` with `root` as a writable rootfs.
    pub fn new<A: Into<String>>(args: impl IntoIterator<Item = A>, root: Output, platform: Platform) -> Self {
        Self::with_root_mount(args, Mount::output("/", root), platform)
    }

    /// Runs `args` with `root` as a rootfs whose changes are thrown away. The rootfs then yields no output.
    pub fn discarding_root<A: Into<String>>(
        args: impl IntoIterator<Item = A>,
        root: Output,
        platform: Platform,
    ) -> Self {
        let mount = Mount {
            dest: "/".to_owned(),
            kind: MountKind::Bind { input: Some(root), selector: String::new(), access: Access::Discard },
        };
        Self::with_root_mount(args, mount, platform)
    }

    fn with_root_mount<A: Into<String>>(args: impl IntoIterator<Item = A>, root: Mount, platform: Platform) -> Self {
        Self {
            args: args.into_iter().map(Into::into).collect(),
            env: Vec::new(),
            cwd: "/".to_owned(),
            user: String::new(),
            hostname: String::new(),
            hosts: Vec::new(),
            proxy: None,
            network: Network::default(),
            security: Security::default(),
            secret_env: Vec::new(),
            mounts: vec![root],
            platform,
        }
    }

    /// Sets a variable; setting it again moves it to the end.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value.into()));
        self
    }

    /// Sets several variables.
    #[must_use]
    pub fn with_envs<N: Into<String>, V: Into<String>>(self, envs: impl IntoIterator<Item = (N, V)>) -> Self {
        envs.into_iter().fold(self, |exec, (name, value)| exec.with_env(name, value))
    }

    /// The working directory, absolute; `/` without.
    #[must_use]
    pub fn with_cwd(mut self, cwd: impl Into<String>) -> Self {
        self.cwd = cwd.into();
        self
    }

    /// `user[:group]`, resolved in the rootfs; root without.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = user.into();
        self
    }

    /// The host name; BuildKit's own without.
    #[must_use]
    pub fn with_hostname(mut self, hostname: impl Into<String>) -> Self {
        self.hostname = hostname.into();
        self
    }

    /// A line for `/etc/hosts`; only the name is part of the cache key.
    #[must_use]
    pub fn with_host(mut self, host: impl Into<String>, ip: impl Into<String>) -> Self {
        self.hosts.push((host.into(), ip.into()));
        self
    }

    /// Proxies, outside the cache key.
    #[must_use]
    pub fn with_proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// The network.
    #[must_use]
    pub fn with_network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// The confinement.
    #[must_use]
    pub fn with_security(mut self, security: Security) -> Self {
        self.security = security;
        self
    }

    /// A secret as an environment variable.
    #[must_use]
    pub fn with_secret_env(mut self, secret: SecretEnv) -> Self {
        self.secret_env.push(secret);
        self
    }

    /// One more mount.
    #[must_use]
    pub fn with_mount(mut self, mount: Mount) -> Self {
        self.mounts.push(mount);
        self
    }

    /// Several more mounts.
    #[must_use]
    pub fn with_mounts(mut self, mounts: impl IntoIterator<Item = Mount>) -> Self {
        self.mounts.extend(mounts);
        self
    }

    /// argv.
    #[must_use]
    pub fn args(&self) -> &[String] {
        &self.args
    }

    /// The mounts in wire order: by destination, secrets last in the order given (`client/llb/exec.go`).
    pub(crate) fn sorted_mounts(&self) -> Vec<&Mount> {
        let mut mounts: Vec<&Mount> = self.mounts.iter().filter(|mount| !mount.is_secret()).collect();
        mounts.sort_by(|a, b| a.dest.cmp(&b.dest));
        mounts.extend(self.mounts.iter().filter(|mount| mount.is_secret()));
        mounts
    }

    /// Destinations of the mounts that yield outputs; the position is the output's index.
    pub(crate) fn output_mounts(&self) -> Vec<&str> {
        self.sorted_mounts().into_iter().filter(|mount| mount.has_output()).map(Mount::dest).collect()
    }

    pub(crate) fn inputs(&self) -> Vec<Output> {
        let mut inputs = InputList::default();
        for mount in self.sorted_mounts() {
            inputs.index(mount.input());
        }
        inputs.into_vec()
    }

    pub(crate) fn to_pb(&self) -> pb::ExecOp {
        let Self {
            args,
            env,
            cwd,
            user,
            hostname,
            hosts,
            proxy,
            network,
            security,
            secret_env,
            mounts: _,
            platform: _,
        } = self;
        let mut inputs = InputList::default();
        let mut outputs = 0..;
        let mounts = self
            .sorted_mounts()
            .into_iter()
            .map(|mount| {
                let output = if mount.has_output() { outputs.next().unwrap_or(-1) } else { -1 };
                mount.to_pb(inputs.index(mount.input()), output)
            })
            .collect();
        pb::ExecOp {
            meta: Some(pb::Meta {
                args: args.clone(),
                env: env.iter().map(|(name, value)| format!("{name}={value}")).collect(),
                cwd: cwd.clone(),
                user: user.clone(),
                proxy_env: proxy.as_ref().map(|Proxy { http, https, ftp, no, all }| pb::ProxyEnv {
                    http_proxy: http.clone(),
                    https_proxy: https.clone(),
                    ftp_proxy: ftp.clone(),
                    no_proxy: no.clone(),
                    all_proxy: all.clone(),
                }),
                extra_hosts: hosts.iter().map(|(host, ip)| pb::HostIp { host: host.clone(), ip: ip.clone() }).collect(),
                hostname: hostname.clone(),
                ulimit: Vec::new(),
                cgroup_parent: String::new(),
                // Go's client always asks for this, so equal bytes need it too.
                remove_mount_stubs_recursive: true,
                valid_exit_codes: Vec::new(),
            }),
            mounts,
            network: match network {
                Network::Sandbox => pb::NetMode::Unset,
                Network::Host => pb::NetMode::Host,
                Network::None => pb::NetMode::None,
            }
            .into(),
            security: match security {
                Security::Sandbox => pb::SecurityMode::Sandbox,
                Security::Insecure => pb::SecurityMode::Insecure,
            }
            .into(),
            secretenv: secret_env
                .iter()
                .map(|SecretEnv { id, name, optional }| pb::SecretEnv {
                    id: id.clone(),
                    name: name.clone(),
                    optional: *optional,
                })
                .collect(),
            cdi_devices: Vec::new(),
        }
    }
}
