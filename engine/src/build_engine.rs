//! The engine: named builders, and the results of earlier builds.
//!
//! It does not talk to daemons or registries; builders do.

mod memory;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use imagespec::{Content, ImageSpec};
use imagespec_compile::Document;

use crate::builder::{BuildContext, Decision, ImageSpecBuilder};
use crate::error::EngineError;
use crate::request::BuildRequest;
use crate::settings::Settings;
use crate::shared_sessions::SharedSessions;
use imagespec_driver::Files;
use imagespec_driver::content;

use memory::{Key, Memory, Moment};

/// How many specs [`ImageBuildEngine::build_all`] builds at the same time.
const MAX_CONCURRENT_BUILDS: usize = 8;

/// State shared by the requests of one call.
#[derive(Clone)]
struct Call {
    /// When the call arrived. All its requests share this time, so that several forced requests build an image once.
    arrived: Moment,
    shared: Option<SharedSessions>,
}

/// An image that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The name according to the spec.
    pub image_name: String,
    /// The actual name; the same for most builders.
    pub real_name: String,
    /// Whether this call built it. If false, it already existed.
    pub was_built: bool,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

/// Builds specs, each with the builder that it names, or else with the builder of the highest priority.
///
/// The engine remembers images that it built or found. A repeated or concurrent request for the same image does not build it
/// again, unless the request is forced. Failures are not remembered.
///
/// A spec that is based on another spec is one image and one build. The base spec is neither built nor pushed on its own, even if
/// it has a name and a registry.
#[derive(Debug, Default)]
pub struct ImageBuildEngine {
    settings: Settings,
    builders: BTreeMap<String, Registered>,
    /// Counts registrations, to order builders of the same priority.
    registrations: usize,
    memory: Memory,
}

#[derive(Debug)]
struct Registered {
    builder: Arc<dyn ImageSpecBuilder>,
    priority: i64,
    order: usize,
}

