//! The opts of a build, typed (`moby/buildkit: frontend/dockerui/config.go`, `attr.go`, `frontend/attestations`).
//!
//! Unknown keys are kept and ignored, because forwarded opts are a superset; a known key with an invalid value is an error
//! that names both. What the values mean for a graph is decided by the frontend.

mod types;
mod value;

use std::collections::BTreeMap;

pub use types::{AddHost, LinuxResources, NoCache, OptionError, Sbom, SourceDateEpoch, Ulimit};

pub use buildkit_llb::Network as NetworkMode;
use buildkit_proto::keys::option;

use oci_names::Platform;

use crate::bridge::{CacheImport, ResolveMode};
use crate::pong::Worker;

/// Variables of a frontend container (`moby/buildkit: frontend/gateway/gateway.go`).
const ENV_OPT_PREFIX: &str = "BUILDKIT_FRONTEND_OPT_";
const ENV_SESSION_ID: &str = "BUILDKIT_SESSION_ID";
const ENV_WORKERS: &str = "BUILDKIT_WORKERS";
const ENV_PRODUCT: &str = "BUILDKIT_EXPORTEDPRODUCT";

/// The user's options, apart from the spec.
///
/// ```
/// use buildkit_gateway::{BuildOptions, NetworkMode};
///
/// let opts = [("platform", "linux/arm64"), ("build-arg:VERSION", "3"), ("force-network-mode", "none")];
/// let opts = opts.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
/// let options = BuildOptions::new(opts, "session".into(), Vec::new(), String::new())?;
/// assert_eq!((options.build_args["VERSION"].as_str(), options.network), ("3", NetworkMode::None));
/// assert_eq!(options.platforms[0].to_string(), "linux/arm64");
/// # Ok::<(), buildkit_gateway::OptionError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BuildOptions {
    /// Every opt unchanged, known or not.
    pub opts: BTreeMap<String, String>,
    /// The session that serves locals, secrets and the like.
    pub session_id: String,
    /// The daemon's workers; the first is the default one.
    pub workers: Vec<Worker>,
    /// What users should update; may be empty.
    pub product: String,

    /// Path of the spec in its source (`filename`).
    pub filename: Option<String>,
    /// The local with the spec (`dockerfilekey`); if it is set, the spec is always read from the client.
    pub dockerfile_key: Option<String>,
    /// URL of the main context, from the opt `contextkey` names or from `context`; `None` is a local or an input.
    pub context: Option<String>,
    /// A folder of a context that is not local (`contextsubdir`).
    pub context_subdir: Option<String>,
    /// `context:NAME`, by name.
    pub named_contexts: BTreeMap<String, String>,
    /// `input-metadata:NAME`, by name.
    pub input_metadata: BTreeMap<String, String>,
    /// `local-sessionid:NAME`, by name; see [`BuildOptions::session_of`].
    pub local_session_ids: BTreeMap<String, String>,
    /// `sharedkey:localdir:NAME`, by name.
    pub shared_keys: BTreeMap<String, String>,
    /// Keep `.git` of a git context (`build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR`).
    pub keep_git_dir: Option<bool>,

    /// Which part of the spec to build (`target`).
    pub target: Option<String>,
    /// The requested platforms, normalized; empty for the default (`platform`).
    pub platforms: Vec<Platform>,
    /// Whether the result needs a ref per platform (`multi-platform`, or more than one platform).
    pub multi_platform: bool,
    /// `build-arg:NAME`, by name. `BUILDKIT_*` ones are meant for the frontend itself.
    pub build_args: BTreeMap<String, String>,
    /// `label:NAME`, by name.
    pub labels: BTreeMap<String, String>,
    /// What to build without cache (`no-cache`).
    pub no_cache: NoCache,
    /// Where to look for cache (`cache-imports`, `cache-from`); to be passed to our own solves.
    pub cache_imports: Vec<CacheImport>,
    /// How to resolve images (`image-resolve-mode`).
    pub resolve_mode: ResolveMode,
    /// Extra lines of `/etc/hosts` (`add-hosts`).
    pub add_hosts: Vec<AddHost>,
    /// Network of every exec (`force-network-mode`).
    pub network: NetworkMode,
    /// Host name in execs (`hostname`, `build-arg:BUILDKIT_SANDBOX_HOSTNAME`).
    pub hostname: Option<String>,
    /// Bytes of `/dev/shm`; `None` for the default (`shm-size`).
    pub shm_size: Option<u64>,
    /// Limits of every exec (`ulimit`).
    pub ulimits: Vec<Ulimit>,
    /// cgroup of every exec (`cgroup-parent`).
    pub cgroup_parent: Option<String>,
    /// cgroup limits of every exec (`memory`, `cpushares` and so on).
    pub linux_resources: LinuxResources,
    /// Namespace of cache mount ids (`build-arg:BUILDKIT_CACHE_MOUNT_NS`).
    pub cache_mount_ns: Option<String>,
    /// Time to stamp on everything (`build-arg:SOURCE_DATE_EPOCH`).
    pub source_date_epoch: Option<SourceDateEpoch>,
    /// The SBOM to make (`attest:sbom`).
    pub sbom: Option<Sbom>,

    /// What to do instead of building (`requestid`).
    pub request_id: Option<String>,
    /// Capabilities the client needs of the frontend, without suffixes (`frontend.caps`).
    pub frontend_caps: Vec<String>,
    /// The frontend image, when we run as one (`source`).
    pub source: Option<String>,
    /// The `# syntax=` line's value, with its arguments; there only if it was used (`cmdline`).
    pub cmdline: Option<String>,
}

