//! The session: what a daemon may ask of its client while it builds.
//!
//! A session is a call to `Control.Session` whose two streams of bytes carry an HTTP/2 connection in which the daemon
//! is the client (moby/buildkit: `session/`). Over it the daemon reads the directories it was allowed to
//! ([`files`]), delivers exports ([`exports`]), and asks for secrets ([`secrets`]) and registry credentials ([`auth`]).
//! It starts no build; a solve request only names a session by its id.
//!
//! ```no_run
//! # async fn example(channel: tonic::transport::Channel) -> Result<(), Box<dyn std::error::Error>> {
//! use buildkit_client::session::Session;
//! use buildkit_client::session::exports::ExportTarget;
//! use buildkit_client::session::files::LocalDir;
//!
//! let session = Session::builder()
//!     .with_local_dir("context", LocalDir::new("."))
//!     .with_export(0, ExportTarget::Directory("out".into()))
//!     .open(channel)
//!     .await?;
//! let lost = session.closed();
//! // A build with `session.id()` runs here, next to `lost`.
//! session.close().await;
//! # drop(lost);
//! # Ok(())
//! # }
//! ```

pub mod auth;
pub mod exports;
pub mod files;
pub mod pattern;
pub mod secrets;
pub mod sent;

mod byte_stream;
mod fsutil;
mod grpc;
mod handle;
mod health;
mod id;
mod secret_bytes;
mod server;
mod tasks;

pub use handle::{Session, SessionBuilder, SessionEnd, SessionError, SharedKey};
pub use id::{EmptySessionId, SessionId};
pub use secret_bytes::SecretBytes;

#[cfg(test)]
mod tests;
