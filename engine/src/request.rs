//! What an engine is asked to build.

use imagespec::ImageSpec;

use imagespec_driver::Files;

/// A spec, where its files are, and whether it is built in any case. A spec alone is a request too.
///
/// ```
/// use imagespec::ImageSpec;
/// use imagespec_engine::{BuildRequest, Files};
///
/// let request = BuildRequest::new(ImageSpec::default()).with_files(Files::in_folder("project")).forced();
/// assert!(request.force);
/// ```
#[derive(Clone, Debug)]
pub struct BuildRequest {
    /// The spec.
    pub spec: ImageSpec,
    /// Where its files are; the current folder if nobody says.
    pub files: Files,
    /// Build it though it is there, and though this engine has built it before (Flytekit: `ImageSpec.force_push`).
    pub force: bool,
}

impl BuildRequest {
    /// A spec whose files are in the current folder.
    #[must_use]
    pub fn new(spec: ImageSpec) -> Self {
        Self { spec, files: Files::default(), force: false }
    }

    /// Says where the spec's files are.
    #[must_use]
    pub fn with_files(self, files: Files) -> Self {
        Self { files, ..self }
    }

    /// Builds it in any case.
    #[must_use]
    pub fn forced(self) -> Self {
        Self { force: true, ..self }
    }
}

impl From<ImageSpec> for BuildRequest {
    fn from(spec: ImageSpec) -> Self {
        Self::new(spec)
    }
}

impl From<&ImageSpec> for BuildRequest {
    fn from(spec: &ImageSpec) -> Self {
        Self::new(spec.clone())
    }
}

impl From<&BuildRequest> for BuildRequest {
    fn from(request: &BuildRequest) -> Self {
        request.clone()
    }
}
