//! The imagespec frontend: loads the spec, gathers the facts it needs over the gateway, compiles, and returns the image.
//!
//! The same code runs as the frontend image (`main.rs`, stdio) and inside the command-line client (the control connection), so
//! that all entrances give the same graph. What a spec means is `imagespec-compile`'s business.

#![warn(missing_docs)]

mod answers;
mod build;
mod client_files;
mod early;
mod foresee;
mod gather;
mod lint;
mod load;
mod published;
mod recorder;
mod report;
mod settings;

pub use answers::Answers;
pub use build::{GatherError, Gathered, ImagespecFrontend, SpecText, compile_only, finish, parse};
pub use client_files::{AtPath, ClientFiles, Side};
pub use published::Published;
pub use recorder::{Recorded, Recorder};
pub use report::to_status;
pub use settings::{CA_BUNDLE_ARG, IMAGE_ID_ARG, SET_ARG, choice, settings};
