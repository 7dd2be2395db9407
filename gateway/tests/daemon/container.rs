//! Containers: what goes in, what comes out, how processes end, and that nothing is left.

use std::time::Duration;

use buildkit_gateway::container::{Command, Container, ContainerRequest, Event, Mount, Process, Root, Signal};
use buildkit_gateway::{AddHost, Bridge, ErrorDetail, GatewayError, NetworkMode, SecretEnv, Sharing};
use tokio::io::AsyncWriteExt as _;

use crate::lab::{SECRET, all, build, buildkitd, debian, shell};

async fn container(bridge: &Bridge) -> Container {
    let rootfs = debian(bridge).await;
    bridge.new_container(ContainerRequest::new(&rootfs)).await.unwrap()
}

fn sh(script: &str) -> Command {
    Command::new(["/bin/sh", "-c", script])
}

#[tokio::test]
async fn every_daemon_runs_processes() {
    for (name, address) in all() {
        let output = build(&address, async |bridge| {
            let container = container(bridge).await;
            let command = sh("echo out; echo err >&2; cat; echo $A; id -un; pwd; exit 3");
            let command = command.with_env("A", "b c").with_user("nobody").with_cwd("/tmp").with_input("in\n");
            let output = container.run(command).await.unwrap();
            container.release().await.unwrap();
            output
        })
        .await;
        assert_eq!(output.stdout(), "out\nin\nb c\nnobody\n/tmp\n", "{name}");
        assert_eq!(output.stderr(), "err\n", "{name}");
        assert_eq!(output.exit.code, 3, "{name}");
        let status = output.exit.into_result().unwrap_err();
        assert!(
            status.typed_details().any(|detail| detail == ErrorDetail::Exit { code: 3 }),
            "{name}: {status:?} keeps the code on its way to the client"
        );
    }
}

#[tokio::test]
async fn later_processes_join_the_first() {
    build(&buildkitd(), async |bridge| {
        let container = container(bridge).await;
        let main = container.start(sh("echo kept >/note; cat").with_stdin()).await;
        let mut main = main.unwrap();
        let stdin = main.take_stdin().unwrap();
        // Until the shell has written it.
        let read = sh("until test -s /note; do sleep 0.05; done; cat /note");
        let (one, two) = tokio::join!(container.run(read.clone()), container.run(read));
        for output in [one.unwrap(), two.unwrap()] {
            assert_eq!((output.stdout().as_ref(), output.exit.code), ("kept\n", 0));
        }
        drop(stdin);
        assert!(main.wait().await.unwrap().success());

        // One that fails takes all others with it.
        let container = self::container(bridge).await;
        let main = container.start(sh("sleep infinity")).await.unwrap();
        assert_eq!(container.run(sh("exit 7")).await.unwrap().exit.code, 7);
        assert!(!main.wait().await.unwrap().success());
    })
    .await;
}

#[tokio::test]
async fn a_megabyte_is_transferred() {
    build(&buildkitd(), async |bridge| {
        let container = container(bridge).await;
        let bytes: Vec<u8> = (0..1 << 20).map(|n: u32| n.to_le_bytes()[n as usize % 3]).collect();
        let mut process = container.start(Command::new(["cat"]).with_stdin()).await.unwrap();
        let mut stdin = process.take_stdin().unwrap();
        assert!(process.take_stdin().is_none());
        let feed = async {
            stdin.write_all(&bytes).await.unwrap();
            stdin.shutdown().await.unwrap();
        };
        let (output, ()) = tokio::join!(process.output(), feed);
        assert_eq!(output.unwrap().stdout, bytes);

        let given =
            self::container(bridge).await.run(Command::new(["wc", "-c"]).with_input(bytes.clone())).await.unwrap();
        assert_eq!(given.stdout().trim(), "1048576");
    })
    .await;
}

/// A process may end before its input; the rest of the input is dropped, and the exit is still reported.
#[tokio::test]
async fn unread_input_has_no_effect() {
    build(&buildkitd(), async |bridge| {
        let output = container(bridge).await.run(sh("exit 4").with_input(vec![b'x'; 4 << 20])).await.unwrap();
        assert_eq!(output.exit.code, 4);
        // stdin is still open here when the process ends.
        let container = container(bridge).await;
        let mut process = container.start(sh("exit 5").with_stdin()).await.unwrap();
        let mut stdin = process.take_stdin().unwrap();
        assert_eq!(process.next().await.unwrap().map(code), Some(Some(5)));
        assert_eq!(process.next().await.unwrap(), None);
        drop(process);
        assert!(stdin.write_all(&vec![0; 1 << 20]).await.is_err(), "nobody reads it");
    })
    .await;
}

