//! Untrusted bytes: decoding them results in a graph or an error, never in a crash, also with long graphs.

use base64::Engine as _;
use buildkit_llb::{DecodeError, Exec, File, Graph, GraphBuilder, MkFile, Op, Output, Platform, Source, caps};
use buildkit_proto::{Digest, Message as _, canonical, pb};

const VECTORS: &str = include_str!("../../testdata/vectors/vectors.jsonl");

/// Numbers that are the same in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }
}

fn definitions() -> impl Iterator<Item = Vec<u8>> {
    VECTORS.lines().map(|line| {
        let vector: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let text = vector["definition"].as_str().expect("a definition");
        base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
    })
}

/// What can be done with a graph, all of it.
fn use_up(graph: &Graph) {
    let definition = graph.to_definition();
    let again = Graph::from_definition(&definition).expect("what was written can be read");
    assert_eq!(again.to_definition().def, definition.def);
    assert!(!graph.dump().to_string().is_empty());
    assert!(graph.dump().json().is_object());
    let few = ["source.image", "exec.meta.base", "file.base", "exec.mount.bind"].into_iter().collect();
    if let Ok(lowered) = graph.lower_for(&few) {
        assert!(buildkit_llb::missing_caps(&lowered.graph, &few).is_empty());
    }
}

#[test]
fn broken_definitions_are_errors() {
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut read, mut refused) = (0, 0);
    for bytes in definitions().filter(|bytes| !bytes.is_empty()) {
        for round in 0..12 {
            let mut broken = bytes.clone();
            match round % 3 {
                0 => broken.truncate(numbers.below(bytes.len())),
                1 => {
                    for _ in 0..=numbers.below(3) {
                        let at = numbers.below(broken.len());
                        broken[at] ^= 1 << numbers.below(8);
                    }
                }
                _ => {
                    let (from, to) = (numbers.below(broken.len()), numbers.below(broken.len()));
                    broken[to] = broken[from];
                }
            }
            match Graph::from_bytes(&broken) {
                Ok(graph) => {
                    use_up(&graph);
                    read += 1;
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    refused += 1;
                }
            }
        }
    }
    assert!(read > 100 && refused > 1000, "{read} read, {refused} refused: both are looked at");
}

/// Invalid ops in a consistent definition.
#[test]
fn broken_ops_are_errors_or_kept_unchanged() {
    let mut numbers = Numbers(0x0123_4567_89ab_cdef);
    let mut kept = 0;
    for bytes in definitions().filter(|bytes| !bytes.is_empty()) {
        let definition = pb::Definition::decode(bytes.as_slice()).expect("a definition");
        let Some((_, ops)) = definition.def.split_last() else { continue };
        for _ in 0..6 {
            let mut op = ops[numbers.below(ops.len())].clone();
            let at = numbers.below(op.len());
            op[at] ^= 1 << numbers.below(8);
            let input = pb::Input { digest: Digest::from_content(&op).to_string(), index: 0 };
            let terminal = canonical::op(&pb::Op { inputs: vec![input], ..pb::Op::default() });
            let def = ops.iter().cloned().chain([op, terminal]).collect();
            if let Ok(graph) = Graph::from_definition(&pb::Definition { def, ..pb::Definition::default() }) {
                use_up(&graph);
                let root = graph.root().expect("not scratch");
                kept += usize::from(matches!(graph.op(root.op()), Some(Op::Foreign(_))));
            }
        }
    }
    assert!(kept > 20, "{kept} ops were none of this crate's");
}

