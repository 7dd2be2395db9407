//! A spec as written: one tree of values with their places, for all formats.
//!
//! Knows no field names; [`crate::read`] checks the values.

mod json;
mod map;
mod scalar;
mod toml;
mod yaml;
mod yaml_problem;

use crate::diagnostic::Diagnostic;
use crate::rules;
use crate::source::{FileId, Span};

/// A spec larger than this is not read. Real ones have a few kilobytes.
const MAX_TEXT_BYTES: usize = 1 << 20;
/// How deep values may nest, and how many images may build on each other. A spec needs three levels.
pub(crate) const MAX_DEPTH: usize = 32;
/// How many values a text may have after aliases are resolved.
const MAX_NODES: usize = 50_000;

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// What a value is. Numbers and booleans keep their source text: `3.10` must not become `3.1`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(String),
    Number(String),
    Date(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value. Keys of one map differ from each other.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) value: Node,
}

impl Node {
    /// The kind for messages, as in "expected text, found …".
    pub(crate) fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::Date(_) => "a date",
            Kind::Text(_) => "text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
        }
    }

    /// How many values this is, including itself, and how many bytes of text they have.
    fn weight(&self) -> Weight {
        let mut weight = Weight { nodes: 1, bytes: 0 };
        match &self.kind {
            Kind::Null => {}
            Kind::Bool(text) | Kind::Number(text) | Kind::Date(text) | Kind::Text(text) => {
                weight.bytes += text.len();
            }
            Kind::List(items) => items.iter().for_each(|item| weight.add(item.weight())),
            Kind::Map(entries) => {
                for entry in entries {
                    weight.bytes += entry.key.len();
                    weight.add(entry.value.weight());
                }
            }
        }
        weight
    }
}

/// What a value costs in memory.
#[derive(Debug, Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    bytes: usize,
}

impl Weight {
    fn add(&mut self, other: Self) {
        self.nodes += other.nodes;
        self.bytes += other.bytes;
    }

    fn is_too_much(self) -> bool {
        self.nodes > MAX_NODES || self.bytes > 2 * MAX_TEXT_BYTES
    }
}

/// The formats a spec may be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Yaml,
    Toml,
    Json,
}

impl Format {
    /// From the name's extension, otherwise from the content: text that begins with `{` is JSON, any other text YAML.
    pub(crate) fn from_name(name: &str, text: &str) -> Self {
        let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let extension = base.rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase());
        match extension.as_deref() {
            Some("yaml" | "yml") => Self::Yaml,
            Some("toml") => Self::Toml,
            Some("json") => Self::Json,
            _ if without_mark(text).trim_start().starts_with('{') => Self::Json,
            _ => Self::Yaml,
        }
    }
}

/// Reads a text into a tree. `None` if it cannot be read at all; the diagnostics give the reason.
pub(crate) fn read(format: Format, file: FileId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Node> {
    if text.len() > MAX_TEXT_BYTES {
        diagnostics.push(
            Diagnostic::new(
                &rules::LIMIT,
                format!("the file has {} bytes; the limit for a spec is {MAX_TEXT_BYTES}", text.len()),
            )
            .with_label(Span::new(file, 0, 0), "too large")
            .with_help("put long lists of packages into a requirements file"),
        );
        return None;
    }
    match format {
        Format::Yaml => yaml::read(file, text, diagnostics),
        Format::Toml => toml::read(file, text, diagnostics),
        Format::Json => json::read(file, text, diagnostics),
    }
}

/// The text without the byte order mark that some editors write.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn too_deep(span: Span) -> Diagnostic {
    Diagnostic::new(&rules::LIMIT, "values are nested too deeply")
        .with_label(span, format!("more than {MAX_DEPTH} levels"))
}

fn too_many(span: Span) -> Diagnostic {
    Diagnostic::new(&rules::LIMIT, "the file has too many values")
        .with_label(span, format!("more than {MAX_NODES} values up to here"))
        .with_help("an alias counts each time it is used")
}
