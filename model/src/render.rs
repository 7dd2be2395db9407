//! Diagnostics as plain text with the source line and markers below it.
//!
//! No colors and no terminal: the same text for the command line, the build daemon and golden files.

use crate::credentials::mask_credentials;
use crate::diagnostic::{Diagnostic, Label, Severity};
use crate::quote::{escaped, is_unprintable};
use crate::source::{SourceFile, SourceMap};
use unicode_width::UnicodeWidthChar;

/// A tab goes to the next multiple of this many columns.
const TAB_WIDTH: usize = 4;
/// Source lines are cut to this many columns around what is marked.
const MAX_WIDTH: usize = 100;
/// Columns kept in front of a marker when a line is cut.
const CONTEXT: usize = 30;

/// One diagnostic as text, ending in a line break.
///
/// ```text
/// error[E005]: `pakages` is not a field of a spec
///  --> spec.yaml:3:1
///   |
/// 3 | pakages: [numpy]
///   | ^^^^^^^ unknown field
///   |
///   = help: did you mean `packages`?
/// ```
pub fn render(diagnostic: &Diagnostic, sources: &SourceMap) -> String {
    let severity = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    // Messages quote what images, packages and daemons say.
    let line = |text: &str| escaped(text.chars());
    let mut out = format!("{severity}[{}]: {}\n", diagnostic.code, line(&diagnostic.message));
    let places = places(&diagnostic.labels, sources);
    let gutter = places.iter().map(|place| place.line).max().map_or(0, |line| line.to_string().len());
    let mut shown_file = None;
    for group in places.chunk_by(|a, b| std::ptr::eq(a.file, b.file)) {
        let Some(head) = group.iter().find(|place| place.is_main).or(group.first()) else {
            continue;
        };
        let arrow = if shown_file.is_none() { "-->" } else { ":::" };
        let column = head.column;
        out.push_str(&format!("{:gutter$}{arrow} {}:{}:{column}\n", "", line(head.file.name()), head.line,));
        out.push_str(&format!("{:gutter$} |\n", ""));
        render_group(group, gutter, &mut out);
        shown_file = Some(head.file);
    }
    if let Some(help) = &diagnostic.help {
        if shown_file.is_some() {
            out.push_str(&format!("{:gutter$} |\n", ""));
        }
        for (index, text) in help.lines().enumerate() {
            let lead = if index == 0 { "= help: " } else { "        " };
            out.push_str(format!("{:gutter$} {lead}{}", "", line(text)).trim_end());
            out.push('\n');
        }
    }
    out
}

/// All diagnostics as text, a blank line between them.
pub fn render_all<'a>(diagnostics: impl IntoIterator<Item = &'a Diagnostic>, sources: &SourceMap) -> String {
    let rendered: Vec<String> = diagnostics.into_iter().map(|diagnostic| render(diagnostic, sources)).collect();
    rendered.join("\n")
}

/// A label with its place worked out.
struct Place<'a> {
    file: &'a SourceFile,
    line: usize,
    column: usize,
    start: usize,
    end: usize,
    text: &'a str,
    is_main: bool,
}

/// Labels in the order they are shown: the main one's file first, then by line and column.
fn places<'a>(labels: &'a [Label], sources: &'a SourceMap) -> Vec<Place<'a>> {
    let main_file = labels.first().map(|label| label.span.file);
    let mut found: Vec<(bool, &Label, Place<'a>)> = labels
        .iter()
        .enumerate()
        .filter_map(|(index, label)| {
            let file = sources.file(label.span.file)?;
            let position = file.position(label.span.start);
            let place = Place {
                file,
                line: position.line,
                column: position.column,
                start: label.span.start,
                end: label.span.end,
                text: &label.text,
                is_main: index == 0,
            };
            Some((Some(label.span.file) != main_file, label, place))
        })
        .collect();
    found.sort_by_key(|(is_elsewhere, label, place)| (*is_elsewhere, label.span.file, place.line, place.start));
    found.into_iter().map(|(_, _, place)| place).collect()
}

/// The lines of one file and the markers below them.
fn render_group(group: &[Place<'_>], gutter: usize, out: &mut String) {
    let mut previous: Option<usize> = None;
    for same_line in group.chunk_by(|a, b| a.line == b.line) {
        let Some(first) = same_line.first() else {
            continue;
        };
        let Some((from, to)) = first.file.line_range(first.line) else {
            continue;
        };
        if previous.is_some_and(|line| line + 1 < first.line) {
            out.push_str("...\n");
        }
        previous = Some(first.line);
        let text = first.file.text().get(from..to).unwrap_or_default();
        let row = Row::new(text, first.start.saturating_sub(from));
        out.push_str(format!("{:>gutter$} | {}", first.line, row.text).trim_end());
        out.push('\n');
        for place in same_line {
            let start = row.column(place.start.saturating_sub(from));
            let end = row.column(place.end.saturating_sub(from));
            let mark = if place.is_main { "^" } else { "-" };
            let marks = mark.repeat(end.saturating_sub(start).max(1));
            let line = format!("{:gutter$} | {:start$}{marks} {}", "", "", escaped(place.text.chars()));
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
}

/// One source line as shown, and where its bytes ended up.
struct Row {
    text: String,
    /// Byte offset and the column it is shown at, in order.
    columns: Vec<(usize, usize)>,
    width: usize,
}

impl Row {
    /// Lays out a line; when it is too long, the part around byte `focus` is kept.
    fn new(line: &str, focus: usize) -> Self {
        let masked = mask_credentials(line);
        let mut cells: Vec<(usize, char, usize)> = Vec::new();
        let mut column = 0;
        // Masking keeps the number of characters, so the offsets of the line itself can be used.
        for ((offset, _), character) in line.char_indices().zip(masked.chars()) {
            let (shown, width) = match character {
                '\t' => (' ', TAB_WIDTH - column % TAB_WIDTH),
                '\u{feff}' if offset == 0 => continue,
                c if is_unprintable(c) => ('\u{fffd}', 1),
                c => (c, c.width().unwrap_or(1)),
            };
            cells.push((offset, shown, width));
            column += width;
        }
        let total = column;
        let focus_column: usize =
            cells.iter().take_while(|(offset, ..)| *offset < focus).map(|(.., width)| width).sum();
        let (from, to) = if total <= MAX_WIDTH {
            (0, total)
        } else {
            let from = focus_column.saturating_sub(CONTEXT).min(total - MAX_WIDTH);
            (from, from + MAX_WIDTH)
        };

        let mut row = Self { text: String::new(), columns: Vec::new(), width: 0 };
        if from > 0 {
            row.text.push('…');
            row.width += 1;
        }
        let mut column = 0;
        let mut is_cut = false;
        for (offset, shown, width) in cells {
            let begins = column;
            column += width;
            if begins < from {
                continue;
            }
            // Characters without width would make a line long that is not wide.
            if column > to || row.columns.len() > 4 * MAX_WIDTH {
                is_cut = true;
                break;
            }
            row.columns.push((offset, row.width));
            let is_tab = shown == ' ';
            row.text.extend(std::iter::repeat_n(shown, if is_tab { width } else { 1 }));
            row.width += width;
        }
        if is_cut {
            row.text.push('…');
        }
        row
    }

    /// The column at which byte `offset` of the line is shown.
    fn column(&self, offset: usize) -> usize {
        let at = self.columns.partition_point(|(byte, _)| *byte < offset);
        self.columns.get(at).map_or(self.width, |(_, column)| *column)
    }
}
