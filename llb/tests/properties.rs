//! Properties of all graphs and all bytes, tested with random ones.

use buildkit_llb::{
    Access, Copy, DecodeError, Diff, Exec, File, Graph, GraphBuilder, LocalSource, Location, MkDir, MkFile, Mount,
    Note, Op, Output, Passthrough, Platform, Rm, Sharing, Source, SourceFile, Symlink,
};
use buildkit_proto::{Digest, Message as _, pb};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// An op to be, whose inputs are any outputs there are by then.
#[derive(Clone, Debug)]
enum Recipe {
    Image(u8),
    Local(String),
    Exec {
        root: Index,
        other: Index,
        args: Vec<String>,
        env: Vec<(u8, String)>,
        mounts: u8,
        name: Option<String>,
    },
    File {
        base: Option<Index>,
        from: Index,
        actions: Vec<(u8, u8, String)>,
    },
    Merge(Vec<Index>),
    /// The second is the upper one: a difference to nothing is refused only where both are nothing.
    Diff(Option<Index>, Index),
    Passthrough(Index, Index),
}

fn recipe() -> impl Strategy<Value = Recipe> {
    // Any text but the zero byte, which no path and no argument can have.
    let text = || "[^\0]{0,8}";
    let exec = (any::<Index>(), any::<Index>(), vec(text(), 1..3), vec((any::<u8>(), text()), 0..3), any::<u8>());
    prop_oneof![
        any::<u8>().prop_map(Recipe::Image),
        "[a-z]{1,3}".prop_map(Recipe::Local),
        (exec, proptest::option::of(text())).prop_map(|((root, other, args, env, mounts), name)| Recipe::Exec {
            root,
            other,
            args,
            env,
            mounts,
            name
        }),
        (proptest::option::of(any::<Index>()), any::<Index>(), vec((0..5u8, any::<u8>(), text()), 1..4))
            .prop_map(|(base, from, actions)| Recipe::File { base, from, actions }),
        vec(any::<Index>(), 2..5).prop_map(Recipe::Merge),
        (any::<Option<Index>>(), any::<Index>()).prop_map(|(lower, upper)| Recipe::Diff(lower, upper)),
        (any::<Index>(), any::<Index>()).prop_map(|(one, other)| Recipe::Passthrough(one, other)),
    ]
}

fn recipes() -> impl Strategy<Value = Vec<Recipe>> {
    vec(recipe(), 1..24)
}

/// The graph of all recipes; the last output is the root.
fn build(recipes: &[Recipe]) -> Graph {
    let amd64 = Platform::linux("amd64");
    let mut graph = GraphBuilder::new();
    let file = graph.add_file(SourceFile::new("spec.yaml", "YAML", "a: b\n"));
    let mut outputs = vec![graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()))];
    for recipe in recipes {
        let pick = |index: &Index| *index.get(&outputs);
        let new: Vec<Output> = match recipe {
            Recipe::Image(tag) => {
                vec![graph.source(Source::image(&format!("docker.io/library/a:{tag}"), amd64.clone()))]
            }
            Recipe::Local(name) => vec![graph.source(LocalSource::new(name.clone()))],
            Recipe::Exec { root, other, args, env, mounts, name } => {
                let env = env.iter().map(|(name, value)| (format!("V{name}"), value.clone()));
                let mut exec = Exec::new(args.clone(), pick(root), amd64.clone()).with_envs(env);
                let all: [Mount; 6] = [
                    Mount::read_only("/in", pick(other)).with_selector("/a").into(),
                    Mount::scratch_output("/out").into(),
                    Mount::cache("/cache", "c", Sharing::Locked).into(),
                    Mount::secret("/secret", "s").with_mode(0o444).into(),
                    Mount::tmpfs("/tmp").with_size(1).into(),
                    Mount::bind("/gone", Some(pick(other)), Access::Discard).into(),
                ];
                for (bit, mount) in all.into_iter().enumerate() {
                    if mounts & (1 << bit) != 0 {
                        exec = exec.with_mount(mount);
                    }
                }
                let run = graph.exec(exec);
                let note = name.clone().map(Note::named).unwrap_or_default();
                graph.annotate(run.op(), note.at(Location { file, start: (1, 0), end: (1, 4) }));
                run.root().into_iter().chain(run.at("/out")).collect()
            }
            Recipe::File { base, from, actions } => {
                let from = pick(from);
                let file = actions.iter().fold(File::over(base.as_ref().map(pick)), |file, (action, number, text)| {
                    let path = format!("/p{number}");
                    match action {
                        0 => file.mkfile(MkFile::new(path, u32::from(*number), text.clone())),
                        1 => file.mkdir(MkDir::new(path, 0o755)),
                        2 => file.rm(Rm::new(path)),
                        3 => file.symlink(Symlink::new(path, "/link")),
                        _ => file.copy(Copy { create_dest_path: number % 2 == 0, ..Copy::new(from, path, "/to") }),
                    }
                });
                vec![graph.file(file)]
            }
            Recipe::Merge(layers) => {
                graph.merge_all(layers.iter().map(|layer| Some(pick(layer)))).into_iter().collect()
            }
            Recipe::Diff(lower, upper) => {
                vec![graph.diff(Diff::new(lower.as_ref().map(pick), Some(pick(upper))))]
            }
            Recipe::Passthrough(one, other) => {
                graph.passthrough(Passthrough::new("p").handing_on(pick(one)).after(pick(other)))
            }
        };
        outputs.extend(new);
    }
    graph.finish(outputs.last().copied()).expect("sound")
}

