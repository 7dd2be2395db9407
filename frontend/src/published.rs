//! Images that were pushed: whether registries still have them.
//!
//! Knows nothing of what they were built from.

use std::collections::BTreeSet;
use std::time::Duration;

use buildkit_gateway::Build;
use buildkit_llb::ResolveMode;
use futures_util::future::{try_join, try_join_all};
use tokio::time::timeout;

/// Something is not as it was, or not known to be so.
pub(crate) struct Changed;

/// How long registries have to say what they have. A build does not wait for longer before it begins.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// The label of what runs a worker's steps (moby/buildkit: `worker/label/label.go`). containerd keeps what is pushed in a store of
/// its own, too, from where it may be gone.
const EXECUTOR: &str = "org.mobyproject.buildkit.worker.executor";

/// An image in registries.
#[derive(Clone, Debug)]
pub struct Published {
    /// What it is called there.
    pub names: BTreeSet<String>,
    /// The digest of its manifest, or of its index.
    pub digest: String,
}

impl Published {
    /// Whether the registries, as the daemon sees them, have it under all of its names; where it has mirrors of a registry, they
    /// answer. What takes long is not known to be there.
    pub(crate) async fn is_there(&self, build: &Build) -> Result<(), Changed> {
        let platform = build.options.platforms.first();
        let found = self.names.iter().map(async |name| {
            let log_name = format!("[internal] load metadata for {name}");
            // A daemon's own store may have another one of that name.
            let resolved = build.bridge.resolve_image(name, platform, ResolveMode::Pull, &log_name).await;
            resolved.ok().filter(|image| image.digest == self.digest).map(|_| ()).ok_or(Changed)
        });
        let keeps_images = async {
            let pong = build.bridge.ping().await.map_err(|_| Changed)?;
            let mut executors = pong.workers.iter().filter_map(|worker| worker.labels.get(EXECUTOR));
            if executors.any(|executor| executor == "containerd") { Err(Changed) } else { Ok(()) }
        };
        let found = timeout(LOOKUP_TIMEOUT, try_join(try_join_all(found), keeps_images));
        found.await.unwrap_or(Err(Changed)).map(|_| ())
    }
}
