//! Writes a spec as the text of a file: reading it results in the same spec.
//!
//! Every text is written in double quotes, so that none of it can mean anything but itself.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use crate::image_spec::ImageSpec;
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
        let mut yaml = Yaml { text: String::new(), indent: 0 };
        self.write(&mut yaml);
        if yaml.text.is_empty() { "{}\n".to_owned() } else { yaml.text }
    }
}

/// The text of a file that is being written.
pub(crate) struct Yaml {
    text: String,
    indent: usize,
}

impl Yaml {
    /// A mapping with its own fields.
    pub(crate) fn mapping(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.line(&format!("{name}:"));
        self.indent += 1;
        write(self);
        self.indent -= 1;
    }

    pub(crate) fn text(&mut self, name: &str, value: &str) {
        self.line(&format!("{name}: {}", quoted(value)));
    }

    pub(crate) fn list<T: Display>(&mut self, name: &str, items: &[T]) {
        if items.is_empty() {
            return;
        }
        self.line(&format!("{name}:"));
        for item in items {
            self.line(&format!("  - {}", quoted(&item.to_string())));
        }
    }

    pub(crate) fn map(&mut self, name: &str, values: &BTreeMap<String, String>) {
        if values.is_empty() {
            return;
        }
        self.line(&format!("{name}:"));
        for (key, value) in values {
            self.line(&format!("  {}: {}", quoted(key), quoted(value)));
        }
    }

    pub(crate) fn line(&mut self, text: &str) {
        self.text.push_str(&"  ".repeat(self.indent));
        self.text.push_str(text);
        self.text.push('\n');
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
