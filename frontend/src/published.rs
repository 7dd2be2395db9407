//! Pushed images: whether registries still have them.
//!
//! This module does not know what they were built from.

use std::collections::BTreeSet;
use std::time::Duration;

use buildkit_gateway::Build;
use buildkit_llb::ResolveMode;
use futures_util::future::{try_join, try_join_all};
use tokio::time::timeout;

/// Something has changed, or may have changed.
pub(crate) struct Changed;

/// The maximum time for lookups in registries before a build starts.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// The label with the executor of a worker (moby/buildkit: `worker/label/label.go`). A containerd worker also keeps pushed images in its
/// own store, from which they may be removed.
const EXECUTOR: &str = "org.mobyproject.buildkit.worker.executor";

/// An image in registries.
#[derive(Clone, Debug)]
pub struct Published {
    /// The names of the image.
    pub names: BTreeSet<String>,
    /// The digest of its manifest or index.
    pub digest: String,
}

impl Published {
    /// Checks that the registries, as the daemon reaches them, have the image under all of its names. Mirrors that are configured in the
    /// daemon are used. After a timeout the image counts as missing.
    pub(crate) async fn is_there(&self, build: &Build) -> Result<(), Changed> {
        let platform = build.options.platforms.first();
        let found = self.names.iter().map(async |name| {
            let log_name = format!("[internal] load metadata for {name}");
            // The daemon's own store may have another image with that name.
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
