//! From text to a checked spec.
//!
//! Reads no file: the caller provides name and text.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostic;
use crate::image_spec::ImageSpec;
use crate::raw::{self, Format};
use crate::read::{self, Read};
use crate::rules;
use crate::set;
use crate::source::SourceMap;
use crate::spans::Spans;

/// More diagnostics than this are counted, not kept.
const MAX_SHOWN: usize = 50;

/// What [`parse`] found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The spec; present exactly when no diagnostic is an error.
    pub spec: Option<ImageSpec>,
    /// The names of the file's images; empty for a file that is one image without a name.
    pub images: Vec<String>,
    /// Where each field was written.
    pub spans: Spans,
    /// All problems, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// The text, for rendering the diagnostics.
    pub sources: SourceMap,
}

/// Reads and checks a spec. The extension of the name selects the format; the name is shown in diagnostics.
///
/// ```
/// let parsed = imagespec::parse("spec.yaml", "packages: [numpy]\npython_version: 3.10\n");
/// let spec = parsed.spec.expect("a valid spec");
/// assert_eq!(spec.packages()[0].text(), "numpy");
/// assert_eq!(spec.python_version().map(|version| version.minor()), Some(10));
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
    parse_with(name, text, &Choice::default())
}

/// What the caller chose in addition to the text of a spec.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Which image is meant, in a file with several.
    pub target: Option<String>,
    /// Values that replace those of the text: `field=value` or `field.inner=value`, with the values in YAML.
    pub set: Vec<String>,
    /// Names that mean something else in this build, so they do not refer to images of the file.
    pub contexts: BTreeSet<String>,
}

/// Reads a spec as [`parse`] does, with what the caller chose. All images of a file are checked.
///
/// ```
/// use imagespec::{Choice, parse_with};
///
/// let text = "images:\n  base: {apt_packages: [git]}\n  train: {base_image: base, packages: [torch]}\n";
/// let choice = Choice { target: Some("train".to_owned()), set: vec!["env.LOG_LEVEL=debug".to_owned()], ..Choice::default() };
/// let parsed = parse_with("images.yaml", text, &choice);
/// assert_eq!(parsed.images, ["base", "train"]);
/// let spec = parsed.spec.expect("a valid spec");
/// assert_eq!(spec.levels()[0].spec.apt_packages(), ["git"]);
/// assert_eq!(spec.env()["LOG_LEVEL"], "debug");
/// ```
pub fn parse_with(name: &str, text: &str, choice: &Choice) -> Parsed {
    let mut sources = SourceMap::new();
    let file = sources.add(name, text);
    let format = Format::from_name(name, text);
    let mut diagnostics = Vec::new();
    let root = raw::read(format, file, text, &mut diagnostics);
    let target = choice.target.as_deref();
    let root = root.map(|root| set::set(root, target, &choice.set, &mut sources, &mut diagnostics));
    let read = root.as_ref().map(|root| read::read(root, &sources, format == Format::Json, choice, &mut diagnostics));
    let (spec, spans, images) = match read {
        Some(Read { spec, spans, images }) => (Some(spec), spans, images),
        None => (None, Spans::default(), Vec::new()),
    };
    diagnostics.sort_by_key(|diagnostic| diagnostic.span().map(|span| (span.file, span.start, span.end)));
    let spec = spec.filter(|_| !diagnostics.iter().any(Diagnostic::is_error));
    cut_short(&mut diagnostics);
    Parsed { spec, images, spans, diagnostics, sources }
}

/// Reads a spec to check it, not to build it: a file with several images needs no target, because all of them are checked.
#[must_use]
pub fn parse_to_check(name: &str, text: &str, choice: &Choice) -> Parsed {
    let parsed = parse_with(name, text, choice);
    match parsed.images.first() {
        Some(image) if choice.target.is_none() => {
            parse_with(name, text, &Choice { target: Some(image.clone()), ..choice.clone() })
        }
        _ => parsed,
    }
}

fn cut_short(diagnostics: &mut Vec<Diagnostic>) {
    let more = diagnostics.len().saturating_sub(MAX_SHOWN);
    if more == 0 {
        return;
    }
    // Warnings are dropped first, so that they do not hide an error.
    diagnostics.sort_by_key(|diagnostic| diagnostic.severity);
    diagnostics.truncate(MAX_SHOWN);
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
        assert_eq!(parsed.diagnostics.len(), MAX_SHOWN + 1);
        let last = &parsed.diagnostics[MAX_SHOWN];
        assert_eq!((last.code, last.message.as_str()), ("E099", "11 more problems are not shown"));
        assert!(parsed.diagnostics.iter().all(Diagnostic::is_error), "the warning gives way to errors");
    }

    #[test]
    fn everything_is_reported_in_the_order_of_the_text() {
        let text = "pakages: []\napt_packages: [Git]\nname: my name\napt_packages: []\nplatform: x\n";
        assert_eq!(codes(text), ["E005", "E014", "E008", "E003", "E023"]);
    }
}
