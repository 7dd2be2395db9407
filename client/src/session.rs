//! The session, through which a daemon makes requests to its client during a build.
//!
//! A session is a call to `Control.Session` whose two byte streams carry an HTTP/2 connection in which the daemon is the
//! client (moby/buildkit: `session/`). Over this connection the daemon reads the directories that are served ([`files`]),
//! delivers exports ([`exports`]), and asks for secrets ([`secrets`]) and registry credentials ([`auth`]). A session does not
//! start a build; a solve request refers to a session by its id.
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
mod content;
mod fsutil;
mod grpc;
mod handle;
mod health;
mod id;
mod records;
mod secret_bytes;
mod server;
mod tasks;

pub use handle::{Session, SessionBuilder, SessionEnd, SessionError, SharedKey};
pub use id::{EmptySessionId, SessionId};
pub use secret_bytes::SecretBytes;

#[cfg(test)]
mod tests;
