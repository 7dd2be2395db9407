//! A BuildKit daemon for one test, which the test may kill or manipulate.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use imagespec_e2e::command::{Ended, Program, Running};
use imagespec_e2e::way::Daemon;

use crate::Context;

#[track_caller]
pub(crate) fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited a minute until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A buildkitd for one test, with the lab's configuration.
pub(crate) struct ThrowAway {
    process: Option<Running>,
    pub(crate) address: String,
    root: PathBuf,
}

impl ThrowAway {
    pub(crate) fn start(context: &Context<'_>) -> Self {
        Self::start_in(context, context.space.sibling("daemon"))
    }

    /// Starts it with a state folder, which may have content.
    pub(crate) fn start_in(context: &Context<'_>, root: PathBuf) -> Self {
        let lab = &context.world.lab;
        let address = format!("unix://{}", context.space.sibling("daemon.sock").display());
        let config = lab.root_of(Daemon::Buildkitd).join("buildkitd.toml");
        let program = Program::new(&lab.buildkitd).arg("--config").arg(config).arg("--root").arg(&root);
        let process = program.args(["--addr", &address]).start();
        let daemon = Self { process: Some(process), address, root };
        let answers =
            || Program::new(&lab.buildctl).args(["--addr", &daemon.address, "debug", "workers"]).run().code == Some(0);
        wait_for("buildkitd answers", answers);
        daemon
    }

    /// The size of what it has pulled and made, without its databases.
    pub(crate) fn bytes(&self) -> u64 {
        size(&self.root.join("runc-overlayfs/content")) + size(&self.root.join("runc-overlayfs/snapshots"))
    }

    /// Ends it, and returns its log.
    pub(crate) fn stop(&mut self) -> Ended {
        let process = self.process.take().expect("it runs");
        process.signal("TERM");
        process.wait()
    }

    /// Asks it to end, which it does when running steps have ended.
    pub(crate) fn terminate(&self) {
        self.process.as_ref().expect("it runs").signal("TERM");
    }

    pub(crate) fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.signal("KILL");
            let _ = process.wait();
        }
    }
}

impl Drop for ThrowAway {
    fn drop(&mut self) {
        self.kill();
        unmount_below(&self.root);
    }
}

/// The size of all files below a folder.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()));
    let mut bytes = 0;
    for entry in entries.filter_map(Result::ok) {
        // The daemon may delete files meanwhile.
        let Ok(metadata) = entry.metadata() else { continue };
        bytes += if metadata.is_dir() { size(&entry.path()) } else { metadata.len() };
    }
    bytes
}

/// A killed daemon leaves the mounts of its containers behind.
fn unmount_below(folder: &Path) {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    let mut points: Vec<&str> = points.filter(|point| Path::new(point).starts_with(folder)).collect();
    // Innermost first.
    points.sort_unstable_by_key(|point| std::cmp::Reverse(point.len()));
    for point in points {
        let _ = Program::new("umount").args(["--lazy", point]).run();
    }
}
