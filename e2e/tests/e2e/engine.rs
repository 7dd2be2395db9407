//! `imagespec exists`: the registry's answer and the exit code. The engine itself is a library, which has its own tests.

use imagespec_e2e::command::{Ended, Program};
use imagespec_e2e::way::{Daemon, Entrance, Way};

use crate::{Case, Context, scenario};

pub(crate) fn cases() -> Vec<Case> {
    scenario("exists", [Way::new(Daemon::Buildkitd, Entrance::Imagespec)], exists).collect()
}

const SPEC: &str = "name: e2e/exists
registry: @REGISTRY@
base_image: debian:bookworm-slim
env: {MARKER: \"@MARKER@\"}
";

fn imagespec(context: &Context<'_>, arguments: &[&str]) -> Program {
    let lab = &context.world.lab;
    let program = Program::new(&context.world.programs.imagespec).args(arguments).dir(&context.space.context());
    program.env("DOCKER_CONFIG", context.space.sibling("docker")).env("SSL_CERT_FILE", &lab.tls_registry.ca)
}

#[track_caller]
fn expect(ended: Ended, code: i32, word: &str, reference: &str) {
    let line = ended.expect_code(code).line();
    assert_eq!(line, format!("{word} {reference}"));
}

/// Missing until it is pushed; unknown without credentials.
fn exists(context: &Context<'_>) {
    let lab = &context.world.lab;
    let (space, tls) = (&context.space, &lab.tls_registry);
    let auth = tls.config();
    let open = |registry: &str| space.write("imagespec.yaml", &SPEC.replace("@REGISTRY@", registry));
    for registry in [&lab.registry, &tls.host] {
        open(registry);
        space.write("../docker/config.json", &auth);
        let name = imagespec(context, &["tag"]).run().expect_code(0).line();
        expect(imagespec(context, &["exists"]).run(), 1, "missing", &name);
        imagespec(context, &["build", "--addr", &lab.buildkit, "--progress", "plain", "--push", "--tag", &name])
            .run()
            .expect_code(0);
        expect(imagespec(context, &["exists"]).run(), 0, "exists", &name);
        expect(imagespec(context, &["exists", &name]).run(), 0, "exists", &name);
        let other = format!("{name}-other");
        expect(imagespec(context, &["exists", ".", &other]).run(), 1, "missing", &other);
        space.write("../docker/config.json", "{}");
        let ended = imagespec(context, &["exists"]).run();
        if registry == &tls.host {
            assert!(ended.stderr.contains("401") && !ended.output().contains(&tls.auth()), "{ended}");
            expect(ended, 4, "unknown", &name);
        } else {
            expect(ended, 0, "exists", &name);
        }
    }
    let nobody = "localhost:1/a:1";
    expect(imagespec(context, &["exists", nobody]).run(), 4, "unknown", nobody);
    imagespec(context, &["exists", "no-such-folder"]).run().expect_code(2);
    space.write("imagespec.yaml", "base_image: debian:bookworm-slim\n");
    let ended = imagespec(context, &["exists"]).run().expect_code(2);
    assert!(ended.stderr.contains("registry"), "{ended}");
}
