//! Containers: processes next to a build, on refs of that build (`NewContainer`, `ExecProcess`, `ReleaseContainer`).
//!
//! A container is a set of mounts; processes are started in it one after the other or side by side. Nothing that happens
//! in one becomes part of a result: that is what graphs are for. Containers are for looking into what was built, for
//! tools whose output decides how the graph goes on, and for shells in a failed step.
//!
//! ```no_run
//! # use buildkit_gateway::{Bridge, GatewayError, Reference};
//! use buildkit_gateway::container::{Command, ContainerRequest};
//!
//! # async fn version(bridge: &Bridge, rootfs: &Reference) -> Result<String, GatewayError> {
//! let container = bridge.new_container(ContainerRequest::new(rootfs)).await?;
//! let output = container.run(Command::new(["python3", "--version"])).await?;
//! container.release().await?;
//! # Ok(
//! String::from_utf8_lossy(&output.stdout).into_owned()
//! # )
//! # }
//! ```
//!
//! Source of the rules: `moby/buildkit: frontend/gateway/gateway.go`, `frontend/gateway/container/container.go`.

mod command;
mod files;
mod mount;
mod outgoing;
mod process;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub use buildkit_llb::{SecretMount, SshMount};
pub use command::{Command, Signal};
pub use mount::{BindMount, CacheMount, Mount, Root};
pub use process::{Event, Exit, Output, Process, Stdin};

use buildkit_llb::Network;
use buildkit_proto::platform_to_rpc;
use buildkit_proto::rpc::{gateway, llb};
use oci_names::Platform;

use crate::bridge::{Bridge, method};
use crate::error::GatewayError;
use crate::options::AddHost;
use crate::pong::caps;

/// What a container is made of (`NewContainerRequest`).
///
/// ```
/// use buildkit_gateway::container::{ContainerRequest, Mount};
/// use buildkit_gateway::{NetworkMode, Reference};
///
/// let rootfs = Reference { id: "ref1".to_owned(), definition: None };
/// let request = ContainerRequest::new(&rootfs)
///     .with_mount(Mount::tmpfs("/tmp"))
///     .with_network(NetworkMode::None)
///     .with_hostname("builder");
/// assert_eq!(request.mounts().len(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerRequest {
    root: Root,
    mounts: Vec<Mount>,
    /// Their network; the host's needs the entitlement `network.host`.
    pub network: Network,
    /// Their host name; `None` is BuildKit's default.
    pub hostname: Option<String>,
    /// Extra lines of their `/etc/hosts`; needs the capability `gateway.exec.extrahosts`.
    pub hosts: Vec<AddHost>,
    /// What they are built for; `None` is the daemon's own. Decides the default `PATH` and how paths are read.
    pub platform: Option<Platform>,
}

impl ContainerRequest {
    /// A container with `root` at `/` and its own network.
    #[must_use]
    pub fn new(root: impl Into<Root>) -> Self {
        Self {
            root: root.into(),
            mounts: Vec::new(),
            network: Network::default(),
            hostname: None,
            hosts: Vec::new(),
            platform: None,
        }
    }

    /// One more mount.
    #[must_use]
    pub fn with_mount(mut self, mount: impl Into<Mount>) -> Self {
        self.mounts.push(mount.into());
        self
    }

    /// Several more mounts.
    #[must_use]
    pub fn with_mounts<M: Into<Mount>>(mut self, mounts: impl IntoIterator<Item = M>) -> Self {
        self.mounts.extend(mounts.into_iter().map(Into::into));
        self
    }

    /// What processes see in addition to the root.
    #[must_use]
    pub fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    /// Another network.
    #[must_use]
    pub fn with_network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// A host name.
    #[must_use]
    pub fn with_hostname(mut self, hostname: impl Into<String>) -> Self {
        self.hostname = Some(hostname.into());
        self
    }

    /// Extra lines of `/etc/hosts`.
    #[must_use]
    pub fn with_hosts(mut self, hosts: impl IntoIterator<Item = AddHost>) -> Self {
        self.hosts.extend(hosts);
        self
    }

    /// The platform of its processes.
    #[must_use]
    pub fn with_platform(mut self, platform: Platform) -> Self {
        self.platform = Some(platform);
        self
    }
}

/// A container in the daemon. Cloning gives another handle on the same one.
///
/// It is released with [`Container::release`], when the last handle and the last [`Process`] of it is dropped, or at the
/// latest when the build ends. Dropping sends the release from a task of the current runtime and does not wait for it.
///
/// ```no_run
/// # use buildkit_gateway::{Bridge, GatewayError, Reference, container::{Command, ContainerRequest}};
/// # async fn is_sound(bridge: &Bridge, rootfs: &Reference) -> Result<bool, GatewayError> {
/// let container = bridge.new_container(ContainerRequest::new(rootfs)).await?;
/// let ran = container.run(Command::new(["/usr/bin/app", "--check"])).await?;
/// let report = container.read_file("/tmp/report").await?;
/// container.release().await?;
/// # Ok(ran.exit.success() && report.is_empty())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Container(Arc<Shared>);

/// What the handles share; dropping it releases the container if that was not done.
#[derive(Debug)]
struct Shared {
    bridge: Bridge,
    id: String,
    /// By mount index.
    places: Vec<files::Place>,
    processes: AtomicU64,
    released: AtomicBool,
}

