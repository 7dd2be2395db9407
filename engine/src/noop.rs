//! The builder `noop`, which uses the base image as it is.

use imagespec::{BaseImage, ImageSpec};

use crate::builder::{BoxFuture, BuildContext, ImageSpecBuilder};
use crate::error::EngineError;
use crate::existence::Existence;

/// Builds nothing and returns the base image. For images that were built by other means.
///
/// ```
/// use imagespec::ImageSpec;
/// use imagespec_engine::{ImageBuildEngine, NoopBuilder};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut engine = ImageBuildEngine::new();
/// engine.register("noop", NoopBuilder, 1);
/// let spec = ImageSpec::named("train")?.with_base_image("ghcr.io/me/train:1")?;
/// let built = engine.build(&spec).await?;
/// assert_eq!(built.real_name, "ghcr.io/me/train:1");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct NoopBuilder;

impl ImageSpecBuilder for NoopBuilder {
    fn build_image<'a>(
        &'a self,
        spec: &'a ImageSpec,
        _context: &'a BuildContext,
    ) -> BoxFuture<'a, Result<Option<String>, EngineError>> {
        let reference = match spec.base_image() {
            Some(BaseImage::Reference(reference)) => Ok(Some(reference.clone())),
            Some(BaseImage::Spec(_)) | None => Err(EngineError::NoReference),
        };
        Box::pin(std::future::ready(reference))
    }

    /// An image of this name is never built, so no registry is asked.
    fn existence<'a>(&'a self, _spec: &'a ImageSpec, _context: &'a BuildContext) -> BoxFuture<'a, Existence> {
        Box::pin(std::future::ready(Existence::Missing))
    }
}