fn code(event: Event) -> Option<u32> {
    match event {
        Event::Exit(exit) => Some(exit.code),
        _ => None,
    }
}

/// The first text that contains `part`.
async fn until(process: &mut Process, part: &str) -> String {
    let mut text = String::new();
    while !text.contains(part) {
        match process.next().await.unwrap() {
            Some(Event::Stdout(bytes)) => text.push_str(&String::from_utf8_lossy(&bytes)),
            other => panic!("{other:?} after {text:?}, without {part:?}"),
        }
    }
    text
}

#[tokio::test]
async fn a_terminal_has_a_size_and_takes_signals() {
    build(&buildkitd(), async |bridge| {
        let container = container(bridge).await;
        let mut process = container.start(sh("exec /bin/sh -i").with_tty().with_stdin()).await.unwrap();
        let mut stdin = process.take_stdin().unwrap();
        process.resize(31, 97);
        // The size may arrive after the question.
        stdin.write_all(b"until test \"$(stty size)\" = '31 97'; do sleep 0.05; done; echo si''ze\n").await.unwrap();
        let seen = until(&mut process, "size").await;
        assert!(!seen.contains("cannot"), "{seen}");
        stdin.write_all(b"exit 6\n").await.unwrap();
        assert_eq!(process.output().await.unwrap().exit.code, 6);

        let trap = sh("trap 'echo got it; exit 8' USR1; echo ready; while :; do sleep 0.05; done");
        let mut process = self::container(bridge).await.start(trap).await.unwrap();
        until(&mut process, "ready").await;
        process.signal(Signal::Usr1).unwrap();
        let output = process.output().await.unwrap();
        assert_eq!((output.stdout().as_ref(), output.exit.code), ("got it\n", 8));
    })
    .await;
}

#[tokio::test]
async fn mounts_secrets_and_hosts() {
    build(&buildkitd(), async |bridge| {
        let rootfs = debian(bridge).await;
        let made = bridge.solve(shell("mkdir -p /d/sub; echo text >/d/sub/file")).await.unwrap();
        let made = made.single_ref().unwrap().unwrap();
        let (secret, value) = SECRET;
        let cache_id = format!("test-{}", buildkit_client::solve::new_reference());
        let request = ContainerRequest::new(&rootfs)
            .with_mount(Mount::reference("/ro", made).read_only().with_selector("d/sub"))
            .with_mount(Mount::scratch("/empty"))
            .with_mount(Mount::tmpfs("/memory"))
            .with_mount(Mount::cache("/cache", cache_id, Sharing::Shared))
            .with_mount(Mount::secret("/run/greeting", secret).with_owner(1, 2).with_mode(0o440))
            .with_mount(Mount::secret("/run/nothing", "no-such-secret").optional())
            .with_hostname("box")
            .with_network(NetworkMode::None)
            .with_hosts([AddHost { host: "there".into(), ip: "192.0.2.7".parse().unwrap() }]);
        let container = bridge.new_container(request).await.unwrap();
        let script = "cat /ro/file; touch /ro/x 2>/dev/null || echo read-only; ls /empty | wc -l; touch /empty/new;
            stat -f -c %T /memory; touch /cache/c && echo cached; cat /run/greeting; stat -c ' %u:%g %a' /run/greeting;
            test -e /run/nothing || echo none; hostname; grep there /etc/hosts | cut -f1; echo $S";
        let command =
            sh(script).with_secret_env(SecretEnv { id: secret.to_owned(), name: "S".to_owned(), optional: false });
        let mut main = container.start(Command::new(["sleep", "infinity"])).await.unwrap();
        let output = container.run(command).await.unwrap();
        assert_eq!(
            output.stdout(),
            format!("text\nread-only\n0\ntmpfs\ncached\n{value} 1:2 440\nnone\nbox\n192.0.2.7\n{value}\n"),
            "{}",
            output.stderr()
        );

        // The file as processes see it, in any mount.
        assert_eq!(container.read_file("/ro/file").await.unwrap(), b"text\n");
        let names: Vec<_> = container.read_dir("/empty").await.unwrap().into_iter().map(|stat| stat.path).collect();
        assert_eq!(names, ["new"]);
        let stat = container.stat_file("/etc/passwd").await.unwrap();
        assert!(stat.is_file() && stat.size > 100, "{stat:?}");
        assert!(container.stat_file("/etc").await.unwrap().is_dir());
        let missing = container.read_file("/ro/missing").await.unwrap_err();
        assert!(matches!(missing, GatewayError::Rpc { .. }), "{missing:?}");

        let missing = Command::new(["true"]).with_secret_env(SecretEnv {
            id: "no-such-secret".into(),
            name: "S".into(),
            optional: false,
        });
        let missing = container.run(missing).await.unwrap_err();
        assert!(missing.to_string().contains("no-such-secret"), "{missing}");
        container.release().await.unwrap();
        assert!(matches!(main.next().await.unwrap(), Some(Event::Exit(_))));
    })
    .await;
}

