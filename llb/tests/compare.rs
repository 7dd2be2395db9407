//! Comparisons of two graphs: which vertices differ, and why.

use std::collections::BTreeSet;

use buildkit_llb::{
    Comparison, Copy, Diff, Difference, Exec, File, Graph, GraphBuilder, LocalSource, Merge, MkFile, Mount, Note,
    Output, Platform, Proxy, Source,
};

fn amd64() -> Platform {
    Platform::linux("amd64")
}

fn image(graph: &mut GraphBuilder, reference: &str) -> Output {
    graph.source(Source::image(reference, amd64()))
}

/// A chain of named steps on an image.
fn chain(reference: &str, steps: &[(&str, &[&str])]) -> Graph {
    let mut graph = GraphBuilder::new();
    let mut root = image(&mut graph, reference);
    for (name, args) in steps {
        let run = graph.exec(Exec::new(args.iter().copied(), root, amd64()));
        if !name.is_empty() {
            graph.annotate(run.op(), Note::named(*name));
        }
        root = run.root().expect("writable");
    }
    graph.finish(Some(root)).expect("sound")
}

const DEBIAN: &str = "docker.io/library/debian:bookworm-slim";

/// The description of a comparison, without digits.
fn description(comparison: &Comparison) -> String {
    let mut text = String::new();
    for word in comparison.to_string().split_inclusive([' ', '\n']) {
        let digits = word.trim_end_matches([' ', '\n', ',']);
        let is_digest = digits.len() == 12 && digits.chars().all(|c| c.is_ascii_hexdigit());
        text += &if is_digest { word.replace(digits, "…") } else { word.to_owned() };
    }
    text
}

#[test]
fn equal_graphs() {
    let graph = chain(DEBIAN, &[("a", &["a"]), ("", &["b"])]);
    // A name is only for display.
    let other = chain(DEBIAN, &[("another name", &["a"]), ("", &["b"])]);
    let comparison = graph.compare(&other);
    assert!(comparison.is_equal() && comparison.root().is_none());
    assert_eq!((comparison.differences(), comparison.unchanged()), (&[][..], 3));
    assert_eq!(comparison.json()["equal"], true);
    let empty = || GraphBuilder::new().finish(None).expect("sound");
    assert!(empty().compare(&empty()).is_equal());
    assert!(!empty().compare(&graph).is_equal());
    assert!(!graph.compare(&empty()).is_equal());
}

