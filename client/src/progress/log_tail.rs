//! The last output lines of a step, as a terminal would show them: carriage returns restart a line, escape sequences are removed.
//! Cursor movements are not supported.

use std::collections::VecDeque;

/// The number of lines that are kept, all of which an error shows.
const MAX_LINES: usize = 200;
/// The maximum length of a line.
const MAX_LINE_CHARS: usize = 1000;
const TAB: usize = 8;

/// The last output lines.
#[derive(Debug, Default)]
pub(super) struct LogTail {
    lines: VecDeque<String>,
    current: Vec<char>,
    column: usize,
    escape: Escape,
    /// The bytes of an incomplete character.
    torn: Vec<u8>,
    written: usize,
}

/// The position in an escape sequence (ECMA-48).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Escape {
    #[default]
    None,
    Start,
    /// After `ESC [`, until a final byte.
    Control,
    /// After `ESC ]`, until BEL or `ESC \`.
    Command,
    CommandEnd,
}

impl LogTail {
    pub(super) fn written(&self) -> usize {
        self.written
    }

    /// The last lines that are not blank.
    pub(super) fn lines(&self, limit: usize) -> Vec<String> {
        let all = self.all();
        let shown: Vec<String> = all.into_iter().filter(|line| !line.trim().is_empty()).collect();
        let skip = shown.len().saturating_sub(limit);
        shown.into_iter().skip(skip).collect()
    }

    pub(super) fn all(&self) -> Vec<String> {
        let current: String = self.current.iter().collect();
        let current = Some(current).filter(|current| !current.is_empty());
        self.lines.iter().cloned().chain(current).collect()
    }

    pub(super) fn write(&mut self, data: &[u8]) {
        self.written += data.len();
        let mut bytes = std::mem::take(&mut self.torn);
        bytes.extend_from_slice(data);
        for chunk in bytes.utf8_chunks() {
            chunk.valid().chars().for_each(|char| self.put(char));
            let invalid = chunk.invalid();
            let is_end = std::ptr::eq(chunk.invalid().as_ptr_range().end, bytes.as_ptr_range().end);
            if is_end && is_incomplete(invalid) {
                self.torn = invalid.to_vec();
            } else if !invalid.is_empty() {
                self.put(char::REPLACEMENT_CHARACTER);
            }
        }
    }

    fn put(&mut self, char: char) {
        self.escape = match (self.escape, char) {
            (Escape::None, '\u{1b}') => Escape::Start,
            (Escape::None, char) => {
                self.show(char);
                Escape::None
            }
            (Escape::Start, '[') => Escape::Control,
            (Escape::Start, ']') => Escape::Command,
            (Escape::Start, _) => Escape::None,
            (Escape::Control, '@'..='~') => Escape::None,
            (Escape::Control, _) => Escape::Control,
            (Escape::Command, '\u{7}') => Escape::None,
            (Escape::Command, '\u{1b}') => Escape::CommandEnd,
            (Escape::Command, _) => Escape::Command,
            (Escape::CommandEnd, _) => Escape::None,
        };
    }

    fn show(&mut self, char: char) {
        match char {
            '\n' => {
                let line: String = self.current.drain(..).collect();
                self.lines.push_back(line);
                self.column = 0;
                if self.lines.len() > MAX_LINES {
                    self.lines.pop_front();
                }
            }
            '\r' => self.column = 0,
            '\u{8}' => self.column = self.column.saturating_sub(1),
            '\t' => {
                let to = (self.column / TAB + 1) * TAB;
                while self.column < to {
                    self.show(' ');
                }
            }
            char if char.is_control() => {}
            char => {
                match self.current.get_mut(self.column) {
                    Some(place) => *place = char,
                    None if self.column < MAX_LINE_CHARS => self.current.push(char),
                    None => {}
                }
                self.column += 1;
            }
        }
    }
}

/// Whether these bytes are an incomplete character.
fn is_incomplete(bytes: &[u8]) -> bool {
    matches!(std::str::from_utf8(bytes), Err(error) if error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pieces: &[&[u8]], expect: &[&str]) {
        let mut tail = LogTail::default();
        pieces.iter().for_each(|piece| tail.write(piece));
        assert_eq!(tail.all(), expect);
    }

    #[test]
    fn lines_are_joined() {
        check(&[b"a", b"b\nc"], &["ab", "c"]);
        check(&[b"a\r\nb\r\n"], &["a", "b"]);
    }

    #[test]
    fn the_last_state_of_a_progress_bar_is_kept() {
        check(&[b" 10%\r 20%\r100%\n"], &["100%"]);
        check(&[b"abc\x08\x08X\n"], &["aXc"]);
    }

    #[test]
    fn escape_sequences_are_removed() {
        check(&[b"\x1b[31mred\x1b[0m \x1b]0;title\x07on\x1b]8;;x\x1b\\e\n"], &["red one"]);
        check(&[b"\x1b", b"[3", b"1mred\n"], &["red"]);
    }

    #[test]
    fn incomplete_characters_are_joined_and_invalid_ones_replaced() {
        check(&["ä".as_bytes().split_at(1).0, "ä".as_bytes().split_at(1).1], &["ä"]);
        check(&[b"a\xffb"], &["a\u{fffd}b"]);
    }

    #[test]
    fn lines_are_limited() {
        let mut tail = LogTail::default();
        for _ in 0..1000 {
            tail.write(&[b'x'; 5000]);
            tail.write(b"\n");
        }
        assert_eq!(tail.all().len(), MAX_LINES);
        assert!(tail.all().iter().all(|line| line.len() == MAX_LINE_CHARS));
    }

    #[test]
    fn a_tab_is_as_wide_as_on_a_terminal() {
        check(&[b"a\tb"], &["a       b"]);
    }
}
