//! Folders with the OCI image layout (image-spec: `image-layout.md`): blobs by digest, and an index with tags.
//!
//! Local caches have this form (moby/buildkit: `client/solve.go`, `client/ociindex`). This module does not know what the blobs mean,
//! except for the digests that a manifest or an index refers to.

use std::collections::BTreeSet;
use std::io::{self, Read as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use buildkit_proto::Digest;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _, Take};

use crate::new_file::new_file_in;

/// The maximum size of an index or a manifest that is read.
const MAX_JSON_BYTES: u64 = 16 << 20;
const INDEX_FILE: &str = "index.json";
/// Locked while the index changes. Go's client locks the same file.
const LOCK_FILE: &str = "index.json.lock";
const LAYOUT_FILE: &str = "oci-layout";
/// Unfinished blobs, as in containerd's store.
const UPLOADS: &str = "ingest";
const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
const TAG: &str = "org.opencontainers.image.ref.name";
/// Some tools write this instead.
const IMAGE_NAME: &str = "io.containerd.image.name";

/// A folder cannot be read or written.
///
/// ```
/// use buildkit_client::layout::OciLayout;
///
/// let error = OciLayout::new("no-such-folder").tagged("latest").unwrap_err();
/// assert!(error.to_string().starts_with("no-such-folder/index.json: "), "{error}");
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// A file cannot be read or written.
    #[error("{}: {}", .0.display(), .1)]
    Io(PathBuf, #[source] io::Error),
    /// A file is not the expected JSON.
    #[error("{}: {}", .0.display(), .1)]
    Json(PathBuf, String),
}

/// A folder with the OCI image layout.
///
/// ```
/// use buildkit_client::layout::OciLayout;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// let layout = OciLayout::create(folder.path())?;
/// assert_eq!(layout.tagged("latest")?, None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciLayout {
    folder: PathBuf,
}

impl OciLayout {
    /// A folder that may not exist.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// A folder that is created if it does not exist.
    ///
    /// # Errors
    /// The folder or its files cannot be written.
    pub fn create(folder: impl Into<PathBuf>) -> Result<Self, LayoutError> {
        let layout = Self::new(folder);
        for folder in [layout.blobs(), layout.folder.join(UPLOADS)] {
            std::fs::create_dir_all(&folder).map_err(|error| LayoutError::Io(folder, error))?;
        }
        let (version, index) = (layout.folder.join(LAYOUT_FILE), layout.folder.join(INDEX_FILE));
        if !version.exists() {
            layout.replace(&version, json!({"imageLayoutVersion": "1.0.0"}).to_string().as_bytes())?;
        }
        if !index.exists() {
            layout.replace(&index, empty_index().to_string().as_bytes())?;
        }
        Ok(layout)
    }

    /// The digest of the manifest or index with a tag.
    ///
    /// # Errors
    /// The folder's index cannot be read.
    pub fn tagged(&self, tag: &str) -> Result<Option<Digest>, LayoutError> {
        let index = self.index()?;
        let manifests = index["manifests"].as_array().map(Vec::as_slice).unwrap_or_default();
        let with = |annotation: &str| manifests.iter().find(|manifest| manifest["annotations"][annotation] == tag);
        let found = with(IMAGE_NAME).or_else(|| with(TAG));
        Ok(found.and_then(digest_of))
    }

    /// Gives a tag to a manifest or index, and takes it from another one. `descriptor` is a descriptor (image-spec: `descriptor.md`).
    ///
    /// # Errors
    /// The folder's index cannot be read or written.
    pub fn tag(&self, mut descriptor: Value, tag: &str) -> Result<(), LayoutError> {
        let lock = self.folder.join(LOCK_FILE);
        let in_lock = |error| LayoutError::Io(lock.clone(), error);
        let lock_file = std::fs::File::create(&lock).map_err(in_lock)?;
        lock_file.lock().map_err(in_lock)?;
        let mut index = self.index()?;
        let path = self.folder.join(INDEX_FILE);
        let not_json = |what: &str| LayoutError::Json(path.clone(), what.to_owned());
        let members = descriptor.as_object_mut().ok_or_else(|| not_json("a descriptor is not an object"))?;
        let annotations = members.entry("annotations").or_insert_with(|| json!({}));
        annotations
            .as_object_mut()
            .ok_or_else(|| not_json("annotations are not an object"))?
            .insert(TAG.into(), tag.into());
        let manifests = index.as_object_mut().map(|index| index.entry("manifests").or_insert_with(|| json!([])));
        let manifests = manifests.and_then(Value::as_array_mut).ok_or_else(|| not_json("manifests are not a list"))?;
        manifests.retain(|manifest| manifest["annotations"][TAG] != tag);
        manifests.push(descriptor);
        self.replace(&path, index.to_string().as_bytes())
    }

