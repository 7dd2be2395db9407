//! The builder `llb`: runs the workspace's own frontend in this process, with a BuildKit daemon or a Docker Engine.
//!
//! It compiles like the `imagespec` command, so both share the daemon's cache. It shows no progress; a caller may read the events.

use std::collections::BTreeMap;

use buildkit_client::address::{Address, EngineAddress};
use buildkit_client::dial::{DialOptions, dial};
use buildkit_client::engine::Engine;
use buildkit_client::session::secrets::Secrets;
use buildkit_proto::keys::option;
use imagespec::ImageSpec;
use imagespec_driver::{Daemon, Delivery, DeliveryOptions, Events, Image, Request, add_secrets};
use tokio_util::sync::CancellationToken;

use crate::builder::{BoxFuture, BuildContext, ImageSpecBuilder};
use crate::error::EngineError;

/// Builds on a daemon.
///
/// An image with a registry is pushed to it, unless `FLYTE_PUSH_IMAGE_SPEC` disables pushing. All other images are loaded into the
/// daemon's own Engine, or the given one. Without an Engine, the result stays in the daemon's cache.
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
    request: Request,
    events: Events,
    cancel: CancellationToken,
}

impl LlbBuilder {
    /// Creates a builder for a daemon.
    #[must_use]
    pub fn new(address: Address) -> Self {
        let delivery = DeliveryOptions { compression: "zstd".to_owned(), ..DeliveryOptions::default() };
        let request = Request { delivery, ..Request::default() };
        let (dial, cancel) = (DialOptions::default(), CancellationToken::new());
        Self { address, dial, engine: None, request, events: Events::default(), cancel }
    }

    /// Sets the timeouts of connections.
    #[must_use]
    pub fn with_dial_options(self, dial: DialOptions) -> Self {
        Self { dial, ..self }
    }

    /// Sets the Engine that loads images that are not pushed, if the daemon is not an Engine itself.
    #[must_use]
    pub fn with_engine(self, engine: EngineAddress) -> Self {
        Self { engine: Some(engine), ..self }
    }

    /// Sets the compression of new layers in a push (BuildKit's name; the default is `zstd`).
    #[must_use]
    pub fn with_compression(mut self, compression: impl Into<String>) -> Self {
        self.request.delivery.compression = compression.into();
        self
    }

    /// Sets the other options of builds: cache, attestations, entitlements, additional outputs, and whether to build images that are up
    /// to date. Whether an image is pushed or loaded is decided for each spec.
    ///
    /// ```
    /// use imagespec_driver::Request;
    /// use imagespec_engine::LlbBuilder;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let request = Request { always_build: true, ..Request::default() };
    /// let builder = LlbBuilder::new("unix:///run/buildkit/buildkitd.sock".parse()?).with_request(request);
    /// # drop(builder);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_request(self, request: Request) -> Self {
        Self { request, ..self }
    }

    /// Sets the token that cancels all builds.
    #[must_use]
    pub fn with_cancellation(self, cancel: CancellationToken) -> Self {
        Self { cancel, ..self }
    }

    /// Sends the events of all builds: steps, logs, warnings, deliveries, failures. Builds wait for a slow reader.
    ///
    /// ```
    /// use imagespec_driver::{EventKind, Events};
    /// use imagespec_engine::LlbBuilder;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (events, mut receiver) = Events::channel();
    /// let builder = LlbBuilder::new("unix:///run/buildkit/buildkitd.sock".parse()?).with_events(events);
    /// let reader = async move {
    ///     while let Some(event) = receiver.recv().await {
    ///         if let EventKind::Delivered(delivered) = event.kind {
    ///             println!("{}: {} bytes", event.image, delivered.bytes.unwrap_or_default());
    ///         }
    ///     }
    /// };
    /// # drop((builder, reader));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_events(self, events: Events) -> Self {
        Self { events, ..self }
    }

    async fn build(&self, spec: &ImageSpec, context: &BuildContext) -> Result<Option<String>, EngineError> {
        // The spec is checked before connecting.
        let image = image(spec, context)?;
        let (connection, shared) = match &context.shared_sessions {
            None => (dial(&self.address, &self.dial).await?, None),
            Some(sessions) => {
                let (connection, session) = sessions.reach(&self.address, &self.dial, &context.files).await?;
                (connection, Some(session))
            }
        };
        let is_pushed = spec.registry().is_some() && context.settings.push;
        let engine = match (connection.engine(), &self.engine) {
            (None, Some(address)) if !is_pushed => Some(Engine::open(address, &self.dial).await?),
            _ => None,
        };
        let can_load = engine.is_some() || connection.engine().is_some();
        let daemon = Daemon::new(connection, engine, false, &context.settings.variables).await;
        let mut request = self.request.clone();
        request.delivery.push |= is_pushed;
        request.delivery.load |= !is_pushed && can_load;
        let named = |error: imagespec_driver::BuildError| EngineError::from_build(&context.image_name, error);
        let delivery = Delivery::plan(&image, &request, &daemon).map_err(named)?;
        if delivery.is_empty() {
            context.warn(format!(
                "{} is pushed to no registry and there is no Engine to load it into: it is in the daemon's cache only",
                context.image_name
            ));
        }
        let shared = shared.as_deref();
        let built =
            imagespec_driver::build(&image, &request, &delivery, &daemon, shared, &self.events, &self.cancel).await;
        for warning in built.map_err(named)?.warnings() {
            context.warn(format!("{}: {}", warning.code, warning.message));
        }
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

/// The image of a spec, with its files, secrets and credentials on this machine.
fn image(spec: &ImageSpec, context: &BuildContext) -> Result<Image, EngineError> {
    let (document, warnings) = context.files.document(spec);
    let file_name = context.files.spec_name();
    Ok(Image {
        title: context.image_name.clone(),
        options: options(&file_name, spec, context),
        document,
        warnings,
        files: context.files.clone(),
        tags: vec![context.image_name.clone()],
        secrets: secrets(spec, context)?,
        credentials: context.registry_auth(spec)?,
    })
}

/// The secrets of the spec.
fn secrets(spec: &ImageSpec, context: &BuildContext) -> Result<Secrets, EngineError> {
    let mut secrets = Secrets::default();
    let problems = add_secrets(&mut secrets, &context.files, spec, &context.settings.variables, |_| false);
    problems.into_iter().next().map_or(Ok(secrets), |problem| Err(problem.into()))
}

/// The options of the frontend, with the names in [`option`].
fn options(file_name: &str, spec: &ImageSpec, context: &BuildContext) -> BTreeMap<String, String> {
    let mut options = BTreeMap::from([(option::FILENAME.to_owned(), file_name.to_owned())]);
    let platforms: Vec<String> = spec.platforms().iter().map(ToString::to_string).collect();
    if !platforms.is_empty() {
        options.insert(option::PLATFORM.to_owned(), platforms.join(","));
    }
    if let Some(epoch) = context.settings.variables.text("SOURCE_DATE_EPOCH") {
        options.insert(option::BUILD_ARG_SOURCE_DATE_EPOCH.to_owned(), epoch);
    }
    options
}
