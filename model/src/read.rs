//! From the tree of a text to a checked spec: types, names and values, with all problems at once.
//!
//! The values are checked by the modules of their kinds; this one knows their places.

mod images;
mod reader;
mod secrets;

use crate::conflict::conflicts;
use crate::diagnostic::Diagnostic;
use crate::image_spec::ImageSpec;
use crate::parse::Choice;
use crate::quote::quote;
use crate::raw::{Entry, Kind, Node};
use crate::rules;
use crate::source::SourceMap;
use crate::spans::Spans;
use crate::table::Table as _;

pub(crate) use reader::{Fields, Reader};
pub(crate) use secrets::{SECRET_PARTS, secrets};

/// What was read from a text.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Valid if none of the diagnostics is an error.
    pub(crate) spec: ImageSpec,
    pub(crate) spans: Spans,
    /// The names of the file's images, if it has several.
    pub(crate) images: Vec<String>,
}

/// Reads the whole tree. In a file with several images, the spec is the target's.
pub(crate) fn read(
    root: &Node,
    sources: &SourceMap,
    is_json: bool,
    choice: &Choice,
    diagnostics: &mut Vec<Diagnostic>,
) -> Read {
    let mut reader = Reader::new(sources, diagnostics);
    let Kind::Map(entries) = &root.kind else {
        reader.report(not_a_spec(root));
        return Read::default();
    };
    // Editors find the schema by one of these, daemons the frontend by the other; they are not fields.
    let is_field = |key: &str| !(is_json && matches!(key, "$schema" | "syntax"));
    let entries: Vec<_> = entries.iter().filter(|entry| is_field(&entry.key)).collect();
    if entries.iter().any(|entry| entry.key == "images") {
        let Some(images) = images::images(root, &entries, &mut reader) else { return Read::default() };
        reader.images = images.without(&choice.contexts);
        let names = images.names();
        let (spec, spans) = images.read(root.span, choice.target.as_deref(), &mut reader).unwrap_or_default();
        return Read { spec, spans, images: names };
    }
    let mut spans = Spans::default();
    note_places(root, "", &mut spans);
    if let Some(target) = &choice.target {
        reader.report(
            Diagnostic::new(&rules::TARGET, format!("the file has no image {}", quote(target)))
                .with_label(root.span, "")
                .with_help("the file is one image without a name: leave out --target"),
        );
    }
    Read { spec: spec(&mut reader, root, &entries), spans, images: Vec::new() }
}

/// Reads a mapping inside the file.
pub(crate) fn spec_of<'t>(reader: &mut Reader<'t, '_>, node: &'t Node) -> ImageSpec {
    let Kind::Map(entries) = &node.kind else { return ImageSpec::default() };
    let entries: Vec<_> = entries.iter().collect();
    spec(reader, node, &entries)
}

fn spec<'t>(reader: &mut Reader<'t, '_>, node: &'t Node, entries: &[&'t Entry]) -> ImageSpec {
    let fields = reader.fields(entries, ImageSpec::FIELDS, "a spec");
    let outer = std::mem::replace(&mut reader.secrets_below, reader.images.secrets_below(node));
    let spec = ImageSpec::read(reader, &fields);
    reader.secrets_below = outer;
    for conflict in conflicts(&spec, &fields) {
        reader.report(conflict);
    }
    spec
}

/// Notes the place of every key and value of the tree.
fn note_places(node: &Node, path: &str, spans: &mut Spans) {
    spans.set(path, node.span);
    match &node.kind {
        Kind::List(items) => {
            for (index, item) in items.iter().enumerate() {
                note_places(item, &format!("{path}[{index}]"), spans);
            }
        }
        Kind::Map(entries) => {
            for entry in entries {
                let separator = if path.is_empty() { "" } else { "." };
                let inner = format!("{path}{separator}{}", entry.key);
                spans.set_key(inner.as_str(), entry.key_span);
                note_places(&entry.value, &inner, spans);
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Date(_) | Kind::Text(_) => {}
    }
}

fn not_a_spec(root: &Node) -> Diagnostic {
    let message = match root.kind {
        Kind::Null => "the spec is empty".to_owned(),
        _ => format!("a spec is a mapping of fields, not {}", root.kind_name()),
    };
    Diagnostic::new(&rules::ROOT, message)
        .with_label(root.span, "expected fields such as `packages: [numpy]`")
        .with_help("a small spec: {base_image: debian:bookworm-slim, packages: [numpy]}")
}