/// The ids in a failed solve's details identify the mounts of the step.
#[tokio::test]
async fn a_shell_in_the_failed_step() {
    build(&buildkitd(), async |bridge| {
        let fresh = buildkit_client::solve::new_reference();
        let error = bridge.solve(shell(&format!("echo {fresh} >/half-done; exit 9"))).await.unwrap_err();
        let mounts = error.status().unwrap().typed_details().find_map(|detail| match detail {
            ErrorDetail::Solve(solve) => Some(solve.mount_ids),
            _ => None,
        });
        let [root] = mounts.unwrap().try_into().unwrap();
        let request = ContainerRequest::new(Root::result(root));
        let container = bridge.new_container(request).await.unwrap();
        let output = container.run(Command::new(["cat", "/half-done"])).await.unwrap();
        assert_eq!(output.stdout().trim(), fresh);
    })
    .await;
}

#[tokio::test]
async fn invalid_containers_are_refused() {
    build(&buildkitd(), async |bridge| {
        let two_roots = ContainerRequest::new(Root::scratch()).with_mount(Mount::tmpfs("/"));
        let two_roots = bridge.new_container(two_roots).await;
        assert!(matches!(two_roots, Err(GatewayError::Invalid(_))), "{two_roots:?}");
        let unknown = bridge.new_container(ContainerRequest::new(Root::result("no-such-ref"))).await;
        assert!(unknown.unwrap_err().to_string().contains("no-such-ref"));

        let container = container(bridge).await;
        assert!(matches!(container.start(Command::default()).await, Err(GatewayError::Invalid(_))));
        let missing = container.run(Command::new(["/no/such/program"])).await.unwrap();
        assert!(!missing.exit.success());
        let reason = missing.exit.into_result().unwrap_err();
        assert!(!reason.message.is_empty(), "{reason:?}");
    })
    .await;
}

/// The daemon answers a release with the end of what still ran, a cancellation; the build goes on.
#[tokio::test]
async fn a_release_only_ends_processes() {
    build(&buildkitd(), async |bridge| {
        let container = container(bridge).await;
        let mut process = container.start(sh("echo up; sleep 1000")).await.unwrap();
        until(&mut process, "up").await;
        container.clone().release().await.unwrap();
        assert!(!process.wait().await.unwrap().success());
        assert!(!bridge.is_over());
        let late = container.start(sh("true")).await.unwrap_err();
        assert!(late.to_string().contains("released"), "{late}");
        assert!(bridge.solve(shell("true")).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn dropping_is_releasing() {
    build(&buildkitd(), async |bridge| {
        let container = container(bridge).await;
        let mut process = container.start(sh("echo up; sleep 1000")).await.unwrap();
        until(&mut process, "up").await;
        let other = container.clone();
        drop((container, process));
        assert_eq!(other.run(sh("echo still")).await.unwrap().stdout(), "still\n", "another handle lives");

        let id = other.id().to_owned();
        drop(other);
        // The runtime's processes have the container's id in their environment or arguments no longer once it is gone.
        let gone = async {
            while std::fs::read_dir("/proc").unwrap().flatten().any(|process| {
                let arguments = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
                arguments.windows(id.len()).any(|part| part == id.as_bytes())
            }) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), gone).await.expect("the container is gone");
    })
    .await;
}
