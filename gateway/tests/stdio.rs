//! A frontend process on stdin and stdout, as BuildKit runs one: this program starts itself as the frontend.

mod support;

use std::process::Stdio;
use std::time::Duration;

use buildkit_gateway::{
    Build, Frontend, FrontendResult, SolveRequest, SourceInfo, SourceRange, Status, Subrequest, SubrequestAnswer,
    main_stdio,
};
use buildkit_proto::rpc::gateway;
use support::{Daemon, MODERN, Say, pong};
use tokio::process::Command;

/// Runs the test that the opt `target` names.
struct Actor;

impl Frontend for Actor {
    async fn build(&self, build: &Build) -> Result<FrontendResult, Status> {
        match build.options.target.as_deref() {
            Some("panic") => panic!("on purpose"),
            Some("spec-error") => {
                let info =
                    SourceInfo { filename: "spec.yaml".into(), data: b"a\nb\n".to_vec(), ..SourceInfo::default() };
                Err(Status::failed("unknown key").with_source(info, vec![SourceRange::lines(2, 2)]))
            }
            _ => Ok(build.bridge.solve(SolveRequest::default()).await?),
        }
    }

    fn subrequests(&self) -> Vec<Subrequest> {
        vec![Subrequest::new("frontend.greet", "1.0.0", "Say hello")]
    }

    async fn subrequest(&self, name: &str, _: &Build) -> Result<SubrequestAnswer, Status> {
        Ok(SubrequestAnswer {
            text: format!("{name}: hello\n"),
            version: "1.0.0".into(),
            ..SubrequestAnswer::default()
        })
    }
}

/// Marks the process that is the frontend.
const ROLE: &str = "TEST_ROLE_FRONTEND";

fn main() -> std::process::ExitCode {
    if std::env::var_os(ROLE).is_some() {
        return main_stdio(Actor);
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        result().await;
        failure_of_the_daemon_with_a_big_detail().await;
        error_of_the_frontend().await;
        bug_of_the_frontend().await;
        impossible_option().await;
        subrequests().await;
        missing_capability().await;
        cancellation().await;
        not_a_pipe().await;
    });
    std::process::ExitCode::SUCCESS
}

/// Runs the frontend with the daemon and returns its exit status.
async fn run(daemon: &Daemon, opts: &[&str]) -> std::process::ExitStatus {
    let mut child =
        start(opts).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("this program starts itself");
    let io = tokio::io::join(child.stdout.take().expect("piped"), child.stdin.take().expect("piped"));
    let served = tokio::spawn(daemon.clone().serve(io));
    let status =
        tokio::time::timeout(Duration::from_secs(20), child.wait()).await.expect("the frontend ends").expect("it ran");
    served.abort();
    status
}

fn start(opts: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.env(ROLE, "1").env("BUILDKIT_SESSION_ID", "session").env("RUST_BACKTRACE", "0").kill_on_drop(true);
    for (number, opt) in opts.iter().enumerate() {
        command.env(format!("BUILDKIT_FRONTEND_OPT_{number}"), opt);
    }
    command
}

fn daemon() -> Daemon {
    Daemon::default().say("Ping", [pong(MODERN, &[])])
}

#[track_caller]
fn returned(daemon: &Daemon) -> gateway::ReturnRequest {
    let mut returned: Vec<gateway::ReturnRequest> = daemon.requests("Return");
    assert_eq!(returned.len(), 1, "one answer: {:?}", daemon.calls());
    returned.remove(0)
}

#[track_caller]
fn error(daemon: &Daemon) -> buildkit_proto::rpc::status::Status {
    returned(daemon).error.expect("an error")
}

async fn result() {
    let daemon = daemon();
    assert!(run(&daemon, &[]).await.success());
    assert!(returned(&daemon).result.is_some());
    let methods: Vec<_> = daemon.calls().into_iter().map(|call| (call.method, call.build)).collect();
    assert_eq!(methods, [("Ping".to_owned(), None), ("Solve".to_owned(), None), ("Return".to_owned(), None)]);
}

