//! Our own warnings in the format of the daemon's.

use buildkit_client::progress::Warning;
use buildkit_gateway::{SourceInfo, SourcePosition, SourceRange};
use buildkit_proto::rpc::llb;
use imagespec::{Diagnostic, SourceMap};
use imagespec_frontend::to_warning;

/// A warning without a place.
pub(crate) fn from_text(text: &str) -> Warning {
    let mut warning = Warning::default();
    warning.level = 1;
    warning.short = text.as_bytes().to_vec();
    warning
}

/// A diagnostic, in the format in which the frontend sends it through the daemon.
pub(crate) fn from_diagnostic(diagnostic: &Diagnostic, sources: &SourceMap) -> Warning {
    let sent = to_warning(diagnostic, sources, "");
    let mut warning = from_text(&sent.short);
    warning.detail = sent.detail.into_iter().map(String::into_bytes).collect();
    let position = |SourcePosition { line, character }| {
        let number = |number| i32::try_from(number).unwrap_or(i32::MAX);
        Some(llb::Position { line: number(line), character: number(character) })
    };
    let range = |SourceRange { start, end }| llb::Range { start: position(start), end: position(end) };
    warning.ranges = sent.ranges.into_iter().map(range).collect();
    warning.info = sent.source.map(|SourceInfo { filename, language, data, definition: _ }| llb::SourceInfo {
        filename,
        language,
        data,
        definition: None,
    });
    warning
}
