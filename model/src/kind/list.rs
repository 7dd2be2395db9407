//! Kinds that are lists.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::canonical::Canonical;
use crate::diagnostic::Diagnostic;
use crate::fault::Fault;
use crate::field::Shape;
use crate::kind::text::Check;
use crate::kind::{Entries, Kind};
use crate::platform::{Platform, comma_list, platform};
use crate::quote::quote;
use crate::raw::Kind as RawKind;
use crate::read::{Fields, Reader, secrets as read_secrets};
use crate::rules;
use crate::secret::{SecretMount, SecretSource, SecretTarget};
use crate::source::Span;
use crate::text::any_text;
use crate::write::{Yaml, quoted};

/// A list of texts, or of what they are the texts of.
pub(crate) struct List<T> {
    check: Check<T>,
    pub(crate) shape: Shape,
    /// A second equal entry means nothing.
    is_unique: bool,
    /// The order means nothing.
    is_set: bool,
}

/// A list whose order means something, as does a second equal entry.
pub(crate) const fn list<T>(check: Check<T>) -> List<T> {
    List { check, shape: Shape::Texts, is_unique: false, is_set: false }
}

/// A list whose order means something, in which a second equal entry means nothing.
pub(crate) const fn ordered_set<T>(check: Check<T>) -> List<T> {
    List { check, shape: Shape::Texts, is_unique: true, is_set: false }
}

/// A list whose order has no effect. The written order is kept for display.
pub(crate) const fn set<T>(check: Check<T>) -> List<T> {
    List { check, shape: Shape::Texts, is_unique: true, is_set: true }
}

impl<T: Display> Kind for List<T> {
    type Value = Vec<T>;

    fn read<'t>(&self, reader: &mut Reader<'t, '_>, fields: &Fields<'t>, name: &'static str) -> Vec<T> {
        reader.list(fields, name, self.is_unique, self.check)
    }

    fn write(&self, yaml: &mut Yaml, name: &str, value: &Vec<T>) {
        yaml.list(name, value);
    }

    fn canonical(&self, value: &Vec<T>) -> Option<Canonical> {
        if self.is_set { Canonical::set(value) } else { Canonical::some_list(value) }
    }

    fn warnings(&self, name: &str, value: &Vec<T>) -> Vec<Diagnostic> {
        if !self.is_unique {
            return Vec::new();
        }
        let texts: Vec<String> = value.iter().map(ToString::to_string).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        repeated(&texts)
            .into_iter()
            .map(|(index, _)| listed_twice(name, texts.get(index).copied().unwrap_or_default()))
            .collect()
    }
}

/// The repeated entries, each with the one that it repeats.
pub(crate) fn repeated(texts: &[&str]) -> Vec<(usize, usize)> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut found = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let first = *seen.entry(text).or_insert(index);
        if first != index {
            found.push((index, first));
        }
    }
    found
}

/// An entry that changes nothing.
pub(crate) fn listed_twice(name: &str, text: &str) -> Diagnostic {
    Diagnostic::new(&rules::LISTED_TWICE, format!("{} is listed twice in `{name}`", quote(text)))
}

impl<T: Display> Entries for List<T> {
    fn add(&self, value: &mut Vec<T>, text: &str) -> Result<(), Fault> {
        value.push((self.check)(text)?);
        Ok(())
    }
}

/// Words of a command line; an empty list differs from a missing one.
pub(crate) struct Words {
    pub(crate) shape: Shape,
}

/// Words of any text but NUL.
pub(crate) const fn words() -> Words {
    Words { shape: Shape::Texts }
}

impl Kind for Words {
    type Value = Option<Vec<String>>;

    fn read<'t>(&self, reader: &mut Reader<'t, '_>, fields: &Fields<'t>, name: &'static str) -> Self::Value {
        fields.has(name).then(|| reader.list(fields, name, false, any_text))
    }

    fn write(&self, yaml: &mut Yaml, name: &str, value: &Self::Value) {
        match value.as_deref() {
            None => {}
            Some([]) => yaml.value(name, "[]"),
            Some(words) => yaml.list(name, words),
        }
    }

    fn canonical(&self, value: &Self::Value) -> Option<Canonical> {
        value.as_ref().map(|words| Canonical::list(words))
    }
}

