//! What a graph promises: identity by content, order-free bytes, notes outside the digest, violations instead of bad bytes.

use std::collections::BTreeMap;

use buildkit_llb::{
    Access, BlobSource, ContentCache, Copy, Diff, Exec, File, GitBundle, GitSource, Graph, GraphBuilder, LocalSource,
    Location, Merge, MkDir, MkFile, Mount, Note, Output, Owner, Platform, Rule, Sharing, Source, SourceFile, User,
    missing_caps,
};
use buildkit_proto::{CapSet, Digest, Message as _, map, pb};

fn amd64() -> Platform {
    Platform::linux("amd64")
}

fn base(graph: &mut GraphBuilder) -> Output {
    graph.source(Source::image("docker.io/library/debian:bookworm-slim", amd64()))
}

/// A graph with one op of every kind.
fn sample(reverse: bool) -> Graph {
    let mut graph = GraphBuilder::new();
    let (base, local) = if reverse {
        let local = graph.source(Source::local(LocalSource::new("context")));
        (base(&mut graph), local)
    } else {
        let base = base(&mut graph);
        (base, graph.source(Source::local(LocalSource::new("context"))))
    };
    let run = graph.exec(
        Exec::new(["/bin/true"], base, amd64())
            .with_env("B", "2")
            .with_env("A", "1")
            .with_mount(Mount::cache("/var/cache/apt", "apt", Sharing::Locked))
            .with_mount(Mount::secret("/dev/secret", "token"))
            .with_mount(Mount::read_only("/dev/in", local).with_selector("/sub")),
    );
    let root = run.root().expect("the root is writable");
    let files = graph.file(
        File::on(base)
            .mkdir(MkDir::new("/root/a", 0o755))
            .mkfile(MkFile::new("/root/a/b", 0o644, "x"))
            .copy(Copy { create_dest_path: true, ..Copy::new(local, "/src", "/root/src") }),
    );
    let upper = graph.diff(Diff::new(Some(base), root));
    let lower = graph.diff(Diff::new(Some(base), files));
    let merged = graph.merge(Merge::new(base, upper).with(lower));
    let graph = graph.finish(Some(merged)).expect("sound");
    // `just vectors` has Go read and write again what this project emits.
    if let Some(folder) = std::env::var_os("IMAGESPEC_DEFINITIONS") {
        let file = std::path::Path::new(&folder).join(format!("llb-sample-{reverse}.pb"));
        std::fs::write(file, graph.to_definition().encode_to_vec()).expect("the folder can be written to");
    }
    graph
}

#[test]
fn bytes_do_not_depend_on_insertion_order() {
    assert_eq!(sample(false).to_definition().encode_to_vec(), sample(true).to_definition().encode_to_vec());
}

#[test]
fn equal_ops_are_one_op() {
    let mut graph = GraphBuilder::new();
    assert_eq!(base(&mut graph), base(&mut graph));
}

#[test]
fn inputs_come_first_and_the_last_op_names_the_result() {
    let definition = sample(false).to_definition();
    let metadata = map::from_metadata(&definition.metadata);
    let mut seen = Vec::new();
    for bytes in &definition.def {
        let op = pb::Op::decode(bytes.as_slice()).expect("an op");
        for input in &op.inputs {
            assert!(seen.contains(&input.digest), "{} is used before it is defined", input.digest);
        }
        let digest = Digest::from_content(bytes).to_string();
        assert!(metadata.contains_key(&digest), "every op has metadata, the terminal one included");
        seen.push(digest);
    }
    let terminal = pb::Op::decode(definition.def.last().expect("not empty").as_slice()).expect("an op");
    assert_eq!((terminal.op, terminal.inputs.len()), (None, 1));
}

