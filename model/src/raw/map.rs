//! Collects the entries of one mapping and reports duplicate keys.
//!
//! Not for TOML: its parser finds duplicate keys across tables.

use std::collections::BTreeMap;

use crate::diagnostic::Diagnostic;
use crate::quote::quote;
use crate::raw::{Entry, Node};
use crate::rules;
use crate::source::Span;

/// A mapping being read. The first of two equal keys is kept.
#[derive(Debug, Default)]
pub(super) struct MapBuilder {
    entries: Vec<Entry>,
    seen: BTreeMap<String, Span>,
}

impl MapBuilder {
    pub(super) fn insert(&mut self, key: String, key_span: Span, value: Node, diagnostics: &mut Vec<Diagnostic>) {
        if let Some(first) = self.seen.get(&key) {
            diagnostics.push(duplicate_key(&key, *first, key_span));
            return;
        }
        self.seen.insert(key.clone(), key_span);
        self.entries.push(Entry { key, key_span, value });
    }

    /// Adds an entry of a merged mapping, unless the key exists.
    pub(super) fn merge(&mut self, entry: Entry) {
        if !self.seen.contains_key(&entry.key) {
            self.seen.insert(entry.key.clone(), entry.key_span);
            self.entries.push(entry);
        }
    }

    pub(super) fn finish(self) -> Vec<Entry> {
        self.entries
    }
}

pub(super) fn duplicate_key(key: &str, first: Span, second: Span) -> Diagnostic {
    Diagnostic::new(&rules::DUPLICATE_KEY, format!("{} is given twice", quote(key)))
        .with_label(second, "given again here")
        .with_label(first, "first given here")
        .with_help("keep one of the two")
}
