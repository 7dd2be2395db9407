//! Gathering facts without building: from a file, or from a daemon by a build that exports nothing.

use std::path::Path;

use buildkit_client::error::SolveError;
use buildkit_client::progress::Mode;
use buildkit_client::solve::SolveOptions;
use buildkit_gateway::{Bridge, BuildOptions};
use imagespec_compile::{Facts, LockUse};
use imagespec_engine::{Variables, step_failure};
use imagespec_frontend::{GatherError, Gathered, Recorded, Recorder};

use crate::args::{BuildOptionArgs, DaemonArgs, FactsArgs, SpecArgs};
use crate::error::CliError;
use crate::run::Run;
use crate::spec_file::SpecFile;
use crate::{daemon, options, session};

/// All that a build of the spec depends on.
pub(crate) async fn gather(
    spec: &SpecArgs,
    build: &BuildOptionArgs,
    facts: &FactsArgs,
    daemon: &DaemonArgs,
    lock: LockUse,
    progress: Mode,
) -> Result<Gathered, CliError> {
    let mut file = SpecFile::read(spec)?;
    let opts = options::frontend_options(build, &file, |name| std::env::var_os(name))?;
    // What is wrong with the spec alone needs no daemon to be told.
    file.choice.contexts = options::named_contexts(&opts);
    let (document, mut warnings) = imagespec_frontend::parse(&file.text, &file.choice)?;
    if let Some(path) = &facts.facts {
        let settings = imagespec_frontend::settings(&build_options(opts, String::new())?);
        let mut gathered = imagespec_frontend::compile_only(document, settings, read(path)?)?;
        warnings.append(&mut gathered.warnings);
        gathered.warnings = warnings;
        return Ok(gathered);
    }
    let connection = daemon::connect(daemon).await?;
    let credentials = session::registry_auth_of(&file, &document.spec)?;
    let secrets = session::secrets(&file, &document.spec, build, session::Missing::Ignore)?;
    let run = Run {
        connection: &connection,
        session: file.files.session().with_secrets(secrets).with_registry_auth(credentials),
        solve: SolveOptions { frontend_attrs: opts.clone(), internal: true, ..SolveOptions::new() },
    };
    let frontend = file.files.frontend(file.text.clone(), lock, &Variables::of_process());
    let recorder = Recorder::new(frontend).gathering_only();
    let recorded = recorder.recorded();
    let outcome = run
        .drive_alone(progress, |driver| async move {
            let bridge = Bridge::over_channel(driver.handle.channel, Some(driver.handle.build_ref))?;
            recorder.run(bridge, opts, driver.session_id.into()).await
        })
        .await;
    let gathered = take(&recorded, outcome.map(|_| ()))?;
    if let Some(path) = &facts.save_facts {
        save(path, &gathered.facts)?;
    }
    Ok(gathered)
}

/// What was recorded, or why not. Problems of the spec are told by us rather than by what the daemon made of them.
pub(crate) fn take(recorded: &Recorded, outcome: Result<(), CliError>) -> Result<Gathered, CliError> {
    match (recorded.get(), outcome) {
        (Some(Err(error @ GatherError::Problems { .. })), _) => Err(error.clone().into()),
        (Some(gathered), Err(CliError::Solve(SolveError::Build(failure)))) => {
            Err(match step_failure(&failure, gathered) {
                Some((diagnostic, sources)) => {
                    CliError::Step { diagnostic: Box::new(diagnostic), sources: Box::new(sources) }
                }
                None => SolveError::Build(failure).into(),
            })
        }
        (_, Err(error)) => Err(error),
        (Some(Ok(gathered)), Ok(())) => Ok(gathered.clone()),
        (Some(Err(error)), Ok(())) => Err(error.clone().into()),
        (None, Ok(())) => Err(CliError::Internal("the build ended before the spec was read".to_owned())),
    }
}

pub(crate) fn build_options(
    opts: std::collections::BTreeMap<String, String>,
    session: String,
) -> Result<BuildOptions, CliError> {
    BuildOptions::new(opts, session, Vec::new(), String::new()).map_err(|error| CliError::Input(error.to_string()))
}

fn read(path: &Path) -> Result<Facts, CliError> {
    let bytes =
        std::fs::read(path).map_err(|error| CliError::Input(format!("cannot read {}: {error}", path.display())))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| CliError::Input(format!("{} holds no saved facts: {error}", path.display())))
}

/// Writes facts for `--facts`. The session is left out: it is over, and would only make equal builds look different.
pub(crate) fn save(path: &Path, facts: &Facts) -> Result<(), CliError> {
    let facts = Facts { session: None, ..facts.clone() };
    let text = serde_json::to_string_pretty(&facts).map_err(|error| CliError::Internal(error.to_string()))?;
    std::fs::write(path, text + "\n")
        .map_err(|error| CliError::Output(format!("cannot write {}: {error}", path.display())))
}
