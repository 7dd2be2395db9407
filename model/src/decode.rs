//! From the bytes of a file to text.

use std::ops::Range;

use crate::diagnostic::Diagnostic;
use crate::problems::Problems;
use crate::rules;
use crate::source::{SourceMap, Span};
use crate::spans::Spans;

/// The text of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// The text. U+FFFD stands for what could not be decoded.
    pub text: String,
    /// The place of the first U+FFFD that stands for such bytes.
    pub wrong: Option<Range<usize>>,
}

/// Decodes the bytes of a file, as pip and uv do: a byte order mark names UTF-8, UTF-16 or UTF-32, and without one it is UTF-8. The mark
/// is not part of the text.
///
/// ```
/// use imagespec::decode;
///
/// assert_eq!(decode(b"\xff\xfes\0i\0x\0").text, "six");
/// let latin = decode(b"# caf\xe9");
/// assert_eq!((latin.text.as_str(), latin.wrong), ("# caf\u{fffd}", Some(5..8)));
/// ```
#[must_use]
pub fn decode(bytes: &[u8]) -> Decoded {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        [0xff, 0xfe, 0, 0, rest @ ..] => utf32(rest, u32::from_le_bytes),
        [0, 0, 0xfe, 0xff, rest @ ..] => utf32(rest, u32::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => utf8(bytes),
    }
}

/// The text of a spec.
///
/// # Errors
/// Bytes that are not text; the problem has their place.
///
/// ```
/// let problems = imagespec::spec_text("spec.yaml", b"name: caf\xe9\n").expect_err("Latin-1");
/// assert!(problems.render().starts_with("error[E034]: the spec is not UTF-8 text\n --> spec.yaml:1:10\n"));
/// ```
pub fn spec_text(name: &str, bytes: &[u8]) -> Result<String, Box<Problems>> {
    let Decoded { text, wrong } = decode(bytes);
    let Some(wrong) = wrong else { return Ok(text) };
    let mut sources = SourceMap::new();
    let file = sources.add(name, text);
    let diagnostic = Diagnostic::new(&rules::NOT_TEXT, "the spec is not UTF-8 text")
        .with_label(Span::new(file, wrong.start, wrong.end), "these bytes are no character")
        .with_help("save the file as UTF-8");
    Err(Box::new(Problems { diagnostics: vec![diagnostic], sources, spans: Spans::default() }))
}

fn utf8(bytes: &[u8]) -> Decoded {
    let mut decoder = Decoder::default();
    for chunk in bytes.utf8_chunks() {
        decoder.text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            decoder.replace();
        }
    }
    decoder.into()
}

fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> Decoded {
    let (units, rest) = bytes.as_chunks::<2>();
    let mut decoder = Decoder::default();
    char::decode_utf16(units.iter().map(|bytes| unit(*bytes))).for_each(|found| decoder.push(found.ok()));
    decoder.end(rest)
}

fn utf32(bytes: &[u8], unit: impl Fn([u8; 4]) -> u32) -> Decoded {
    let (units, rest) = bytes.as_chunks::<4>();
    let mut decoder = Decoder::default();
    units.iter().for_each(|bytes| decoder.push(char::from_u32(unit(*bytes))));
    decoder.end(rest)
}

#[derive(Default)]
struct Decoder {
    text: String,
    wrong: Option<Range<usize>>,
}

impl Decoder {
    fn push(&mut self, found: Option<char>) {
        match found {
            Some(found) => self.text.push(found),
            None => self.replace(),
        }
    }

    fn replace(&mut self) {
        let start = self.text.len();
        self.text.push(char::REPLACEMENT_CHARACTER);
        self.wrong.get_or_insert(start..self.text.len());
    }

    /// `rest` are bytes at the end that are less than a unit.
    fn end(mut self, rest: &[u8]) -> Decoded {
        if !rest.is_empty() {
            self.replace();
        }
        self.into()
    }
}

impl From<Decoder> for Decoded {
    fn from(Decoder { text, wrong }: Decoder) -> Self {
        Self { text, wrong }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_marks() {
        let text = "a\u{e9}\u{1f600}\n";
        let units = |mark: char| -> Vec<u16> { format!("{mark}{text}").encode_utf16().collect() };
        let wide = || format!("\u{feff}{text}").chars().map(u32::from).collect::<Vec<_>>();
        let spellings: [Vec<u8>; 6] = [
            text.as_bytes().to_vec(),
            format!("\u{feff}{text}").into_bytes(),
            units('\u{feff}').into_iter().flat_map(u16::to_le_bytes).collect(),
            units('\u{feff}').into_iter().flat_map(u16::to_be_bytes).collect(),
            wide().into_iter().flat_map(u32::to_le_bytes).collect(),
            wide().into_iter().flat_map(u32::to_be_bytes).collect(),
        ];
        for bytes in spellings {
            assert_eq!(decode(&bytes), Decoded { text: text.to_owned(), wrong: None }, "{bytes:?}");
        }
    }

    #[test]
    fn the_first_wrong_bytes_are_marked() {
        let check = |bytes: &[u8], text: &str, start: usize| {
            assert_eq!(decode(bytes), Decoded { text: text.to_owned(), wrong: Some(start..start + 3) }, "{bytes:?}");
        };
        check(b"a\xffb\xff", "a\u{fffd}b\u{fffd}", 1);
        check(b"\xff\xfea\0\0\xd8b\0", "a\u{fffd}b", 1);
        check(b"\xff\xfea\0b", "a\u{fffd}", 1);
        check(b"\0\0\xfe\xff\0\x11\0\0", "\u{fffd}", 0);
    }

    #[test]
    fn a_text_may_have_the_replacement_character() {
        assert_eq!(decode("a\u{fffd}".as_bytes()), Decoded { text: "a\u{fffd}".to_owned(), wrong: None });
    }
}
