//! Git: a commit of a remote repository, checked out.

use std::str::FromStr;

use buildkit_proto::keys::attr;

use super::git_url::{GitRemote, GitSsh, GitUrlError};
use super::{Attrs, Source};

/// A commit of a remote repository (`git://`).
///
/// The identifier holds host and path only, so that one repository has one digest over ssh and https; the real URL is an
/// attribute.
///
/// ```
/// use buildkit_llb::{GitMtime, GitSource, Source};
///
/// let mut git = GitSource::parse("git@github.com:moby/buildkit.git#master:docs")?;
/// if let Some(ssh) = git.remote.ssh_mut() {
///     ssh.known_hosts = "github.com ssh-ed25519 AAAA...".to_owned();
/// }
/// let source = Source::from(GitSource {
///     mtime: Some(GitMtime::Commit),
///     ..git
/// });
/// assert_eq!(source.identifier(), "git://github.com/moby/buildkit.git#master:docs");
/// assert_eq!(source.attrs()["git.fullurl"], "git@github.com:moby/buildkit.git");
/// # Ok::<(), buildkit_llb::GitUrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitSource {
    /// The repository, and where that is reached over ssh, how.
    pub remote: GitRemote,
    /// Branch, tag or commit; empty is the remote's default branch.
    pub reference: String,
    /// Only this folder, at the root of the result; needs the capability `source.git.subdir`.
    pub subdir: String,
    /// Leave `.git` in the result.
    pub keep_git_dir: bool,
    /// The secret that holds a token for https, `GIT_AUTH_TOKEN` unless set; another needs the capability
    /// `source.git.httpauth`.
    pub auth_token_secret: String,
    /// The secret that holds an `Authorization` header for https, `GIT_AUTH_HEADER` unless set; another needs the
    /// same.
    pub auth_header_secret: String,
    /// The commit it must be (hex, or the beginning of it); needs the capability `source.git.checksum`.
    pub checksum: String,
    /// Do not fetch submodules; needs the capability `source.git.skipsubmodules`.
    pub skip_submodules: bool,
    /// Which time files get; needs the capability `source.git.mtime`. BuildKit 0.32.2 fails on `Commit` together with a
    /// `subdir`: it asks for the time in a folder that it has just removed (`source/git/source.go`).
    pub mtime: Option<GitMtime>,
    /// Fetch the commit `checksum` without asking where `reference` points; needs the capability
    /// `source.git.fetchbycommit`.
    pub fetch_by_commit: bool,
    /// Take the commits from a bundle instead of the remote; needs a `checksum` and the capability `source.git.bundle`.
    pub bundle: Option<GitBundle>,
    /// The result is one file `bundle` with the commit; needs the capability `source.git.checkoutbundle`.
    pub checkout_bundle: bool,
    /// Who must have signed; needs the capability `source.git.signatureverify`. Go's client has no option for it.
    pub signature: Option<GitSignature>,
}

/// Which time checked-out files get (`git.mtime`).
///
/// ```
/// use buildkit_llb::{GitMtime, GitSource, Source};
///
/// let git = GitSource::parse("https://example.com/a.git")?;
/// let git = GitSource { mtime: Some(GitMtime::Commit), ..git };
/// assert_eq!(Source::from(git).attrs()["git.mtime"], "commit");
/// # Ok::<(), buildkit_llb::GitUrlError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GitMtime {
    /// That of the checkout.
    Checkout,
    /// That of the commit.
    Commit,
}

/// A git bundle that is a blob of a registry or content store.
///
/// ```
/// use buildkit_llb::{Digest, GitBundle, GitSource, Source};
///
/// let locator = format!("docker-image+blob://docker.io/library/bundle@{}", Digest::from_content(b"a bundle"));
/// let bundle = GitBundle { locator, session: String::new(), store: String::new() };
/// let git = GitSource { bundle: Some(bundle), ..GitSource::parse("https://example.com/a.git")? };
/// assert!(Source::from(git).attrs().contains_key("git.bundle"));
/// # Ok::<(), buildkit_llb::GitUrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitBundle {
    /// `docker-image+blob://…@sha256:…` or `oci-layout+blob://…@sha256:…`.
    pub locator: String,
    /// The session that serves the content store; empty is any.
    pub session: String,
    /// The content store; empty is the locator's name.
    pub store: String,
}

/// Who must have signed a commit or tag.
///
/// ```
/// use buildkit_llb::{GitSignature, GitSource, Source};
///
/// let git = GitSource::parse("https://example.com/a.git")?;
/// let git = GitSource { signature: Some(GitSignature { require_signed_tag: true, ..GitSignature::default() }), ..git };
/// assert_eq!(Source::from(git).attrs()["git.sig.requiresignedtag"], "true");
/// # Ok::<(), buildkit_llb::GitUrlError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitSignature {
    /// The armoured public key, or an ssh public key.
    pub public_key: String,
    /// Refuse keys that have expired.
    pub reject_expired: bool,
    /// The tag itself must be signed.
    pub require_signed_tag: bool,
    /// A signature of the tag does not count.
    pub ignore_signed_tag: bool,
}

