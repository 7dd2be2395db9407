//! Text from outside without what could change more of a terminal than its own line.
//!
//! Of the escape sequences of a step's output only colors are kept: others set the clipboard or the title, or move the cursor to lines
//! that something else has written.

use std::fmt;

/// Filters the output of a step. A sequence or a character may be split between two pieces.
#[derive(Default)]
pub(super) struct Visible {
    parser: vte::Parser,
}

impl fmt::Debug for Visible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Visible(..)")
    }
}

impl Visible {
    /// The visible part of the next piece. Carriage returns are kept.
    pub(super) fn filter(&mut self, data: &[u8]) -> Vec<u8> {
        let mut shown = Shown(Vec::with_capacity(data.len()));
        self.parser.advance(&mut shown, data);
        shown.0
    }
}

/// The output of the filter.
struct Shown(Vec<u8>);

impl vte::Perform for Shown {
    fn print(&mut self, char: char) {
        if !char.is_control() {
            self.0.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }

    fn execute(&mut self, byte: u8) {
        if matches!(byte, b'\n' | b'\r' | b'\t') {
            self.0.push(byte);
        }
    }

    fn csi_dispatch(&mut self, params: &vte::Params, intermediates: &[u8], ignore: bool, action: char) {
        if action != 'm' || !intermediates.is_empty() || ignore {
            return;
        }
        let text: Vec<String> =
            params.iter().map(|param| param.iter().map(ToString::to_string).collect::<Vec<_>>().join(":")).collect();
        self.0.extend_from_slice(format!("\x1b[{}m", text.join(";")).as_bytes());
    }
}

/// Text without characters that move the cursor.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pieces: &[&[u8]], expect: &str) {
        let mut visible = Visible::default();
        let shown: Vec<u8> = pieces.iter().flat_map(|piece| visible.filter(piece)).collect();
        assert_eq!(String::from_utf8_lossy(&shown), expect);
    }

    #[test]
    fn only_colors_are_kept() {
        check(&[b"\x1b[1;31mred\x1b[0m\x1b[38:5:1mx"], "\x1b[1;31mred\x1b[0m\x1b[38:5:1mx");
        check(&[b"a\x1b]52;c;cm0gLXJm\x07b\x1b]0;title\x1b\\c"], "abc");
        check(&[b"a\x1b[2Jb\x1b[5Ac\x1b[?1049hd\x1bce"], "abcde");
        check(&["a\u{9b}2Jb\u{7f}".as_bytes()], "a2Jb");
    }

    #[test]
    fn split_sequences_and_characters_are_joined() {
        check(&[b"\x1b", b"]52;c;", b"x\x07y"], "y");
        check(&["ä".as_bytes().split_at(1).0, "ä".as_bytes().split_at(1).1], "ä");
    }

    #[test]
    fn lines_and_tabs_are_kept() {
        check(&[b"a\tb\r\nc\rd\x08\x00\n"], "a\tb\r\nc\rd\n");
        check(&[b"a\xffb"], "a\u{fffd}b");
    }
}
