//! One spec, one graph: every entrance sends the same vertices, so all share a cache and result in the same image.

use std::collections::{BTreeMap, BTreeSet};

use imagespec_e2e::archive::Archive;
use imagespec_e2e::build::{Build, Built, Output};
use imagespec_e2e::provenance::Graph;
use imagespec_e2e::scan::Needles;
use imagespec_e2e::status::Vertex;
use imagespec_e2e::way::{Daemon, Entrance, Way};

use crate::{Case, Context, scenario};

pub(crate) fn cases() -> Vec<Case> {
    scenario("digests", [Way::new(Daemon::Buildkitd, Entrance::Buildctl)], same_digests).collect()
}

fn same_digests(context: &Context<'_>) {
    context.space.fill("main");
    // This test needs its own content: if another test runs a step with equal content at the same time, the step has two results with
    // different times, and each build uses one of them.
    context.space.write("src/only_here.py", "MARKER = \"@MARKER@\"\n");
    context.space.write("data/marker.txt", "@MARKER@\n");
    let entrances = [Entrance::Buildctl, Entrance::Docker, Entrance::Imagespec];
    let builds = entrances.map(|entrance| (entrance, build(context, entrance)));
    let (_, (first, first_archive)) = &builds[0];
    let graph = Graph::recorded(first_archive);
    graph_is_whole(&graph);
    for (entrance, (built, archive)) in &builds {
        same_graph(&graph, &Graph::recorded(archive), &entrance.to_string());
        assert_eq!(
            steps_without_local_sources(first),
            steps_without_local_sources(built),
            "{entrance}: steps without the context have the same digests in every session"
        );
        assert_eq!(diff_ids(first_archive), diff_ids(archive), "{entrance}: the same layers");
        assert_eq!(first_archive.config, archive.config, "{entrance}: the same image config");
        no_secret_in_provenance(context, archive);
    }

    // The output of `imagespec compile` is the same graph, according to the digests of its bytes.
    let compile = Build::new(context.world, &context.space, Way::new(Daemon::Buildkitd, Entrance::Imagespec));
    let compiled = Graph::from_definition(&context.world.lab, compile.definition().stdout);
    same_graph(&graph, &compiled, "compile");

    // The same definition solved by another client results in the same root filesystem.
    let (_, archive) = build(context, Entrance::Compile);
    assert_eq!(diff_ids(first_archive), diff_ids(&archive), "compile | buildctl: the same layers");
    assert_eq!(first_archive.config["config"], archive.config["config"], "compile | buildctl: the same image config");
}

fn build(context: &Context<'_>, entrance: Entrance) -> (Built, Archive) {
    let file = context.space.sibling(&format!("{entrance}.tar"));
    let build = Build::new(context.world, &context.space, Way::new(Daemon::Buildkitd, entrance));
    let build = build.with_netrc().with_provenance().output(Output::File("oci", file.clone()));
    let built = build.ok();
    let archive = Archive::read(&file);
    (built, archive)
}

#[track_caller]
fn same_graph(first: &Graph, second: &Graph, entrance: &str) {
    let (local, others) = (first.masked(), first.without_local_sources());
    assert!(others.len() < local.len(), "{entrance}: some ops depend on the context");
    assert_eq!(second.without_local_sources(), others, "{entrance}: digests as they are");
    assert_eq!(second.masked(), local, "{entrance}: digests without the session");
}

/// Checks that the graph is complete, because equal graphs prove nothing otherwise.
fn graph_is_whole(graph: &Graph) {
    let kinds = graph.kinds();
    // Execs: apt, environment, the three that answer questions, and one for each group of packages, whose number depends on the newest
    // versions on the index.
    let groups = kinds.get("exec").copied().unwrap_or_default().saturating_sub(2 + 3);
    assert!(groups > 4, "the packages are many steps: {graph:#?}");
    // Sources: base, uv, Python, and the context twice. Files: the input of groups and of the environment, source, copy. Groups have no
    // diffs, because they are installed apart from the base. Each answer has inputs and a record, and the lock has two inputs.
    let expected = [("diff", 4), ("exec", 2 + 3 + groups), ("file", 4 + 7), ("merge", 1), ("source", 5)];
    assert_eq!(kinds, BTreeMap::from(expected), "{graph:#?}");
    let others = graph.without_local_sources().len();
    assert_eq!(
        others,
        9 + 10 + groups,
        "images, inputs, execs, records, and diffs of apt and the environment: {graph:#?}"
    );
}

/// Digests of the steps that do not depend on local sources, whose digests differ between sessions. Names are not compared: if
/// another build runs a step at the same time, the step has that build's name.
fn steps_without_local_sources(built: &Built) -> BTreeSet<String> {
    let vertices: BTreeMap<&str, &Vertex> = built.status.vertices.iter().map(|v| (v.digest.as_str(), v)).collect();
    let local: BTreeSet<&str> =
        built.status.vertices.iter().filter(|v| is_local(v, &vertices)).map(|v| &*v.digest).collect();
    assert!(!local.is_empty(), "some steps depend on the context");
    let others = built.status.steps().filter(|vertex| !local.contains(vertex.digest.as_str()));
    // Our command line may know answers from an earlier build. The steps that find answers are recognized by their label, because the
    // rest of the name may be that of another build, for example one for several platforms.
    let others: Vec<&Vertex> = others.filter(|vertex| !matches!(vertex.label(), Some(("internal", _)))).collect();
    assert!(others.iter().any(|vertex| vertex.name == "[apt] tree, jq"), "{others:?}");
    others.into_iter().map(|vertex| vertex.digest.clone()).collect()
}

fn is_local(vertex: &Vertex, vertices: &BTreeMap<&str, &Vertex>) -> bool {
    vertex.name.starts_with("[internal] load build context")
        || vertex.inputs.iter().filter_map(|input| vertices.get(input.as_str())).any(|input| is_local(input, vertices))
}

fn diff_ids(archive: &Archive) -> Vec<&str> {
    archive.layers.iter().map(|layer| layer.diff_id.as_str()).collect()
}

fn no_secret_in_provenance(context: &Context<'_>, archive: &Archive) {
    let needles = Needles::for_index(&context.world.lab.private_index);
    let statements = archive.documents.iter().filter(|(_, bytes)| {
        bytes.windows(b"slsa.dev/provenance".len()).any(|window| window == b"slsa.dev/provenance")
    });
    let mut count = 0;
    for (name, bytes) in statements {
        needles.absent_from(name, bytes);
        count += 1;
    }
    assert!(count > 0, "the archive has a provenance");
}
