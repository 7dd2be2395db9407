//! The trait of image builders, and their default policy.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use buildkit_client::session::auth::RegistryAuth;
use imagespec::ImageSpec;

use crate::error::EngineError;
use crate::existence::{Existence, exist};
use crate::settings::Settings;
use crate::shared_sessions::SharedSessions;
use imagespec_driver::Files;
use imagespec_driver::{CredentialsError, registry_auth};

/// A boxed future, as returned by the methods of a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a builder receives in addition to the spec.
#[derive(Clone, Debug)]
pub struct BuildContext {
    /// The image name according to the spec: registry, name and tag.
    pub image_name: String,
    /// Where the spec's files are.
    pub files: Files,
    /// Whether to build the image even if it exists.
    pub force: bool,
    /// The engine's settings, and the environment.
    pub settings: Settings,
    /// Connections and sessions shared with the other builds of a call; `None` if this is the only one.
    pub(crate) shared_sessions: Option<SharedSessions>,
    warnings: Arc<Mutex<Vec<String>>>,
    credentials: Arc<OnceLock<Arc<RegistryAuth>>>,
}

impl BuildContext {
    /// A context without warnings.
    #[must_use]
    pub fn new(image_name: impl Into<String>, files: Files, force: bool, settings: Settings) -> Self {
        Self {
            image_name: image_name.into(),
            files,
            force,
            settings,
            shared_sessions: None,
            warnings: Arc::default(),
            credentials: Arc::default(),
        }
    }

    /// Adds a warning to the result.
    pub fn warn(&self, text: impl Into<String>) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(text.into());
    }

    /// The warnings so far.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The user's registry credentials, from the spec's `registry_config` or the environment. They are read once.
    ///
    /// # Errors
    /// The credentials cannot be read.
    pub fn registry_auth(&self, spec: &ImageSpec) -> Result<Arc<RegistryAuth>, CredentialsError> {
        if let Some(known) = self.credentials.get() {
            return Ok(Arc::clone(known));
        }
        let read = registry_auth(&self.files, spec, &self.settings.variables)?;
        Ok(Arc::clone(self.credentials.get_or_init(|| Arc::new(read))))
    }
}

/// Whether to build an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Build it.
    Build,
    /// Build it, although it is unknown whether it exists; the text is the reason.
    BuildUnsure(String),
    /// Do not build it: it exists.
    Skip,
    /// Fail, because it is unknown whether it exists; the text is the reason.
    Refuse(String),
}

/// Builds images from specs.
///
/// ```
/// use imagespec::ImageSpec;
/// use imagespec_engine::{BoxFuture, BuildContext, EngineError, ImageBuildEngine, ImageSpecBuilder};
///
/// #[derive(Debug)]
/// struct Remote;
///
/// impl ImageSpecBuilder for Remote {
///     fn build_image<'a>(
///         &'a self,
///         _spec: &'a ImageSpec,
///         context: &'a BuildContext,
///     ) -> BoxFuture<'a, Result<Option<String>, EngineError>> {
///         Box::pin(async move { Ok(Some(format!("registry.example.com/{}", context.image_name))) })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut engine = ImageBuildEngine::new();
/// engine.register("remote", Remote, 5);
/// let built = engine.build(&ImageSpec::named("train")?).await?;
/// assert!(built.real_name.starts_with("registry.example.com/train:"));
/// # Ok(())
/// # }
/// ```
pub trait ImageSpecBuilder: Debug + Send + Sync {
    /// Builds the image, and pushes it if the spec has a registry. Returns the image name if it differs from that of the spec.
    ///
    /// # Errors
    /// The image could not be built, pushed or loaded.
    fn build_image<'a>(
        &'a self,
        spec: &'a ImageSpec,
        context: &'a BuildContext,
    ) -> BoxFuture<'a, Result<Option<String>, EngineError>>;

    /// Whether the image exists. By default this asks its registry. An image without a registry counts as missing and is built,
    /// which is fast if its steps are in the daemon's cache.
    fn existence<'a>(&'a self, spec: &'a ImageSpec, context: &'a BuildContext) -> BoxFuture<'a, Existence> {
        Box::pin(async move {
            if spec.registry().is_none() {
                return Existence::Missing;
            }
            match context.registry_auth(spec) {
                Ok(credentials) => exist(&context.image_name, &credentials).await,
                Err(error) => Existence::Unknown(error.to_string()),
            }
        })
    }

    /// Whether to build. By default a missing image is built, and an existing one only if the build is forced. If the registry
    /// does not answer, the image is built, unless `fail_fast` is set. This differs from Flytekit, which then assumes that the
    /// image exists, so that tasks may start without one.
    fn should_build(&self, _spec: &ImageSpec, existence: &Existence, context: &BuildContext) -> Decision {
        match existence {
            // A forced build does not depend on the existence.
            _ if context.force => Decision::Build,
            Existence::Missing => Decision::Build,
            Existence::Exists => Decision::Skip,
            Existence::Unknown(reason) if context.settings.fail_fast => Decision::Refuse(reason.clone()),
            Existence::Unknown(reason) => Decision::BuildUnsure(reason.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noop::NoopBuilder;

    /// A builder with the default policy.
    #[derive(Debug)]
    struct DefaultPolicy;

    impl ImageSpecBuilder for DefaultPolicy {
        fn build_image<'a>(
            &'a self,
            spec: &'a ImageSpec,
            context: &'a BuildContext,
        ) -> BoxFuture<'a, Result<Option<String>, EngineError>> {
            NoopBuilder.build_image(spec, context)
        }
    }

    #[track_caller]
    fn check(existence: &Existence, force: bool, fail_fast: bool, expect: Decision) {
        let settings = Settings { fail_fast, ..Settings::default() };
        let context = BuildContext::new("a:1", Files::default(), force, settings);
        assert_eq!(DefaultPolicy.should_build(&ImageSpec::default(), existence, &context), expect);
    }

    #[test]
    fn the_default_policy() {
        let unknown = Existence::Unknown("why".to_owned());
        for fail_fast in [false, true] {
            check(&Existence::Missing, false, fail_fast, Decision::Build);
            check(&Existence::Exists, false, fail_fast, Decision::Skip);
            check(&Existence::Exists, true, fail_fast, Decision::Build);
        }
        check(&unknown, false, false, Decision::BuildUnsure("why".to_owned()));
        check(&unknown, false, true, Decision::Refuse("why".to_owned()));
        check(&unknown, true, true, Decision::Build);
    }
}
