//! The lockfile next to the spec: written once, read by builds of the same spec, and preferred by builds of a changed spec.

use imagespec_compile::{AnyQuestion, Fact, LockFile, LockUse, Recipe, Settings, lower_recipe};

use crate::world::{Build, World, build, build_with, digests, document, interpreter, try_build};

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
    // The image is the same: only the step that makes the lock is replaced by its text.
    let resolved = build(SPEC, &World::python());
    let changed = digests(&locked.graph(), "").difference(&digests(&resolved.graph(), "")).count();
    assert_eq!(changed, 3, "the text, the record and the merge");
    assert_eq!(locked.image(), resolved.image());
    let text = resolved.store.facts().find_map(|fact| match fact {
        Fact::Lock { answer, .. } => answer.lock,
        _ => None,
    });
    let dump = locked.graph().dump().to_string();
    let text = text.expect("it was resolved").as_str().to_owned();
    let digest = buildkit_llb::Digest::from_content(text.as_bytes());
    assert!(dump.contains(&format!("mkfile /pylock.toml 644 {} bytes {digest}", text.len())), "{dump}");
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

/// What joins later changes no step that there was.
#[test]
fn packages_that_join_later_are_steps_of_their_own() {
    let spec = |packages: &str, apt: &str| {
        format!("base_image: python:3.11-slim\npackages: [{packages}]\napt_packages: [{apt}]\n")
    };
    let steps = |built: &Build, label: &str| digests(&built.graph(), label);
    let lock = |text: &str, world: &World| written(text, world, LockUse::Write).text;

    let first = spec("click, flask", "git, jq");
    let world = World::python().beside_spec(NAME, &lock(&first, &World::python()));
    let before = build(&first, &world);
    assert_eq!(before.shape().matches("<-").count(), 3, "apt, the environment, one group: {}", before.shape());

    // Without a new lock, too: the older one tells what was there.
    let grown = spec("click, flask, rich", "git, jq, tree");
    let stale = build(&grown, &world);
    let renewed = lock(&grown, &world);
    assert!(renewed.contains("young = [\"rich\"]\napt = [\"git\",\"jq\"]\n"), "{renewed}");
    let current = build(&grown, &world.clone().beside_spec(NAME, &renewed));
    for built in [&stale, &current] {
        for label in ["[pip]", "[apt]"] {
            let (old, new) = (steps(&before, label), steps(built, label));
            assert!(old.is_subset(&new), "{label}: {}", built.shape());
            assert_eq!(new.len(), old.len() + 1, "{label}: {}", built.shape());
        }
        let titles: Vec<&str> = built.plans[0].steps.iter().map(|step| step.title.as_str()).collect();
        assert!(titles.contains(&"[apt] tree") && titles.contains(&"[pip] rich"), "{titles:?}");
        let reasons = built.plans[0].reasons.join("\n");
        assert!(reasons.contains("tree joined later, so a step of its own installs it"), "{reasons}");
    }
    let apt = current.plans[0].steps.iter().find(|step| step.title == "[apt] tree").expect("a step");
    assert_eq!((apt.id.as_str(), apt.fields.as_slice()), ("apt", &["apt_packages[2]".to_owned()][..]));

    // One more joins the young ones; one that leaves is not missed.
    let again = lock(&spec("click, flask, rich, attrs", "git, jq, tree"), &world.clone().beside_spec(NAME, &renewed));
    assert!(again.contains("young = [\"attrs\",\"rich\"]\n"), "{again}");
    let less = lock(&spec("click, flask, attrs", "git, jq"), &world.clone().beside_spec(NAME, &again));
    assert!(less.contains("young = [\"attrs\"]\napt = [\"git\",\"jq\"]\n"), "{less}");

    // Too many are divided anew, and a settled package that leaves is missed.
    let many = lock(&spec("click, flask, a, b, c, d, e", "jq, tree"), &world);
    assert!(!many.contains("young = ") && many.contains("apt = [\"jq\",\"tree\"]\n"), "{many}");
    // A lock that is made anew knows of no past, and without any lock packages are a set.
    assert!(!written(&grown, &world, LockUse::Renew).text.contains("young = "));
    let unlocked = build(&grown, &World::python());
    assert_eq!(steps(&unlocked, "[apt]").len(), 1);
    assert!(unlocked.plans[0].reasons.iter().any(|reason| reason.starts_with("without a lockfile")));
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
