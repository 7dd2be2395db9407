//! Images: from a registry, or from a content store that the client's session serves.
//!
//! Does not resolve or normalise references.

use std::num::NonZeroU32;

use buildkit_proto::Digest;
use buildkit_proto::keys::attr;
use oci_names::Platform;

use super::{Attrs, Source};

/// An image of a registry (`docker-image://`).
///
/// ```
/// use buildkit_llb::{ImageSource, Platform, ResolveMode, Source};
///
/// let source = Source::from(ImageSource {
///     resolve_mode: ResolveMode::Pull,
///     ..ImageSource::new("docker.io/library/debian:bookworm-slim", Platform::linux("arm64"))
/// });
/// assert_eq!(source.attrs()["image.resolvemode"], "pull");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSource {
    /// Fully normalised, with tag or digest or both: `docker.io/library/debian:bookworm-slim@sha256:…`.
    pub reference: String,
    /// Which of the image's platforms.
    pub platform: Platform,
    /// Where it is looked up (`image.resolvemode`).
    pub resolve_mode: ResolveMode,
    /// Bookkeeping of the daemon: `internal` or `frontend` (`image.recordtype`).
    pub record_type: String,
    /// Only the first layers (`image.layerlimit`); needs the capability `source.image.layerlimit`.
    pub layer_limit: Option<NonZeroU32>,
    /// What the reference must resolve to (`image.checksum`); needs the capability `source.image.checksum`.
    pub checksum: Option<Digest>,
}

/// Where an image reference is looked up (`image.resolvemode`).
///
/// ```
/// use buildkit_llb::{ImageSource, Platform, ResolveMode, Source};
///
/// let image = ImageSource::new("docker.io/library/debian:bookworm-slim", Platform::linux("amd64"));
/// assert_eq!(image.resolve_mode, ResolveMode::Default);
/// let local = Source::from(ImageSource { resolve_mode: ResolveMode::Local, ..image });
/// assert_eq!(local.attrs()["image.resolvemode"], "local");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResolveMode {
    /// The daemon's choice; a graph then has no such attribute.
    #[default]
    Default,
    /// Always ask the registry; needs the capability `source.image.resolvemode`.
    Pull,
    /// Prefer what the daemon has.
    Local,
}

impl ResolveMode {
    /// The text on the wire, in requests of the gateway and in options of frontends.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => attr::IMAGE_RESOLVEMODE_DEFAULT,
            Self::Pull => attr::IMAGE_RESOLVEMODE_PULL,
            Self::Local => attr::IMAGE_RESOLVEMODE_LOCAL,
        }
    }

    fn attr(self) -> Option<&'static str> {
        (self != Self::Default).then(|| self.as_str())
    }
}

impl ImageSource {
    /// An image as a whole.
    #[must_use]
    pub fn new(reference: impl Into<String>, platform: Platform) -> Self {
        Self {
            reference: reference.into(),
            platform,
            resolve_mode: ResolveMode::Default,
            record_type: String::new(),
            layer_limit: None,
            checksum: None,
        }
    }
}

impl From<ImageSource> for Source {
    fn from(image: ImageSource) -> Self {
        let ImageSource { reference, platform, resolve_mode, record_type, layer_limit, checksum } = image;
        let mut attrs = Attrs::default();
        attrs.text(attr::IMAGE_RESOLVEMODE, resolve_mode.attr().unwrap_or_default());
        attrs.text(attr::IMAGE_RECORDTYPE, record_type);
        attrs.number(attr::IMAGE_LAYERLIMIT, layer_limit.map_or(0, NonZeroU32::get));
        attrs.text(attr::IMAGE_CHECKSUM, checksum.map(|digest| digest.to_string()).unwrap_or_default());
        Self::other(format!("docker-image://{reference}"), attrs.0, Some(platform))
    }
}

/// An image in a content store that the client's session serves (`oci-layout://`); needs the capability
/// `source.ocilayout`.
///
/// ```
/// use buildkit_llb::{Digest, OciLayoutSource, Platform, Source};
///
/// let reference = format!("example.com/app@{}", Digest::from_content(b"a manifest"));
/// let source = Source::from(OciLayoutSource {
///     session: "the session's id".to_owned(),
///     store: "layout".to_owned(),
///     ..OciLayoutSource::new(reference, Platform::linux("amd64"))
/// });
/// assert_eq!(source.attrs()["oci.store"], "layout");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciLayoutSource {
    /// `name@sha256:…`; the name is for users, the digest decides what is loaded.
    pub reference: String,
    /// Which of the image's platforms.
    pub platform: Platform,
    /// The session that serves the store (`oci.session`); empty is any session of the build.
    pub session: String,
    /// The store (`oci.store`); empty is the reference's name.
    pub store: String,
    /// Only the first layers (`oci.layerlimit`).
    pub layer_limit: Option<NonZeroU32>,
}

impl OciLayoutSource {
    /// An image of the store named as in the reference.
    #[must_use]
    pub fn new(reference: impl Into<String>, platform: Platform) -> Self {
        let (session, store) = (String::new(), String::new());
        Self { reference: reference.into(), platform, session, store, layer_limit: None }
    }
}

impl From<OciLayoutSource> for Source {
    fn from(layout: OciLayoutSource) -> Self {
        let OciLayoutSource { reference, platform, session, store, layer_limit } = layout;
        let mut attrs = Attrs::default();
        attrs.text(attr::OCI_SESSION, session);
        attrs.text(attr::OCI_STORE, store);
        attrs.number(attr::OCI_LAYERLIMIT, layer_limit.map_or(0, NonZeroU32::get));
        Self::other(format!("oci-layout://{reference}"), attrs.0, Some(platform))
    }
}
