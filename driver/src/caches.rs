//! The build caches that a build imports and exports.

use std::collections::BTreeMap;

use buildkit_client::session::SessionBuilder;
use buildkit_client::solve::{CacheEntry, LocalCaches, cache_imports_attr};
use buildkit_proto::keys::option;

use crate::error::BuildError;
use crate::event::Reporter;

/// The caches of a build; those in folders of the client are open.
#[derive(Debug)]
pub(crate) struct Caches {
    local: LocalCaches,
    /// The requested imports that exist.
    pub(crate) imports: Vec<CacheEntry>,
}

impl Caches {
    /// Opens the caches in folders of the client, and reports imports that do not exist.
    ///
    /// # Errors
    /// A folder for an export cannot be created.
    pub(crate) async fn open(
        exports: &[CacheEntry],
        imports: &[CacheEntry],
        reporter: &Reporter,
    ) -> Result<Self, BuildError> {
        let mut imports = imports.to_vec();
        let local = LocalCaches::open(exports, &mut imports)
            .map_err(|error| BuildError::Input(format!("cannot export the cache to a folder: {error}")))?;
        if !local.warnings().is_empty() {
            let step = reporter.progress().start("[internal] look for caches in folders").await;
            for warning in local.warnings() {
                step.warn(warning).await;
            }
            step.done().await;
        }
        Ok(Self { local, imports })
    }

    /// The frontend's option for the imports, which it repeats in its own solves.
    pub(crate) fn option(&self) -> Option<(String, String)> {
        cache_imports_attr(&self.imports).map(|imports| (option::CACHE_IMPORTS.to_owned(), imports))
    }

    /// Serves the folders in the session of the build.
    pub(crate) fn attach(&self, session: SessionBuilder) -> SessionBuilder {
        self.local.attach(session)
    }

    /// Records the exported cache after a build.
    ///
    /// # Errors
    /// A folder cannot be written.
    pub(crate) fn finish(&self, exporter_response: &BTreeMap<String, String>) -> Result<(), BuildError> {
        let in_index = |error| BuildError::Refused(format!("cannot record the exported cache: {error}"));
        self.local.finish(exporter_response).map_err(in_index)
    }
}
