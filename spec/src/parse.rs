//! From text to spec: the one way in.
//!
//! Reads no file: the caller brings name and text.

use crate::diagnostic::Diagnostic;
use crate::image_spec::ImageSpec;
use crate::raw::{self, Format};
use crate::read;
use crate::rules;
use crate::source::SourceMap;
use crate::spans::Spans;

/// More diagnostics than this are counted, not kept.
const MOST_SHOWN: usize = 50;

/// What [`parse`] found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The spec; present exactly when no diagnostic is an error.
    pub spec: Option<ImageSpec>,
    /// Where each field was written.
    pub spans: Spans,
    /// Everything wrong, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The text, for rendering the diagnostics.
    pub sources: SourceMap,
}

/// Reads and checks a spec. The name chooses the format by its extension and is shown in diagnostics.
///
/// ```
/// let parsed = imagespec::parse("spec.yaml", "packages: [numpy]\npython_version: 3.10\n");
/// let spec = parsed.spec.expect("a right spec");
/// assert_eq!(spec.packages[0].text, "numpy");
/// assert_eq!(spec.python_version.map(|version| version.minor), Some(10));
///
/// let parsed = imagespec::parse("spec.yaml", "pakages: [numpy]\n");
/// assert!(parsed.spec.is_none());
/// assert_eq!(
///     imagespec::render(&parsed.diagnostics[0], &parsed.sources),
///     "error[E005]: `pakages` is not a field of a spec
///  --> spec.yaml:1:1
///   |
/// 1 | pakages: [numpy]
///   | ^^^^^^^ unknown field
///   |
///   = help: did you mean `packages`?
/// "
/// );
/// ```
pub fn parse(name: &str, text: &str) -> Parsed {
    let mut sources = SourceMap::new();
    let file = sources.add(name, text);
    let format = Format::of(name, text);
    let mut diagnostics = Vec::new();
    let root = raw::read(format, file, text, &mut diagnostics);
    let (spec, spans) = match &root {
        Some(root) => {
            let (spec, spans) = read::read(root, text, format == Format::Json, &mut diagnostics);
            (Some(spec), spans)
        }
        None => (None, Spans::default()),
    };
    diagnostics.sort_by_key(|diagnostic| diagnostic.span().map(|span| (span.start, span.end)));
    let spec = spec.filter(|_| !diagnostics.iter().any(Diagnostic::is_error));
    cut_short(&mut diagnostics);
    Parsed { spec, spans, diagnostics, sources }
}

fn cut_short(diagnostics: &mut Vec<Diagnostic>) {
    let more = diagnostics.len().saturating_sub(MOST_SHOWN);
    if more == 0 {
        return;
    }
    // Warnings go first: an error must not be hidden behind them.
    diagnostics.sort_by_key(|diagnostic| diagnostic.severity);
    diagnostics.truncate(MOST_SHOWN);
    diagnostics.push(Diagnostic::new(&rules::NUMBER_OF_PROBLEMS, format!("{more} more problems are not shown")));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<&'static str> {
        parse("a.yaml", text).diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
    }

    #[test]
    fn a_spec_full_of_mistakes_is_cut_short() {
        let text = format!("apt_packages: [git, git, {}]\n", "Git, ".repeat(60));
        let parsed = parse("a.yaml", &text);
        assert!(parsed.spec.is_none());
        assert_eq!(parsed.diagnostics.len(), MOST_SHOWN + 1);
        let last = &parsed.diagnostics[MOST_SHOWN];
        assert_eq!((last.code, last.message.as_str()), ("E099", "11 more problems are not shown"));
        assert!(parsed.diagnostics.iter().all(Diagnostic::is_error), "the warning gives way to errors");
    }

    #[test]
    fn everything_is_reported_in_the_order_of_the_text() {
        let text = "pakages: []\napt_packages: [Git]\nname: my name\napt_packages: []\nplatform: x\n";
        assert_eq!(codes(text), ["E005", "E014", "E008", "E003", "E023"]);
    }
}
