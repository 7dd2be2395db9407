//! Builds that would push what is there already: told from what the last one wrote down, and from what the daemon says when it is
//! asked for facts alone.

use std::collections::BTreeMap;

use buildkit_client::dial::Connection;
use buildkit_client::session::SessionBuilder;
use buildkit_client::solve::SolveOptions;
use buildkit_gateway::Bridge;
use imagespec_engine::Repeated;
use imagespec_frontend::{Gathered, Recorded, Recorder};

use crate::error::CliError;
use crate::run::{Run, Stage};

/// What a build is asked with, short of being built.
pub(super) struct Question<'a> {
    pub(super) connection: &'a Connection,
    /// For secrets and credentials, which choosing versions takes.
    pub(super) session: SessionBuilder,
    pub(super) recorder: Recorder,
    pub(super) opts: BTreeMap<String, String>,
}

/// Asks whether all is as it was when that was pushed. Yields what was found out and what the exporters said then; `None` means
/// that it has to be built, which also tells whatever is wrong.
pub(super) async fn confirm(
    repeated: Repeated,
    question: Question<'_>,
    stage: &Stage,
) -> Result<Option<(Gathered, BTreeMap<String, String>)>, CliError> {
    let Question { connection, session, recorder, opts } = question;
    let image = repeated.published();
    let names: Vec<&str> = image.names.iter().map(String::as_str).collect();
    let told = format!("{} is up to date", names.join(", "));
    let recorded = Recorded::default();
    let recorder = recorder.confirming_only(image).recording_to(recorded.clone());
    let solve = SolveOptions { frontend_attrs: opts.clone(), internal: true, ..SolveOptions::new("") };
    let drive = |driver: crate::run::Driver| async move {
        let bridge = Bridge::over_channel(driver.handle.channel, Some(driver.handle.build_ref))?;
        recorder.run(bridge, opts, driver.session_id).await
    };
    let outcome = Run { connection, session, solve }.drive(stage, drive, |_| async { Ok(()) }).await;
    match (outcome, recorded.get()) {
        (Err(CliError::Interrupted), _) => Err(CliError::Interrupted),
        (Ok(_), Some(Ok(gathered))) => match repeated.response(gathered) {
            Some(response) => {
                stage.nothing_to_do(told).await;
                Ok(Some((gathered.clone(), response)))
            }
            None => Ok(None),
        },
        _ => Ok(None),
    }
}
