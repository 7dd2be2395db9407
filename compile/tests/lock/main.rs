//! The guarantees of locks and groups: the right wheels, and which groups an edit changes.
//!
//! There is no daemon and no uv; the end-to-end tests show that uv installs the files of groups.

mod groups;
mod laws;
mod locks;
mod parse;
mod wheels;
