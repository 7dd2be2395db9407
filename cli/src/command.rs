//! The commands, one file each. A command prints its result as its last step, or returns an error.

pub(crate) mod build;
pub(crate) mod check;
pub(crate) mod compile;
pub(crate) mod doctor;
pub(crate) mod exists;
pub(crate) mod from_env;
pub(crate) mod frontend;
pub(crate) mod graph;
pub(crate) mod lock;
pub(crate) mod plan;
pub(crate) mod schema;
pub(crate) mod shell;
pub(crate) mod tag;
pub(crate) mod why;
