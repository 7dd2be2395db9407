//! A folder of a git repository as the result. The argument is a URL, `#reference:folder` included.
//!
//! ```sh
//! cargo run -p buildkit-llb --example git_source -- https://github.com/moby/buildkit.git#v0.32.2:docs |
//!     buildctl build --output type=local,dest=docs
//! ```

use std::io::Write as _;

use buildkit_llb::{GitSource, GraphBuilder, Note};
use buildkit_proto::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args().nth(1);
    let url = url.as_deref().unwrap_or("https://github.com/moby/buildkit.git#v0.32.2:docs");
    let mut graph = GraphBuilder::new();
    let source = graph.source(GitSource { skip_submodules: true, ..GitSource::parse(url)? });
    graph.annotate(source.op(), Note::named(format!("[git] {url}")));
    let graph = graph.finish(Some(source))?;
    std::io::stdout().write_all(&graph.to_definition().encode_to_vec())?;
    Ok(())
}
