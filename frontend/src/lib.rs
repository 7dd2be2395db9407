//! The imagespec frontend: loads the spec, gathers facts through the gateway, compiles, and returns the image.
//!
//! The same code runs in the frontend image (`main.rs`, stdio) and in the command-line client (control connection), so that both result
//! in the same graph. `imagespec-compile` defines the meaning of a spec.

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

pub use build::{ImagespecFrontend, Planned, SpecText, compile_only, parse, require_caps};
pub use client_files::{AtPath, ClientFiles, Side};
pub use error::DriveError;
pub use event::{Event, Events, PlanningPass};
pub use memory::Memory;
pub use published::Published;
pub use recorder::{Recorded, Recorder};
pub use report::{to_status, to_warning};
pub use settings::{CA_BUNDLE_ARG, IMAGE_ID_ARG, SET_ARG, choice, settings};
pub use vertices::Vertices;
