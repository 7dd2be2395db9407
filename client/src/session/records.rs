//! What a session has transferred so far. Its services write it, and its handle reads it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::exports::ReceivedExport;
use super::sent::SentDir;

#[derive(Clone, Debug, Default)]
pub(crate) struct Records {
    pub(crate) exports: List<ReceivedExport>,
    pub(crate) sent: List<SentDir>,
    /// The first few sent names that are not UTF-8. Daemons whose gRPC library checks this, such as Docker Engine's, abort the
    /// transfer with an error that contains neither the name nor the directory.
    pub(crate) non_utf8_names: List<PathBuf>,
    pub(crate) write_failure: WriteFailure,
}

/// Why an export cannot be written on this machine, which clones share. The first reason is kept.
#[derive(Clone, Debug)]
pub(crate) struct WriteFailure(Arc<watch::Sender<Option<String>>>);

impl WriteFailure {
    pub(crate) fn set(&self, message: String) {
        self.0.send_if_modified(|failure| {
            let is_first = failure.is_none();
            failure.get_or_insert(message);
            is_first
        });
    }

    /// Waits until there is a failure.
    pub(crate) async fn wait(&self) -> String {
        let mut failure = self.0.subscribe();
        let message = failure.wait_for(Option::is_some).await.ok().and_then(|message| message.clone());
        match message {
            Some(message) => message,
            // The sender lives as long as `self`.
            None => std::future::pending().await,
        }
    }
}

impl Default for WriteFailure {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
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
