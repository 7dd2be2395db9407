//! The graphs that are measured, op by op those of `go/main.go`; `run` fails where the bytes are others.

use buildkit_llb::{Diff, Exec, File, Graph, GraphBuilder, MkFile, Output, Platform, Source};

/// A way to build a graph of about that many ops.
pub(crate) type Shape = fn(usize) -> Graph;

/// Shapes by name.
pub(crate) const SHAPES: [(&str, Shape); 2] = [("chain", chain), ("fan", fan)];

fn base(graph: &mut GraphBuilder) -> (Output, Platform) {
    let platform = Platform::linux("amd64");
    (graph.source(Source::image("docker.io/library/debian:bookworm-slim", platform.clone())), platform)
}

fn step(number: usize, root: Output, platform: Platform) -> Exec {
    Exec::new(["/bin/step".to_owned(), number.to_string()], root, platform)
        .with_env("LANG", "C.UTF-8")
        .with_env("HOME", "/root")
}

/// Each op on the one before, files and processes in turn.
fn chain(size: usize) -> Graph {
    let mut graph = GraphBuilder::new();
    let (mut root, platform) = base(&mut graph);
    for number in 1..size {
        root = if number % 2 == 1 {
            graph.file(File::on(root).mkfile(MkFile::new(format!("/f{number}"), 0o644, number.to_string())))
        } else {
            graph.exec(step(number, root, platform.clone())).root().expect("writable")
        };
    }
    graph.finish(Some(root)).expect("sound")
}

/// Parallel processes, with their differences merged.
fn fan(size: usize) -> Graph {
    let mut graph = GraphBuilder::new();
    let (base, platform) = base(&mut graph);
    let mut layers = vec![Some(base)];
    for number in 0..(size - 2) / 2 {
        let root = graph.exec(step(number, base, platform.clone())).root().expect("writable");
        layers.push(Some(graph.diff(Diff::new(Some(base), root))));
    }
    let merged = graph.merge_all(layers);
    graph.finish(merged).expect("sound")
}
