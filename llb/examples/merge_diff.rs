//! Independent changes to one base, as layers of their own: a change of one leaves the others' layers alone.
//!
//! With an argument, the graph is for a daemon without merge and diff: the same changes one after the other.
//!
//! ```sh
//! cargo run -p buildkit-llb --example merge_diff | buildctl build --output type=image,name=example/merged
//! cargo run -p buildkit-llb --example merge_diff -- old | buildctl build
//! ```

use std::io::Write as _;

use buildkit_llb::{CapSet, Diff, Exec, File, GraphBuilder, MkFile, Note, Platform, Source, caps};
use buildkit_proto::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let amd64 = Platform::linux("amd64");
    let mut graph = GraphBuilder::new();
    let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));

    let user = graph.exec(Exec::new(["useradd", "--create-home", "app"], base, amd64));
    graph.annotate(user.op(), Note::named("[user] app"));
    let motd = graph.file(File::on(base).mkfile(MkFile::new("/etc/motd", 0o644, "merged\n")));
    graph.annotate(motd.op(), Note::named("[motd] write"));

    let user = graph.diff(Diff::new(base, user.root()));
    let motd = graph.diff(Diff::new(base, motd));
    let merged = graph.merge_all([Some(base), Some(user), Some(motd)]);
    let mut graph = graph.finish(merged)?;

    if std::env::args().len() > 1 {
        let old: CapSet = caps::ALL.iter().copied().filter(|cap| !["mergeop", "diffop"].contains(cap)).collect();
        graph = graph.lower_for(&old)?.graph;
    }
    std::io::stdout().write_all(&graph.to_definition().encode_to_vec())?;
    Ok(())
}
