//! The `imagespec` program: parses the arguments, runs one command, and returns its exit code.

mod args;
mod command;
mod daemon;
mod destination;
mod error;
mod exit;
mod facts;
mod file;
mod image;
mod options;
mod print;
mod proxies;
mod spec_file;
mod stage;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Command};
use error::CliError;
use exit::Exit;

fn main() -> ExitCode {
    let args = Args::parse();
    let writes_events = args.command.writes_events();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return finish(Err(CliError::Internal(format!("cannot start the runtime: {error}"))), writes_events);
        }
    };
    let outcome = runtime.block_on(run_command(args.command));
    // Background threads may still block on a terminal or a socket; exit without waiting for them.
    runtime.shutdown_background();
    finish(outcome, writes_events)
}

async fn run_command(command: Command) -> Result<Exit, CliError> {
    let outcome = match command {
        Command::Graph(args) => return command::graph::run(&args),
        Command::Lock(args) => return command::lock::run(&args).await,
        Command::Exists(args) => return command::exists::run(&args).await,
        Command::Why(args) => return command::why::run(&args),
        Command::Build(args) => command::build::run(&args).await,
        Command::Compile(args) => command::compile::run(&args).await,
        Command::Plan(args) => command::plan::run(&args).await,
        Command::Tag(args) => command::tag::run(&args),
        Command::Schema => command::schema::run(),
        Command::FromEnv(args) => command::from_env::from_env(&args),
        Command::Init(args) => command::from_env::init(&args),
        Command::Check(args) => command::check::run(&args),
        Command::Frontend(args) => command::frontend::run(&args).await,
        Command::Doctor(args) => command::doctor::run(&args).await,
        Command::Completions(args) => command::shell::completions(&args),
        Command::Man(args) => command::shell::man(&args),
    };
    outcome.map(|()| Exit::Success)
}

fn finish(outcome: Result<Exit, CliError>, writes_events: bool) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            match writes_events {
                true => error.events().iter().for_each(print::event),
                false => print::note(&error.render()),
            }
            error.exit().into()
        }
    }
}
