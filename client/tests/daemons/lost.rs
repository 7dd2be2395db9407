//! A daemon that dies. The test starts its own daemon, because the lab's daemons must keep running.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use buildkit_client::address::Address;
use buildkit_client::dial::{DialOptions, dial};
use buildkit_client::error::SolveError;
use tempfile::TempDir;

use crate::lab::{connect, fresh, options, run, shell_in, variable};

struct Own {
    child: Child,
    dir: TempDir,
}

impl Own {
    fn start(dir: TempDir) -> Self {
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let config = dir.path().join("buildkitd.toml");
        let (root, runc) = (dir.path().join("root"), variable("IMAGESPEC_LAB_RUNC"));
        let settings =
            format!("root = {root:?}\n[worker.oci]\nenabled = true\nnetworkMode = \"host\"\nbinary = {runc:?}\n");
        std::fs::write(&config, settings + "[worker.containerd]\nenabled = false\n").unwrap();
        let child = Command::new(variable("IMAGESPEC_LAB_BUILDKITD"))
            .arg("--config")
            .arg(config)
            .arg("--addr")
            .arg(format!("unix://{}", socket(dir.path()).display()))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { child, dir }
    }

    fn address(&self) -> Address {
        Address::Unix(socket(self.dir.path()))
    }

    /// Waits until the daemon has started.
    async fn wait(&self) {
        let began = Instant::now();
        while let Err(error) = dial(&self.address(), &DialOptions::default()).await {
            let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            assert!(error.is_retryable() && began.elapsed() < Duration::from_secs(30), "{error}\n{log}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    fn kill(mut self) -> TempDir {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let Self { dir, .. } = &mut self;
        std::mem::replace(dir, tempfile::tempdir().unwrap())
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // It may already have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn socket(dir: &Path) -> std::path::PathBuf {
    dir.join("sock")
}

fn image() -> String {
    format!("{}/library/{}", variable("IMAGESPEC_LAB_REGISTRY"), variable("IMAGESPEC_LAB_DEBIAN_IMAGE"))
}

#[tokio::test]
async fn a_daemon_that_dies_in_a_build_is_lost_and_found_again() {
    let own = Own::start(tempfile::tempdir().unwrap());
    own.wait().await;
    let connection = connect(&own.address()).await;
    let script = format!("echo up; sleep 5; : {}", fresh());
    let (die, dead) = tokio::sync::oneshot::channel::<()>();
    let request = options(shell_in(&image(), &script));
    let (sender, mut receiver) = buildkit_client::progress::channel();
    let cancel = tokio_util::sync::CancellationToken::new();
    let build = async {
        let outcome = buildkit_client::solve::solve(&connection, None, request, &sender, &cancel).await;
        drop(sender);
        outcome
    };
    let watch = async {
        let mut die = Some(die);
        while let Some(update) = receiver.recv().await {
            if !update.logs.is_empty() {
                die.take().map(|die| die.send(()));
            }
        }
    };
    let killer = async {
        dead.await.expect("the step starts");
        own.kill()
    };
    let began = Instant::now();
    let (outcome, (), dir) = tokio::join!(build, watch, killer);
    let error = outcome.expect_err("the daemon is gone");
    assert!(matches!(error, SolveError::Lost { .. }) && error.is_retryable(), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(60));

    // The connection is not bound to the old daemon, and works again when there is a new one.
    let gone = run(&connection, options(shell_in(&image(), "true"))).await;
    assert!(matches!(gone.outcome, Err(SolveError::Lost { .. })), "{:?}", gone.outcome);
    let own = Own::start(dir);
    own.wait().await;
    let report = run(&connection, options(shell_in(&image(), &format!("true; : {}", fresh())))).await;
    assert!(report.outcome.is_ok(), "{:?}", report.outcome);
}
