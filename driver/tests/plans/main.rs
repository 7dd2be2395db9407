//! What this workspace plans, on real daemons of the lab (`eval "$(lab/up)"`): the gateway keeps the contract of sources of answers,
//! and the golden definitions are built.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[allow(dead_code, reason = "sources that need no daemon use the rest")]
#[path = "../../../compile/tests/contract/mod.rs"]
mod contract;
#[allow(dead_code, reason = "the comparison with the golden files uses the rest")]
#[path = "../../../compile/tests/compile/definitions.rs"]
mod definitions;
mod gateway;
mod goldens;
mod lab;
#[allow(dead_code, reason = "the tests of the crate that it belongs to use the rest")]
#[path = "../../../compile/tests/compile/world.rs"]
mod world;
