//! What is to be installed into an environment, before it is divided into steps.

use crate::plan::Parent;
use crate::planner::asking::Stage;
use crate::requirements::Requirements;

/// What is to be installed, and the environment.
pub(super) struct Wanted {
    pub(super) requirements: Requirements,
    pub(super) args: Vec<String>,
    /// Whether something may be built from source.
    pub(super) may_build: bool,
    /// The root filesystem with the interpreter.
    pub(super) stage: Stage,
    pub(super) interpreter: String,
    /// The parent of the environment.
    pub(super) parent: Parent,
    /// The step that creates the environment; `None` if the base image has it.
    pub(super) venv: Option<String>,
    /// Whether the environment has packages that count as installed.
    pub(super) is_filled: bool,
}

/// The lines as a text.
pub(super) fn text(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
}
