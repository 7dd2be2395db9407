//! A client of BuildKit: finds a daemon, connects to it, runs builds on it and tells how they go.
//!
//! It works with `buildkitd` over every transport `buildctl` knows and with the BuildKit inside Docker Engines, needs no
//! Docker command line, and prints nothing. What to build comes as an encoded definition, as the name of a frontend, or from
//! code of the caller's own that talks to the daemon's gateway ([`solve::solve_with_gateway`]).
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
pub mod metadata;
pub mod output;
pub mod progress;
pub mod session;
pub mod solve;
pub mod tls;
