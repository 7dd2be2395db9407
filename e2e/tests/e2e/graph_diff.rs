//! The differences between two graphs that our command line compiled for a real daemon.

use std::path::PathBuf;

use imagespec_e2e::command::{Ended, Program};
use imagespec_e2e::way::{Daemon, Entrance, Way};

use crate::{Case, Context, scenario};

pub(crate) fn cases() -> Vec<Case> {
    scenario("graph-diff", [Way::new(Daemon::Buildkitd, Entrance::Imagespec)], graph_diff).collect()
}

fn graph_diff(context: &Context<'_>) {
    let spec = |source: &str| format!("base_image: debian:bookworm-slim\napt_packages: [tree]\ncopy: [{source}]\n");
    context.space.write("a.txt", "a");
    context.space.write("b.txt", "b");
    context.space.write("spec.yaml", &spec("a.txt"));
    let (one, same) = (compiled(context, "one.pb"), compiled(context, "same.pb"));
    context.space.write("spec.yaml", &spec("b.txt"));
    let other = compiled(context, "other.pb");

    let equal = diff(context, &one, &same).expect_code(0);
    assert!(!String::from_utf8_lossy(&equal.stdout).contains("[copy]"), "{equal}");
    let different = diff(context, &one, &other).expect_code(1);
    let output = String::from_utf8_lossy(&different.stdout).into_owned();
    assert!(output.contains("[copy] a.txt") || output.contains("[copy] b.txt"), "the changed step is named: {output}");
    assert!(output.contains("/a.txt") && output.contains("/b.txt"), "and what changed in it: {output}");
    assert!(!output.contains("[apt]"), "what did not change is not: {output}");

    let garbage = context.space.sibling("garbage.pb");
    std::fs::write(&garbage, b"no definition").expect("a file");
    let refused = diff(context, &one, &garbage).expect_code(2);
    assert!(refused.stderr.contains("garbage.pb"), "{refused}");
}

/// The definition of the space's spec, in a file outside the context.
fn compiled(context: &Context<'_>, name: &str) -> PathBuf {
    let path = context.space.sibling(name);
    std::fs::write(&path, context.build().definition().stdout).expect("a file");
    path
}

fn diff(context: &Context<'_>, one: &PathBuf, other: &PathBuf) -> Ended {
    Program::new(&context.world.programs.imagespec).args(["graph", "diff"]).arg(one).arg(other).run()
}
