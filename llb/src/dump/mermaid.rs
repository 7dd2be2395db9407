//! A graph as a Mermaid flowchart (<https://mermaid.js.org/syntax/flowchart.html>), which code hosts draw in Markdown.

use std::fmt::Write as _;

use super::picture::Picture;
use crate::graph::Graph;

pub(super) fn write(graph: &Graph) -> String {
    let picture = Picture::new(graph);
    let mut out = "flowchart BT\n".to_owned();
    // Writing to a String cannot fail.
    for (id, part) in picture.boxes.iter().enumerate() {
        let label: Vec<String> = part.lines.iter().map(|line| quoted(line)).collect();
        let _ = writeln!(out, "  op{id}[\"{}\"]", label.join("<br/>"));
    }
    for arrow in &picture.arrows {
        let _ = match arrow.output {
            None => writeln!(out, "  op{} --> op{}", arrow.from, arrow.to),
            Some(output) => writeln!(out, "  op{} -->|\"output {output}\"| op{}", arrow.from, arrow.to),
        };
    }
    out += "  root([\"root\"])\n";
    match picture.root {
        Some((from, 0)) => drop(writeln!(out, "  op{from} --> root")),
        Some((from, output)) => drop(writeln!(out, "  op{from} -->|\"output {output}\"| root")),
        None => {}
    }
    out
}

/// A text inside of `"…"`. Mermaid knows no escapes but `#NN;`, and looks for its own signs with regular expressions before
/// it reads a line: quotes, tags, backticks, `%%`, `\n`, and `style…:…#…;`. So every character that is not plain text is written as a number.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        if character.is_alphanumeric() || " -_./,=+@…".contains(character) {
            out.push(character);
        } else {
            let _ = write!(out, "#{};", u32::from(character));
        }
    }
    out
}
