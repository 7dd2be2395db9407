//! Planning without building: from a file of saved facts, or on a daemon with a build that exports nothing.

use std::path::Path;

use buildkit_client::discover::SystemEnvironment;
use buildkit_client::flag::parse_cache_from;
use buildkit_gateway::BuildOptions;
use imagespec_compile::{DaemonFact, LockUse, Store, question};
use imagespec_driver::{Daemon, Variables};
use imagespec_frontend::Planned;

use crate::args::{BuildOptionArgs, DaemonArgs, FactsArgs, Progress, SpecArgs};
use crate::error::CliError;
use crate::image::{self, Missing};
use crate::spec_file::SpecFile;
use crate::stage::Stage;
use crate::{daemon, file, options};

/// Gathers the facts that a build of the spec depends on, and compiles the spec.
pub(crate) async fn plan(
    spec: &SpecArgs,
    build: &BuildOptionArgs,
    facts: &FactsArgs,
    daemon: &DaemonArgs,
    lock: LockUse,
    progress: Progress,
) -> Result<Planned, CliError> {
    let cache_imports = parse_cache_from(&build.cache_from, &SystemEnvironment)?;
    if let Some(path) = &facts.facts {
        if !cache_imports.is_empty() {
            return Err(CliError::Input("--facts needs no daemon, so --cache-from cannot be used with it".to_owned()));
        }
        return replay(spec, build, path);
    }
    let found = daemon::find(daemon);
    // Problems in the spec are reported before connecting, so that no daemon is needed to see them.
    let image = image::read(spec, build, Missing::Ignore)?;
    let connection = Box::pin(daemon::dial_found(&found?, daemon)).await?;
    let daemon = Daemon::new(connection, None, false, &Variables::from_process()).await;
    let stage = Stage::open(progress)?;
    let (events, cancel) = (stage.events(), stage.cancellation());
    let planned = Box::pin(imagespec_driver::plan(&image, &daemon, lock, &cache_imports, events, cancel)).await;
    stage.close().await;
    let planned = planned.map_err(|error| CliError::from(error).reported_by(progress))?;
    if let Some(path) = &facts.save_facts {
        save(path, &planned.store)?;
    }
    Ok(planned)
}

/// Compiles the spec from saved facts.
fn replay(spec: &SpecArgs, build: &BuildOptionArgs, path: &Path) -> Result<Planned, CliError> {
    let mut file = SpecFile::read(spec)?;
    let options = options::frontend_options(build, &file, |name| std::env::var_os(name))?;
    file.choice.contexts = options::named_contexts(&options);
    let (document, mut warnings) = imagespec_frontend::parse(&file.text, &file.choice)?;
    let options = BuildOptions::new(options, String::new(), Vec::new(), String::new());
    let options = options.map_err(|error| CliError::Input(error.to_string()))?;
    let settings = imagespec_frontend::settings(&options).map_err(|error| CliError::Input(error.to_string()))?;
    let mut planned = imagespec_frontend::compile_only(document, settings, read(path)?)?;
    warnings.append(&mut planned.warnings);
    planned.warnings = warnings;
    Ok(planned)
}

fn read(path: &Path) -> Result<Store, CliError> {
    serde_json::from_slice(&file::read(path)?)
        .map_err(|error| CliError::Input(format!("{} is not a valid facts file: {error}", path.display())))
}

/// Writes facts for `--facts`. The session id is left out: the session has ended, and the id would make equal builds look
/// different.
pub(crate) fn save(path: &Path, store: &Store) -> Result<(), CliError> {
    let mut store = store.clone();
    if let Some(daemon) = store.daemon().cloned() {
        store.set(question::Daemon, DaemonFact { session: None, ..daemon });
    }
    let text = serde_json::to_string_pretty(&store).map_err(|error| CliError::Internal(error.to_string()))?;
    file::write(path, text + "\n")
}
