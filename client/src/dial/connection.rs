//! An open connection, and what is known about the daemon behind it.

use std::fmt;
use std::sync::Arc;

use buildkit_proto::Digest;
use buildkit_proto::rpc::control::control_client::ControlClient;
use tonic::transport::Channel;

use super::control;
use crate::engine::{ApiVersion, Engine};
use crate::worker::Worker;

/// What kind of daemon answered.
///
/// ```
/// use buildkit_client::dial::DaemonKind;
///
/// let of = |kind: &DaemonKind| match kind {
///     DaemonKind::Buildkitd => "a standalone daemon".to_owned(),
///     DaemonKind::Engine { api_version } => format!("an Engine with API {api_version}"),
///     _ => "something newer".to_owned(),
/// };
/// assert_eq!(of(&DaemonKind::Buildkitd), "a standalone daemon");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DaemonKind {
    /// A standalone BuildKit daemon.
    Buildkitd,
    /// The BuildKit inside a Docker Engine.
    Engine {
        /// The Engine's newest API version.
        api_version: ApiVersion,
    },
}

/// Where the daemon keeps images.
///
/// ```
/// use buildkit_client::dial::ImageStore;
///
/// let keeps_images = |store| store != ImageStore::None;
/// assert!(keeps_images(ImageStore::Containerd) && !keeps_images(ImageStore::None));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageStore {
    /// A BuildKit daemon, which has no image store that `docker run` could use.
    None,
    /// An Engine's graph-driver store, which knows only the exporters `moby`, `local` and `tar`.
    Classic,
    /// An Engine with the containerd image store.
    Containerd,
}

/// An open connection to a daemon that has answered.
///
/// Cloning is cheap. All clones share one HTTP/2 connection, which is reopened if it breaks between calls.
///
/// ```no_run
/// use buildkit_client::dial::{DialOptions, ImageStore, dial};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let connection = dial(&"unix:///run/buildkit/buildkitd.sock".parse()?, &DialOptions::default()).await?;
/// assert_eq!(connection.image_store(), ImageStore::None, "a BuildKit daemon has no store for docker run");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Connection {
    /// For other gRPC clients. [`Connection::control`] already has BuildKit's message limits.
    pub channel: Channel,
    /// What answered.
    pub kind: DaemonKind,
    /// A description for messages: the kind of daemon and its address.
    pub description: String,
    pub(super) workers: Arc<[Worker]>,
    /// The address that was dialed.
    pub(super) address: String,
    /// The digest of the certificate that the peer showed.
    pub(super) peer: Option<Digest>,
    pub(super) engine: Option<Engine>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("kind", &self.kind)
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// A client of the Control service with BuildKit's message limits.
    #[must_use]
    pub fn control(&self) -> ControlClient<Channel> {
        control(self.channel.clone())
    }

    /// The daemon's workers at the time of connecting; the first is the default worker.
    #[must_use]
    pub fn workers(&self) -> &[Worker] {
        &self.workers
    }

    /// Identifies this daemon by facts that it cannot choose: the dialed address and, with TLS, the certificate of the peer.
    /// Self-reported facts, such as worker ids, are not used, because another daemon can report the same ones.
    #[must_use]
    pub fn daemon_identity(&self) -> String {
        let peer = self.peer.map(|peer| peer.to_string()).unwrap_or_default();
        format!("{} {peer}", self.address)
    }

    /// The Engine's HTTP API, for loading and pushing images; `None` for a BuildKit daemon.
    #[must_use]
    pub fn engine(&self) -> Option<&Engine> {
        self.engine.as_ref()
    }

    /// Where this daemon keeps images.
    #[must_use]
    pub fn image_store(&self) -> ImageStore {
        match self.kind {
            DaemonKind::Buildkitd => ImageStore::None,
            // buildx uses the same label (docker/buildx: driver/docker/driver.go).
            DaemonKind::Engine { .. } if self.workers.iter().any(|worker| worker.label("snapshotter").is_some()) => {
                ImageStore::Containerd
            }
            DaemonKind::Engine { .. } => ImageStore::Classic,
        }
    }
}
