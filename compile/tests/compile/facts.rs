//! Facts that are missing, wrong or hostile: each is asked for once, and every mistake has a place and a way out.

use imagespec_compile::question::{self, Root};
use imagespec_compile::{AnyQuestion, Settings, Store, plan};

use crate::world::{Build, World, build, build_with, document, interpreter, ops, problems, rootfs, try_build};

#[test]
fn every_kind_of_fact_is_asked_for_once() {
    let spec = "
python_version: 3.11.9
python_exec: /usr/bin/python3.11
apt_packages: [python3.11]
requirements: requirements.txt
source_root: src
";
    let mut world = World { apt: rootfs(&[("/usr/bin/python3.11", None)]), ..World::debian() };
    world.apt.interpreters.insert("/usr/bin/python3.11".to_owned(), Some(interpreter("3.11.9")));
    let world = world.with_file("requirements.txt", "-r more.txt\n").with_file("more.txt", "numpy\n");
    let built = build(spec, &world);
    // The world refuses to answer twice; here it is enough that every kind was asked.
    let asked = |is_kind: fn(&AnyQuestion) -> bool| built.asked().filter(|question| is_kind(question)).count();
    assert_eq!(asked(|question| matches!(question, AnyQuestion::Daemon(_))), 1);
    assert_eq!(asked(|question| matches!(question, AnyQuestion::Image(_))), 3, "base, uv, and what compiles");
    assert_eq!(asked(|question| matches!(question, AnyQuestion::Installed(_))), 1);
    assert_eq!(asked(|question| matches!(question, AnyQuestion::ContextFile(_))), 4, "two of requirements, two of git");
    assert_eq!(asked(|question| matches!(question, AnyQuestion::ContextIgnore(_))), 1);
    let surveys = asked(|question| matches!(question, AnyQuestion::Survey(_)));
    assert_eq!(surveys, 2, "in the base, then with apt's packages");
    let in_apt = |question: &AnyQuestion| {
        matches!(question, AnyQuestion::Survey(question::Survey { root: Root::Steps { .. }, .. }))
    };
    assert_eq!(asked(in_apt), 1);
    let is_asked_elsewhere = |question: &AnyQuestion| {
        matches!(question, AnyQuestion::RootfsFile(_) | AnyQuestion::Exists(_) | AnyQuestion::Interpreter(_))
    };
    assert_eq!(asked(is_asked_elsewhere), 0, "a survey answers these");

    // Without a shell, files are read one by one.
    let world = World { has_shell: false, ..world };
    let built = build(spec, &world);
    let asked = |is_kind: fn(&AnyQuestion) -> bool| built.asked().filter(|question| is_kind(question)).count();
    assert_eq!(asked(|question| matches!(question, AnyQuestion::RootfsFile(_))), 2, "the release, and pip's settings");
    let exists = asked(|question| matches!(question, AnyQuestion::Exists(_)));
    assert_eq!(exists, 2, "in the base, then with apt's packages");
    let in_apt = |question: &AnyQuestion| {
        matches!(question, AnyQuestion::Interpreter(question::Interpreter { root: Root::Steps { .. }, .. }))
    };
    assert_eq!(asked(in_apt), 1);
    assert_eq!(asked(|question| matches!(question, AnyQuestion::Programs(_))), 0, "the interpreter is named");
    let world = World { has_shell: false, ..World::python() };
    let built = build("packages: [numpy]\n", &world);
    assert_eq!(built.asked().filter(|question| matches!(question, AnyQuestion::Programs(_))).count(), 1);
}

/// What is read from the image, and how, decides nothing else.
#[test]
fn an_image_without_a_shell_is_built_in_the_same_way() {
    let mut debian = World { apt: rootfs(&[("/usr/bin/python3", None)]), ..World::debian() };
    debian.base.exists.insert("/lib/ld-musl-x86_64.so.1".to_owned(), true);
    for (spec, world) in [
        ("packages: [numpy]\napt_packages: [git]\n", World::python()),
        ("packages: [numpy]\nbuilder_options: {flavor: flyte}\n", World::python()),
        ("packages: [numpy]\npython_version: \"3.12\"\n", World::python()),
        ("packages: [numpy]\n", debian.clone()),
        ("packages: [numpy]\napt_packages: [python3]\npython_exec: /usr/bin/python3\n", debian),
    ] {
        let built = build(spec, &world);
        let without = build(spec, &World { has_shell: false, ..world });
        assert_eq!(built.plans[0].to_string(), without.plans[0].to_string(), "{spec}");
        let described =
            |built: &Build| ops(&built.graph()).iter().any(|(_, name, _)| name.ends_with("inspect the base image"));
        assert!(described(&built) && !described(&without), "{spec}");
    }
}

#[test]
fn a_round_asks_for_all_that_is_known_to_be_missing() {
    let world = World::python().with_file("requirements.txt", "numpy\n");
    let spec = "apt_packages: [git]\nrequirements: requirements.txt\nsource_root: .\n";
    assert_eq!(
        build(spec, &world).rounds.len(),
        5,
        "the daemon, the images, everything else, the lock, what groups have in common"
    );
}

