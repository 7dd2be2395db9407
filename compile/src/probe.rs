//! Graphs by which facts are gathered: the base's root filesystem, files of the context, what an interpreter says.
//!
//! Only builds them; solving and reading is the caller's business.

use buildkit_llb::{Exec, Graph, GraphBuilder, LocalSource, Mount, Note, Output, Platform, Source};

use crate::env::Env;
use crate::lower::files::local_source;
use crate::plan::LocalFilter;

/// The file that [`version_probe`]'s result holds.
pub const VERSION_FILE: &str = "version";

/// Asks the interpreter that runs it for its version. Its argument is the file to write.
const SAY_VERSION: &str = "import sys
with open(sys.argv[1], 'w') as out:
    out.write('.'.join(map(str, sys.version_info[:3])))
";

/// The root filesystem of a resolved image.
#[must_use]
pub fn base_root(reference: &str, platform: &Platform) -> Graph {
    single(|graph| {
        let base = graph.source(Source::image(reference, platform.clone()));
        graph.annotate(base.op(), Note::named(format!("[image] {reference}")));
        base
    })
}

/// Some files of the context, whatever its ignore file says.
#[must_use]
pub fn context_files(paths: &[String], session: Option<&str>, name: &str) -> Graph {
    single(|graph| {
        let local = graph.source(Source::local(LocalSource {
            session: session.map(str::to_owned),
            follow: paths.to_vec(),
            shared_key_hint: Some(format!("context:{name}")),
            ..LocalSource::new("context")
        }));
        graph.annotate(local.op(), Note::named(format!("[internal] load {name}")));
        local
    })
}

/// What a filter lets through of the context.
#[must_use]
pub fn context_listing(local: &LocalFilter, session: Option<&str>) -> Graph {
    single(|graph| {
        let source = graph.source(Source::local(local_source(local, session)));
        graph.annotate(source.op(), Note::named("[internal] load build context"));
        source
    })
}

/// Runs an interpreter of a root filesystem; the result is a folder with [`VERSION_FILE`]. It runs with the environment of the
/// base image's `config`, because shims and scripts depend on it.
#[must_use]
pub fn version_probe(
    root: &Graph,
    interpreter: &str,
    platform: &Platform,
    config: &serde_json::Value,
) -> Option<Graph> {
    const OUT: &str = "/dev/imagespec/out";
    let (mut graph, root) = root.clone().reopen();
    let file = format!("{OUT}/{VERSION_FILE}");
    let exec = Exec::discarding_root([interpreter, "-I", "-c", SAY_VERSION, &file], root?, platform.clone())
        .with_envs(Env::of_image(config).to_pairs())
        .with_mount(Mount::scratch_output(OUT));
    let outputs = graph.exec(exec);
    graph.annotate(outputs.op(), Note::named(format!("[internal] ask {interpreter} for its version")));
    graph.finish(outputs.at(OUT)).ok()
}

fn single(build: impl FnOnce(&mut GraphBuilder) -> Output) -> Graph {
    let mut graph = GraphBuilder::new();
    let root = build(&mut graph);
    // One source with a scheme breaks no rule of the verifier.
    graph.finish(Some(root)).expect("a single source is a sound graph")
}
