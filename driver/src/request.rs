//! What a build asks of the daemon besides the image: where results go, attestations, cache, privileges, source policies.

use std::collections::BTreeMap;

use buildkit_client::output::Output;
use buildkit_client::solve::CacheEntry;
use buildkit_proto::caps;
use buildkit_proto::rpc::sourcepolicy::Policy;

use crate::attest::Attestations;

/// The options of a build, in addition to the images.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The delivery of results.
    pub delivery: DeliveryOptions,
    /// The attestations to add.
    pub attestations: Attestations,
    /// The caches to export.
    pub cache_exports: Vec<CacheEntry>,
    /// The caches to import.
    pub cache_imports: Vec<CacheEntry>,
    /// Privileges of the steps; the daemon has to allow them too.
    pub entitlements: Vec<String>,
    /// The sources that a build may use, and the replacements of others.
    pub source_policy: Option<Policy>,
    /// A frontend image that compiles in the daemon, instead of the frontend in this process.
    pub frontend_image: Option<String>,
    /// Build and push even if the image is up to date.
    pub always_build: bool,
}

impl Request {
    /// The capabilities for options that an old daemon would ignore, each with the name of the option.
    pub(crate) fn required_caps(&self) -> Vec<(&'static str, &'static str)> {
        self.source_policy.iter().map(|_| (caps::llb::SOURCE_POLICY, "a source policy")).collect()
    }
}

/// The requested outputs.
#[derive(Clone, Debug, Default)]
pub struct DeliveryOptions {
    /// `--output`.
    pub outputs: Vec<Output>,
    /// `--push`.
    pub push: bool,
    /// `--load`.
    pub load: bool,
    /// Annotations of images, by name; a prefix such as `index:` selects the level (docker/buildx: `util/buildflags/annotations.go`).
    pub annotations: BTreeMap<String, String>,
    /// The compression of new layers in a push, unless an output sets one; empty for the daemon's default.
    pub compression: String,
    /// Whether standard output is a terminal, to which no archive can be written.
    pub stdout_is_terminal: bool,
    /// Whether the image's id is requested, which requires an image.
    pub image_id_file: bool,
}