fn encoded(graph: &Graph) -> Vec<u8> {
    graph.to_definition().encode_to_vec()
}

/// What can be done with a graph, all of it.
fn use_up(graph: &Graph) {
    let again = Graph::from_bytes(&encoded(graph)).expect("what was written can be read");
    assert_eq!(again.to_definition(), graph.to_definition());
    assert!(graph.compare(&again).is_equal());
    assert!(graph.dump().to_string().lines().count() >= graph.reachable().len());
    assert!(graph.dump().dot().matches("[label=\"").count() > graph.reachable().len());
    let few = ["source.image", "exec.meta.base", "file.base", "exec.mount.bind"].into_iter().collect();
    if let Ok(lowered) = graph.lower_for(&few) {
        assert!(buildkit_llb::missing_caps(&lowered.graph, &few).is_empty());
    }
}

/// Ops on top of one that cannot be lowered are followed to their end, and no further.
#[test]
fn lowering_ends_above_missing_capabilities() {
    let mut graph = GraphBuilder::new();
    let first = graph.source(Source::image("docker.io/library/a:1", Platform::linux("amd64")));
    let second = graph.file(File::scratch().mkfile(MkFile::new("/a", 0o644, "")));
    let merged = graph.merge_all([Some(first), Some(second)]).expect("two layers");
    let file = graph.file(File::on(merged).rm(Rm::new("/b")).symlink(Symlink::new("/c", "/d")));
    let file = graph.file(File::on(file).symlink(Symlink::new("/e", "/f")));
    let graph = graph.finish(Some(file)).expect("sound");
    let few = ["source.image", "exec.meta.base", "file.base", "exec.mount.bind"].into_iter().collect();
    assert!(graph.lower_for(&few).is_err());
}

