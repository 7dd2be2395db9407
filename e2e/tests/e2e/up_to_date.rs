//! A push that would repeat the last one is skipped, unless anything has changed, locally or elsewhere.

use imagespec_e2e::build::Built;
use imagespec_e2e::way::{Daemon, Entrance, Way};

use crate::{Case, Context, scenario};

const WAYS: [Way; 2] =
    [Way::new(Daemon::Buildkitd, Entrance::Imagespec), Way::new(Daemon::Containerd, Entrance::Imagespec)];

pub(crate) fn cases() -> Vec<Case> {
    let pushed = scenario("up-to-date", [WAYS[0]], pushed);
    let loaded = scenario("up-to-date-loaded", [WAYS[1]], loaded);
    pushed.chain(loaded).collect()
}

fn is_up_to_date(built: &Built) -> bool {
    built.status.vertices.iter().any(|vertex| vertex.name.ends_with(" is up to date"))
}

fn pushed(context: &Context<'_>) {
    let space = &context.space;
    let base = context.build().spec("base.yaml");
    let base_name = format!("{}-base", base.name().trim_end_matches(":latest"));
    let write_base = |value: &str| {
        space.write("base.yaml", &format!("base_image: python:3.11-slim\nenv: {{BASE: {value}}}\n"));
        base.ours("build", context.world.lab.address(context.way.daemon)).args(["--push", "--tag", &base_name]).ok();
    };
    write_base("one");
    let spec = |value: &str| {
        let copied = "requirements: requirements.txt\nsource_root: src\n";
        space.write("spec.yaml", &format!("base_image: {base_name}\nenv: {{WHO: \"{value}\"}}\n{copied}"));
    };
    spec("one");
    space.write("requirements.txt", "click==8.1.6\n");
    space.write("src/a.py", "A = 1\n");
    space.write("src/b.py", "B = '@MARKER@'\n");
    space.write(".dockerignore", "src/*.log\n");
    let build = || context.build().unless_up_to_date().ok();
    let digest = |built: &Built| built.metadata["containerimage.digest"].as_str().expect("it is reported").to_owned();

    let first = build();
    assert!(!is_up_to_date(&first));
    // The result is the same as that of the build.
    let repeated = |what: &str| {
        // If a busy daemon does not answer soon, the image is built from the cache instead.
        let mut builds = (0..10).map(|_| build());
        let again = builds.find(is_up_to_date).unwrap_or_else(|| panic!("{what}: never up to date"));
        assert_eq!(again.status.ran(), <[&str; 0]>::default(), "{what}");
        again.metadata
    };
    assert_eq!(repeated("nothing changed"), first.metadata);
    let address = context.world.lab.address(context.way.daemon);
    let id = first.metadata["containerimage.config.digest"].as_str().expect("it is reported");
    let program = || context.build().unless_up_to_date().ours("build", address).args(context.build().destination());
    let quiet = program().arg("--quiet").ok();
    assert_eq!((quiet.line(), quiet.stderr.as_str()), (id.to_owned(), ""));
    let (id_file, facts) = (space.sibling("id"), space.sibling("facts.json"));
    let ended = program().args(["--progress", "plain", "--iidfile"]).arg(&id_file).arg("--save-facts").arg(&facts).ok();
    assert!(ended.stderr.contains(" is up to date"), "{ended}");
    assert_eq!(std::fs::read_to_string(id_file).expect("it was written"), id);
    assert!(facts.is_file(), "facts are found out all the same");
    space.write("src/noise.log", "no file of the image\n");
    space.write("elsewhere.txt", "nor this\n");
    space.write("requirements.txt", "# a comment\nclick==8.1.6\n");
    assert_eq!(repeated("what changed is in no image"), first.metadata);

    let changed = |what: &str| {
        let built = build();
        assert!(!is_up_to_date(&built), "{what}");
        assert_eq!(repeated(what), built.metadata, "{what}");
        digest(&built)
    };
    let mut seen = vec![digest(&first)];
    let mut other = |what: &str| {
        let digest = changed(what);
        assert!(!seen.contains(&digest), "{what} is in the image");
        seen.push(digest);
    };
    spec("two");
    other("a variable");
    space.write("src/a.py", "A = 2\n");
    other("a file");
    std::fs::remove_file(space.context().join("src/b.py")).expect("it was written");
    other("a file that is gone");
    space.write("requirements.txt", "click==8.1.7\n");
    other("a version");
    write_base("two");
    other("the base image");

    // A file with only a new time is built from the cache.
    space.write("src/a.py", "A = 2\n");
    assert_eq!(&changed("the time of a file"), seen.last().expect("just pushed"));
    // The name was given to another image.
    let theft = context.build().spec("base.yaml").ours("build", address);
    theft.args(["--push", "--tag", &context.build().name()]).ok();
    assert_eq!(&changed("another image of that name"), seen.last().expect("just pushed"));

    // If the registry has lost the name, the build pushes it again without an error.
    let tags = format!("registry/data/docker/registry/v2/repositories/e2e/{}/_manifests/tags", space.name());
    let tag = context.world.lab.state.join(tags).join("latest");
    std::fs::remove_dir_all(&tag).unwrap_or_else(|error| panic!("{}: {error}", tag.display()));
    let plain = program().args(["--progress", "plain"]).ok();
    assert!(!plain.stderr.contains("is up to date") && !plain.stderr.contains("ERROR"), "{plain}");
    assert_eq!(&digest(&build()), seen.last().expect("just pushed"));

    for flag in ["--always-build", "--no-cache-filter=lock"] {
        let ended = program().args(["--progress", "plain", flag]).ok();
        assert!(!ended.stderr.contains("is up to date") && ended.stderr.contains("exporting to image"), "{ended}");
    }
}

/// Users can remove an Engine's own images, so these are always loaded.
fn loaded(context: &Context<'_>) {
    context.space.write("spec.yaml", "base_image: python:3.11-slim\nenv: {WHO: \"@MARKER@\"}\n");
    let build = context.build().unless_up_to_date();
    let (_, image) = build.image();
    image.discard();
    let (built, image) = build.image();
    assert!(!is_up_to_date(&built));
    assert_eq!(image.output_of("printenv", &["WHO"]), context.space.marker());
}
