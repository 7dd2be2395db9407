//! What is wrong with a spec, with all that it takes to show it.

use std::fmt;

use crate::diagnostic::Diagnostic;
use crate::source::SourceMap;
use crate::spans::Spans;

/// What is wrong with a spec.
///
/// ```
/// use imagespec::Problems;
///
/// let parsed = imagespec::parse("spec.yaml", "apt_packages: [Git]\n");
/// let problems = Problems::from(parsed);
/// assert_eq!(problems.to_string(), "the spec has 1 problem");
/// assert!(problems.render().contains("spec.yaml:1:16"), "{}", problems.render());
/// assert_eq!(problems.fields(&problems.diagnostics[0]), ["apt_packages[0]"]);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    /// What is wrong, warnings included.
    pub diagnostics: Vec<Diagnostic>,
    /// The texts that the diagnostics point into.
    pub sources: SourceMap,
    /// Where each field was written.
    pub spans: Spans,
}

impl Problems {
    /// All of them as text, each with the lines it is about.
    #[must_use]
    pub fn render(&self) -> String {
        crate::render_all(&self.diagnostics, &self.sources)
    }

    /// The fields that a diagnostic points at, such as `packages[2]`, each once.
    #[must_use]
    pub fn fields(&self, diagnostic: &Diagnostic) -> Vec<&str> {
        let mut fields = Vec::new();
        for field in diagnostic.labels.iter().filter_map(|label| self.spans.field_at(label.span)) {
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
        fields
    }
}

impl From<crate::Parsed> for Problems {
    fn from(parsed: crate::Parsed) -> Self {
        let crate::Parsed { spec: _, images: _, spans, diagnostics, sources } = parsed;
        Self { diagnostics, sources, spans }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count() {
            1 => f.write_str("the spec has 1 problem"),
            count => write!(f, "the spec has {count} problems"),
        }
    }
}

impl std::error::Error for Problems {}
