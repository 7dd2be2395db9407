//! The example of another frontend: built, packaged and used as described in its README.

use std::sync::OnceLock;

use imagespec_e2e::command::{Ended, Program};
use imagespec_e2e::lab::Lab;
use imagespec_e2e::way::{Daemon, Entrance, Way};

use crate::{Case, Context, scenario};

pub(crate) fn cases() -> Vec<Case> {
    scenario("frontend_example", [Way::new(Daemon::Buildkitd, Entrance::Buildctl)], frontend_example).collect()
}

/// The image of the example, built once.
fn image(context: &Context<'_>) -> &'static str {
    static IMAGE: OnceLock<String> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let script = Lab::checkout().join("scripts/frontend-static");
        let arguments = [std::env::consts::ARCH, "frontend-example"];
        let program = Program::new(script).args(arguments).dir(Lab::checkout()).ok().line();
        let lab = &context.world.lab;
        let reference = format!("{}/frontend-example:e2e-{}", lab.registry, context.world.run);
        Program::new(&context.world.programs.imagespec)
            .args(["frontend", "--progress", "plain", "--addr", &lab.buildkit, "--push", &reference])
            .args(["--binary", &program])
            .env("DOCKER_CONFIG", &lab.docker_config)
            .ok();
        reference
    })
}

/// Builds `image.txt` of the context into a folder.
fn build(context: &Context<'_>, options: &[&str]) -> Ended {
    let folder = context.space.context();
    let local = |name: &str| format!("{name}={}", folder.display());
    context
        .world
        .lab
        .buildctl()
        .args(["build", "--progress", "plain", "--frontend", "gateway.v0", "--opt", "filename=image.txt"])
        .option("--opt", format!("source={}", image(context)))
        .args(["--local", &local("context"), "--local", &local("dockerfile")])
        .args(["--output", &format!("type=local,dest={}", context.space.sibling("out").display())])
        .args(options)
        .run()
}

fn frontend_example(context: &Context<'_>) {
    let space = &context.space;
    space.write("etc/motd", "hello @MARKER@\n");
    space.write("unnamed", "is not in the image\n");
    space.write("image.txt", "base: debian:bookworm-slim\ncopy: etc/motd\ncheck: grep -q @MARKER@ /etc/motd\n");
    build(context, &[]).expect_code(0);
    let out = space.sibling("out");
    let motd = std::fs::read_to_string(out.join("etc/motd")).expect("the file is in the image");
    assert_eq!(motd, format!("hello {}\n", space.marker()));
    assert!(out.join("bin/sh").exists() && !out.join("unnamed").exists(), "the base is there, other files are not");

    // The excerpt is the user's text, and the message is the frontend's.
    space.write("image.txt", "base: debian:bookworm-slim\ncopy: etc/motd\ncheck: echo too bad >&2; exit 3\n");
    let failed = build(context, &[]).expect_code(1);
    assert!(failed.output().contains("the check failed: too bad"), "{failed}");
    assert!(failed.output().contains("   3 | >>> check: echo too bad >&2; exit 3"), "{failed}");
    space.write("image.txt", "base: debian:bookworm-slim\n\nbasement: x\n");
    let failed = build(context, &[]).expect_code(1);
    assert!(failed.output().contains("expected `base: IMAGE`"), "{failed}");
    assert!(failed.output().contains("   3 | >>> basement: x"), "{failed}");

    // Two platforms, each with its own base and check.
    space.write("image.txt", "base: debian:bookworm-slim\ncopy: etc/motd\ncheck: uname -m\n");
    build(context, &["--opt", "platform=linux/amd64,linux/arm64"]).expect_code(0);
    for platform in ["linux_amd64", "linux_arm64"] {
        assert!(out.join(platform).join("etc/motd").exists(), "{platform}");
    }
}
