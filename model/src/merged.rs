//! The specs that make one image, as one: a spec and the specs it is built on (see [`ImageSpec::levels`]).
//!
//! A field that has one value has that of the outermost spec that gives one. Lists are one list, the innermost spec's entries
//! first. What the fields ask for together is in `merged/work.rs`.

mod work;

use crate::choice::{Bytecode, SourceBuilds};
use crate::field::{self, Field};
use crate::image_spec::ImageSpec;
use crate::levels::Level;
use crate::requirement::Requirement;
use crate::requirements_file::RequirementsFile;
use crate::secret::SecretMount;

/// Specs whose parts are built side by side, as one image.
///
/// A base spec with commands is not part of the image that is built on it: its commands see all of it, so it is built completely
/// before anything is added.
///
/// ```
/// use imagespec::{MergedSpec, field};
///
/// let text = "base_image: {packages: [idna], cuda: \"12.4\", commands: [make]}\npackages: [numpy]\n";
/// let spec = imagespec::parse("spec.yaml", text).spec.expect("a valid spec");
/// let merged = MergedSpec::new(&spec);
/// assert_eq!(merged.fields(field::PACKAGES), ["packages[0]"]);
/// let below = merged.below().expect("it has commands");
/// assert_eq!(below.prefix, "base_image.");
/// assert_eq!(MergedSpec::new(below.spec).given(field::CUDA), Some(("cuda".to_owned(), "12.4")));
/// ```
#[derive(Debug, Clone, Default)]
pub struct MergedSpec<'a> {
    /// The innermost first.
    levels: Vec<Level<'a>>,
    base: Base<'a>,
}

/// What an image is built on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Base<'a> {
    /// The builder's default, because no base image is named.
    #[default]
    Default,
    /// An image by its reference.
    Reference(&'a str),
    /// The image of a spec with commands.
    Finished(&'a ImageSpec),
}

impl<'a> MergedSpec<'a> {
    /// The image of a spec.
    #[must_use]
    pub fn new(spec: &'a ImageSpec) -> Self {
        let mut merged = Self::with_finished(spec);
        let is_finished = |level: &Level<'_>| !level.prefix.is_empty() && !level.spec.commands().is_empty();
        if let Some(index) = merged.levels.iter().rposition(is_finished) {
            merged.base =
                merged.levels.drain(..=index).next_back().map_or(Base::Default, |below| Base::Finished(below.spec));
        }
        merged
    }

    /// All specs that a spec is built on, finished images included: for what is the same in all of a build.
    pub(crate) fn with_finished(spec: &'a ImageSpec) -> Self {
        let base = spec.base_reference().map_or(Base::Default, Base::Reference);
        Self { levels: spec.levels(), base }
    }

    /// The images that a spec makes: its own first, then each finished image that the one before is built on.
    #[must_use]
    pub fn images(spec: &'a ImageSpec) -> Vec<Self> {
        let next = |image: &Self| image.below().map(|below| Self::new(below.spec));
        std::iter::successors(Some(Self::new(spec)), next).collect()
    }

    /// The specs, the innermost first.
    #[must_use]
    pub fn levels(&self) -> &[Level<'a>] {
        &self.levels
    }

    /// The outermost spec of the finished image that this one is built on.
    #[must_use]
    pub fn below(&self) -> Option<Level<'a>> {
        let Base::Finished(spec) = self.base else { return None };
        let prefix = self.levels.first().map(|level| level.prefix.as_str()).unwrap_or_default();
        Some(Level { prefix: format!("{prefix}base_image."), spec })
    }

    pub(crate) fn base(&self) -> Base<'a> {
        self.base
    }

    /// Whether the spec names what the image starts from.
    #[must_use]
    pub fn has_base(&self) -> bool {
        self.base != Base::Default
    }

    /// Whether something is true of one of the specs.
    pub fn any(&self, is: impl Fn(&ImageSpec) -> bool) -> bool {
        self.levels.iter().any(|level| is(level.spec))
    }

    /// The value of a field, and the path of the field that gives it.
    pub fn given<T, G>(&self, field: Field<G>) -> Option<(String, T)>
    where
        G: Fn(&'a ImageSpec) -> Option<T>,
    {
        let mut outermost_first = self.levels.iter().rev();
        outermost_first.find_map(|level| Some((level.path(field.name()), field.get(level.spec)?)))
    }

    /// The value of a field.
    pub fn value<T, G>(&self, field: Field<G>) -> Option<T>
    where
        G: Fn(&'a ImageSpec) -> Option<T>,
    {
        self.given(field).map(|(_, value)| value)
    }

    /// The path of the field that gives a value.
    pub fn path<T, G>(&self, field: Field<G>) -> Option<String>
    where
        G: Fn(&'a ImageSpec) -> Option<T>,
    {
        self.given(field).map(|(path, _)| path)
    }

    /// Every entry of a list, with the path of its field.
    pub fn items<T: 'a, G>(&self, field: Field<G>) -> Vec<(String, &'a T)>
    where
        G: Fn(&'a ImageSpec) -> &'a [T],
    {
        let mut found = Vec::new();
        for level in &self.levels {
            let items = field.get(level.spec).iter().enumerate();
            found.extend(items.map(|(index, item)| (level.path(&format!("{}[{index}]", field.name())), item)));
        }
        found
    }

    /// The paths of a list's entries.
    pub fn fields<T: 'a, G>(&self, field: Field<G>) -> Vec<String>
    where
        G: Fn(&'a ImageSpec) -> &'a [T],
    {
        self.items(field).into_iter().map(|(path, _)| path).collect()
    }

    /// The Python packages that are listed, with the paths of their fields.
    #[must_use]
    pub fn packages(&self) -> Vec<(String, &'a Requirement)> {
        self.items(field::PACKAGES)
    }

    /// The requirements files, with the paths of their fields.
    #[must_use]
    pub fn requirements(&self) -> Vec<(String, &'a RequirementsFile)> {
        let file = |level: &Level<'a>| Some((level.path(field::REQUIREMENTS.name()), level.spec.requirements()?));
        self.levels.iter().filter_map(file).collect()
    }

    /// The lockfile, if a spec names one: nothing else is installed then.
    #[must_use]
    pub fn lock(&self) -> Option<(String, &'a RequirementsFile)> {
        self.requirements().into_iter().find(|(_, file)| file.kind().is_lock())
    }

    /// The secrets of install steps, with the paths of their fields. One that two specs name is listed once.
    #[must_use]
    pub fn secrets(&self) -> Vec<(String, &'a SecretMount)> {
        let mut secrets: Vec<(String, &SecretMount)> = Vec::new();
        for (field, mount) in self.items(field::PIP_SECRET_MOUNTS) {
            if !secrets.iter().any(|(_, known)| *known == mount) {
                secrets.push((field, mount));
            }
        }
        secrets
    }

    /// What code that runs while packages are built from source can read.
    #[must_use]
    pub fn source_builds(&self) -> SourceBuilds {
        self.value(field::SOURCE_BUILDS).unwrap_or_default()
    }

    /// How packages are precompiled.
    #[must_use]
    pub fn bytecode(&self) -> Bytecode {
        self.value(field::BYTECODE).unwrap_or_default()
    }
}