#[test]
fn errors_name_the_problem() {
    let check = |definition: pb::Definition, expect: &str| {
        let error = Graph::from_definition(&definition).expect_err(expect).to_string();
        assert!(error.contains(expect), "{error:?} does not say {expect:?}");
    };
    let op = |op: pb::Op| canonical::op(&op);
    let reading = |digest: &str, index| {
        op(pb::Op { inputs: vec![pb::Input { digest: digest.to_owned(), index }], ..pb::Op::default() })
    };
    let exec = |exec: pb::ExecOp| op(pb::Op { op: Some(pb::op::Op::Exec(Box::new(exec))), ..pb::Op::default() });
    let of = |def: Vec<Vec<u8>>| pb::Definition { def, ..pb::Definition::default() };
    let constraints = Some(pb::WorkerConstraints::default());
    let source = pb::op::Op::Source(pb::SourceOp::default());
    let source = op(pb::Op { op: Some(source), constraints, ..pb::Op::default() });
    let digest = Digest::from_content(&source).to_string();
    check(of(vec![vec![0xff]]), "entry 0 of the definition is not an op");
    check(of(vec![source.clone()]), "names no result");
    check(of(vec![source.clone(), reading("sha256:00", 0)]), "\"sha256:00\", which is not in the definition");
    check(of(vec![source.clone(), reading(&digest, -1)]), "reads output -1");
    check(of(vec![source.clone(), reading(&digest, 1)]), "an input is not an output");
    check(of(vec![source.clone(), reading(&digest, 0)]), "the source \"\" has no scheme");
    let nothing = exec(pb::ExecOp::default());
    check(
        of(vec![nothing.clone(), reading(&Digest::from_content(&nothing).to_string(), 0)]),
        "an input is not an output",
    );
    let merge = op(pb::Op { op: Some(pb::op::Op::Merge(pb::MergeOp::default())), ..pb::Op::default() });
    let merge_digest = Digest::from_content(&merge).to_string();
    let graph = Graph::from_definition(&of(vec![merge, reading(&merge_digest, 0)])).expect("the daemon takes it too");
    assert!(matches!(graph.op(graph.root().expect("a root").op()), Some(Op::Foreign(_))));
    assert!(matches!(Graph::from_bytes(b"\x0a"), Err(DecodeError::Definition(_))));
}

/// An op of a BuildKit to come: unknown to this crate, and still there afterwards, byte for byte.
#[test]
fn ops_of_a_newer_buildkit_survive() {
    let mut graph = GraphBuilder::new();
    let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", Platform::linux("amd64")));
    let base = graph.finish(Some(base)).expect("sound").to_definition();
    let [image, _] = base.def.as_slice() else { panic!("an op and the terminal one") };
    let input = pb::Input { digest: Digest::from_content(image).to_string(), index: 0 };
    // Field 9 is not a known kind of op.
    let mut newer = canonical::op(&pb::Op { inputs: vec![input], ..pb::Op::default() });
    newer.extend([0x4a, 2, 0x08, 1]);
    let input = pb::Input { digest: Digest::from_content(&newer).to_string(), index: 3 };
    let terminal = canonical::op(&pb::Op { inputs: vec![input], ..pb::Op::default() });
    let def = vec![image.clone(), newer, terminal];
    let graph = Graph::from_definition(&pb::Definition { def: def.clone(), ..base }).expect("a graph");
    assert_eq!(graph.to_definition().def, def);

    let (mut graph, root) = graph.reopen();
    let more = graph.file(File::over(root).mkfile(MkFile::new("/a", 0o644, "")));
    let graph = graph.finish(Some(more)).expect("sound");
    assert_eq!(graph.reachable().len(), 3);
    assert_eq!(graph.lower_for(&caps::ALL.iter().copied().collect()).expect("nothing lacks").changes, []);
}

#[test]
fn long_chains_are_supported() {
    const LENGTH: usize = 100_000;
    let amd64 = Platform::linux("amd64");
    let mut graph = GraphBuilder::new();
    let mut root: Output = graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64.clone()));
    for number in 0..LENGTH / 2 {
        root = graph.file(File::on(root).mkfile(MkFile::new(format!("/{number}"), 0o644, "")));
        root = graph.exec(Exec::new(["touch", "/x"], root, amd64.clone())).root().expect("writable");
    }
    let graph = graph.finish(Some(root)).expect("sound");
    let bytes = graph.to_definition().encode_to_vec();
    let read = Graph::from_bytes(&bytes).expect("a graph");
    assert_eq!(read.reachable().len(), LENGTH + 1);
    assert_eq!(read.to_definition().encode_to_vec(), bytes);
    let lowered =
        read.lower_for(&["source.image", "exec.meta.base", "file.base", "exec.mount.bind"].into_iter().collect());
    assert_eq!(lowered.expect("only the path is set").graph.reachable().len(), LENGTH + 1);
}

