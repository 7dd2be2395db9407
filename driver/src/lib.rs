//! Builds images of specs on a daemon, for `imagespec build` and for Flyte's builder.
//!
//! A [`Daemon`] is a connection to a daemon with its possible destinations of results. An [`Image`] is a spec with its files and
//! credentials on the client. A [`Request`] has the options of a build, such as the destinations. [`Batch`] builds images in
//! parallel, and [`plan()`] returns the plan of an image.
//!
//! A build plans, gets answers to its questions, and solves the image ([`imagespec_frontend`]). If the last push still exists and
//! nothing has changed, nothing is built. The image is delivered to its destinations ([`Batch`]), answers are remembered for the
//! next build ([`DaemonMemory`]), and a failed step is described in terms of the spec ([`step_failure`]).
//!
//! The crate prints nothing, and reads no variable of the process unless [`Variables::from_process`] is passed to it, except that git's
//! configuration is found as git finds it.
//!
//! `gix` reads git's configuration, index and ignore rules: git itself would run programs that the configuration of a repository names.

#![warn(missing_docs)]

mod attest;
mod batch;
mod caches;
mod compress;
mod confined;
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
mod request;
mod secrets;
mod selection;
mod solving;
mod up_to_date;
mod variables;

pub use attest::{AttestError, Attestations};
pub use batch::{Batch, build};
pub use credentials::{CredentialsError, auth_options, push_login, registry_auth};
pub use daemon::Daemon;
pub use delivery::Delivery;
pub use error::BuildError;
pub use event::{
    Delivered, Destination, Event, EventKind, EventReceiver, Events, Failure, FailureKind, Place, Problem, VertexState,
};
pub use explain::{StepFailure, step_failure};
pub use files::Files;
pub use image::{Built, Image};
pub use imagespec_frontend::{DriveError, Planned, PlanningPass, SpecText, parse};
pub use memory::DaemonMemory;
pub use plan::plan;
pub use request::{DeliveryOptions, Request};
pub use secrets::{SecretsError, add_secrets};
pub use solving::{Driven, Handle, Solving};
pub use variables::Variables;
