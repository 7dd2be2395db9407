//! What a session has transferred so far. Its services write it, and its handle reads it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::exports::ReceivedExport;
use super::sent::SentDir;

#[derive(Clone, Debug, Default)]
pub(crate) struct Records {
    pub(crate) exports: List<ReceivedExport>,
    pub(crate) sent: List<SentDir>,
    /// The first few sent names that are not UTF-8. Daemons whose gRPC library checks this, such as Docker Engine's, abort the
    /// transfer with an error that contains neither the name nor the directory.
    pub(crate) non_utf8_names: List<PathBuf>,
}

/// A list that clones share.
#[derive(Debug)]
pub(crate) struct List<T>(Arc<Mutex<Vec<T>>>);

impl<T: Clone> List<T> {
    pub(crate) fn push(&self, item: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(item);
    }

    pub(crate) fn to_vec(&self) -> Vec<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl<T> Clone for List<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}
