//! Writes a spec as the text of a file: reading it results in the same spec.
//!
//! Every text is written in double quotes, so that none of it can mean anything but itself.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use crate::image_spec::ImageSpec;
use crate::parse::Parsed;
use crate::source::{FileId, SourceMap, Span};
use crate::spans::Spans;
use crate::table::Table as _;

impl ImageSpec {
    /// The spec in YAML, fields in the order of the documentation.
    ///
    /// ```
    /// use imagespec::{ImageSpec, parse};
    ///
    /// # fn main() -> Result<(), imagespec::Invalid> {
    /// let spec = ImageSpec::named("app")?.with_packages(["numpy"])?;
    /// assert_eq!(spec.to_yaml(), "name: \"app\"\npackages:\n  - \"numpy\"\n");
    /// assert_eq!(parse("spec.yaml", &spec.to_yaml()).spec, Some(spec));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn to_yaml(&self) -> String {
        Yaml::for_spec(self).text
    }

    /// The spec with its text and the place of every value, as if it came from a YAML file of this name. Nothing is parsed.
    ///
    /// ```
    /// use imagespec::{ImageSpec, parse};
    ///
    /// let spec = ImageSpec::named("app")?.with_packages(["numpy"])?;
    /// assert_eq!(spec.to_parsed("spec.yaml"), parse("spec.yaml", &spec.to_yaml()));
    /// # Ok::<(), imagespec::Invalid>(())
    /// ```
    #[must_use]
    pub fn to_parsed(&self, file_name: &str) -> Parsed {
        let yaml = Yaml::for_spec(self);
        let mut sources = SourceMap::new();
        sources.add(file_name, yaml.text);
        Parsed { spec: Some(self.clone()), images: Vec::new(), spans: yaml.spans, diagnostics: self.check(), sources }
    }
}

/// The text of a file that is being written, with the place of everything in it.
pub(crate) struct Yaml {
    text: String,
    indent: usize,
    /// The path of the mapping that is being written.
    path: String,
    spans: Spans,
}

impl Yaml {
    fn for_spec(spec: &ImageSpec) -> Self {
        let mut yaml = Self { text: String::new(), indent: 0, path: String::new(), spans: Spans::default() };
        spec.write(&mut yaml);
        if yaml.text.is_empty() {
            yaml.scalar("", "{}");
            yaml.text.push('\n');
        } else {
            yaml.collection("", 0);
        }
        yaml
    }

    /// A mapping with its own fields.
    pub(crate) fn mapping(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        let path = self.key(name, name);
        self.text.push('\n');
        self.indent += 1;
        let start = self.text.len() + 2 * self.indent;
        let outer = std::mem::replace(&mut self.path, path);
        write(self);
        let path = std::mem::replace(&mut self.path, outer);
        self.indent -= 1;
        self.collection(&path, start);
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.value(name, &quoted(value));
    }

    /// A field whose value is written as it is.
    pub(crate) fn value(&mut self, name: &str, text: &str) {
        let path = self.key(name, name);
        self.text.push(' ');
        self.scalar(&path, text);
        self.text.push('\n');
    }

    pub(crate) fn list<T: Display>(&mut self, name: &str, items: &[T]) {
        self.items(name, items, |yaml, path, item| yaml.scalar(path, &quoted(&item.to_string())));
    }

    /// A list of mappings, one a line; values are written as they are.
    pub(crate) fn rows(&mut self, name: &str, rows: &[Vec<(&str, String)>]) {
        self.items(name, rows, |yaml, path, row| {
            let start = yaml.text.len();
            for (index, (key, value)) in row.iter().enumerate() {
                yaml.text.push_str(if index == 0 { "{" } else { ", " });
                let path = format!("{path}.{key}");
                yaml.noted_key(&path, key);
                yaml.text.push(' ');
                yaml.scalar(&path, value);
            }
            yaml.text.push('}');
            yaml.spans.set(path, Span::new(FileId::FIRST, start, yaml.text.len()));
        });
    }

    pub(crate) fn map(&mut self, name: &str, values: &BTreeMap<String, String>) {
        if values.is_empty() {
            return;
        }
        self.mapping(name, |yaml| {
            for (key, value) in values {
                let path = yaml.key(key, &quoted(key));
                yaml.text.push(' ');
                yaml.scalar(&path, &quoted(value));
                yaml.text.push('\n');
            }
        });
    }

    fn items<T>(&mut self, name: &str, items: &[T], write: impl Fn(&mut Self, &str, &T)) {
        if items.is_empty() {
            return;
        }
        let path = self.key(name, name);
        self.text.push('\n');
        let start = self.text.len() + 2 * self.indent + "  ".len();
        for (index, item) in items.iter().enumerate() {
            self.text.push_str(&"  ".repeat(self.indent));
            self.text.push_str("  - ");
            write(self, &format!("{path}[{index}]"), item);
            self.text.push('\n');
        }
        self.collection(&path, start);
    }

    /// Begins a line with a key, and gives the path of its value.
    fn key(&mut self, name: &str, shown: &str) -> String {
        self.text.push_str(&"  ".repeat(self.indent));
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        self.noted_key(&path, shown);
        path
    }

    fn noted_key(&mut self, path: &str, shown: &str) {
        let start = self.text.len();
        self.text.push_str(shown);
        self.spans.set_key(path, Span::new(FileId::FIRST, start, self.text.len()));
        self.text.push(':');
    }

    fn scalar(&mut self, path: &str, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.spans.set(path, Span::new(FileId::FIRST, start, self.text.len()));
    }

    /// Notes the place of a block that has just been written, up to its last line break.
    fn collection(&mut self, path: &str, start: usize) {
        let end = self.text.trim_end_matches('\n').len();
        self.spans.set(path, Span::new(FileId::FIRST, start, end));
    }
}

/// A double-quoted scalar (YAML 1.2, 7.3.1): everything that is not printable is escaped.
pub(crate) fn quoted(value: &str) -> String {
    let mut out = String::from("\"");
    for character in value.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Written to a string, which cannot fail.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
