//! The images that are planned separately: the one that is built, and the finished images below it.

use imagespec::{ImageSpec, MergedSpec, Spans};

use crate::document::Document;

/// One of the images that are built on each other.
pub(super) struct Part<'a> {
    pub(super) spec: &'a ImageSpec,
    /// The combined specs of the image.
    pub(super) specs: MergedSpec<'a>,
    /// The positions of its fields.
    pub(super) spans: Spans,
    /// The number of images on top of it.
    pub(super) depth: usize,
    /// The prefix of its fields' paths.
    pub(super) prefix: String,
}

/// All of them, innermost first.
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
