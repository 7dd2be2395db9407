//! The names on the wire: options of frontends, attributes of ops and exporters, keys of results, subrequests.
//!
//! Each group is a module of constants, called like their text in capitals, with the file of BuildKit that defines it; `ALL`
//! lists them. `testdata/vectors/keys.txt` has the names that the pinned release defines, and a test compares the two.
//! Misspellings of the wire are kept. What a name means for a build is for its users to know.
//!
//! ```
//! use buildkit_proto::keys::{exporter_attr, option};
//!
//! let opts = [(format!("{}VERSION", option::BUILD_ARG_PREFIX), "3"), (option::TARGET.to_owned(), "app")];
//! assert_eq!(opts[0].0, "build-arg:VERSION");
//! assert!(exporter_attr::ALL.contains(&exporter_attr::PUSH));
//! ```

macro_rules! keys {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $text;)*
        /// All names of this group.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

pub mod attr;
pub mod option;

/// Kinds of exporters (`moby/buildkit: client/exporters.go`).
pub mod exporter {
    keys! {
        /// An image in the store of the daemon or in a registry.
        IMAGE = "image";
        /// An OCI archive.
        OCI = "oci";
        /// A Docker archive.
        DOCKER = "docker";
        /// Files in a folder of the client.
        LOCAL = "local";
        /// Files in a tar archive.
        TAR = "tar";
        /// An image in the store of a Docker Engine, by the BuildKit in it (`moby/moby: daemon/internal/builder-next/exporter`).
        MOBY = "moby";
    }
}

/// Attributes of exporters (`moby/buildkit: exporter/containerimage/exptypes/keys.go`, `exporter/exptypes/keys.go`,
/// `exporter/local/fs.go`, `exporter/oci/export.go`).
pub mod exporter_attr {
    keys! {
        /// Names of the image, separated by commas.
        NAME = "name";
        /// Push the image.
        PUSH = "push";
        /// Push it without a name.
        PUSH_BY_DIGEST = "push-by-digest";
        /// Push over HTTP.
        REGISTRY_INSECURE = "registry.insecure";
        /// Unpack the image in the store.
        UNPACK = "unpack";
        /// Keep the image in the store.
        STORE = "store";
        /// The beginning of the name of an image without a name.
        DANGLING_NAME_PREFIX = "dangling-name-prefix";
        /// Only where there is no other name; misspelled on the wire.
        DANGING_NAME_EMPTY_ONLY = "danging-name-empty-only";
        /// One more name with the digest.
        NAME_CANONICAL = "name-canonical";
        /// Media types of OCI instead of Docker.
        OCI_MEDIATYPES = "oci-mediatypes";
        /// Attestations are OCI artifacts.
        OCI_ARTIFACT = "oci-artifact";
        /// Attestations go with the image.
        ATTESTATION_INLINE = "attestation-inline";
        /// Layers that must not be distributed stay marked.
        PREFER_NONDIST_LAYERS = "prefer-nondist-layers";
        /// Clamp timestamps to this.
        SOURCE_DATE_EPOCH = "source-date-epoch";
        /// Clamp those in layers too.
        REWRITE_TIMESTAMP = "rewrite-timestamp";
        /// How new layers are compressed.
        COMPRESSION = "compression";
        /// Compress the layers that are there too.
        FORCE_COMPRESSION = "force-compression";
        /// How strongly.
        COMPRESSION_LEVEL = "compression-level";
        /// The beginning of the names of attestations.
        ATTESTATION_PREFIX = "attestation-prefix";
        /// A folder for each platform.
        PLATFORM_SPLIT = "platform-split";
        /// `copy`, or `delete` what else is in the folder.
        MODE = "mode";
        /// An archive rather than a folder.
        TAR = "tar";
        /// The id of the image is the digest of its manifest (`docker/buildx: build/opt.go`).
        PREFER_IMAGE_DIGEST = "prefer-image-digest";
    }
}

