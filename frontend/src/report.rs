//! Converts diagnostics to BuildKit statuses, whose details refer to the user's files.
//!
//! Clients render the excerpts themselves.

use buildkit_gateway::{SourceInfo, SourcePosition, SourceRange, Status, Warning};
use imagespec::{Diagnostic, Problems, SourceMap, Span};

/// All diagnostics as one status: the rendered text as the message, and the places as `Source` details.
#[must_use]
pub fn to_status(problems: &Problems) -> Status {
    let Problems { diagnostics, sources, spans: _ } = problems;
    let status = Status::failed(format!("{problems}\n\n{}", problems.render().trim_end()));
    // One detail per file with all its places, because clients show one excerpt per detail.
    sources.files().fold(status, |status, (id, _)| {
        let spans: Vec<Span> = diagnostics.iter().filter_map(Diagnostic::span).filter(|span| span.file == id).collect();
        let ranges: Vec<SourceRange> = spans.iter().filter_map(|span| range(sources, *span)).collect();
        match (ranges.is_empty(), spans.first().and_then(|span| info(sources, *span))) {
            (false, Some(info)) => status.with_source(info, ranges),
            _ => status,
        }
    })
}

/// A failure at a place of the spec.
pub(crate) fn with_place(status: Status, place: Span, sources: &SourceMap) -> Status {
    match (info(sources, place), range(sources, place)) {
        (Some(info), Some(range)) if !status.has_source() => status.with_source(info, vec![range]),
        _ => status,
    }
}

/// A warning as the daemon sends it to clients. `digest` is a vertex of the build, which the protocol requires.
#[must_use]
pub fn to_warning(diagnostic: &Diagnostic, sources: &SourceMap, digest: &str) -> Warning {
    let span = diagnostic.span();
    Warning {
        digest: digest.to_owned(),
        level: 1,
        short: format!("{}: {}", diagnostic.code, diagnostic.message),
        detail: diagnostic.help.iter().cloned().collect(),
        url: String::new(),
        source: span.and_then(|span| info(sources, span)),
        ranges: span.and_then(|span| range(sources, span)).into_iter().collect(),
    }
}

fn info(sources: &SourceMap, span: Span) -> Option<SourceInfo> {
    let file = sources.file(span.file)?;
    Some(SourceInfo {
        filename: file.name().to_owned(),
        language: String::new(),
        // The daemon stores the text in logs and records.
        data: imagespec::mask_credentials(file.text()).into_owned().into_bytes(),
        definition: None,
    })
}

pub(crate) fn range(sources: &SourceMap, span: Span) -> Option<SourceRange> {
    let file = sources.file(span.file)?;
    let position = |offset| {
        let position = file.position(offset);
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        SourcePosition { line: number(position.line), character: number(position.column.saturating_sub(1)) }
    };
    // The last byte, not the one after it: a value at the end of a line does not include the next line.
    Some(SourceRange { start: position(span.start), end: position(span.end.saturating_sub(1).max(span.start)) })
}
