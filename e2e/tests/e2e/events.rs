//! Events of builds for other programs (`--progress json`), and which step of the spec a failure is about.

use std::collections::BTreeSet;

use imagespec_e2e::command::{Ended, Program};
use imagespec_e2e::way::{self, Daemon, Entrance, Way};
use serde_json::Value;

use crate::{Case, Context, scenario};

const BUILDKITD: Way = Way::new(Daemon::Buildkitd, Entrance::Imagespec);
/// What applies source policies.
const WITH_POLICIES: [Way; 3] =
    [BUILDKITD, Way::new(Daemon::Containerd, Entrance::Imagespec), Way::new(Daemon::Classic, Entrance::Imagespec)];

pub(crate) fn cases() -> Vec<Case> {
    let built = scenario("events", way::IMAGESPEC, built);
    let failed = scenario("events-failed", way::IMAGESPEC, failed);
    let several = scenario("events-several", [BUILDKITD], several);
    let up_to_date = scenario("events-up-to-date", [BUILDKITD], up_to_date);
    let same_title = scenario("same-title", way::IMAGESPEC, same_title);
    let policy = scenario("source-policy", WITH_POLICIES, source_policy);
    let refused =
        scenario("source-policy-refused", [Way::new(Daemon::Engine2010, Entrance::Imagespec)], refused_policy);
    built.chain(failed).chain(several).chain(up_to_date).chain(same_title).chain(policy).chain(refused).collect()
}

fn program(context: &Context<'_>) -> Program {
    context.build().ours("build", context.world.lab.address(context.way.daemon))
}

/// Every line of stderr, which has nothing else.
#[track_caller]
fn events(ended: &Ended) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\n{ended}"));
    ended.stderr.lines().map(parse).collect()
}

fn of_kind<'a>(events: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    events.iter().filter(move |event| event["event"] == kind)
}

fn texts<'a>(events: impl IntoIterator<Item = &'a Value>, key: &str) -> BTreeSet<&'a str> {
    events.into_iter().filter_map(|event| event[key].as_str()).collect()
}

fn built(context: &Context<'_>) {
    let space = &context.space;
    let command = "commands: [\"echo @MARKER@; echo @MARKER@ again >&2\"]\n";
    space.write("spec.yaml", &format!("base_image: python:3.11-slim\napt_packages: [tree]\n{command}"));
    let build = context.build();
    let metadata = space.sibling("metadata.json");
    let program = program(context).args(["--progress", "json"]).args(build.destination());
    let ended = program.arg("--metadata-file").arg(&metadata).ok();
    assert!(ended.stdout.is_empty(), "{ended}");
    let events = events(&ended);
    assert_eq!(texts(&events, "image").len(), 1, "{ended}");

    let planned: Vec<&Value> = of_kind(&events, "planned").collect();
    assert_eq!((&events[0]["event"], &events[0]["missing"] != 0), (&Value::from("planned"), true), "{ended}");
    let last = planned.last().expect("planned");
    assert_eq!(last["missing"], 0, "{ended}");
    let steps = last["steps"].as_array().expect("steps");
    let keys = texts(steps, "step");
    let apt = steps.iter().find(|step| step["id"] == "apt").expect("apt");
    assert_eq!(apt["fields"], serde_json::json!(["apt_packages[0]"]));
    assert_eq!(texts(of_kind(&events, "asked"), "question"), texts(of_kind(&events, "answered"), "question"));

    // Every step of the plan is a vertex that started, or was there, and ended.
    let states = |kind: &'static str| texts(of_kind(&events, kind), "step");
    let ended_steps: BTreeSet<&str> = states("done").union(&states("cached")).copied().collect();
    assert_eq!(ended_steps, keys, "{ended}");
    assert!(states("started").iter().all(|step| ended_steps.contains(step)), "{ended}");
    let logs =
        of_kind(&events, "log").filter(|log| log["step"].as_str().is_some_and(|step| step.starts_with("commands@")));
    let streams: BTreeSet<(String, String)> = logs
        .map(|log| {
            (log["stream"].as_str().unwrap_or_default().to_owned(), log["text"].as_str().unwrap_or_default().to_owned())
        })
        .collect();
    let marker = space.marker();
    let expect = [("stderr", format!("{marker} again\n")), ("stdout", format!("{marker}\n"))];
    assert_eq!(
        streams.into_iter().collect::<Vec<_>>(),
        expect.map(|(stream, text)| (stream.to_owned(), text)),
        "{ended}"
    );

    let delivered = events.last().expect("events");
    assert_eq!(
        (&delivered["event"], &delivered["up_to_date"]),
        (&Value::from("delivered"), &Value::from(false)),
        "{ended}"
    );
    assert_eq!(delivered["names"], serde_json::json!([build.name()]), "{ended}");
    let metadata = std::fs::read_to_string(metadata).expect("it was written");
    let metadata: Value = serde_json::from_str(&metadata).expect("metadata are JSON");
    assert_eq!(delivered["digest"], metadata["containerimage.digest"], "{ended}");
    let expect = if context.way.daemon == Daemon::Buildkitd { "registry" } else { "store" };
    assert_eq!(delivered["to"], expect, "{ended}");
    if context.way.daemon == Daemon::Buildkitd {
        assert_eq!(delivered["bytes"], size_in_registry(context, &delivered["digest"]), "{ended}");
    }

    let folder = space.sibling("out");
    let ended = self::program(context).args(["--progress", "json", "--output"]).arg(&folder).ok();
    let events = self::events(&ended);
    let delivered = events.last().expect("events");
    assert_eq!(delivered["path"], folder.to_string_lossy().as_ref(), "{ended}");
    assert!(delivered["to"] == "directory" && delivered["bytes"].as_u64() > Some(1_000_000), "{ended}");
}

