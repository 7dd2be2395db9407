//! Takes values of the expected type out of the tree, and turns faults into diagnostics with places.
//!
//! Knows types and places, but no particular field.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::conflict::Places;
use crate::diagnostic::Diagnostic;
use crate::fault::Fault;
use crate::field::{FieldInfo, Shape};
use crate::kind::{listed_twice, repeated};
use crate::nearest::nearest;
use crate::quote::quote;
use crate::raw::{Entry, Kind, Node};
use crate::read::images::Images;
use crate::rules;
use crate::source::{SourceMap, Span};
use crate::url::without_published_credentials;

/// After this many errors no further fields are read.
const MAX_ERRORS: usize = 100;

/// The known fields of one mapping that have a value.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    /// Whether there are unknown fields too.
    pub(super) has_unknown: bool,
    found: BTreeMap<&'static str, (&'a Entry, &'static FieldInfo)>,
}

impl<'a> Fields<'a> {
    pub(crate) fn get(&self, name: &str) -> Option<(&'a Entry, &'static FieldInfo)> {
        self.found.get(name).copied()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.found.contains_key(name)
    }
}

impl Places for Fields<'_> {
    fn key(&self, field: &FieldInfo) -> Option<Span> {
        self.get(field.key).map(|(entry, _)| entry.key_span)
    }

    fn is_given(&self, field: &FieldInfo) -> bool {
        self.has(field.key)
    }
}

/// Reads values and collects what is wrong with them.
#[derive(Debug)]
pub(crate) struct Reader<'t, 'd> {
    pub(crate) sources: &'t SourceMap,
    /// The other images of the file, which a base image may name.
    pub(crate) images: Images<'t>,
    /// How many secrets the specs list that the one being read is built on.
    pub(super) secrets_below: usize,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl<'t, 'd> Reader<'t, 'd> {
    pub(super) fn new(sources: &'t SourceMap, diagnostics: &'d mut Vec<Diagnostic>) -> Self {
        Self { sources, images: Images::default(), secrets_below: 0, diagnostics }
    }

    pub(crate) fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    /// Reports a fault of the value at `span`.
    pub(crate) fn fault(&mut self, span: Span, value: &str, fault: Fault) {
        let span = fault.part.clone().map_or(span, |part| self.part(span, value, part));
        self.report(fault.into_diagnostic(span));
    }

    /// Looks up the keys of a mapping; unknown keys are reported.
    pub(crate) fn fields<'a>(
        &mut self,
        entries: &[&'a Entry],
        known: &[&'static FieldInfo],
        owner: &str,
    ) -> Fields<'a> {
        let mut found = BTreeMap::new();
        let mut has_unknown = false;
        for entry in entries {
            // Looking for the nearest names takes time, and that many messages are not read.
            if self.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count() >= MAX_ERRORS {
                break;
            }
            let Some(field) = known.iter().copied().find(|field| field.key == entry.key) else {
                self.report(unknown_field(entry, known, owner));
                has_unknown = true;
                continue;
            };
            if entry.value.kind == Kind::Null {
                continue;
            }
            found.insert(field.key, (*entry, field));
        }
        Fields { has_unknown, found }
    }

    /// A field of text.
    pub(crate) fn text<T>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        check: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        let (entry, field) = fields.get(name)?;
        match &entry.value.kind {
            Kind::Text(text) => self.checked(entry.value.span, text, check),
            _ => {
                self.wrong_type(&entry.value, field);
                None
            }
        }
    }

