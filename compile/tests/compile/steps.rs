//! Steps and their order: the user's, apt's, merge and chain, platforms.

use buildkit_llb::{Op, Platform};
use imagespec_compile::{Action, NoCache, Recipe, Settings, lower_recipe};
use serde_json::json;

use crate::world::{DIGEST, World, build, build_with, described, digests, document, ops, rootfs, try_build};

const MAIN: &str = "
apt_packages: [git, curl]
packages: [numpy]
source_root: .
source_copy_mode: all
copy: [data]
builder_options: {user: app}
commands: [touch /x]
";

#[test]
fn branches_start_at_the_user_step_and_are_merged_in_order() {
    let built = build(MAIN, &World::python());
    assert_eq!(
        built.shape(),
        "user<-Base apt<-Base venv<-Base wheels<-Nothing source<-Base copy<-Base \
         commands<-Joined([\"user\", \"apt\", \"venv\", \"wheels\", \"source\", \"copy\"])"
    );
    let graph = built.graph();
    let [user] = digests(&graph, "[user]").into_iter().collect::<Vec<_>>().try_into().expect("one");
    let user: String = user.trim_start_matches("sha256:").chars().take(12).collect();
    let merge = described(&graph, "[join]");
    let branches: Vec<&str> = merge.lines().collect();
    assert_eq!(branches.len(), 6, "the base and what five steps change: {merge}");
    assert_eq!(branches[0], format!("+ {user}"), "what the branches stand on is the merge's lowest");
    let order: Vec<String> =
        ops(&graph).into_iter().filter(|(_, _, op)| matches!(op, Op::Diff(_))).map(|(_, name, _)| name).collect();
    assert_eq!(
        order,
        [
            "changes of [apt] git, curl",
            "changes of [python] create an environment with /usr/local/bin/python3",
            "changes of [source] .",
            "changes of [copy] data"
        ]
    );
    for branch in ["[apt]", "[python] create an environment", "[source]", "[copy]"] {
        let detail = described(&graph, branch);
        assert!(detail.contains(&format!(" {user}")), "{branch} stands on the user step: {detail}");
    }
}

#[test]
fn in_a_chain_every_step_is_built_on_the_previous_one() {
    let built = build(MAIN, &World::python().chained());
    assert_eq!(
        built.shape(),
        "user<-Base apt<-Step(\"user\") venv<-Step(\"apt\") wheels<-Step(\"venv\") source<-Step(\"wheels\") \
         copy<-Step(\"source\") commands<-Step(\"copy\")"
    );
    let graph = built.graph();
    assert!(ops(&graph).iter().all(|(_, _, op)| !matches!(op, Op::Merge(_) | Op::Diff(_))));
    // Every step exists, with the previous one as its only root.
    let steps = ops(&graph).into_iter().filter(|(_, name, _)| !name.starts_with("[int") && !name.starts_with("[image"));
    assert_eq!(steps.count(), built.plans[0].steps.len() + 1, "wheels are installed apart and copied");
    assert_eq!(built.warnings.iter().map(|warning| warning.code).collect::<Vec<_>>(), ["W101"]);
}

#[test]
fn one_branch_is_merged_with_its_records_only() {
    for spec in ["apt_packages: [git]\n", "apt_packages: [git]\nbuilder_options: {user: app}\n"] {
        let graph = build(spec, &World::python()).graph();
        let merges = ops(&graph).iter().filter(|(_, _, op)| matches!(op, Op::Merge(_) | Op::Diff(_))).count();
        assert_eq!(merges, 1, "{spec}");
    }
}

#[test]
fn a_spec_that_does_nothing_is_its_base() {
    for spec in ["base_image: python:3.11-slim\n", "base_image: python:3.11-slim\ncommands: []\n"] {
        for world in [World::python(), World::python().chained()] {
            let graph = build(spec, &world).graph();
            assert_eq!(ops(&graph).len(), 1, "{}", graph.dump());
        }
    }
    let graph = build("builder_options: {user: app}\n", &World::python()).graph();
    assert_eq!(ops(&graph).len(), 2, "the base and the user step: {}", graph.dump());
}

