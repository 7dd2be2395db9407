//! Whether an image is in its registry.
//!
//! Asks; what follows from the answer is [`ImageSpecBuilder::should_build`](crate::ImageSpecBuilder::should_build)'s to say.

use std::fmt;

use buildkit_client::session::auth::{ManifestName, Presence, RegistryAuth};
use imagespec::full_reference;

/// Whether an image is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Existence {
    /// It is there.
    Exists,
    /// It is not there.
    Missing,
    /// Nobody could say; the reason is for people and holds no secret.
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

/// Asks an image's registry for it. A name without a registry is one of Docker Hub's, as everywhere.
///
/// Registries on this machine may speak plain HTTP, all others have to speak HTTPS. What is not a clear answer, such as a refusal
/// or a failing network, is [`Existence::Unknown`].
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
    let full = match full_reference(reference) {
        Ok(full) => full,
        Err(why) => return Existence::Unknown(format!("{reference:?} is no image reference: {why}")),
    };
    let Ok(name) = full.parse::<ManifestName>() else {
        return Existence::Unknown(format!("{reference:?} is no image reference"));
    };
    match credentials.find_manifest(&name).await {
        Presence::Present => Existence::Exists,
        Presence::Absent => Existence::Missing,
        Presence::Unknown { reason } => Existence::Unknown(reason),
    }
}
