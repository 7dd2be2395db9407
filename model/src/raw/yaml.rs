//! YAML 1.2 to a tree: anchors, aliases and merge keys resolved.
//!
//! Works on parser events with an explicit stack, so nesting costs no call depth, and with a budget, so aliases cannot explode.

use std::collections::BTreeMap;

use granit_parser::{Event, Parser, ScalarStyle, Tag};

use crate::diagnostic::Diagnostic;
use crate::quote::quote;
use crate::raw::map::MapBuilder;
use crate::raw::scalar::plain;
use crate::raw::yaml_problem::syntax_error;
use crate::raw::{Kind, MAX_DEPTH, Node, Weight, too_deep, too_many};
use crate::rules;
use crate::source::{FileId, Span};

pub(super) fn read(file: FileId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Option<Node> {
    let mut builder = Builder {
        file,
        stack: Vec::new(),
        anchors: BTreeMap::new(),
        weight: Weight::default(),
        root: None,
        documents: 0,
    };
    let options = granit_parser::options! { emit_comments: false };
    for event in Parser::new_from_str_with_options(text, options) {
        let step = match event {
            Ok((event, span)) => {
                let place = covered(file, text, span.byte_range());
                check_tag(&event, || covered(file, text, span.tag_span().and_then(|tag| tag.byte_range())), text)
                    .and_then(|()| builder.event(event, place, diagnostics))
            }
            Err(error) => Err(Box::new(syntax_error(file, text, &error))),
        };
        if let Err(diagnostic) = step {
            diagnostics.push(*diagnostic);
            return None;
        }
    }
    Some(builder.root.unwrap_or(Node { kind: Kind::Null, span: Span::new(file, 0, 0) }))
}

/// Block scalars end with a line break; what is marked should not.
fn covered(file: FileId, text: &str, range: Option<std::ops::Range<usize>>) -> Span {
    let range = range.unwrap_or(0..0);
    let length = text.get(range.clone()).map_or(0, |covered| covered.trim_end().len());
    Span::new(file, range.start, range.start + length)
}

/// Boxed, as diagnostics are large and nearly every step succeeds.
type Step<T> = Result<T, Box<Diagnostic>>;

/// A collection that has begun and not ended.
struct Open {
    span: Span,
    anchor: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Map(OpenMap),
}

#[derive(Default)]
struct OpenMap {
    map: MapBuilder,
    key: Option<Key>,
    /// The place of each `<<`, and the mapping to merge.
    merges: Vec<(Span, Node)>,
}

struct Key {
    text: String,
    span: Span,
    is_merge: bool,
}

struct Builder {
    file: FileId,
    stack: Vec<Open>,
    /// Finished anchored values; one that is still open cannot be used inside itself.
    anchors: BTreeMap<usize, Node>,
    weight: Weight,
    root: Option<Node>,
    documents: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, span: Span, diagnostics: &mut Vec<Diagnostic>) -> Step<()> {
        match event {
            Event::DocumentStart(..) => self.document(span),
            Event::Scalar(value, style, anchor, tag) => {
                let kind = scalar(value.into_owned(), style, tag.as_deref());
                let node = Node { kind, span };
                self.charge(&node)?;
                self.remember(anchor, &node);
                self.place(node, style == ScalarStyle::Plain, diagnostics)
            }
            Event::SequenceStart(_, anchor, _) => self.open(span, anchor, Items::List(Vec::new())),
            Event::MappingStart(_, anchor, _) => self.open(span, anchor, Items::Map(OpenMap::default())),
            Event::SequenceEnd | Event::MappingEnd => self.close(span, diagnostics),
            Event::Alias(anchor) => {
                let node = self.alias(anchor, span)?;
                self.charge(&node)?;
                self.place(node, false, diagnostics)
            }
            // The rest is presentation, or is emitted only when asked for.
            _ => Ok(()),
        }
    }

    fn document(&mut self, span: Span) -> Step<()> {
        self.documents += 1;
        if self.documents == 1 {
            return Ok(());
        }
        Err(Box::new(
            Diagnostic::new(&rules::ROOT, "the file holds more than one YAML document")
                .with_label(span, "a second document begins here")
                .with_help("write one image per file, or several below `images`"),
        ))
    }

    fn alias(&self, anchor: usize, span: Span) -> Step<Node> {
        let Some(target) = self.anchors.get(&anchor) else {
            return Err(Box::new(
                Diagnostic::new(&rules::SYNTAX, "an alias is inside its own anchor")
                    .with_label(span, "refers to the value it is part of"),
            ));
        };
        let mut node = target.clone();
        // The values inside keep their places; the whole value is at the place of the alias.
        if matches!(node.kind, Kind::List(_) | Kind::Map(_)) {
            node.span = span;
        }
        Ok(node)
    }

    fn charge(&mut self, node: &Node) -> Step<()> {
        self.weight.add(node.weight());
        if self.weight.is_too_much() {
            return Err(Box::new(too_many(node.span)));
        }
        Ok(())
    }

    fn remember(&mut self, anchor: usize, node: &Node) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
    }

    fn open(&mut self, span: Span, anchor: usize, items: Items) -> Step<()> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(Box::new(too_deep(span)));
        }
        self.weight.add(Weight { nodes: 1, bytes: 0 });
        self.stack.push(Open { span, anchor, items });
        Ok(())
    }

    fn close(&mut self, end: Span, diagnostics: &mut Vec<Diagnostic>) -> Step<()> {
        let Some(open) = self.stack.pop() else {
            return Ok(());
        };
        let (kind, last) = match open.items {
            Items::List(items) => {
                let last = items.last().map(|item| item.span.end);
                (Kind::List(items), last)
            }
            Items::Map(OpenMap { mut map, merges, .. }) => {
                for (merge, node) in merges {
                    merge_into(&mut map, merge, node)?;
                }
                let entries = map.finish();
                let last = entries.iter().map(|entry| entry.value.span.end).max();
                (Kind::Map(entries), last)
            }
        };
        // A block collection has no closing bracket: its end event is where the next value begins.
        let is_flow = end.end > end.start;
        let end = if is_flow { Some(end.end) } else { last };
        let span = Span::new(self.file, open.span.start, end.unwrap_or(open.span.end));
        let node = Node { kind, span };
        self.remember(open.anchor, &node);
        self.place(node, false, diagnostics)
    }

    /// Puts a finished value where it belongs: into the open collection, or as the root.
    fn place(&mut self, node: Node, is_plain: bool, diagnostics: &mut Vec<Diagnostic>) -> Step<()> {
        let Some(open) = self.stack.last_mut() else {
            self.root.get_or_insert(node);
            return Ok(());
        };
        let open = match &mut open.items {
            Items::List(items) => {
                items.push(node);
                return Ok(());
            }
            Items::Map(open) => open,
        };
        match open.key.take() {
            None => open.key = Some(key(node, is_plain)?),
            Some(key) if key.is_merge => open.merges.push((key.span, node)),
            Some(key) => open.map.insert(key.text, key.span, node, diagnostics),
        }
        Ok(())
    }
}

