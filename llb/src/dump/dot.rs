//! A graph as DOT, the language of Graphviz (<https://graphviz.org/doc/info/lang.html>).

use std::fmt::Write as _;

use super::picture::Picture;
use crate::graph::Graph;

pub(super) fn write(graph: &Graph) -> String {
    let picture = Picture::new(graph);
    let mut out = "digraph llb {\n  rankdir=BT;\n  node [shape=box, style=filled, fontname=monospace];\n".to_owned();
    // Writing to a String cannot fail.
    for (id, part) in picture.boxes.iter().enumerate() {
        // `\l` ends a line and aligns it to the left.
        let label: String = part.lines.iter().map(|line| quoted(line) + "\\l").collect();
        let _ = writeln!(out, "  op{id} [label=\"{label}\", fillcolor=\"{}\"];", color(part.kind));
    }
    for arrow in &picture.arrows {
        let _ = write!(out, "  op{} -> op{}", arrow.from, arrow.to);
        let _ = match arrow.output {
            None => writeln!(out, ";"),
            Some(output) => writeln!(out, " [label=\"#{output}\"];"),
        };
    }
    out += "  root [label=\"root\", shape=ellipse, fillcolor=\"white\"];\n";
    match picture.root {
        Some((from, 0)) => drop(writeln!(out, "  op{from} -> root;")),
        Some((from, output)) => drop(writeln!(out, "  op{from} -> root [label=\"#{output}\"];")),
        None => {}
    }
    out + "}\n"
}

/// A text inside of `"…"`: a quote would end it, Graphviz reads `\N` and the like as its own, and `&lt;` as HTML has it.
fn quoted(text: &str) -> String {
    text.replace('&', "&amp;").replace('\\', "\\\\").replace('"', "\\\"")
}

fn color(kind: &str) -> &'static str {
    match kind {
        "source" => "#dbeafe",
        "exec" => "#fde68a",
        "file" => "#dcfce7",
        "merge" | "diff" => "#f3e8ff",
        _ => "#e5e7eb",
    }
}
