//! Values that the caller sets: `--set field=value` puts a value into the tree before it is read, so that it is checked like a
//! value in the file.
//!
//! Knows no fields.

use crate::diagnostic::Diagnostic;
use crate::quote::quote;
use crate::raw::{self, Entry, Format, Kind, Node};
use crate::rules;
use crate::source::{SourceMap, Span};

/// The tree with the values set. In a file with several images, they are set in the target.
pub(crate) fn set(
    mut root: Node,
    target: Option<&str>,
    values: &[String],
    sources: &mut SourceMap,
    diagnostics: &mut Vec<Diagnostic>,
) -> Node {
    for text in values {
        let (path, value) = text.split_once('=').unwrap_or((text, ""));
        let parts: Vec<&str> = path.split('.').map(str::trim).collect();
        let file = sources.add(format!("--set {}", path.trim()), value);
        let whole = Span::new(file, 0, value.len());
        if !text.contains('=') || parts.iter().any(|part| part.is_empty()) {
            diagnostics.push(
                Diagnostic::new(&rules::SYNTAX, format!("{} does not set a field", quote(text)))
                    .with_label(whole, "")
                    .with_help(
                        "write `field=value`, such as `--set python_version=3.12` or `--set env.LOG_LEVEL=debug`",
                    ),
            );
            continue;
        }
        let node = if value.trim().is_empty() {
            Some(Node { kind: Kind::Null, span: whole })
        } else {
            raw::read(Format::Yaml, file, value, diagnostics)
        };
        let Some(node) = node else { continue };
        let image = image(&root, target);
        let image = image.as_deref().map_or(Vec::new(), |name| vec!["images", name]);
        let path: Vec<&str> = image.into_iter().chain(parts).collect();
        if !put(&mut root, &path, node, whole) {
            diagnostics.push(
                Diagnostic::new(
                    &rules::WRONG_TYPE,
                    format!("{} cannot be set: there is no mapping to set it in", quote(text)),
                )
                .with_label(whole, "")
                .with_help("set the whole field instead"),
            );
        }
    }
    root
}

/// The name of the target in a file with several images. Problems with the target are reported when the file is read.
fn image(root: &Node, target: Option<&str>) -> Option<String> {
    let Kind::Map(entries) = &root.kind else { return None };
    let images = entries.iter().find(|entry| entry.key == "images")?;
    let Kind::Map(images) = &images.value.kind else { return None };
    let mut names = images.iter().map(|entry| entry.key.clone());
    match target {
        Some(target) => names.find(|name| name.eq_ignore_ascii_case(target)),
        None => names.next(),
    }
}

/// Puts a value at a path and creates the mappings on the way; `false` if there is a value that is not a mapping.
fn put(node: &mut Node, path: &[&str], value: Node, place: Span) -> bool {
    let Some((first, rest)) = path.split_first() else {
        *node = value;
        return true;
    };
    if node.kind == Kind::Null {
        node.kind = Kind::Map(Vec::new());
    }
    let Kind::Map(entries) = &mut node.kind else { return false };
    if let Some(entry) = entries.iter_mut().find(|entry| entry.key == *first) {
        return put(&mut entry.value, rest, value, place);
    }
    let mut inner = Node { kind: Kind::Map(Vec::new()), span: place };
    let is_put = put(&mut inner, rest, value, place);
    entries.push(Entry { key: (*first).to_owned(), key_span: place, value: inner });
    is_put
}
