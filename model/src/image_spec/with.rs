//! Specs made in Rust: the `with_…` methods that the table does not make, and the check that all of them end with.
//!
//! Values are checked by the functions that check a file's values, and rules between fields by [`conflicts`]. Names are those of
//! Flytekit's `ImageSpec`.

use crate::builder::{BuilderConfig, BuilderOptions};
use crate::choice::CopyMode;
use crate::conflict::{Nowhere, conflicts};
use crate::diagnostic::Diagnostic;
use crate::image_spec::{BaseImage, ImageSpec};
use crate::invalid::Invalid;
use crate::kind::{Entries as _, Merge as _, platforms};
use crate::raw::MAX_DEPTH;
use crate::rules;
use crate::secret::{SecretMount, clashes};
use crate::table::{Rules, Table as _};
use crate::text::any_text;

/// How many specs may be built on each other: the values of the innermost one are two levels deeper, and its file can be read
/// again.
const MAX_LEVELS: usize = MAX_DEPTH - 2;

/// What cannot be combined is refused by the method that would combine it, and so is a field that needs another one.
impl Rules for ImageSpec {
    fn complete(self) -> Result<Self, Invalid> {
        let mut broken = clashes(&self.pip_secret_mounts, |_| None);
        broken.extend(conflicts(&self, &Nowhere));
        match broken.into_iter().next() {
            Some(first) => Err(first.into()),
            None => Ok(self),
        }
    }
}

impl ImageSpec {
    /// A spec of an image with this name.
    ///
    /// ```
    /// use imagespec::ImageSpec;
    ///
    /// # fn main() -> Result<(), imagespec::Invalid> {
    /// let spec = ImageSpec::named("train")?
    ///     .with_registry("ghcr.io/my-team")?
    ///     .with_apt_packages(["git"])?
    ///     .with_packages(["pandas>=2.2", "scikit-learn"])?
    ///     .with_env("LOG_LEVEL", "info")?;
    /// assert_eq!(spec.packages().len(), 2);
    /// let error = spec.with_apt_packages(["git curl"]).expect_err("one entry is one package");
    /// assert_eq!(error.code, "E014");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// It cannot be the name of an image.
    pub fn named(name: &str) -> Result<Self, Invalid> {
        Self::default().with_name(name)
    }

    /// Starts from the image of another spec.
    ///
    /// # Errors
    /// The two cannot make one image, such as with two versions of Python, or too many specs are built on each other.
    pub fn with_base_spec(mut self, base: Self) -> Result<Self, Invalid> {
        self.base_image = Some(BaseImage::Spec(Box::new(base)));
        if self.levels().len() > MAX_LEVELS {
            let message = format!("more than {MAX_LEVELS} specs are built on each other");
            return Err(Diagnostic::new(&rules::LIMIT, message).into());
        }
        self.complete()
    }

    /// Copies files of a folder of the build context to `/root`.
    ///
    /// # Errors
    /// It is not a path in the context.
    pub fn with_source(mut self, root: &str, mode: CopyMode) -> Result<Self, Invalid> {
        self.source_copy_mode = Some(mode);
        self.with_source_root(root)
    }

    /// Adds secrets that the steps which install Python packages can read.
    ///
    /// # Errors
    /// Two secrets have the same target, or the same id and different sources.
    pub fn with_pip_secret_mounts(mut self, mounts: impl IntoIterator<Item = SecretMount>) -> Result<Self, Invalid> {
        self.pip_secret_mounts.extend(mounts);
        self.complete()
    }

    /// Sets the program to start; an empty one removes the base image's.
    ///
    /// # Errors
    /// A word has a NUL character.
    pub fn with_entrypoint<I, S>(mut self, words: I) -> Result<Self, Invalid>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let words = words.into_iter().map(|word| any_text(word.as_ref())).collect::<Result<Vec<_>, _>>()?;
        self.entrypoint = Some(words);
        self.complete()
    }

    /// Adds a platform to build for.
    ///
    /// # Errors
    /// Images cannot be built for it.
    pub fn with_platform(mut self, value: &str) -> Result<Self, Invalid> {
        platforms().add(&mut self.platform, value)?;
        self.complete()
    }

    /// Adds options of the builder; an option that is not set here stays as it is.
    ///
    /// # Errors
    /// An option needs another field: `extras` and `groups` a project in `requirements`, `apt_keys` some `apt_sources`.
    pub fn with_builder_options(mut self, options: BuilderOptions) -> Result<Self, Invalid> {
        self.builder_options.merge(options);
        self.complete()
    }

    /// Sets images of tools; one that is not set here stays as it is.
    #[must_use]
    pub fn with_builder_config(mut self, config: BuilderConfig) -> Self {
        self.builder_config.merge(config);
        self
    }

    /// What the author may want to know of the spec: warnings only, and without places.
    ///
    /// ```
    /// use imagespec::ImageSpec;
    ///
    /// let spec = ImageSpec::named("train")?.with_apt_packages(["git", "git"])?;
    /// assert_eq!(spec.check()[0].code, "W002");
    /// # Ok::<(), imagespec::Invalid>(())
    /// ```
    #[must_use]
    pub fn check(&self) -> Vec<Diagnostic> {
        self.warnings()
    }
}
