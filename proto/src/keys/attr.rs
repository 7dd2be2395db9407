//! Attributes of source and build ops (`moby/buildkit: solver/pb/attr.go`), and the texts that are values of some.

keys! {
    /// Leave `.git` in the result.
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
    /// The commit it must be.
    GIT_CHECKSUM = "git.checksum";
    /// Do not fetch submodules.
    GIT_SKIPSUBMODULES = "git.skipsubmodules";
    /// Which time files get.
    GIT_MTIME = "git.mtime";
    /// Fetch the commit without asking for the reference.
    GIT_FETCHBYCOMMIT = "git.fetchbycommit";
    /// Take the commits from a bundle.
    GIT_BUNDLE = "git.bundle";
    /// The result is a bundle.
    GIT_CHECKOUTBUNDLE = "git.checkoutbundle";
    /// The beginning of the attributes of a signature.
    GIT_SIG_PREFIX = "git.sig.";
    /// The public key of a signature.
    GIT_SIG_PUBKEY = "git.sig.pubkey";
    /// Refuse keys that have expired.
    GIT_SIG_REJECTEXPIRED = "git.sig.rejectexpired";
    /// The tag itself must be signed.
    GIT_SIG_REQUIRESIGNEDTAG = "git.sig.requiresignedtag";
    /// A signature of the tag does not count.
    GIT_SIG_IGNORESIGNEDTAG = "git.sig.ignoresignedtag";
    /// The session that serves it.
    LOCAL_SESSION = "local.session";
    /// Salt for the digest.
    LOCAL_UNIQUE = "local.unique";
    /// Only what matches; without the s on the wire.
    LOCAL_INCLUDEPATTERN = "local.includepattern";
    /// Not what matches.
    LOCAL_EXCLUDEPATTERNS = "local.excludepatterns";
    /// Only these paths, links followed.
    LOCAL_FOLLOWPATHS = "local.followpaths";
    /// Names the copy of the daemon to update.
    LOCAL_SHAREDKEYHINT = "local.sharedkeyhint";
    /// How changed files are found.
    LOCAL_DIFFER = "local.differ";
    /// Names and sizes instead of content.
    LOCAL_METADATATRANSFER = "local.metadatatransfer";
    /// Paths whose content is transferred all the same.
    LOCAL_METADATATRANSFEREXCLUDE = "local.metadatatransferexclude";
    /// The file with the definition.
    LLBBUILD_FILENAME = "llbbuild.filename";
    /// What the file must be.
    HTTP_CHECKSUM = "http.checksum";
    /// The name of the file.
    HTTP_FILENAME = "http.filename";
    /// Its permission bits, octal.
    HTTP_PERM = "http.perm";
    /// Its owner.
    HTTP_UID = "http.uid";
    /// Its group.
    HTTP_GID = "http.gid";
    /// The secret with the `Authorization` header.
    HTTP_AUTHHEADERSECRET = "http.authheadersecret";
    /// The beginning of the attributes of headers.
    HTTP_HEADER_PREFIX = "http.header.";
    /// The `Accept` header.
    HTTP_HEADER_ACCEPT = "http.header.accept";
    /// The `User-Agent` header.
    HTTP_HEADER_USER_AGENT = "http.header.user-agent";
    /// The beginning of the attributes of a signature.
    HTTP_SIG_PREFIX = "http.sig.";
    /// The public key of a signature.
    HTTP_SIG_PUBKEY = "http.sig.pubkey";
    /// The signature.
    HTTP_SIG_SIGNATURE = "http.sig.signature";
    /// Where a reference is looked up.
    IMAGE_RESOLVEMODE = "image.resolvemode";
    /// Bookkeeping of the daemon.
    IMAGE_RECORDTYPE = "image.recordtype";
    /// Only the first layers.
    IMAGE_LAYERLIMIT = "image.layerlimit";
    /// What the reference must resolve to.
    IMAGE_CHECKSUM = "image.checksum";
    /// The session that serves a content store.
    OCI_SESSION = "oci.session";
    /// The content store.
    OCI_STORE = "oci.store";
    /// Only the first layers.
    OCI_LAYERLIMIT = "oci.layerlimit";
    /// A value of `image.resolvemode`: the choice of the daemon.
    IMAGE_RESOLVEMODE_DEFAULT = "default";
    /// A value of `image.resolvemode`: ask the registry.
    IMAGE_RESOLVEMODE_PULL = "pull";
    /// A value of `image.resolvemode`: prefer what is there.
    IMAGE_RESOLVEMODE_LOCAL = "local";
    /// A value of `local.differ`: ask for all files.
    LOCAL_DIFFER_NONE = "none";
    /// A value of `local.differ`: compare the results of `stat`.
    LOCAL_DIFFER_METADATA = "metadata";
}
