//! Fields: the rows of the tables, and how the rest of the workspace refers to a field.
//!
//! The tables are `image_spec.rs` and `builder.rs`; which steps a field moves is explained in `moves.rs`. Knows no values.

use std::collections::BTreeSet;

use crate::image_spec::ImageSpec;
use crate::moves::{Move, StepKind};

pub use crate::builder::{option_fields::*, tool_fields::*};
pub use crate::image_spec::spec_fields::*;

/// A field of a spec with the getter that reads it, so that name and value cannot disagree.
///
/// ```
/// use imagespec::{ImageSpec, field};
///
/// let spec = ImageSpec::named("train")?.with_cuda("12.4")?;
/// assert_eq!((field::CUDA.name(), field::CUDA.get(&spec)), ("cuda", Some("12.4")));
/// assert_eq!((field::USER.name(), field::USER.get(&spec)), ("builder_options.user", None));
/// # Ok::<(), imagespec::Invalid>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Field<G> {
    info: &'static FieldInfo,
    get: G,
}

impl<G> Field<G> {
    pub(crate) const fn new(info: &'static FieldInfo, get: G) -> Self {
        Self { info, get }
    }

    /// The field's path in a spec, such as `cuda` or `builder_options.user`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.info.name
    }

    /// Its row in the table.
    #[must_use]
    pub const fn info(&self) -> &'static FieldInfo {
        self.info
    }

    /// Its value in a spec.
    pub fn get<'a, T>(&self, spec: &'a ImageSpec) -> T
    where
        G: Fn(&'a ImageSpec) -> T,
    {
        (self.get)(spec)
    }
}

/// A row of a table of fields, without the type of the field's values.
#[derive(Debug)]
pub struct FieldInfo {
    /// From the spec on: `builder_options.user`.
    pub(crate) name: &'static str,
    /// In its own mapping: `user`.
    pub(crate) key: &'static str,
    /// What it takes, as in "must be …".
    pub(crate) takes: &'static str,
    /// A valid value, in YAML.
    pub(crate) example: &'static str,
    pub(crate) about: &'static str,
    pub(crate) shape: Shape,
    /// What Dockerfiles, other tools and older documentation call it.
    pub(crate) other_names: &'static [&'static str],
    pub(crate) moves: &'static [Move],
}

impl FieldInfo {
    /// A text in a mapping without its own table.
    pub(crate) const fn part(
        key: &'static str,
        takes: &'static str,
        example: &'static str,
        other_names: &'static [&'static str],
        about: &'static str,
    ) -> Self {
        Self { name: key, key, takes, example, about, shape: Shape::Text, other_names, moves: &[] }
    }

    /// The field's path in a spec, such as `cuda` or `builder_options.user`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it is for: one line.
    #[must_use]
    pub const fn about(&self) -> &'static str {
        self.about
    }

    /// A valid value, in YAML, such as `cuda: "12.4"`.
    #[must_use]
    pub const fn example(&self) -> &'static str {
        self.example
    }

    /// The kinds of work that the field can be part of, in the order of a build. Which of them a change really moves depends on
    /// the rest of the spec: see [`moved`](Self::moved).
    #[must_use]
    pub fn moves(&self) -> BTreeSet<StepKind> {
        self.moves.iter().map(|found| found.step).collect()
    }
}

/// The shape of a value; the check in its row decides which values of this shape are valid.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Text,
    /// Text, or a number that means its own text.
    Version,
    /// A list of texts.
    Texts,
    /// A list of texts, or one text with commas.
    Platforms,
    /// Texts by name.
    Mapping,
    Choice(&'static [&'static str]),
    /// A whole number from 1 to this one.
    Count(u32),
    /// A mapping with its own fields.
    Fields(&'static [&'static FieldInfo]),
    /// A list of secrets.
    Secrets,
    /// An image reference or another spec.
    Base,
}

/// All fields of a spec. Those inside `builder_options` and `builder_config` come after the field that contains them.
///
/// ```
/// let names: Vec<&str> = imagespec::field::fields().map(|field| field.name()).collect();
/// assert!(names.contains(&"apt_packages") && names.contains(&"builder_options.user"));
/// ```
pub fn fields() -> impl Iterator<Item = &'static FieldInfo> {
    use crate::table::Table as _;
    ImageSpec::FIELDS.iter().flat_map(|field| {
        let inner: &'static [&'static FieldInfo] = match field.shape {
            Shape::Fields(inner) => inner,
            _ => &[],
        };
        [*field].into_iter().chain(inner.iter().copied())
    })
}
