//! SDK for BuildKit frontends: teach `docker build` a format of your own.
//!
//! A frontend reads what the user wrote and answers with graphs of build steps and image configs. BuildKit starts it from
//! an image, named by the first line of the user's file (`# syntax=…`); the same code can run in a client.
//!
//! # A frontend
//!
//! ```no_run
//! use buildkit_gateway::{Build, Frontend, FrontendResult, Status, main_stdio};
//! use buildkit_llb::{File, GraphBuilder, MkFile};
//! use serde_json::json;
//!
//! /// An image of one file: the user's.
//! struct Mirror;
//!
//! impl Frontend for Mirror {
//!     async fn build(&self, build: &Build) -> Result<FrontendResult, Status> {
//!         let spec = build.spec_file("mirror.txt").await?;
//!         if let Some((number, _)) = spec.lines().find(|(_, line)| line.is_empty()) {
//!             return Err(spec.error(number, "an empty line mirrors nothing"));
//!         }
//!         let image = build.image(|_platform| {
//!             let mut graph = GraphBuilder::new();
//!             let file = graph.file(File::scratch().mkfile(MkFile::new("/mirror.txt", 0o644, spec.text())));
//!             Ok((graph.finish(Some(file))?, json!({ "config": { "Labels": { "made.by": "mirror" } } })))
//!         });
//!         image.await
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     main_stdio(Mirror)
//! }
//! ```
//!
//! Its image has the static program as entrypoint and two labels: `moby.buildkit.frontend.caps` with [`FRONTEND_CAPS`],
//! and `moby.buildkit.frontend.network.none=true`, because all it needs comes over its stdin.
//!
//! # From here
//!
//! - [`Build::spec_file`], [`Build::context`], [`Build::image`] are the short way; [`contexts`] and [`Bridge`] the parts
//!   it is made of, for other ways.
//! - [`BuildOptions`] is what the user asked for in addition to the spec.
//! - [`container`] runs programs on what was built: tools that decide how the graph goes on, tests, shells.
//! - [`Status`] is an error with all its details, those of the daemon included. Errors of your own need a `From` into it;
//!   [`SpecFile::error`] makes one that points at a line.
//! - [`FrontendResult`] is what goes back; [`keys`] are the metadata that exporters understand.
//! - [`run_frontend`] runs a frontend over any [`Bridge`], [`main_stdio`] over the stdio of an image's process.
//!
//! Every call picks what an old daemon understands, by the capabilities it lists ([`Pong`]), or fails with
//! [`GatewayError::MissingCapability`]. The README has a table from Go's client to this crate, supported versions and
//! features.
//!
//! This crate reads no specs, makes no graphs but those that load files, and never prints.

#![warn(missing_docs)]

/// The README's program has to compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod bridge;
pub mod container;
pub mod contexts;
mod error;
mod frontend;
mod options;
mod pong;
mod result;
mod spec_file;
mod status;
mod subrequest;
mod wire;

pub use bridge::{
    AttestationBlob, AttestationChain, Bridge, CacheImport, ChecksumAlgorithm, GitMeta, HttpMeta, ImageMeta, OciStore,
    ResolveMode, ResolvedImage, SolveRequest, SourceMeta, SourceQuery, Stat, Warning,
};
pub use buildkit_llb::{SecretEnv, Security, Sharing};
pub use buildkit_proto::CapSet;
pub use buildkit_proto::errdefs::{AnyDetail, ErrorDetail, SolveDetail, SourceInfo, SourcePosition, SourceRange};
pub use buildkit_proto::pb::Definition;
pub use error::GatewayError;
pub use frontend::{Build, FRONTEND_CAPS, Frontend, RunError, main_stdio, run_frontend};
pub use oci_names::{ImageReference, ParsePlatformError, ParseReferenceError, Platform};
pub use options::{
    AddHost, BuildOptions, LinuxResources, NetworkMode, NoCache, OptionError, Sbom, SourceDateEpoch, Ulimit,
};
pub use pong::{Pong, Worker, caps};
pub use result::{
    Attestation, AttestationKind, FrontendResult, InTotoSubject, PlatformImage, Reference, Refs, ResultShapeError,
    Solved, keys,
};
pub use spec_file::SpecFile;
pub use status::Status;
pub use subrequest::{DESCRIBE, Subrequest, SubrequestAnswer, SubrequestField};
