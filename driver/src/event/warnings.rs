//! Our own warnings in the format of the daemon's.

use buildkit_client::progress::Warning;
use buildkit_proto::rpc::llb;
use imagespec::{Diagnostic, SourceMap};

/// A warning without a place.
pub(crate) fn from_text(text: &str) -> Warning {
    let mut warning = Warning::default();
    warning.level = 1;
    warning.short = text.as_bytes().to_vec();
    warning
}

/// A diagnostic, in the format in which the frontend sends it through the daemon.
pub(crate) fn from_diagnostic(diagnostic: &Diagnostic, sources: &SourceMap) -> Warning {
    let mut warning = from_text(&format!("{}: {}", diagnostic.code, diagnostic.message));
    warning.detail = diagnostic.help.iter().map(|help| help.as_bytes().to_vec()).collect();
    let Some((span, file)) = diagnostic.span().and_then(|span| Some((span, sources.file(span.file)?))) else {
        return warning;
    };
    let position = |offset| {
        let position = file.position(offset);
        let number = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        Some(llb::Position { line: number(position.line), character: number(position.column.saturating_sub(1)) })
    };
    let (start, end) = (position(span.start), position(span.end.saturating_sub(1).max(span.start)));
    warning.ranges = vec![llb::Range { start, end }];
    let data = imagespec::mask_credentials(file.text()).into_owned().into_bytes();
    warning.info = Some(llb::SourceInfo { filename: file.name().to_owned(), data, ..llb::SourceInfo::default() });
    warning
}