impl ImageBuildEngine {
    /// An engine without builders and without an environment.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the engine's settings.
    ///
    /// ```
    /// use imagespec_engine::{ImageBuildEngine, Settings, Variables};
    ///
    /// let engine = ImageBuildEngine::new().with_environment(Settings::from_variables(Variables::from_process()));
    /// # drop(engine);
    /// ```
    #[must_use]
    pub fn with_environment(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// The engine's settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Adds a builder. It replaces a builder of the same name, whose results are forgotten, and keeps its position among builders
    /// of the same priority.
    ///
    /// ```
    /// use imagespec_engine::{ImageBuildEngine, NoopBuilder};
    ///
    /// let mut engine = ImageBuildEngine::new();
    /// engine.register("first", NoopBuilder, 5);
    /// engine.register("second", NoopBuilder, 5);
    /// engine.register("last", NoopBuilder, 1);
    /// assert_eq!(engine.default_builder(), Some("first"));
    /// ```
    pub fn register(&mut self, name: impl Into<String>, builder: impl ImageSpecBuilder + 'static, priority: i64) {
        let name = name.into();
        self.memory.forget(&name);
        let order = self.builders.get(&name).map_or(self.registrations, |old| old.order);
        self.registrations += 1;
        self.builders.insert(name, Registered { builder: Arc::new(builder), priority, order });
    }

    /// The names of all builders.
    pub fn builders(&self) -> impl Iterator<Item = &str> {
        self.builders.keys().map(String::as_str)
    }

    /// The builder of specs that do not name one: the first builder with the highest priority.
    #[must_use]
    pub fn default_builder(&self) -> Option<&str> {
        let first =
            |(_, registered): &(&String, &Registered)| (registered.priority, std::cmp::Reverse(registered.order));
        self.builders.iter().max_by_key(first).map(|(name, _)| name.as_str())
    }

    /// Builds the image of a spec unless it exists.
    ///
    /// # Errors
    /// The builder is not registered, the spec is invalid, or the builder failed.
    pub async fn build(&self, request: impl Into<BuildRequest>) -> Result<Built, EngineError> {
        self.build_request(Call { arrived: self.memory.now(), shared: None }, request.into()).await
    }

    /// Builds several specs, some of them at the same time. They share a connection, and specs with the same build context send
    /// it once. If files change during the call, a build may see the old or the new ones. The results are in the order of the
    /// requests; a failure does not stop the other builds.
    pub async fn build_all<R: Into<BuildRequest>>(
        &self,
        requests: impl IntoIterator<Item = R>,
    ) -> Vec<Result<Built, EngineError>> {
        let requests: Vec<BuildRequest> = requests.into_iter().map(Into::into).collect();
        let call = Call { arrived: self.memory.now(), shared: (requests.len() > 1).then(SharedSessions::default) };
        let builds: Vec<_> = requests.into_iter().map(|request| self.build_request(call.clone(), request)).collect();
        futures_util::stream::iter(builds).buffered(MAX_CONCURRENT_BUILDS).collect().await
    }

    async fn build_request(&self, call: Call, request: BuildRequest) -> Result<Built, EngineError> {
        let BuildRequest { spec, files, force } = request;
        let (name, builder) = self.builder_for(&spec)?;
        let image_name = image_name(&spec, &files).await?;
        let key = Key { builder: name.to_owned(), image: image_name.clone() };
        let work = || async {
            let force = force || self.settings.force;
            let mut context = BuildContext::new(image_name, files, force, self.settings.clone());
            context.shared_sessions = call.shared;
            run(builder.as_ref(), &spec, context).await
        };
        self.memory.run_once(key, force.then_some(call.arrived), work).await
    }

    fn builder_for(&self, spec: &ImageSpec) -> Result<(&str, Arc<dyn ImageSpecBuilder>), EngineError> {
        let wanted = match spec.builder() {
            _ if self.builders.is_empty() => return Err(EngineError::NoBuilder),
            Some(name) => name,
            None => self.default_builder().unwrap_or_default(),
        };
        match self.builders.get_key_value(wanted) {
            Some((name, registered)) => Ok((name, Arc::clone(&registered.builder))),
            None => {
                let known = self.builders().map(str::to_owned).collect();
                Err(EngineError::UnknownBuilder { name: wanted.to_owned(), known })
            }
        }
    }
}

/// The image name. Its tag depends on the files that the spec refers to, so these are read.
async fn image_name(spec: &ImageSpec, files: &Files) -> Result<String, EngineError> {
    let (spec, files) = (spec.clone(), files.clone());
    let read = move || {
        let content = read_content(&spec, &files)?;
        Ok(spec.image_name(&content))
    };
    let failed =
        |error: tokio::task::JoinError| EngineError::Content(content::ContentError::Internal(error.to_string()));
    tokio::task::spawn_blocking(read).await.map_err(failed)?
}

fn read_content(spec: &ImageSpec, files: &Files) -> Result<Content, EngineError> {
    let document = Document::from_spec(spec.clone(), &files.spec_name());
    Ok(content::gather(files, &document, &[])?)
}

/// Checks whether the image exists, and builds it if necessary.
async fn run(builder: &dyn ImageSpecBuilder, spec: &ImageSpec, context: BuildContext) -> Result<Built, EngineError> {
    let existence = builder.existence(spec, &context).await;
    let built = |real_name: Option<String>, was_built| Built {
        real_name: real_name.unwrap_or_else(|| context.image_name.clone()),
        image_name: context.image_name.clone(),
        was_built,
        warnings: context.warnings(),
    };
    match builder.should_build(spec, &existence, &context) {
        Decision::Skip => return Ok(built(None, false)),
        Decision::Refuse(reason) => {
            return Err(EngineError::ExistenceUnknown { image: context.image_name.clone(), reason });
        }
        Decision::BuildUnsure(reason) => {
            let image = &context.image_name;
            context.warn(format!("cannot tell whether {image} exists, so it is built: {reason}"));
        }
        Decision::Build => {}
    }
    let real_name = builder.build_image(spec, &context).await?;
    Ok(built(real_name, true))
}

#[cfg(test)]
mod tests;
