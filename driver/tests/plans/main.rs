//! Planning and its results on the real daemons of the lab (`eval "$(lab/up)"`): the contract suite for the gateway of a daemon, and
//! the golden definitions.

#![expect(clippy::unwrap_used, reason = "test code: a broken assumption should end the test here")]

#[allow(dead_code, reason = "the tests of `imagespec-compile` use the rest")]
#[path = "../../../compile/tests/contract/mod.rs"]
mod contract;
#[allow(dead_code, reason = "the tests of `imagespec-compile` use the rest")]
#[path = "../../../compile/tests/compile/definitions.rs"]
mod definitions;
mod gateway;
mod goldens;
mod lab;
#[allow(dead_code, reason = "the tests of `imagespec-compile` use the rest")]
#[path = "../../../compile/tests/compile/world.rs"]
mod world;
