//! Names on the wire: options of frontends, attributes of ops and exporters, keys of results, subrequests.
//!
//! Each group is a module of constants with the file of BuildKit that defines it. A constant is named like its text, in capitals;
//! `ALL` lists all constants of a group. `testdata/vectors/keys.txt` contains the names of the pinned release, and a test
//! compares the two. Misspellings on the wire are kept.
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
        /// An image in the store of a Docker Engine, exported by its BuildKit (`moby/moby:
        /// daemon/internal/builder-next/exporter`).
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
        /// Push the image without a name.
        PUSH_BY_DIGEST = "push-by-digest";
        /// Push over HTTP.
        REGISTRY_INSECURE = "registry.insecure";
        /// Unpack the image in the store.
        UNPACK = "unpack";
        /// Keep the image in the store.
        STORE = "store";
        /// Prefix of the generated name of an image without a name.
        DANGLING_NAME_PREFIX = "dangling-name-prefix";
        /// Use the generated name only if there is no other name; misspelled on the wire.
        DANGING_NAME_EMPTY_ONLY = "danging-name-empty-only";
        /// Add a name with the digest.
        NAME_CANONICAL = "name-canonical";
        /// Use OCI media types instead of Docker's.
        OCI_MEDIATYPES = "oci-mediatypes";
        /// Store attestations as OCI artifacts.
        OCI_ARTIFACT = "oci-artifact";
        /// Store attestations with the image.
        ATTESTATION_INLINE = "attestation-inline";
        /// Keep the mark of layers that must not be distributed.
        PREFER_NONDIST_LAYERS = "prefer-nondist-layers";
        /// Clamp timestamps to this time.
        SOURCE_DATE_EPOCH = "source-date-epoch";
        /// Clamp timestamps in layers too.
        REWRITE_TIMESTAMP = "rewrite-timestamp";
        /// Compression of new layers.
        COMPRESSION = "compression";
        /// Compress existing layers too.
        FORCE_COMPRESSION = "force-compression";
        /// Compression level.
        COMPRESSION_LEVEL = "compression-level";
        /// Prefix of the file names of attestations.
        ATTESTATION_PREFIX = "attestation-prefix";
        /// Create a folder for each platform.
        PLATFORM_SPLIT = "platform-split";
        /// `copy`, or `delete` to remove other files from the folder.
        MODE = "mode";
        /// Write an archive instead of a folder.
        TAR = "tar";
        /// Use the digest of the manifest as the image id (`docker/buildx: build/opt.go`).
        PREFER_IMAGE_DIGEST = "prefer-image-digest";
    }
}

/// Keys of the metadata of results and of the responses of exporters
/// (`moby/buildkit: exporter/containerimage/exptypes/types.go`, `exporter/exptypes/keys.go`, `cache/remotecache/export.go`).
pub mod result {
    keys! {
        /// JSON list of the platforms in the result; mandatory if there is a ref for each platform.
        PLATFORMS = "refs.platforms";
        /// Image config as JSON; `/ID` is appended for the ref of one platform.
        IMAGE_CONFIG = "containerimage.config";
        /// The unmodified config of the base image, with the same suffix. It protects the base's layers and history when
        /// timestamps are rewritten.
        IMAGE_BASE_CONFIG = "containerimage.base.config";
        /// The time in decimal seconds, with the same suffix.
        SOURCE_DATE_EPOCH = "source.date.epoch";
        /// The digest of the manifest or index.
        IMAGE_DIGEST = "containerimage.digest";
        /// The digest of the config.
        IMAGE_CONFIG_DIGEST = "containerimage.config.digest";
        /// The descriptor, base64 of JSON.
        IMAGE_DESCRIPTOR = "containerimage.descriptor";
        /// The names of the image.
        IMAGE_NAME = "image.name";
        /// The digest of the config, as reported by older daemons.
        CONFIG_DIGEST = "config.digest";
        /// The descriptor of the exported cache.
        CACHE_MANIFEST = "cache.manifest";
        /// The answer to a subrequest, as JSON (`frontend/subrequests/*`).
        RESULT_JSON = "result.json";
        /// The answer to a subrequest, as text.
        RESULT_TXT = "result.txt";
        /// The exit code for the client.
        RESULT_STATUSCODE = "result.statuscode";
        /// The version of the answer's format.
        VERSION = "version";
    }
}

/// Subrequests, the values of the option `requestid` (`moby/buildkit: frontend/subrequests/*`).
pub mod subrequest {
    keys! {
        /// List the supported subrequests.
        DESCRIBE = "frontend.subrequests.describe";
        /// Check the spec for possible improvements.
        LINT = "frontend.lint";
        /// List the parameters of the spec.
        OUTLINE = "frontend.outline";
        /// List the targets of the spec.
        TARGETS = "frontend.targets";
        /// Convert the spec to a graph.
        CONVERTLLB = "frontend.convertllb";
    }
}

/// Privileges of a build (`moby/buildkit: util/entitlements/entitlements.go`).
pub mod entitlement {
    keys! {
        /// The network of the host.
        NETWORK_HOST = "network.host";
        /// Run without confinement.
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
        /// The folder that a local cache is imported from.
        SRC = "src";
        /// The folder that a local cache is exported to.
        DEST = "dest";
        /// The digest of the manifest of a local cache.
        DIGEST = "digest";
    }
}

#[cfg(test)]
mod tests;
