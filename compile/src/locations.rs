//! From the spec's byte spans to BuildKit's line ranges.

use buildkit_llb::{Location, SourceFile};
use imagespec::{FileId, SourceMap, Span};

/// The graph's source files, in the order of the map, so that the index of a file is the same in both.
pub(crate) fn source_files(sources: &SourceMap) -> Vec<SourceFile> {
    sources
        .files()
        .map(|(_, file)| SourceFile {
            filename: file.name().to_owned(),
            // The daemon keeps these texts, in provenance too. Credentials are refused elsewhere, but not in comments.
            data: imagespec::mask_credentials(file.text()).into_owned().into_bytes(),
            language: language(file.name()).to_owned(),
            definition: None,
        })
        .collect()
}

/// A span as a range of lines; `None` for a span of another map.
pub(crate) fn location(sources: &SourceMap, span: Span) -> Option<Location> {
    let file = sources.file(span.file)?;
    let index = sources.files().position(|(id, _): (FileId, _)| id == span.file)?;
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    // A value that ends with its line's break still belongs to that line only.
    let last = span.end.saturating_sub(1).max(span.start);
    let (start, end) = (file.position(span.start), file.position(last));
    Some(Location {
        file: number(index),
        start: (number(start.line), number(start.column.saturating_sub(1))),
        end: (number(end.line), number(end.column)),
    })
}

/// The Linguist name of a spec's format, for tools that colour the source.
fn language(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("toml") => "TOML",
        Some("json") => "JSON",
        Some("yaml" | "yml") => "YAML",
        _ => "Text",
    }
}