#[test]
fn a_changed_step_and_the_steps_built_on_it() {
    let before = chain(DEBIAN, &[("first", &["a", "1"]), ("second", &["b"]), ("third", &["c"])]);
    let after = chain(DEBIAN, &[("first", &["a", "2"]), ("second", &["b"]), ("third", &["c"])]);
    insta::assert_snapshot!(description(&before.compare(&after)), @r#"
    ~ exec … "first", was …
        - args: ["a", "1"]
        + args: ["a", "2"]
    ~ exec … "second", was …, because of what it reads
        reads mount /: … "first" changed
    ~ exec … "third", was …, because of what it reads
        reads mount /: … "second" changed
    1 changed, 2 changed because of what they read, 0 added, 0 removed, 1 the same
    "#);
    let json = before.compare(&after).json();
    assert_eq!(json["differences"][0]["own"][0]["after"], r#"["a", "2"]"#);
    assert_eq!(json["differences"][1]["own"], serde_json::json!([]));
    assert_eq!(json["differences"][1]["inputs"][0]["change"], "changed");
}

#[test]
fn another_base_image() {
    let steps: &[(&str, &[&str])] = &[("", &["a"]), ("", &["b"])];
    let comparison = chain(DEBIAN, steps).compare(&chain("docker.io/library/debian:trixie-slim", steps));
    insta::assert_snapshot!(description(&comparison), @r#"
    ~ source …, was …
        - identifier: docker-image://docker.io/library/debian:bookworm-slim
        + identifier: docker-image://docker.io/library/debian:trixie-slim
    ~ exec …, was …, because of what it reads
        reads mount /: … changed
    ~ exec …, was …, because of what it reads
        reads mount /: … changed
    1 changed, 2 changed because of what they read, 0 added, 0 removed, 0 the same
    "#);
}

#[test]
fn added_and_removed_steps() {
    let short = chain(DEBIAN, &[("first", &["a"]), ("last", &["c"])]);
    let long = chain(DEBIAN, &[("first", &["a"]), ("between", &["b"]), ("last", &["c"])]);
    insta::assert_snapshot!(description(&short.compare(&long)), @r#"
    + exec … "between"
    ~ exec … "last", was …
        reads mount /: … "between" instead of … "first"
    1 changed, 0 changed because of what they read, 1 added, 0 removed, 2 the same
    "#);
    insta::assert_snapshot!(description(&long.compare(&short)), @r#"
    ~ exec … "last", was …
        reads mount /: … "first" instead of … "between"
    - exec … "between"
    1 changed, 0 changed because of what they read, 0 added, 1 removed, 2 the same
    "#);
    // The result is another vertex.
    let cut = chain(DEBIAN, &[("first", &["a"])]);
    insta::assert_snapshot!(description(&short.compare(&cut)), @r#"
    - exec … "last"
    ~ root: … "first" instead of … "last"
    0 changed, 0 changed because of what they read, 0 added, 1 removed, 2 the same
    "#);
}

/// Equal commands without names are distinguished by the ops that read their outputs.
#[test]
fn steps_alike() {
    let before = chain(DEBIAN, &[("", &["x"]), ("", &["x"]), ("", &["x"]), ("", &["y", "1"])]);
    let after = chain(DEBIAN, &[("", &["x"]), ("", &["x"]), ("", &["x"]), ("", &["y", "2"])]);
    let comparison = before.compare(&after);
    assert_eq!((comparison.differences().len(), comparison.unchanged()), (1, 4));
    let after =
        chain("docker.io/library/debian:trixie-slim", &[("", &["x"]), ("", &["x"]), ("", &["x"]), ("", &["y", "1"])]);
    let comparison = before.compare(&after);
    let own = |difference: &Difference| matches!(difference, Difference::Changed { own, .. } if !own.is_empty());
    assert_eq!(comparison.differences().iter().filter(|difference| own(difference)).count(), 1, "{comparison}");
    assert_eq!((comparison.differences().len(), comparison.unchanged()), (5, 0));
}

/// Branches of a merge.
fn branches(packages: &[&str]) -> Graph {
    let mut graph = GraphBuilder::new();
    let base = image(&mut graph, DEBIAN);
    let layers: Vec<Output> = packages
        .iter()
        .map(|package| {
            let run = graph.exec(Exec::new(["install", package], base, amd64()));
            graph.diff(Diff::new(Some(base), run.root().expect("writable")))
        })
        .collect();
    let merge = layers.iter().skip(1).fold(Merge::new(base, layers[0]), |merge, layer| merge.with(*layer));
    let merge = graph.merge(merge);
    graph.finish(Some(merge)).expect("sound")
}

#[test]
fn branches_of_a_merge() {
    insta::assert_snapshot!(description(&branches(&["a", "b", "c"]).compare(&branches(&["a", "x", "c"]))), @r#"
    ~ exec …, was …
        - args: ["install", "b"]
        + args: ["install", "x"]
    ~ diff …, was …, because of what it reads
        reads upper: … changed
    ~ merge …, was …, because of what it reads
        reads layer: … changed
    1 changed, 2 changed because of what they read, 0 added, 0 removed, 5 the same
    "#);
    insta::assert_snapshot!(description(&branches(&["a", "b", "c"]).compare(&branches(&["a", "c"]))), @r#"
    ~ merge …, was …
        reads layer: nothing instead of …
    - exec …
    - diff …
    1 changed, 0 changed because of what they read, 0 added, 2 removed, 5 the same
    "#);
}

/// Every field of an exec and its surroundings has a name.
#[test]
fn fields_of_an_exec() {
    let build = |change: &dyn Fn(Exec) -> Exec| {
        let mut graph = GraphBuilder::new();
        let base = image(&mut graph, DEBIAN);
        let run = graph.exec(change(Exec::new(["a"], base, amd64()).with_env("A", "1")));
        graph.finish(run.root()).expect("sound")
    };
    let plain = build(&|exec| exec);
    let check = |change: &dyn Fn(Exec) -> Exec, expect: &str| {
        let comparison = plain.compare(&build(change));
        let [Difference::Changed { own, inputs, .. }] = comparison.differences() else { panic!("{comparison}") };
        let fields: Vec<&str> = own.iter().map(|change| change.field.as_str()).collect();
        assert_eq!((fields.join(", ").as_str(), inputs.len()), (expect, 0), "{comparison}");
    };
    check(&|exec| exec.with_env("A", "2"), "env A");
    check(&|exec| exec.with_env("B", "2"), "env B");
    check(&|exec| exec.with_cwd("/a"), "cwd");
    check(&|exec| exec.with_user("a"), "user");
    check(&|exec| exec.with_hostname("a"), "hostname");
    check(&|exec| exec.with_host("a", "10.0.0.1"), "host a");
    check(&|exec| exec.with_network(buildkit_llb::Network::None), "network");
    check(&|exec| exec.with_security(buildkit_llb::Security::Insecure), "security");
    check(&|exec| exec.with_ulimit("nofile", 1, 2), "ulimit nofile");
    check(&|exec| exec.with_cgroup_parent("a"), "cgroup parent");
    check(&|exec| exec.with_valid_exit_codes([0, 1]), "valid exit codes");
    check(&|exec| exec.keeping_mount_stubs(), "mount stubs");
    check(&|exec| exec.with_worker_filter("a==b"), "worker filter");
    check(&|exec| exec.with_mount(Mount::tmpfs("/t")), "mount /t");
    check(&|exec| exec.with_mount(Mount::secret("/s", "s").with_mode(0o444)), "mount /s");
    let proxy = |exec: Exec| exec.with_proxy(Proxy { http: "http://u:password@proxy".to_owned(), ..Proxy::default() });
    check(&proxy, "proxy http");
    assert!(!format!("{:?}", plain.compare(&build(&proxy))).contains("password"));
}

#[test]
fn fields_of_the_others() {
    let check = |before: &dyn Fn(&mut GraphBuilder) -> Output, after: &dyn Fn(&mut GraphBuilder) -> Output, expect| {
        let build = |ops: &dyn Fn(&mut GraphBuilder) -> Output| {
            let mut graph = GraphBuilder::new();
            let root = ops(&mut graph);
            graph.finish(Some(root)).expect("sound")
        };
        let comparison = build(before).compare(&build(after));
        let [Difference::Changed { own, .. }] = comparison.differences() else { panic!("{comparison}") };
        let fields: BTreeSet<&str> = own.iter().map(|change| change.field.as_str()).collect();
        assert_eq!(fields, BTreeSet::from([expect]), "{comparison}");
    };
    let local =
        |hint: Option<&str>| LocalSource { shared_key_hint: hint.map(str::to_owned), ..LocalSource::new("context") };
    check(&|graph| graph.source(local(None)), &|graph| graph.source(local(Some("a"))), "attr local.sharedkeyhint");
    check(&|graph| graph.source(local(None)), &|graph| graph.source(LocalSource::new("other")), "identifier");
    check(
        &|graph| image(graph, DEBIAN),
        &|graph| graph.source(Source::image(DEBIAN, Platform::linux("arm64"))),
        "platform",
    );
    let file = |files: &[(&str, &str)]| {
        files.iter().fold(File::scratch(), |file, (path, text)| file.mkfile(MkFile::new(*path, 0o644, *text)))
    };
    check(&|graph| graph.file(file(&[("/a", "1")])), &|graph| graph.file(file(&[("/a", "2")])), "step");
    let longer: &[(&str, &str)] = &[("/a", "1"), ("/b", "1"), ("/c", "1")];
    check(&|graph| graph.file(file(&[("/a", "1"), ("/c", "1")])), &|graph| graph.file(file(longer)), "step");
    let copy = |graph: &mut GraphBuilder, parents: bool| {
        let base = image(graph, DEBIAN);
        graph.file(File::scratch().copy(Copy { create_dest_path: parents, ..Copy::new(base, "/a", "/b") }))
    };
    check(&|graph| copy(graph, false), &|graph| copy(graph, true), "step");
    let noted = |graph: &mut GraphBuilder, ignore_cache: bool| {
        let base = image(graph, DEBIAN);
        graph.annotate(base.op(), Note { ignore_cache, ..Note::default() });
        base
    };
    check(&|graph| noted(graph, false), &|graph| noted(graph, true), "cache");
}

/// Texts of a graph cannot pretend to be lines of the comparison.
#[test]
fn hostile_texts_stay_in_their_line() {
    let before = chain(DEBIAN, &[("a\n+ b\u{202e}", &["a\n+ b", "1"])]);
    let after = chain(DEBIAN, &[("a\n+ b\u{202e}", &["a\n+ b", "2"])]);
    let text = before.compare(&after).to_string();
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(!text.contains('\u{202e}'));
}

#[test]
fn long_chains_are_supported() {
    const LENGTH: usize = 20_000;
    let build = |first: &str| {
        let mut graph = GraphBuilder::new();
        let mut root = image(&mut graph, DEBIAN);
        for number in 0..LENGTH {
            let text = if number == 0 { first.to_owned() } else { number.to_string() };
            root = graph.file(File::on(root).mkfile(MkFile::new(format!("/{number}"), 0o644, text)));
        }
        graph.finish(Some(root)).expect("sound")
    };
    let comparison = build("a").compare(&build("b"));
    assert_eq!((comparison.differences().len(), comparison.unchanged()), (LENGTH, 1));
    let by_itself = |difference: &&Difference| matches!(difference, Difference::Changed { own, .. } if !own.is_empty());
    assert_eq!(comparison.differences().iter().filter(by_itself).count(), 1);
}
