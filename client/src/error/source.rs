//! Excerpts of a spec in which the lines of an error are marked, in the format of BuildKit's clients
//! (moby/buildkit: `solver/errdefs/source.go`).

use std::fmt::Write as _;

/// A part of a file that a daemon or frontend points to.
///
/// ```
/// use buildkit_client::error::{LineRange, Source, render_source};
///
/// let source = Source {
///     filename: "spec.yaml".into(),
///     data: b"name: app\n".to_vec(),
///     ranges: LineRange::new(1, 1).into_iter().collect(),
///     ..Source::default()
/// };
/// assert!(render_source(&source).contains("   1 | >>> name: app"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// The file name, as shown to the user.
    pub filename: String,
    /// The whole file.
    pub data: Vec<u8>,
    /// The language, for highlighting, for example `YAML`.
    pub language: String,
    /// The lines that the error points to.
    pub ranges: Vec<LineRange>,
}

/// Lines of a file, counted from one, both ends included.
///
/// ```
/// use buildkit_client::error::LineRange;
///
/// assert!(LineRange::new(3, 4).is_some());
/// assert_eq!(LineRange::new(0, 4), None, "lines count from 1");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRange {
    start: usize,
    end: usize,
}

impl LineRange {
    /// `None` if a line number is not positive: lines are counted from one.
    #[must_use]
    pub fn new(start: i32, end: i32) -> Option<Self> {
        let start = usize::try_from(start).ok().filter(|&start| start > 0)?;
        Some(Self { start, end: usize::try_from(end).ok()?.max(start) })
    }

    /// The first line.
    #[must_use]
    pub fn start(self) -> usize {
        self.start
    }

    /// The last line.
    #[must_use]
    pub fn end(self) -> usize {
        self.end
    }

    fn contains(self, line: usize) -> bool {
        (self.start..=self.end).contains(&line)
    }
}

const RULE: &str = "--------------------";

/// Renders the marked lines with some context; empty if no marked line is in the file.
///
/// ```
/// use buildkit_client::error::{LineRange, Source, render_source};
///
/// let source = Source {
///     filename: "imagespec.yaml".into(),
///     data: b"name: app\napt_packages:\n  - gti\nenv: {}\n".to_vec(),
///     ranges: LineRange::new(3, 3).into_iter().collect(),
///     ..Source::default()
/// };
/// assert_eq!(render_source(&source), "\
/// imagespec.yaml:3
/// --------------------
///    1 |     name: app
///    2 |     apt_packages:
///    3 | >>>   - gti
///    4 |     env: {}
///    5 |     
/// --------------------
/// ");
/// ```
#[must_use]
pub fn render_source(source: &Source) -> String {
    let text = String::from_utf8_lossy(&source.data);
    let lines: Vec<&str> = text.split('\n').collect();
    let Some(first) = source.ranges.iter().map(|range| range.start).min() else {
        return String::new();
    };
    if first > lines.len() {
        return String::new();
    }
    let last = source.ranges.iter().map(|range| range.end).max().unwrap_or(first).min(lines.len());
    let (from, to) = with_context(first, last, lines.len());
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ = writeln!(out, "{}:{first}\n{RULE}", source.filename);
    for (number, line) in (1..).zip(&lines).skip(from - 1).take(to + 1 - from) {
        let marked = source.ranges.iter().any(|range| range.contains(number));
        let _ = writeln!(out, " {number:3} | {} {}", if marked { ">>>" } else { "   " }, line.trim_end_matches('\r'));
    }
    let _ = writeln!(out, "{RULE}");
    out
}

/// Two lines of context around a single line, one around a range. At the start or end of the file the other side gets more.
fn with_context(first: usize, last: usize, len: usize) -> (usize, usize) {
    let wanted = if first == last { 4 } else { 2 };
    let (mut from, mut to, mut added) = (first, last, 0);
    while added < wanted {
        if from > 1 {
            from -= 1;
            added += 1;
        }
        if to != len {
            to += 1;
            added += 1;
        }
        // As in the original, each round counts as progress, so that the loop ends for short files.
        added += 1;
    }
    (from, to)
}
