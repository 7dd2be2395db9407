//! The steps of a build's vertices.
//!
//! Steps are added when a graph is sent to the daemon, and looked up when a vertex is reported.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use buildkit_llb::Graph;
use imagespec_compile::{StepKey, steps_of};

/// The steps of a build by the digests of their vertices. Clones share their content.
///
/// A source policy of the daemon may change a vertex, and with it the digests of all vertices that are built on it. Those are not found
/// here.
///
/// ```
/// use imagespec_frontend::Vertices;
///
/// assert_eq!(Vertices::default().step("sha256:0"), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Vertices(Arc<Mutex<BTreeMap<String, StepKey>>>);

impl Vertices {
    /// The step of a vertex. `None` if it belongs to no step, such as a base image.
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