/// A file op with a step that its result does not follow: what that reads belongs to the definition all the same.
#[test]
fn actions_outside_the_result_keep_their_inputs() {
    let source = |name: &str| pb::Op {
        op: Some(pb::op::Op::Source(pb::SourceOp { identifier: format!("local://{name}"), attrs: Vec::new() })),
        constraints: Some(pb::WorkerConstraints::default()),
        ..pb::Op::default()
    };
    let reading = |op: &[u8]| pb::Input { digest: Digest::from_content(op).to_string(), index: 0 };
    let mkdir = |input, output| pb::FileAction {
        input,
        secondary_input: -1,
        output,
        action: Some(pb::file_action::Action::Mkdir(pb::FileActionMkDir {
            path: "/a".to_owned(),
            mode: 0o755,
            timestamp: -1,
            ..Default::default()
        })),
    };
    let (followed, beside) = (canonical::op(&source("followed")), canonical::op(&source("beside")));
    let file = canonical::op(&pb::Op {
        inputs: vec![reading(&beside), reading(&followed)],
        op: Some(pb::op::Op::File(pb::FileOp { actions: vec![mkdir(0, -1), mkdir(1, 0)] })),
        constraints: Some(pb::WorkerConstraints::default()),
        platform: None,
    });
    let terminal = canonical::op(&pb::Op { inputs: vec![reading(&file)], ..pb::Op::default() });
    let def = vec![followed, beside, file, terminal];
    let graph = Graph::from_definition(&pb::Definition { def: def.clone(), ..Default::default() }).expect("a graph");
    assert!(matches!(graph.op(graph.root().expect("a root").op()), Some(Op::File(_))));
    assert_eq!(graph.to_definition().def, def);
}

/// A file op whose steps all read the one before them twice, and ops with very many inputs: time grows with the bytes.
#[test]
fn wide_and_tangled_ops_are_supported() {
    let constraints = || Some(pb::WorkerConstraints::default());
    let reading = |op: &[u8]| pb::Input { digest: Digest::from_content(op).to_string(), index: 0 };
    let read = |def: Vec<Vec<u8>>| {
        let last = def.last().map(|op| reading(op));
        let terminal = canonical::op(&pb::Op { inputs: last.into_iter().collect(), ..pb::Op::default() });
        let def = def.into_iter().chain([terminal]).collect();
        Graph::from_definition(&pb::Definition { def, ..pb::Definition::default() }).expect("a graph")
    };
    let copy = |number: i64| pb::FileAction {
        input: number - 1,
        secondary_input: number - 1,
        output: if number == 199 { 0 } else { -1 },
        action: Some(pb::file_action::Action::Copy(pb::FileActionCopy {
            src: "/".to_owned(),
            dest: "/".to_owned(),
            ..Default::default()
        })),
    };
    let file = pb::op::Op::File(pb::FileOp { actions: (0..200).map(copy).collect() });
    let tangled = canonical::op(&pb::Op { op: Some(file), constraints: constraints(), ..pb::Op::default() });
    use_up(&read(vec![tangled]));

    let source = |number: usize| {
        let source = pb::SourceOp { identifier: format!("https://example.com/{number}"), attrs: Vec::new() };
        canonical::op(&pb::Op { op: Some(pb::op::Op::Source(source)), constraints: constraints(), ..pb::Op::default() })
    };
    let mut def: Vec<Vec<u8>> = (0..20_000).map(source).collect();
    let inputs: Vec<pb::Input> = def.iter().map(|op| reading(op)).collect();
    let merge = pb::MergeOp { inputs: (0..20_000).map(|input| pb::MergeInput { input }).collect() };
    let merge = pb::op::Op::Merge(merge);
    let merge = pb::Op { inputs: inputs.clone(), op: Some(merge), constraints: constraints(), platform: None };
    let hands_on = pb::PassthroughOp { id: "p".to_owned(), outputs: (0..20_000).collect() };
    let hands_on = pb::op::Op::Passthrough(hands_on);
    let hands_on = pb::Op { inputs, op: Some(hands_on), constraints: constraints(), platform: None };
    let mut other = def.clone();
    def.push(canonical::op(&merge));
    other.push(canonical::op(&hands_on));
    for def in [def, other] {
        let graph = read(def);
        let root = graph.root().expect("a root");
        assert!(!matches!(graph.op(root.op()), Some(Op::Foreign(_))));
        assert_eq!(graph.reachable().len(), 20_001);
    }
}