#[test]
fn notes_change_no_digest() {
    let build = |note: Note| {
        let mut graph = GraphBuilder::new();
        let file = SourceFile {
            filename: "spec.yaml".to_owned(),
            data: b"a: 1\n".to_vec(),
            language: "YAML".to_owned(),
            definition: None,
        };
        graph.add_file(file);
        let base = base(&mut graph);
        graph.annotate(base.op(), note);
        graph.finish(Some(base)).expect("sound").to_definition()
    };
    let location = Location { file: 0, start: (1, 0), end: (1, 4) };
    let (plain, noted) = (build(Note::default()), build(Note::named("base").at(location)));
    assert_eq!(plain.def, noted.def);
    assert_ne!(plain.metadata, noted.metadata);
    let source = noted.source.expect("a source map");
    assert_eq!(source.locations.len(), 1);
    assert!(plain.source.expect("a source map").locations.is_empty(), "no empty entries");
}

#[test]
fn outputs_are_numbered_in_mount_order() {
    let mut graph = GraphBuilder::new();
    let base = base(&mut graph);
    let run = graph.exec(
        Exec::new(["x"], base, amd64()).with_mount(Mount::scratch_output("/b")).with_mount(Mount::scratch_output("/a")),
    );
    let graph = graph.finish(run.at("/b")).expect("sound");
    let terminal = graph.to_definition().def.pop().expect("terminal");
    assert_eq!(pb::Op::decode(terminal.as_slice()).expect("an op").inputs[0].index, 2, "/ is 0, /a 1, /b 2");
}

#[test]
fn all_violations_are_reported() {
    let mut graph = GraphBuilder::new();
    let base = base(&mut graph);
    graph.exec(
        Exec::new(Vec::<String>::new(), base, amd64())
            .with_cwd("relative")
            .with_mount(Mount::cache("/c", "", Sharing::Shared))
            .with_mount(Mount::tmpfs("/c")),
    );
    let owner = Some(Owner { user: User::Named("nobody".to_owned()), group: None });
    let file = graph.file(File::scratch().mkdir(MkDir { owner, ..MkDir::new("x", 0o755) }));
    let rules: Vec<Rule> =
        graph.finish(Some(file)).expect_err("unsound").into_iter().map(|violation| violation.rule).collect();
    assert_eq!(
        rules,
        [
            Rule::NoArguments,
            Rule::RelativeWorkingDirectory("relative".to_owned()),
            Rule::NoCacheId("/c".to_owned()),
            Rule::DuplicateMount("/c".to_owned()),
            Rule::RelativePath("x".to_owned()),
            Rule::OwnerNameWithoutBase("nobody".to_owned()),
        ]
    );
}

#[test]
fn an_output_of_another_graph_is_reported() {
    let mut other = GraphBuilder::new();
    base(&mut other);
    let foreign = other.source(Source::image("docker.io/library/other:1", amd64()));
    let mut graph = GraphBuilder::new();
    let base = base(&mut graph);
    let merged = graph.merge(Merge::new(base, foreign));
    let violations = graph.finish(Some(merged)).expect_err("dangling");
    assert_eq!(violations.into_iter().map(|v| v.rule).collect::<Vec<_>>(), [Rule::DanglingInput]);
}

