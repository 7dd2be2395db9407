//! Converts byte spans of the spec to BuildKit's line ranges.

use buildkit_llb::{Location, SourceFile};
use imagespec::{FileId, SourceMap, Span};

/// The source files of the graph, in the order of the map, so that a file has the same index in both.
pub(crate) fn source_files(sources: &SourceMap) -> Vec<SourceFile> {
    sources
        .files()
        .map(|(_, file)| SourceFile {
            filename: file.name().to_owned(),
            // The daemon stores these texts, also in provenance. Credentials in fields are refused elsewhere, but not those in comments.
            data: imagespec::mask_credentials(file.text()).into_owned().into_bytes(),
            language: language(file.name()).to_owned(),
            definition: None,
        })
        .collect()
}

/// A span as a range of lines; `None` if the span is of another map.
pub(crate) fn location(sources: &SourceMap, span: Span) -> Option<Location> {
    let file = sources.file(span.file)?;
    let index = sources.files().position(|(id, _): (FileId, _)| id == span.file)?;
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    // A value that ends with a line break does not include the next line.
    let last = span.end.saturating_sub(1).max(span.start);
    let (start, end) = (file.position(span.start), file.position(last));
    Some(Location {
        file: number(index),
        start: (number(start.line), number(start.column.saturating_sub(1))),
        end: (number(end.line), number(end.column)),
    })
}

/// The Linguist name of a spec's format, for tools that highlight the source.
fn language(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("toml") => "TOML",
        Some("json") => "JSON",
        Some("yaml" | "yml") => "YAML",
        _ => "Text",
    }
}
