//! Expansion of variables in values, as in a Dockerfile's `ENV NAME="value"` (moby/buildkit: `frontend/dockerfile/shell/lex.go`), except
//! that quotes outside of `${…}` are text. The tests compare it with that package.

use std::iter::Peekable;
use std::str::Chars;

use regex_lite::Regex;

use crate::env::Env;

/// The maximum depth of `${A:-${B:-…}}`.
const MAX_DEPTH: usize = 32;

/// Replaces references to variables: `$NAME`, `${NAME}` and the latter's forms `:-`, `-`, `:+`, `+`, `:?`, `?`, `#`, `##`, `%`, `%%`, `/`
/// and `//`. `\$`, `\\` and `\"` are the second character. A variable that is not set is empty.
///
/// # Errors
/// What is wrong, as the continuation of a sentence about the value.
pub(crate) fn expand(value: &str, env: &Env) -> Result<String, String> {
    let mut lexer = Lexer { rest: value.chars().peekable(), env, depth: 0 };
    let mut out = String::with_capacity(value.len());
    while let Some(&next) = lexer.rest.peek() {
        match next {
            '$' => out.push_str(&lexer.reference()?),
            '\\' => out.push_str(&lexer.backslash_in_quotes()),
            other => {
                lexer.rest.next();
                out.push(other);
            }
        }
    }
    Ok(out)
}

/// What backslashes in `${NAME…}` are for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    /// They are removed.
    Removed,
    /// They are kept, because a pattern has its own.
    Kept,
}

struct Lexer<'a> {
    rest: Peekable<Chars<'a>>,
    env: &'a Env,
    depth: usize,
}

impl Lexer<'_> {
    /// A backslash outside of `${…}`, or between double quotes.
    fn backslash_in_quotes(&mut self) -> String {
        self.rest.next();
        match self.rest.next_if(|next| matches!(next, '"' | '$' | '\\')) {
            Some(escaped) => escaped.to_string(),
            None => "\\".to_owned(),
        }
    }

    /// A reference, of which `$` is next.
    fn reference(&mut self) -> Result<String, String> {
        self.rest.next();
        if self.rest.peek() != Some(&'{') {
            let name = self.name();
            return Ok(if name.is_empty() { "$".to_owned() } else { self.get(&name).unwrap_or_default().to_owned() });
        }
        self.rest.next();
        if matches!(self.rest.peek(), Some('{' | '}' | ':')) {
            return Err("has `${` without a name".to_owned());
        }
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("has more than {MAX_DEPTH} references in each other"));
        }
        let value = self.braced();
        self.depth -= 1;
        value
    }

    /// A reference after `${`.
    fn braced(&mut self) -> Result<String, String> {
        let name = self.name();
        let value = self.get(&name).map(str::to_owned);
        match self.rest.next() {
            None => Err(UNCLOSED.to_owned()),
            Some('}') => Ok(value.unwrap_or_default()),
            Some('/') => self.replaced(&value.unwrap_or_default()),
            Some(':') => {
                let operator = self.rest.next();
                let value_if_any = value.filter(|value| !value.is_empty());
                match operator {
                    Some(operator @ ('-' | '+' | '?')) => self.alternative(&name, value_if_any, operator, "empty"),
                    _ => Err(unknown(&name, operator, ":")),
                }
            }
            Some(operator @ ('-' | '+' | '?')) => self.alternative(&name, value, operator, "unset"),
            Some(side @ ('#' | '%')) => {
                let pattern = self.word('}', Escapes::Kept)?;
                let (pattern, is_longest) = match pattern.strip_prefix(side) {
                    Some(pattern) => (pattern, true),
                    None => (pattern.as_str(), false),
                };
                let value = value.unwrap_or_default();
                if side == '#' {
                    return without_prefix(pattern, &value, is_longest);
                }
                // The shortest match at the end is the shortest at the beginning of the reverse.
                let reverse = |text: &str| text.chars().rev().collect::<String>();
                Ok(reverse(&without_prefix(&reversed(pattern), &reverse(&value), is_longest)?))
            }
            operator => Err(unknown(&name, operator, "")),
        }
    }

    /// `-`, `+` or `?` with its word.
    fn alternative(
        &mut self,
        name: &str,
        value: Option<String>,
        operator: char,
        missing: &str,
    ) -> Result<String, String> {
        let word = self.word('}', Escapes::Removed)?;
        match (operator, value) {
            ('-', value) => Ok(value.unwrap_or(word)),
            ('+', value) => Ok(value.map(|_| word).unwrap_or_default()),
            (_, Some(value)) => Ok(value),
            (_, None) if word.is_empty() => Err(format!("needs `{name}`, which is {missing}")),
            (_, None) => Err(format!("needs `{name}`: {word}")),
        }
    }

    /// `${NAME/pattern/text}` after the first slash.
    fn replaced(&mut self, value: &str) -> Result<String, String> {
        let is_each = self.rest.next_if_eq(&'/').is_some();
        let pattern = self.word('/', Escapes::Kept)?;
        let text = self.word('}', Escapes::Kept)?;
        let found = matcher(&pattern, true, false)?;
        if is_each {
            return Ok(found.replace_all(value, text.as_str()).into_owned());
        }
        Ok(match found.find(value) {
            Some(found) => format!("{}{text}{}", &value[..found.start()], &value[found.end()..]),
            None => value.to_owned(),
        })
    }

    /// The text up to a character, which is consumed. Quotes in it are removed.
    fn word(&mut self, stop: char, escapes: Escapes) -> Result<String, String> {
        let mut out = String::new();
        while let Some(&next) = self.rest.peek() {
            if next == stop {
                self.rest.next();
                return Ok(out);
            }
            match next {
                '$' => out.push_str(&self.reference()?),
                '\'' => {
                    self.rest.next();
                    loop {
                        match self.rest.next() {
                            None => return Err("has a single quote that is not closed".to_owned()),
                            Some('\'') => break,
                            Some(other) => out.push(other),
                        }
                    }
                }
                '"' => out.push_str(&self.quoted(escapes)?),
                '\\' => {
                    self.rest.next();
                    if escapes == Escapes::Kept {
                        out.push('\\');
                    }
                    out.extend(self.rest.next());
                }
                other => {
                    self.rest.next();
                    out.push(other);
                }
            }
        }
        Err(if stop == '}' { UNCLOSED.to_owned() } else { format!("has a `${{…/` without a second `{stop}`") })
    }

    /// Text between double quotes.
    fn quoted(&mut self, escapes: Escapes) -> Result<String, String> {
        self.rest.next();
        let mut out = String::new();
        loop {
            match self.rest.peek() {
                None => return Err("has a double quote that is not closed".to_owned()),
                Some('"') => {
                    self.rest.next();
                    return Ok(out);
                }
                Some('$') => out.push_str(&self.reference()?),
                Some('\\') => {
                    if escapes == Escapes::Kept {
                        out.push('\\');
                    }
                    out.push_str(&self.backslash_in_quotes());
                }
                Some(_) => out.extend(self.rest.next()),
            }
        }
    }

    /// The name of a variable: letters, digits and `_`; or a number; or one of the characters that are names in a shell.
    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.rest.peek() {
            Some(first) if first.is_ascii_digit() => {
                while let Some(digit) = self.rest.next_if(char::is_ascii_digit) {
                    name.push(digit);
                }
            }
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => name.extend(self.rest.next()),
            _ => {
                while let Some(next) = self.rest.next_if(|c| c.is_alphabetic() || c.is_ascii_digit() || *c == '_') {
                    name.push(next);
                }
            }
        }
        name
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.env.get(name)
    }
}

