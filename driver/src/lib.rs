//! Builds images of specs on a daemon: what `imagespec build` and Flyte's builder have in common.
//!
//! A [`Daemon`] is a connection with what decides where results can go. An [`Image`] is a spec with what belongs to it on the
//! client. A [`Request`] says where results go and what else the daemon is asked. [`Batch`] builds images side by side, and
//! [`plan()`] finds out what one would be made of.
//!
//! A build plans, has questions answered, and solves the image ([`imagespec_frontend`]); it is told that its last push is still
//! there, if it is, and builds nothing then; it brings the image where it is wanted ([`Batch`]), remembers what it
//! found out ([`DaemonMemory`]), and says in the spec's words what failed ([`step_failure`]).
//!
//! It prints nothing, and reads no variable of the process unless [`Variables::from_process`] is handed to it.

#![warn(missing_docs)]

mod attest;
mod batch;
mod compress;
pub mod content;
mod credentials;
mod daemon;
mod delivery;
mod error;
mod event;
mod explain;
mod files;
mod image;
mod image_size;
mod memory;
mod plan;
mod secrets;
mod solving;
mod up_to_date;
mod variables;

pub use attest::{AttestError, Attestations};
pub use batch::{Batch, build};
pub use credentials::{CredentialsError, auth_options, push_login, registry_auth};
pub use daemon::Daemon;
pub use delivery::{Delivery, DeliveryOptions};
pub use error::BuildError;
pub use event::{
    Delivered, Destination, Event, EventKind, EventReceiver, Events, Failure, FailureKind, Place, Problem, VertexState,
};
pub use explain::{StepFailure, step_failure};
pub use files::Files;
pub use image::{Built, Image, Request};
pub use imagespec_frontend::{DriveError, Planned, SpecText, parse};
pub use memory::DaemonMemory;
pub use plan::plan;
pub use secrets::{SecretsError, add_secrets};
pub use solving::{Driven, Handle, Solving};
pub use variables::Variables;