fn read(bytes: &[u8]) -> Result<(), DecodeError> {
    Graph::from_bytes(bytes).map(|graph| use_up(&graph))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Decoding returns the encoded ops, which encode to the same bytes.
    #[test]
    fn written_text_can_be_read(recipes in recipes()) {
        let graph = build(&recipes);
        let read = Graph::from_bytes(&encoded(&graph)).expect("a graph");
        prop_assert_eq!(encoded(&read), encoded(&graph));
        // Ops are in the form in which the daemon encodes them again.
        let definition = graph.to_definition();
        for op in definition.def.split_last().map_or([].as_slice(), |(_, ops)| ops) {
            let message = pb::Op::decode(op.as_slice()).expect("an op");
            prop_assert_eq!(&buildkit_proto::canonical::op(&message), op);
        }
        let (ids, read_ids) = (graph.reachable(), read.reachable());
        prop_assert_eq!(ids.len(), read_ids.len());
        for (id, read_id) in ids.into_iter().zip(read_ids) {
            let (op, read_op) = (graph.op(id).expect("there"), read.op(read_id).expect("there"));
            prop_assert_eq!(op.kind(), read_op.kind());
            prop_assert_eq!(graph.digest(id), read.digest(read_id));
            prop_assert!(!matches!(read_op, Op::Foreign(_)));
        }
        use_up(&graph);
    }

    /// Two graphs are equal where their bytes are, and each difference has a reason.
    #[test]
    fn a_comparison_misses_nothing(before in recipes(), after in recipes(), keep in any::<Index>()) {
        // The beginning of the one, the end of the other.
        let keep = keep.index(before.len());
        let after = build(&before.iter().take(keep).chain(&after).cloned().collect::<Vec<_>>());
        let before = build(&before);
        let comparison = before.compare(&after);
        prop_assert_eq!(comparison.is_equal(), before.to_definition().def == after.to_definition().def);
        let (mut added, mut removed, mut changed) = (0, 0, 0);
        for difference in comparison.differences() {
            match difference {
                buildkit_llb::Difference::Added { .. } => added += 1,
                buildkit_llb::Difference::Removed { .. } => removed += 1,
                buildkit_llb::Difference::Changed { own, inputs, before, after, .. } => {
                    prop_assert!(!own.is_empty() || !inputs.is_empty());
                    prop_assert_ne!(before.digest, after.digest);
                    prop_assert!(own.iter().all(|change| change.before != change.after || change.field == "encoding"));
                    changed += 1;
                }
            }
        }
        prop_assert_eq!(after.reachable().len(), comparison.unchanged() + changed + added);
        prop_assert_eq!(before.reachable().len(), comparison.unchanged() + changed + removed);
    }

    #[test]
    fn any_bytes_are_a_graph_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    /// A definition with some bytes changed, gone or doubled.
    #[test]
    fn broken_definitions_are_a_graph_or_an_error(
        recipes in recipes(),
        edits in vec((any::<Index>(), any::<u8>(), 0..3u8), 1..4),
    ) {
        let mut bytes = encoded(&build(&recipes));
        for (place, byte, edit) in edits {
            let place = place.index(bytes.len());
            match edit {
                0 => bytes[place] = byte,
                1 => drop(bytes.remove(place)),
                _ => bytes.insert(place, byte),
            }
            if bytes.is_empty() {
                break;
            }
        }
        let _ = read(&bytes);
    }

    /// An op with one changed byte, in a consistent definition.
    #[test]
    fn broken_ops_are_a_graph_or_an_error(recipes in recipes(), place in any::<Index>(), bit in 0..8u8) {
        let definition = build(&recipes).to_definition();
        let (_, ops) = definition.def.split_last().expect("a terminal op");
        let mut op = ops.last().expect("an op").clone();
        let place = place.index(op.len());
        op[place] ^= 1 << bit;
        let input = pb::Input { digest: Digest::from_content(&op).to_string(), index: 0 };
        let terminal = pb::Op { inputs: vec![input], ..pb::Op::default() }.encode_to_vec();
        let def = ops.iter().cloned().chain([op, terminal]).collect();
        let _ = Graph::from_definition(&pb::Definition { def, ..definition }).map(|graph| use_up(&graph));
    }
}

/// Nothing recurses along a graph, or takes time with the square of its size.
#[test]
fn deep_chains_are_supported() {
    const LENGTH: usize = 100_000;
    let amd64 = Platform::linux("amd64");
    let build = |last: &str| {
        let mut graph = GraphBuilder::new();
        let mut root = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
        for number in 1..LENGTH {
            let text = if number + 1 == LENGTH { last } else { "" };
            root = graph.file(File::on(root).mkfile(MkFile::new(format!("/{number}"), 0o644, text)));
        }
        graph.finish(Some(root)).expect("sound")
    };
    let graph = build("a");
    let again = Graph::from_bytes(&encoded(&graph)).expect("a graph");
    assert_eq!(again.reachable().len(), LENGTH);
    let comparison = again.compare(&build("b"));
    assert_eq!((comparison.differences().len(), comparison.unchanged()), (1, LENGTH - 1));
    assert_eq!(graph.dump().dot().matches(" -> ").count(), LENGTH);
    assert_eq!(graph.dump().mermaid().matches(" --> ").count(), LENGTH);
}
