//! Names of steps that are unique within a build, and how they travel with a graph.
//!
//! An id names a step within its plan only: each platform has a plan, and so has an image that another one stands on.

use std::fmt;

use buildkit_llb::{Digest, Graph};
use serde::Serialize;

use crate::plan::Plan;

/// The entry of an op's description that names its step (`OpMetadata.description` of moby/buildkit `solver/pb/ops.proto`). The daemon
/// returns the description of an op that failed, also where a source policy gave the op another digest.
pub const STEP_DESCRIPTION: &str = "imagespec.step";

/// Names a step within a build: `apt@linux/amd64`, and `commands@linux/amd64+1` in an image that stands on one other image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct StepKey(String);

impl StepKey {
    /// `plan` is the plan that has the step, not one that stands on it.
    pub(crate) fn new(plan: &Plan, id: &str) -> Self {
        let platform = &plan.platform;
        Self(match plan.images().count() - 1 {
            0 => format!("{id}@{platform}"),
            below => format!("{id}@{platform}+{below}"),
        })
    }

    /// The key as an op's description has it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The steps that the ops of a graph belong to. Ops that belong to none, such as sources and merges, are left out.
pub fn steps_of(graph: &Graph) -> impl Iterator<Item = (Digest, StepKey)> {
    graph.reachable().into_iter().filter_map(|op| {
        let key = graph.note(op)?.description.get(STEP_DESCRIPTION)?;
        Some((graph.digest(op)?, StepKey(key.clone())))
    })
}
