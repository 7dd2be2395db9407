//! Commands that need no daemon: tags, differences between specs, the schema, and specs from environments.

use imagespec_e2e::command::{Ended, Program};
use imagespec_e2e::way::{Daemon, Entrance, Way};

use crate::{Case, Context, scenario};

const BUILDKITD: Way = Way::new(Daemon::Buildkitd, Entrance::Imagespec);

pub(crate) fn cases() -> Vec<Case> {
    let tags = scenario("tags", [BUILDKITD], tags);
    let why = scenario("why", [BUILDKITD], why);
    let environment = scenario("from-env", [BUILDKITD], from_env);
    tags.chain(why).chain(environment).collect()
}

fn ours(context: &Context<'_>, args: &[&str]) -> Ended {
    // No daemon can be found.
    let program = Program::new(&context.world.programs.imagespec).args(args).dir(&context.space.context());
    program.env("BUILDKIT_HOST", "unix:///nowhere").env("DOCKER_HOST", "unix:///nowhere").run()
}

/// The tag depends on the content of the image, and the image is found by its tag.
fn tags(context: &Context<'_>) {
    let space = &context.space;
    let registry = &context.world.lab.registry;
    let spec = format!(
        "name: {}\nregistry: {registry}/e2e\ntag_format: \"v-{{spec_hash}}\"\nbase_image: python:3.11-slim\n\
         requirements: requirements.txt\nsource_root: src\n",
        space.name()
    );
    space.write("imagespec.yaml", &spec);
    space.write("requirements.txt", "-r more.txt\n");
    space.write("more.txt", "click==8.1.7\n");
    space.write("src/a.py", "A = 1\n");
    space.write("src/a.txt", "not Python\n");
    let tag = || ours(context, &["tag"]).expect_code(0).line();
    let first = tag();
    assert!(first.starts_with(&format!("{registry}/e2e/{}:v-", space.name())), "{first}");
    // Files that are not copied do not count; copied and installed files do.
    space.write("src/a.txt", "still not Python\n");
    space.write("other.txt", "of no image\n");
    assert_eq!(tag(), first);
    space.write("src/a.py", "A = 2\n");
    let source = tag();
    assert_ne!(source, first);
    space.write("more.txt", "click==8.1.8\n");
    let requirement = tag();
    assert_ne!(requirement, source);
    assert_ne!(ours(context, &["tag", "--platform", "linux/arm64"]).expect_code(0).line(), requirement);
    assert_ne!(ours(context, &["tag", "--set", "env.A=b"]).expect_code(0).line(), requirement);
    let id = |args: &[&str]| ours(context, &[&["tag", "--format", "id"], args].concat()).expect_code(0).line();
    let before = id(&[]);
    space.write("src/a.py", "A = 3\n");
    assert_eq!(id(&[]), before, "files do not change what the parameters say");
    assert_ne!(id(&["--set", "env.A=b"]), before);

    let name = tag();
    let address = context.world.lab.address(context.way.daemon);
    let build = context.build().spec("imagespec.yaml").ours("build", address);
    build.args(["--progress", "plain", "--push"]).run().expect_code(0);
    let url = context.world.lab.registry_url(&format!("e2e/{}/manifests/{}", space.name(), tag_of(&name)));
    Program::new("curl")
        .args(["-sSfI", "-H", "Accept: application/vnd.oci.image.manifest.v1+json", &url])
        .run()
        .expect_code(0);
}

fn tag_of(name: &str) -> &str {
    name.rsplit_once(':').map_or("", |(_, tag)| tag)
}

/// Lists the differences by field, with the affected steps.
fn why(context: &Context<'_>) {
    let space = &context.space;
    space.write("old.yaml", "packages: [numpy, pandas]\napt_packages: [git]\nenv: {A: b}\n");
    space.write("same.yaml", "env: {A: b}\napt_packages: [git]\npackages: [pandas, numpy]\nbuilder: x\n");
    space.write("new.yaml", "packages: [numpy, pandas]\napt_packages: [git, curl]\nenv: {A: c}\n");
    let same = ours(context, &["why", "old.yaml", "same.yaml"]).expect_code(0);
    assert!(same.out().starts_with("the same image: "), "{same}");
    let other = ours(context, &["why", "old.yaml", "new.yaml"]).expect_code(1).out();
    assert!(other.contains("  apt_packages[curl]: \"curl\" is new\n    steps: apt\n"), "{other}");
    assert!(other.contains("  env.A: \"b\" is now \"c\"\n    no step: only the image's config\n"), "{other}");
    let json = ours(context, &["why", "--format", "json", "old.yaml", "new.yaml"]).expect_code(1).out();
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["differences"].as_array().map(Vec::len), Some(2), "{json}");
}

/// A spec of an environment on this machine, and a template with its schema.
fn from_env(context: &Context<'_>) {
    let space = &context.space;
    space.write("empty", "");
    let output = ours(context, &["from-env", "--python", "/usr/bin/python3", "--minor"]).expect_code(0).out();
    assert!(output.contains("python_version: \"3.11\"\n"), "{output}");
    space.write("from.yaml", &output);
    ours(context, &["check", "-f", "from.yaml"]).expect_code(0);
    let absent = ours(context, &["from-env", "--python", "/nowhere/python"]).expect_code(2);
    assert!(absent.stderr.contains("cannot run /nowhere/python"), "{absent}");

    ours(context, &["init"]).expect_code(0);
    ours(context, &["check"]).expect_code(0);
    let text = std::fs::read_to_string(space.context().join("imagespec.yaml")).expect("a first spec");
    assert!(text.starts_with("# yaml-language-server: $schema=imagespec.schema.json\n"), "{text}");
    let schema = std::fs::read_to_string(space.context().join("imagespec.schema.json")).expect("a schema");
    assert_eq!(schema, ours(context, &["schema"]).expect_code(0).out());
    let again = ours(context, &["init"]).expect_code(2);
    assert!(again.stderr.contains("already exists"), "{again}");
}
