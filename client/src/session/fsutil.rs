//! The fsutil protocol, which transfers file trees in a session, in both directions.
//!
//! [`sender`] serves directories to the daemon, [`receiver`] writes exports of the daemon. Both handle packets, not gRPC
//! methods or request headers.

pub(crate) mod filter;
pub(crate) mod follow;
pub(crate) mod mode;
pub(crate) mod order;
pub(crate) mod receiver;
pub(crate) mod sender;
pub(crate) mod tree;
pub(crate) mod walk;
pub(crate) use buildkit_proto::fsutil as wire;
