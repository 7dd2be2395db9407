//! What the YAML parser could not read, in words for people who do not know YAML's grammar by heart.
//!
//! Mistakes without words here are told in the parser's own.

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

/// The message, where the parser's own would not be understood, and what to do.
fn words(kind: &ErrorKind) -> (Option<String>, &'static str) {
    use ErrorKind as E;
    let (message, help) = match kind {
        E::UnknownAnchor => (
            "no anchor of this name stands above".to_owned(),
            "text that begins with `*` needs quotes; an alias `*name` needs its anchor `&name`",
        ),
        E::TabNotAllowed
        | E::TabInBlockIndentation
        | E::TabInIndentation
        | E::TabInPlainScalar
        | E::TabAtBlockScalarStart => ("a tab in the indentation".to_owned(), "indent with blanks"),
        E::UnexpectedCharacter { character } => (
            format!("a value cannot begin with {}", quote(character.encode_utf8(&mut [0; 4]))),
            "put the value between quotes",
        ),
        E::MappingValueNotAllowed => (
            "a `: ` where no key can stand".to_owned(),
            "the line above may lack a `:`; text that holds `: ` needs quotes, such as `- 'echo a: b'`",
        ),
        E::InvalidColonPlacement => (
            "a `:` that cannot stand here".to_owned(),
            "perhaps a `[`, `{` or quote above is not closed; text that holds `: ` needs quotes",
        ),
        E::ExpectedBlockMappingKey | E::ExpectedBlockSequenceEntry | E::InvalidIndentation => (
            "a key, or a line that begins where those above do, is expected here".to_owned(),
            "fields of one mapping, and entries of one list, begin in the same column",
        ),
        E::SimpleKeyExpected | E::InvalidSimpleKey => {
            ("a key without `:`".to_owned(), "a field is written `key: value`, with a blank behind the colon")
        }
        E::ExpectedFlowSequenceSeparator | E::ExpectedFlowMappingSeparator => {
            return (None, "entries between brackets are separated by commas; text with a comma needs quotes");
        }
        E::UnclosedFlowCollection { .. } | E::UnclosedQuotedScalar | E::MismatchedFlowCollectionEnd { .. } => {
            return (None, "what is opened has to be closed");
        }
        E::UnknownQuotedScalarEscape => {
            return (None, "a backslash between double quotes is written `\\\\`; between single quotes it is itself");
        }
        E::UndeclaredTagHandle | E::InvalidTagTerminator => {
            return (None, "text that begins with `!` needs quotes");
        }
        _ => return (None, "text with signs that mean something to YAML needs quotes"),
    };
    (Some(message), help)
}
