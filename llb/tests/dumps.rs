//! Drawings of a graph, and hostile texts in all dumps. Graphviz and Mermaid are not run here.

use buildkit_llb::{Exec, File, Graph, GraphBuilder, MkFile, Mount, Note, Platform, Source};

const HOSTILE: &str = "\"] ; op9[\"x\\\"<script>&lt;`%%{init}%% style a:b#1;\nend\r\u{202e}\u{1b}[31m\u{0}]>{}|\\N\\";

fn graph(name: &str, text: &str) -> Graph {
    let amd64 = Platform::linux("amd64");
    let mut graph = GraphBuilder::new();
    let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
    let run = graph
        .exec(Exec::new(["echo", text], base, amd64).with_env("A", text).with_mount(Mount::scratch_output("/out")));
    graph.annotate(run.op(), Note::named(name));
    let file =
        graph.file(File::on(run.at("/out").expect("an output")).mkfile(MkFile::new(format!("/{text}"), 0o644, "x")));
    graph.finish(Some(file)).expect("sound")
}

#[test]
fn drawings() {
    let graph = graph("say \"hello\"", "hello");
    insta::assert_snapshot!("dot", graph.dump().dot());
    insta::assert_snapshot!("mermaid", graph.dump().mermaid());
}

#[test]
fn an_empty_graph_has_a_drawing() {
    let empty = GraphBuilder::new().finish(None).expect("sound");
    assert!(!empty.dump().dot().contains("->"));
    assert!(!empty.dump().mermaid().contains("-->"));
}

/// The text between the first two unescaped quotes, and the text after them.
fn label(line: &str, escapes: bool) -> (&str, &str) {
    let start = line.find('"').expect("a label") + 1;
    let mut is_escaped = false;
    let end = line[start..].find(|character| {
        let is_end = character == '"' && !is_escaped;
        is_escaped = escapes && character == '\\' && !is_escaped;
        is_end
    });
    let end = start + end.expect("an end");
    (&line[start..end], &line[end + 1..])
}

#[test]
fn hostile_texts_stay_in_their_place() {
    let plain = graph("name", "text");
    let hostile = graph(HOSTILE, HOSTILE);
    for dump in [hostile.dump().to_string(), hostile.dump().dot(), hostile.dump().mermaid()] {
        assert!(dump.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{dump:?}");
    }
    assert_eq!(hostile.dump().to_string().lines().count(), plain.dump().to_string().lines().count());

    let (dot, plain_dot) = (hostile.dump().dot(), plain.dump().dot());
    assert_eq!(dot.lines().count(), plain_dot.lines().count());
    for (line, plain) in dot.lines().zip(plain_dot.lines()).filter(|(line, _)| line.contains("[label=")) {
        assert_eq!(label(line, true).1, label(plain, true).1, "{line}");
        assert!(!label(line, true).0.replace("&amp;", "").contains('&'), "{line}");
    }
    let (mermaid, plain_mermaid) = (hostile.dump().mermaid(), plain.dump().mermaid());
    assert_eq!(mermaid.lines().count(), plain_mermaid.lines().count());
    for (line, plain) in mermaid.lines().zip(plain_mermaid.lines()).filter(|(line, _)| line.contains("[\"")) {
        let (text, rest) = label(line, false);
        assert_eq!(rest, label(plain, false).1, "{line}");
        assert!(!text.replace("<br/>", "").contains(['<', '>', '`', '%', '\\', ':', '&']), "{line}");
    }
}
