//! A checked spec with its text, which diagnostics and progress refer to.

use imagespec::{ImageSpec, SourceMap, Spans};

/// A checked spec with its text.
#[derive(Clone, Debug)]
pub struct Document {
    /// The spec.
    pub spec: ImageSpec,
    /// Where its fields are.
    pub spans: Spans,
    /// The texts.
    pub sources: SourceMap,
    /// The image's name in a file of several.
    pub target: Option<String>,
}

impl Document {
    /// The spec of a parsed text. `None` if the text has errors.
    #[must_use]
    pub fn from_parsed(parsed: imagespec::Parsed, target: Option<&str>) -> Option<Self> {
        let imagespec::Parsed { spec, spans, sources, images, diagnostics: _ } = parsed;
        let target = target.or(images.first().map(String::as_str)).map(str::to_owned);
        Some(Self { spec: spec?, spans, sources, target })
    }

    /// A spec made in Rust, as if it came from a file with this name. The lockfile next to that file is used.
    #[must_use]
    pub fn from_spec(spec: ImageSpec, file_name: &str) -> Self {
        let mut sources = SourceMap::new();
        sources.add(file_name, "");
        Self { sources, ..Self::from(spec) }
    }

    /// The name of the spec's file; empty for a spec without a file.
    pub(crate) fn spec_name(&self) -> &str {
        self.sources.files().next().map(|(_, file)| file.name()).unwrap_or_default()
    }
}

/// A spec made in Rust, which has no text.
impl From<ImageSpec> for Document {
    fn from(spec: ImageSpec) -> Self {
        Self { spec, spans: Spans::default(), sources: SourceMap::new(), target: None }
    }
}