const UNCLOSED: &str = "has a `${` without `}`";

fn unknown(name: &str, operator: Option<char>, before: &str) -> String {
    match operator {
        Some(operator) => format!("has `{before}{operator}` after `${{{name}`, which is no form of a reference"),
        None => UNCLOSED.to_owned(),
    }
}

fn without_prefix(pattern: &str, value: &str, is_longest: bool) -> Result<String, String> {
    let end = matcher(pattern, is_longest, true)?.find(value).map_or(0, |found| found.end());
    Ok(value[end..].to_owned())
}

/// A pattern for the reverse of what it matches. An escape stays before its character.
fn reversed(pattern: &str) -> String {
    let mut parts = Vec::new();
    let mut rest = pattern.chars();
    while let Some(next) = rest.next() {
        let mut part = next.to_string();
        if next == '\\' {
            part.extend(rest.next());
        }
        parts.push(part);
    }
    parts.into_iter().rev().collect()
}

/// A pattern as a regular expression: `*` is any text, `?` any character, and a backslash makes them ordinary.
fn matcher(pattern: &str, is_longest: bool, is_anchored: bool) -> Result<Regex, String> {
    let mut out = String::from(if is_anchored { "^" } else { "" });
    let mut rest = pattern.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '*' => out.push_str(if is_longest { ".*" } else { ".*?" }),
            '?' => out.push('.'),
            '\\' => match rest.peek() {
                // They end a part of the reference, so the escape is not one of the pattern.
                Some('}' | '/') => {}
                Some(&escaped @ ('*' | '?' | '\\')) => {
                    rest.next();
                    out.push_str(&regex_lite::escape(&escaped.to_string()));
                }
                Some(other) => {
                    return Err(format!("has `\\{other}` in a pattern, where only `*`, `?` and `\\` are escaped"));
                }
                None => return Err("has a pattern that ends with a backslash".to_owned()),
            },
            other => out.push_str(&regex_lite::escape(&other.to_string())),
        }
    }
    Regex::new(&out).map_err(|_| "has a pattern that is too long".to_owned())
}
