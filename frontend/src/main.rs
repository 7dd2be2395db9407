//! The program of the frontend image: talks to the daemon that started it over stdio, once.

use std::process::ExitCode;

fn main() -> ExitCode {
    buildkit_gateway::main_stdio(imagespec_frontend::ImagespecFrontend::default())
}
