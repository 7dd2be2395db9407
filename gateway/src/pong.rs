//! What a daemon reports in answer to `Ping`: capabilities and workers.
//!
//! What to do when a capability is missing is decided where it is used.

use std::collections::BTreeMap;

pub use buildkit_proto::caps::gateway as caps;

use buildkit_proto::rpc::{apicaps, gateway};
use buildkit_proto::{CapSet, platform_from_rpc};
use oci_names::Platform;
use serde::{Deserialize, Deserializer, Serialize};

/// What daemons that send no list of gateway capabilities have (frozen upstream:
/// `moby/buildkit: frontend/gateway/grpcclient/client.go`, `defaultCaps`).
const DEFAULT_GATEWAY_CAPS: &[&str] =
    &[caps::SOLVE_BASE, caps::SOLVE_INLINE_RETURN, caps::RESOLVE_IMAGE, caps::READ_FILE];

/// Likewise for LLB (`defaultLLBCaps`).
const DEFAULT_LLB_CAPS: &[&str] = {
    use buildkit_proto::caps::llb::*;
    &[
        SOURCE_IMAGE,
        SOURCE_LOCAL,
        SOURCE_LOCAL_UNIQUE,
        SOURCE_LOCAL_SESSIONID,
        SOURCE_LOCAL_INCLUDEPATTERNS,
        SOURCE_LOCAL_FOLLOWPATHS,
        SOURCE_LOCAL_EXCLUDEPATTERNS,
        SOURCE_LOCAL_SHAREDKEYHINT,
        SOURCE_GIT,
        SOURCE_GIT_KEEPGITDIR,
        SOURCE_GIT_FULLURL,
        SOURCE_HTTP,
        SOURCE_HTTP_CHECKSUM,
        SOURCE_HTTP_PERM,
        SORUCE_HTTP_UIDGID,
        SOURCE_BUILDOP_LLBFILENAME,
        EXEC_META_BASE,
        EXEC_META_PROXYENV,
        EXEC_MOUNT_BIND,
        EXEC_MOUNT_CACHE,
        EXEC_MOUNT_CACHE_SHARING,
        EXEC_MOUNT_SELECTOR,
        EXEC_MOUNT_TMPFS,
        EXEC_MOUNT_SECRET,
        CONSTRAINTS,
        PLATFORM,
        META_IGNORECACHE,
        META_DESCRIPTION,
        META_EXPORTCACHE,
    ]
};

/// A daemon's answer to `Ping`.
///
/// ```
/// use buildkit_gateway::{Pong, caps};
///
/// let llb_caps = ["file.base", "exec.meta.base"].into_iter().collect();
/// let old = Pong { llb_caps, ..Pong::default() };
/// assert!(old.llb_caps.contains("file.base") && !old.llb_caps.contains("mergeop"));
/// assert!(!old.gateway_caps.contains(caps::EXEC), "no containers for frontends");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pong {
    /// Capabilities of the gateway API, listed and enabled.
    pub gateway_caps: CapSet,
    /// Capabilities of LLB, listed and enabled.
    pub llb_caps: CapSet,
    /// Workers; the first is the default one.
    pub workers: Vec<Worker>,
}

/// One worker of a daemon.
///
/// ```
/// use buildkit_gateway::{BuildOptions, Platform, Worker};
///
/// let worker = Worker { platforms: vec![Platform::linux("arm64")], ..Worker::default() };
/// let options = BuildOptions { workers: vec![worker], ..BuildOptions::default() };
/// assert_eq!(options.build_platform(), Platform::linux("arm64"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Worker {
    /// Its id.
    pub id: String,
    /// Its labels.
    #[serde(deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    /// What it can run; the first is its own platform.
    #[serde(deserialize_with = "or_default")]
    pub platforms: Vec<Platform>,
}

/// Go writes empty lists and maps as null.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(json: D) -> Result<T, D::Error> {
    Option::deserialize(json).map(Option::unwrap_or_default)
}

impl Pong {
    pub(crate) fn from_rpc(pong: gateway::PongResponse) -> Self {
        Self {
            gateway_caps: cap_set(pong.frontend_api_caps, DEFAULT_GATEWAY_CAPS),
            llb_caps: cap_set(pong.llb_caps, DEFAULT_LLB_CAPS),
            workers: pong
                .workers
                .into_iter()
                .map(|worker| Worker {
                    id: worker.id,
                    labels: worker.labels.into_iter().collect(),
                    platforms: worker.platforms.into_iter().map(platform_from_rpc).collect(),
                })
                .collect(),
        }
    }
}

/// Supported means listed *and* enabled (`moby/buildkit: util/apicaps/caps.go`).
fn cap_set(listed: Vec<apicaps::ApiCap>, default: &[&str]) -> CapSet {
    if listed.is_empty() {
        return default.iter().copied().collect();
    }
    listed.into_iter().filter(|cap| cap.enabled && !cap.id.is_empty()).map(|cap| cap.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disabled_is_absent_and_no_list_is_the_frozen_one() {
        let cap = |id: &str, enabled| apicaps::ApiCap { id: id.into(), enabled, ..Default::default() };
        let pong = Pong::from_rpc(gateway::PongResponse {
            frontend_api_caps: Vec::new(),
            llb_caps: vec![cap("file.base", true), cap("mergeop", false)],
            workers: Vec::new(),
        });
        assert!(pong.llb_caps.contains("file.base") && !pong.llb_caps.contains("mergeop"));
        assert!(!pong.llb_caps.contains("source.image"), "a list replaces the default");
        assert!(pong.gateway_caps.contains("readfile") && !pong.gateway_caps.contains("return"));
        assert!(Pong::from_rpc(gateway::PongResponse::default()).llb_caps.contains("soruce.http.uidgid"));
    }
}
