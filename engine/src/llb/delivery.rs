//! Where an image goes: to its registry, into an Engine, or nowhere.
//!
//! Plans it before the build, and does after it what the daemon cannot do.

use buildkit_client::dial::Connection;
use buildkit_client::engine::{Engine, ImageError};
use buildkit_client::output::{DaemonFacts, OutputOptions, OutputPlan, Target, plan_outputs};
use buildkit_client::progress::ProgressSender;
use buildkit_client::session::SessionBuilder;
use buildkit_client::session::exports::ExportTarget;
use buildkit_client::solve::Exporter;
use imagespec::ImageSpec;
use tokio::task::JoinSet;

use super::LlbBuilder;
use crate::builder::BuildContext;
use crate::credentials::push_login;
use crate::error::EngineError;

/// A planned delivery.
pub(super) struct Delivery {
    plan: OutputPlan,
    engine: Option<Engine>,
    /// Images on their way into the Engine; they stop when this is dropped.
    loads: JoinSet<Result<bool, ImageError>>,
}

impl Delivery {
    pub(super) async fn plan(
        builder: &LlbBuilder,
        spec: &ImageSpec,
        context: &BuildContext,
        connection: &Connection,
        is_pushed: bool,
        mut session: SessionBuilder,
    ) -> Result<(Self, SessionBuilder), EngineError> {
        let engine = match (connection.engine(), &builder.engine) {
            (Some(engine), _) => Some(engine.clone()),
            (None, Some(address)) if !is_pushed => Some(Engine::open(address, &builder.dial).await?),
            (None, _) => None,
        };
        let options = OutputOptions {
            push: is_pushed,
            load: !is_pushed && engine.is_some(),
            tags: vec![context.image_name.clone()],
            multi_platform: spec.platforms().len() > 1,
            ..OutputOptions::default()
        };
        let facts = DaemonFacts::from_connection(connection, engine.as_ref(), false).await;
        let refused = |problem: String| EngineError::Delivery { image: context.image_name.clone(), problem };
        let mut plan = plan_outputs(&options, &facts).map_err(|error| refused(error.to_string()))?;
        if plan.exports.is_empty() {
            context.warn(format!(
                "{} is pushed to no registry and there is no Engine to load it into: it is in the daemon's cache only",
                context.image_name
            ));
        }
        // An Engine's classic store pushes afterwards, in its own way.
        plan.compress_pushed(&builder.compression);
        let mut loads = JoinSet::new();
        for (index, export) in (0..).zip(&plan.exports) {
            if let (Some(Target::Engine { .. }), Some(engine)) = (&export.target, &engine) {
                let (writer, load) = engine.load();
                loads.spawn(load.run(drop));
                session = session.with_export(index, ExportTarget::Writer(Box::new(writer)));
            }
        }
        Ok((Self { plan, engine, loads }, session))
    }

    /// Of what is pushed, what can be compressed ahead.
    pub(super) fn layers(&self) -> Option<&Exporter> {
        self.plan.pushed_layers()
    }

    pub(super) fn exporters(&self) -> Vec<Exporter> {
        self.plan.exports.iter().map(|export| export.exporter.clone()).collect()
    }

    /// What remains when the daemon is done: loads end, and names are pushed that the Engine's BuildKit could not push.
    pub(super) async fn finish<T>(
        mut self,
        spec: &ImageSpec,
        context: &BuildContext,
        outcome: Result<T, EngineError>,
        progress: &ProgressSender,
    ) -> Result<T, EngineError> {
        let refused = |problem: String| EngineError::Delivery { image: context.image_name.clone(), problem };
        while let Some(ended) = self.loads.join_next().await {
            // An Engine that refuses an archive breaks the pipe the daemon writes to, and only the Engine knows why.
            match ended {
                Ok(Ok(_)) => {}
                // An archive that ends early is refused as well: that says nothing new.
                _ if matches!(outcome, Err(EngineError::SessionLost(_))) => {}
                Ok(Err(error)) => return Err(refused(error.to_string())),
                Err(error) => return Err(refused(format!("loading stopped: {error}"))),
            }
        }
        let done = outcome?;
        let credentials = context.registry_auth(spec)?;
        for name in &self.plan.push_afterwards {
            let Some(engine) = &self.engine else { continue };
            let login = push_login(name, &credentials).await.map_err(refused)?;
            let step = progress.start(format!("pushing {name}")).await;
            match engine.push(name, Some(&login), drop).await {
                Ok(()) => step.done().await,
                Err(error) => {
                    step.fail(error.to_string()).await;
                    return Err(refused(error.to_string()));
                }
            }
        }
        Ok(done)
    }
}
