//! The lockfile next to the spec: written once, read by builds of the same spec, and preferred by builds of a changed spec.

use imagespec_compile::{AnyQuestion, LockFile, LockUse, Recipe, Settings, lower_recipe};

use crate::world::{Build, World, build, build_with, document, interpreter, try_build};

const SPEC: &str = "base_image: python:3.11-slim\npackages: [click, flask]\n";
const NAME: &str = "pylock.spec-amd64.toml";

/// The lockfile that `imagespec lock` would write.
#[track_caller]
fn written(text: &str, world: &World, lock: LockUse) -> LockFile {
    let settings = Settings { lock, ..Settings::default() };
    let built = build_with(text, &settings, world);
    let files = built.outcome.lock_files().expect("all is known");
    let [file] = files.try_into().expect("one platform");
    file.clone()
}

fn asks_for_a_lock(build: &Build) -> bool {
    build.asked().any(|question| matches!(question, AnyQuestion::Lock(_)))
}

#[test]
fn a_lock_of_the_spec_is_used_and_nothing_is_resolved() {
    let file = written(SPEC, &World::python(), LockUse::Write);
    assert_eq!((file.name.as_str(), file.is_current), (NAME, false));
    assert!(file.text.starts_with("# Written by `imagespec lock`. Builds of spec.yaml install exactly this.\n"));

    let world = World::python().beside_spec(NAME, &file.text);
    let locked = build(SPEC, &world);
    assert!(!asks_for_a_lock(&locked), "{:?}", locked.rounds);
    assert_eq!(locked.warnings, []);
    assert_eq!(locked.graph().to_definition(), build(SPEC, &World::python()).graph().to_definition());
    assert!(locked.plans[0].reasons.iter().any(|reason| reason.contains(&format!("from {NAME}"))));
    let again = written(SPEC, &world, LockUse::Write);
    assert_eq!(again, LockFile { is_current: true, ..file });
}

#[test]
fn a_lock_is_stale_when_an_input_of_its_versions_differs() {
    let file = written(SPEC, &World::python(), LockUse::Write);
    let world = World::python().beside_spec(NAME, &file.text);
    let is_stale = |text: &str, world: &World| {
        let build = build(text, world);
        let told = build.warnings.iter().any(|warning| warning.code == "W102");
        assert_eq!(told, asks_for_a_lock(&build), "{text}");
        told
    };
    for same in ["env: {A: b}\n", "apt_packages: [git]\n", "builder_options: {python_layers: 3}\n"] {
        assert!(!is_stale(&format!("{SPEC}{same}"), &world), "{same}");
    }
    for other in ["pip_extra_index_url: [https://example.com/simple]\n", "pip_extra_args: --pre\n"] {
        assert!(is_stale(&format!("{SPEC}{other}"), &world), "{other}");
    }
    assert!(is_stale("base_image: python:3.11-slim\npackages: [click, flask, rich]\n", &world));
    let mut newer = world.clone();
    newer.base.interpreters.insert("/usr/local/bin/python3".to_owned(), Some(interpreter("3.12.1")));
    newer.base.interpreters.insert("/usr/local/bin/python3.11".to_owned(), Some(interpreter("3.12.1")));
    assert!(is_stale("base_image: python:3.11-slim\npackages: [click, flask]\n", &newer));
}

#[test]
fn the_warning_names_the_changed_inputs() {
    let file = written(SPEC, &World::python(), LockUse::Write);
    let world = World::python().beside_spec(NAME, &file.text);
    let told = |text: &str, world: &World| {
        let warning = build(text, world).warnings.into_iter().find(|warning| warning.code == "W102");
        warning.map(|warning| warning.message).unwrap_or_default()
    };
    let text = "base_image: python:3.11-slim\npackages: [click]\npip_extra_args: --pre\nenv: {UV_HTTP_TIMEOUT: '9'}\n";
    let message = told(text, &world);
    assert!(
        message.ends_with("(the options of the installer, the requirements, variables that installers read)"),
        "{message}"
    );
    let mut newer = world.clone();
    newer.base.interpreters.insert("/usr/local/bin/python3".to_owned(), Some(interpreter("3.12.1")));
    let message = told(SPEC, &newer);
    assert!(message.ends_with("(python 3.11 is now 3.12)"), "{message}");
    // A lockfile of an earlier version, which did not list the inputs.
    let old = file.text.split("\n[tool.imagespec.parts]").next().unwrap_or_default();
    let message = told(text, &World::python().beside_spec(NAME, old));
    assert!(message.ends_with("resolved again"), "{message}");
}

#[test]
fn the_resolver_prefers_versions_of_an_older_lock() {
    let file = written(SPEC, &World::python(), LockUse::Write);
    let world = World::python().beside_spec(NAME, &file.text);
    let text = "base_image: python:3.11-slim\npackages: [click, flask, rich]\n";
    let graph = |lock: LockUse| {
        let settings = Settings { lock, ..Settings::default() };
        let built = build_with(text, &settings, &world);
        let recipes = built.rounds.iter().flatten().filter_map(|ask| ask.recipe.as_ref());
        let lock = recipes.into_iter().find(|recipe| matches!(recipe, Recipe::Lock(_))).expect("a lock is made");
        lower_recipe(lock, &built.outcome.sources).expect("a graph").dump().to_string()
    };
    assert!(graph(LockUse::Write).contains("write older lock inputs"), "the old versions are at hand");
    assert!(!graph(LockUse::Renew).contains("write older lock inputs"), "every version is chosen anew");
}

#[test]
fn a_single_step_also_installs_from_the_lock() {
    let text = format!("{SPEC}builder_options: {{python_layers: 1}}\n");
    let file = written(&text, &World::python(), LockUse::Write);
    let locked = build(&text, &World::python().beside_spec(NAME, &file.text));
    assert!(locked.shape().ends_with("wheels<-Nothing"), "{}", locked.shape());
    // Also if the daemon cannot merge.
    let chain = build(SPEC, &World::python().chained().beside_spec(NAME, &file.text));
    assert!(!chain.shape().contains("python<-"), "{}", chain.shape());
}

#[test]
fn problems_of_a_lock_are_shown_in_its_text() {
    let world = World::python().beside_spec(NAME, "lock-version = 1\n");
    let problems = try_build(document("spec.yaml", SPEC), &Settings::default(), &world).expect_err("it is broken");
    assert!(problems.contains("E113") && problems.contains(&format!("--> {NAME}:1:")), "{problems}");
}

#[test]
fn a_lock_that_the_spec_names_is_the_only_one() {
    let text = "base_image: python:3.11-slim\nrequirements: pylock.toml\n";
    let world =
        World::python().with_file("pylock.toml", "lock-version = \"1.0\"\ncreated-by = \"me\"\npackages = []\n");
    let settings = Settings { lock: LockUse::Write, ..Settings::default() };
    let built = build_with(text, &settings, &world);
    assert!(!built.asked().any(|question| matches!(question, AnyQuestion::SpecFile(_))), "{:?}", built.rounds);
    assert_eq!(built.outcome.lock_files(), None);
}
