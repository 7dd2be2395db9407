//! The program of the frontend image: communicates with the daemon that started it over stdio, for one build.

use std::process::ExitCode;

fn main() -> ExitCode {
    buildkit_gateway::main_stdio(imagespec_frontend::ImagespecFrontend::default())
}
