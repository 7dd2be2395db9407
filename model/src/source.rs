//! Where text comes from: files, byte ranges in them, and line and column look-up.
//!
//! Knows nothing of specs, and reads nothing: callers bring the text.

use serde::Serialize;

/// Which file of a [`SourceMap`] a [`Span`] points into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FileId(u32);

impl FileId {
    /// The file that is added to a map first.
    pub(crate) const FIRST: Self = Self(0);
}

/// A byte range in one file; `start..end`, both on character boundaries of the text it was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Span {
    /// The file the range is in.
    pub file: FileId,
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The range `start..end` of `file`.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        Self { file, start, end: end.max(start) }
    }

    /// The part `start..end` of this span, counted from its beginning and kept inside it.
    #[must_use]
    pub fn slice(self, start: usize, end: usize) -> Self {
        let at = |offset: usize| self.start.saturating_add(offset).min(self.end);
        Self::new(self.file, at(start), at(end))
    }
}

/// A place for users: both numbers start at 1, columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// 1-based line.
    pub line: usize,
    /// 1-based column, in characters.
    pub column: usize,
}

/// One text and the name it is shown under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    name: String,
    text: String,
    line_starts: Vec<usize>,
}

impl SourceFile {
    fn new(name: String, text: String) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { name, text, line_starts }
    }

    /// The name the file is shown under; not necessarily a path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where byte `offset` is. Offsets past the end, or inside a character, are moved back to the nearest place that exists.
    pub fn position(&self, offset: usize) -> Position {
        let offset = self.floor(offset);
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        // A byte order mark is there for editors, which do not count it.
        let head = self.text.get(start..offset).unwrap_or_default().trim_start_matches('\u{feff}');
        let column = head.chars().count() + 1;
        Position { line, column }
    }

    /// Bytes `start..end` of a 1-based line, without its line ending.
    pub fn line_range(&self, line: usize) -> Option<(usize, usize)> {
        let index = line.checked_sub(1)?;
        let start = *self.line_starts.get(index)?;
        let end = match self.line_starts.get(index + 1) {
            Some(next) => next - 1,
            None => self.text.len(),
        };
        let has_return = end > start && self.text.as_bytes().get(end - 1) == Some(&b'\r');
        Some((start, if has_return { end - 1 } else { end }))
    }

    fn floor(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

/// All texts that spans of one run may point into.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text and returns the id its spans carry.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> FileId {
        // More than four thousand million files do not fit in memory; saturating keeps this total.
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile::new(name.into(), text.into()));
        id
    }

    /// The file with this id; `None` if the id is from another map.
    pub fn file(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(usize::try_from(id.0).ok()?)
    }

    /// All files in the order they were added.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(index, file)| (FileId(u32::try_from(index).unwrap_or(u32::MAX)), file))
    }

    /// The text a span covers; `None` if it is not of this map.
    pub fn snippet(&self, span: Span) -> Option<&str> {
        self.file(span.file)?.text.get(span.start..span.end)
    }

    /// Where a span begins.
    pub fn position(&self, span: Span) -> Option<Position> {
        Some(self.file(span.file)?.position(span.start))
    }
}
