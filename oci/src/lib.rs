//! Names of the container world, parsed and in normal form: [`Platform`]s and [`ImageReference`]s.
//!
//! ```
//! use oci_names::{ImageReference, Platform};
//!
//! let image: ImageReference = "python:3.12-slim".parse()?;
//! assert_eq!(image.to_string(), "docker.io/library/python:3.12-slim");
//! let platform: Platform = "linux/aarch64".parse()?;
//! assert_eq!(platform.to_string(), "linux/arm64");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Both follow the Go packages that BuildKit itself uses, because BuildKit compares these names as text:
//! `containerd/platforms` and `distribution/reference`. The vectors in `testdata/vectors/names` are what these packages
//! answer, and the tests compare every one of them. [`Platform::parse`] and [`ImageReference::parse`] document the few inputs
//! that Go accepts and this crate refuses.
//!
//! Pure: no IO, no clock, no environment. Nothing is resolved, matched or compared with what a machine can run, and which
//! platforms an image can be built for is for the caller to decide.
//!
//! # Dependencies
//!
//! - `oci-spec` was not used for references: its `Reference` adds `latest` by itself, knows neither IPv6 hosts nor hosts in
//!   upper case nor short names, and needs `regex`. `container_image_dist_ref` splits references, but does not normalize them.
//!   No crate has the normal form of platforms.
//! - `serde` for platforms, which are JSON in image indexes; `thiserror` for the errors.

#![warn(missing_docs)]

mod platform;
mod reference;

pub use platform::{ParsePlatformError, Platform, PlatformProblem};
pub use reference::{ImageReference, ParseReferenceError, ReferenceProblem};
