//! Specs made in Rust: every `with_…` adds to a spec what a file could say, checked as a file's values are.
//!
//! What only holds between fields is told by [`ImageSpec::check`]. Names are those of Flytekit's `ImageSpec`.

use std::fmt;

use crate::conda::{conda_channel, conda_package};
use crate::debian::apt_package;
use crate::diagnostic::Diagnostic;
use crate::fault::Fault;
use crate::image_reference::{image_name, image_reference, registry, tag_format};
use crate::image_spec::{BaseImage, BuilderOptions, CopyMode, ImageSpec, RequirementsFile};
use crate::parse::{Parsed, parse};
use crate::path::context_path;
use crate::platform::platform;
use crate::read::{command, python_version, requirements_file, runtime_package};
use crate::requirement::package;
use crate::text::{env_name, without_nul};
use crate::url::index_url;

/// A value that no spec can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// Stable code of the rule, such as `E014`; [`explain`](crate::explain) says more.
    pub code: &'static str,
    /// What is wrong: one line.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Invalid {}

impl From<Fault> for Invalid {
    fn from(fault: Fault) -> Self {
        Self { code: fault.rule.code, message: format!("{}: {}", fault.message, fault.label), help: fault.help }
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
    /// assert_eq!(spec.packages.len(), 2);
    /// let error = spec.with_apt_packages(["git curl"]).expect_err("one entry is one package");
    /// assert_eq!(error.code, "E014");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// It cannot be the name of an image.
    pub fn named(name: &str) -> Result<Self, Invalid> {
        Ok(Self { name: Some(image_name(name)?), ..Self::default() })
    }

    /// Sets host and namespace in front of the name.
    ///
    /// # Errors
    /// It is no registry.
    pub fn with_registry(self, value: &str) -> Result<Self, Invalid> {
        Ok(Self { registry: Some(registry(value)?), ..self })
    }

    /// Sets how the tag is made; `{spec_hash}` stands for the fingerprint.
    ///
    /// # Errors
    /// It makes no tag.
    pub fn with_tag_format(self, value: &str) -> Result<Self, Invalid> {
        Ok(Self { tag_format: Some(tag_format(value)?), ..self })
    }

    /// Starts from an image.
    ///
    /// # Errors
    /// It is not a valid image reference.
    pub fn with_base_image(self, reference: &str) -> Result<Self, Invalid> {
        Ok(Self { base_image: Some(BaseImage::Reference(image_reference(reference)?)), ..self })
    }

    /// Starts from the image of another spec.
    #[must_use]
    pub fn with_base_spec(self, base: Self) -> Self {
        Self { base_image: Some(BaseImage::Spec(Box::new(base))), ..self }
    }

    /// Sets Python's version, `3.MINOR` or `3.MINOR.PATCH`.
    ///
    /// # Errors
    /// It is no version of Python that can be installed.
    pub fn with_python_version(self, value: &str) -> Result<Self, Invalid> {
        Ok(Self { python_version: Some(python_version(value)?), ..self })
    }

    /// Adds Debian packages.
    ///
    /// # Errors
    /// The first that is none.
    pub fn with_apt_packages<I, S>(mut self, packages: I) -> Result<Self, Invalid>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        add(&mut self.apt_packages, packages, apt_package)?;
        Ok(self)
    }

