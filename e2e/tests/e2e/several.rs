//! Several images in one command: shared and separate data, and the other images when one fails.

use std::collections::BTreeSet;

use imagespec_e2e::command::{Ended, Program};
use imagespec_e2e::image::Image;
use imagespec_e2e::status::Status;
use imagespec_e2e::way::{self, Daemon, Entrance, Way};

use crate::{Case, Context, scenario};

const BUILDKITD: Way = Way::new(Daemon::Buildkitd, Entrance::Imagespec);

pub(crate) fn cases() -> Vec<Case> {
    let together = scenario("several", way::IMAGESPEC, together);
    let targets = scenario("several-targets", [BUILDKITD], targets);
    let refused = scenario("several-refused", [BUILDKITD], refused);
    together.chain(targets).chain(refused).collect()
}

/// Two specs in one folder have secrets with the same id and different values. With one wrong value, only the other image is built;
/// with two correct values, both are. The context is sent once.
fn together(context: &Context<'_>) {
    let space = &context.space;
    space.write("marker.txt", "@MARKER@\n");
    let netrc = std::fs::read_to_string(space.netrc(&context.world.lab)).expect("it was just written");
    let wrong = netrc.replace(&context.world.lab.private_index.password, "wrong");
    space.write("a.netrc", &netrc);
    space.write("b.netrc", &wrong);
    for (name, version) in [("a", "1.0.0"), ("b", "1.1.0")] {
        let packages = format!(
            "packages: [imagespec-lab-private=={version}]\npip_extra_index_url: [\"@PRIVATE_INDEX@\"]\n\
             pip_secret_mounts: [{{id: netrc, src: {name}.netrc, dst: /root/.netrc}}]\n"
        );
        let rest = format!("copy: [marker.txt]\nenv: {{WHO: {name}}}\nentrypoint: [lab-private]\n");
        space.write(
            &format!("{name}.yaml"),
            &format!("{}base_image: python:3.11-slim\n{packages}{rest}", named(context, name)),
        );
    }
    // A secret is not part of cache keys: a result with the correct secret would also be used with the wrong one.
    let ended = build(context, &["a.yaml", "b.yaml"]).arg("--no-cache").run().expect_code(1);
    let output = Status::from_json_lines(&ended.stderr).text;
    let (a, b) = (title(context, "a.yaml"), title(context, "b.yaml"));
    assert!(output.contains(&format!("{b}:\n")) && output.contains("error: 1 of 2 images failed"), "{ended}");
    assert!(!output.contains(&format!("{a}:\n")) && output.contains("imagespec-lab-private==1.1.0"), "{ended}");
    assert_eq!(metadata(context).keys().collect::<Vec<_>>(), [&a], "the other was built all the same");
    assert_eq!(image(context, "a.yaml").output_of("lab-private", &[]), "imagespec-lab-private 1.0.0");

    space.write("b.netrc", &netrc);
    space.write("marker.txt", "@MARKER@ again\n");
    let ended = build(context, &["a.yaml", "b.yaml"]).ok();
    assert_eq!(metadata(context).keys().collect::<Vec<_>>(), [&a, &b]);
    for (name, version) in [("a", "1.0.0"), ("b", "1.1.0")] {
        let image = image(context, &format!("{name}.yaml"));
        assert_eq!(image.output_of("lab-private", &[]), format!("imagespec-lab-private {version}"));
        assert_eq!(image.output_of("cat", &["/root/marker.txt"]), format!("{} again", space.marker()));
        assert_eq!(image.output_of("printenv", &["WHO"]), name);
    }
    let status = Status::from_json_lines(&ended.stderr);
    let sent: BTreeSet<&str> = status
        .vertices
        .iter()
        .filter(|vertex| vertex.name == "[internal] load build context")
        .map(|vertex| vertex.digest.as_str())
        .collect();
    assert_eq!(sent.len(), 1, "{:?}", status.vertices);
}

/// Images of one file, one on top of the other.
fn targets(context: &Context<'_>) {
    let images = format!(
        "images:\n  lower:\n    {}    base_image: debian:bookworm-slim\n    env: {{WHO: lower}}\n  upper:\n    {}    \
         base_image: lower\n    env: {{WHO: upper}}\n",
        named(context, "lower").replace('\n', "\n    ").trim_end_matches(' '),
        named(context, "upper").replace('\n', "\n    ").trim_end_matches(' '),
    );
    context.space.write("spec.yaml", &images);
    let ids = build(context, &["spec.yaml"]).args(["--target", "lower", "--target", "upper", "--quiet"]).ok();
    assert_eq!(ids.stderr, "");
    assert_eq!(ids.out().lines().filter(|line| line.starts_with("sha256:")).count(), 2, "{ids}");
    let told = metadata(context);
    let file = title(context, "spec.yaml");
    assert_eq!(told.keys().collect::<Vec<_>>(), [&format!("{file} (lower)"), &format!("{file} (upper)")]);

    // Only one of them has changed.
    context.space.write("spec.yaml", &images.replace("WHO: upper", "WHO: top"));
    let build = context.build().unless_up_to_date().ours("build", context.world.lab.address(context.way.daemon));
    let build = build.args(["--progress", "rawjson", "--push", "--target", "lower", "--target", "upper"]);
    let status = Status::from_json_lines(&build.ok().stderr);
    let names = status.vertices.iter().map(|vertex| vertex.name.as_str());
    let done: Vec<&str> = names.filter(|name| name.ends_with(" is up to date")).collect();
    let lower = format!("{}/e2e/{}-lower:", context.world.lab.registry, context.space.name());
    assert!(done.len() == 1 && done[0].starts_with(&lower), "{done:?}: {:?}", status.vertices);
}

