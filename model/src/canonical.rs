//! The canonical form of a spec: what an image is made of and nothing else, as bytes that are hashed and as leaves that are
//! compared.
//!
//! Knows no fields: the tables of fields put them here. A change of the form's meaning needs another [`VERSION`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use sha2::{Digest as _, Sha256};

use crate::choice::CopyMode;
use crate::image_spec::ImageSpec;
use crate::image_spec::spec_fields::BASE_IMAGE;
use crate::requirement::{Requirement, RequirementKind};

/// Hashed first. A change of the form's meaning gets another number, so that no tag ever means two forms.
const VERSION: &str = "imagespec 1";

/// A value in the canonical form, which has no values for fields that a spec leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Canonical {
    Text(String),
    /// The order means something.
    List(Vec<Canonical>),
    /// Entries without order, each once.
    Set(BTreeSet<String>),
    Map(Form),
    /// Texts by the user's names.
    Named(BTreeMap<String, String>),
}

/// Values by the names of their fields.
pub(crate) type Form = BTreeMap<&'static str, Canonical>;

impl Canonical {
    pub(crate) fn text(value: impl Display) -> Self {
        Self::Text(value.to_string())
    }

    pub(crate) fn list<T: Display>(items: &[T]) -> Self {
        Self::List(items.iter().map(Self::text).collect())
    }

    /// A list that is left out when it is empty.
    pub(crate) fn some_list<T: Display>(items: &[T]) -> Option<Self> {
        (!items.is_empty()).then(|| Self::list(items))
    }

    pub(crate) fn set<T: Display>(items: impl IntoIterator<Item = T>) -> Option<Self> {
        let items: BTreeSet<String> = items.into_iter().map(|item| item.to_string()).collect();
        (!items.is_empty()).then_some(Self::Set(items))
    }

    pub(crate) fn named(texts: &BTreeMap<String, String>) -> Option<Self> {
        (!texts.is_empty()).then(|| Self::Named(texts.clone()))
    }
}

pub(crate) fn put(form: &mut Form, name: &'static str, value: Option<Canonical>) {
    if let Some(value) = value {
        form.insert(name, value);
    }
}

/// For fields that do not change the image itself: its name, who builds it and how it is delivered.
pub(crate) fn left_out<T>(_spec: &T, _form: &mut Form) {}

/// The key of the lines of `packages` that have options, whose order means something.
pub(crate) const PACKAGES_WITH_OPTIONS: &str = "packages with options";

/// `packages` is a set, except for lines with options: those can change what the lines after them mean.
pub(crate) fn packages(spec: &ImageSpec, form: &mut Form) {
    let is_option = |line: &&Requirement| matches!(line.kind(), RequirementKind::Options { .. });
    let (options, lines): (Vec<&Requirement>, Vec<&Requirement>) = spec.packages().iter().partition(is_option);
    put(form, "packages", Canonical::set(lines));
    put(form, PACKAGES_WITH_OPTIONS, Canonical::some_list(&options));
}

/// The source root, unless nothing of it is copied.
fn copied(spec: &ImageSpec) -> Option<(&str, CopyMode)> {
    // A root without a mode means Python sources.
    let mode = spec.source_copy_mode().unwrap_or(CopyMode::Auto);
    spec.source_root().filter(|_| mode != CopyMode::None).map(|root| (root, mode))
}

pub(crate) fn source_root(spec: &ImageSpec, form: &mut Form) {
    put(form, "source_root", copied(spec).map(|(root, _)| Canonical::text(root)));
}

pub(crate) fn source_copy_mode(spec: &ImageSpec, form: &mut Form) {
    put(form, "source_copy_mode", copied(spec).map(|(_, mode)| Canonical::text(mode)));
}

/// SHA-256 over the form: each value begins with a letter for its kind, each text and each count of entries with its length, so
/// that no two forms have the same bytes.
pub(crate) fn digest(value: &Canonical) -> [u8; 32] {
    let mut bytes = Vec::new();
    write_text(&mut bytes, VERSION);
    write(&mut bytes, value);
    Sha256::digest(&bytes).into()
}

