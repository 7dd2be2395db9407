//! Problems and their places, as data that is independent of any output.
//!
//! The terminal, BuildKit's status details and JSON are all made from this; only [`crate::render`] makes text.

use serde::Serialize;

use crate::source::Span;

/// Whether a diagnostic stops the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The spec cannot be used.
    Error,
    /// The spec can be used; the author probably wants to know about it.
    Warning,
}

/// A piece of source text and a note about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// The piece of text.
    pub span: Span,
    /// The note; if it is empty, only the place is marked.
    pub text: String,
}

/// One problem. The first label is its place, further labels are related places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Stable code of the rule, such as `E012`.
    pub code: &'static str,
    /// Whether it stops the build.
    pub severity: Severity,
    /// One line, in lowercase, without a final period.
    pub message: String,
    /// The places; empty if there are none.
    pub labels: Vec<Label>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic with a message and nothing else yet.
    pub fn new(rule: &'static Rule, message: impl Into<String>) -> Self {
        Self { code: rule.code, severity: rule.severity, message: message.into(), labels: Vec::new(), help: None }
    }

    /// Adds a place; the first one added is the main one.
    #[must_use]
    pub fn with_label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds a place, if it is known.
    #[must_use]
    pub(crate) fn with_label_at(self, span: Option<Span>, text: &str) -> Self {
        match span {
            Some(span) => self.with_label(span, text),
            None => self,
        }
    }

    /// Adds a place without a note, if it is known.
    #[must_use]
    pub fn with_place(self, span: Option<Span>) -> Self {
        self.with_label_at(span, "")
    }

    /// Adds advice on what to do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether it stops the build.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The main place, if there is one.
    pub fn span(&self) -> Option<Span> {
        self.labels.first().map(|label| label.span)
    }
}

/// A kind of diagnostic: what its code means, for `--explain` and the documentation.
///
/// This crate's rules are `E001` to `E099` and `W001` to `W099`; crates that use it have tables of their own, made with
/// [`rule_table!`](crate::rule_table).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Stable code; never reused for another meaning.
    pub code: &'static str,
    /// Whether breaking the rule stops the build.
    pub severity: Severity,
    /// One line.
    pub summary: &'static str,
    /// Why the rule exists, and a valid example.
    pub explanation: &'static str,
}
