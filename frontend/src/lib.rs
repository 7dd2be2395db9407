//! The imagespec frontend: loads the spec, gathers the facts it needs over the gateway, compiles, and returns the image.
//!
//! The same code runs as the frontend image (`main.rs`, stdio) and inside the command-line client (the control connection), so
//! that all entrances give the same graph. What a spec means is `imagespec-compile`'s business.

#![warn(missing_docs)]

mod answering;
mod build;
mod client_files;
mod drive;
mod error;
mod event;
mod in_flight;
mod lint;
mod load;
mod memory;
mod parts;
mod published;
mod recorder;
mod report;
mod settings;
mod vertices;

pub use build::{ImagespecFrontend, Planned, SpecText, compile_only, parse};
pub use client_files::{AtPath, ClientFiles, Side};
pub use error::DriveError;
pub use event::{Event, Events};
pub use memory::Memory;
pub use published::Published;
pub use recorder::{Recorded, Recorder};
pub use report::to_status;
pub use settings::{CA_BUNDLE_ARG, IMAGE_ID_ARG, SET_ARG, choice, settings};
pub use vertices::Vertices;
