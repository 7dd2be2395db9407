//! The SDK against real daemons: those of the lab (`eval "$(lab/up)"`). Builds are driven from here, through the client,
//! so the same calls are made as in a frontend container, over another connection.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod container;
mod lab;
mod solve;
mod source;
