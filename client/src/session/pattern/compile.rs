//! Compiles one pattern to the cheapest comparison: text if possible, else a regular expression.
//!
//! Syntax errors are those of Go's `filepath.Match`. The caller handles `!`, the order of patterns and parent directories.

use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};

use super::Form;

const UNCLOSED: &str = "unclosed `[`";

#[derive(PartialEq)]
enum Kind {
    Exact,
    Prefix,
    Suffix,
    Expression,
}

/// Compiles a cleaned pattern that is not empty.
pub(super) fn form(pattern: &str) -> Result<Form, String> {
    let mut kind = Kind::Exact;
    let mut expression = String::from("^");
    let mut characters = pattern.chars().peekable();
    let mut at_start = true;
    while let Some(character) = characters.next() {
        match character {
            '*' if characters.next_if_eq(&'*').is_some() => {
                // `**/` matches any number of directories, including none.
                characters.next_if_eq(&'/');
                let at_end = characters.peek().is_none();
                if !at_end {
                    expression.push_str("(?:.*/)?");
                    kind = Kind::Expression;
                } else if kind == Kind::Exact {
                    kind = Kind::Prefix;
                } else {
                    expression.push_str(".*");
                    kind = Kind::Expression;
                }
                if at_start {
                    kind = Kind::Suffix;
                }
            }
            '*' => {
                expression.push_str("[^/]*");
                kind = Kind::Expression;
            }
            '?' => {
                expression.push_str("[^/]");
                kind = Kind::Expression;
            }
            '[' => {
                class(&mut characters, &mut expression)?;
                kind = Kind::Expression;
            }
            '\\' => {
                let escaped = characters.next().ok_or("nothing after the last backslash")?;
                push_literal(&mut expression, escaped);
                kind = Kind::Expression;
            }
            literal => push_literal(&mut expression, literal),
        }
        at_start = false;
    }
    let without_stars = |text: Option<&str>| text.unwrap_or(pattern).to_owned();
    Ok(match kind {
        Kind::Exact => Form::Exact,
        Kind::Prefix => Form::Prefix(without_stars(pattern.strip_suffix("**"))),
        Kind::Suffix => Form::Suffix(without_stars(pattern.strip_prefix("**"))),
        Kind::Expression => {
            expression.push('$');
            Form::Expression(build(&expression)?)
        }
    })
}

fn build(expression: &str) -> Result<Regex, String> {
    RegexBuilder::new(expression).dot_matches_new_line(true).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "too large".to_owned(),
        // The only remaining mistake is a range with swapped ends.
        _ => "invalid character range".to_owned(),
    })
}

/// Translates a class after its `[`, up to and including its `]`.
fn class(characters: &mut Peekable<Chars<'_>>, expression: &mut String) -> Result<(), String> {
    expression.push('[');
    if characters.next_if_eq(&'^').is_some() {
        expression.push('^');
    }
    let mut is_empty = true;
    while is_empty || characters.next_if_eq(&']').is_none() {
        is_empty = false;
        push_literal(expression, class_member(characters)?);
        if characters.next_if_eq(&'-').is_some() {
            expression.push('-');
            push_literal(expression, class_member(characters)?);
        }
        if characters.peek().is_none() {
            return Err(UNCLOSED.to_owned());
        }
    }
    expression.push(']');
    Ok(())
}

/// One character of a class, in which `-` and `]` must be escaped.
fn class_member(characters: &mut Peekable<Chars<'_>>) -> Result<char, String> {
    match characters.next() {
        None => Err(UNCLOSED.to_owned()),
        Some('-') => Err("`-` in a class needs a character on both sides".to_owned()),
        Some(']') => Err("empty class or range".to_owned()),
        Some('\\') => characters.next().ok_or_else(|| "nothing after the last backslash".to_owned()),
        Some(character) => Ok(character),
    }
}

fn push_literal(expression: &mut String, character: char) {
    expression.push_str(&regex::escape(character.encode_utf8(&mut [0; 4])));
}
