//! The conversion of statuses with different details.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use buildkit_proto::rpc::status as rpc_status;
use prost::Message as _;
use tonic::{Code, Status};

use super::*;

/// A status as the daemon sends it, with JSON details under BuildKit's type names.
fn status(code: Code, message: &str, details: &[(&str, &str)]) -> Status {
    let mut wire = rpc_status::Status { code: code as i32, message: message.to_owned(), details: Vec::new() };
    for (name, json) in details {
        wire.details.push(Default::default());
        let any = wire.details.last_mut().expect("just pushed");
        any.type_url = format!("github.com/moby/buildkit/{name}");
        any.value = json.as_bytes().to_vec();
    }
    Status::with_details(code, message, wire.encode_to_vec().into())
}

fn source_json(text: &str, start: i32, end: i32) -> String {
    format!(
        r#"{{"info":{{"filename":"s.yaml","data":"{}","language":"YAML"}},"ranges":[{{"start":{{"line":{start}}},"end":{{"line":{end}}}}}]}}"#,
        STANDARD.encode(text)
    )
}

#[test]
fn a_failed_step_has_everything_the_daemon_and_the_progress_know() {
    let source = source_json("a\nb\nc\n", 2, 2);
    let status = status(
        Code::Unknown,
        "process \"sh\" did not complete successfully: exit code: 3",
        &[
            ("errdefs.Source+json", &source),
            (
                "errdefs.Solve+json",
                r#"{"inputIDs":["x"],"op":{"exec":{}},"cache":{"index":"1"},"description":{"k":"v"}}"#,
            ),
            ("errdefs.Vertex+json", r#"{"digest":"sha256:d"}"#),
            ("gatewayapi.ExitMessage+json", r#"{"Code":3}"#),
            ("stack.Stack+json", "{}"),
        ],
    );
    let mut seen = BTreeMap::new();
    let vertex =
        SeenVertex { name: "apt".into(), failed: true, log_tail: ["E: no".to_owned()].into(), partial: "last".into() };
    seen.insert("sha256:d".to_owned(), vertex);
    let SolveError::Build(failure) = SolveError::from_status_with(&status, &seen) else { panic!("a step failed") };
    assert_eq!(failure.exit_code, Some(3));
    let vertex = failure.vertex.as_ref().expect("vertex");
    assert_eq!((vertex.digest.as_str(), vertex.name.as_deref()), ("sha256:d", Some("apt")));
    assert_eq!(vertex.log_tail, ["E: no", "last"]);
    assert_eq!(failure.details.subject, Some(Subject::ContentCache(1)));
    assert_eq!(failure.details.description.get("k").map(String::as_str), Some("v"));
    let unknown: Vec<_> = failure.details.unknown.iter().map(|detail| detail.type_url.as_str()).collect();
    assert_eq!(unknown, ["github.com/moby/buildkit/stack.Stack+json"]);
    assert!(render_source(&failure.details.sources[0]).contains("   2 | >>> b\n"));
}

#[test]
fn an_old_daemons_failure_is_pieced_together() {
    let vertex = |failed| SeenVertex { name: "apt".into(), failed, ..SeenVertex::default() };
    let seen = BTreeMap::from([("a".to_owned(), vertex(false)), ("b".to_owned(), vertex(true))]);
    let status = Status::unknown("executor failed running [/bin/sh -c exit 7]: exit code: 7");
    let SolveError::Build(failure) = SolveError::from_status_with(&status, &seen) else { panic!("a step failed") };
    assert_eq!(failure.exit_code, Some(7));
    assert_eq!(failure.vertex.map(|vertex| vertex.digest).as_deref(), Some("b"));
}

#[test]
fn details_that_are_not_json_are_kept_and_harm_nothing() {
    let error = SolveError::from_status(&status(Code::Unknown, "m", &[("errdefs.Source+json", "\u{0}no")]));
    let details = error.details().expect("details");
    assert_eq!(details.sources, []);
    assert_eq!(details.unknown[0].value, b"\0no");
    let garbage = Status::with_details(Code::Unknown, "m", b"\xff\xff\xff".to_vec().into());
    assert_eq!(*SolveError::from_status(&garbage).details().expect("details"), ErrorDetails::default());
}

#[test]
fn other_details_land_in_their_fields() {
    let error = SolveError::from_status(&status(
        Code::Unimplemented,
        "m",
        &[
            ("errdefs.Frontend+json", r#"{"name":"gateway.v0","source":"img"}"#),
            ("errdefs.FrontendCap+json", r#"{"name":"moby.buildkit.frontend.inputs"}"#),
            ("errdefs.Subrequest+json", r#"{"name":"frontend.lint"}"#),
            ("policysession.DecisionResponse+json", r#"{"denyMessages":[{"message":"not this one"}]}"#),
        ],
    ));
    assert!(matches!(error, SolveError::Invalid { .. }));
    let details = error.details().expect("details");
    assert_eq!(details.frontend, Some(("gateway.v0".to_owned(), "img".to_owned())));
    assert_eq!(details.missing_capability.as_deref(), Some("moby.buildkit.frontend.inputs"));
    assert_eq!(details.unsupported_subrequest.as_deref(), Some("frontend.lint"));
    assert_eq!(details.deny_messages, ["not this one"]);
}

#[track_caller]
fn check_kind(status: &Status, expect: &str, retryable: bool) {
    let error = SolveError::from_status(status);
    let kind = match &error {
        SolveError::Invalid { .. } => "invalid",
        SolveError::Lost { .. } => "lost",
        SolveError::Refused { .. } => "refused",
        SolveError::Unavailable { .. } => "unavailable",
        SolveError::Output { .. } => "output",
        SolveError::Build(_) => "build",
        SolveError::Frontend(_) => "frontend",
        SolveError::Cancelled => "cancelled",
        SolveError::Exhausted { .. } => "exhausted",
        SolveError::Unreadable { .. } => "unreadable",
        SolveError::Internal { .. } => "internal",
    };
    assert_eq!(kind, expect, "{error}");
    assert_eq!(error.is_retryable(), retryable, "{error}");
}

#[test]
fn kinds_and_retries() {
    check_kind(&Status::unavailable("connection reset"), "lost", true);
    check_kind(&Status::cancelled("context canceled"), "cancelled", false);
    check_kind(&Status::resource_exhausted("no space"), "exhausted", true);
    check_kind(&Status::invalid_argument("bad platform"), "invalid", false);
    check_kind(&Status::internal("panic"), "internal", false);
    check_kind(&Status::unknown("frontend says no"), "build", false);
    check_kind(&Status::unauthenticated("who?"), "refused", false);
    let pull = "failed to resolve source metadata for r/x:1: pull access denied, repository does not exist";
    check_kind(&Status::unknown(pull), "refused", false);
    check_kind(&Status::unknown("failed to solve: secret npm: not found"), "refused", false);
    let in_step = status(Code::Unknown, "secret npm: not found", &[("errdefs.Vertex+json", r#"{"digest":"d"}"#)]);
    check_kind(&in_step, "refused", false);
}

#[test]
fn an_excerpt_keeps_to_the_file() {
    let source = |start, end, text: &str| Source {
        filename: "f".into(),
        data: text.into(),
        language: String::new(),
        ranges: LineRange::new(start, end).into_iter().collect(),
    };
    assert_eq!(
        render_source(&source(1, 1, "a\nb\nc\nd")),
        "f:1\n--------------------\n   1 | >>> a\n   2 |     b\n   3 |     c\n--------------------\n"
    );
    assert_eq!(
        render_source(&source(2, 3, "a\nb\nc\nd\ne")),
        "f:2\n--------------------\n   1 |     a\n   2 | >>> b\n   3 | >>> c\n   4 |     d\n--------------------\n"
    );
    assert_eq!(render_source(&source(1, 99, "a")), "f:1\n--------------------\n   1 | >>> a\n--------------------\n");
    assert_eq!(render_source(&source(9, 9, "a")), "");
    assert_eq!(render_source(&source(0, 0, "a")), "");
}

#[test]
fn layers_that_an_engine_lost() {
    let lost = "failed to prepare extraction snapshot \"extract-91174201-yoJT sha256:11b1\": parent snapshot sha256:6cc2 does not exist: not found";
    assert!(SolveError::from_status(&Status::unknown(lost)).has_lost_layers());
    let base = "failed to prepare extraction snapshot \"extract-1 sha256:11b1\": no space left on device";
    assert!(!SolveError::from_status(&Status::unknown(base)).has_lost_layers());
    assert!(!SolveError::Cancelled.has_lost_layers());
}
