//! The images that are planned for themselves: the one that is built, and the finished images that it stands on.

use imagespec::{ImageSpec, MergedSpec, Spans};

use crate::document::Document;

/// One of the images that stand on each other.
pub(super) struct Part<'a> {
    pub(super) spec: &'a ImageSpec,
    /// What the specs of the image say together.
    pub(super) specs: MergedSpec<'a>,
    /// Where its fields are.
    pub(super) spans: Spans,
    /// How many images stand on it.
    pub(super) depth: usize,
    /// In front of its fields' paths.
    pub(super) prefix: String,
}

/// All of them, the one that is built first.
pub(super) fn parts(document: &Document) -> Vec<Part<'_>> {
    let mut parts: Vec<Part<'_>> = Vec::new();
    let mut next = Some((&document.spec, String::new()));
    while let Some((spec, prefix)) = next {
        let specs = MergedSpec::new(spec);
        next = specs.below().map(|below| (below.spec, format!("{prefix}{}", below.prefix)));
        let spans = if prefix.is_empty() { document.spans.clone() } else { document.spans.below(&prefix) };
        parts.push(Part { spec, specs, spans, depth: parts.len(), prefix });
    }
    parts
}
