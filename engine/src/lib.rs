//! Flyte's `ImageBuildEngine` in Rust: which builder makes the image of a spec, and whether it has to.
//!
//! ```no_run
//! use imagespec::ImageSpec;
//! use imagespec_engine::{ImageBuildEngine, LlbBuilder};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut engine = ImageBuildEngine::new();
//! engine.register("llb", LlbBuilder::new("unix:///run/buildkit/buildkitd.sock".parse()?), 5);
//! let spec = ImageSpec::named("train")?.with_base_image("python:3.12-slim")?.with_packages(["numpy"])?;
//! let built = engine.build(&spec).await?;
//! println!("{}", built.real_name);
//! # Ok(())
//! # }
//! ```
//!
//! The main types: [`ImageBuildEngine`] has builders by name and remembers what they built; [`ImageSpecBuilder`] is a builder,
//! [`LlbBuilder`] the one of this workspace, [`NoopBuilder`] one that takes the base image as it is; [`exist`] asks a registry for
//! an image, and [`Existence`] is the answer; [`Settings`] are what Flytekit reads from the environment.
//!
//! Those who drive a build themselves find parts of [`LlbBuilder`] here: [`step_failure`] tells a failed step in the spec's words,
//! [`compress_ahead`] has the daemon compress what is built already, [`DaemonMemory`] remembers what need not be asked again,
//! and [`LastPush`] what need not be built again.
//!
//! It prints nothing, and reads no variable of the process unless [`Variables::of_process`] is handed to it. What a spec means is
//! `imagespec`'s and `imagespec-compile`'s business.

#![warn(missing_docs)]

mod build_engine;
mod builder;
mod compress;
pub mod content;
mod credentials;
mod error;
mod existence;
mod explain;
mod files;
mod from_env;
mod last_push;
mod llb;
mod memory;
mod noop;
mod registry_name;
mod request;
mod secrets;
mod settings;
mod together;
mod variables;

pub use build_engine::{Built, ImageBuildEngine};
pub use builder::{BoxFuture, BuildContext, Decision, ImageSpecBuilder};
pub use compress::compress_ahead;
pub use credentials::{CredentialsError, auth_options, push_login, registry_auth};
pub use error::EngineError;
pub use existence::{Existence, exist};
pub use explain::step_failure;
pub use files::Files;
pub use from_env::{FromEnv, FromEnvError, from_env};
pub use last_push::{LastPush, Repeated, Told};
pub use llb::LlbBuilder;
pub use memory::DaemonMemory;
pub use noop::NoopBuilder;
pub use registry_name::validate_container_registry_name;
pub use request::BuildRequest;
pub use secrets::{SecretsError, add_secrets};
pub use settings::Settings;
pub use variables::Variables;