/// hyper's default limit for trailers is 16 KiB; the connection must have a higher one.
async fn failure_of_the_daemon_with_a_big_detail() {
    let mut details = buildkit_proto::rpc::status::Status {
        code: 2,
        message: "step failed".into(),
        details: vec![Default::default()],
    };
    details.details[0].type_url = "example.com/big".into();
    details.details[0].value = vec![7; 3 << 20];
    let bytes = buildkit_proto::Message::encode_to_vec(&details);
    let daemon = daemon().say("Solve", [Say::Failure(2, "step failed".into(), bytes)]);
    assert_eq!(run(&daemon, &[]).await.code(), Some(1));
    assert_eq!(error(&daemon), details, "code, message and details came through");
}

async fn error_of_the_frontend() {
    let daemon = daemon();
    assert_eq!(run(&daemon, &["target=spec-error"]).await.code(), Some(1));
    let error = error(&daemon);
    assert_eq!((error.code, error.message.as_str()), (2, "unknown key"));
    assert_eq!(error.details[0].type_url, "github.com/moby/buildkit/errdefs.Source+json");
}

async fn bug_of_the_frontend() {
    let daemon = daemon();
    assert_eq!(run(&daemon, &["target=panic"]).await.code(), Some(1));
    let error = error(&daemon);
    assert_eq!((error.code, error.message.as_str()), (13, "the frontend has a bug: on purpose"));
}

async fn impossible_option() {
    let daemon = daemon();
    assert_eq!(run(&daemon, &["shm-size=64m"]).await.code(), Some(1));
    assert_eq!(error(&daemon).message, "invalid option shm-size=\"64m\": expected a whole number");
}

async fn subrequests() {
    let daemon1 = daemon();
    assert!(run(&daemon1, &["requestid=frontend.greet"]).await.success());
    let metadata = returned(&daemon1).result.expect("a result").metadata;
    assert_eq!(metadata["result.txt"], b"frontend.greet: hello\n");

    let daemon2 = daemon();
    assert!(run(&daemon2, &["requestid=frontend.subrequests.describe"]).await.success());
    let metadata = returned(&daemon2).result.expect("a result").metadata;
    assert!(String::from_utf8_lossy(&metadata["result.txt"]).contains("greet                1.0.0   Say hello"));

    let daemon3 = daemon();
    assert!(!run(&daemon3, &["requestid=frontend.dance"]).await.success());
    let error = error(&daemon3);
    assert_eq!(error.message, "unsupported request frontend.dance");
    assert_eq!(error.details[0].value, br#"{"name":"frontend.dance"}"#);
}

async fn missing_capability() {
    let known = "frontend.caps=moby.buildkit.frontend.inputs,moby.buildkit.frontend.subrequests+forward";
    let daemon1 = daemon();
    assert!(run(&daemon1, &[known]).await.success());
    let daemon2 = daemon();
    assert!(!run(&daemon2, &["frontend.caps=moby.buildkit.frontend.magic+forward"]).await.success());
    let error = error(&daemon2);
    assert_eq!(
        (error.code, error.message.as_str()),
        (12, "unsupported frontend capability moby.buildkit.frontend.magic")
    );
}

/// The daemon closes the pipes during a call: the frontend ends immediately without output.
async fn cancellation() {
    let daemon = daemon().say("Solve", [Say::Nothing]);
    let mut child =
        start(&[]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("this program starts itself");
    let io = tokio::io::join(child.stdout.take().expect("piped"), child.stdin.take().expect("piped"));
    let served = tokio::spawn(daemon.clone().serve(io));
    while daemon.calls().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    served.abort();
    let status =
        tokio::time::timeout(Duration::from_secs(5), child.wait()).await.expect("the frontend ends").expect("it ran");
    assert_eq!(status.code(), Some(1));
    assert_eq!(daemon.calls().len(), 2, "no answer is tried");
}

async fn not_a_pipe() {
    let output = start(&[]).stdin(Stdio::null()).output().await.expect("it ran");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("no BuildKit on stdin and stdout"), "{text}");
    assert!(output.stdout.is_empty() && !output.status.success());
}
