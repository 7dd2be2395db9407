//! One build on a daemon: a session, and the frontend between daemon and spec.
//!
//! Where the result goes is not decided here.

use std::collections::BTreeMap;

use buildkit_client::dial::Connection;
use buildkit_client::error::SolveError;
use buildkit_client::progress::ProgressSender;
use buildkit_client::session::{Session, SessionBuilder};
use buildkit_client::solve::{BuildHandle, Exporter, SolveOptions, beside_session, solve_with_gateway};
use buildkit_gateway::Bridge;
use imagespec_frontend::{GatherError, ImagespecFrontend, Recorded, Recorder};
use tokio_util::sync::CancellationToken;

use crate::compress::compress_ahead;
use crate::error::EngineError;
use crate::explain::step_failure;

/// What is built.
pub(super) struct Request<'a> {
    pub(super) connection: &'a Connection,
    pub(super) session: SessionBuilder,
    pub(super) exporters: Vec<Exporter>,
    /// What compresses its layers ahead.
    pub(super) layers: Option<&'a Exporter>,
    pub(super) options: BTreeMap<String, String>,
    pub(super) frontend: ImagespecFrontend,
    pub(super) progress: ProgressSender,
}

/// Builds; returns what the user should know, and the session, which still serves.
///
/// An error without a session is one of opening it.
pub(super) async fn run(request: Request<'_>) -> Result<(Session, Result<Vec<String>, EngineError>), EngineError> {
    let Request { connection, session, exporters, layers, options, frontend, progress } = request;
    let session = session.open(connection.channel.clone()).await?;
    let id = session.id().to_string();
    let news = layers.map(|exporter| compress_ahead(connection, session.id(), exporter));
    let recorder = Recorder::new(frontend).with_news(news);
    let recorded = recorder.recorded();
    let solve = SolveOptions { exporters, frontend_attrs: options.clone(), ..SolveOptions::new() };
    let cancel = CancellationToken::new();
    // On the heap: nested futures of this size do not fit on the stack of a runtime's thread, where nothing is optimised.
    let driver = |handle: BuildHandle| {
        Box::pin(async move {
            let bridge = Bridge::over_channel(handle.channel, Some(handle.build_ref))?;
            recorder.run(bridge, options, id).await
        })
    };
    let build = Box::pin(solve_with_gateway(connection, Some(session.id()), solve, &progress, &cancel, driver));
    let outcome = beside_session::<_, EngineError>(&session, &cancel, build).await;
    let outcome = match outcome {
        Ok(_) => Ok(warnings(&recorded)),
        Err(error) => Err(told(error, &recorded)),
    };
    Ok((session, outcome))
}

fn warnings(recorded: &Recorded) -> Vec<String> {
    let Some(Ok(gathered)) = recorded.get() else { return Vec::new() };
    gathered.warnings.iter().map(|warning| format!("{}: {}", warning.code, warning.message)).collect()
}

/// The failure in the spec's words, where it has to do with the spec, rather than in the daemon's.
fn told(error: EngineError, recorded: &Recorded) -> EngineError {
    match (error, recorded.get()) {
        (_, Some(Err(problems @ GatherError::Problems { .. }))) => problems.clone().into(),
        (EngineError::Solve(SolveError::Build(failure)), Some(gathered)) => match step_failure(&failure, gathered) {
            Some((diagnostic, sources)) => {
                EngineError::Step { diagnostic: Box::new(diagnostic), sources: Box::new(sources) }
            }
            None => SolveError::Build(failure).into(),
        },
        (error, _) => error,
    }
}