impl Bridge {
    /// Makes a container. The first process makes it run; until then it is its mounts.
    ///
    /// Refs are evaluated by this.
    ///
    /// # Errors
    /// If the daemon has no containers (the capability `gateway.exec`), a ref cannot be built, or a mount is impossible.
    pub async fn new_container(&self, request: ContainerRequest) -> Result<Container, GatewayError> {
        self.require_gateway_cap(caps::EXEC, "start containers for frontends").await?;
        let ContainerRequest { root, mounts, network, hostname, hosts, platform } = request;
        // The daemon would mount the last one and ignore the others (`PrepareMounts` of `container.go`).
        if mounts.iter().any(|mount| mount.dest() == "/") {
            return Err(GatewayError::Invalid("a container has one mount at /, the root it is made of"));
        }
        let mounts: Vec<Mount> = std::iter::once(root.into_mount()).chain(mounts).collect();
        if !hosts.is_empty() {
            self.require_gateway_cap(caps::EXEC_EXTRA_HOSTS, "add hosts to a container").await?;
        }
        // Made first: should this future be dropped while the daemon works, the release follows.
        let shared = Arc::new(Shared {
            bridge: self.clone(),
            id: new_id()?,
            places: mounts.iter().map(files::Place::from_mount).collect(),
            processes: AtomicU64::new(0),
            released: AtomicBool::new(false),
        });
        let request = gateway::NewContainerRequest {
            container_id: shared.id.clone(),
            mounts: mounts.iter().map(Mount::to_rpc).collect(),
            network: match network {
                Network::Sandbox => llb::NetMode::Unset,
                Network::Host => llb::NetMode::Host,
                Network::None => llb::NetMode::None,
            }
            .into(),
            platform: platform.as_ref().map(platform_to_rpc),
            constraints: None,
            extra_hosts: hosts
                .into_iter()
                .map(|AddHost { host, ip }| llb::HostIp { host, ip: ip.to_string() })
                .collect(),
            hostname: hostname.unwrap_or_default(),
        };
        let made: Result<gateway::NewContainerResponse, _> = self.call(method!("NewContainer"), request).await;
        if made.is_err() {
            shared.released.store(true, Ordering::Release);
        }
        made.map(|_| Container(shared))
    }
}

impl Container {
    /// The daemon's name for it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// Starts a process. The first one makes the container run, others join it. When the first ends, all end, and none can
    /// be started any more; when any of them fails, the daemon kills the others
    /// (`moby/buildkit: frontend/gateway/container/container.go`, `errGroup`). So several steps need a first process that
    /// waits (`sleep infinity`), or a container each.
    ///
    /// # Errors
    /// If the container was released, a secret is missing, or the daemon lacks what the command asks for. A program that
    /// cannot be run is not an error here: that is how the process ends.
    pub async fn start(&self, command: Command) -> Result<Process, GatewayError> {
        Process::start(self, command).await
    }

    /// Runs a process to its end and collects what it writes, all of it, in memory.
    ///
    /// # Errors
    /// As [`Container::start`]. A process that fails is not an error here, see [`Output::exit`].
    pub async fn run(&self, command: Command) -> Result<Output, GatewayError> {
        self.start(command).await?.output().await
    }

    /// Ends all processes in the container and releases its mounts.
    ///
    /// # Errors
    /// If the request cannot be sent. The answer is not among the errors: it is how the container's processes ended.
    pub async fn release(self) -> Result<(), GatewayError> {
        self.0.released.store(true, Ordering::Release);
        release(&self.0.bridge, &self.0.id).await
    }

    fn is_released(&self) -> bool {
        self.0.released.load(Ordering::Acquire)
    }

    fn bridge(&self) -> &Bridge {
        &self.0.bridge
    }

    /// A name for a process that no other process of this container has.
    fn next_process(&self) -> String {
        format!("{}:{}", self.0.id, self.0.processes.fetch_add(1, Ordering::Relaxed))
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        if self.released.load(Ordering::Acquire) || self.bridge.is_over() {
            return;
        }
        // Without a runtime nothing can be sent; the daemon then releases it at the end of the build.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (bridge, id) = (self.bridge.clone(), std::mem::take(&mut self.id));
            runtime.spawn(async move { release(&bridge, &id).await });
        }
    }
}

/// The daemon answers with the first failure of a process in the container, a cancelled one included, after it has released
/// everything (`container.go`, `Release`): no reason to believe that the build was cancelled.
async fn release(bridge: &Bridge, id: &str) -> Result<(), GatewayError> {
    let request = gateway::ReleaseContainerRequest { container_id: id.to_owned() };
    let answer: Result<gateway::ReleaseContainerResponse, _> =
        bridge.call_with_own_cancellation(method!("ReleaseContainer"), request).await;
    match answer {
        Ok(_) | Err(GatewayError::Rpc { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// The container runtime files containers of all builds under their ids, so they must be unique in the whole daemon.
fn new_id() -> Result<String, GatewayError> {
    use std::fmt::Write as _;
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| GatewayError::Invalid("this machine gives no random numbers"))?;
    Ok(bytes.iter().fold(String::from("c"), |mut id, byte| {
        // Writing to a string cannot fail.
        let _ = write!(id, "{byte:02x}");
        id
    }))
}
