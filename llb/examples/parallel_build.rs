//! Three programs in one image at the same time, each in its own directory, and a fourth that needs all of them.
//! BuildKit runs independent ops in parallel by itself.
//!
//! ```sh
//! cargo run -p buildkit-llb --example parallel_build | buildctl build --output type=local,dest=out
//! ```

use std::io::Write as _;

use buildkit_llb::{Exec, GraphBuilder, Mount, Network, Note, Platform, Source};
use buildkit_proto::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let amd64 = Platform::linux("amd64");
    let mut graph = GraphBuilder::new();
    let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
    let sh = |script: &str| {
        // What a step does to the rootfs is thrown away; what counts is what it puts into its mounts.
        Exec::reading_root(["/bin/sh", "-c", script], base, amd64.clone()).with_network(Network::None)
    };
    let mut link = sh("sort /parts/*/part > /out/all");
    for part in ["one", "two", "three"] {
        let script = format!("sleep 2; date +%T.%N > /out/part; echo {part} >> /out/part");
        let made = graph.exec(sh(&script).with_mount(Mount::scratch_output("/out")));
        graph.annotate(made.op(), Note::named(format!("[parts] {part}")));
        let out = made.at("/out").ok_or("a writable mount has an output")?;
        link = link.with_mount(Mount::read_only(format!("/parts/{part}"), out));
    }
    // The rootfs is read-only, so the folder of the parts is a tmpfs.
    let linked = graph.exec(link.with_mount(Mount::tmpfs("/parts")).with_mount(Mount::scratch_output("/out")));
    graph.annotate(linked.op(), Note::named("[all] put together"));
    let graph = graph.finish(linked.at("/out"))?;
    std::io::stdout().write_all(&graph.to_definition().encode_to_vec())?;
    Ok(())
}
