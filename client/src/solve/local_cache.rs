//! Caches in folders of the client: `--cache-to type=local` and `--cache-from type=local` (moby/buildkit: `client/solve.go`,
//! `parseCacheOptions`; `cache/remotecache/local`).
//!
//! The daemon reads and writes a folder through the session. The client finds the digest of the cache to import in the folder's index,
//! and puts the digest of the exported cache there.

use std::collections::BTreeMap;

use buildkit_proto::go::parse_bool;
use buildkit_proto::keys::{cache, result};

use super::CacheEntry;
use crate::layout::{LayoutError, OciLayout};
use crate::session::SessionBuilder;

/// The tag of a cache, unless the attribute `tag` names another one.
const DEFAULT_TAG: &str = "latest";

/// The local caches of a build.
///
/// ```
/// use buildkit_client::solve::{CacheEntry, LocalCaches};
///
/// # fn main() -> Result<(), buildkit_client::layout::LayoutError> {
/// let attrs = [("src".to_owned(), "no-such-folder".to_owned())].into();
/// let mut imports = vec![CacheEntry { kind: "local".to_owned(), attrs }];
/// let caches = LocalCaches::open(&[], &mut imports)?;
/// // The first build has no cache.
/// assert!(imports.is_empty() && caches.warnings()[0].contains("no-such-folder"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct LocalCaches {
    stores: BTreeMap<String, OciLayout>,
    exports: Vec<LocalExport>,
    warnings: Vec<String>,
}

#[derive(Clone, Debug)]
struct LocalExport {
    folder: OciLayout,
    tag: String,
    /// Whether blobs of earlier exports are removed.
    is_reset: bool,
}

impl LocalCaches {
    /// Opens the folders of the local caches. Each import gets the digest of its cache. An import without a cache is removed, and is
    /// reported by [`warnings`](Self::warnings).
    ///
    /// # Errors
    /// A folder for an export cannot be created.
    pub fn open(exports: &[CacheEntry], imports: &mut Vec<CacheEntry>) -> Result<Self, LayoutError> {
        let mut caches = Self::default();
        for entry in exports.iter().filter(|entry| entry.kind == cache::LOCAL) {
            let folder = attr(entry, cache::DEST);
            let layout = OciLayout::create(folder)?;
            caches.stores.insert(store_id(folder), layout.clone());
            let is_reset = entry.attrs.get("reset").and_then(|value| parse_bool(value)).unwrap_or_default();
            caches.exports.push(LocalExport { folder: layout, tag: tag(entry).to_owned(), is_reset });
        }
        imports.retain_mut(|entry| entry.kind != cache::LOCAL || caches.import(entry));
        Ok(caches)
    }

    fn import(&mut self, entry: &mut CacheEntry) -> bool {
        let folder = attr(entry, cache::SRC).to_owned();
        let layout = OciLayout::new(&folder);
        if !entry.attrs.contains_key(cache::DIGEST) {
            let tag = tag(entry);
            let missing = match layout.tagged(tag) {
                Ok(Some(digest)) => {
                    entry.attrs.insert(cache::DIGEST.to_owned(), digest.to_string());
                    None
                }
                Ok(None) => Some(format!("it has no tag {tag:?}")),
                Err(error) => Some(error.to_string()),
            };
            if let Some(reason) = missing {
                self.warnings.push(format!("no cache is imported from {folder}: {reason}"));
                return false;
            }
        }
        self.stores.insert(store_id(&folder), layout);
        true
    }

    /// Why imports were removed.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Serves the folders in a session.
    #[must_use]
    pub fn attach(&self, session: SessionBuilder) -> SessionBuilder {
        let stores = self.stores.iter();
        stores.fold(session, |session, (id, layout)| session.with_content_store(id, layout.clone()))
    }

    /// Records the exported cache in the folders, after a build that has returned `exporter_response`.
    ///
    /// # Errors
    /// A folder cannot be written.
    pub fn finish(&self, exporter_response: &BTreeMap<String, String>) -> Result<(), LayoutError> {
        let descriptor = exporter_response.get(result::CACHE_MANIFEST).and_then(|text| serde_json::from_str(text).ok());
        // Without any step that has a result there is no cache.
        let Some(descriptor): Option<serde_json::Value> = descriptor else { return Ok(()) };
        for export in &self.exports {
            export.folder.tag(descriptor.clone(), &export.tag)?;
            if export.is_reset {
                export.folder.remove_unreferenced()?;
            }
        }
        Ok(())
    }
}

/// The id by which the daemon requests a folder.
fn store_id(folder: &str) -> String {
    format!("local:{folder}")
}

fn attr<'e>(entry: &'e CacheEntry, name: &str) -> &'e str {
    entry.attrs.get(name).map(String::as_str).unwrap_or_default()
}

fn tag(entry: &CacheEntry) -> &str {
    entry.attrs.get("tag").map_or(DEFAULT_TAG, String::as_str)
}
