//! Where each field of a spec was written, kept apart from the spec so that equality and fingerprints ignore it.
//!
//! Paths are the field names as written: `packages[3]`, `env.PATH`, `builder_options.labels.team`.

use std::collections::BTreeMap;

use crate::source::Span;

/// Side map from field path to source text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spans {
    values: BTreeMap<String, Span>,
    keys: BTreeMap<String, Span>,
}

impl Spans {
    /// The value at `path`, such as `packages[3]`.
    pub fn span(&self, path: &str) -> Option<Span> {
        self.values.get(path).copied()
    }

    /// The key that names `path`, such as `env` or `env.PATH`; list items have none.
    pub fn key_span(&self, path: &str) -> Option<Span> {
        self.keys.get(path).copied()
    }

    /// The value at `path` or, if it has no place of its own, the nearest field around it.
    pub fn nearest_span(&self, path: &str) -> Option<Span> {
        let mut path = path;
        loop {
            if let Some(span) = self.span(path) {
                return Some(span);
            }
            let cut = path.rfind(['.', '['])?;
            path = path.get(..cut)?;
        }
    }

    /// The innermost field whose value or key is at a place, or has the place within it.
    #[must_use]
    pub fn field_at(&self, place: Span) -> Option<&str> {
        let holds = |span: &Span| span.file == place.file && span.start <= place.start && place.end <= span.end;
        let all = self.values.iter().chain(&self.keys).filter(|(_, span)| holds(span));
        all.min_by_key(|(_, span)| span.end - span.start).map(|(path, _)| path.as_str())
    }

    /// The places below a path, such as `base_image.`, by the rest of their paths.
    #[must_use]
    pub fn below(&self, prefix: &str) -> Self {
        let cut = |places: &BTreeMap<String, Span>| {
            let inner = places.range(prefix.to_owned()..).take_while(|(path, _)| path.starts_with(prefix));
            inner.map(|(path, span)| (path[prefix.len()..].to_owned(), *span)).collect()
        };
        Self { values: cut(&self.values), keys: cut(&self.keys) }
    }

    /// All values in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Span)> {
        self.values.iter().map(|(path, span)| (path.as_str(), *span))
    }

    pub(crate) fn set(&mut self, path: impl Into<String>, span: Span) {
        self.values.insert(path.into(), span);
    }

    pub(crate) fn set_key(&mut self, path: impl Into<String>, span: Span) {
        self.keys.insert(path.into(), span);
    }
}