/// The bytes of all blobs of an image, as its registry has them.
fn size_in_registry(context: &Context<'_>, digest: &Value) -> u64 {
    let repository = format!("e2e/{}", context.space.name());
    let url = context.world.lab.registry_url(&format!("{repository}/manifests/{}", digest.as_str().expect("a digest")));
    let accept =
        "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
    let manifest = Program::new("curl").args(["-sSf", "-H", accept, &url]).ok();
    let parsed: Value = serde_json::from_slice(&manifest.stdout).expect("a manifest");
    let layers = parsed["layers"].as_array().expect("layers").iter().chain([&parsed["config"]]);
    let unique: BTreeSet<(&str, u64)> = layers
        .map(|blob| (blob["digest"].as_str().expect("a digest"), blob["size"].as_u64().expect("a size")))
        .collect();
    unique.iter().map(|(_, size)| size).sum::<u64>() + manifest.stdout.len() as u64
}

/// The last event of a build that must fail with this exit code.
#[track_caller]
fn failure(program: Program, code: i32) -> Value {
    let ended = program.args(["--progress", "json"]).run().expect_code(code);
    let events = events(&ended);
    assert_eq!(of_kind(&events, "failed").count(), 1, "{ended}");
    assert_eq!(of_kind(&events, "delivered").count(), 0, "{ended}");
    let last = events.last().expect("events").clone();
    assert_eq!(last["event"], "failed", "{ended}");
    last
}

fn failed(context: &Context<'_>) {
    let spec = |text: &str| context.space.write("spec.yaml", text);
    spec("base_image: python:3.11-slim\napt_packages:\n  - tree\n  - no-such-package-xyz\n");
    let failure = |code| self::failure(program(context), code);
    let step = failure(1);
    let problem = &step["problems"][0];
    assert_eq!((&step["kind"], &step["exit_code"]), (&Value::from("step"), &Value::from(100)), "{step}");
    assert_eq!((&problem["code"], &problem["severity"]), (&Value::from("E110"), &Value::from("error")), "{step}");
    assert_eq!(problem["fields"], serde_json::json!(["apt_packages[1]"]), "{step}");
    assert_eq!(
        (&problem["places"][0]["line"], &problem["places"][0]["column"]),
        (&Value::from(4), &Value::from(5)),
        "{step}"
    );
    assert!(step["step"].as_str().is_some_and(|step| step.starts_with("apt@linux/")), "{step}");

    spec("base_image: python:3.11-slim\nenv: {A: 1}\npackages: [click, \"no such\"]\n");
    let wrong = failure(2);
    assert_eq!(
        (&wrong["kind"], wrong["problems"].as_array().map(Vec::len)),
        (&Value::from("spec"), Some(1)),
        "{wrong}"
    );
    assert_eq!(wrong["problems"][0]["fields"], serde_json::json!(["packages[1]"]), "{wrong}");

    spec("base_image: python:3.11-slim\npackages: [click]\nrequirements: no/such.txt\n");
    let wrong = failure(2);
    assert_eq!(wrong["problems"][0]["code"], "E101", "{wrong}");
    assert_eq!(wrong["problems"][0]["fields"], serde_json::json!(["requirements"]), "{wrong}");

    spec("base_image: python:3.11-slim\n");
    let unreachable = context.build().ours("build", "tcp://localhost:1");
    let nobody = self::failure(unreachable, 3);
    assert_eq!((&nobody["kind"], &nobody["image"]), (&Value::from("daemon"), &Value::from("")), "{nobody}");
}

