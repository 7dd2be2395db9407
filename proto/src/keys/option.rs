//! Options of a frontend, the `frontend_attrs` of a solve (`moby/buildkit: frontend/dockerui/config.go`, `context.go`,
//! `namedcontext.go`, `requests.go`, `frontend/frontend.go`, `frontend/attestations/parse.go`).
//!
//! A constant that ends in a colon is the prefix of a key; a name follows.

keys! {
    /// Path of the spec in its source.
    FILENAME = "filename";
    /// URL of the main context; if it is absent, the context is a local or an input.
    CONTEXT = "context";
    /// The name of the option that holds the main context.
    CONTEXTKEY = "contextkey";
    /// The folder in a context that is not local.
    CONTEXTSUBDIR = "contextsubdir";
    /// The local that holds the spec.
    DOCKERFILEKEY = "dockerfilekey";
    /// The target of the spec to build.
    TARGET = "target";
    /// Platforms to build for, separated by commas.
    PLATFORM = "platform";
    /// Whether the result has a ref for each platform.
    MULTI_PLATFORM = "multi-platform";
    /// The steps to run without cache; empty means all steps.
    NO_CACHE = "no-cache";
    /// References of registry caches, as sent by older clients.
    CACHE_FROM = "cache-from";
    /// Caches to import, as JSON.
    CACHE_IMPORTS = "cache-imports";
    /// Where to resolve image references.
    IMAGE_RESOLVE_MODE = "image-resolve-mode";
    /// Lines of `/etc/hosts`, as CSV of `host=ip`.
    ADD_HOSTS = "add-hosts";
    /// The network of every exec.
    FORCE_NETWORK_MODE = "force-network-mode";
    /// The host name in execs.
    HOSTNAME = "hostname";
    /// Bytes of `/dev/shm`.
    SHM_SIZE = "shm-size";
    /// Limits of every exec, as CSV.
    ULIMIT = "ulimit";
    /// The cgroup of every exec.
    CGROUP_PARENT = "cgroup-parent";
    /// Bytes of memory of every exec.
    MEMORY = "memory";
    /// Bytes of memory and swap together.
    MEMSWAP = "memswap";
    /// The relative weight of every exec.
    CPUSHARES = "cpushares";
    /// Microseconds of a scheduling period.
    CPUPERIOD = "cpuperiod";
    /// Microseconds of CPU time in a period.
    CPUQUOTA = "cpuquota";
    /// CPUs to run on.
    CPUSETCPUS = "cpusetcpus";
    /// Memory nodes to use.
    CPUSETMEMS = "cpusetmems";
    /// The subrequest to answer instead of building.
    REQUESTID = "requestid";
    /// The frontend image, for `gateway.v0`.
    SOURCE = "source";
    /// The value of the `# syntax=` line with its arguments (`frontend/dockerfile/builder/build.go`).
    CMDLINE = "cmdline";
    /// Capabilities that the client requires.
    FRONTEND_CAPS = "frontend.caps";
    /// A build argument.
    BUILD_ARG_PREFIX = "build-arg:";
    /// A label of the image.
    LABEL_PREFIX = "label:";
    /// A named context.
    CONTEXT_PREFIX = "context:";
    /// Metadata of an input, as JSON.
    INPUT_METADATA_PREFIX = "input-metadata:";
    /// The session that serves a local.
    LOCAL_SESSIONID_PREFIX = "local-sessionid:";
    /// The shared key of a local.
    SHAREDKEY_LOCALDIR_PREFIX = "sharedkey:localdir:";
    /// An attestation to create.
    ATTEST_PREFIX = "attest:";
    /// An attestation to create, as a build argument.
    BUILD_ARG_BUILDKIT_ATTEST_PREFIX = "build-arg:BUILDKIT_ATTEST_";
    /// Namespace of the ids of cache mounts.
    BUILD_ARG_BUILDKIT_CACHE_MOUNT_NS = "build-arg:BUILDKIT_CACHE_MOUNT_NS";
    /// Whether a git context keeps its `.git`.
    BUILD_ARG_BUILDKIT_CONTEXT_KEEP_GIT_DIR = "build-arg:BUILDKIT_CONTEXT_KEEP_GIT_DIR";
    /// Settings of the Dockerfile check.
    BUILD_ARG_BUILDKIT_DOCKERFILE_CHECK = "build-arg:BUILDKIT_DOCKERFILE_CHECK";
    /// Whether the result has a ref for each platform.
    BUILD_ARG_BUILDKIT_MULTI_PLATFORM = "build-arg:BUILDKIT_MULTI_PLATFORM";
    /// The host name in execs.
    BUILD_ARG_BUILDKIT_SANDBOX_HOSTNAME = "build-arg:BUILDKIT_SANDBOX_HOSTNAME";
    /// The time for all timestamps.
    BUILD_ARG_SOURCE_DATE_EPOCH = "build-arg:SOURCE_DATE_EPOCH";
    /// No longer supported upstream.
    BUILD_ARG_BUILDKIT_DISABLE_FILEOP = "build-arg:BUILDKIT_DISABLE_FILEOP";
    /// No longer supported upstream.
    GATEWAY_DEVEL = "gateway-devel";
    /// No longer supported upstream.
    OVERRIDE_COPY_IMAGE = "override-copy-image";
}
