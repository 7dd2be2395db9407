//! Settings: what the caller of a build chose, beside the spec.
//!
//! They come from command-line flags or frontend options; where from is not known here.

use std::collections::BTreeMap;

pub use buildkit_llb::{Network, ResolveMode};
use buildkit_llb::{Platform, Proxy};
use serde::{Deserialize, Serialize};

/// What the caller of a build chose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Target platforms; they win over the spec's. Empty: the spec's, else the daemon's own.
    pub platforms: Vec<Platform>,
    /// Labels that win over the spec's.
    pub labels: BTreeMap<String, String>,
    /// Which steps run again although their results are known.
    pub no_cache: NoCache,
    /// Where images are looked up (`image-resolve-mode`).
    pub resolve_mode: ResolveMode,
    /// The network of all steps (`force-network-mode`).
    pub network: Network,
    /// Proxies for all steps; no part of any cache key.
    pub proxy: Option<Proxy>,
    /// Lines for `/etc/hosts` of all steps.
    pub hosts: Vec<(String, String)>,
    /// The host name of all steps.
    pub hostname: Option<String>,
    /// Prefix of all cache mounts.
    pub cache_namespace: Option<String>,
    /// Certificates for the steps that talk to the network; wins over the spec's.
    pub ca_bundle: Option<CaBundle>,
    /// What the image calls itself in Flytekit's flavor (`_F_IMG_ID`), if it is not the spec's own id.
    pub image_id: Option<String>,
    /// What becomes of the lock beside the spec.
    pub lock: LockUse,
    /// Seconds since 1970 that stand for the time of the build (`SOURCE_DATE_EPOCH`).
    pub source_date_epoch: Option<i64>,
}

/// What becomes of the lock beside the spec ([`LockFile`](crate::LockFile)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LockUse {
    /// It says what is installed, if there is one and it is of this spec.
    #[default]
    Read,
    /// It is to be written: packages are locked also where one step would install them without.
    Write,
    /// It is to be written as if there was none: every version is chosen anew.
    Renew,
}

/// Which steps run again although their results are known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoCache {
    /// None.
    #[default]
    Nothing,
    /// All.
    Everything,
    /// Those with these ids; `lock` is the step that resolves, `pip` all that install Python packages.
    Steps(Vec<String>),
}

impl NoCache {
    /// Whether a step with one of these names runs again.
    pub(crate) fn applies_to(&self, names: &[&str]) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Steps(ids) => ids.iter().any(|id| names.iter().any(|name| name.eq_ignore_ascii_case(id))),
        }
    }
}

/// A CA bundle, handed over as a secret so that it is in no layer and no cache key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaBundle {
    /// The secret's id.
    pub secret_id: String,
}

impl CaBundle {
    /// The id used when nobody chose one.
    pub const DEFAULT_ID: &str = "ca_bundle";
}
