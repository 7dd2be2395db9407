//! Files of the context: what the client sends and where it is copied.

use imagespec_compile::{Action, CopiedLink, CopyItem, LocalFilter, SelectionFact, StrayLink, StrayReason};

use crate::world::{Build, World, build, described, problems};

/// The items that the step with this id copies.
#[track_caller]
fn copied(build: &Build, id: &str) -> (LocalFilter, Vec<CopyItem>) {
    let step = build.plans[0].steps.iter().find(|step| step.id == id).unwrap_or_else(|| panic!("no step {id}"));
    match &step.action {
        Action::Copy { local, items, .. } => (local.clone(), items.clone()),
        other => panic!("{other:?}"),
    }
}

fn item(from: &str, to: &str) -> CopyItem {
    CopyItem { from: from.to_owned(), to: to.to_owned() }
}

fn ignoring(patterns: &[&str]) -> World {
    World { ignore: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(), ..World::python() }
}

#[test]
fn copies_keep_their_path_below_root() {
    let built = build("copy: [data/table.csv, src]\n", &ignoring(&["*.log"]));
    let (local, items) = copied(&built, "copy");
    assert_eq!(items, [item("data/table.csv", "/root/data/table.csv"), item("src", "/root/src")]);
    assert_eq!(
        (local.follow, local.exclude),
        (vec!["data/table.csv".to_owned(), "src".to_owned()], vec!["*.log".to_owned()])
    );
    let copy = described(&built.graph(), "[copy]");
    assert!(copy.contains(":/src -> /root/src follow contents parents\n"), "{copy}");
}

#[test]
fn the_whole_context_is_sent_without_a_filter() {
    let (local, items) = copied(&build("copy: [., data]\n", &World::python()), "copy");
    assert_eq!(items, [item(".", "/root"), item("data", "/root/data")]);
    assert!(local.follow.is_empty() && local.include.is_empty(), "{local:?}");
}

#[test]
fn names_with_wildcards_are_literal() {
    let (local, items) = copied(&build("copy: [\"a[1]*.txt\", \"!b\"]\n", &World::python()), "copy");
    assert_eq!(local.follow, [r"a\[1\]\*.txt", r"\!b"]);
    assert_eq!(items[0], item("a[1]*.txt", "/root/a[1]*.txt"), "the copy itself knows no wildcards");
    let (local, _) = copied(&build("source_root: \"s[1]\"\n", &World::python()), "source");
    assert_eq!(local.include, [r"s\[1\]/**/*.py"]);
    assert!(local.exclude.contains(&r"s\[1\]/**/.git".to_owned()), "{local:?}");
}

#[test]
fn modes_of_the_source_root() {
    let check = |spec: &str, include: &[&str], to_send: usize| {
        let built = build(spec, &ignoring(&["secret"]));
        let steps = built.plans[0].steps.iter().filter(|step| step.id == "source").count();
        assert_eq!(steps, to_send, "{spec}");
        if to_send == 1 {
            let (local, items) = copied(&built, "source");
            assert_eq!(local.include, include, "{spec}");
            assert_eq!(local.exclude[0], "secret");
            assert_eq!(items[0].to, "/root");
        }
    };
    check("source_root: .\n", &["**/*.py"], 1);
    check("source_root: ./src/\n", &["src/**/*.py"], 1);
    check("source_root: .\nsource_copy_mode: all\n", &[], 1);
    check("source_root: src\nsource_copy_mode: all\n", &["src"], 1);
    check("source_root: .\nsource_copy_mode: none\n", &[], 0);
}