/// An output whose number is one of this graph, too, but of another op.
#[test]
fn outputs_of_another_builder_are_reported_everywhere() {
    let mut other = GraphBuilder::new();
    let foreign = other.source(Source::image("docker.io/library/other:1", amd64()));
    let check = |expect: &[Rule], build: &dyn Fn(&mut GraphBuilder) -> Output| {
        let mut graph = GraphBuilder::new();
        base(&mut graph);
        base(&mut graph);
        let root = build(&mut graph);
        let violations = graph.finish(Some(root)).expect_err("foreign");
        assert_eq!(violations.into_iter().map(|v| v.rule).collect::<Vec<_>>(), expect);
    };
    check(&[Rule::DanglingInput], &|_| foreign);
    check(&[Rule::DanglingInput], &|graph| graph.file(File::on(foreign).mkdir(MkDir::new("/d", 0o755))));
    check(&[Rule::DanglingInput], &|graph| {
        graph.exec(Exec::new(["x"], foreign, amd64())).root().expect("it is writable")
    });
    check(&[Rule::DanglingInput], &|graph| {
        let base = base(graph);
        let mount = Mount::read_only("/in", foreign);
        graph.exec(Exec::new(["x"], base, amd64()).with_mount(mount)).root().expect("it is writable")
    });
    check(&[Rule::ForeignNote], &|graph| {
        graph.annotate(foreign.op(), Note::named("elsewhere"));
        base(graph)
    });
    check(&[Rule::UnknownFile(0)], &|graph| {
        let base = base(graph);
        graph.annotate(base.op(), Note::default().at(Location { file: 0, start: (1, 0), end: (1, 1) }));
        base
    });
    let mut graph = GraphBuilder::new();
    let base = base(&mut graph);
    let graph = graph.finish(Some(base)).expect("sound");
    assert!(graph.op(foreign.op()).is_none() && graph.digest(foreign.op()).is_none());
}

/// An output contains the digest of its op, so it is valid in every graph with that op.
#[test]
fn outputs_outlive_their_builder() {
    let mut graph = GraphBuilder::new();
    let base = base(&mut graph);
    let mut clone = graph.clone();
    let (mut reopened, _) = graph.finish(Some(base)).expect("sound").reopen();
    for graph in [&mut clone, &mut reopened] {
        let made = graph.file(File::on(base).mkdir(MkDir::new("/d", 0o755)));
        assert!(graph.clone().finish(Some(made)).is_ok());
    }
    // From here on they differ.
    let one = clone.file(File::on(base).mkdir(MkDir::new("/one", 0o755)));
    let two = reopened.file(File::on(base).mkdir(MkDir::new("/two", 0o755)));
    assert!(clone.finish(Some(one)).is_ok());
    assert!(reopened.clone().finish(Some(two)).is_ok() && reopened.finish(Some(one)).is_err());
}

#[test]
fn a_deep_chain_does_not_overflow_the_stack() {
    let mut graph = GraphBuilder::new();
    let mut state = base(&mut graph);
    for step in 0..100_000 {
        state = graph.file(File::on(state).mkdir(MkDir::new(format!("/{step}"), 0o755)));
    }
    let graph = graph.finish(Some(state)).expect("sound");
    assert_eq!(graph.reachable().len(), 100_001);
}

#[test]
fn missing_capabilities_are_named() {
    let graph = sample(false);
    let all: CapSet = buildkit_proto::caps::llb::ALL.iter().copied().collect();
    assert!(missing_caps(&graph, &all).is_empty());
    let old: CapSet = all.iter().filter(|cap| !matches!(*cap, "mergeop" | "diffop")).collect();
    assert_eq!(missing_caps(&graph, &old).into_iter().collect::<Vec<_>>(), ["diffop", "mergeop"]);
}

#[test]
fn a_discarded_part_may_be_hashed() {
    let check = |access: Access, expect: &[Rule]| {
        let mut graph = GraphBuilder::new();
        let base = base(&mut graph);
        let part = Mount::bind("/part", Some(base), access).with_selector("/a").with_content_cache(ContentCache::On);
        let run = graph.exec(Exec::new(["x"], base, amd64()).with_mount(part));
        let violations = graph.finish(run.root()).err().into_iter().flatten();
        assert_eq!(violations.map(|violation| violation.rule).collect::<Vec<_>>(), expect, "{access:?}");
    };
    check(Access::ReadOnly, &[]);
    check(Access::Discard, &[]);
    check(Access::Output, &[Rule::HashedPart("/part".to_owned())]);
}

