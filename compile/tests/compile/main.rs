//! The guarantees of compiling, from a spec's text to the bytes of a graph. There is no daemon: facts are test data.

mod answers;
#[path = "../contract/mod.rs"]
mod contract;
mod definitions;
mod environment;
mod facts;
mod files;
mod golden;
mod laws;
mod lock_file;
mod moves;
mod public;
mod python;
mod requirements;
mod secrets;
mod steps;
mod typed;
mod world;
