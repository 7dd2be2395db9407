//! `imagespec build`: the image a spec describes, built and brought where it is wanted.
//!
//! The spec is compiled here and solved over the control connection; with `--frontend` an image does it in the daemon.

mod attest;
mod delivery;

use std::collections::BTreeMap;
use std::sync::Arc;

use buildkit_client::discover::SystemEnvironment;
use buildkit_client::flag::{FlagError, parse_allow, parse_cache_from, parse_cache_to};
use buildkit_client::progress::Mode;
use buildkit_client::solve::{SolveOptions, cache_imports_attr};
use buildkit_gateway::{Bridge, FRONTEND_CAPS, SolveRequest, Status, run_frontend};
use imagespec::{Diagnostic, SourceMap};

use crate::args::{BuildArgs, Progress};
use crate::error::{CliError, render_diagnostics};
use crate::facts::{self, Recorder};
use crate::run::{Driver, Run};
use crate::spec_file::SpecFile;
use crate::{daemon, options, print, session};

use delivery::Delivery;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) async fn run(args: &BuildArgs) -> Result<(), CliError> {
    let file = SpecFile::read(&args.spec)?;
    let mut opts = options::frontend_options(&args.options, &file.text.name, |name| std::env::var_os(name))?;
    attest::add(&mut opts, &args.output)?;
    // What is wrong with the spec alone is told before anything is connected.
    let (document, warnings) = imagespec_frontend::parse(&file.text.name, &file.text.text)?;
    warn(args, &warnings, &document.sources);
    // The daemon compares what was asked for with what comes out, and knows of the spec's platforms only if it is told.
    if !opts.contains_key("platform") && !document.spec.platform.is_empty() {
        let platforms: Vec<String> = document.spec.platform.iter().map(ToString::to_string).collect();
        opts.insert("platform".to_owned(), platforms.join(","));
    }

    let cache_imports = parse_cache_from(&args.options.cache_from, &SystemEnvironment).map_err(flag)?;
    if let Some(imports) = cache_imports_attr(&cache_imports) {
        opts.insert("cache-imports".to_owned(), imports);
    }
    let mut allowed = parse_allow(&args.output.allow).map_err(flag)?;
    if args.options.network.as_deref() == Some("host") {
        allowed.entitlements.push("network.host".to_owned());
    }
    let mut solve = SolveOptions::new("");
    solve.cache_exports = parse_cache_to(&args.output.cache_to, &SystemEnvironment).map_err(flag)?;
    solve.cache_imports = cache_imports;
    solve.entitlements = allowed.entitlements;
    solve.frontend_attrs = opts.clone();

    let serving = session::builder(&file, &document.spec, &args.options, session::Missing::Refuse)?;
    let connection = daemon::connect(&args.daemon).await?;
    let delivery = Delivery::plan(args, &document.spec, &connection).await?;
    solve.exporters = delivery.exporters();
    let (serving, mut loads) = delivery.attach(serving)?;

    let recorder = Recorder::new(file.text.clone(), true);
    let recorded = Arc::clone(&recorder.recorded);
    let frontend = args.frontend.clone();
    let run = Run { connection: &connection, session: serving, solve, progress: mode(args) };
    let outcome = run
        .drive(
            |driver| async move {
                match frontend {
                    None => in_process(driver, opts, recorder).await,
                    Some(image) => in_daemon(driver, opts, &image).await,
                }
            },
            |progress| delivery::finish(&delivery, &mut loads, progress),
        )
        .await;
    let response = match outcome {
        Ok((response, ())) => response,
        Err(error) => {
            let error = delivery::load_failure(loads).await.unwrap_or(error);
            return Err(match args.frontend {
                None => facts::take(&recorded, Err(error)).err().unwrap_or(CliError::Interrupted),
                Some(_) => error,
            });
        }
    };
    if let Some(Ok(gathered)) = recorded.get() {
        warn(args, &gathered.warnings, &gathered.document.sources);
        if let Some(path) = &args.save_facts {
            facts::save(path, &gathered.facts)?;
        }
    }
    delivery.report(args, &response)
}

/// Shows warnings, unless the user wants to see nothing but the result.
fn warn(args: &BuildArgs, warnings: &[Diagnostic], sources: &SourceMap) {
    if !args.output.quiet {
        print::note(&render_diagnostics(warnings, sources));
    }
}

/// Compiles here; the daemon is asked for facts and solves the graph.
async fn in_process(driver: Driver, opts: BTreeMap<String, String>, recorder: Recorder) -> Result<(), BoxError> {
    let bridge = Bridge::over_channel(driver.handle.channel, Some(driver.handle.build_ref))?;
    let options = facts::build_options(opts, driver.session_id)?;
    Ok(run_frontend(bridge, options, &recorder).await?)
}

/// Lets a frontend image do it all in the daemon.
async fn in_daemon(driver: Driver, mut opts: BTreeMap<String, String>, image: &str) -> Result<(), BoxError> {
    let bridge = Bridge::over_channel(driver.handle.channel, Some(driver.handle.build_ref))?;
    bridge.ping().await?;
    opts.insert("source".to_owned(), image.to_owned());
    opts.insert("frontend.caps".to_owned(), format!("{}+forward", FRONTEND_CAPS[1]));
    let request =
        SolveRequest { frontend: Some("gateway.v0".to_owned()), frontend_opts: opts, ..SolveRequest::default() };
    match bridge.solve(request).await {
        Ok(result) => Ok(bridge.return_result(result).await?),
        Err(error) => {
            let status = Status::from(error);
            bridge.return_error(status.clone()).await?;
            Err(status.message.into())
        }
    }
}

fn mode(args: &BuildArgs) -> Mode {
    match (args.output.quiet, args.output.progress) {
        (true, _) | (false, Progress::Quiet) => Mode::Quiet,
        (false, progress) => progress.into(),
    }
}

pub(crate) fn flag(error: FlagError) -> CliError {
    CliError::Input(error.to_string())
}