#[test]
fn only_a_bind_mount_can_be_the_root() {
    let mut graph = GraphBuilder::new();
    let base = base(&mut graph);
    let run = graph.exec(Exec::new(["x"], base, amd64()));
    let mut definition = graph.finish(run.root()).expect("sound").to_definition();
    let mut op = pb::Op::decode(definition.def[1].as_slice()).expect("an op");
    if let Some(pb::op::Op::Exec(exec)) = &mut op.op {
        exec.mounts[0] = pb::Mount {
            input: -1,
            output: -1,
            dest: "/".to_owned(),
            mount_type: pb::MountType::Tmpfs.into(),
            tmpfs_opt: Some(pb::TmpfsOpt { size: 0 }),
            ..pb::Mount::default()
        };
    }
    op.inputs.clear();
    let bytes = buildkit_proto::canonical::op(&op);
    let digest = buildkit_proto::Digest::from_content(&bytes).to_string();
    let last = pb::Op { inputs: vec![pb::Input { digest, index: 0 }], ..pb::Op::default() };
    definition.def = vec![bytes, last.encode_to_vec()];
    let error = Graph::from_definition(&definition).expect_err("memory as the root").to_string();
    assert!(error.contains("an exec needs a bind mount at /"), "{error}");
}

#[test]
fn discarded_roots_have_no_output() {
    let mut graph = GraphBuilder::new();
    let base = base(&mut graph);
    let run = graph.exec(Exec::discarding_root(["x"], base, amd64()).with_mount(Mount::scratch_output("/dev/out")));
    assert_eq!(run.root(), None);
    assert!(run.at("/dev/out").is_some());
}

#[test]
fn text_and_json_dumps() {
    insta::assert_snapshot!(sample(false).dump().to_string());
    let json = sample(false).dump().json();
    assert_eq!(json["ops"].as_array().map(Vec::len), Some(7));
}

#[test]
fn sources_that_the_daemon_refuses_are_reported() {
    let check = |source: Source, expect: Rule| {
        let mut graph = GraphBuilder::new();
        let source = graph.source(source);
        let violations = graph.finish(Some(source)).expect_err("unsound");
        assert_eq!(violations.into_iter().map(|violation| violation.rule).collect::<Vec<_>>(), [expect]);
    };
    let unpinned = |place: &str| Rule::NoTagOrDigest(place.to_owned());
    check(Source::image("localhost:5000/a", amd64()), unpinned("localhost:5000/a"));
    check(BlobSource::new("docker.io/library/a:tag").into(), unpinned("docker.io/library/a:tag"));
    check(Source::other("nothing", BTreeMap::new(), None), Rule::NoScheme("nothing".to_owned()));
    let git = || GitSource::parse("https://example.com/a.git#main:docs").expect("a URL");
    check(
        GitSource { checkout_bundle: true, ..git() }.into(),
        Rule::Refused("a checkout as bundle has no git directory and no folder"),
    );
    let bundle = GitBundle { locator: "x".to_owned(), session: String::new(), store: String::new() };
    check(
        GitSource { bundle: Some(bundle), ..git() }.into(),
        Rule::Refused("a git bundle needs the checksum of a commit"),
    );
}

#[test]
fn missing_capabilities_of_notes_are_reported() {
    let mut graph = GraphBuilder::new();
    let base = base(&mut graph);
    graph.annotate(base.op(), Note::default().requiring("exec.cgroup").requiring("of.another.release"));
    let graph = graph.finish(Some(base)).expect("sound");
    let daemon: CapSet = ["source.image"].into_iter().collect();
    assert_eq!(missing_caps(&graph, &daemon).into_iter().collect::<Vec<_>>(), ["exec.cgroup"]);
    let declared = map::from_metadata(&graph.to_definition().metadata);
    let digest = graph.digest(base.op()).expect("of this graph").to_string();
    assert_eq!(
        map::from_bools(&declared[&digest].caps).into_keys().collect::<Vec<_>>(),
        ["exec.cgroup", "of.another.release", "source.image"]
    );
}
