//! Builds on every daemon: success, failure and cancellation.

use std::time::{Duration, Instant};

use buildkit_client::error::{BuildFailure, SolveError};
use buildkit_client::session::Session;
use buildkit_client::solve::{Exporter, SolveOptions};
use tokio_util::sync::CancellationToken;

use crate::lab::{address, all, connect, fresh, options, run, run_served, run_until, shell, variable};

#[tokio::test]
async fn a_build_runs_and_is_reported_then_is_cached() {
    let script = format!("echo to stdout; echo to stderr >&2; : {}", fresh());
    for (name, address) in all() {
        let connection = connect(&address).await;
        let first = run(&connection, options(shell(&script))).await;
        assert!(first.outcome.is_ok(), "{name}: {:?}", first.outcome);
        let vertex = first.vertex("echo to stdout");
        assert!(
            vertex.started.is_some() && vertex.completed.is_some() && vertex.error.is_empty(),
            "{name}: {vertex:?}"
        );
        let mut lines: Vec<String> = first.logs().lines().map(str::to_owned).collect();
        lines.sort();
        assert_eq!(lines, ["to stderr", "to stdout"], "{name}");
        let again = run(&connection, options(shell(&script))).await;
        assert!(again.vertex("echo to stdout").cached, "{name}");
        assert_ne!(first.outcome.unwrap().reference, again.outcome.unwrap().reference);
    }
}

#[tokio::test]
async fn a_failing_step_is_explained() {
    for (name, address) in all() {
        let connection = connect(&address).await;
        let script = format!("echo one; echo two >&2; : {}; exit 7", fresh());
        let report = run(&connection, options(shell(&script))).await;
        let error = report.outcome.expect_err(name);
        assert!(!error.is_retryable(), "{name}: {error}");
        let SolveError::Build(failure) = error else { panic!("{name}: {error:?}") };
        let BuildFailure { message, vertex, exit_code, .. } = *failure;
        assert!(message.contains("exit code: 7"), "{name}: {message}");
        assert_eq!(exit_code, Some(7), "{name}");
        let vertex = vertex.unwrap_or_else(|| panic!("{name} names the vertex"));
        assert!(vertex.name.as_deref().is_some_and(|name| name.contains("echo one")), "{name}: {vertex:?}");
        let mut tail = vertex.log_tail;
        tail.sort();
        assert_eq!(tail, ["one", "two"], "{name}");
    }
}

#[tokio::test]
async fn cancelling_stops_a_running_step_soon() {
    for (name, address) in all() {
        let connection = connect(&address).await;
        let script = format!("echo started; sleep 100; : {}", fresh());
        let cancel = CancellationToken::new();
        let began = Instant::now();
        let report = run_until(&connection, options(shell(&script)), cancel, |update| !update.logs.is_empty()).await;
        assert!(matches!(report.outcome, Err(SolveError::Cancelled)), "{name}: {:?}", report.outcome);
        assert!(began.elapsed() < Duration::from_secs(30), "{name}: {:?}", began.elapsed());
        // The last report about the step arrives after Solve has ended.
        let vertex = report.vertex("echo started");
        assert!(vertex.completed.is_some() && vertex.error.contains("cancel"), "{name}: {vertex:?}");
    }
}

#[tokio::test]
async fn a_build_cancelled_before_it_starts_never_reaches_the_daemon() {
    let connection = connect(&address(&variable("BUILDKIT_HOST"))).await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let report = run_until(&connection, options(shell("false")), cancel, |_| false).await;
    assert!(matches!(report.outcome, Err(SolveError::Cancelled)));
    assert_eq!(report.updates, []);
}

#[tokio::test]
async fn dropping_a_build_ends_it_on_the_daemon() {
    let connection = connect(&address(&variable("BUILDKIT_HOST"))).await;
    let request = options(shell(&format!("sleep 100; : {}", fresh())));
    let reference = request.reference.clone();
    let outcome = tokio::time::timeout(Duration::from_secs(3), run(&connection, request)).await;
    assert!(outcome.is_err(), "it would have gone on");
    let ended = async {
        let mut control = connection.control();
        loop {
            let request = buildkit_proto::rpc::control::BuildHistoryRequest {
                active_only: true,
                early_exit: true,
                r#ref: reference.clone(),
                ..Default::default()
            };
            let mut events = control.listen_build_history(request).await.unwrap().into_inner();
            if events.message().await.unwrap().is_none() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the daemon gives the build up");
}

#[tokio::test]
async fn invalid_requests_are_reported_as_such() {
    let connection = connect(&address(&variable("BUILDKIT_HOST"))).await;
    let empty = run(&connection, SolveOptions::new()).await;
    assert!(matches!(empty.outcome, Err(SolveError::Invalid { .. })), "{:?}", empty.outcome);
    let mut unknown = options(shell(&format!("true; : {}", fresh())));
    unknown.exporters = vec![Exporter::new("imag".into())];
    let report = run(&connection, unknown).await;
    assert!(report.outcome.expect_err("no such exporter").to_string().contains("exporter \"imag\""));
}

#[tokio::test]
async fn two_builds_of_one_reference_are_refused() {
    let connection = connect(&address(&variable("BUILDKIT_HOST"))).await;
    let first = options(shell(&format!("sleep 3; : {}", fresh())));
    let second =
        SolveOptions { reference: first.reference.clone(), ..options(shell(&format!("sleep 3; : {}", fresh()))) };
    let (first, second) = tokio::join!(run(&connection, first), run(&connection, second));
    let errors: Vec<String> =
        [first, second].into_iter().filter_map(|report| report.outcome.err()).map(|error| error.to_string()).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("exists"), "{errors:?}");
}

#[tokio::test]
async fn a_refused_image_has_the_message_of_the_registry() {
    let connection = connect(&address(&variable("BUILDKIT_HOST"))).await;
    let image = format!("{}/private/none:1", variable("IMAGESPEC_LAB_TLS_REGISTRY"));
    let session = Session::builder().open(connection.channel.clone()).await.unwrap();
    let request = options(crate::lab::shell_in(&image, "true"));
    let report = run_served(&connection, session.id(), request).await;
    session.close().await;
    let error = report.outcome.expect_err("a password is needed");
    assert!(matches!(error, SolveError::Refused { .. }), "{error:?}");
}
