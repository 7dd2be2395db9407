//! Builds that do not finish: the user interrupts, the daemon is missing, the daemon is killed.

use std::time::{Duration, Instant};

use imagespec_e2e::command::{self, Program};
use imagespec_e2e::way::{self, Daemon, Entrance, Way};

use crate::throw_away::{ThrowAway, wait_for};
use crate::{Case, Context, is_full, scenario};

const BUILDKITD: Way = Way::new(Daemon::Buildkitd, Entrance::Imagespec);

/// A step that takes longer than every test. Its shell has the marker in its command line, by which it is found.
const SLEEPS: &str = "base_image: debian:bookworm-slim\ncommands: [\"sleep 900; echo @MARKER@\"]\n";

pub(crate) fn cases() -> Vec<Case> {
    let interrupts = scenario("interrupt", way::IMAGESPEC, interrupt);
    let absent = scenario("daemon-absent", [BUILDKITD], daemon_absent);
    let killed = scenario("daemon-killed", [BUILDKITD], daemon_killed);
    let stopped = scenario("daemon-stopped", [BUILDKITD], daemon_stopped);
    let beside = scenario("killed-beside", [BUILDKITD], killed_beside);
    let ended = scenario("ended-lookups", [BUILDKITD], ended_lookups);
    interrupts.chain(absent).chain(killed).chain(stopped).chain(beside).chain(ended).collect()
}

fn interrupt(context: &Context<'_>) {
    context.space.write("spec.yaml", SLEEPS);
    let build = context.build().plainly().start();
    wait_for("the step runs", || !processes_with(context.space.marker(), build.id()).is_empty());
    build.signal("INT");
    let began = Instant::now();
    let id = build.id();
    let ended = build.wait().expect_code(130);
    assert!(began.elapsed() < Duration::from_secs(15), "took {:?} to end", began.elapsed());
    assert!(ended.stderr.ends_with("error: interrupted\n"), "{ended}");
    wait_for("the step's processes are gone", || processes_with(context.space.marker(), id).is_empty());
}

fn daemon_absent(context: &Context<'_>) {
    context.space.fill("small");
    let imagespec = |address: &str| context.build().ours("build", address).run().expect_code(3);
    let socket = context.space.sibling("none.sock");
    let socket = socket.display();
    let ended = imagespec(&format!("unix://{socket}"));
    let expected = format!(
        "error: can't reach a BuildKit daemon at unix://{socket}: No such file or directory (os error 2)\n  \
         = help: is the daemon running? {socket} does not exist; run `imagespec doctor` to see which daemons were considered\n"
    );
    assert_eq!(ended.stderr, expected);
    // Nothing listens on port 1.
    let ended = imagespec("tcp://127.0.0.1:1");
    let expected =
        "error: can't reach a BuildKit daemon at tcp://127.0.0.1:1: Connection refused (os error 111)\n  = help: ";
    assert!(ended.stderr.starts_with(expected), "{ended}");
    assert!(ended.stderr.ends_with("run `imagespec doctor` to see which daemons were considered\n"), "{ended}");
}

fn daemon_killed(context: &Context<'_>) {
    context.space.write("spec.yaml", SLEEPS);
    let mut daemon = ThrowAway::start(context);
    let mut build = context.build().ours("build", &daemon.address).args(["--progress", "plain"]).start();
    let id = build.id();
    wait_for("the step runs", || {
        assert!(build.is_running(), "the build ended early");
        !processes_with(context.space.marker(), id).is_empty()
    });
    daemon.kill();
    let began = Instant::now();
    let ended = build.wait();
    for process in processes_with(context.space.marker(), id) {
        command::signal(process, "KILL");
    }
    let ended = ended.expect_code(3);
    assert!(began.elapsed() < Duration::from_secs(15), "took {:?} to notice", began.elapsed());
    assert!(ended.stderr.contains("error: lost the BuildKit daemon: "), "{ended}");
    assert!(ended.stderr.ends_with("  = help: check that the daemon is running, then try again\n"), "{ended}");
}