#[test]
fn more_facts_than_needed_change_nothing() {
    let spec = "packages: [numpy]\n";
    let built = build(spec, &World::python());
    let mut richer = build("apt_packages: [git]\npackages: [numpy]\nsource_root: .\n", &World::python()).store;
    richer.extend(built.store.facts());
    let (document, settings) = (document("spec.yaml", spec), Settings::default());
    let outcome = plan(&document, &settings, &richer);
    assert!(outcome.is_certain());
    assert_eq!(outcome.plans().expect("complete"), built.plans.iter().collect::<Vec<_>>());
}

#[test]
fn facts_survive_being_saved() {
    let world =
        World::python().with_file("requirements.txt", "-c gone.txt\n-r more.txt\n").with_file("more.txt", "a\n");
    let world = world.with_file("gone.txt", "");
    let spec =
        "apt_packages: [git]\nrequirements: requirements.txt\nsource_root: .\npython_exec: /usr/local/bin/python3\n";
    let store = build(spec, &world).store;
    let saved = serde_json::to_string_pretty(&store).expect("facts are plain data");
    assert_eq!(serde_json::from_str::<Store>(&saved).expect("what was written"), store);
}

#[test]
fn files_that_include_each_other_are_refused() {
    let world = World::python().with_file("a.txt", "-r b.txt\nnumpy\n").with_file("b.txt", "-c sub/../a.txt\n");
    insta::assert_snapshot!(problems("requirements: a.txt\n", &world));
    let world = World::python().with_file("a.txt", "-r a.txt\n");
    insta::assert_snapshot!(problems("requirements: a.txt\n", &world));
}

#[test]
fn missing_files_are_all_named() {
    let world = World::python().with_file("a.txt", "-r gone.txt\n-c also/gone.txt\n-r ../outside.txt\n");
    insta::assert_snapshot!(problems("requirements: a.txt\n", &world));
    insta::assert_snapshot!(problems("requirements: deps/all.txt\n", &world));
}

#[test]
fn mistakes_inside_requirements_files_are_shown_there() {
    let world = World::python().with_file("a.txt", "numpy==\n-r b.txt\n").with_file("b.txt", "-e .\n./wheel.whl\n");
    insta::assert_snapshot!(problems("requirements: a.txt\n", &world));
}

#[test]
fn problems_of_several_platforms_are_told_once() {
    let world = World::python().with_file("a.txt", "-e .\n");
    let shown = problems("platform: linux/amd64,linux/arm64\nrequirements: a.txt\n", &world);
    assert_eq!(shown.matches("error[").count(), 1, "{shown}");
}

#[test]
fn wrong_interpreters() {
    let mut world = World::python();
    world.base.interpreters.insert("/usr/local/bin/python3".to_owned(), Some(interpreter("3.11.9")));
    insta::assert_snapshot!(problems("python_exec: /usr/local/bin/python3\npython_version: \"3.12\"\n", &world));
    insta::assert_snapshot!(problems("python_exec: /usr/bin/python9\n", &world));
    insta::assert_snapshot!(problems("apt_packages: [git]\npython_exec: /usr/bin/python9\n", &world));
}

#[test]
fn a_daemon_that_cannot_is_named() {
    let settings = Settings { network: imagespec_compile::Network::Host, ..Settings::default() };
    let world = World::python().without(&["exec.meta.network", "exec.mount.cache"]);
    let shown = try_build(document("spec.yaml", "packages: [numpy]\n"), &settings, &world).expect_err("refused");
    insta::assert_snapshot!(shown);
}

#[test]
fn what_a_daemon_lacks_and_nobody_needs_is_no_problem() {
    let world = World::python().without(&["exec.secretenv", "exec.mount.secret", "file.copy.includeexcludepatterns"]);
    build("packages: [numpy]\nsource_root: .\ncopy: [a]\n", &world);
}

#[test]
fn odd_image_configs_are_read_as_far_as_they_go() {
    for config in [
        serde_json::json!(null),
        serde_json::json!([]),
        serde_json::json!({"config": null, "history": {}, "rootfs": 1}),
        serde_json::json!({"config": {"Env": ["A", "=b", "", "PATH", 1, null], "User": 7, "Labels": []}}),
    ] {
        let world = World { config, ..World::python() };
        let spec = "packages: [numpy]\nsource_root: .\nbuilder_options: {labels: {a: b}}\n";
        let image = build_with(spec, &Settings::default(), &world).image();
        assert_eq!(image["config"]["WorkingDir"], "/root");
        assert_eq!(image["config"]["Labels"]["a"], "b");
        assert_eq!(
            image["history"].as_array().map(Vec::len),
            Some(4 + 3),
            "with the survey, the lock and the comparison"
        );
    }
}
