//! What is to be installed into an environment, before it is known in which steps.

use crate::plan::Parent;
use crate::planner::asking::Stage;
use crate::requirements::Requirements;

/// What is to be installed, and into what.
pub(super) struct Wanted {
    pub(super) requirements: Requirements,
    pub(super) args: Vec<String>,
    /// Something may have to be built.
    pub(super) may_build: bool,
    /// Where the interpreter is.
    pub(super) stage: Stage,
    pub(super) interpreter: String,
    /// What the environment stands on.
    pub(super) parent: Parent,
    /// The step that makes the environment; without one, the base image has it.
    pub(super) venv: Option<String>,
    /// Why everything is one step, if it is.
    pub(super) single: Option<&'static str>,
}

/// One line per entry.
pub(super) fn text(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}
