//! Exec: a process in a rootfs made of mounts.
//!
//! Knows no shell: the arguments are argv.

mod options;
mod wire;

use oci_names::Platform;

use super::InputList;
use super::mount::{Access, BindMount, Mount};
use crate::output::Output;

pub use options::{Device, Network, Proxy, SecretEnv, Security, Ulimit};

/// The variable by which ssh finds its agent.
const SSH_AUTH_SOCK: &str = "SSH_AUTH_SOCK";
/// Where the rootfs is mounted (`solver/pb/const.go`, `RootMount`).
const ROOT: &str = "/";

/// A process in a rootfs made of mounts (`ExecOp`).
///
/// ```
/// use buildkit_llb::{Exec, GraphBuilder, Mount, Network, Platform, Sharing, Source};
///
/// let amd64 = Platform::linux("amd64");
/// let mut graph = GraphBuilder::new();
/// let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
/// let run = graph.exec(
///     Exec::new(["apt-get", "update"], base, amd64)
///         .with_env("DEBIAN_FRONTEND", "noninteractive")
///         .with_cwd("/root")
///         .with_network(Network::Host)
///         .with_mount(Mount::cache("/var/cache/apt", "apt", Sharing::Locked))
///         .with_mount(Mount::scratch_output("/out")),
/// );
/// assert!(run.root().is_some() && run.at("/out").is_some());
/// assert!(run.at("/var/cache/apt").is_none(), "a cache mount has no output");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exec {
    pub(crate) args: Vec<String>,
    /// One entry per name, in order of last assignment, as Go's list has it.
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cwd: String,
    pub(crate) user: String,
    pub(crate) hostname: String,
    pub(crate) hosts: Vec<(String, String)>,
    /// Boxed: it is large and rarely used.
    pub(crate) proxy: Option<Box<Proxy>>,
    pub(crate) network: Network,
    pub(crate) security: Security,
    pub(crate) secret_env: Vec<SecretEnv>,
    pub(crate) devices: Vec<Device>,
    pub(crate) ulimits: Vec<Ulimit>,
    pub(crate) cgroup_parent: String,
    /// Empty is 0 only.
    pub(crate) valid_exit_codes: Vec<i32>,
    /// In the order of the wire ([`Mount::order`]), always: outputs and inputs are numbered in it.
    mounts: Vec<Mount>,
    pub(crate) platform: Platform,
    pub(crate) removes_mount_stubs: bool,
    /// Whether the daemon sets `PATH` when `env` has none; decides a capability and no byte of the op.
    pub(crate) default_path: bool,
    pub(crate) filters: Vec<String>,
}

impl Exec {
    /// Runs `args` with `root` as a writable rootfs.
    pub fn new<A: Into<String>>(args: impl IntoIterator<Item = A>, root: Output, platform: Platform) -> Self {
        Self::in_root(args, Mount::output(ROOT, root), platform)
    }

    /// Runs `args` with `root` as a rootfs whose changes are discarded. The rootfs then has no output.
    pub fn discarding_root<A: Into<String>>(
        args: impl IntoIterator<Item = A>,
        root: Output,
        platform: Platform,
    ) -> Self {
        Self::in_root(args, Mount::bind(ROOT, Some(root), Access::Discard), platform)
    }

    /// Runs `args` with `root` as a rootfs that cannot be written to, apart from other [`Mount`]s. The rootfs then has no output.
    pub fn reading_root<A: Into<String>>(args: impl IntoIterator<Item = A>, root: Output, platform: Platform) -> Self {
        Self::in_root(args, Mount::read_only(ROOT, root), platform)
    }

    /// Runs `args` with an empty, writable rootfs, for static programs in another mount.
    ///
    /// ```
    /// use buildkit_llb::{Exec, GraphBuilder, Mount, Platform, Source};
    ///
    /// let amd64 = Platform::linux("amd64");
    /// let mut graph = GraphBuilder::new();
    /// let tool = graph.source(Source::image("registry.example/static-tool:1", amd64.clone()));
    /// let run = graph.exec(Exec::on_scratch(["/tool/bin"], amd64).with_mount(Mount::read_only("/tool", tool)));
    /// assert!(graph.finish(run.root()).is_ok());
    /// ```
    pub fn on_scratch<A: Into<String>>(args: impl IntoIterator<Item = A>, platform: Platform) -> Self {
        Self::in_root(args, Mount::scratch_output(ROOT), platform)
    }

