//! A spec and the specs that it is built on, as one list, and what holds for all of a build.
//!
//! Which of them make one image, and how their fields combine, is in `merged.rs`.

use crate::choice::{CopyMode, Flavor};
use crate::field;
use crate::image_spec::{BaseImage, ImageSpec};
use crate::merged::MergedSpec;
use crate::platform::Platform;
use crate::secret::SecretMount;

/// One of the specs that make an image.
#[derive(Debug, Clone)]
pub struct Level<'a> {
    /// The beginning of its fields' paths in [`Spans`](crate::Spans): nothing for the spec that is built, `base_image.` for the
    /// spec below it, and so on.
    pub prefix: String,
    /// The spec.
    pub spec: &'a ImageSpec,
}

impl Level<'_> {
    /// The path of one of its fields.
    #[must_use]
    pub fn path(&self, field: &str) -> String {
        format!("{}{field}", self.prefix)
    }
}

impl ImageSpec {
    /// The specs that make the image: the innermost base first, this one last.
    ///
    /// ```
    /// let text = "base_image: {apt_packages: [git]}\npackages: [numpy]\n";
    /// let spec = imagespec::parse("spec.yaml", text).spec.expect("a valid spec");
    /// let prefixes: Vec<String> = spec.levels().into_iter().map(|level| level.prefix).collect();
    /// assert_eq!(prefixes, ["base_image.", ""]);
    /// ```
    #[must_use]
    pub fn levels(&self) -> Vec<Level<'_>> {
        let mut levels = vec![Level { prefix: String::new(), spec: self }];
        let mut spec = self;
        while let Some(BaseImage::Spec(base)) = spec.base_image() {
            let prefix = levels.last().map(|level| level.prefix.as_str()).unwrap_or_default();
            levels.push(Level { prefix: format!("{prefix}base_image."), spec: base });
            spec = base;
        }
        levels.reverse();
        levels
    }

    /// The reference of the image that the innermost spec starts from, if it names one.
    #[must_use]
    pub fn base_reference(&self) -> Option<&str> {
        match self.base_image()? {
            BaseImage::Reference(reference) => Some(reference),
            BaseImage::Spec(base) => base.base_reference(),
        }
    }

    /// Whether this spec itself asks for a conda environment.
    #[must_use]
    pub fn wants_conda(&self) -> bool {
        !self.conda_packages().is_empty() || !self.conda_channels().is_empty()
    }

    /// The source root, unless nothing of it is copied.
    #[must_use]
    pub fn copied_root(&self) -> Option<&str> {
        self.source_root().filter(|_| self.source_copy_mode() != Some(CopyMode::None))
    }

    /// Whose conventions the image follows: those of the outermost spec with a flavor.
    #[must_use]
    pub fn flavor(&self) -> Flavor {
        MergedSpec::with_finished(self).value(field::FLAVOR).unwrap_or_default()
    }

    /// The platforms of the outermost spec that has some. Without any, images of the flavor `flyte` are for `linux/amd64`, as
    /// Flytekit's are.
    #[must_use]
    pub fn platforms(&self) -> Vec<Platform> {
        let levels = self.levels();
        match levels.iter().rev().map(|level| level.spec.platform()).find(|platforms| !platforms.is_empty()) {
            Some(platforms) => platforms.to_vec(),
            None if self.flavor() == Flavor::Flyte => vec![Platform::linux("amd64")],
            None => Vec::new(),
        }
    }

    /// The secrets that install steps read, those of the base specs first. A secret that two specs name is listed once.
    #[must_use]
    pub fn secrets(&self) -> Vec<&SecretMount> {
        MergedSpec::with_finished(self).secrets().into_iter().map(|(_, mount)| mount).collect()
    }

    /// The client's file of certificates that steps trust: that of the outermost spec with one.
    #[must_use]
    pub fn ca_bundle(&self) -> Option<&str> {
        MergedSpec::with_finished(self).value(field::CA_BUNDLE)
    }
}
