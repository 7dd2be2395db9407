//! Graphs by which facts are gathered: the base's root filesystem, files of the context, what an interpreter says.
//!
//! Only builds them; solving and reading is the caller's business.

use buildkit_llb::{Copy, Exec, File, Graph, GraphBuilder, MkFile, Mount, Note, Output, Platform, Source, Wildcard};

#[cfg(doc)]
use crate::answer::InterpreterFact;
use crate::env::Env;
use crate::fixed::OUTPUT;
use crate::lower::files::local_source;
use crate::plan::LocalFilter;

/// The file that holds an interpreter's description ([`InterpreterFact::parse`]), in what answers
/// [`question::Interpreter`](crate::question::Interpreter) and [`question::Lock`](crate::question::Lock).
pub const INTERPRETER_FILE: &str = "interpreter";

/// Asks the interpreter that runs it. Its argument is the file to write.
pub(crate) const SAY: &str = include_str!("probe/interpreter.py");
pub(crate) const SAY_FILE: &str = "interpreter.py";

/// The root filesystem of a resolved image.
#[must_use]
pub(crate) fn base_root(reference: &str, platform: &Platform) -> Graph {
    single(|graph| {
        let base = graph.source(Source::image(reference, platform.clone()));
        graph.annotate(base.op(), Note::named(format!("[image] {reference}")));
        base
    })
}

/// A step for which an image's layers have to be there, and which makes nothing of them: a name that no image has is looked for.
/// Looking into the image through the gateway would do as well, but there one image is made ready after the other, the base among
/// them (`moby/buildkit: frontend/gateway/gateway.go`, `getMounter`).
#[must_use]
pub fn image_fetch(reference: &str, platform: &Platform) -> Graph {
    single(|graph| {
        let image = graph.source(Source::image(reference, platform.clone()));
        graph.annotate(image.op(), Note::named(format!("[image] {reference}")));
        let nothing = Copy { wildcard: Wildcard::MayMatchNothing, ..Copy::new(image, "/.imagespec-none-*", "/") };
        let fetched = graph.file(File::scratch().copy(nothing));
        graph.annotate(fetched.op(), Note::named(format!("[internal] load {reference}")));
        fetched
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

/// Runs an interpreter of a root filesystem; the result is a folder with [`INTERPRETER_FILE`]. It runs with the environment of
/// the base image's `config`, because shims and scripts depend on it.
pub(crate) fn interpreter(
    root: Graph,
    interpreter: &str,
    platform: &Platform,
    config: &serde_json::Value,
) -> Option<Graph> {
    let (mut graph, root) = root.reopen();
    let inputs = MkFile { timestamp: Some(0), ..MkFile::new(format!("/{SAY_FILE}"), 0o644, SAY) };
    let inputs = graph.file(File::scratch().mkfile(inputs));
    graph.annotate(inputs.op(), Note::named("[internal] write interpreter inputs"));
    let folder = format!("{}/ask", crate::fixed::MOUNTS);
    let (program, answer) = (format!("{folder}/{SAY_FILE}"), format!("{OUTPUT}/{INTERPRETER_FILE}"));
    // The root has an output nobody wants: without one it is read-only, and images that lack `/etc/hosts` could not be run.
    let exec = Exec::new([interpreter, "-I", &program, &answer], root?, platform.clone())
        .with_envs(Env::of_image(config).to_pairs())
        .with_mount(Mount::read_only(folder, inputs))
        .with_mount(Mount::scratch_output(OUTPUT));
    let outputs = graph.exec(exec);
    graph.annotate(outputs.op(), Note::named(format!("[internal] inspect {interpreter}")));
    graph.finish(outputs.at(OUTPUT)).ok()
}

fn single(build: impl FnOnce(&mut GraphBuilder) -> Output) -> Graph {
    let mut graph = GraphBuilder::new();
    let root = build(&mut graph);
    // One source with a scheme breaks no rule of the verifier.
    graph.finish(Some(root)).expect("a single source is a sound graph")
}
