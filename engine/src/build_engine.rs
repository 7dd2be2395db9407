//! The engine: builders by name, and the memory of what they built.
//!
//! Knows no daemon and no registry; builders do.

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
use crate::together::Together;
use imagespec_driver::Files;
use imagespec_driver::content;

use memory::{Key, Memory, Moment};

/// How many specs [`ImageBuildEngine::build_all`] has under way; the daemon does the work.
const AT_A_TIME: usize = 8;

/// What the requests of one call have in common.
#[derive(Clone)]
struct Call {
    /// They all come at once, however late their turn is: several that are forced are content with one build of an image.
    came: Moment,
    together: Option<Together>,
}

/// An image that is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// What it is called by its spec.
    pub image_name: String,
    /// What it is called really: for most builders the same.
    pub real_name: String,
    /// Whether the builder made it; else it was there before.
    pub was_built: bool,
    /// What the user should know.
    pub warnings: Vec<String>,
}

/// Builds specs, each with the builder it names, or else with the one of the highest priority.
///
/// What was built, or found to be there, is remembered: asked for again, also at the same time, it is not built again, unless the
/// request is forced. A failure is not remembered.
///
/// A spec on top of another is one image and one build: the inner one is neither built nor pushed for itself, whatever name and
/// registry it has.
#[derive(Debug, Default)]
pub struct ImageBuildEngine {
    settings: Settings,
    builders: BTreeMap<String, Registered>,
    /// Counts registrations, so that the first of two builders with one priority can be told.
    registrations: usize,
    memory: Memory,
}

#[derive(Debug)]
struct Registered {
    builder: Arc<dyn ImageSpecBuilder>,
    priority: i64,
    turn: usize,
}

impl ImageBuildEngine {
    /// An engine without builders and without an environment.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An engine with the habits of an environment.
    ///
    /// ```
    /// use imagespec_engine::{ImageBuildEngine, Settings, Variables};
    ///
    /// let engine = ImageBuildEngine::new().with_environment(Settings::from_variables(Variables::of_process()));
    /// # drop(engine);
    /// ```
    #[must_use]
    pub fn with_environment(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// The engine's habits.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Adds a builder. One of the same name goes, and what it built is forgotten; the new one keeps its place among equals.
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
        let turn = self.builders.get(&name).map_or(self.registrations, |old| old.turn);
        self.registrations += 1;
        self.builders.insert(name, Registered { builder: Arc::new(builder), priority, turn });
    }

    /// The names of all builders.
    pub fn builders(&self) -> impl Iterator<Item = &str> {
        self.builders.keys().map(String::as_str)
    }

    /// The builder of specs that name none: the one with the highest priority, the first of several.
    #[must_use]
    pub fn default_builder(&self) -> Option<&str> {
        let first =
            |(_, registered): &(&String, &Registered)| (registered.priority, std::cmp::Reverse(registered.turn));
        self.builders.iter().max_by_key(first).map(|(name, _)| name.as_str())
    }

    /// Builds the image of a spec unless it is there.
    ///
    /// # Errors
    /// No builder fits, the spec is wrong, or its builder failed.
    pub async fn build(&self, request: impl Into<BuildRequest>) -> Result<Built, EngineError> {
        self.build_of(Call { came: self.memory.now(), together: None }, request.into()).await
    }

    /// Builds several specs, some of them at the same time. They share a connection, and those with one build context send it once.
    /// Files that change meanwhile may or may not be those that are built. The results are in the order of the requests; a failure
    /// does not stop the others.
    pub async fn build_all<R: Into<BuildRequest>>(
        &self,
        requests: impl IntoIterator<Item = R>,
    ) -> Vec<Result<Built, EngineError>> {
        let requests: Vec<BuildRequest> = requests.into_iter().map(Into::into).collect();
        let call = Call { came: self.memory.now(), together: (requests.len() > 1).then(Together::default) };
        let builds: Vec<_> = requests.into_iter().map(|request| self.build_of(call.clone(), request)).collect();
        futures_util::stream::iter(builds).buffered(AT_A_TIME).collect().await
    }

    async fn build_of(&self, call: Call, request: BuildRequest) -> Result<Built, EngineError> {
        let BuildRequest { spec, files, force } = request;
        let (name, builder) = self.builder_of(&spec)?;
        let image_name = image_name(&spec, &files).await?;
        let key = Key { builder: name.to_owned(), image: image_name.clone() };
        let work = || async {
            let force = force || self.settings.force;
            let mut context = BuildContext::new(image_name, files, force, self.settings.clone());
            context.together = call.together;
            run(builder.as_ref(), &spec, context).await
        };
        self.memory.once(key, force.then_some(call.came), work).await
    }

    fn builder_of(&self, spec: &ImageSpec) -> Result<(&str, Arc<dyn ImageSpecBuilder>), EngineError> {
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

/// What the image is called; for that the files behind the spec are read.
async fn image_name(spec: &ImageSpec, files: &Files) -> Result<String, EngineError> {
    let (spec, files) = (spec.clone(), files.clone());
    let read = move || {
        let content = content_of(&spec, &files)?;
        Ok(spec.image_name(&content))
    };
    let failed =
        |error: tokio::task::JoinError| EngineError::Content(content::ContentError::Internal(error.to_string()));
    tokio::task::spawn_blocking(read).await.map_err(failed)?
}

fn content_of(spec: &ImageSpec, files: &Files) -> Result<Content, EngineError> {
    let document = Document::from_spec(spec.clone(), &files.spec_name());
    Ok(content::gather(files, &document, &[])?)
}

/// Asks whether the image is there, and has it built if need be.
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
            return Err(EngineError::NotKnown { image: context.image_name.clone(), reason });
        }
        Decision::BuildUnsure(reason) => {
            let image = &context.image_name;
            context.warn(format!("whether {image} is there is not known, so it is built: {reason}"));
        }
        Decision::Build => {}
    }
    let real_name = builder.build_image(spec, &context).await?;
    Ok(built(real_name, true))
}

#[cfg(test)]
mod tests;
