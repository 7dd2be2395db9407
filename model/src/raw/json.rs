//! JSON (RFC 8259) to a tree, with the place of every key and value.
//!
//! Strict: comments, trailing commas and single quotes are refused, each with advice on what to do instead.

use std::ops::Range;

use crate::diagnostic::Diagnostic;
use crate::quote::quote;
use crate::raw::map::MapBuilder;
use crate::raw::{Kind, MAX_DEPTH, MAX_NODES, Node, too_deep, too_many, without_mark};
use crate::rules;
use crate::source::{FileId, Span};

pub(super) fn read(file: FileId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Node> {
    let mut reader =
        Reader { file, text, at: text.len() - without_mark(text).len(), nodes: 0, diagnostics: Vec::new() };
    let read = reader.document();
    diagnostics.append(&mut reader.diagnostics);
    match read {
        Ok(node) => Some(node),
        Err(diagnostic) => {
            diagnostics.push(*diagnostic);
            None
        }
    }
}

/// Boxed: the reader is recursive and its frames should stay small.
type Step<T> = Result<T, Box<Diagnostic>>;

struct Reader<'a> {
    file: FileId,
    text: &'a str,
    at: usize,
    nodes: usize,
    diagnostics: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn document(&mut self) -> Step<Node> {
        self.blanks();
        if self.peek().is_none() {
            let span = Span::new(self.file, 0, 0);
            let kind = Kind::Null;
            return Ok(Node { kind, span });
        }
        let node = self.value(0)?;
        self.blanks();
        match self.peek() {
            None => Ok(node),
            Some(_) => Err(self.unexpected("the end of the file")),
        }
    }

    fn value(&mut self, depth: usize) -> Step<Node> {
        let start = self.at;
        if depth > MAX_DEPTH {
            return Err(Box::new(too_deep(self.span_from(start))));
        }
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Box::new(too_many(self.span_from(start))));
        }
        let kind = match self.peek() {
            Some('{') => self.object(depth)?,
            Some('[') => self.array(depth)?,
            Some('"') => Kind::Text(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            _ => self.word()?,
        };
        let span = self.span_from(start);
        Ok(Node { kind, span })
    }

    fn object(&mut self, depth: usize) -> Step<Kind> {
        let mut map = MapBuilder::default();
        self.bump();
        self.blanks();
        if self.eat('}') {
            return Ok(Kind::Map(map.finish()));
        }
        loop {
            self.blanks();
            let start = self.at;
            if self.peek() != Some('"') {
                return Err(self.unexpected("a key in double quotes"));
            }
            let key = self.string()?;
            let key_span = self.span_from(start);
            self.blanks();
            if !self.eat(':') {
                return Err(self.unexpected("`:`"));
            }
            self.blanks();
            let value = self.value(depth + 1)?;
            map.insert(key, key_span, value, &mut self.diagnostics);
            self.blanks();
            if self.eat('}') {
                return Ok(Kind::Map(map.finish()));
            }
            if !self.eat(',') {
                return Err(self.unexpected("`,` or `}`"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Step<Kind> {
        let mut items = Vec::new();
        self.bump();
        self.blanks();
        if self.eat(']') {
            return Ok(Kind::List(items));
        }
        loop {
            self.blanks();
            items.push(self.value(depth + 1)?);
            self.blanks();
            if self.eat(']') {
                return Ok(Kind::List(items));
            }
            if !self.eat(',') {
                return Err(self.unexpected("`,` or `]`"));
            }
        }
    }

    fn word(&mut self) -> Step<Kind> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        for (word, kind) in
            [("null", Kind::Null), ("true", Kind::Bool("true".to_owned())), ("false", Kind::Bool("false".to_owned()))]
        {
            if rest.starts_with(word) {
                self.at += word.len();
                return Ok(kind);
            }
        }
        Err(self.unexpected("a value"))
    }

    /// `-? (0 | [1-9][0-9]*) (.[0-9]+)? ([eE][+-]?[0-9]+)?`
    fn number(&mut self) -> Step<Kind> {
        let start = self.at;
        self.eat('-');
        if !self.eat('0') {
            self.digits()?;
        }
        if self.eat('.') {
            self.digits()?;
        }
        if self.eat('e') || self.eat('E') {
            let _sign = self.eat('+') || self.eat('-');
            self.digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        Ok(Kind::Number(text.to_owned()))
    }

    fn digits(&mut self) -> Step<()> {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.bump();
        }
        if self.at == start {
            return Err(self.unexpected("a digit"));
        }
        Ok(())
    }

    fn string(&mut self) -> Step<String> {
        let start = self.at;
        self.bump();
        let mut value = String::new();
        loop {
            let before = self.at;
            match self.bump() {
                Some('"') => return Ok(value),
                Some('\\') => value.push(self.escape(before)?),
                Some('\u{0}'..='\u{1f}') | None => {
                    return Err(self.error(
                        start..before,
                        "the text is not closed on this line",
                        "close it with `\"`; a line break inside is written `\\n`, a tab `\\t`",
                    ));
                }
                Some(character) => value.push(character),
            }
        }
    }

    fn escape(&mut self, start: usize) -> Step<char> {
        Ok(match self.bump() {
            Some(same @ ('"' | '\\' | '/')) => same,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => return self.unicode_escape(start),
            _ => return Err(self.bad_escape(start)),
        })
    }

    /// `\uXXXX`, or two of them that make one character outside the basic plane.
    fn unicode_escape(&mut self, start: usize) -> Step<char> {
        let first = self.four_digits(start)?;
        if let Some(character) = char::from_u32(first) {
            return Ok(character);
        }
        let is_pair = first < 0xdc00 && self.eat('\\') && self.eat('u');
        if !is_pair {
            return Err(self.bad_escape(start));
        }
        let second = self.four_digits(start)?;
        let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400);
        low.and_then(|low| char::from_u32(0x10000 + ((first - 0xd800) << 10) + low))
            .ok_or_else(|| self.bad_escape(start))
    }

    fn four_digits(&mut self, start: usize) -> Step<u32> {
        let mut value = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(16)) else {
                return Err(self.bad_escape(start));
            };
            self.bump();
            value = value * 16 + digit;
        }
        Ok(value)
    }

    fn bad_escape(&self, start: usize) -> Box<Diagnostic> {
        self.error(start..self.at, "JSON has no such escape", "a backslash itself is written `\\\\`")
    }

    fn unexpected(&self, expected: &str) -> Box<Diagnostic> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let next = rest.chars().next();
        let found = match next {
            Some(character) => quote(character.encode_utf8(&mut [0; 4])),
            None => "the end of the file".to_owned(),
        };
        let help = match next {
            Some('#' | '/') => "JSON has no comments; name the file `.yaml` to use them",
            Some('}' | ']') if self.is_after_comma() => "JSON allows no comma before a closing bracket",
            Some('\'') => "JSON needs double quotes",
            _ => "text and keys are written in double quotes, items are separated by commas",
        };
        self.error(
            self.at..self.at + next.map_or(0, char::len_utf8),
            &format!("expected {expected}, found {found}"),
            help,
        )
    }

    fn is_after_comma(&self) -> bool {
        let before = self.text.get(..self.at).unwrap_or_default();
        before.trim_end().ends_with(',')
    }

    fn error(&self, range: Range<usize>, message: &str, help: &str) -> Box<Diagnostic> {
        let span = Span::new(self.file, range.start, range.end);
        Box::new(
            Diagnostic::new(&rules::SYNTAX, format!("not valid JSON: {message}")).with_label(span, "").with_help(help),
        )
    }

    fn span_from(&self, start: usize) -> Span {
        Span::new(self.file, start, self.at)
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, wanted: char) -> bool {
        let is_there = self.peek() == Some(wanted);
        if is_there {
            self.at += wanted.len_utf8();
        }
        is_there
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }
}
