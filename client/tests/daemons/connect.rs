//! Connecting, and the errors if that fails.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use buildkit_client::address::{Address, EngineAddress};
use buildkit_client::dial::{DaemonKind, DialError, DialOptions, DialProblem, ImageStore, dial};
use buildkit_client::info::info;
use buildkit_client::tls::TlsFiles;

use crate::lab::{address, all, connect, fresh, mtls, options, run, shell, variable};

#[tokio::test]
async fn every_daemon_answers_and_says_what_it_is() {
    for (name, address) in all() {
        let connection = connect(&address).await;
        let expect = match name {
            "engine with containerd store" => ImageStore::Containerd,
            "engine with classic store" | "engine 20.10" => ImageStore::Classic,
            _ => ImageStore::None,
        };
        assert_eq!(connection.image_store(), expect, "{name}");
        let is_engine = matches!(connection.kind, DaemonKind::Engine { .. });
        assert_eq!(is_engine, expect != ImageStore::None, "{name}");
        assert_eq!(connection.engine().is_some(), is_engine, "{name}");
        let info = info(&connection).await.unwrap();
        assert!(info.workers[0].platforms.iter().any(|platform| platform == "linux/amd64"), "{name}");
        // Engine 20.10 has no Info call, which must not be an error.
        assert_eq!(info.version.is_none(), name == "engine 20.10", "{name}");
    }
}

#[tokio::test]
async fn an_engine_named_as_one_is_the_same() {
    for variable_name in
        ["IMAGESPEC_LAB_ENGINE_CONTAINERD", "IMAGESPEC_LAB_ENGINE_CLASSIC", "IMAGESPEC_LAB_ENGINE_2010"]
    {
        let engine = address(&format!("docker+{}", variable(variable_name)));
        assert!(matches!(engine, Address::Engine(EngineAddress::Unix(_))));
        let connection = connect(&engine).await;
        let DaemonKind::Engine { api_version } = connection.kind else { panic!("{variable_name}") };
        assert!(connection.description.contains(&api_version.to_string()), "{}", connection.description);
    }
}

async fn refused(address: &Address, options: DialOptions) -> DialError {
    dial(address, &options).await.err().unwrap_or_else(|| panic!("{address} answered"))
}

