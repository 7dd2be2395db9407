//! One spec, one graph: every entrance gives the daemon the same vertices, so all share one cache and make one image.

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
    // Content of this test's own: a step that another test runs on equal content at the same time has two results, whose times
    // differ, and each build takes one of them.
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
            "{entrance}: what the context has no part in has the same digests in every session"
        );
        assert_eq!(diff_ids(first_archive), diff_ids(archive), "{entrance}: the same layers");
        assert_eq!(first_archive.config, archive.config, "{entrance}: the same image config");
        no_secret_in_provenance(context, archive);
    }

    // What `imagespec compile` prints is that graph too, by the digests of its own bytes.
    let compile = Build::new(context.world, &context.space, Way::new(Daemon::Buildkitd, Entrance::Imagespec));
    let compiled = Graph::of_definition(&context.world.lab, compile.definition().stdout);
    same_graph(&graph, &compiled, "compile");

    // The same definition solved by somebody else's client: the same root filesystem.
    let (_, archive) = build(context, Entrance::Compile);
    assert_eq!(diff_ids(first_archive), diff_ids(&archive), "compile | buildctl: the same layers");
    assert_eq!(first_archive.config["config"], archive.config["config"], "compile | buildctl: the same image config");
}

fn build(context: &Context<'_>, entrance: Entrance) -> (Built, Archive) {
    let file = context.space.beside(&format!("{entrance}.tar"));
    let build = Build::new(context.world, &context.space, Way::new(Daemon::Buildkitd, entrance));
    let build = build.with_netrc().with_provenance().output(Output::File("oci", file.clone()));
    let built = build.ok();
    let archive = Archive::read(&file);
    (built, archive)
}

#[track_caller]
fn same_graph(first: &Graph, second: &Graph, entrance: &str) {
    let (local, others) = (first.masked(), first.beside_local_sources());
    assert!(others.len() < local.len(), "{entrance}: some ops stand on the context");
    assert_eq!(second.beside_local_sources(), others, "{entrance}: digests as they are");
    assert_eq!(second.masked(), local, "{entrance}: digests without the session");
}

/// Equal graphs are no proof unless everything is in them.
fn graph_is_whole(graph: &Graph) {
    let kinds = graph.kinds();
    // Execs: apt, environment, and one for each group of packages, of which the index's newest versions decide the number.
    let groups = kinds.get("exec").copied().unwrap_or_default().saturating_sub(2);
    assert!(groups > 4, "the packages are many steps: {graph:#?}");
    // Sources: base, uv, and the context twice. Files: what installs groups, source, copy.
    let expected = [("diff", 4 + groups), ("exec", 2 + groups), ("file", 3), ("merge", 1), ("source", 4)];
    assert_eq!(kinds, BTreeMap::from(expected), "{graph:#?}");
    let others = graph.beside_local_sources().len();
    assert_eq!(others, 7 + 2 * groups, "base, uv, installer, execs, and diffs of all but source and copy: {graph:#?}");
}

/// Digests of the steps that no local source leads to; those differ per session. Not by name: a step that another build runs at
/// the same time has that build's.
fn steps_without_local_sources(built: &Built) -> BTreeSet<String> {
    let vertices: BTreeMap<&str, &Vertex> = built.status.vertices.iter().map(|v| (v.digest.as_str(), v)).collect();
    let local: BTreeSet<&str> =
        built.status.vertices.iter().filter(|v| is_local(v, &vertices)).map(|v| &*v.digest).collect();
    assert!(!local.is_empty(), "some steps stand on the context");
    let others = built.status.steps().filter(|vertex| !local.contains(vertex.digest.as_str()));
    // What is asked for beside the image our command line may know from an earlier build. Known by its label, whatever the rest
    // of a name is: that of a build for several platforms, if one asks for the same at the same time.
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
    let needles = Needles::of(&context.world.lab.private_index);
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
