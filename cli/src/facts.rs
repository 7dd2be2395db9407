//! Gathering facts without building: from a file, or from a daemon by a build that exports nothing.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use buildkit_client::error::{BuildFailure, SolveError};
use buildkit_client::progress::Mode;
use buildkit_client::solve::SolveOptions;
use buildkit_gateway::{Bridge, Build, BuildOptions, Frontend, FrontendResult, Status, run_frontend};
use imagespec_compile::{Asked, Document, Facts};
use imagespec_frontend::{GatherError, Gathered, ImagespecFrontend, SpecText};

use crate::args::{BuildOptionArgs, DaemonArgs, FactsArgs, SpecArgs};
use crate::error::CliError;
use crate::run::Run;
use crate::spec_file::SpecFile;
use crate::{daemon, explain, options, session};

/// All that a build of the spec depends on.
pub(crate) async fn gather(
    spec: &SpecArgs,
    build: &BuildOptionArgs,
    facts: &FactsArgs,
    daemon: &DaemonArgs,
) -> Result<Gathered, CliError> {
    let file = SpecFile::read(spec)?;
    let opts = options::frontend_options(build, &file.text.name, |name| std::env::var_os(name))?;
    // What is wrong with the spec alone needs no daemon to be told.
    let (document, mut warnings) = imagespec_frontend::parse(&file.text.name, &file.text.text)?;
    if let Some(path) = &facts.facts {
        let settings = imagespec_frontend::settings(&build_options(opts, String::new())?);
        let mut gathered = imagespec_frontend::compile_only(document, settings, read(path)?)?;
        warnings.append(&mut gathered.warnings);
        return Ok(Gathered { warnings, ..gathered });
    }
    let connection = daemon::connect(daemon).await?;
    let run = Run {
        connection: &connection,
        session: session::builder(&file, &document.spec, build, session::Missing::Ignore)?,
        solve: SolveOptions { frontend_attrs: opts.clone(), internal: true, ..SolveOptions::new("") },
        progress: Mode::Quiet,
    };
    let recorder = Recorder::new(file.text.clone(), false);
    let recorded = recorder.recorded.clone();
    let outcome = run
        .drive(
            |driver| async move {
                let bridge = Bridge::over_channel(driver.handle.channel, Some(driver.handle.build_ref))?;
                let options = BuildOptions::new(opts, driver.session_id, Vec::new(), String::new())
                    .map_err(|error| Box::new(error) as Box<dyn std::error::Error + Send + Sync>)?;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(run_frontend(bridge, options, &recorder).await?)
            },
            |_| async { Ok(()) },
        )
        .await;
    let gathered = take(&recorded, outcome.map(|_| ()))?;
    if let Some(path) = &facts.save_facts {
        save(path, &gathered.facts)?;
    }
    Ok(gathered)
}

/// A frontend that keeps what it gathered, because the wire has no room for it: a problem of the spec is shown by us, in full,
/// and facts can be saved.
#[derive(Debug)]
pub(crate) struct Recorder {
    frontend: ImagespecFrontend,
    build: bool,
    pub(crate) recorded: Arc<OnceLock<Result<Gathered, GatherError>>>,
}

impl Recorder {
    /// `build` says whether to go on to a result after gathering.
    pub(crate) fn new(spec: SpecText, build: bool) -> Self {
        Self { frontend: ImagespecFrontend { spec: Some(spec) }, build, recorded: Arc::default() }
    }
}

impl Frontend for Recorder {
    async fn build(&self, build: &Build) -> Result<FrontendResult, Status> {
        let gathered = self.frontend.gather(&build.bridge, &build.options).await;
        let result = match &gathered {
            Err(error) => Err(error.clone().into()),
            Ok(gathered) if self.build => imagespec_frontend::finish(&build.bridge, &build.options, gathered).await,
            Ok(_) => Ok(FrontendResult::single(None)),
        };
        // One build per recorder; a second one would find the first's facts, which are as true.
        let _ = self.recorded.set(gathered);
        result
    }
}

/// What was recorded, or why not. Problems of the spec are told by us rather than by what the daemon made of them.
pub(crate) fn take(
    recorded: &OnceLock<Result<Gathered, GatherError>>,
    outcome: Result<(), CliError>,
) -> Result<Gathered, CliError> {
    match (recorded.get(), outcome) {
        (Some(Err(error @ GatherError::Problems { .. })), _) => Err(error.clone().into()),
        (Some(Ok(gathered)), Err(CliError::Solve(SolveError::Build(failure)))) => {
            let asked: Vec<Asked> = gathered.plans.iter().flat_map(Asked::of).collect();
            Err(failed_step(*failure, &gathered.document, &asked))
        }
        (Some(Err(GatherError::Step { document, asked, .. })), Err(CliError::Solve(SolveError::Build(failure)))) => {
            Err(failed_step(*failure, document, asked))
        }
        (_, Err(error)) => Err(error),
        (Some(Ok(gathered)), Ok(())) => Ok(gathered.clone()),
        (Some(Err(error)), Ok(())) => Err(error.clone().into()),
        (None, Ok(())) => Err(CliError::Internal("the build ended before the spec was read".to_owned())),
    }
}

/// The failure in the spec's words, if it is one of a step.
fn failed_step(failure: BuildFailure, document: &Document, asked: &[Asked]) -> CliError {
    match explain::step_failure(&failure, document, asked) {
        Some(diagnostic) => {
            CliError::Step { diagnostic: Box::new(diagnostic), sources: Box::new(document.sources.clone()) }
        }
        None => CliError::Solve(SolveError::Build(Box::new(failure))),
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
