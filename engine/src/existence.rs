//! Whether an image is in its registry.
//!
//! [`ImageSpecBuilder::should_build`](crate::ImageSpecBuilder::should_build) decides what to do with the answer.

use std::fmt;

use buildkit_client::session::auth::{Presence, RegistryAuth};
use oci_names::ImageReference;

/// Whether an image is in its registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Existence {
    /// The registry has the image.
    Exists,
    /// The registry does not have the image.
    Missing,
    /// The registry gave no clear answer. The reason is a message for the user and contains no secrets.
    Unknown(String),
}

impl fmt::Display for Existence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exists => "exists",
            Self::Missing => "missing",
            Self::Unknown(_) => "unknown",
        })
    }
}

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
    let image = match ImageReference::parse(reference) {
        Ok(image) => image,
        Err(error) => return Existence::Unknown(error.to_string()),
    };
    match credentials.find_manifest(&image).await {
        Presence::Present => Existence::Exists,
        Presence::Absent => Existence::Missing,
        Presence::Unknown { reason } => Existence::Unknown(reason),
    }
}
