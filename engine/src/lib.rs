//! Flyte's `ImageBuildEngine` in Rust: chooses the builder of a spec, and decides whether its image has to be built.
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
//! The main types:
//!
//! - [`ImageBuildEngine`] holds named builders and remembers the images that they built.
//! - [`ImageSpecBuilder`] is the trait of builders. [`LlbBuilder`] builds with BuildKit; [`NoopBuilder`] uses the base image as
//!   it is.
//! - [`exist`] asks a registry for an image, and [`Existence`] is the answer.
//! - [`Settings`] are the settings that Flytekit reads from the environment.
//!
//! The crate prints nothing, and reads the process environment only if the caller passes [`Variables::from_process`]. The meaning
//! of a spec is defined by `imagespec` and `imagespec-compile`.

#![warn(missing_docs)]

mod build_engine;
mod builder;
pub mod error;
mod existence;
mod from_env;
mod llb;
mod noop;
mod registry_name;
mod request;
mod settings;
mod shared_sessions;

pub use build_engine::{Built, ImageBuildEngine};
pub use builder::{BoxFuture, BuildContext, Decision, ImageSpecBuilder};
pub use error::EngineError;
pub use existence::{Existence, exist};
pub use from_env::{FromEnv, FromEnvError, from_env};
pub use imagespec_driver::{CredentialsError, Files, SecretsError, Variables};
pub use llb::LlbBuilder;
pub use noop::NoopBuilder;
pub use registry_name::validate_container_registry_name;
pub use request::BuildRequest;
pub use settings::Settings;
