//! Blobs: one file, named by its digest, out of a registry or content store.

use buildkit_proto::keys::attr;

use super::{Attrs, Permissions, Source};

/// One blob as one file (`docker-image+blob://`, `oci-layout+blob://`); needs the capability `source.imageblob`.
///
/// ```
/// use buildkit_llb::{BlobSource, Digest, Source};
///
/// let blob = BlobSource::new(format!("docker.io/library/model@{}", Digest::from_content(b"weights")));
/// let source = Source::from(BlobSource { filename: "weights.bin".to_owned(), ..blob });
/// assert_eq!(source.scheme(), "docker-image+blob");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobSource {
    /// `repository@sha256:…`, fully normalised; a tag is refused.
    pub reference: String,
    /// Where the blob is.
    pub store: BlobStore,
    /// The file's name; empty is the daemon's choice.
    pub filename: String,
    /// The file's permission bits; `None` is the daemon's default.
    pub permissions: Option<Permissions>,
    /// The file's owner.
    pub uid: u32,
    /// The file's group.
    pub gid: u32,
}

/// Where a blob is.
///
/// ```
/// use buildkit_llb::{BlobSource, BlobStore, Digest, Source};
///
/// let store = BlobStore::OciLayout { session: String::new(), store: "layout".to_owned() };
/// let blob = BlobSource { store, ..BlobSource::new(format!("local/model@{}", Digest::from_content(b"weights"))) };
/// assert_eq!(Source::from(blob).scheme(), "oci-layout+blob");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobStore {
    /// In the reference's registry.
    Registry,
    /// In a content store that a session of the client's serves.
    OciLayout {
        /// The session (`oci.session`); empty is any session of the build.
        session: String,
        /// The store (`oci.store`); empty is the reference's name.
        store: String,
    },
}

impl BlobSource {
    /// A blob of a registry.
    #[must_use]
    pub fn new(reference: impl Into<String>) -> Self {
        let (store, filename) = (BlobStore::Registry, String::new());
        Self { reference: reference.into(), store, filename, permissions: None, uid: 0, gid: 0 }
    }
}

impl From<BlobSource> for Source {
    fn from(blob: BlobSource) -> Self {
        let BlobSource { reference, store, filename, permissions, uid, gid } = blob;
        let mut attrs = Attrs::default();
        attrs.file(&filename, permissions, uid, gid);
        let scheme = match store {
            BlobStore::Registry => "docker-image+blob",
            BlobStore::OciLayout { session, store } => {
                attrs.text(attr::OCI_SESSION, session);
                attrs.text(attr::OCI_STORE, store);
                "oci-layout+blob"
            }
        };
        Self::other(format!("{scheme}://{reference}"), attrs.0, None)
    }
}
