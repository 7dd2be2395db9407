//! Secrets as variables; and no secret is in the daemon's stored data.

use imagespec_e2e::report::say;
use imagespec_e2e::scan::Needles;
use imagespec_e2e::way;

use crate::{Case, Context, scenario};

pub(crate) fn cases() -> Vec<Case> {
    scenario("daemon-records", way::EACH_DAEMON, records).collect()
}

/// The index's user and password are variables of the install step only. Afterwards everything that the daemon has on disk (layers,
/// cache records, metadata, logs) is searched, including the data of all earlier builds.
fn records(context: &Context<'_>) {
    context.space.fill("secret-variable");
    let index = &context.world.lab.private_index;
    let build = context.build().with_secret("index-user", &index.user).with_secret("index-password", &index.password);
    let (built, image) = build.image();
    assert_eq!(image.output_of("lab-private", &[]), "imagespec-lab-private 1.1.0");
    let config = image.inspect()["Config"].to_string();
    assert!(!config.contains("UV_INDEX"), "the variables are the step's alone: {config}");

    let needles = Needles::for_index(index);
    needles.absent_from("the client's output", built.ended.output().as_bytes());
    let daemon = context.way.daemon;
    let lab = &context.world.lab;
    let stamp = lab.state.join(format!("e2e/{daemon}-scanned"));
    let scanned = needles.below(&lab.root_of(daemon), context.space.marker(), &stamp);
    assert!(scanned.controls > 0, "the copied file was not found, so the scan is blind: {scanned:?}");
    assert_eq!(scanned.found, []);
    for log in daemon_logs(context) {
        needles.absent_from(&log.display().to_string(), &std::fs::read(&log).expect("the log can be read"));
    }
    say(&format!("{daemon}: {} files, {} MB searched", scanned.files, scanned.bytes >> 20));
}

fn daemon_logs(context: &Context<'_>) -> Vec<std::path::PathBuf> {
    let logs = std::fs::read_dir(&context.world.lab.logs).expect("the lab keeps logs").flatten();
    let names = ["buildkitd.log", "engine-containerd.log", "engine-classic.log", "engine-2010.log"];
    let logs = logs.filter(|log| names.iter().any(|name| log.file_name() == *name));
    logs.map(|log| log.path()).filter(|path| path.metadata().is_ok_and(|log| log.len() > 0)).collect()
}
