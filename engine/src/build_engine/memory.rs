//! What an engine built before, and what it is building now.
//!
//! Knows nothing of how it is done.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Built;
use crate::error::EngineError;

/// What is built once: an image, by a builder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) builder: String,
    pub(super) image: String,
}

/// Results by key.
#[derive(Debug, Default)]
pub(super) struct Memory {
    slots: Mutex<BTreeMap<Key, Arc<Slot>>>,
    /// How many forced builds of any image have ended well: the clock by which calls are at the same time.
    ended: AtomicU64,
}

/// When a call came, by the clock of a [`Memory`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

#[derive(Debug, Default)]
struct Slot {
    known: Mutex<Known>,
    /// Held by who works, so that others wait. It is free again when that work ends or is dropped.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct Known {
    built: Option<Built>,
    /// When the last forced build ended; `None` if none has.
    forced: Option<Moment>,
}

impl Slot {
    fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Memory {
    /// The moment that calls of now belong to.
    pub(super) fn now(&self) -> Moment {
        Moment(self.ended.load(Ordering::SeqCst))
    }

    /// The result that is known, or else that of the work, which is done once at a time.
    ///
    /// A call that is forced, which means that it tells when it came, is content only with the work of another forced call, one
    /// that had not ended by then.
    pub(super) async fn once<F, Fut>(&self, key: Key, forced: Option<Moment>, work: F) -> Result<Built, EngineError>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Built, EngineError>>,
    {
        let slot = Arc::clone(self.slots.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        let _turn = slot.turn.lock().await;
        let known = slot.known();
        let is_fresh = forced.is_none_or(|came| known.forced.is_some_and(|ended| ended > came));
        if let Some(built) = known.built.filter(|_| is_fresh) {
            return Ok(built);
        }
        let built = work().await?;
        let ended = forced.map(|_| Moment(self.ended.fetch_add(1, Ordering::SeqCst) + 1));
        let now_known = Known { built: Some(built.clone()), forced: ended.or(known.forced) };
        *slot.known.lock().unwrap_or_else(PoisonError::into_inner) = now_known;
        Ok(built)
    }

    /// Forgets what a builder built.
    pub(super) fn forget(&mut self, builder: &str) {
        let slots = self.slots.get_mut().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|key, _| key.builder != builder);
    }
}
