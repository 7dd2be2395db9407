//! BuildKit's wire types.
//!
//! The LLB messages ([`pb`]) are declared here, because a definition must be encoded canonically (ordered maps whose
//! entries always carry key and value) and because they include ops newer than any published crate knows.
//! The gRPC services (`rpc`, behind the feature of that name) come from `bollard-buildkit-proto`, which is kept up to
//! date with BuildKit's `.proto` files and needs no `protoc`.
//!
//! Encoding is prost's; it is canonical because defaults are left out and maps are sorted entries. The one exception is
//! [`pb::Op`], whose bytes are digested: Go writes its oneof last, see [`canonical::op`].
//! This crate knows bytes, names and digests; what a graph may look like is `buildkit-llb`'s business.

#![warn(missing_docs)]

pub mod canonical;
pub mod caps;
mod digest;
mod fields;
pub mod fsutil;
pub mod go;
pub mod map;
pub mod pb;
#[cfg(feature = "rpc")]
pub mod rpc;

pub use caps::CapSet;
pub use digest::{Digest, ParseDigestError};
pub use fields::Fields;
pub use prost::Message;
