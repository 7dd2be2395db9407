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
//! It prints nothing, and reads no variable of the process unless [`Variables::of_process`] is handed to it. What a spec means is
//! `imagespec`'s and `imagespec-compile`'s business.

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
mod together;

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
