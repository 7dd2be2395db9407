//! Requests to an engine.

use imagespec::ImageSpec;

use imagespec_driver::Files;

/// A spec, the location of its files, and whether to force the build. A spec converts into a request.
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
    /// Where its files are; by default in the current folder.
    pub files: Files,
    /// Build the image even if it exists or this engine has built it before (Flytekit: `ImageSpec.force_push`).
    pub force: bool,
}

impl BuildRequest {
    /// A request for a spec whose files are in the current folder.
    #[must_use]
    pub fn new(spec: ImageSpec) -> Self {
        Self { spec, files: Files::default(), force: false }
    }

    /// Sets where the spec's files are.
    #[must_use]
    pub fn with_files(self, files: Files) -> Self {
        Self { files, ..self }
    }

    /// Forces the build.
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
