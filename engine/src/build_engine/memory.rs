//! The results of an engine's builds, finished and running.
//!
//! It does not know how images are built.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Built;
use crate::error::EngineError;

/// Identifies a result: an image and its builder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) builder: String,
    pub(super) image: String,
}

/// Build results by key.
#[derive(Debug, Default)]
pub(super) struct Memory {
    slots: Mutex<BTreeMap<Key, Arc<Slot>>>,
    /// The number of forced builds that succeeded, of any image. It serves as a logical clock that orders calls and builds.
    ended: AtomicU64,
}

/// A time on the logical clock of a [`Memory`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

#[derive(Debug, Default)]
struct Slot {
    known: Mutex<Known>,
    /// Held while the image is built, so that other calls wait. It is released when the build ends or is dropped.
    building: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    built: Option<Built>,
    /// When the last forced build ended; `None` if there was none.
    forced: Option<Moment>,
}

impl Slot {
    fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Memory {
    /// The current time.
    pub(super) fn now(&self) -> Moment {
        Moment(self.ended.load(Ordering::SeqCst))
    }

    /// Returns the known result, or else does the work. Work with the same key does not run concurrently.
    ///
    /// A forced call passes its arrival time in `forced`. It accepts a known result only if another forced call produced it after
    /// that time.
    pub(super) async fn run_once<F, Fut>(&self, key: Key, forced: Option<Moment>, work: F) -> Result<Built, EngineError>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Built, EngineError>>,
    {
        let slot = Arc::clone(self.slots.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        let _building = slot.building.lock().await;
        let known = slot.known();
        let is_fresh = forced.is_none_or(|arrived| known.forced.is_some_and(|ended| ended > arrived));
        if let Some(built) = known.built.filter(|_| is_fresh) {
            return Ok(built);
        }
        let built = work().await?;
        let ended = forced.map(|_| Moment(self.ended.fetch_add(1, Ordering::SeqCst) + 1));
        let updated = Known { built: Some(built.clone()), forced: ended.or(known.forced) };
        *slot.known.lock().unwrap_or_else(PoisonError::into_inner) = updated;
        Ok(built)
    }

    /// Forgets the results of a builder.
    pub(super) fn forget(&mut self, builder: &str) {
        let slots = self.slots.get_mut().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|key, _| key.builder != builder);
    }
}
