//! A BuildKit client: finds a daemon, connects to it, runs builds and reports their progress.
//!
//! It works with `buildkitd` over every transport that `buildctl` supports, and with the BuildKit inside Docker Engines. It
//! does not need the Docker command line, and prints nothing. A build is an encoded definition, a frontend that the daemon
//! runs, or code of the caller that uses the daemon's gateway ([`solve::solve_with_gateway`]).
//!
//! Reading order: [`address`], [`dial`], [`solve`], [`session`], [`progress`], [`error`].

pub mod address;
pub mod content;
pub mod dial;
pub mod discover;
pub mod engine;
pub mod error;
pub mod flag;
pub mod info;
pub mod layout;
pub mod metadata;
mod new_file;
pub mod output;
pub mod progress;
mod reference;
pub mod session;
pub mod solve;
pub mod tls;
mod transport;
mod worker;
