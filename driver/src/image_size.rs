//! The size of an image, from the manifests that the daemon has just created.

use std::collections::BTreeMap;
use std::time::Duration;

use buildkit_client::content::read_blob;
use buildkit_client::dial::Connection;
use serde::Deserialize;
use tokio::time::timeout;

/// containerd's own limit for a manifest is lower (containerd: `core/images/image.go`).
const MAX_MANIFEST_BYTES: usize = 8 << 20;
/// The maximum number of platforms in an index that is read.
const MAX_MANIFESTS: usize = 64;
/// The maximum time for the size, because the build has already ended.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// An index or a manifest (OCI image spec, `image-index.md` and `manifest.md`).
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

#[derive(Clone, Deserialize)]
struct Descriptor {
    digest: String,
    size: u64,
}

/// The size of all blobs of an image, each counted once. `None` if the daemon does not report it in time.
pub(crate) async fn image_size(connection: &Connection, digest: &str) -> Option<u64> {
    timeout(LOOKUP_TIMEOUT, read(connection, digest)).await.ok().flatten()
}

async fn read(connection: &Connection, digest: &str) -> Option<u64> {
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    let mut waiting = vec![digest.to_owned()];
    let mut count = 0;
    while let Some(digest) = waiting.pop() {
        count += 1;
        if count > MAX_MANIFESTS {
            return None;
        }
        let bytes = read_blob(connection, &digest, MAX_MANIFEST_BYTES).await.ok().flatten()?;
        let Manifest { manifests, config, layers } = serde_json::from_slice(&bytes).ok()?;
        sizes.insert(digest, bytes.len().try_into().ok()?);
        waiting.extend(manifests.into_iter().map(|manifest| manifest.digest));
        sizes.extend(config.into_iter().chain(layers).map(|blob| (blob.digest, blob.size)));
    }
    sizes.into_values().try_fold(0_u64, u64::checked_add)
}
