//! Attributes of source and build ops (`moby/buildkit: solver/pb/attr.go`), and constant values of some.

keys! {
    /// Keep `.git` in the result.
    GIT_KEEPGITDIR = "git.keepgitdir";
    /// The URL for git.
    GIT_FULLURL = "git.fullurl";
    /// The secret with the `Authorization` header.
    GIT_AUTHHEADERSECRET = "git.authheadersecret";
    /// The secret with a token.
    GIT_AUTHTOKENSECRET = "git.authtokensecret";
    /// Lines of a `known_hosts` file.
    GIT_KNOWNSSHHOSTS = "git.knownsshhosts";
    /// The ssh agent.
    GIT_MOUNTSSHSOCK = "git.mountsshsock";
    /// The expected commit.
    GIT_CHECKSUM = "git.checksum";
    /// Do not fetch submodules.
    GIT_SKIPSUBMODULES = "git.skipsubmodules";
    /// The time of the files.
    GIT_MTIME = "git.mtime";
    /// Fetch the commit without resolving the reference.
    GIT_FETCHBYCOMMIT = "git.fetchbycommit";
    /// Take the commits from a bundle.
    GIT_BUNDLE = "git.bundle";
    /// Return a bundle.
    GIT_CHECKOUTBUNDLE = "git.checkoutbundle";
    /// Prefix of the attributes of a signature.
    GIT_SIG_PREFIX = "git.sig.";
    /// The public key of a signature.
    GIT_SIG_PUBKEY = "git.sig.pubkey";
    /// Reject expired keys.
    GIT_SIG_REJECTEXPIRED = "git.sig.rejectexpired";
    /// Require a signature of the tag itself.
    GIT_SIG_REQUIRESIGNEDTAG = "git.sig.requiresignedtag";
    /// Ignore a signature of the tag.
    GIT_SIG_IGNORESIGNEDTAG = "git.sig.ignoresignedtag";
    /// The session that serves the directory.
    LOCAL_SESSION = "local.session";
    /// Salt for the digest.
    LOCAL_UNIQUE = "local.unique";
    /// Include only matching paths; without the s on the wire.
    LOCAL_INCLUDEPATTERN = "local.includepattern";
    /// Exclude matching paths.
    LOCAL_EXCLUDEPATTERNS = "local.excludepatterns";
    /// Include only these paths, and follow links.
    LOCAL_FOLLOWPATHS = "local.followpaths";
    /// The key of the daemon's copy to update.
    LOCAL_SHAREDKEYHINT = "local.sharedkeyhint";
    /// How to detect changed files.
    LOCAL_DIFFER = "local.differ";
    /// Transfer metadata instead of content.
    LOCAL_METADATATRANSFER = "local.metadatatransfer";
    /// Paths whose content is transferred nevertheless.
    LOCAL_METADATATRANSFEREXCLUDE = "local.metadatatransferexclude";
    /// The file with the definition.
    LLBBUILD_FILENAME = "llbbuild.filename";
    /// The expected checksum of the file.
    HTTP_CHECKSUM = "http.checksum";
    /// The name of the file.
    HTTP_FILENAME = "http.filename";
    /// The permission bits of the file, octal.
    HTTP_PERM = "http.perm";
    /// The owner of the file.
    HTTP_UID = "http.uid";
    /// The group of the file.
    HTTP_GID = "http.gid";
    /// The secret with the `Authorization` header.
    HTTP_AUTHHEADERSECRET = "http.authheadersecret";
    /// Prefix of the attributes of headers.
    HTTP_HEADER_PREFIX = "http.header.";
    /// The `Accept` header.
    HTTP_HEADER_ACCEPT = "http.header.accept";
    /// The `User-Agent` header.
    HTTP_HEADER_USER_AGENT = "http.header.user-agent";
    /// Prefix of the attributes of a signature.
    HTTP_SIG_PREFIX = "http.sig.";
    /// The public key of a signature.
    HTTP_SIG_PUBKEY = "http.sig.pubkey";
    /// The signature.
    HTTP_SIG_SIGNATURE = "http.sig.signature";
    /// Where to resolve a reference.
    IMAGE_RESOLVEMODE = "image.resolvemode";
    /// The record type, for the daemon's bookkeeping.
    IMAGE_RECORDTYPE = "image.recordtype";
    /// Use only the first layers.
    IMAGE_LAYERLIMIT = "image.layerlimit";
    /// The expected digest of the reference.
    IMAGE_CHECKSUM = "image.checksum";
    /// The session that serves a content store.
    OCI_SESSION = "oci.session";
    /// The content store.
    OCI_STORE = "oci.store";
    /// Use only the first layers.
    OCI_LAYERLIMIT = "oci.layerlimit";
    /// A value of `image.resolvemode`: the daemon chooses.
    IMAGE_RESOLVEMODE_DEFAULT = "default";
    /// A value of `image.resolvemode`: ask the registry.
    IMAGE_RESOLVEMODE_PULL = "pull";
    /// A value of `image.resolvemode`: prefer the local store.
    IMAGE_RESOLVEMODE_LOCAL = "local";
    /// A value of `local.differ`: request all files.
    LOCAL_DIFFER_NONE = "none";
    /// A value of `local.differ`: compare the results of `stat`.
    LOCAL_DIFFER_METADATA = "metadata";
}
