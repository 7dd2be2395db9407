//! Graphs that gather facts: the base's root filesystem, files of the context, the description of an interpreter.
//!
//! This module only builds the graphs; the caller solves them and reads the results.

use buildkit_llb::{
    Copy, Exec, File, Graph, GraphBuilder, MkFile, Mount, Network, Note, Output, Platform, Source, Wildcard,
};

#[cfg(doc)]
use crate::answer::{InstalledPackage, InterpreterFact};
use crate::env::Env;
use crate::fixed::OUTPUT;
use crate::lower::files::local_source;
use crate::plan::LocalFilter;

/// The file with an interpreter's description ([`InterpreterFact::parse`]), in the result for
/// [`question::Interpreter`](crate::question::Interpreter).
pub const INTERPRETER_FILE: &str = "interpreter";

/// The file with the packages of an interpreter ([`InstalledPackage::parse_all`]), in the result for
/// [`question::Installed`](crate::question::Installed).
pub const INSTALLED_FILE: &str = "installed";

/// The folder next to it with wheels that have only the metadata of these packages.
pub(crate) const WHEELS_FOLDER: &str = "wheels";

/// Reports the interpreter that runs it. Its argument is the output file.
const PROBE: &str = include_str!("probe/interpreter.py");

/// Lists the packages of the interpreter that runs it. Its argument is the output folder.
const PACKAGES: &str = include_str!("probe/installed.py");

/// The root filesystem of a resolved image.
#[must_use]
pub(crate) fn base_root(reference: &str, platform: &Platform) -> Graph {
    single(|graph| {
        let base = graph.source(Source::image(reference, platform.clone()));
        graph.annotate(base.op(), Note::named(format!("[image] {reference}")));
        base
    })
}

/// A step that needs an image's layers and changes nothing: it looks for a file that no image has. Reading a file of the image through
/// the gateway would pull it too, but the gateway prepares images one after the other, including the base
/// (`moby/buildkit: frontend/gateway/gateway.go`, `getMounter`).
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

/// The files of the context that pass a filter.
#[must_use]
pub fn context_listing(local: &LocalFilter, session: Option<&str>) -> Graph {
    single(|graph| {
        let source = graph.source(Source::local(local_source(local, session)));
        graph.annotate(source.op(), Note::named("[internal] load build context"));
        source
    })
}

/// Runs an interpreter of a root filesystem; the result is a folder with [`INTERPRETER_FILE`].
pub(crate) fn interpreter(root: Graph, path: &str, platform: &Platform, config: &serde_json::Value) -> Option<Graph> {
    let (mut graph, root) = root.reopen();
    let answer = format!("{OUTPUT}/{INTERPRETER_FILE}");
    let output = run(&mut graph, root?, platform, config, (path, PROBE, &answer));
    graph.finish(output).ok()
}

/// Runs an interpreter of a root filesystem to list its packages; the result is a folder with [`INSTALLED_FILE`].
pub(crate) fn installed(root: Graph, path: &str, platform: &Platform, config: &serde_json::Value) -> Option<Graph> {
    let (mut graph, root) = root.reopen();
    let output = packages(&mut graph, root?, path, platform, config);
    graph.finish(output).ok()
}

/// The folder with [`INSTALLED_FILE`] and [`WHEELS_FOLDER`].
pub(crate) fn packages(
    graph: &mut GraphBuilder,
    root: Output,
    path: &str,
    platform: &Platform,
    config: &serde_json::Value,
) -> Option<Output> {
    run(graph, root, platform, config, (path, PACKAGES, OUTPUT))
}

/// Runs a script with an interpreter of a root filesystem. It runs with the environment in the base image's `config`, on which shims and
/// wrapper scripts depend, and without network.
fn run(
    graph: &mut GraphBuilder,
    root: Output,
    platform: &Platform,
    config: &serde_json::Value,
    (interpreter, script, argument): (&str, &str, &str),
) -> Option<Output> {
    const FILE: &str = "ask.py";
    let inputs = MkFile { timestamp: Some(0), ..MkFile::new(format!("/{FILE}"), 0o644, script) };
    let inputs = graph.file(File::scratch().mkfile(inputs));
    graph.annotate(inputs.op(), Note::named("[internal] write interpreter inputs"));
    let folder = format!("{}/ask", crate::fixed::MOUNTS);
    let program = format!("{folder}/{FILE}");
    // The root has an output, although it is not used: without one it is read-only, and images without `/etc/hosts` could not run.
    let exec = Exec::new([interpreter, "-I", &program, argument], root, platform.clone())
        .with_envs(Env::from_image_config(config).to_pairs())
        .with_network(Network::None)
        .with_mount(Mount::read_only(folder, inputs))
        .with_mount(Mount::scratch_output(OUTPUT));
    let outputs = graph.exec(exec);
    graph.annotate(outputs.op(), Note::named(format!("[internal] inspect {interpreter}")));
    outputs.at(OUTPUT)
}

fn single(build: impl FnOnce(&mut GraphBuilder) -> Output) -> Graph {
    let mut graph = GraphBuilder::new();
    let root = build(&mut graph);
    // A single source with a scheme always passes verification.
    graph.finish(Some(root)).expect("a single source is a sound graph")
}