fn key(node: Node, is_plain: bool) -> Step<Key> {
    let name = node.kind_name();
    match node.kind {
        Kind::Text(text) | Kind::Bool(text) | Kind::Number(text) | Kind::Date(text) => {
            Ok(Key { is_merge: is_plain && text == "<<", text, span: node.span })
        }
        Kind::Null | Kind::List(_) | Kind::Map(_) => Err(Box::new(
            Diagnostic::new(&rules::SYNTAX, format!("a key must be text, not {name}"))
                .with_label(node.span, name)
                .with_help("text that begins with `{` or `[` needs quotes"),
        )),
    }
}

/// `<<: *defaults` or `<<: [*a, *b]`: keys already there win, earlier mappings win over later ones.
fn merge_into(map: &mut MapBuilder, merge: Span, node: Node) -> Step<()> {
    let span = node.span;
    let sources = match node.kind {
        Kind::List(items) => items,
        kind => vec![Node { kind, span }],
    };
    for source in sources {
        let name = source.kind_name();
        let Kind::Map(entries) = source.kind else {
            return Err(Box::new(
                Diagnostic::new(&rules::SYNTAX, format!("`<<` merges mappings, not {name}"))
                    .with_label(source.span, name)
                    .with_label(merge, "merged here"),
            ));
        };
        entries.into_iter().for_each(|entry| map.merge(entry));
    }
    Ok(())
}

/// Only the tags of the core schema have a meaning in a spec, each for values of its kind.
fn check_tag(event: &Event<'_>, place: impl Fn() -> Span, text: &str) -> Step<()> {
    let Some(tag) = event.tag() else {
        return Ok(());
    };
    let is_valid = matches!(
        (event, core_suffix(tag)),
        (_, Some(""))
            | (Event::Scalar(..), Some("str" | "int" | "float" | "bool" | "null"))
            | (Event::SequenceStart(..), Some("seq"))
            | (Event::MappingStart(..), Some("map"))
    );
    if is_valid {
        return Ok(());
    }
    let span = place();
    let written = text.get(span.start..span.end).unwrap_or_default();
    Err(Box::new(
        Diagnostic::new(&rules::SYNTAX, format!("the tag {} has no meaning in a spec", quote(written)))
            .with_label(span, "unknown tag")
            .with_help("leave the tag out; text that begins with `!` needs quotes"),
    ))
}

fn scalar(value: String, style: ScalarStyle, tag: Option<&Tag>) -> Kind {
    match tag.and_then(core_suffix) {
        None if style == ScalarStyle::Plain => plain(value),
        Some("int" | "float" | "bool" | "null") => plain(value),
        _ => Kind::Text(value),
    }
}

/// The name after `!!`. A lone `!`, the non-specific tag, has an empty name and makes any scalar text.
fn core_suffix(tag: &Tag) -> Option<&str> {
    if tag.handle() == "!" && tag.suffix().is_empty() {
        return Some("");
    }
    tag.core_suffix()
}
