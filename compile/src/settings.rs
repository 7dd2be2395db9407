//! Settings: the options of a build, in addition to the spec.
//!
//! They come from command-line flags or frontend options.

use std::collections::BTreeMap;

pub use buildkit_llb::{Network, ResolveMode};
use buildkit_llb::{Platform, Proxy};
use serde::{Deserialize, Serialize};

/// The options of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Target platforms; they take precedence over the spec's. If empty, the spec's platforms are used, or else the daemon's own.
    pub platforms: Vec<Platform>,
    /// Labels that take precedence over the spec's.
    pub labels: BTreeMap<String, String>,
    /// The steps that run without cache.
    pub no_cache: NoCache,
    /// Which results in the daemon are not used, because its state is broken.
    #[serde(skip_serializing_if = "Avoided::is_nothing")]
    pub avoided: Avoided,
    /// Where images are looked up (`image-resolve-mode`).
    pub resolve_mode: ResolveMode,
    /// The network of all steps (`force-network-mode`).
    pub network: Network,
    /// Proxies for all steps; they are not part of cache keys.
    pub proxy: Option<Proxy>,
    /// Lines for `/etc/hosts` of all steps.
    pub hosts: Vec<(String, String)>,
    /// The host name of all steps.
    pub hostname: Option<String>,
    /// Prefix of all cache mounts.
    pub cache_namespace: Option<String>,
    /// Certificates for the steps that use the network; they take precedence over the spec's.
    pub ca_bundle: Option<CaBundle>,
    /// The id of the image in Flytekit's flavor (`_F_IMG_ID`), if it is not the spec's own id.
    pub image_id: Option<String>,
    /// What to do with the lockfile next to the spec.
    pub lock: LockUse,
    /// The build time in seconds since 1970 (`SOURCE_DATE_EPOCH`).
    pub source_date_epoch: Option<i64>,
}

/// What to do with the lockfile next to the spec ([`LockFile`](crate::LockFile)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockUse {
    /// Install what it contains, if it exists and was made for this spec.
    #[default]
    Read,
    /// Write it. Packages are locked even if a build would install them in one step without a lock.
    Write,
    /// Write it as if it did not exist: every version is resolved again.
    Renew,
}

/// What has other cache keys than usual, so that a daemon does not find its results. The image is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Avoided {
    /// Nothing.
    #[default]
    Nothing,
    /// Records: the files of the image with the answers that its plan is based on.
    Records,
    /// Records, and steps that have input files.
    Steps,
}

impl Avoided {
    fn is_nothing(&self) -> bool {
        *self == Self::Nothing
    }
}

/// The steps that run without cache.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoCache {
    /// None.
    #[default]
    Nothing,
    /// All.
    Everything,
    /// The steps with these ids; `lock` is the step that resolves, `pip` are all steps that install Python packages.
    Steps(Vec<String>),
}

impl NoCache {
    /// Whether a step with one of these names runs without cache.
    pub(crate) fn applies_to(&self, names: &[&str]) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Steps(ids) => ids.iter().any(|id| names.iter().any(|name| name.eq_ignore_ascii_case(id))),
        }
    }
}

/// A CA bundle, passed as a secret so that it is in no layer and no cache key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaBundle {
    /// The secret's id.
    pub secret_id: String,
}

impl CaBundle {
    /// The default id.
    pub const DEFAULT_ID: &str = "ca_bundle";
}