    /// Removes blobs that no tagged manifest or index refers to. Returns their number.
    ///
    /// # Errors
    /// The folder cannot be read or written, or a manifest is missing.
    pub fn remove_unreferenced(&self) -> Result<usize, LayoutError> {
        let mut referenced = BTreeSet::new();
        let mut waiting = vec![self.index()?];
        while let Some(parent) = waiting.pop() {
            let children = ["manifests", "layers"].into_iter().filter_map(|list| parent[list].as_array()).flatten();
            for child in children.chain(parent.get("config")) {
                let Some(digest) = digest_of(child) else { continue };
                let is_parent = child["mediaType"].as_str().is_some_and(is_parent_type);
                if referenced.insert(digest) && is_parent {
                    waiting.push(self.json(&self.path(&digest))?);
                }
            }
        }
        let folder = self.blobs();
        let in_folder = |error| LayoutError::Io(folder.clone(), error);
        let mut removed = 0;
        for entry in std::fs::read_dir(&folder).map_err(in_folder)? {
            let entry = entry.map_err(in_folder)?;
            let digest: Option<Digest> = format!("sha256:{}", entry.file_name().to_string_lossy()).parse().ok();
            if digest.is_some_and(|digest| !referenced.contains(&digest)) {
                std::fs::remove_file(entry.path()).map_err(|error| LayoutError::Io(entry.path(), error))?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The size of a blob in bytes.
    ///
    /// # Errors
    /// There is no such blob.
    pub async fn size(&self, digest: &Digest) -> Result<u64, LayoutError> {
        let path = self.path(digest);
        let metadata = tokio::fs::metadata(&path).await.map_err(|error| LayoutError::Io(path, error))?;
        Ok(metadata.len())
    }

    /// A blob from `offset` on, at most `limit` bytes of it.
    pub(crate) async fn read(
        &self,
        digest: &Digest,
        offset: u64,
        limit: Option<u64>,
    ) -> Result<Take<File>, LayoutError> {
        let path = self.path(digest);
        let in_file = |error| LayoutError::Io(path.clone(), error);
        let mut file = File::open(&path).await.map_err(in_file)?;
        file.seek(SeekFrom::Start(offset)).await.map_err(in_file)?;
        Ok(file.take(limit.unwrap_or(u64::MAX)))
    }

    /// Starts writing a blob.
    pub(crate) async fn upload(&self) -> Result<Upload, LayoutError> {
        let folder = self.folder.join(UPLOADS);
        let created = tokio::task::spawn_blocking({
            let folder = folder.clone();
            move || new_file_in(&folder)
        });
        let created = created.await.map_err(io::Error::from).and_then(|created| created);
        let (file, path) = created.map_err(|error| LayoutError::Io(folder, error))?.into_parts();
        Ok(Upload { file: File::from_std(file), path, hash: Sha256::new(), bytes: 0 })
    }

    /// Keeps a complete blob.
    pub(crate) async fn commit(&self, upload: Upload) -> Result<(), LayoutError> {
        let target = self.path(&upload.digest());
        let Upload { mut file, path, .. } = upload;
        let in_target = |error| LayoutError::Io(target.clone(), error);
        file.flush().await.map_err(in_target)?;
        path.persist(&target).map_err(|error| in_target(error.error))
    }

    fn blobs(&self) -> PathBuf {
        self.folder.join("blobs/sha256")
    }

    fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(digest.hex())
    }

    fn index(&self) -> Result<Value, LayoutError> {
        self.json(&self.folder.join(INDEX_FILE))
    }

    fn json(&self, path: &Path) -> Result<Value, LayoutError> {
        let in_file = |error| LayoutError::Io(path.to_owned(), error);
        let mut text = Vec::new();
        let file = std::fs::File::open(path).map_err(in_file)?;
        file.take(MAX_JSON_BYTES).read_to_end(&mut text).map_err(in_file)?;
        if text.is_empty() {
            // As `touch` makes it.
            return Ok(empty_index());
        }
        serde_json::from_slice(&text).map_err(|error| LayoutError::Json(path.to_owned(), error.to_string()))
    }

    /// Writes a file so that readers see either the old or the new one.
    fn replace(&self, path: &Path, text: &[u8]) -> Result<(), LayoutError> {
        let in_file = |error| LayoutError::Io(path.to_owned(), error);
        let mut file = new_file_in(&self.folder).map_err(in_file)?;
        file.write_all(text).map_err(in_file)?;
        file.persist(path).map_err(|error| in_file(error.error)).map(drop)
    }
}

fn empty_index() -> Value {
    json!({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": []})
}

fn digest_of(descriptor: &Value) -> Option<Digest> {
    descriptor["digest"].as_str()?.parse().ok()
}

/// Whether content of a media type refers to other content.
fn is_parent_type(media_type: &str) -> bool {
    const ENDS: [&str; 4] = [".manifest.v1+json", ".index.v1+json", ".manifest.v2+json", ".manifest.list.v2+json"];
    ENDS.iter().any(|end| media_type.ends_with(end))
}

/// A blob that is being written. It is deleted when this is dropped before the blob is complete.
#[derive(Debug)]
pub(crate) struct Upload {
    file: File,
    path: TempPath,
    hash: Sha256,
    bytes: u64,
}

impl Upload {
    /// Appends to the blob.
    pub(crate) async fn write(&mut self, data: &[u8]) -> Result<(), LayoutError> {
        self.file.write_all(data).await.map_err(|error| LayoutError::Io(self.path.to_path_buf(), error))?;
        self.hash.update(data);
        self.bytes += data.len() as u64;
        Ok(())
    }

    /// The bytes so far.
    pub(crate) fn len(&self) -> u64 {
        self.bytes
    }

    /// The digest of the bytes so far.
    pub(crate) fn digest(&self) -> Digest {
        Digest::from(<[u8; 32]>::from(self.hash.clone().finalize()))
    }
}

#[cfg(test)]
mod tests;
