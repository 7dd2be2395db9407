//! Which step of the plan each vertex of a build belongs to.
//!
//! Filled whenever a graph goes to the daemon; read by whoever has to say what a vertex of the daemon's is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use buildkit_llb::Graph;
use imagespec_compile::{StepKey, steps_of};

/// The steps of a build by the digests of their vertices. Clones share what they hold.
///
/// A source policy of the daemon's may change a vertex, and with it the digests of all that stand on it. Those are not in here.
///
/// ```
/// use imagespec_frontend::Vertices;
///
/// assert_eq!(Vertices::default().step("sha256:0"), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Vertices(Arc<Mutex<BTreeMap<String, StepKey>>>);

impl Vertices {
    /// The step of a vertex. `None` for one that belongs to no step, such as a base image.
    #[must_use]
    pub fn step(&self, digest: &str) -> Option<StepKey> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    /// Adds the steps of a graph.
    pub(crate) fn add(&self, graph: &Graph) {
        let steps = steps_of(graph).map(|(digest, key)| (digest.to_string(), key));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(steps);
    }
}