    /// Adds conda packages.
    ///
    /// # Errors
    /// The first that is none.
    pub fn with_conda_packages<I, S>(mut self, packages: I) -> Result<Self, Invalid>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        add(&mut self.conda_packages, packages, conda_package)?;
        Ok(self)
    }

    /// Adds conda channels, behind those that are there.
    ///
    /// # Errors
    /// The first that is none.
    pub fn with_conda_channels<I, S>(mut self, channels: I) -> Result<Self, Invalid>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        add(&mut self.conda_channels, channels, conda_channel)?;
        Ok(self)
    }

    /// Adds Python packages: lines as in a requirements file.
    ///
    /// # Errors
    /// The first that is no requirement.
    pub fn with_packages<I, S>(mut self, packages: I) -> Result<Self, Invalid>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        add(&mut self.packages, packages, package)?;
        Ok(self)
    }

    /// Adds Python packages that are installed when a container starts.
    ///
    /// # Errors
    /// The first that cannot be.
    pub fn with_runtime_packages<I, S>(mut self, packages: I) -> Result<Self, Invalid>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        add(&mut self.runtime_packages, packages, runtime_package)?;
        Ok(self)
    }

    /// Names the requirements file, lock or project in the build context.
    ///
    /// # Errors
    /// It is no path in the context, or a kind of file that cannot be read.
    pub fn with_requirements(self, path: &str) -> Result<Self, Invalid> {
        let file: RequirementsFile = requirements_file(path)?;
        Ok(Self { requirements: Some(file), ..self })
    }

    /// Sets the index that replaces PyPI.
    ///
    /// # Errors
    /// It is no URL of an index, or has a password in it.
    pub fn with_pip_index(self, url: &str) -> Result<Self, Invalid> {
        Ok(Self { pip_index: Some(index_url(url)?), ..self })
    }

    /// Adds indexes, behind those that are there.
    ///
    /// # Errors
    /// The first that is no URL of an index.
    pub fn with_pip_extra_index_url<I, S>(mut self, urls: I) -> Result<Self, Invalid>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        add(&mut self.pip_extra_index_url, urls, index_url)?;
        Ok(self)
    }

    /// Sets a variable of the image.
    ///
    /// # Errors
    /// The name cannot be a variable's, or the value has a NUL character.
    pub fn with_env(mut self, name: &str, value: &str) -> Result<Self, Invalid> {
        env_name(name)?;
        without_nul(value)?;
        self.env.insert(name.to_owned(), value.to_owned());
        Ok(self)
    }

    /// Copies a folder's files to `/root`.
    ///
    /// # Errors
    /// It is no path in the context.
    pub fn with_source(self, root: &str, mode: CopyMode) -> Result<Self, Invalid> {
        Ok(Self { source_root: Some(context_path(root)?), source_copy_mode: Some(mode), ..self })
    }

    /// Copies files and folders to `/root` and their own path.
    ///
    /// # Errors
    /// The first that is no path in the context.
    pub fn with_copy<I, S>(mut self, paths: I) -> Result<Self, Invalid>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        add(&mut self.copy, paths, context_path)?;
        Ok(self)
    }

    /// Adds shell commands, behind those that are there.
    ///
    /// # Errors
    /// The first that is empty or has a NUL character.
    pub fn with_commands<I, S>(mut self, commands: I) -> Result<Self, Invalid>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        add(&mut self.commands, commands, command)?;
        Ok(self)
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
        let mut entrypoint = Vec::new();
        add(&mut entrypoint, words, |word| without_nul(word).map(|()| word.to_owned()))?;
        self.entrypoint = Some(entrypoint);
        Ok(self)
    }

    /// Adds a platform to build for.
    ///
    /// # Errors
    /// Images cannot be built for it.
    pub fn with_platform(mut self, value: &str) -> Result<Self, Invalid> {
        let platform = platform(value)?;
        if !self.platform.contains(&platform) {
            self.platform.push(platform);
        }
        Ok(self)
    }

    /// Sets the options of the builder; an option that is not set here stays as it is.
    #[must_use]
    pub fn with_builder_options(mut self, options: BuilderOptions) -> Self {
        let mine = &mut self.builder_options;
        let BuilderOptions {
            flavor,
            user,
            ca_bundle,
            labels,
            python_layers,
            python_jobs,
            bytecode,
            extras,
            groups,
            apt_sources,
            apt_keys,
        } = options;
        mine.flavor = flavor.or(mine.flavor);
        mine.user = user.or(mine.user.take());
        mine.ca_bundle = ca_bundle.or(mine.ca_bundle.take());
        mine.labels.extend(labels);
        mine.python_layers = python_layers.or(mine.python_layers);
        mine.python_jobs = python_jobs.or(mine.python_jobs);
        mine.bytecode = bytecode.or(mine.bytecode);
        mine.extras.extend(extras);
        mine.groups.extend(groups);
        mine.apt_sources.extend(apt_sources);
        mine.apt_keys.extend(apt_keys);
        self
    }

    /// The spec as a file, read again: with the places that messages point to, and with what is wrong between its fields.
    ///
    /// ```
    /// use imagespec::ImageSpec;
    ///
    /// # fn main() -> Result<(), imagespec::Invalid> {
    /// let spec = ImageSpec::default().with_packages(["numpy"])?.with_requirements("uv.lock")?;
    /// assert_eq!(spec.check()[0].code, "E009");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn check(&self) -> Vec<Diagnostic> {
        self.to_parsed("spec.yaml").diagnostics
    }

    /// The spec as if it had been read from a file of this name.
    #[must_use]
    pub fn to_parsed(&self, name: &str) -> Parsed {
        parse(name, &self.to_yaml())
    }
}

fn add<T, S: AsRef<str>>(
    list: &mut Vec<T>,
    items: impl IntoIterator<Item = S>,
    check: impl Fn(&str) -> Result<T, Fault>,
) -> Result<(), Invalid> {
    for item in items {
        list.push(check(item.as_ref())?);
    }
    Ok(())
}