#[test]
fn history_has_an_entry_for_every_layer() {
    let image = build(MAIN, &World::python()).image();
    let history = image["history"].as_array().expect("a list");
    let layers = history.iter().filter(|entry| entry["empty_layer"] != json!(true)).count();
    assert_eq!(layers, 1 + 7 + 3, "the base's, one for each step, and the records: {history:#?}");
    let is_empty = |entry: &&serde_json::Value| entry["empty_layer"] == json!(true);
    assert_eq!(history.iter().filter(is_empty).count(), 1);
}

#[test]
fn missing_history_of_a_base_is_filled_up() {
    let config =
        json!({"rootfs": {"diff_ids": [DIGEST, DIGEST]}, "history": [{"created_by": "a"}, {"empty_layer": true}]});
    let image = build("copy: [data]\n", &World { config, ..World::python() }).image();
    let by: Vec<&str> =
        image["history"].as_array().into_iter().flatten().filter_map(|e| e["created_by"].as_str()).collect();
    assert_eq!(by.len(), 4, "{by:?}");
    assert!(by[1].starts_with("[image] docker.io/library/debian:bookworm-slim@"), "{by:?}");
    assert_eq!(by[2], "[copy] data");
}

/// The output and success of commands in a shell.
fn shell(commands: &[&str]) -> (String, bool) {
    let spec = json!({ "commands": commands }).to_string();
    let document = document("spec.json", &spec);
    let built = try_build(document, &Settings::default(), &World::debian()).expect("sound");
    let Action::Commands { arguments, .. } = &built.plans[0].steps[0].action else { panic!("commands") };
    let output = std::process::Command::new(&arguments[0]).args(&arguments[1..]).output().expect("a shell");
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.success())
}

#[test]
fn commands_run_one_after_the_other_in_one_shell() {
    let check = |commands: &[&str], expect: &str, succeeds: bool| {
        assert_eq!(shell(commands), (expect.to_owned(), succeeds), "{commands:?}");
    };
    check(&["cd /tmp", "A=1", "echo $A $PWD"], "1 /tmp\n", true);
    check(&["false", "echo a || echo b"], "", false);
    check(&["false || echo a", "echo b"], "a\nb\n", true);
    check(&["false", "echo a; true"], "", false);
    check(&["echo a # the first", "echo b"], "a\nb\n", true);
    check(&["cat <<END\na\nEND", "echo b"], "a\nb\n", true);
    check(&["true &", "echo b\n"], "b\n", true);
    check(&["exit 3"], "", false);
}

#[test]
fn the_root_for_apt_lookups_is_part_of_the_build() {
    let spec = "apt_packages: [git]\npython_exec: /usr/bin/python3\npackages: [numpy]\nbuilder_options: {user: app}\n";
    let apt = || rootfs(&[("/usr/bin/python3", None)]);
    for world in [World { apt: apt(), ..World::python() }, World { apt: apt(), ..World::python().chained() }] {
        let built = build(spec, &world);
        let looks = |recipe: &&Recipe| matches!(recipe, Recipe::Survey(survey) if survey.step() == Some("apt"));
        let mut recipes = built.rounds.iter().flatten().filter_map(|ask| ask.recipe.as_ref());
        let recipe = recipes.find(looks).expect("the interpreter is looked for");
        let root = lower_recipe(recipe, &built.outcome.sources).expect("a graph");
        let [apt] = digests(&root, "[apt]").into_iter().collect::<Vec<_>>().try_into().expect("one");
        let graph = built.graph();
        assert!(digests(&graph, "[apt]").contains(&apt), "looking costs nothing that the build does not need");
    }
}

#[test]
fn repositories_without_packages_are_in_the_image() {
    let spec =
        "builder_options:\n  apt_sources: [\"deb https://example.org/debian x main\"]\ncommands: [apt-get update]\n";
    let built = build(spec, &World::debian());
    assert_eq!(built.shape(), "apt<-Base commands<-Joined([\"apt\"])");
    let text = described(&built.graph(), "[apt] repositories");
    assert!(text.contains("/etc/apt/sources.list.d/imagespec.list"), "{text}");
}