fn several(context: &Context<'_>) {
    context.space.write("a.yaml", "name: a\nbase_image: python:3.11-slim\ncommands: [\"echo @MARKER@\"]\n");
    context.space.write("b.yaml", "name: b\nbase_image: python:3.11-slim\ncommands: [\"exit 7\"]\n");
    let file = context.space.context().join("b.yaml");
    let build = context.build().spec("a.yaml").ours("build", context.world.lab.address(context.way.daemon));
    let ended = build.arg("--file").arg(&file).args(["--progress", "json"]).run().expect_code(1);
    let events = events(&ended);
    let titles = texts(&events, "image");
    assert_eq!(titles.len(), 2, "{ended}");
    let image = |kind| texts(of_kind(&events, kind), "image").into_iter().collect::<Vec<_>>();
    let [delivered] = image("delivered")[..] else { panic!("{ended}") };
    let [failed] = image("failed")[..] else { panic!("{ended}") };
    assert!(delivered.ends_with("a.yaml") && failed.ends_with("b.yaml"), "{ended}");
}

fn up_to_date(context: &Context<'_>) {
    context.space.write("spec.yaml", "base_image: python:3.11-slim\nenv: {WHO: \"@MARKER@\"}\n");
    let build = || {
        let build = context.build().unless_up_to_date();
        let ended = build.ours("build", context.world.lab.address(context.way.daemon)).args(build.destination());
        events(&ended.args(["--progress", "json"]).ok()).last().expect("events").clone()
    };
    let (first, again) = (build(), build());
    assert_eq!((&first["up_to_date"], &again["up_to_date"]), (&Value::from(false), &Value::from(true)), "{again}");
    assert_eq!((&first["digest"], &first["names"]), (&again["digest"], &again["names"]), "{again}");
}

/// Two steps of one title: the one that fails is marked, whichever it is.
fn same_title(context: &Context<'_>) {
    const LEVEL: &str = "test \\\"$STAGE\\\" != fails || exit 9";
    let check = |inner: &str, outer: &str, line: usize, step: &str| {
        let text = format!(
            "base_image:\n  base_image: debian:bookworm-slim\n  env: {{STAGE: {inner}}}\n  commands: [\"{LEVEL}\"]\n\
             env: {{STAGE: {outer}}}\ncommands: [\"{LEVEL}\"]\n"
        );
        context.space.write("spec.yaml", &text);
        // The second time everything is expected to be as it was.
        for _ in 0..2 {
            let failure = failure(program(context), 1);
            assert_eq!(
                (&failure["exit_code"], &failure["problems"][0]["places"][0]["line"]),
                (&Value::from(9), &Value::from(line)),
                "{failure}"
            );
            assert!(
                failure["step"].as_str().is_some_and(|key| key.starts_with("commands@") && key.ends_with(step)),
                "{failure}"
            );
        }
    };
    check("fails", "works", 4, "64");
    check("works", "fails", 6, "+1");
}

/// A policy that replaces a source changes the digests of all ops that are built on it. The failing step is still found.
fn source_policy(context: &Context<'_>) {
    let policy = |from: &str| {
        let text = serde_json::json!({"rules": [{
            "action": "CONVERT",
            "selector": {"identifier": format!("docker-image://docker.io/library/{from}")},
            "updates": {"identifier": "docker-image://docker.io/library/python:3.11-slim"},
        }]});
        context.space.write("policy.json", &text.to_string());
        context.space.context().join("policy.json")
    };
    let with = |path: &std::path::Path| program(context).arg("--source-policy-file").arg(path);
    context.space.write(
        "spec.yaml",
        "base_image: debian:bookworm-slim\ncommands: [\"python3 --version; echo @MARKER@\", exit 3]\n",
    );
    // With a digest only where the graph is solved; elsewhere the name is resolved, which a policy is asked about as well.
    let names = if context.way.daemon == Daemon::Classic { "debian:bookworm-slim*" } else { "debian:bookworm-slim@*" };
    let path = policy(names);
    for _ in 0..2 {
        let failure = failure(with(&path), 1);
        assert_eq!(failure["problems"][0]["fields"], serde_json::json!(["commands[1]"]), "{failure}");
        assert_eq!(
            (&failure["exit_code"], &failure["problems"][0]["code"]),
            (&Value::from(3), &Value::from("E110")),
            "{failure}"
        );
    }
    let denied = serde_json::json!({"rules": [{
        "action": "DENY", "selector": {"identifier": "docker-image://docker.io/library/debian:*"},
    }]});
    context.space.write("policy.json", &denied.to_string());
    let ended = with(&path).args(["--progress", "plain"]).run();
    assert!(ended.code != Some(0) && ended.stderr.contains("denied by policy"), "{ended}");
}

/// Old daemons would take a policy and ignore it.
fn refused_policy(context: &Context<'_>) {
    context.space.write("spec.yaml", "base_image: debian:bookworm-slim\nenv: {A: b}\n");
    context.space.write("policy.json", "{\"rules\": []}");
    let ended = program(context).arg("--source-policy-file").arg(context.space.context().join("policy.json")).run();
    assert!(ended.code != Some(0) && ended.stderr.contains("this daemon does not support a source policy"), "{ended}");
}