/// Keys of the metadata of results and of the responses of exporters
/// (`moby/buildkit: exporter/containerimage/exptypes/types.go`, `exporter/exptypes/keys.go`, `cache/remotecache/export.go`).
pub mod result {
    keys! {
        /// JSON list of the platforms in the result; mandatory when there is a ref for each platform.
        PLATFORMS = "refs.platforms";
        /// Image config as JSON; `/ID` is appended for the ref of one platform.
        IMAGE_CONFIG = "containerimage.config";
        /// The unmodified config of the base image, with the same suffix; it protects the base's layers and history when timestamps are rewritten.
        IMAGE_BASE_CONFIG = "containerimage.base.config";
        /// Decimal seconds, with the same suffix.
        SOURCE_DATE_EPOCH = "source.date.epoch";
        /// The digest of the manifest or index.
        IMAGE_DIGEST = "containerimage.digest";
        /// The digest of the config.
        IMAGE_CONFIG_DIGEST = "containerimage.config.digest";
        /// The descriptor, base64 of JSON.
        IMAGE_DESCRIPTOR = "containerimage.descriptor";
        /// The names of the image.
        IMAGE_NAME = "image.name";
        /// The digest of the config, from older daemons.
        CONFIG_DIGEST = "config.digest";
        /// The descriptor of the exported cache.
        CACHE_MANIFEST = "cache.manifest";
        /// The answer to a subrequest as JSON (`frontend/subrequests/*`).
        RESULT_JSON = "result.json";
        /// The answer as text.
        RESULT_TXT = "result.txt";
        /// The exit code that a client should end with.
        RESULT_STATUSCODE = "result.statuscode";
        /// The version of the answer's form.
        VERSION = "version";
    }
}

/// Subrequests, the values of the option `requestid` (`moby/buildkit: frontend/subrequests/*`).
pub mod subrequest {
    keys! {
        /// Which subrequests there are.
        DESCRIBE = "frontend.subrequests.describe";
        /// What could be better in the spec.
        LINT = "frontend.lint";
        /// What the spec takes.
        OUTLINE = "frontend.outline";
        /// Which targets the spec has.
        TARGETS = "frontend.targets";
        /// The graph of the spec.
        CONVERTLLB = "frontend.convertllb";
    }
}

/// Privileges of a build (`moby/buildkit: util/entitlements/entitlements.go`).
pub mod entitlement {
    keys! {
        /// The network of the host.
        NETWORK_HOST = "network.host";
        /// No confinement.
        SECURITY_INSECURE = "security.insecure";
        /// Devices of the host.
        DEVICE = "device";
    }
}

/// Names of the frontends of a daemon (`moby/buildkit: cmd/buildkitd/main.go`).
pub mod frontend {
    keys! {
        /// The Dockerfile frontend in the daemon.
        DOCKERFILE_V0 = "dockerfile.v0";
        /// A frontend image.
        GATEWAY_V0 = "gateway.v0";
    }
}

/// Names of the locals that clients serve (`moby/buildkit: frontend/dockerui/context.go`).
pub mod local {
    keys! {
        /// The build context.
        CONTEXT = "context";
        /// The folder of the spec.
        DOCKERFILE = "dockerfile";
    }
}

/// Kinds of remote caches (`moby/buildkit: cache/remotecache/*`), and the attributes that all clients set.
pub mod cache {
    keys! {
        /// In the image itself.
        INLINE = "inline";
        /// In a registry.
        REGISTRY = "registry";
        /// In a folder of the client.
        LOCAL = "local";
        /// In the cache of GitHub Actions.
        GHA = "gha";
        /// In a bucket of S3.
        S3 = "s3";
        /// In a container of Azure.
        AZBLOB = "azblob";
        /// The reference of a cache in a registry.
        REF = "ref";
    }
}

#[cfg(test)]
mod tests;