/// An old client would silently leave out files in deep folders.
#[test]
fn files_are_listed_for_daemons_without_deep_patterns() {
    let old = ignoring(&["secret"]).without(&["file.copy.includeexcludepatterns"]);
    let (local, items) = copied(&build("source_root: src\n", &old), "source");
    assert_eq!(
        (local.include, local.exclude),
        (vec!["src/main.py".to_owned(), "src/pkg/deep/leaf.py".to_owned()], vec![])
    );
    assert_eq!(items, [item("src", "/root")], "one copy, however many files there are");

    let (local, items) = copied(&build("source_root: .\n", &old), "source");
    assert_eq!((local.include[0].as_str(), items), ("src/main.py", vec![item(".", "/root")]));

    let (local, items) = copied(&build("source_root: src\nsource_copy_mode: all\n", &old), "source");
    assert_eq!((local.include, items), (vec!["src".to_owned()], vec![item("src", "/root")]), "nothing to look for");

    let empty = World { sources: Vec::new(), ..old };
    insta::assert_snapshot!(problems("source_root: src\n", &empty), @"
    error[E112]: there are no Python files below src
     --> spec.yaml:1:14
      |
    1 | source_root: src
      |              ^^^
      |
      = help: use `source_copy_mode: all` to copy all files
    ");
}

#[test]
fn gitignore_files_of_the_context_and_the_root_count_for_sources() {
    let world = World { ignore: vec!["*.env".to_owned()], ..World::python() }
        .with_file(".gitignore", "*\n!*/\n!*.py\n")
        .with_file("src/.gitignore", "/generated\n")
        .with_file("src/deep/.gitignore", "/local\n")
        .with_file("other/.gitignore", "not below the root\n");
    let built = build("source_root: src\nsource_copy_mode: all\ncopy: [data]\n", &world);
    let (local, _) = copied(&built, "source");
    assert_eq!(
        local.exclude,
        [
            "*.env",
            "**/*",
            "!**/*.py",
            "src/generated",
            "src/deep/local",
            // Asked for twice because of the exception above.
            "*.env",
            "src/**/__pycache__",
            "src/**/*.pyc",
            "src/**/.git",
            "src/**/.DS_Store",
        ]
    );
    let (local, _) = copied(&built, "copy");
    assert_eq!(local.exclude, ["*.env"], "copies are said file by file; what git ignores may be just what is wanted");
}

#[test]
fn a_source_that_overlaps_a_copy_is_below_it() {
    let built = build("source_root: .\nsource_copy_mode: all\ncopy: [src/settings.py]\n", &World::python());
    assert_eq!(built.shape(), "source<-Base copy<-Base");
    // The ignore rules for sources do not apply to the copy, so it may include files that they exclude.
    let merge = described(&built.graph(), "[join]");
    let copy = built.graph().dump().to_string();
    let last = merge.lines().last().and_then(|line| line.strip_prefix("+ ")).expect("a branch").to_owned();
    assert!(copy.contains(&format!("{last} diff \"changes of [copy]")), "the copy wins: {copy}");
}

#[test]
fn an_ignore_file_in_the_source_root_counts() {
    let world = ignoring(&["*.env"]).with_file("src/.dockerignore", "secret.py\n!**/keep");
    let (local, _) = copied(&build("source_root: src\nsource_copy_mode: all\n", &world), "source");
    assert_eq!(local.exclude[..4], ["*.env", "src/secret.py", "!src/**/keep", "*.env"]);
    let (local, _) = copied(&build("copy: [src]\n", &world), "copy");
    assert_eq!(local.exclude, ["*.env"]);
}

#[test]
fn a_client_that_lists_its_files_knows_what_git_ignores() {
    let selection = SelectionFact { ignored: vec!["src/.venv".to_owned()], ..SelectionFact::default() };
    let world =
        World { selection: Some(selection), ..ignoring(&["*.env"]) }.with_file(".gitignore", "# nobody reads it\n");
    let built = build("source_root: src\nsource_copy_mode: all\n", &world);
    let (local, _) = copied(&built, "source");
    assert_eq!((&local.exclude[0], local.exclude.last()), (&"*.env".to_owned(), Some(&"src/.venv".to_owned())));
    assert!(!local.exclude.iter().any(|pattern| pattern.contains("nobody")), "{local:?}");
}

#[test]
fn targets_of_links_are_copied_in_their_places() {
    let link = |path: &str, target: &str, is_folder| CopiedLink {
        path: path.to_owned(),
        target: target.to_owned(),
        is_folder,
        to: path.to_owned(),
    };
    let selection = SelectionFact {
        ignored: vec!["data/tmp".to_owned()],
        links: vec![link("data/t.csv", "cache/ab", false), link("data/more", "cache/tree", true)],
        ignored_below_links: vec!["cache/tree/tmp".to_owned()],
        ..SelectionFact::default()
    };
    let world = World { selection: Some(selection), ..ignoring(&["*.env"]) };
    let built = build("copy: [data]\n", &world);
    let (local, items) = copied(&built, "copy");
    assert_eq!((local.follow, items), (vec!["data".to_owned()], vec![item("data", "/root/data")]));
    assert_eq!(local.exclude, ["*.env", "data/tmp", "data/t.csv", "data/more"]);
    let (local, items) = copied(&built, "copy-links");
    assert_eq!(items, [item("cache/ab", "/root/data/t.csv"), item("cache/tree", "/root/data/more")]);
    assert_eq!((local.include, local.follow), (vec!["cache/ab".to_owned(), "cache/tree".to_owned()], vec![]));
    assert_eq!(local.exclude, ["*.env", "cache/tree/tmp", "data/t.csv", "data/more"]);
    let (local, items) = copied(&build("source_root: data\n", &world), "source-links");
    assert_eq!(local.include, ["cache/ab", "cache/tree/**/*.py"]);
    assert_eq!(items, [item("cache/ab", "/root/t.csv"), item("cache/tree", "/root/more")]);
}

#[test]
fn links_that_lead_to_nothing_are_told() {
    let stray = |path: &str, reason| StrayLink { path: path.to_owned(), target: "../x".to_owned(), reason };
    let strays = vec![stray("data/a", StrayReason::Outside), stray("data/b", StrayReason::Missing)];
    let selection = SelectionFact { strays, git_problem: Some("no index".to_owned()), ..SelectionFact::default() };
    let built = build("copy: [data]\n", &World { selection: Some(selection), ..World::python() });
    insta::assert_snapshot!(imagespec::render_all(&built.outcome.warnings, &built.outcome.sources), @"
    warning[W107]: the git repository cannot be read: no index
     --> spec.yaml:1:7
      |
    1 | copy: [data]
      |       ^^^^^^

    warning[W106]: data/a is a link to ../x, which is not in the context, and there is another such link
     --> spec.yaml:1:7
      |
    1 | copy: [data]
      |       ^^^^^^
      |
      = help: put the files into the context, or leave out the links with `.dockerignore`
    ");
}
