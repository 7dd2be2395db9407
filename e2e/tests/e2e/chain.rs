//! Daemons that cannot merge get a chain of steps, which results in the same files.

use std::sync::OnceLock;

use imagespec_e2e::archive::Archive;
use imagespec_e2e::build::{Build, Output};
use imagespec_e2e::rootfs::Rootfs;
use imagespec_e2e::way::{Daemon, Entrance, Way};
use serde_json::Value;

use crate::{Case, Context, scenario};

/// The step that only merged images have.
const JOIN: &str = "[join] merge all branches";

pub(crate) fn cases() -> Vec<Case> {
    let daemons = [Daemon::Containerd, Daemon::Classic, Daemon::Engine2010];
    scenario("same-files", daemons.map(|daemon| Way::new(daemon, Entrance::Imagespec)), same_files).collect()
}

/// The result of buildkitd, once for all comparisons.
static MERGED: OnceLock<(Rootfs, Value)> = OnceLock::new();

/// All builds run every step, so that the compared files were installed on the same day.
fn same_files(context: &Context<'_>) {
    context.space.fill("chain");
    let (built, image) = context.build().without_cache().image();
    let merges = built.status.steps().any(|step| step.name == JOIN);
    assert_eq!(merges, context.way.daemon.merges(), "the shape depends on the daemon");
    let warned = built.status.text.contains("W101") || built.status.text.contains("cannot merge layers");
    assert_eq!(warned, !context.way.daemon.merges(), "a chain causes a warning: {}", built.status.text);

    let (files, config) = MERGED.get_or_init(|| merged(context));
    let archive = image.archive(&context.space);
    // A single install leaves uv's lock file in place; groups remove it.
    let mut differences = files.differences(&archive.rootfs());
    differences.retain(|path| !path.starts_with("opt/venv/.lock: only in the second"));
    // Chains have no records.
    differences.retain(|path| !path.starts_with("usr/share/imagespec"));
    assert_eq!(differences, Vec::<String>::new());
    assert_eq!(*config, archive.config["config"], "the image configs are the same");
}

fn merged(context: &Context<'_>) -> (Rootfs, Value) {
    let file = context.space.sibling("merged.tar");
    let way = Way::new(Daemon::Buildkitd, Entrance::Imagespec);
    let build =
        Build::new(context.world, &context.space, way).without_cache().output(Output::File("oci", file.clone()));
    let built = build.ok();
    assert!(built.status.steps().any(|step| step.name == JOIN), "buildkitd merges");
    let archive = Archive::read(&file);
    (archive.rootfs(), archive.config["config"].clone())
}
