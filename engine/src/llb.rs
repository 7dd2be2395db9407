//! The builder `llb`: the workspace's own frontend, run here, on a BuildKit daemon or a Docker Engine.
//!
//! Compiles as the `imagespec` command does, so both share the daemon's cache. Shows no progress itself; a caller may take it.

mod delivery;
mod solve;

use std::collections::BTreeMap;

use buildkit_client::address::{Address, EngineAddress};
use buildkit_client::dial::{DialOptions, dial};
use buildkit_client::progress::{self, ProgressSender};
use buildkit_client::session::secrets::Secrets;
use buildkit_proto::keys::option;
use imagespec::{Choice, ImageSpec};
use imagespec_compile::LockUse;
use imagespec_frontend::SpecText;

use crate::builder::{BoxFuture, BuildContext, ImageSpecBuilder};
use crate::error::EngineError;
use crate::files::Files;
use crate::secrets::add_secrets;

use delivery::Delivery;

/// Builds on a daemon.
///
/// An image with a registry is pushed to it, unless `FLYTE_PUSH_IMAGE_SPEC` says otherwise. All others are loaded into the daemon's
/// own Engine, or the one that is given; where there is none, the result stays in the daemon's cache.
///
/// ```
/// use imagespec_engine::{ImageBuildEngine, LlbBuilder};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut engine = ImageBuildEngine::new();
/// engine.register("llb", LlbBuilder::new("unix:///run/buildkit/buildkitd.sock".parse()?), 5);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LlbBuilder {
    address: Address,
    dial: DialOptions,
    engine: Option<EngineAddress>,
    compression: String,
    progress: Option<ProgressSender>,
}

impl LlbBuilder {
    /// A builder for a daemon.
    #[must_use]
    pub fn new(address: Address) -> Self {
        let compression = "zstd".to_owned();
        Self { address, dial: DialOptions::default(), engine: None, compression, progress: None }
    }

    /// Sets how long a connection may take.
    #[must_use]
    pub fn with_dial_options(self, dial: DialOptions) -> Self {
        Self { dial, ..self }
    }

    /// Names the Engine that loads what is not pushed, if the daemon is none itself.
    #[must_use]
    pub fn with_engine(self, engine: EngineAddress) -> Self {
        Self { engine: Some(engine), ..self }
    }

    /// Sets how a push compresses the layers it adds (BuildKit's word; `zstd` if nobody chooses).
    #[must_use]
    pub fn with_compression(self, compression: impl Into<String>) -> Self {
        Self { compression: compression.into(), ..self }
    }

    /// Reports the progress of all builds. The builds wait for whoever takes it.
    #[must_use]
    pub fn with_progress(self, progress: ProgressSender) -> Self {
        Self { progress: Some(progress), ..self }
    }

    async fn build(&self, spec: &ImageSpec, context: &BuildContext) -> Result<Option<String>, EngineError> {
        let text = context.files.text_of(spec);
        // What is wrong with the spec alone is told before anything is connected.
        let (document, _) = imagespec_frontend::parse(&text, &Choice::default())?;
        let secrets = secrets(spec, context)?;
        let credentials = context.registry_auth(spec)?;
        let mut options = frontend_options(&text, spec, context);
        let connection = match &context.together {
            None => dial(&self.address, &self.dial).await?,
            Some(together) => {
                let (connection, session) = together.reach(&self.address, &self.dial, &context.files).await?;
                options.insert(Files::CONTEXT_SESSION.to_owned(), session);
                connection
            }
        };
        let serving = context.files.session().with_secrets(secrets).with_registry_auth(credentials);
        let is_pushed = spec.registry.is_some() && context.settings.push;
        let (delivery, serving) =
            Delivery::plan(self, &document.spec, context, &connection, is_pushed, serving).await?;
        let progress = self.progress.clone().unwrap_or_else(|| progress::channel().0);
        let request = solve::Request {
            connection: &connection,
            session: serving,
            exporters: delivery.exporters(),
            layers: delivery.layers(),
            options,
            frontend: context.files.frontend(text, LockUse::Read, &context.settings.variables),
            progress: progress.clone(),
        };
        let (session, outcome) = solve::run(request).await?;
        let outcome = if outcome.is_ok() {
            // What is loaded may still come through the session.
            let outcome = delivery.finish(spec, context, outcome, &progress).await;
            session.close().await;
            outcome
        } else {
            // A load ends when nothing can come any more.
            session.close().await;
            delivery.finish(spec, context, outcome, &progress).await
        };
        outcome?.into_iter().for_each(|warning| context.warn(warning));
        Ok(None)
    }
}

impl ImageSpecBuilder for LlbBuilder {
    fn build_image<'a>(
        &'a self,
        spec: &'a ImageSpec,
        context: &'a BuildContext,
    ) -> BoxFuture<'a, Result<Option<String>, EngineError>> {
        Box::pin(self.build(spec, context))
    }
}

/// The secrets that the daemon may ask for while it builds.
fn secrets(spec: &ImageSpec, context: &BuildContext) -> Result<Secrets, EngineError> {
    let mut secrets = Secrets::default();
    let problems = add_secrets(&mut secrets, &context.files, spec, &context.settings.variables, |_| false);
    problems.into_iter().next().map_or(Ok(secrets), |problem| Err(problem.into()))
}

/// The options that a frontend is given (`moby/buildkit: frontend/dockerui/config.go`).
fn frontend_options(text: &SpecText, spec: &ImageSpec, context: &BuildContext) -> BTreeMap<String, String> {
    let mut options = BTreeMap::from([(option::FILENAME.to_owned(), text.name.clone())]);
    let platforms: Vec<String> = spec.platforms().iter().map(ToString::to_string).collect();
    if !platforms.is_empty() {
        options.insert(option::PLATFORM.to_owned(), platforms.join(","));
    }
    if let Some(epoch) = context.settings.variables.text("SOURCE_DATE_EPOCH") {
        options.insert(option::BUILD_ARG_SOURCE_DATE_EPOCH.to_owned(), epoch);
    }
    options
}