fn write(bytes: &mut Vec<u8>, value: &Canonical) {
    match value {
        Canonical::Text(text) => {
            bytes.push(b't');
            write_text(bytes, text);
        }
        Canonical::List(items) => {
            write_count(bytes, b'l', items.len());
            items.iter().for_each(|item| write(bytes, item));
        }
        Canonical::Set(items) => {
            write_count(bytes, b's', items.len());
            items.iter().for_each(|item| write_text(bytes, item));
        }
        Canonical::Map(fields) => {
            write_count(bytes, b'm', fields.len());
            for (name, value) in fields {
                write_text(bytes, name);
                write(bytes, value);
            }
        }
        Canonical::Named(texts) => {
            write_count(bytes, b'n', texts.len());
            for (name, text) in texts {
                write_text(bytes, name);
                write_text(bytes, text);
            }
        }
    }
}

fn write_count(bytes: &mut Vec<u8>, kind: u8, count: usize) {
    bytes.push(kind);
    bytes.extend((count as u64).to_le_bytes());
}

fn write_text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

/// One value of a form, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// How many specs are built on the one that it is a value of.
    pub(crate) depth: usize,
    /// The field: `packages`, `builder_options.user`.
    pub(crate) field: String,
    /// The user's name of the entry, in a field that has entries with names.
    pub(crate) entry: Option<String>,
    pub(crate) value: String,
}

/// All values of a form by their paths: `env.LOG_LEVEL`, `base_image.commands[2]`.
pub(crate) fn leaves(form: &Form) -> BTreeMap<String, Leaf> {
    let mut found = Walk { leaves: BTreeMap::new() };
    found.form(form, Place::default());
    found.leaves
}

#[derive(Debug, Clone, Default)]
struct Place {
    depth: usize,
    path: String,
    field: String,
}

impl Place {
    /// A field of the spec or the mapping at this place.
    fn field(&self, name: &str) -> Self {
        let joined = |front: &str| if front.is_empty() { name.to_owned() } else { format!("{front}.{name}") };
        Self { depth: self.depth, path: joined(&self.path), field: joined(&self.field) }
    }
}

struct Walk {
    leaves: BTreeMap<String, Leaf>,
}

impl Walk {
    fn form(&mut self, form: &Form, place: Place) {
        for (name, value) in form {
            let inner = place.field(name);
            match value {
                Canonical::Map(base) if *name == BASE_IMAGE.name() && !base.is_empty() => {
                    self.form(base, Place { depth: place.depth + 1, path: inner.path, field: String::new() });
                }
                value => self.value(value, &inner),
            }
        }
    }

    fn value(&mut self, value: &Canonical, place: &Place) {
        match value {
            Canonical::Text(text) => self.leaf(place, "", None, text),
            Canonical::List(items) if items.is_empty() => self.leaf(place, "", None, "[]"),
            Canonical::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{}[{index}]", place.path);
                    self.value(item, &Place { path, ..place.clone() });
                }
            }
            Canonical::Set(items) => {
                for item in items {
                    self.leaf(place, &format!("[{item}]"), Some(item), item);
                }
            }
            Canonical::Map(fields) if fields.is_empty() => self.leaf(place, "", None, "{}"),
            Canonical::Map(fields) => self.form(fields, place.clone()),
            Canonical::Named(texts) => {
                for (name, text) in texts {
                    self.leaf(place, &format!(".{name}"), Some(name), text);
                }
            }
        }
    }

    fn leaf(&mut self, place: &Place, end: &str, entry: Option<&String>, value: &str) {
        let Place { depth, path, field } = place.clone();
        let leaf = Leaf { depth, field, entry: entry.cloned(), value: value.to_owned() };
        self.leaves.insert(path + end, leaf);
    }
}
