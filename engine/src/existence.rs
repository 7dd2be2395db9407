//! Whether an image is in its registry.
//!
//! [`ImageSpecBuilder::should_build`](crate::ImageSpecBuilder::should_build) decides what to do with the answer.

pub use buildkit_client::session::auth::Existence;

use buildkit_client::session::auth::RegistryAuth;
use oci_names::ImageReference;

/// Asks a registry whether it has an image. A name without a registry means Docker Hub.
///
/// Registries on this machine may use plain HTTP, all others must use HTTPS. If the registry refuses access or cannot be
/// reached, the answer is [`Existence::Unknown`].
///
/// ```
/// use buildkit_client::session::auth::{AuthOptions, RegistryAuth};
/// use imagespec_engine::{Existence, exist};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let credentials = RegistryAuth::new(AuthOptions::default())?;
/// assert!(matches!(exist("localhost:1/app:1", &credentials).await, Existence::Unknown(_)));
/// # Ok(())
/// # }
/// ```
pub async fn exist(reference: &str, credentials: &RegistryAuth) -> Existence {
    match ImageReference::parse(reference) {
        Ok(image) => credentials.find_manifest(&image).await,
        Err(error) => Existence::Unknown(error.to_string()),
    }
}
