//! Files with several images: `images` is a mapping from names to specs, and a spec's `base_image` may be one of the names.
//!
//! The caller chooses the image to build; all of them are checked. How one spec is read is not known here.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::image_spec::spec_fields::{BASE_IMAGE, PIP_SECRET_MOUNTS};
use crate::image_spec::{BaseImage, ImageSpec};
use crate::nearest::nearest;
use crate::quote::quote;
use crate::raw::{Entry, Kind, MAX_DEPTH, Node};
use crate::read::reader::Reader;
use crate::read::{note_places, spec_of};
use crate::rules;
use crate::source::{SourceMap, Span};
use crate::spans::Spans;

/// The key of a file with several images.
const IMAGES: &str = "images";

/// The images of a file by name, and how deep in them the reader is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Images<'t> {
    named: BTreeMap<&'t str, &'t Node>,
    /// How many specs are built on the one that is read.
    above: usize,
}

/// The images of a file with several; problems of the mapping itself are reported.
pub(super) fn images<'t>(root: &'t Node, fields: &[&'t Entry], reader: &mut Reader<'t, '_>) -> Option<Images<'t>> {
    let entry = fields.iter().find(|entry| entry.key == IMAGES)?;
    for other in fields.iter().filter(|other| other.key != IMAGES) {
        reader.report(
            Diagnostic::new(&rules::CONFLICT, format!("{} cannot be combined with `images`", quote(&other.key)))
                .with_label(other.key_span, "a field of which image?")
                .with_label(entry.key_span, "the images of this file")
                .with_help("move the field into an image; put what images share into a base image"),
        );
    }
    let Kind::Map(entries) = &entry.value.kind else {
        reader.report(
            Diagnostic::new(
                &rules::WRONG_TYPE,
                format!("`images` must be specs by name, not {}", entry.value.kind_name()),
            )
            .with_label(entry.value.span, format!("found {}", entry.value.kind_name()))
            .with_help(
                "for example `images: {base: {apt_packages: [git]}, train: {base_image: base, packages: [torch]}}`",
            ),
        );
        return None;
    };
    if entries.is_empty() {
        reader.report(
            Diagnostic::new(&rules::ROOT, "the file has no images")
                .with_label(root.span, "`images` is empty")
                .with_help("add one: `images: {app: {packages: [numpy]}}`"),
        );
        return None;
    }
    let mut named = BTreeMap::new();
    for image in entries {
        if !is_name(&image.key) {
            reader.report(
                Diagnostic::new(&rules::TARGET, format!("{} is not a valid name of an image", quote(&image.key)))
                    .with_label(
                        image.key_span,
                        "expected letters, digits, `_`, `.` and `-`, beginning with a letter or digit",
                    ),
            );
        }
        if let Kind::Map(_) = image.value.kind {
            named.insert(image.key.as_str(), &image.value);
        } else {
            reader.report(
                Diagnostic::new(&rules::WRONG_TYPE, format!("an image is a spec, not {}", image.value.kind_name()))
                    .with_label(image.value.span, format!("found {}", image.value.kind_name()))
                    .with_help("for example `{base_image: base, packages: [torch]}`"),
            );
        }
    }
    let images = Images { named, above: 0 };
    images.report_circles(reader);
    Some(images)
}

/// Docker's clients use it as the name of a build stage, and convert `--target` to lowercase.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

impl<'t> Images<'t> {
    /// The names that a base image may have, without those that mean something else in this build.
    pub(super) fn without(&self, contexts: &BTreeSet<String>) -> Self {
        let named = self.named.iter().filter(|(name, _)| !contexts.contains(**name));
        Self { named: named.map(|(name, node)| (*name, *node)).collect(), above: self.above }
    }

    /// The names, in order.
    pub(super) fn names(&self) -> Vec<String> {
        self.named.keys().map(|name| (*name).to_owned()).collect()
    }

    /// Reads all images and returns the target, with its places.
    pub(super) fn read(
        &self,
        file: Span,
        target: Option<&str>,
        reader: &mut Reader<'t, '_>,
    ) -> Option<(ImageSpec, Spans)> {
        let wanted = self.wanted(file, target, reader);
        let mut found = None;
        for (name, node) in &self.named {
            let spec = spec_of(reader, node);
            if wanted == Some(*name) {
                let mut spans = Spans::default();
                self.note(node, "", &mut spans, 0);
                found = Some((spec, spans));
            }
        }
        found
    }

    fn wanted(&self, file: Span, target: Option<&str>, reader: &mut Reader<'t, '_>) -> Option<&'t str> {
        let names = || self.named.keys().copied();
        let known = names().collect::<Vec<_>>().join(", ");
        let (message, help) = match target {
            None if self.named.len() == 1 => return names().next(),
            None => ("the file has several images".to_owned(), format!("choose one with --target: {known}")),
            Some(target) => {
                // Docker's clients convert targets to lowercase.
                if let Some(name) = names().find(|name| name.eq_ignore_ascii_case(target)) {
                    return Some(name);
                }
                let help = match nearest(target, names()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("its images are: {known}"),
                };
                (format!("the file has no image {}", quote(target)), help)
            }
        };
        reader.report(Diagnostic::new(&rules::TARGET, message).with_label(file, "").with_help(help));
        None
    }

    /// The spec that a base image names. Its problems are reported where it is read by itself.
    pub(crate) fn base(&self, sources: &'t SourceMap, name: &str) -> Option<BaseImage> {
        let node = self.named.get(name)?;
        if self.above >= MAX_DEPTH {
            // A circle, or too deep: reported for the file as a whole.
            return None;
        }
        let mut reported_elsewhere = Vec::new();
        let mut reader = Reader::new(sources, &mut reported_elsewhere);
        reader.images = Self { above: self.above + 1, ..self.clone() };
        Some(BaseImage::Spec(Box::new(spec_of(&mut reader, node))))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.named.contains_key(name)
    }

    /// How many secrets the specs list that a spec is built on.
    pub(super) fn secrets_below(&self, node: &'t Node) -> usize {
        let mut count = 0;
        let mut node = node;
        // Images may be built on each other in a circle.
        for _ in 0..MAX_DEPTH {
            let base = match field(node, BASE_IMAGE.name()).map(|base| &base.kind) {
                Some(Kind::Text(name)) => self.named.get(name.as_str()).copied(),
                Some(Kind::Map(_)) => field(node, BASE_IMAGE.name()),
                _ => None,
            };
            let Some(base) = base else { break };
            if let Some(Kind::List(secrets)) = field(base, PIP_SECRET_MOUNTS.name()).map(|secrets| &secrets.kind) {
                count += secrets.len();
            }
            node = base;
        }
        count
    }

    /// Notes the places of an image, with the fields of its bases below `base_image`.
    fn note(&self, node: &Node, path: &str, spans: &mut Spans, depth: usize) {
        if depth == 0 {
            note_places(node, path, spans);
        }
        let Some(base) = field(node, BASE_IMAGE.name()) else { return };
        let name = BASE_IMAGE.name();
        let inner = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match &base.kind {
            Kind::Text(name) if depth < MAX_DEPTH => {
                if let Some(named) = self.named.get(name.as_str()) {
                    note_places(named, &inner, spans);
                    // The place of the base itself is where it is named.
                    spans.set(inner.as_str(), base.span);
                    self.note(named, &inner, spans, depth + 1);
                }
            }
            Kind::Map(_) => self.note(base, &inner, spans, depth + 1),
            _ => {}
        }
    }

    /// Reports each circle once, at the first of its names.
    fn report_circles(&self, reader: &mut Reader<'t, '_>) {
        for start in self.named.keys() {
            let mut path = vec![*start];
            let mut places = Vec::new();
            let mut at = *start;
            while let Some((next, place)) = self.named.get(at).and_then(|node| self.named_base(node)) {
                places.push(place);
                if next == *start {
                    path.push(next);
                    if path.iter().all(|name| start <= name) {
                        reader.report(circle(&path, &places));
                    }
                    break;
                }
                if path.contains(&next) {
                    // A circle further on, which is reported at its own start.
                    break;
                }
                path.push(next);
                if path.len() > MAX_DEPTH {
                    reader.report(
                        Diagnostic::new(&rules::LIMIT, "too many images build on each other")
                            .with_label(place, format!("more than {MAX_DEPTH} images below `{start}`")),
                    );
                    break;
                }
                at = next;
            }
        }
    }

    /// The image of the file that a spec is built on, directly or through specs inside it.
    fn named_base(&self, node: &'t Node) -> Option<(&'t str, Span)> {
        let base = field(node, BASE_IMAGE.name())?;
        match &base.kind {
            Kind::Text(name) => self.named.get_key_value(name.as_str()).map(|(name, _)| (*name, base.span)),
            Kind::Map(_) => self.named_base(base),
            _ => None,
        }
    }
}

/// The value of a field of a spec as it is written.
fn field<'t>(node: &'t Node, name: &str) -> Option<&'t Node> {
    let Kind::Map(entries) = &node.kind else { return None };
    entries.iter().find(|entry| entry.key == name).map(|entry| &entry.value)
}

fn circle(path: &[&str], places: &[Span]) -> Diagnostic {
    let shown = path.join(" → ");
    let diagnostic = Diagnostic::new(&rules::CIRCLE, format!("images build on each other in a circle: {shown}"))
        .with_help("one of them has to start from an existing image");
    places
        .iter()
        .zip(path.iter().skip(1))
        .fold(diagnostic, |diagnostic, (place, name)| diagnostic.with_label(*place, format!("is built on `{name}`")))
}
