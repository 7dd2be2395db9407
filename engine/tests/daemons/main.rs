//! The engine on real daemons and registries of the lab (`eval "$(lab/up)"`).

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod builds;
mod existence;
mod lab;
mod requests;
