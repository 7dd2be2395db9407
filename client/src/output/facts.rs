//! What a daemon can export, and the Engine that loads its images.

use crate::dial::{Connection, ImageStore};
use crate::engine::Engine;

/// The properties of a daemon that affect outputs.
///
/// ```
/// use buildkit_client::dial::ImageStore;
/// use buildkit_client::output::{DaemonFacts, OutputOptions, plan_outputs};
///
/// let options = OutputOptions { push: true, tags: vec!["registry.example/app".to_owned()], ..OutputOptions::default() };
/// let classic = plan_outputs(&options, &DaemonFacts::new(ImageStore::Classic))?;
/// assert_eq!(classic.push_afterwards, ["registry.example/app"], "its BuildKit cannot push");
/// # Ok::<(), buildkit_client::output::OutputError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DaemonFacts {
    /// Where it keeps images.
    pub store: ImageStore,
    /// The Engine to load images into, if the daemon has no image store.
    pub load_engine: Option<LoadEngine>,
    /// Whether the result of a build without an output is loaded (buildx's driver option `default-load`).
    pub default_load: bool,
    /// Whether it can run several exporters in a build (capability `exporter.multiple`).
    pub multiple_exporters: bool,
}

/// The properties of the Engine that loads images.
///
/// ```
/// use buildkit_client::dial::ImageStore;
/// use buildkit_client::output::{DaemonFacts, LoadEngine, OutputOptions, plan_outputs};
/// use buildkit_client::solve::ExporterKind;
///
/// let mut daemon = DaemonFacts::new(ImageStore::None);
/// daemon.load_engine = Some(LoadEngine { containerd_store: true });
/// let plan = plan_outputs(&OutputOptions { load: true, ..OutputOptions::default() }, &daemon)?;
/// assert_eq!(plan.exports[0].exporter.kind, ExporterKind::Oci);
/// # Ok::<(), buildkit_client::output::OutputError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadEngine {
    /// Whether it can load OCI archives, including ones with several platforms.
    pub containerd_store: bool,
}

impl DaemonFacts {
    /// A daemon that keeps images in `store`, supports several exporters, and has no Engine to load into.
    #[must_use]
    pub fn new(store: ImageStore) -> Self {
        Self { store, load_engine: None, default_load: false, multiple_exporters: true }
    }

    /// The properties of a connected daemon, and of the Engine that loads its images, if there is one.
    pub async fn from_connection(connection: &Connection, engine: Option<&Engine>, default_load: bool) -> Self {
        let store = connection.image_store();
        let load_engine = match engine {
            Some(engine) if store == ImageStore::None => {
                Some(LoadEngine { containerd_store: engine.has_containerd_store().await.unwrap_or(false) })
            }
            _ => None,
        };
        // Older daemons report an error themselves if there is more than one exporter.
        Self { load_engine, default_load, ..Self::new(store) }
    }
}
