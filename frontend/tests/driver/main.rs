//! The driver with a recording daemon: the order of questions, which are asked at the same time, that none is asked twice, and what
//! happens to calls that are not needed any more. The end-to-end tests cover real daemons.
#![expect(clippy::unwrap_used, reason = "test code: a broken assumption should end the test here")]

#[path = "../../../gateway/tests/support/mod.rs"]
mod support;

mod cold;
mod memory;
mod world;
