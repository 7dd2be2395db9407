//! The driver against a recording daemon: in which order questions are put, what is put at the same time, what is not put twice, and
//! what becomes of calls that nobody wants any more. What a real daemon does with them is for the end-to-end tests.
#![expect(clippy::unwrap_used, reason = "test code: a broken assumption should end the test here")]

#[path = "../../../gateway/tests/support/mod.rs"]
mod support;

mod cold;
mod memory;
mod world;
