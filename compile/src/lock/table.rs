//! Reads TOML tables and reports missing keys and wrong types with their positions.

use std::ops::Range;
use std::str::FromStr;

use imagespec::{Diagnostic, FileId, Span};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::rules;

/// A file with more problems is probably not a lock.
const MAX_DIAGNOSTICS: usize = 20;

/// Collects the problems of a lock.
pub(super) struct Report {
    file: FileId,
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    pub(super) fn new(file: FileId) -> Self {
        Self { file, diagnostics: Vec::new() }
    }

    pub(super) fn span(&self, range: Range<usize>) -> Span {
        Span::new(self.file, range.start, range.end)
    }

    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < MAX_DIAGNOSTICS {
            self.diagnostics.push(diagnostic);
        }
    }

    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) {
        let help =
            "write the lockfile again with the tool that made it: `uv pip compile --format pylock.toml`, `uv export`";
        self.push(Diagnostic::new(&rules::LOCK_SYNTAX, message).with_label(span, "").with_help(help));
    }

    pub(super) fn finish<T>(self, value: T) -> Result<T, Vec<Diagnostic>> {
        if self.diagnostics.is_empty() { Ok(value) } else { Err(self.diagnostics) }
    }
}

/// A table and its name in messages.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    table: &'a DeTable<'a>,
    pub(super) span: Span,
    what: &'static str,
}

impl<'a> Table<'a> {
    pub(super) fn new(table: &'a DeTable<'a>, span: Span, what: &'static str) -> Self {
        Self { table, span, what }
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(key)
    }

    /// An optional text and its position.
    pub(super) fn text(&self, report: &mut Report, key: &str) -> Option<(&'a str, Span)> {
        let value = self.get(key)?;
        let span = report.span(value.span());
        match value.get_ref() {
            DeValue::String(text) => Some((text, span)),
            _ => self.mistyped(report, key, span, "text"),
        }
    }

    pub(super) fn owned(&self, report: &mut Report, key: &str) -> Option<String> {
        self.text(report, key).map(|(text, _)| text.to_owned())
    }

    /// A required text.
    pub(super) fn required(&self, report: &mut Report, key: &str) -> Option<(&'a str, Span)> {
        if self.get(key).is_none() {
            report.error(self.span, format!("{} has no `{key}`", self.what));
        }
        self.text(report, key)
    }

    /// An optional text in a certain format.
    pub(super) fn parsed<T: FromStr>(&self, report: &mut Report, key: &str, form: &str) -> Option<T> {
        let (text, span) = self.text(report, key)?;
        let parsed = T::from_str(text).ok();
        if parsed.is_none() {
            report.error(span, format!("`{key}` of {} is not {form}", self.what));
        }
        parsed
    }

    pub(super) fn flag(&self, report: &mut Report, key: &str) -> bool {
        let Some(value) = self.get(key) else { return false };
        match value.get_ref() {
            DeValue::Boolean(flag) => *flag,
            _ => self.mistyped(report, key, report.span(value.span()), "true or false").unwrap_or(false),
        }
    }

    /// An optional non-negative integer.
    pub(super) fn number(&self, report: &mut Report, key: &str) -> Option<u64> {
        let value = self.get(key)?;
        let number = match value.get_ref() {
            DeValue::Integer(digits) => u64::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        number.or_else(|| self.mistyped(report, key, report.span(value.span()), "a whole number"))
    }

    /// An optional table.
    pub(super) fn table(&self, report: &mut Report, key: &str, what: &'static str) -> Option<Table<'a>> {
        let value = self.get(key)?;
        let span = report.span(value.span());
        match value.get_ref() {
            DeValue::Table(table) => Some(Table::new(table, span, what)),
            _ => self.mistyped(report, key, span, "a table"),
        }
    }

    /// An optional list of tables.
    pub(super) fn tables(&self, report: &mut Report, key: &str, what: &'static str) -> Vec<Table<'a>> {
        let mut tables = Vec::new();
        for item in self.items(report, key) {
            let span = report.span(item.span());
            match item.get_ref() {
                DeValue::Table(table) => tables.push(Table::new(table, span, what)),
                _ => report.error(span, format!("{what} is not a table")),
            }
        }
        tables
    }

    /// An optional list of texts.
    pub(super) fn texts(&self, report: &mut Report, key: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for item in self.items(report, key) {
            match item.get_ref() {
                DeValue::String(text) => texts.push(text.clone().into_owned()),
                _ => report.error(report.span(item.span()), format!("`{key}` of {} is not a list of texts", self.what)),
            }
        }
        texts
    }

    /// All keys and values.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a Spanned<DeValue<'a>>)> + use<'a> {
        self.table.iter().map(|(key, value)| (key.get_ref().as_ref(), value))
    }

    fn items(&self, report: &mut Report, key: &str) -> &'a [Spanned<DeValue<'a>>] {
        let Some(value) = self.get(key) else { return &[] };
        match value.get_ref() {
            DeValue::Array(items) => items,
            _ => self.mistyped(report, key, report.span(value.span()), "a list").unwrap_or(&[]),
        }
    }

    fn mistyped<T>(&self, report: &mut Report, key: &str, span: Span, wanted: &str) -> Option<T> {
        report.error(span, format!("`{key}` of {} is not {wanted}", self.what));
        None
    }
}
