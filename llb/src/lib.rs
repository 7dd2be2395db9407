//! Typed BuildKit LLB graphs: build one, verify it, send it; or read one of any client and extend it.
//!
//! # You want to build something with BuildKit, without a Dockerfile
//!
//! BuildKit builds graphs: sources bring content in, execs run programs on it, file ops copy and write. A [`GraphBuilder`]
//! takes such ops and returns the [`Output`]s that other ops take as input.
//!
//! ```
//! use buildkit_llb::{Copy, Exec, File, GraphBuilder, LocalSource, Mount, Note, Platform, Sharing, Source};
//! use buildkit_proto::Message as _;
//!
//! let amd64 = Platform::linux("amd64");
//! let mut graph = GraphBuilder::new();
//!
//! // Content from outside: an image of a registry, a directory of the client.
//! let base = graph.source(Source::image("docker.io/library/golang:1.26", amd64.clone()));
//! let context = graph.source(LocalSource { shared_key_hint: Some("context".into()), ..LocalSource::new("context") });
//!
//! // A program: argv, not a shell line. Its mounts decide what it may write to and what becomes of that.
//! let compile = graph.exec(
//!     Exec::reading_root(["go", "build", "-o", "/out/app", "."], base, amd64)
//!         .with_cwd("/src")
//!         .with_mount(Mount::read_only("/src", context))
//!         .with_mount(Mount::cache("/root/.cache/go-build", "go-build", Sharing::Shared))
//!         .with_mount(Mount::scratch_output("/out")),
//! );
//! graph.annotate(compile.op(), Note::named("compile the app"));
//! let out = compile.at("/out").expect("a writable mount has an output");
//!
//! // The result: one file on nothing.
//! let image = graph.file(File::scratch().copy(Copy::new(out, "/app", "/app")));
//!
//! // Everything the daemon would refuse is reported here.
//! let graph = graph.finish(Some(image))?;
//! let bytes = graph.to_definition().encode_to_vec(); // what `buildctl build` reads on stdin
//! assert_eq!(graph.reachable().len(), 4);
//! # drop(bytes);
//! # Ok::<(), buildkit_llb::Violations>(())
//! ```
//!
//! `llb/examples` has programs whose output goes straight into `buildctl build`.
//!
//! # You want a cache that hits
//!
//! An op's identity is the digest of its bytes, so equal ops are one op, and the order of insertion does not matter. Its name,
//! the place where the user asked for it and whether its cache is used are in a [`Note`] and change no digest.
//! The bytes are those of Go's `client/llb`: the same graph hits the same cache, whichever client made it. Some hundred definitions of
//! the pinned release prove that in `testdata/vectors`.
//!
//! # You want branches that do not disturb each other
//!
//! [`Diff`] takes what a branch changed, [`Merge`] lays such changes over a base without copying.
//! [`GraphBuilder::merge_all`] leaves out empty ones.
//!
//! # You do not know the daemon
//!
//! A daemon lists capabilities, and silently ignores some fields that it does not know. [`missing_caps`] names what a graph
//! needs and a daemon lacks; [`Graph::lower_for`] replaces it where that is possible, and reports what it changed.
//!
//! # You have a definition already
//!
//! [`Graph::from_bytes`] reads one, [`Graph::reopen`] extends it. Ops that no type of this crate expresses stay as they are,
//! byte for byte ([`Foreign`]). [`Graph::dump`] prints or draws it, [`Graph::compare`] shows what is different about another
//! one, and why.
//!
//! # What this crate does not do
//!
//! No IO: it resolves no references, asks no ssh server for keys, talks to no daemon. No clock, no environment, no random
//! ids. The platform and what the daemon can do come from the caller. Values of secrets are nowhere in a graph.
//! `serde_json` writes lists in attributes and the JSON dump, because escaping is not worth writing twice.

#![warn(missing_docs)]

mod builder;
mod compare;
mod decode;
mod dump;
mod encode;
mod graph;
mod lower;
mod note;
mod op;
mod output;
mod path;
mod required;
mod verify;
mod violation;

pub use builder::GraphBuilder;
pub use buildkit_proto::caps::llb as caps;
pub use buildkit_proto::{CapSet, Digest};
pub use compare::{Comparison, Difference, FieldChange, InputChange, Vertex};
pub use decode::DecodeError;
pub use dump::Dump;
pub use graph::Graph;
pub use lower::{Change, LowerError, Lowered, MissingCapability};
pub use note::{LinuxResources, Location, Note, ProgressGroup, SourceFile};
pub use oci_names::{ParsePlatformError, Platform};
pub use op::Op;
pub use op::build::Build;
pub use op::diff::Diff;
pub use op::exec::{Device, Exec, Network, Proxy, SecretEnv, Security, Ulimit};
pub use op::file::{Chmod, Copy, CopyFrom, File, FilteredFile, MkDir, MkFile, Owner, Rm, Symlink, User, Wildcard};
pub use op::foreign::Foreign;
pub use op::merge::Merge;
pub use op::mount::{Access, BindMount, CacheMount, ContentCache, Mount, SecretMount, Sharing, SshMount, TmpfsMount};
pub use op::passthrough::Passthrough;
pub use op::source::{
    BlobSource, BlobStore, Differ, GitBundle, GitMtime, GitRemote, GitSignature, GitSource, GitSsh, GitUrlError,
    HttpSignature, HttpSource, ImageSource, LocalSource, MetadataOnly, OciLayoutSource, Permissions, ResolveMode,
    Source,
};
pub use output::{ExecOutputs, OpId, Output};
pub use required::{declared_caps, missing_caps, required_caps};
pub use violation::{Rule, Violation, Violations};
