//! Graphs that gather facts: the base's root filesystem, files of the context, the description of an interpreter.
//!
//! This module only builds the graphs; the caller solves them and reads the results.

use buildkit_llb::{
    Copy, Exec, File, Graph, GraphBuilder, MkFile, Mount, Network, Note, Output, Platform, Source, Wildcard,
};

#[cfg(doc)]
use crate::answer::{InstalledPackage, InterpreterFact, SurveyFact};
use crate::env::Env;
use crate::fixed::{OUTPUT, SURVEYED_FILES};
use crate::lower::files::local_source;
use crate::outcome::SurveyRecipe;
use crate::plan::{LocalFilter, Plan};

/// The file with an interpreter's description ([`InterpreterFact::parse`]).
pub(crate) const INTERPRETER_FILE: &str = "interpreter";

/// The file with what a survey has found ([`SurveyFact::parse`]).
pub(crate) const SURVEY_FILE: &str = "survey";

/// The file with the packages of an interpreter ([`InstalledPackage::parse_all`]).
pub(crate) const INSTALLED_FILE: &str = "installed";

/// The folder next to it with wheels that have only the metadata of these packages.
pub(crate) const WHEELS_FOLDER: &str = "wheels";

/// Reports the interpreter that runs it. Its argument is the output file.
const PROBE_FILE: &str = "interpreter.py";
const PROBE: &str = include_str!("probe/interpreter.py");

/// Describes a root filesystem, with [`PROBE`] for its interpreters.
const SURVEY: &str = include_str!("probe/survey.sh");

/// Lists the packages of the interpreter that runs it. Its argument is the output folder.
const PACKAGES: &str = include_str!("probe/installed.py");

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

/// The folder with [`INTERPRETER_FILE`] for an interpreter of a root filesystem.
pub(crate) fn interpreter(graph: &mut GraphBuilder, root: Output, path: &str, plan: &Plan) -> Option<Output> {
    let answer = format!("{OUTPUT}/{INTERPRETER_FILE}");
    run(graph, root, plan, &[(PROBE_FILE, PROBE)], &[path, "-I", &input(PROBE_FILE), &answer])
}

/// The folder with [`INSTALLED_FILE`] and [`WHEELS_FOLDER`] for an interpreter of a root filesystem.
pub(crate) fn packages(graph: &mut GraphBuilder, root: Output, path: &str, plan: &Plan) -> Option<Output> {
    const FILE: &str = "packages.py";
    run(graph, root, plan, &[(FILE, PACKAGES)], &[path, "-I", &input(FILE), OUTPUT])
}

/// The folder with [`SURVEY_FILE`] for a root filesystem.
pub(crate) fn survey(graph: &mut GraphBuilder, root: Output, survey: &SurveyRecipe) -> Option<Output> {
    const FILE: &str = "survey.sh";
    let (program, describe) = (input(FILE), input(PROBE_FILE));
    let folders = survey.folders.iter().flat_map(|folder| ["folder", folder]);
    let files = SURVEYED_FILES.iter().flat_map(|file| ["file", file]);
    let programs = survey.program.iter().flat_map(|program| ["program", program]);
    let words = ["/bin/sh", &program, OUTPUT, &describe].into_iter().chain(folders).chain(files).chain(programs);
    let words: Vec<&str> = words.collect();
    run(graph, root, &survey.root.plan, &[(PROBE_FILE, PROBE), (FILE, SURVEY)], &words)
}

/// Runs a script in a root filesystem. It runs with the environment in the base image's config, on which shims and wrapper scripts depend,
/// and without network.
fn run(graph: &mut GraphBuilder, root: Output, plan: &Plan, files: &[(&str, &str)], words: &[&str]) -> Option<Output> {
    let inputs = files.iter().fold(File::scratch(), |file, (name, script)| {
        file.mkfile(MkFile { timestamp: Some(0), ..MkFile::new(format!("/{name}"), 0o644, *script) })
    });
    let inputs = graph.file(inputs);
    graph.annotate(inputs.op(), Note::named("[internal] write scripts"));
    let (platform, config) = (plan.platform.clone(), &plan.common.base_config);
    // The root has an output, although it is not used: without one it is read-only, and images without `/etc/hosts` could not run.
    let exec = Exec::new(words.iter().copied(), root, platform)
        .with_envs(Env::from_image_config(config).to_pairs())
        .with_network(Network::None)
        .with_mount(Mount::read_only(input_folder(), inputs))
        .with_mount(Mount::scratch_output(OUTPUT));
    let outputs = graph.exec(exec);
    let inspected = words.first().filter(|program| **program != "/bin/sh").unwrap_or(&"the base image");
    graph.annotate(outputs.op(), Note::named(format!("[internal] inspect {inspected}")));
    outputs.at(OUTPUT)
}

/// The path of an input file of a script.
fn input(name: &str) -> String {
    format!("{}/{name}", input_folder())
}

fn input_folder() -> String {
    format!("{}/ask", crate::fixed::MOUNTS)
}

fn single(build: impl FnOnce(&mut GraphBuilder) -> Output) -> Graph {
    let mut graph = GraphBuilder::new();
    let root = build(&mut graph);
    // A single source with a scheme always passes verification.
    graph.finish(Some(root)).expect("a single source is a sound graph")
}
