//! HTTP: one file behind a URL.

use buildkit_proto::Digest;
use buildkit_proto::keys::attr;

use super::{Attrs, Permissions, Source};

/// One file behind a URL (`http://`, `https://`).
///
/// ```
/// use buildkit_llb::{Digest, HttpSource, Permissions, Source};
///
/// let source = Source::from(HttpSource {
///     checksum: Some(Digest::from_content(b"hello")),
///     filename: "hello.txt".to_owned(),
///     permissions: Permissions::new(0o644),
///     ..HttpSource::new("https://example.com/hello")
/// });
/// assert_eq!(source.attrs()["http.perm"], "0644");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpSource {
    /// The URL, which is the whole identifier.
    pub url: String,
    /// What the file must be; with it nothing is fetched on a cache hit.
    pub checksum: Option<Digest>,
    /// The file's name; empty is the URL's.
    pub filename: String,
    /// The file's permission bits; `None` is the daemon's default.
    pub permissions: Option<Permissions>,
    /// The file's owner.
    pub uid: u32,
    /// The file's group.
    pub gid: u32,
    /// The secret that holds the `Authorization` header; empty is `HTTP_AUTH_HEADER_<host>`, then
    /// `HTTP_AUTH_TOKEN_<host>`. Needs the capability `source.http.auth`.
    pub auth_header_secret: String,
    /// The `Accept` header; needs the capability `source.http.header`.
    pub accept: String,
    /// The `User-Agent` header; needs the same.
    pub user_agent: String,
    /// Who must have signed the file; needs the capability `source.http.signatureverify`.
    pub signature: Option<HttpSignature>,
}

/// A detached OpenPGP signature of a file.
///
/// ```
/// use buildkit_llb::{HttpSignature, HttpSource, Source};
///
/// let signature = HttpSignature { public_key: "-----BEGIN PGP…".to_owned(), signature: "-----BEGIN PGP…".to_owned() };
/// let file = HttpSource { signature: Some(signature), ..HttpSource::new("https://example.com/file") };
/// assert!(Source::from(file).attrs().contains_key("http.sig.pubkey"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSignature {
    /// The armoured public key.
    pub public_key: String,
    /// The armoured signature.
    pub signature: String,
}

impl HttpSource {
    /// The file as the server returns it.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), ..Self::default() }
    }
}

impl From<HttpSource> for Source {
    fn from(http: HttpSource) -> Self {
        let HttpSource {
            url,
            checksum,
            filename,
            permissions,
            uid,
            gid,
            auth_header_secret,
            accept,
            user_agent,
            signature,
        } = http;
        let mut attrs = Attrs::default();
        attrs.text(attr::HTTP_CHECKSUM, checksum.map(|digest| digest.to_string()).unwrap_or_default());
        attrs.file(&filename, permissions, uid, gid);
        attrs.text(attr::HTTP_AUTHHEADERSECRET, auth_header_secret);
        attrs.text(attr::HTTP_HEADER_ACCEPT, accept);
        attrs.text(attr::HTTP_HEADER_USER_AGENT, user_agent);
        if let Some(HttpSignature { public_key, signature }) = signature {
            attrs.text(attr::HTTP_SIG_PUBKEY, public_key);
            attrs.text(attr::HTTP_SIG_SIGNATURE, signature);
        }
        Self::other(url, attrs.0, None)
    }
}
