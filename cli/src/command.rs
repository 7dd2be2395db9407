//! The commands, one file each. All return data or an error; printing results is their last step.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod doctor;
pub(crate) mod frontend;
pub(crate) mod graph;
pub(crate) mod plan;
pub(crate) mod shell;