/// Platforms, each once: a list, or one text with commas.
pub(crate) struct Platforms {
    pub(crate) shape: Shape,
}

/// Platforms.
pub(crate) const fn platforms() -> Platforms {
    Platforms { shape: Shape::Platforms }
}

impl Kind for Platforms {
    type Value = Vec<Platform>;

    /// Every wrong entry is reported.
    fn read<'t>(&self, reader: &mut Reader<'t, '_>, fields: &Fields<'t>, name: &'static str) -> Vec<Platform> {
        let Some((entry, field)) = fields.get(name) else { return Vec::new() };
        let texts = match &entry.value.kind {
            RawKind::List(_) => reader.items(fields, name),
            RawKind::Text(text) => vec![(entry.value.span, text.as_str())],
            _ => {
                reader.wrong_type(&entry.value, field);
                Vec::new()
            }
        };
        let mut seen: BTreeMap<Platform, Span> = BTreeMap::new();
        let mut found = Vec::new();
        for (span, text) in texts {
            for (offset, piece) in comma_list(text) {
                let place = reader.part(span, text, offset..offset + piece.len());
                let check = |_: &str| platform(piece).map_err(|fault| fault.moved(offset, piece.len()));
                let Some(platform) = reader.checked(span, text, check) else { continue };
                match seen.get(&platform) {
                    Some(first) => reader.report(
                        Diagnostic::new(&rules::PLATFORM, format!("the platform `{platform}` is given twice"))
                            .with_label(place, "given again here")
                            .with_label(*first, "first given here")
                            .with_help("different spellings, such as `arm64` and `aarch64`, mean the same"),
                    ),
                    None => {
                        seen.insert(platform.clone(), place);
                        found.push(platform);
                    }
                }
            }
        }
        found
    }

    fn write(&self, yaml: &mut Yaml, name: &str, value: &Vec<Platform>) {
        yaml.list(name, value);
    }

    fn canonical(&self, value: &Vec<Platform>) -> Option<Canonical> {
        Canonical::some_list(value)
    }
}

impl Entries for Platforms {
    /// One that is there already means nothing.
    fn add(&self, value: &mut Vec<Platform>, text: &str) -> Result<(), Fault> {
        let platform = platform(text)?;
        if !value.contains(&platform) {
            value.push(platform);
        }
        Ok(())
    }
}

/// Secrets of install steps.
pub(crate) struct Secrets {
    pub(crate) shape: Shape,
}

/// Secrets.
pub(crate) const fn secrets() -> Secrets {
    Secrets { shape: Shape::Secrets }
}

impl Kind for Secrets {
    type Value = Vec<SecretMount>;

    fn read<'t>(&self, reader: &mut Reader<'t, '_>, fields: &Fields<'t>, name: &'static str) -> Vec<SecretMount> {
        read_secrets(reader, fields, name)
    }

    fn write(&self, yaml: &mut Yaml, name: &str, value: &Vec<SecretMount>) {
        let row = |mount: &SecretMount| {
            let source = mount.source().map(|source| match source {
                SecretSource::File(path) => ("src", quoted(path)),
                SecretSource::Env(name) => ("src_env", quoted(name)),
            });
            let target = match mount.target() {
                SecretTarget::File(path) => ("dst", quoted(path)),
                SecretTarget::Env(name) => ("env", quoted(name)),
            };
            [("id", quoted(mount.id()))].into_iter().chain(source).chain([target]).collect()
        };
        yaml.rows(name, &value.iter().map(row).collect::<Vec<_>>());
    }

    /// A secret is not part of the image.
    fn canonical(&self, _value: &Vec<SecretMount>) -> Option<Canonical> {
        None
    }
}
