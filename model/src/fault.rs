//! A problem that a check found in one value, before the value's place is known.
//!
//! Checks take plain text and know no files; their callers turn faults into diagnostics.

use std::ops::Range;

use crate::diagnostic::{Diagnostic, Rule};
use crate::source::Span;

/// One problem of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) rule: &'static Rule,
    pub(crate) message: String,
    /// The text next to the marker.
    pub(crate) label: String,
    pub(crate) help: Option<String>,
    /// The bytes of the value that are wrong; all of them if absent.
    pub(crate) part: Option<Range<usize>>,
}

impl Fault {
    pub(crate) fn new(rule: &'static Rule, message: impl Into<String>) -> Self {
        Self { rule, message: message.into(), label: String::new(), help: None, part: None }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn at(mut self, part: Range<usize>) -> Self {
        self.part = Some(part);
        self
    }

    /// The problem of a value that is at `span`, or of the part of it there that is wrong.
    pub(crate) fn into_diagnostic(self, span: Span) -> Diagnostic {
        let diagnostic = Diagnostic::new(self.rule, self.message).with_label(span, self.label);
        Diagnostic { help: self.help, ..diagnostic }
    }

    /// The same fault in a longer text, in which the checked one begins at `offset`.
    pub(crate) fn moved(mut self, offset: usize, length: usize) -> Self {
        let part = self.part.unwrap_or(0..length);
        self.part = Some(part.start + offset..part.end + offset);
        self
    }
}
