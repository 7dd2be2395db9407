//! What went wrong and where, as data that no particular output is built into.
//!
//! The terminal, the BuildKit status details and JSON are all made from this; only [`crate::render`] makes text.

use serde::Serialize;

use crate::source::Span;

/// Whether a diagnostic stops the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The spec cannot be used.
    Error,
    /// The spec can be used; the author probably wants to know.
    Warning,
}

/// A piece of source text and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Label {
    /// The text meant.
    pub span: Span,
    /// What is to be said; may be empty, then only the place is marked.
    pub text: String,
}

/// One thing found wrong. The first label is the place itself, further ones are related places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Stable code of the rule, such as `E012`.
    pub code: &'static str,
    /// Whether it stops the build.
    pub severity: Severity,
    /// One line, lower case, without a final stop.
    pub message: String,
    /// Where; empty when no place can be named.
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

    /// Adds a place without words, if it is known.
    #[must_use]
    pub fn with_place(self, span: Option<Span>) -> Self {
        self.with_label_at(span, "")
    }

    /// Says what to do about it.
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
/// This crate's own rules are `E001` to `E099` and `W001` to `W099`; crates above it bring tables of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Stable code; never reused for another meaning.
    pub code: &'static str,
    /// Whether breaking the rule stops the build.
    pub severity: Severity,
    /// One line.
    pub summary: &'static str,
    /// Why the rule exists, and a right example.
    pub explanation: &'static str,
}
