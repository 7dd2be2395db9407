//! The builder `noop`: the base image is the image.

use imagespec::{BaseImage, ImageSpec};

use crate::builder::{BoxFuture, BuildContext, ImageSpecBuilder};
use crate::error::EngineError;
use crate::existence::Existence;

/// Builds nothing and asks nobody: for images that something else has made.
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

    /// The image of this name is never made, so nobody has to be asked.
    fn existence<'a>(&'a self, _spec: &'a ImageSpec, _context: &'a BuildContext) -> BoxFuture<'a, Existence> {
        Box::pin(std::future::ready(Existence::Missing))
    }
}
