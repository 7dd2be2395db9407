//! The workers of a daemon: versions, platforms, labels.

use std::collections::BTreeMap;

use buildkit_proto::platform_from_rpc;
use buildkit_proto::rpc::worker::{BuildkitVersion, WorkerRecord};

/// Prefix of BuildKit's worker labels (moby/buildkit: `worker/label/label.go`).
const LABEL_PREFIX: &str = "org.mobyproject.buildkit.worker.";

/// A version of BuildKit.
///
/// ```no_run
/// use buildkit_client::info::info;
///
/// # async fn example(connection: &buildkit_client::dial::Connection) -> Result<(), buildkit_client::error::SolveError> {
/// if let Some(version) = info(connection).await?.version {
///     println!("{} {} ({})", version.package, version.version, version.revision);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Version {
    /// Go package, `github.com/moby/buildkit` unless forked.
    pub package: String,
    /// For example `v0.32.2`.
    pub version: String,
    /// Commit.
    pub revision: String,
}

/// One worker of a daemon.
///
/// ```no_run
/// # async fn example(connection: &buildkit_client::dial::Connection) {
/// if let Some(worker) = connection.workers().first() {
///     println!("{} runs {}", worker.id, worker.label("executor").unwrap_or("something"));
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Worker {
    /// Opaque id.
    pub id: String,
    /// All labels with their full names.
    pub labels: BTreeMap<String, String>,
    /// `os/arch[/variant]`, the native one first.
    pub platforms: Vec<String>,
    /// Version of this worker's BuildKit, if it reports one.
    pub version: Option<Version>,
}

impl Worker {
    /// The value of one of BuildKit's own labels, by its name without the prefix, for example `executor`.
    #[must_use]
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(&format!("{LABEL_PREFIX}{name}")).map(String::as_str)
    }

    pub(crate) fn from_wire(record: WorkerRecord) -> Self {
        let platforms = record.platforms.into_iter().map(|platform| platform_from_rpc(platform).to_string());
        Self {
            id: record.id,
            labels: record.labels.into_iter().collect(),
            platforms: platforms.collect(),
            version: record.buildkit_version.and_then(Version::from_wire),
        }
    }
}

impl Version {
    pub(crate) fn from_wire(version: BuildkitVersion) -> Option<Self> {
        let BuildkitVersion { package, version, revision } = version;
        if version.is_empty() { None } else { Some(Self { package, version, revision }) }
    }
}
