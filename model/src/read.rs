//! From the tree of a text to a checked spec: types, names and values, everything wrong at once.
//!
//! The values themselves are checked by the module of their noun; this one knows where they stand.

mod images;
mod options;
mod reader;
mod secrets;
mod together;
mod value;

use crate::conda::{conda_channel, conda_package};
use crate::cuda;
use crate::debian::apt_package;
use crate::diagnostic::Diagnostic;
use crate::field;
use crate::image_reference::{image_name, registry, tag_format};
use crate::image_spec::ImageSpec;
use crate::parse::Choice;
use crate::path::context_path;
use crate::quote::quote;
use crate::raw::{Kind, Node};
use crate::read::reader::{Fields, Reader};
use crate::requirement::package;
use crate::rules;
use crate::source::SourceMap;
use crate::spans::Spans;
use crate::text::{one_line, without_nul};
use crate::url::index_url;

pub(crate) use value::{command, python_version, requirements as requirements_file, runtime_package};

/// What a text says.
#[derive(Debug, Default)]
pub(crate) struct Read {
    /// Usable when none of the diagnostics is an error.
    pub(crate) spec: ImageSpec,
    pub(crate) spans: Spans,
    /// The names of the file's images, if it is one of several.
    pub(crate) images: Vec<String>,
}

/// Reads the whole tree. Of a file of several images the target is meant.
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
    // Editors and daemons find the schema and the frontend by these two; they are not fields.
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
                .with_help("it is one image without a name: leave --target out"),
        );
    }
    let fields = reader.fields(&entries, field::SPEC, "a spec");
    Read { spec: spec(&mut reader, &fields), spans, images: Vec::new() }
}

/// Reads a mapping inside the file.
fn spec_of<'t>(reader: &mut Reader<'t, '_>, node: &'t Node) -> ImageSpec {
    let Kind::Map(entries) = &node.kind else { return ImageSpec::default() };
    let entries: Vec<_> = entries.iter().collect();
    let fields = reader.fields(&entries, field::SPEC, "a spec");
    spec(reader, &fields)
}

fn spec<'t>(reader: &mut Reader<'t, '_>, fields: &Fields<'t>) -> ImageSpec {
    let base_image = value::base_image(reader, fields);
    let spec = ImageSpec {
        name: reader.text(fields, "name", image_name),
        // Real specs leave it empty where Python left it unset.
        registry: reader
            .text(fields, "registry", |text| if text.is_empty() { Ok(None) } else { registry(text).map(Some) })
            .flatten(),
        tag_format: reader.text(fields, "tag_format", tag_format),
        python_version: reader.text_or_number(fields, "python_version", value::python_version),
        python_exec: reader.text(fields, "python_exec", value::python_exec),
        cuda: reader.text_or_number(fields, "cuda", cuda::cuda),
        cudnn: reader.text_or_number(fields, "cudnn", cuda::cudnn),
        apt_packages: reader.set(fields, "apt_packages", apt_package),
        conda_packages: reader.set(fields, "conda_packages", conda_package),
        conda_channels: reader.set(fields, "conda_channels", conda_channel),
        packages: reader.set(fields, "packages", package),
        requirements: reader.text(fields, "requirements", value::requirements),
        pip_index: reader.text(fields, "pip_index", index_url),
        pip_extra_index_url: reader.list(fields, "pip_extra_index_url", index_url),
        pip_extra_args: value::pip_extra_args(reader, fields),
        pip_secret_mounts: secrets::secrets(reader, fields, base_image.as_ref()),
        env: value::env(reader, fields),
        source_root: reader.text(fields, "source_root", context_path),
        source_copy_mode: reader.text(fields, "source_copy_mode", value::copy_mode),
        copy: reader.set(fields, "copy", context_path),
        commands: reader.list(fields, "commands", value::command),
        entrypoint: fields
            .has("entrypoint")
            .then(|| reader.list(fields, "entrypoint", |word| without_nul(word).map(|()| word.to_owned()))),
        platform: value::platforms(reader, fields),
        runtime_packages: reader.set(fields, "runtime_packages", value::runtime_package),
        registry_config: reader.text(fields, "registry_config", |path| one_line(path).map(|()| path.to_owned())),
        builder: reader.text(fields, "builder", |name| one_line(name).map(|()| name.to_owned())),
        builder_options: options::builder_options(reader, fields),
        builder_config: options::builder_config(reader, fields),
        base_image,
    };
    together::check(reader, fields, &spec);
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