impl BuildOptions {
    /// The options of a frontend container, from its environment.
    ///
    /// # Errors
    /// If a known opt has an invalid value, or the workers are unreadable.
    pub fn from_env(variables: impl Iterator<Item = (String, String)>) -> Result<Self, OptionError> {
        let (mut opts, mut session_id, mut workers, mut product) =
            (BTreeMap::new(), String::new(), String::new(), String::new());
        for (name, value) in variables {
            match name.as_str() {
                ENV_SESSION_ID => session_id = value,
                ENV_WORKERS => workers = value,
                ENV_PRODUCT => product = value,
                // The numbers follow the order of a random map: they mean nothing.
                name if name.starts_with(ENV_OPT_PREFIX) => {
                    let (key, value) = value.split_once('=').unwrap_or((&value, ""));
                    opts.insert(key.to_owned(), value.to_owned());
                }
                _ => {}
            }
        }
        let workers = value::workers(ENV_WORKERS, &workers)?;
        Self::new(opts, session_id, workers, product)
    }

    /// The options of a client-side build.
    ///
    /// # Errors
    /// If a known opt has an invalid value.
    pub fn new(
        opts: BTreeMap<String, String>,
        session_id: String,
        workers: Vec<Worker>,
        product: String,
    ) -> Result<Self, OptionError> {
        value::refuse_removed(&opts)?;
        let text = |key: &str| opts.get(key).filter(|value| !value.is_empty()).cloned();
        let below = |prefix: &str| -> BTreeMap<String, String> {
            opts.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.to_owned(), value.clone()))).collect()
        };
        let platforms = value::platforms(&opts)?;
        Ok(Self {
            filename: text(option::FILENAME),
            dockerfile_key: text(option::DOCKERFILEKEY),
            context: text(opts.get(option::CONTEXTKEY).map_or(option::CONTEXT, String::as_str)),
            context_subdir: text(option::CONTEXTSUBDIR),
            named_contexts: below(option::CONTEXT_PREFIX),
            input_metadata: below(option::INPUT_METADATA_PREFIX),
            local_session_ids: below(option::LOCAL_SESSIONID_PREFIX),
            shared_keys: below(option::SHAREDKEY_LOCALDIR_PREFIX),
            keep_git_dir: value::boolean(&opts, option::BUILD_ARG_BUILDKIT_CONTEXT_KEEP_GIT_DIR)?,
            target: text(option::TARGET),
            multi_platform: value::multi_platform(&opts, platforms.len())?,
            platforms,
            build_args: below(option::BUILD_ARG_PREFIX),
            labels: below(option::LABEL_PREFIX),
            no_cache: NoCache::parse(opts.get(option::NO_CACHE).map(String::as_str)),
            cache_imports: value::cache_imports(&opts)?,
            resolve_mode: value::resolve_mode(&opts)?,
            add_hosts: value::add_hosts(&opts)?,
            network: value::network(&opts)?,
            hostname: text(option::BUILD_ARG_BUILDKIT_SANDBOX_HOSTNAME).or_else(|| text(option::HOSTNAME)),
            shm_size: value::number(&opts, option::SHM_SIZE)?.filter(|bytes| *bytes != 0),
            ulimits: value::ulimits(&opts)?,
            cgroup_parent: text(option::CGROUP_PARENT),
            linux_resources: value::linux_resources(&opts)?,
            cache_mount_ns: text(option::BUILD_ARG_BUILDKIT_CACHE_MOUNT_NS),
            source_date_epoch: text(option::BUILD_ARG_SOURCE_DATE_EPOCH).map(SourceDateEpoch::parse),
            sbom: value::sbom(&opts)?,
            request_id: text(option::REQUESTID),
            frontend_caps: value::frontend_caps(&opts),
            source: text(option::SOURCE),
            cmdline: text(option::CMDLINE),
            opts,
            session_id,
            workers,
            product,
        })
    }

    /// The session that serves a local.
    #[must_use]
    pub fn session_of(&self, local: &str) -> &str {
        self.local_session_ids.get(local).unwrap_or(&self.session_id)
    }

    /// The platform builds run on: the default worker's own, or this program's if the daemon does not report one.
    #[must_use]
    pub fn build_platform(&self) -> Platform {
        let native = self.workers.first().and_then(|worker| worker.platforms.first());
        native.cloned().map_or_else(Platform::host, Platform::normalized)
    }

    /// The arguments of the frontend: what follows the image in the `# syntax=` line.
    #[must_use]
    pub fn cmdline_arguments(&self) -> &str {
        self.cmdline.as_deref().and_then(|line| line.split_once(' ')).map_or("", |(_, arguments)| arguments)
    }
}

#[cfg(test)]
mod tests;
