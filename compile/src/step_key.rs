//! Keys of steps that are unique within a build, and how they are stored in a graph.
//!
//! The id of a step is unique within its plan only: each platform has a plan, and so has an image that another one is built on.

use std::fmt;

use buildkit_llb::{Digest, Graph};
use serde::Serialize;

use crate::plan::Plan;

/// The key in an op's description that identifies its step (`OpMetadata.description` of moby/buildkit `solver/pb/ops.proto`). The
/// daemon returns the description of a failed op, even if a source policy has changed the digest of the op.
pub const STEP_DESCRIPTION: &str = "imagespec.step";

/// Identifies a step within a build: `apt@linux/amd64`, or `commands@linux/amd64+1` in an image that is built on one other image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct StepKey(String);

impl StepKey {
    /// `plan` is the plan that contains the step, not a plan that is built on it.
    pub(crate) fn new(plan: &Plan, id: &str) -> Self {
        let platform = &plan.platform;
        Self(match plan.images().count() - 1 {
            0 => format!("{id}@{platform}"),
            below => format!("{id}@{platform}+{below}"),
        })
    }

    /// The key as a text, as in an op's description.
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

/// The steps of a graph's ops. Ops without a step, such as sources and merges, are left out.
pub fn steps_of(graph: &Graph) -> impl Iterator<Item = (Digest, StepKey)> {
    graph.reachable().into_iter().filter_map(|op| {
        let key = graph.note(op)?.description.get(STEP_DESCRIPTION)?;
        Some((graph.digest(op)?, StepKey(key.clone())))
    })
}