    /// The daemon takes a bind mount only as the rootfs and ignores its selector
    /// (`frontend/gateway/container/container.go`, `PrepareMounts`).
    fn in_root<A: Into<String>>(args: impl IntoIterator<Item = A>, root: BindMount, platform: Platform) -> Self {
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
            devices: Vec::new(),
            ulimits: Vec::new(),
            cgroup_parent: String::new(),
            valid_exit_codes: Vec::new(),
            mounts: vec![root.into()],
            platform,
            removes_mount_stubs: true,
            default_path: true,
            filters: Vec::new(),
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

    /// The working directory, absolute; `/` if not set.
    #[must_use]
    pub fn with_cwd(mut self, cwd: impl Into<String>) -> Self {
        self.cwd = cwd.into();
        self
    }

    /// `user[:group]`, resolved in the rootfs; root if not set.
    #[must_use]
    pub fn with_user(mut self, user: impl Into<String>) -> Self {
        self.user = user.into();
        self
    }

    /// The host name; BuildKit's default if not set.
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
        self.proxy = Some(Box::new(proxy));
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

    /// A device by its CDI name.
    #[must_use]
    pub fn with_device(mut self, device: Device) -> Self {
        self.devices.push(device);
        self
    }

    /// A resource limit.
    #[must_use]
    pub fn with_ulimit(mut self, name: impl Into<String>, soft: i64, hard: i64) -> Self {
        self.ulimits.push(Ulimit { name: name.into(), soft, hard });
        self
    }

    /// The cgroup below which the process runs; needs the capability `exec.meta.cgroup.parent`.
    #[must_use]
    pub fn with_cgroup_parent(mut self, cgroup: impl Into<String>) -> Self {
        self.cgroup_parent = cgroup.into();
        self
    }

    /// The exit codes that mean success, instead of 0; needs the capability `exec.validexitcode`.
    #[must_use]
    pub fn with_valid_exit_codes(mut self, codes: impl IntoIterator<Item = i32>) -> Self {
        self.valid_exit_codes = codes.into_iter().collect();
        self
    }

    /// Leaves the empty files and folders behind on which mounts were mounted. Go's client has no option for it.
    #[must_use]
    pub fn keeping_mount_stubs(mut self) -> Self {
        self.removes_mount_stubs = false;
        self
    }

    /// Only workers that match this containerd filter; part of the digest.
    #[must_use]
    pub fn with_worker_filter(mut self, filter: impl Into<String>) -> Self {
        self.filters.push(filter.into());
        self
    }

    /// One more mount.
    #[must_use]
    pub fn with_mount(mut self, mount: impl Into<Mount>) -> Self {
        self.add_mount(mount.into());
        self
    }

    /// Several more mounts.
    #[must_use]
    pub fn with_mounts<M: Into<Mount>>(mut self, mounts: impl IntoIterator<Item = M>) -> Self {
        self.mounts.extend(mounts.into_iter().map(Into::into));
        self.mounts.sort_by(|one, other| one.order().cmp(&other.order()));
        self
    }

    /// argv.
    #[must_use]
    pub fn args(&self) -> &[String] {
        &self.args
    }

    /// The mounts in wire order.
    pub(crate) fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    pub(crate) fn add_mount(&mut self, mount: Mount) {
        let position = self.mounts.partition_point(|known| known.order() <= mount.order());
        self.mounts.insert(position, mount);
    }

    /// Changes every mount. Its destination and kind must stay, because mounts are sorted by them.
    pub(crate) fn change_mounts(&mut self, change: impl FnMut(&mut Mount)) {
        self.mounts.iter_mut().for_each(change);
    }

    /// The mounts with outputs; the position is the output's index.
    pub(crate) fn output_mounts(&self) -> impl Iterator<Item = &Mount> {
        self.mounts.iter().filter(|mount| mount.has_output())
    }

    pub(crate) fn output_count(&self) -> u32 {
        u32::try_from(self.output_mounts().count()).unwrap_or(u32::MAX)
    }

    pub(crate) fn shrink(&mut self) {
        self.args.shrink_to_fit();
        self.env.shrink_to_fit();
        self.mounts.shrink_to_fit();
    }

    pub(crate) fn inputs(&self) -> Vec<Output> {
        let mut inputs = InputList::with_capacity(self.mounts.iter().filter(|mount| mount.input().is_some()).count());
        for mount in &self.mounts {
            inputs.index(mount.input());
        }
        inputs.into_vec()
    }

    /// Replaces every input.
    pub(crate) fn map_inputs(&mut self, map: impl Fn(Output) -> Output) {
        for mount in &mut self.mounts {
            if let Some(Some(input)) = mount.input_mut() {
                *input = map(*input);
            }
        }
    }

    /// Mounts something else at a place.
    pub(crate) fn set_input(&mut self, dest: &str, input: Output) {
        let mounts = self.mounts.iter_mut().filter(|mount| mount.dest() == dest);
        for known in mounts.filter_map(Mount::input_mut) {
            *known = Some(input);
        }
    }

    /// What an output was before the process changed it.
    pub(crate) fn output_input(&self, index: u32) -> Option<Output> {
        self.output_mounts().nth(usize::try_from(index).ok()?)?.input()
    }

    /// Sets in the environment where the first ssh socket is, as on the wire.
    pub(crate) fn with_socket_in_env(self) -> Self {
        match self.socket_in_env().map(str::to_owned) {
            None => self,
            Some(socket) => self.with_env(SSH_AUTH_SOCK, socket),
        }
    }

    /// What the environment on the wire has in addition: where the first ssh socket is (`client/llb/exec.go`).
    fn socket_in_env(&self) -> Option<&str> {
        let socket = self.mounts.iter().find(|mount| matches!(mount, Mount::Ssh(_)))?;
        let is_set = self.env.iter().any(|(name, _)| name == SSH_AUTH_SOCK);
        (!is_set).then_some(socket.dest())
    }
}