#[tokio::test]
async fn an_absent_daemon_is_named_at_once() {
    let began = Instant::now();
    let error = refused(&address("unix:///nowhere/buildkitd.sock"), DialOptions::default()).await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(error.to_string().contains("unix:///nowhere/buildkitd.sock: No such file"), "{error}");
    assert!(error.help().unwrap().contains("is the daemon running?"));
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_port_nobody_listens_on_is_tried_a_few_times() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let began = Instant::now();
    let error = refused(&address(&format!("tcp://127.0.0.1:{port}")), DialOptions::default()).await;
    assert!(matches!(error.problem, DialProblem::Connect(_)), "{error}");
    let took = began.elapsed();
    assert!(took > Duration::from_secs(1) && took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn silence_has_an_end() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = address(&format!("tcp://{}", listener.local_addr().unwrap()));
    let error =
        refused(&silent, DialOptions { timeout: Some(Duration::from_millis(700)), ..DialOptions::default() }).await;
    assert!(matches!(error.problem, DialProblem::TimedOut(_)), "{error}");
    assert!(error.to_string().ends_with("no answer within 0.7 s"), "{error}");
}

#[tokio::test]
async fn something_else_than_a_daemon_is_not_taken_for_one() {
    let registry = address(&format!("tcp://{}", variable("IMAGESPEC_LAB_REGISTRY")));
    let error = refused(&registry, DialOptions::default()).await;
    assert!(
        matches!(error.problem, DialProblem::NoAnswer(_) | DialProblem::Channel(_) | DialProblem::Broken(_)),
        "{error:?}"
    );
}

fn with_tls(change: impl FnOnce(&mut TlsFiles)) -> Address {
    let Address::Tcp(mut tcp) = mtls() else { panic!("the lab's mTLS daemon is on TCP") };
    change(tcp.tls.as_mut().expect("TLS is set"));
    Address::Tcp(tcp)
}

#[tokio::test]
async fn tls_mistakes_are_told_apart() {
    let no_certificate = refused(&with_tls(|tls| (tls.cert, tls.key) = (None, None)), DialOptions::default()).await;
    assert!(no_certificate.to_string().contains("CertificateRequired"), "{no_certificate}");
    assert!(no_certificate.help().unwrap().contains("--tlscert"), "{no_certificate:?}");

    let plain = refused(&address(&variable("IMAGESPEC_LAB_MTLS_ADDR")), DialOptions::default()).await;
    assert!(plain.help().unwrap().contains("--tlscacert"), "{plain:?}");

    let ca = PathBuf::from(variable("IMAGESPEC_LAB_CA_BUNDLE"));
    let wrong_ca = refused(&with_tls(|tls| tls.ca = Some(ca)), DialOptions::default()).await;
    assert!(wrong_ca.to_string().contains("UnknownIssuer"), "{wrong_ca}");

    let wrong_name =
        refused(&with_tls(|tls| tls.server_name = Some("else.where".into())), DialOptions::default()).await;
    assert!(matches!(wrong_name.problem, DialProblem::Handshake(_)), "{wrong_name}");
    assert!(wrong_name.to_string().contains("else.where"), "{wrong_name}");

    let no_file = refused(&with_tls(|tls| tls.key = Some("/nowhere/key.pem".into())), DialOptions::default()).await;
    assert!(no_file.to_string().contains("can't read client key /nowhere/key.pem"), "{no_file}");

    let half = refused(&with_tls(|tls| tls.key = None), DialOptions::default()).await;
    assert!(half.to_string().contains("only the client certificate is given"), "{half}");
}

#[tokio::test]
async fn a_folder_of_tls_files_will_do() {
    let dir = tempfile::tempdir().unwrap();
    for (name, from) in [("ca.pem", "CACERT"), ("tls.crt", "CERT"), ("tls.key", "KEY")] {
        std::fs::copy(variable(&format!("IMAGESPEC_LAB_MTLS_{from}")), dir.path().join(name)).unwrap();
    }
    let files = TlsFiles::from_flags(None, None, None, None, Some(dir.path())).unwrap();
    let address = address(&variable("IMAGESPEC_LAB_MTLS_ADDR"));
    connect(&address.with_tls(files.expect("the folder has files")).unwrap()).await;
}

/// A container with `buildctl` that can reach the lab's daemon, as used by buildx and `docker-container://`.
struct Container(String);

impl Container {
    fn docker(args: &[&str]) -> String {
        let output = Command::new(variable("IMAGESPEC_LAB_DOCKER")).args(args).output().unwrap();
        assert!(output.status.success(), "docker {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn start() -> Self {
        let name = format!("imagespec-test-{}", fresh());
        let socket = variable("BUILDKIT_HOST").trim_start_matches("unix://").to_owned();
        let socket = format!("{socket}:/run/buildkit/buildkitd.sock");
        let buildctl = format!("{}:/usr/bin/buildctl:ro", variable("IMAGESPEC_LAB_BUILDCTL"));
        let image = variable("IMAGESPEC_LAB_DEBIAN_IMAGE");
        Self::docker(&[
            "run",
            "-d",
            "--init",
            "--network",
            "none",
            "--name",
            &name,
            "-v",
            &socket,
            "-v",
            &buildctl,
            &image,
            "sleep",
            "600",
        ]);
        Self(name)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        Self::docker(&["rm", "-f", &self.0]);
    }
}

#[tokio::test]
async fn a_daemon_in_a_container_is_reached_through_the_engines_api() {
    let container = Container::start();
    // buildx starts a stopped builder.
    Container::docker(&["stop", "-t", "1", &container.0]);
    let engine: EngineAddress = variable("DOCKER_HOST").parse().unwrap();
    let connection = connect(&Address::Container { engine: engine.clone(), name: container.0.clone() }).await;
    assert_eq!(connection.image_store(), ImageStore::None);
    assert!(connection.engine().is_some(), "images are loaded where the container runs");
    let report = run(&connection, options(shell(&format!("echo over exec; : {}", fresh())))).await;
    report.outcome.as_ref().unwrap();
    assert_eq!(report.logs(), "over exec\n");

    let missing = Address::Container { engine, name: "imagespec-no-such-container".into() };
    let error = refused(&missing, DialOptions::default()).await;
    assert!(matches!(error.problem, DialProblem::Refused { status: 404, .. }), "{error}");
    assert!(error.to_string().contains("No such container"), "{error}");
}

#[tokio::test]
async fn a_daemon_in_a_container_is_reached_through_docker_exec() {
    // The lab's docker may differ from the one on PATH.
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(variable("IMAGESPEC_LAB_DOCKER"), dir.path().join("docker")).unwrap();
    let by_path = DialOptions { helper_path: Some(dir.path().into()), ..DialOptions::default() };
    let container = Container::start();
    let helper = address(&format!("docker-container://{}", container.0));
    let connection = dial(&helper, &by_path).await.unwrap();
    let report = run(&connection, options(shell(&format!("echo over a pipe; : {}", fresh())))).await;
    report.outcome.as_ref().unwrap();
    assert_eq!(report.logs(), "over a pipe\n");

    let missing = address("docker-container://imagespec-no-such-container");
    let error = dial(&missing, &by_path).await.expect_err("no such container");
    assert!(error.to_string().contains("docker exec -i imagespec-no-such-container buildctl dial-stdio"), "{error}");
    assert!(error.to_string().contains("No such container"), "{error}");
}
