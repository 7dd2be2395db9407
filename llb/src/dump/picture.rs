//! What a drawing of a graph shows: boxes and arrows, in no language yet.
//!
//! Knows nothing of DOT or Mermaid; each of them quotes texts by its own rules.

use super::{describe, short};
use crate::graph::Graph;

/// More of a line does not fit into a box; the text dump has all of it.
const MAX_LINE_CHARS: usize = 80;
/// More lines make a box that hides the graph.
const MAX_LINES: usize = 12;

pub(super) struct Picture {
    pub(super) boxes: Vec<Box>,
    pub(super) arrows: Vec<Arrow>,
    /// The box that is the result, and which output of it; none for an empty filesystem.
    pub(super) root: Option<(usize, u32)>,
}

pub(super) struct Box {
    pub(super) kind: &'static str,
    /// The name or kind with the short digest, then what the op does.
    pub(super) lines: Vec<String>,
}

pub(super) struct Arrow {
    pub(super) from: usize,
    pub(super) to: usize,
    /// The number of the output, if not the first.
    pub(super) output: Option<u32>,
}

impl Picture {
    pub(super) fn new(graph: &Graph) -> Self {
        let order = graph.reachable();
        let mut positions = vec![0; graph.nodes.len()];
        for (position, id) in order.iter().enumerate() {
            if let Some(known) = positions.get_mut(id.index()) {
                *known = position;
            }
        }
        let position = |id: crate::OpId| positions.get(id.index()).copied().unwrap_or_default();
        let mut picture = Self { boxes: Vec::new(), arrows: Vec::new(), root: None };
        picture.root = graph.root().map(|root| (position(root.op), root.index));
        for (to, id) in order.into_iter().enumerate() {
            let Some(op) = graph.op(id) else { continue };
            let name = graph.note(id).and_then(|note| note.name.as_deref());
            let mut details = Vec::new();
            describe(graph, op, &mut details);
            let hidden = details.len().saturating_sub(MAX_LINES);
            details.truncate(MAX_LINES);
            if hidden > 0 {
                details.push(format!("… {hidden} more"));
            }
            let title = name.map_or_else(|| op.kind().to_owned(), |name| format!("{}: {name}", op.kind()));
            let lines = std::iter::once(format!("{} {}", short(graph, id), title)).chain(details);
            picture.boxes.push(Box { kind: op.kind(), lines: lines.map(|line| shortened(&line)).collect() });
            for input in op.inputs() {
                let output = (input.index > 0).then_some(input.index);
                picture.arrows.push(Arrow { from: position(input.op), to, output });
            }
        }
        picture
    }
}

/// One line of plain characters, not too long.
fn shortened(line: &str) -> String {
    let mut characters = line.chars();
    let mut text: String = characters.by_ref().take(MAX_LINE_CHARS).collect();
    if characters.next().is_some() {
        text.push('…');
    }
    super::visible(&text)
}