impl GitSource {
    /// The default branch of a repository.
    #[must_use]
    pub fn new(remote: GitRemote) -> Self {
        Self {
            remote,
            reference: String::new(),
            subdir: String::new(),
            keep_git_dir: false,
            auth_token_secret: super::git_url::DEFAULT_TOKEN.to_owned(),
            auth_header_secret: super::git_url::DEFAULT_HEADER.to_owned(),
            checksum: String::new(),
            skip_submodules: false,
            mtime: None,
            fetch_by_commit: false,
            bundle: None,
            checkout_bundle: false,
            signature: None,
        }
    }

    /// A URL in one of git's forms (`https://…`, `ssh://…`, `git@host:path`), `#reference:folder` included. Without a
    /// scheme it is https.
    ///
    /// # Errors
    /// A text that is not the URL of a git repository, and one with a query: frontends read those of BuildKit.
    pub fn parse(url: &str) -> Result<Self, GitUrlError> {
        let (url, fragment) = url.split_once('#').unwrap_or((url, ""));
        let (reference, subdir) = fragment.split_once(':').unwrap_or((fragment, ""));
        let subdir = crate::path::clean(&format!("/{subdir}"));
        let mut source = Self::new(GitRemote::parse(url)?);
        reference.clone_into(&mut source.reference);
        subdir.trim_start_matches('/').clone_into(&mut source.subdir);
        Ok(source)
    }
}

/// As [`GitSource::parse`].
impl FromStr for GitSource {
    type Err = GitUrlError;

    fn from_str(url: &str) -> Result<Self, GitUrlError> {
        Self::parse(url)
    }
}

impl From<GitSource> for Source {
    fn from(git: GitSource) -> Self {
        let GitSource {
            remote,
            reference,
            subdir,
            keep_git_dir,
            auth_token_secret,
            auth_header_secret,
            checksum,
            skip_submodules,
            mtime,
            fetch_by_commit,
            bundle,
            checkout_bundle,
            signature,
        } = git;
        let mut identifier = format!("git://{}", remote.place());
        if !reference.is_empty() || !subdir.is_empty() {
            identifier = format!("{identifier}#{reference}");
        }
        if !subdir.is_empty() {
            identifier = format!("{identifier}:{subdir}");
        }
        let mut attrs = Attrs::default();
        attrs.flag(attr::GIT_KEEPGITDIR, keep_git_dir);
        attrs.text(attr::GIT_FULLURL, remote.url());
        attrs.text(attr::GIT_AUTHTOKENSECRET, auth_token_secret);
        attrs.text(attr::GIT_AUTHHEADERSECRET, auth_header_secret);
        if let Some(GitSsh { known_hosts, agent }) = remote.ssh() {
            let hosts = known_hosts.strip_suffix('\n').unwrap_or(known_hosts);
            attrs.text(attr::GIT_KNOWNSSHHOSTS, if hosts.is_empty() { String::new() } else { format!("{hosts}\n") });
            attrs.text(attr::GIT_MOUNTSSHSOCK, if agent.is_empty() { "default" } else { agent });
        }
        attrs.text(attr::GIT_CHECKSUM, checksum);
        attrs.flag(attr::GIT_SKIPSUBMODULES, skip_submodules);
        let mtime = mtime.map(|mtime| match mtime {
            GitMtime::Checkout => "checkout",
            GitMtime::Commit => "commit",
        });
        attrs.text(attr::GIT_MTIME, mtime.unwrap_or_default());
        attrs.flag(attr::GIT_FETCHBYCOMMIT, fetch_by_commit);
        if let Some(GitBundle { locator, session, store }) = bundle {
            attrs.text(attr::GIT_BUNDLE, locator);
            attrs.text(attr::OCI_SESSION, session);
            attrs.text(attr::OCI_STORE, store);
        }
        attrs.flag(attr::GIT_CHECKOUTBUNDLE, checkout_bundle);
        if let Some(GitSignature { public_key, reject_expired, require_signed_tag, ignore_signed_tag }) = signature {
            attrs.text(attr::GIT_SIG_PUBKEY, public_key);
            attrs.flag(attr::GIT_SIG_REJECTEXPIRED, reject_expired);
            attrs.flag(attr::GIT_SIG_REQUIRESIGNEDTAG, require_signed_tag);
            attrs.flag(attr::GIT_SIG_IGNORESIGNEDTAG, ignore_signed_tag);
        }
        Self::other(identifier, attrs.0, None)
    }
}
