//! From the tree of a text to a checked spec: types, names and values, everything wrong at once.
//!
//! The values themselves are checked by the module of their noun; this one knows where they stand.

mod options;
mod reader;
mod secrets;
mod value;

use crate::debian::apt_package;
use crate::diagnostic::Diagnostic;
use crate::field;
use crate::image_reference::{image_name, registry};
use crate::image_spec::ImageSpec;
use crate::path::context_path;
use crate::raw::{Kind, Node};
use crate::read::reader::{Fields, Reader};
use crate::requirement::package;
use crate::rules;
use crate::spans::Spans;
use crate::text::{one_line, without_nul};
use crate::url::index_url;

/// Reads the whole tree. The spec is usable when none of the diagnostics is an error.
pub(crate) fn read(root: &Node, text: &str, is_json: bool, diagnostics: &mut Vec<Diagnostic>) -> (ImageSpec, Spans) {
    let mut reader = Reader::new(text, diagnostics);
    let mut spans = Spans::default();
    note_places(root, "", &mut spans);
    let spec = match &root.kind {
        Kind::Map(entries) => {
            // Editors and daemons find the schema and the frontend by these two; they are not fields.
            let is_field = |key: &str| !(is_json && matches!(key, "$schema" | "syntax"));
            let entries: Vec<_> = entries.iter().filter(|entry| is_field(&entry.key)).collect();
            let fields = reader.fields(&entries, field::SPEC, "a spec");
            spec(&mut reader, &fields)
        }
        _ => {
            reader.report(not_a_spec(root));
            ImageSpec::default()
        }
    };
    (spec, spans)
}

fn spec(reader: &mut Reader<'_, '_>, fields: &Fields<'_>) -> ImageSpec {
    let spec = ImageSpec {
        name: reader.text(fields, "name", image_name),
        registry: reader.text(fields, "registry", registry),
        base_image: value::base_image(reader, fields),
        python_version: reader.text_or_number(fields, "python_version", value::python_version),
        python_exec: reader.text(fields, "python_exec", value::python_exec),
        apt_packages: reader.set(fields, "apt_packages", apt_package),
        packages: reader.set(fields, "packages", package),
        requirements: reader.text(fields, "requirements", value::requirements),
        pip_index: reader.text(fields, "pip_index", index_url),
        pip_extra_index_url: reader.list(fields, "pip_extra_index_url", index_url),
        pip_extra_args: value::pip_extra_args(reader, fields),
        pip_secret_mounts: secrets::secrets(reader, fields),
        env: value::env(reader, fields),
        source_root: reader.text(fields, "source_root", context_path),
        source_copy_mode: reader.text(fields, "source_copy_mode", value::copy_mode),
        copy: reader.set(fields, "copy", context_path),
        commands: reader.list(fields, "commands", value::command),
        entrypoint: fields
            .has("entrypoint")
            .then(|| reader.list(fields, "entrypoint", |word| without_nul(word).map(|()| word.to_owned()))),
        platform: value::platforms(reader, fields),
        builder: reader.text(fields, "builder", |name| one_line(name).map(|()| name.to_owned())),
        builder_options: options::builder_options(reader, fields),
        builder_config: options::builder_config(reader, fields),
    };
    value::check_together(reader, fields, &spec);
    spec
}

/// Notes where every key and value of the tree stands.
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
