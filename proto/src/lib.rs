//! BuildKit's wire types.
//!
//! The LLB messages ([`pb`]) are declared here, because a definition must be encoded canonically (ordered maps whose entries
//! always have key and value), and because no published crate has the newest ops. The gRPC services and their error details
//! (`rpc` and `errdefs`, behind the feature `rpc`) use `bollard-buildkit-proto`, which follows BuildKit's `.proto` files and
//! needs no `protoc`.
//!
//! prost encodes the messages. The result is canonical because defaults are left out and maps are sorted lists of entries. The
//! only exception is [`pb::Op`], whose bytes are digested: Go writes its oneof last, see [`canonical::op`].
//!
//! This crate handles bytes, names and digests; `buildkit-llb` validates graphs.
//!
//! ```
//! use buildkit_proto::{Digest, canonical, pb};
//!
//! let context = pb::SourceOp { identifier: "local://context".to_owned(), ..Default::default() };
//! let bytes = canonical::op(&pb::Op { op: Some(pb::op::Op::Source(context)), ..Default::default() });
//! assert_eq!(bytes, b"\x1a\x11\x0a\x0flocal://context");
//! // Other ops and the daemon know it by this.
//! let digest = "sha256:a60212791641cbeaa3a49de4f7dff9e40ae50ec19d1be9607232037c1db16702";
//! assert_eq!(Digest::from_content(&bytes).to_string(), digest);
//! ```

#![warn(missing_docs)]

pub mod canonical;
pub mod caps;
mod digest;
#[cfg(feature = "rpc")]
pub mod errdefs;
mod fields;
pub mod fsutil;
pub mod go;
pub mod keys;
pub mod map;
pub mod pb;
mod platform;
#[cfg(feature = "rpc")]
pub mod rpc;

pub use caps::CapSet;
pub use digest::{Digest, ParseDigestError};
pub use fields::Fields;
#[cfg(feature = "rpc")]
pub use platform::{platform_from_rpc, platform_to_rpc};
pub use prost::Message;
