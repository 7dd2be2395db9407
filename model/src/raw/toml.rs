//! TOML to a tree.
//!
//! The parser recovers from mistakes, so all of them are reported at once; the tree is used only if there are none.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::Diagnostic;
use crate::quote::printable;
use crate::raw::map::duplicate_key;
use crate::raw::{Entry, Kind, MAX_DEPTH, Node, too_deep};
use crate::rules;
use crate::source::{FileId, Span};

/// A text with more mistakes than this is probably not TOML, and each of them costs a search of the table.
const MAX_ERRORS: usize = 100;

pub(super) fn read(file: FileId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Node> {
    let reader = Reader { file, text };
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        diagnostics.extend(errors.iter().take(MAX_ERRORS).map(|error| reader.error(error)));
        return None;
    }
    match reader.table(table.get_ref(), Span::new(file, 0, 0), 0) {
        Ok(node) => Some(node),
        Err(diagnostic) => {
            diagnostics.push(*diagnostic);
            None
        }
    }
}

struct Reader<'a> {
    file: FileId,
    text: &'a str,
}

impl Reader<'_> {
    fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range.start, range.end)
    }

    fn value(&self, value: &Spanned<DeValue<'_>>, depth: usize) -> Result<Node, Box<Diagnostic>> {
        let span = self.span(value.span());
        if depth > MAX_DEPTH {
            return Err(Box::new(too_deep(span)));
        }
        let source = || self.text.get(value.span()).unwrap_or_default().to_owned();
        let kind = match value.get_ref() {
            DeValue::String(text) => Kind::Text(text.clone().into_owned()),
            DeValue::Integer(_) | DeValue::Float(_) => Kind::Number(source()),
            DeValue::Boolean(_) => Kind::Bool(source()),
            DeValue::Datetime(_) => Kind::Date(source()),
            DeValue::Array(items) => {
                Kind::List(items.iter().map(|item| self.value(item, depth + 1)).collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => return self.table(table, span, depth),
        };
        Ok(Node { kind, span })
    }

    fn table(&self, table: &DeTable<'_>, span: Span, depth: usize) -> Result<Node, Box<Diagnostic>> {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            entries.push(Entry {
                key: key.get_ref().clone().into_owned(),
                key_span: self.span(key.span()),
                value: self.value(value, depth + 1)?,
            });
        }
        // The parser sorts by key; diagnostics are in the order of the text.
        entries.sort_by_key(|entry| entry.key_span);
        Ok(Node { kind: Kind::Map(entries), span })
    }

    fn error(&self, error: &toml::de::Error) -> Diagnostic {
        let range = error.span().unwrap_or(self.text.len()..self.text.len());
        let span = self.span(range.clone());
        if error.message() == "duplicate key"
            && let Some(key) = self.text.get(range.clone())
            && let Some(first) = self.key_before(key, range.start)
        {
            return duplicate_key(key, self.span(first), span);
        }
        let diagnostic =
            Diagnostic::new(&rules::SYNTAX, format!("not valid TOML: {}", printable(error.message(), 200)))
                .with_label(span, "");
        if error.message().contains("quoted") {
            return diagnostic.with_help("text needs quotes in TOML: `name = \"my-image\"`, `packages = [\"numpy\"]`");
        }
        diagnostic
    }

    /// The place of the nearest key with this text before byte `before`. The parser keeps only the second of two.
    fn key_before(&self, key: &str, before: usize) -> Option<Range<usize>> {
        let head = self.text.get(..before)?;
        let found = head.rmatch_indices(key).map(|(at, _)| at).find(|at| {
            let begins = head.get(..*at).unwrap_or_default().trim_end_matches([' ', '\t', '"', '\'']);
            let ends = head.get(at + key.len()..).unwrap_or_default().trim_start_matches([' ', '\t', '"', '\'']);
            let is_begun = begins.is_empty() || begins.ends_with(['\n', '[', '.', '{', ',']);
            is_begun && ends.starts_with(['=', '.', ']'])
        });
        found.filter(|_| !key.is_empty()).map(|at| at..at + key.len())
    }
}
