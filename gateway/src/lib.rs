//! SDK for BuildKit frontends.
//!
//! A frontend turns a user's spec into graphs and results. It may run as an image inside the daemon, talking over stdio,
//! or in a client, talking over the control connection; [`Bridge`] is the same for both, and [`run_frontend`] runs one
//! [`Frontend`] over either. [`BuildOptions`] is what the user asked for, [`contexts`] where files come from,
//! [`FrontendResult`] and [`Status`] what goes back.
//!
//! ```no_run
//! use buildkit_gateway::{Build, Frontend, FrontendResult, SolveRequest, Status, main_stdio};
//!
//! struct Scratch;
//!
//! impl Frontend for Scratch {
//!     async fn build(&self, build: &Build) -> Result<FrontendResult, Status> {
//!         Ok(build.bridge.solve(SolveRequest::default()).await?)
//!     }
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     main_stdio(Scratch)
//! }
//! ```
//!
//! This crate makes no graphs and reads no specs; processes in containers (`NewContainer`) are not covered.

#![warn(missing_docs)]

mod bridge;
pub mod container;
pub mod contexts;
mod detail;
mod error;
mod frontend;
mod go_value;
mod options;
mod percent;
mod platform;
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
pub use buildkit_proto::pb::Definition;
pub use detail::{ErrorDetail, SolveDetail, SourceInfo, SourcePosition, SourceRange};
pub use error::GatewayError;
pub use frontend::{Build, FRONTEND_CAPS, Frontend, RunError, main_stdio, run_frontend};
pub use options::{
    AddHost, BuildOptions, LinuxResources, NetworkMode, NoCache, OptionError, Sbom, SourceDateEpoch, Ulimit,
};
pub use platform::{ParsePlatformError, Platform};
pub use pong::{Pong, Worker, caps};
pub use result::{
    Attestation, AttestationKind, FrontendResult, InTotoSubject, PlatformImage, Reference, Refs, ResultShapeError,
    Solved, keys,
};
pub use spec_file::SpecFile;
pub use status::{AnyDetail, Status};
pub use subrequest::{DESCRIBE, Subrequest, SubrequestAnswer, SubrequestField};
