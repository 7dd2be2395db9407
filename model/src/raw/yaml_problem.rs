//! Messages for YAML that cannot be read, for users who do not know YAML's grammar by heart.
//!
//! For mistakes that are not listed here, the parser's own message is used.

use granit_parser::{ErrorKind, ScanError};

use crate::diagnostic::Diagnostic;
use crate::quote::{printable, quote};
use crate::rules;
use crate::source::{FileId, Span};

pub(super) fn syntax_error(file: FileId, text: &str, error: &ScanError) -> Diagnostic {
    let (message, help) = words(error.kind());
    let message = message.unwrap_or_else(|| printable(&error.info(), 200));
    let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    let rest = text.get(at..).unwrap_or_default();
    let width = match error.kind() {
        ErrorKind::UnknownAnchor => rest.find([' ', ',', ']', '}', '\n', '\r']).unwrap_or(rest.len()),
        _ => rest.chars().next().map_or(0, char::len_utf8),
    };
    Diagnostic::new(&rules::SYNTAX, format!("not valid YAML: {message}"))
        .with_label(Span::new(file, at, at + width), label(error.kind()))
        .with_help(help)
}

fn label(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::UnclosedFlowCollection { .. } | ErrorKind::UnclosedQuotedScalar => "opened here",
        _ => "",
    }
}

/// The message, if the parser's own is hard to understand, and what to do.
fn words(kind: &ErrorKind) -> (Option<String>, &'static str) {
    use ErrorKind as E;
    let (message, help) = match kind {
        E::UnknownAnchor => (
            "there is no anchor of this name above".to_owned(),
            "text that begins with `*` needs quotes; an alias `*name` needs its anchor `&name`",
        ),
        E::TabNotAllowed
        | E::TabInBlockIndentation
        | E::TabInIndentation
        | E::TabInPlainScalar
        | E::TabAtBlockScalarStart => ("a tab in the indentation".to_owned(), "indent with spaces"),
        E::UnexpectedCharacter { character } => (
            format!("a value cannot begin with {}", quote(character.encode_utf8(&mut [0; 4]))),
            "put the value in quotes",
        ),
        E::MappingValueNotAllowed => (
            "a `: ` where a key is not allowed".to_owned(),
            "maybe a `:` is missing in the line above; text that contains `: ` needs quotes, such as `- 'echo a: b'`",
        ),
        E::InvalidColonPlacement => (
            "a `:` is not allowed here".to_owned(),
            "maybe a `[`, `{` or quote above is not closed; text that contains `: ` needs quotes",
        ),
        E::ExpectedBlockMappingKey | E::ExpectedBlockSequenceEntry | E::InvalidIndentation => (
            "expected a key, or a line that begins in the column of the lines above".to_owned(),
            "fields of one mapping, and entries of one list, begin in the same column",
        ),
        E::SimpleKeyExpected | E::InvalidSimpleKey => {
            ("a key without `:`".to_owned(), "a field is written `key: value`, with a space after the colon")
        }
        E::ExpectedFlowSequenceSeparator | E::ExpectedFlowMappingSeparator => {
            return (None, "entries in brackets are separated by commas; text with a comma needs quotes");
        }
        E::UnclosedFlowCollection { .. } | E::UnclosedQuotedScalar | E::MismatchedFlowCollectionEnd { .. } => {
            return (None, "close what is opened here");
        }
        E::UnknownQuotedScalarEscape => {
            return (None, "in double quotes a backslash is written `\\\\`; in single quotes it needs no escape");
        }
        E::UndeclaredTagHandle | E::InvalidTagTerminator => {
            return (None, "text that begins with `!` needs quotes");
        }
        _ => return (None, "text with characters that have a meaning in YAML needs quotes"),
    };
    (Some(message), help)
}