#[test]
fn a_base_for_another_platform_causes_a_warning() {
    let world = World { is_of_one_platform: true, ..World::python() };
    assert_eq!(build("apt_packages: [git]\n", &world).warnings, []);
    let built = build("apt_packages: [git]\nbase_image: python:3.11-slim\nplatform: linux/arm64\n", &world);
    let shown = imagespec::render_all(&built.warnings, &built.outcome.sources);
    assert!(shown.starts_with("warning[W104]: docker.io/library/python:3.11-slim@"), "{shown}");
    assert!(
        shown.contains("is an image for linux/amd64, not for linux/arm64") && shown.contains("spec.yaml:2"),
        "{shown}"
    );
}

#[test]
fn the_order_of_apt_packages_is_shown_but_has_no_effect() {
    let one = build("apt_packages: [git, curl]\n", &World::debian()).graph();
    let other = build("apt_packages: [curl, git]\n", &World::debian()).graph();
    assert_eq!(digests(&one, "[apt] git, curl"), digests(&other, "[apt] curl, git"));
}

#[test]
fn the_bases_user_is_kept_and_not_attributed_to_the_spec() {
    let world = World::python().with_config("User", json!("app:staff"));
    let built = build("packages: [numpy]\nsource_root: .\n", &world);
    assert_eq!(built.image()["config"]["User"], "app:staff");
    assert_eq!(built.plans[0].steps[0].fields, Vec::<String>::new());
    let graph = built.graph();
    assert!(described(&graph, "[user]").contains("owner app:staff"), "{}", described(&graph, "[user]"));
    assert!(described(&graph, "[source]").contains("owner app:staff"), "{}", described(&graph, "[source]"));
    let root = build("packages: [numpy]\nbuilder_options: {user: root}\n", &world);
    assert_eq!(root.image()["config"]["User"], "root");
    assert_eq!(root.shape(), "venv<-Base wheels<-Nothing");
}

#[test]
fn each_platform_is_built_once() {
    let arm = Platform::new("linux", "aarch64", "v8");
    let settings = Settings { platforms: vec![Platform::linux("arm64"), arm], ..Settings::default() };
    assert_eq!(build_with("packages: [numpy]\n", &settings, &World::python()).plans.len(), 1);
    let built = build("platform: linux/arm64,linux/amd64\npackages: [numpy]\n", &World::python());
    let platforms: Vec<String> = built.plans.iter().map(|plan| plan.platform.to_string()).collect();
    assert_eq!(platforms, ["linux/arm64", "linux/amd64"]);
    assert!(built.plans[0].steps.iter().all(|step| step.title.starts_with("[linux/arm64 ")));
    let windows = Settings { platforms: vec![Platform::new("windows", "amd64", "")], ..Settings::default() };
    let shown = try_build(document("spec.yaml", "packages: [numpy]\n"), &windows, &World::python());
    assert!(shown.expect_err("refused").starts_with("error[E105]: cannot build for windows/amd64"));
}

#[test]
fn a_no_cache_filter_selects_all_steps_of_a_kind() {
    let spec = "base_image: {apt_packages: [git], copy: [a]}\napt_packages: [curl]\ncopy: [b]\n";
    let ignored = |filter: &str| {
        let no_cache = NoCache::Steps([filter.to_owned()].into_iter().collect());
        let graph = build_with(spec, &Settings { no_cache, ..Settings::default() }, &World::python()).graph();
        let is_ignored = |id| graph.note(id).is_some_and(|note| note.ignore_cache);
        ops(&graph).into_iter().filter(|(id, _, _)| is_ignored(*id)).map(|(_, name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(ignored("apt"), ["[apt] git", "[apt] curl"]);
    assert_eq!(ignored("apt-1"), ["[apt] git"]);
    assert_eq!(ignored("copy"), ["[copy] a", "[copy] b"]);
}
