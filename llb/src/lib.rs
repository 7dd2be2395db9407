//! Typed BuildKit LLB graphs.
//!
//! Build a graph bottom-up with [`GraphBuilder`], have it verified by [`GraphBuilder::finish`], and encode it with
//! [`Graph::to_definition`]. Equal ops are one op: an op's identity is the digest of its canonical bytes.
//!
//! ```
//! use buildkit_llb::{Exec, GraphBuilder, Platform, Source};
//!
//! let amd64 = Platform::linux("amd64");
//! let mut graph = GraphBuilder::new();
//! let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
//! let run = graph.exec(Exec::new(["/bin/echo", "hello"], base, amd64));
//! let graph = graph.finish(run.root()).expect("the graph is sound");
//! assert_eq!(graph.to_definition().def.len(), 3, "two ops and the terminal op that names the result");
//! ```
//!
//! The crate is pure: no IO, no clock, no environment, no order that differs from run to run. The platform and what the
//! daemon can do come from the caller.
//! `serde_json` writes the JSON dump, because escaping is not worth writing twice.

#![warn(missing_docs)]

mod decode;
mod dump;
mod encode;
mod graph;
mod lower;
mod note;
mod op;
mod path;
mod platform;
mod required;
mod verify;

pub use buildkit_proto::caps::llb as caps;
pub use buildkit_proto::{CapSet, Digest};
pub use decode::DecodeError;
pub use dump::Dump;
pub use graph::{ExecOutputs, Graph, GraphBuilder, OpId, Output};
pub use lower::{Change, Lacking, Lowered};
pub use note::{LinuxResources, Location, Note, ProgressGroup, SourceFile};
pub use op::Op;
pub use op::build::Build;
pub use op::diff::Diff;
pub use op::exec::{Device, Exec, Network, Proxy, SecretEnv, Security, Ulimit};
pub use op::file::{Chmod, Copy, CopyFrom, File, MkDir, MkFile, Owner, Rm, Symlink, User};
pub use op::foreign::Foreign;
pub use op::merge::Merge;
pub use op::mount::{Access, ContentCache, Mount, MountKind, Sharing};
pub use op::passthrough::Passthrough;
pub use op::source::{
    BlobSource, BlobStore, Differ, GitBundle, GitMtime, GitRemote, GitSignature, GitSource, GitUrlError, HttpSignature,
    HttpSource, ImageSource, LocalSource, MetadataOnly, OciLayoutSource, ResolveMode, Source,
};
pub use platform::Platform;
pub use required::{declared_caps, missing_caps, required_caps};
pub use verify::{Rule, Violation};