/// Errors before connecting: nothing listens at the address.
fn refused(context: &Context<'_>) {
    let space = &context.space;
    let build = |args: &[&str], files: &[&str]| -> Ended {
        let files = files.iter().flat_map(|file| ["--file".into(), space.context().join(file).into_os_string()]);
        let program = Program::new(&context.world.programs.imagespec).args(["build", "--addr", "unix:///nonexistent"]);
        program.args(args).args(files).arg(space.context()).run()
    };
    let check = |args: &[&str], files: &[&str], expect: &[&str]| {
        let ended = build(args, files).expect_code(2);
        assert!(expect.iter().all(|part| ended.stderr.contains(part)), "{ended}");
    };
    for name in ["one.yaml", "two.yaml"] {
        space.write(name, "name: same\nbase_image: debian:bookworm-slim\n");
    }
    space.write("three.yaml", "pakages: [click]\n");
    space.write("four.yaml", "platform: linux/what\n");
    let both = ["one.yaml", "two.yaml"];
    check(&["--tag", "x:1", "--iidfile", "id"], &both, &["--tag names one image", "--iidfile accepts only one image"]);
    check(&["--cache-to", "type=registry,ref=r/c"], &both, &["--cache-to"]);
    let problems = ["three.yaml:\n", "`packages`", "four.yaml:\n", "linux/what", "error: 2 of 3 images failed"];
    check(&[], &["one.yaml", "three.yaml", "four.yaml"], &problems);

    // Errors that depend on the daemon: names and destinations.
    let connected = |args: &[&str], expect: &str| {
        let program = Program::new(&context.world.programs.imagespec).arg("build").args(args);
        let program = program.args(["--addr", context.world.lab.address(Daemon::Buildkitd)]);
        let program = both.iter().fold(program, |program, file| program.arg("--file").arg(space.context().join(file)));
        let ended = program.arg(space.context()).run().expect_code(2);
        assert!(ended.stderr.contains(expect), "{ended}");
    };
    connected(&["--push"], "two.yaml have the same name docker.io/library/same:");
    space.write("two.yaml", "name: other\nbase_image: debian:bookworm-slim\n");
    connected(&["--output", "type=image,name=x:1,push=true"], "two.yaml have the same name ");
    let file = format!("type=oci,dest={}", space.sibling("x.tar").display());
    connected(&["--output", &file], "--output names a folder or file for one image");
}

/// The lines of a spec with a name that is unique to the test.
fn named(context: &Context<'_>, name: &str) -> String {
    match context.way.daemon {
        Daemon::Buildkitd => {
            format!("name: e2e/{}-{name}\nregistry: {}\n", context.space.name(), context.world.lab.registry)
        }
        _ => format!("name: imagespec-e2e/{}-{name}\n", context.space.name()),
    }
}

/// The image of a spec, by the name that the program gives it.
fn image<'a>(context: &'a Context<'_>, file: &str) -> Image<'a> {
    let program = Program::new(&context.world.programs.imagespec).arg("tag");
    let name = program.arg("--file").arg(context.space.context().join(file)).arg(context.space.context()).ok().line();
    let daemon = if context.way.daemon == Daemon::Buildkitd { Daemon::Containerd } else { context.way.daemon };
    Image::new(context.world, daemon, name)
}

fn build(context: &Context<'_>, files: &[&str]) -> Program {
    let (last, first) = files.split_last().expect("a file at least");
    let metadata = context.space.sibling("metadata.json");
    let program = context.build().spec(last).ours("build", context.world.lab.address(context.way.daemon));
    let program =
        first.iter().fold(program, |program, file| program.arg("--file").arg(context.space.context().join(file)));
    let goes = if context.way.daemon == Daemon::Buildkitd { "--push" } else { "--load" };
    program.args(["--progress", "rawjson", goes]).arg("--metadata-file").arg(metadata)
}

/// The title of a spec in the program's output.
fn title(context: &Context<'_>, file: &str) -> String {
    context.space.context().join(file).display().to_string()
}

fn metadata(context: &Context<'_>) -> serde_json::Map<String, serde_json::Value> {
    let bytes = std::fs::read(context.space.sibling("metadata.json")).expect("the metadata were written");
    serde_json::from_slice(&bytes).expect("the metadata are an object")
}