/// A daemon that is stopped lets running steps end, and takes no new calls. The build is lost, and not cancelled.
fn daemon_stopped(context: &Context<'_>) {
    let spec = "base_image: debian:bookworm-slim\ncommands: [\"sleep 4; echo @MARKER@\"]\n";
    context.space.write("spec.yaml", spec);
    let daemon = ThrowAway::start(context);
    let build = |daemon: &ThrowAway| context.build().ours("build", &daemon.address).args(["--progress", "plain"]);
    let mut running = build(&daemon).start();
    let id = running.id();
    wait_for("the step runs", || {
        assert!(running.is_running(), "the build ended early");
        !processes_with(context.space.marker(), id).is_empty()
    });
    daemon.terminate();
    let began = Instant::now();
    let ended = running.wait().expect_code(3);
    assert!(began.elapsed() < Duration::from_secs(30), "took {:?} to notice", began.elapsed());
    assert!(ended.stderr.contains("error: lost the BuildKit daemon: "), "{ended}");
    assert!(ended.stderr.ends_with("  = help: check that the daemon is running, then try again\n"), "{ended}");
    drop(daemon);
    build(&ThrowAway::start(context)).run().expect_code(0);
}

/// Builds that share steps with a build that is killed, with and without the cache. Before such steps were told apart, one of fifteen
/// rounds failed with `inconsistent graph state`.
fn killed_beside(context: &Context<'_>) {
    let daemon = ThrowAway::start(context);
    let start = |arguments: &[&str]| context.build().ours("build", &daemon.address).args(arguments).start();
    let rounds = if is_full() { 60 } else { 8 };
    for round in 0..rounds {
        let versions = format!("click>=8.0.{round}");
        context
            .space
            .write("spec.yaml", &format!("base_image: python:3.11-slim\npackages: [\"{versions}\", requests]\n"));
        let pause = |step: u64| std::thread::sleep(Duration::from_millis(round * step % 800));
        let killed = start(&[]);
        pause(170);
        let anew = start(&["--no-cache-filter", "lock"]);
        pause(290);
        killed.signal("KILL");
        let beside = start(&[]);
        for build in [anew, beside] {
            build.wait().expect_code(0);
        }
        let _ = killed.wait();
    }
}

/// Two specs whose images have one name, so that the check before each build ends while the daemon still looks up what its image was made
/// of. Before such lookups were waited for, half of the rounds left the daemon in a state in which it could not build what has the same
/// lock.
fn ended_lookups(context: &Context<'_>) {
    let mut daemon = ThrowAway::start(context);
    let answers = context.space.sibling("answers");
    let name = format!("{}/{}:1", context.world.lab.registry, context.space.marker());
    let run = |spec: &str, command: &str, arguments: &[&str]| {
        let build = context.build().unless_up_to_date().spec(spec);
        let program = build.ours(command, &daemon.address).env("IMAGESPEC_CACHE_DIR", &answers);
        program.args(arguments).run().expect_code(0);
    };
    let push = |spec: &str| run(spec, "build", &["--tag", &name, "--push"]);
    for spec in ["one", "other", "locked"] {
        let text = format!("base_image: python:3.11-slim\npackages: [idna, toolz]\nenv: {{SPEC: {spec}}}\n");
        context.space.write(&format!("{spec}.yaml"), &text);
    }
    run("locked.yaml", "lock", &[]);
    for _ in 0..if is_full() { 20 } else { 3 } {
        for _ in 0..15 {
            push("one.yaml");
            push("other.yaml");
        }
        let prune = ["--addr", &daemon.address, "prune", "--all", "--filter", "type!=exec.cachemount"];
        Program::new(&context.world.lab.buildctl).args(prune).ok();
        std::fs::remove_dir_all(&answers).expect("the builds have remembered something");
        push("locked.yaml");
    }
    let log = daemon.stop().stderr;
    assert!(log.contains("running server"), "{log}");
    assert!(!log.contains("inconsistent graph state"), "{log}");
}

/// Processes of this machine with a text in their command line, except for the client.
fn processes_with(text: &str, client: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("Linux has /proc").flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has_text = |id: &u32| {
        let arguments = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        // Only the script sleeps. Other command lines could contain the marker too.
        let arguments = String::from_utf8_lossy(&arguments).into_owned();
        arguments.contains("sleep") && arguments.contains(text)
    };
    ids.filter(|id| *id != client && has_text(id)).collect()
}
