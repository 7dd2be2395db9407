//! The last output lines of a step, as a terminal would show them: carriage returns restart a line, escape sequences are removed.
//! Cursor movements are not supported.

use std::collections::VecDeque;
use std::fmt;

/// The number of lines that are kept, all of which an error shows.
const MAX_LINES: usize = 200;
/// The maximum length of a line.
const MAX_LINE_CHARS: usize = 1000;
const TAB: usize = 8;
const BACKSPACE: u8 = 8;

/// See the module.
#[derive(Default)]
pub(super) struct LogTail {
    parser: vte::Parser,
    screen: Screen,
    written: usize,
}

/// What is shown: finished lines, and the one that the cursor is in.
#[derive(Debug, Default)]
struct Screen {
    lines: VecDeque<String>,
    current: Vec<char>,
    column: usize,
}

impl fmt::Debug for LogTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogTail").field("screen", &self.screen).finish_non_exhaustive()
    }
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
        let current: String = self.screen.current.iter().collect();
        let current = Some(current).filter(|current| !current.is_empty());
        self.screen.lines.iter().cloned().chain(current).collect()
    }

    pub(super) fn write(&mut self, data: &[u8]) {
        self.written += data.len();
        self.parser.advance(&mut self.screen, data);
    }
}

/// Escape sequences are not shown: the parser reports them by methods that do nothing.
impl vte::Perform for Screen {
    fn print(&mut self, char: char) {
        if char.is_control() {
            return;
        }
        match self.current.get_mut(self.column) {
            Some(place) => *place = char,
            None if self.column < MAX_LINE_CHARS => self.current.push(char),
            None => {}
        }
        self.column += 1;
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => {
                self.lines.push_back(self.current.drain(..).collect());
                self.column = 0;
                if self.lines.len() > MAX_LINES {
                    self.lines.pop_front();
                }
            }
            b'\r' => self.column = 0,
            BACKSPACE => self.column = self.column.saturating_sub(1),
            b'\t' => {
                let to = (self.column / TAB + 1) * TAB;
                while self.column < to {
                    self.print(' ');
                }
            }
            _ => {}
        }
    }
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
