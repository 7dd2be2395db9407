//! Connecting to, building on and losing real daemons: those of the lab (`eval "$(lab/up)"`), and one that a test starts and
//! kills.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod connect;
mod engine;
mod front;
mod gateway;
mod lab;
mod lost;
mod run;
