//! What a builder is, and when it builds unless it knows better.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use buildkit_client::session::auth::RegistryAuth;
use imagespec::ImageSpec;

use crate::error::EngineError;
use crate::existence::{Existence, exist};
use crate::settings::Settings;
use crate::together::Together;
use imagespec_driver::Files;
use imagespec_driver::{CredentialsError, registry_auth};

/// A future of a trait object's.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a builder is told beside the spec.
#[derive(Clone, Debug)]
pub struct BuildContext {
    /// What the image is called by its spec: registry, name and tag.
    pub image_name: String,
    /// Where the spec's files are.
    pub files: Files,
    /// Whether it is to be built though it is there.
    pub force: bool,
    /// The engine's habits, and the environment.
    pub settings: Settings,
    /// What there is for this build and others of one call; none if it is alone.
    pub(crate) together: Option<Together>,
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
            together: None,
            warnings: Arc::default(),
            credentials: Arc::default(),
        }
    }

    /// Tells the user something with the result.
    pub fn warn(&self, text: impl Into<String>) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(text.into());
    }

    /// What the user was told so far.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The user's credentials for registries, from where the image's spec or the environment says; read once.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn registry_auth(&self, spec: &ImageSpec) -> Result<Arc<RegistryAuth>, CredentialsError> {
        if let Some(known) = self.credentials.get() {
            return Ok(Arc::clone(known));
        }
        let read = registry_auth(&self.files, spec, &self.settings.variables)?;
        Ok(Arc::clone(self.credentials.get_or_init(|| Arc::new(read))))
    }
}

/// Whether an image is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is.
    Build,
    /// It is, though nobody knows whether it has to be; the text says why.
    BuildUnsure(String),
    /// It is there.
    Skip,
    /// Nobody knows whether it is there, and then it is not built; the text says why.
    Refuse(String),
}

/// Makes images of specs.
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
    /// Builds the image, and pushes it where it has a registry. Returns its name if that is not the spec's.
    ///
    /// # Errors
    /// The image was not built, or could not be brought where it belongs.
    fn build_image<'a>(
        &'a self,
        spec: &'a ImageSpec,
        context: &'a BuildContext,
    ) -> BoxFuture<'a, Result<Option<String>, EngineError>>;

    /// Whether the image is there already. By default its registry is asked; an image without one is nowhere: it is built, of
    /// which the daemon's cache leaves little to do.
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

    /// Whether to build. By default what is missing is built, and what is there only if that is forced. What may be there is
    /// built, unless the caller wants to know for sure: Flytekit takes it to be there, and tasks then start without an image.
    fn should_build(&self, _spec: &ImageSpec, existence: &Existence, context: &BuildContext) -> Decision {
        match existence {
            // Then it does not matter whether it is there.
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

    /// The habits that builders have if they say nothing.
    #[derive(Debug)]
    struct Usual;

    impl ImageSpecBuilder for Usual {
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
        assert_eq!(Usual.should_build(&ImageSpec::default(), existence, &context), expect);
    }

    #[test]
    fn the_usual_policy() {
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
