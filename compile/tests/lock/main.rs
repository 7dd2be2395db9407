//! What locks and groups promise: right wheels, and edits that touch what they touch.
//!
//! No daemon and no uv: that uv installs a group's files as they are is for the end-to-end tests.

mod groups;
mod laws;
mod locks;
mod parse;
mod wheels;