    /// A field of text in which a number means its own text.
    pub(crate) fn text_or_number<T>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        check: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        let (entry, _) = fields.get(name)?;
        match &entry.value.kind {
            Kind::Number(text) => self.checked(entry.value.span, text, check),
            _ => self.text(fields, name, check),
        }
    }

    /// A field that is a list of texts. In one that `is_unique` a second equal entry means nothing.
    pub(crate) fn list<T>(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        is_unique: bool,
        check: impl Fn(&str) -> Result<T, Fault>,
    ) -> Vec<T> {
        let mut valid = Vec::new();
        let mut values = Vec::new();
        for (span, text) in self.items(fields, name) {
            if let Some(value) = self.checked(span, text, &check) {
                valid.push((span, text.trim()));
                values.push(value);
            }
        }
        let texts: Vec<&str> = valid.iter().map(|(_, text)| *text).filter(|_| is_unique).collect();
        for (index, first) in repeated(&texts) {
            let place = |index: usize| valid.get(index).map(|(span, _)| *span);
            let text = texts.get(index).copied().unwrap_or_default();
            self.report(
                listed_twice(name, text)
                    .with_label_at(place(index), "listed again here")
                    .with_label_at(place(first), "first listed here"),
            );
        }
        values
    }

    /// The texts of a list; other entries are reported.
    pub(crate) fn items<'a>(&mut self, fields: &Fields<'a>, name: &str) -> Vec<(Span, &'a str)> {
        let Some((entry, field)) = fields.get(name) else {
            return Vec::new();
        };
        let Kind::List(items) = &entry.value.kind else {
            self.wrong_type(&entry.value, field);
            return Vec::new();
        };
        let mut texts = Vec::new();
        for item in items {
            match &item.kind {
                Kind::Text(text) => texts.push((item.span, text.as_str())),
                _ => self.report(
                    Diagnostic::new(
                        &rules::WRONG_TYPE,
                        format!("each entry of `{name}` must be text, not {}", item.kind_name()),
                    )
                    .with_label(item.span, format!("found {}", item.kind_name()))
                    .with_help(entry_help(item, field.example)),
                ),
            }
        }
        texts
    }

    /// A field that is a mapping from names to text. Numbers and booleans are used as they are written.
    pub(crate) fn mapping(
        &mut self,
        fields: &Fields<'_>,
        name: &str,
        check_key: impl Fn(&str) -> Result<(), Fault>,
    ) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        let Some((entry, field)) = fields.get(name) else {
            return values;
        };
        let Kind::Map(entries) = &entry.value.kind else {
            self.wrong_type(&entry.value, field);
            return values;
        };
        for entry in entries {
            let key = self.checked(entry.key_span, &entry.key, &check_key);
            let value = self.mapped_text(name, entry, field);
            let value =
                value.filter(|value| self.checked(entry.value.span, value, without_published_credentials).is_some());
            if let (Some(()), Some(value)) = (key, value) {
                values.insert(entry.key.clone(), value);
            }
        }
        values
    }

    fn mapped_text(&mut self, name: &str, entry: &Entry, field: &FieldInfo) -> Option<String> {
        let node = &entry.value;
        let text = match &node.kind {
            Kind::Text(text) | Kind::Number(text) => text,
            Kind::Bool(text) => {
                self.report(
                    Diagnostic::new(
                        &rules::BOOLEAN_TEXT,
                        format!("{} is a boolean and is used as the text `{text}`", quote(&entry.key)),
                    )
                    .with_label(node.span, "a boolean")
                    .with_help(format!("write `\"{text}\"` if text is meant")),
                );
                text
            }
            Kind::Null | Kind::Date(_) | Kind::List(_) | Kind::Map(_) => {
                self.report(no_text_in_mapping(name, entry, field));
                return None;
            }
        };
        self.checked(node.span, text, |text| crate::text::without_nul(text).map(|()| text.to_owned()))
    }

    /// Runs a check and reports its fault.
    pub(crate) fn checked<T>(
        &mut self,
        span: Span,
        value: &str,
        check: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        match check(value) {
            Ok(checked) => Some(checked),
            Err(fault) => {
                self.fault(span, value, fault);
                None
            }
        }
    }

    pub(crate) fn wrong_type(&mut self, node: &Node, field: &FieldInfo) {
        self.report(
            Diagnostic::new(
                &rules::WRONG_TYPE,
                format!("`{}` must be {}, not {}", field.key, field.takes, node.kind_name()),
            )
            .with_label(node.span, format!("found {}", node.kind_name()))
            .with_help(field_help(node, field)),
        );
    }

    /// Bytes of a value as bytes of the file; all of the value where escapes make that impossible.
    pub(crate) fn part(&self, span: Span, value: &str, part: Range<usize>) -> Span {
        let written = self.sources.snippet(span).unwrap_or_default();
        let value = value.trim_end_matches('\n');
        match written.find(value) {
            Some(offset) if !value.is_empty() => span.slice(offset + part.start, offset + part.end),
            _ => span,
        }
    }
}

fn unknown_field(entry: &Entry, known: &[&FieldInfo], owner: &str) -> Diagnostic {
    let key = &entry.key;
    let names = || known.iter().map(|field| field.key);
    let wanted = key.to_ascii_lowercase().replace('-', "_");
    let is_wanted = |field: &&&FieldInfo| field.key == wanted || field.other_names.contains(&wanted.as_str());
    let inside = |field: &&FieldInfo| match field.shape {
        Shape::Fields(inner) => inner.iter().find(is_wanted).map(|inner| (field.key, inner.key)),
        _ => None,
    };
    let help = if let Some(field) = known.iter().find(is_wanted) {
        format!("did you mean `{}`?", field.key)
    } else if let Some((outer, inner)) = known.iter().find_map(inside) {
        format!("did you mean `{outer}: {{{inner}: …}}`?")
    } else if let Some(name) = nearest(key, names()) {
        format!("did you mean `{name}`?")
    } else {
        format!("the fields are: {}", names().collect::<Vec<_>>().join(", "))
    };
    Diagnostic::new(&rules::UNKNOWN_FIELD, format!("{} is not a field of {owner}", quote(key)))
        .with_label(entry.key_span, "unknown field")
        .with_help(help)
}

fn no_text_in_mapping(name: &str, entry: &Entry, field: &FieldInfo) -> Diagnostic {
    let (key, found) = (quote(&entry.key), entry.value.kind_name());
    if entry.value.kind == Kind::Null {
        return Diagnostic::new(&rules::WRONG_TYPE, format!("{key} in `{name}` has no value"))
            .with_label(entry.key_span, "no value")
            .with_help("write `\"\"` for an empty value");
    }
    Diagnostic::new(&rules::WRONG_TYPE, format!("{key} in `{name}` must be text, not {found}"))
        .with_label(entry.key_span, format!("found {found}"))
        .with_help(format!("for example `{}`", field.example))
}

/// What to do about a list's entry that is not text.
fn entry_help(item: &Node, example: &str) -> String {
    match &item.kind {
        Kind::Bool(text) | Kind::Number(text) | Kind::Date(text) => {
            format!("text that looks like {} needs quotes: \"{text}\"", item.kind_name())
        }
        Kind::Map(_) => format!("text that contains `: ` needs quotes; for example `{example}`"),
        Kind::Null | Kind::Text(_) | Kind::List(_) => format!("for example `{example}`"),
    }
}

/// What to do about a field of the wrong type.
fn field_help(node: &Node, field: &FieldInfo) -> String {
    match &node.kind {
        Kind::Bool(text) | Kind::Number(text) | Kind::Date(text) if field.takes == "text" => {
            format!("if the text is meant, write \"{text}\"; for example `{}`", field.example)
        }
        _ => format!("for example `{}`", field.example),
    }
}
