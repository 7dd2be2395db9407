//! The smallest image: one file on nothing. No base image is fetched and nothing runs.
//!
//! ```sh
//! cargo run -p buildkit-llb --example scratch_hello | buildctl build --output type=local,dest=out
//! ```

use std::io::Write as _;

use buildkit_llb::{File, GraphBuilder, MkFile, Note};
use buildkit_proto::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut graph = GraphBuilder::new();
    let hello = graph.file(File::scratch().mkfile(MkFile::new("/hello.txt", 0o644, "hello\n")));
    graph.annotate(hello.op(), Note::named("write a greeting"));
    let graph = graph.finish(Some(hello))?;
    std::io::stdout().write_all(&graph.to_definition().encode_to_vec())?;
    Ok(())
}
