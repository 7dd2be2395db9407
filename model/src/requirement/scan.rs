//! Requirements files in pip's format, line by line.
//!
//! Follows no `-r` and `-c`: the caller reads those files and scans them too.

use std::ops::Range;

use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::requirement::Requirement;
use crate::requirement::line::{Line, line, without_comment};
use crate::requirement::option::Place;
use crate::rules;
use crate::source::{FileId, Span};
use crate::text::without_nul;

/// Lock files pinned with hashes have some hundred bytes a line; this is room for tens of thousands of lines.
const MAX_FILE_BYTES: usize = 16 << 20;
/// More mistakes than this are counted, not shown.
const MAX_SHOWN: usize = 50;

/// What a requirements file contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequirementsScan {
    /// The lines with content, in order; lines with mistakes are left out.
    pub lines: Vec<RequirementsLine>,
    /// All problems, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// One logical line: continuations joined, comment stripped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequirementsLine {
    /// The joined text without comment and surrounding spaces.
    pub text: String,
    /// From its first to its last byte in the file.
    pub span: Span,
    /// What the line contains.
    pub kind: RequirementsLineKind,
}

/// What a line of a requirements file contains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RequirementsLineKind {
    /// Something to install.
    Requirement(Requirement),
    /// `-r`: another file, relative to this one; see [`crate::join_context_path`].
    Include {
        /// The path as written.
        path: String,
    },
    /// `-c`: a file of versions that apply if their package is installed, relative to this one.
    Constraint {
        /// The path as written.
        path: String,
    },
    /// Options for the whole file, as words: long names, and values as separate words.
    Option {
        /// The words.
        args: Vec<String>,
    },
}

/// Reads a requirements file. `file` is the id of its text in the caller's [`crate::SourceMap`].
///
/// ```
/// use imagespec::{RequirementsLineKind, SourceMap, scan_requirements};
/// let text = "-r base.txt\nnumpy>=1.26, \\\n  <2  # until the port\n";
/// let mut sources = SourceMap::new();
/// let file = sources.add("requirements.txt", text);
/// let scan = scan_requirements(file, text);
/// assert!(scan.diagnostics.is_empty());
/// assert_eq!(scan.lines[0].kind, RequirementsLineKind::Include { path: "base.txt".to_owned() });
/// assert_eq!(scan.lines[1].text, "numpy>=1.26,   <2");
/// assert_eq!(sources.snippet(scan.lines[1].span), Some("numpy>=1.26, \\\n  <2"));
/// ```
pub fn scan_requirements(file: FileId, text: &str) -> RequirementsScan {
    let mut scan = RequirementsScan { lines: Vec::new(), diagnostics: Vec::new() };
    if text.len() > MAX_FILE_BYTES {
        scan.diagnostics.push(
            Diagnostic::new(
                &rules::LIMIT,
                format!("the file has {} bytes; the limit for a requirements file is {MAX_FILE_BYTES}", text.len()),
            )
            .with_label(Span::new(file, 0, 0), "too large"),
        );
        return scan;
    }
    let mut wrong = 0;
    for logical in LogicalLines::new(text) {
        let read = without_nul(&logical.text).and_then(|()| line(&logical.text, Place::File));
        match read {
            Ok(kind) => scan.lines.push(RequirementsLine {
                span: logical.span(file, 0..logical.text.len()),
                kind: kind.into(),
                text: logical.text,
            }),
            Err(fault) => {
                wrong += 1;
                if wrong <= MAX_SHOWN {
                    let part = fault.part.clone().unwrap_or(0..logical.text.len());
                    scan.diagnostics.push(fault.into_diagnostic(logical.span(file, part)));
                }
            }
        }
    }
    if wrong > MAX_SHOWN {
        scan.diagnostics.push(Diagnostic::new(
            &rules::NUMBER_OF_PROBLEMS,
            format!("{} more lines cannot be used", wrong - MAX_SHOWN),
        ));
    }
    scan
}

impl From<Line> for RequirementsLineKind {
    fn from(line: Line) -> Self {
        match line {
            Line::Requirement(requirement) => Self::Requirement(requirement),
            Line::Options(args) => Self::Option { args },
            Line::Include(path) => Self::Include { path },
            Line::Constraint(path) => Self::Constraint { path },
        }
    }
}

/// A logical line and the places of its pieces in the file.
struct Logical {
    text: String,
    /// Offset in `text`, offset in the file; in order.
    pieces: Vec<(usize, usize)>,
}

impl Logical {
    fn span(&self, file: FileId, part: Range<usize>) -> Span {
        // The last byte and not the end: that would be the next piece's first.
        let end = match part.end.checked_sub(1) {
            Some(last) if part.end > part.start => self.in_file(last) + 1,
            _ => self.in_file(part.start),
        };
        Span::new(file, self.in_file(part.start), end)
    }

    fn in_file(&self, offset: usize) -> usize {
        let after = self.pieces.partition_point(|(at, _)| *at <= offset);
        let piece = after.checked_sub(1).and_then(|index| self.pieces.get(index));
        piece.map_or(0, |(at, in_file)| in_file + (offset - at))
    }
}

/// Joins lines that end in `\` and drops comments, in pip's order: join first, unless the line is a comment.
struct LogicalLines<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> LogicalLines<'a> {
    fn new(text: &'a str) -> Self {
        let at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        Self { text, at }
    }

    /// The next line without its ending, and where it begins.
    fn physical(&mut self) -> Option<(usize, &'a str)> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let start = self.at;
        let length = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let (line, ending) = rest.split_at_checked(length)?;
        let skip = if ending.starts_with("\r\n") { 2 } else { ending.len().min(1) };
        self.at = start + length + skip;
        Some((start, line))
    }
}

impl Iterator for LogicalLines<'_> {
    type Item = Logical;

    fn next(&mut self) -> Option<Logical> {
        loop {
            let mut joined = String::new();
            let mut pieces = Vec::new();
            loop {
                let Some((start, line)) = self.physical() else {
                    if pieces.is_empty() {
                        return None;
                    }
                    break;
                };
                if !joined.is_empty() && line.trim_start().starts_with('#') {
                    // A line that is a comment ends the one before, as in pip.
                    joined.push(' ');
                }
                pieces.push((joined.len(), start));
                let goes_on = line.strip_suffix('\\').filter(|_| without_comment(line) == line);
                joined.push_str(goes_on.unwrap_or(line));
                if goes_on.is_none() {
                    break;
                }
            }
            let bare = without_comment(&joined);
            let text = bare.trim();
            if text.is_empty() {
                continue;
            }
            let cut = bare.len() - bare.trim_start().len();
            return Some(Logical { text: text.to_owned(), pieces: shifted(pieces, cut) });
        }
    }
}

/// The pieces after `cut` bytes were taken from the front.
fn shifted(pieces: Vec<(usize, usize)>, cut: usize) -> Vec<(usize, usize)> {
    let first = pieces.partition_point(|(at, _)| *at <= cut).saturating_sub(1);
    pieces
        .into_iter()
        .skip(first)
        .map(|(at, in_file)| (at.saturating_sub(cut), in_file + cut.saturating_sub(at)))
        .collect()
}

#[cfg(test)]
mod tests;
