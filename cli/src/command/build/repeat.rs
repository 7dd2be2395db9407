//! Builds that would push what is there already: told from what the last one wrote down, and from what the daemon says when it is
//! asked for facts alone.

use std::collections::BTreeMap;

use buildkit_client::dial::Connection;
use buildkit_client::progress;
use buildkit_client::session::SessionBuilder;
use buildkit_client::solve::SolveOptions;
use buildkit_gateway::Bridge;
use imagespec_engine::Repeated;
use imagespec_frontend::{Gathered, Recorded, Recorder};

use crate::error::CliError;
use crate::run::{Driver, Run, Stage};

/// What a build is asked with, short of being built.
pub(super) struct Question<'a> {
    pub(super) connection: &'a Connection,
    /// For secrets and credentials, which choosing versions takes.
    pub(super) session: SessionBuilder,
    pub(super) recorder: Recorder,
    pub(super) opts: BTreeMap<String, String>,
    pub(super) entitlements: Vec<String>,
}

/// Asks whether all is as it was when that was pushed. Yields what was found out and what the exporters said then; `None` means
/// that it has to be built, which also tells whatever is wrong.
pub(super) async fn confirm(
    repeated: Repeated,
    question: Question<'_>,
    stage: &Stage,
) -> Result<Option<(Gathered, BTreeMap<String, String>)>, CliError> {
    let Question { connection, session, recorder, opts, entitlements } = question;
    let image = repeated.published();
    let names: Vec<&str> = image.names.iter().map(String::as_str).collect();
    let names = names.join(", ");
    let step = stage.progress().start(format!("[internal] look for changes since {names} was pushed")).await;
    let recorded = Recorded::default();
    let recorder = recorder.confirming_only(image).recording_to(recorded.clone());
    let solve = SolveOptions { frontend_attrs: opts.clone(), entitlements, internal: true, ..SolveOptions::new() };
    let drive = |driver: Driver| async move {
        let bridge = Bridge::over_channel(driver.handle.channel, Some(driver.handle.build_ref))?;
        recorder.run(bridge, opts, driver.session_id.into()).await
    };
    // What goes wrong here, such as a name that no registry has any more, is no failure of the build and not shown as one.
    let (unseen, _) = progress::channel();
    let run = Run { connection, session, solve };
    let outcome = run.drive(stage, &unseen, drive, |_| async { Ok(()) }).await;
    step.done().await;
    match (outcome, recorded.get()) {
        (Err(CliError::Interrupted), _) => Err(CliError::Interrupted),
        (Ok(_), Some(Ok(gathered))) => {
            let Some(response) = repeated.response(gathered) else { return Ok(None) };
            stage.progress().start(format!("{names} is up to date")).await.cached().await;
            Ok(Some((gathered.clone(), response)))
        }
        _ => Ok(None),
    }
}
