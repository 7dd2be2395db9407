//! The bridge against a recording daemon over an in-memory connection: bytes, headers, which call an old daemon gets.
#![expect(clippy::unwrap_used, reason = "test code: a broken assumption should end the test here")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use buildkit_gateway::{
    Bridge, CacheImport, Definition, ErrorDetail, FrontendResult, GatewayError, Platform, PlatformImage, Reference,
    Refs, ResolveMode, SolveRequest, SourceInfo, SourceRange, Status, Warning,
};
use buildkit_proto::rpc::{gateway, llb};
use buildkit_proto::{Message as _, pb};
use support::{Daemon, MODERN, Say, pong};
use tonic::transport::{Endpoint, Uri};

/// A bridge to the daemon.
async fn connect(daemon: &Daemon, build: Option<&str>) -> Bridge {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(daemon.clone().serve(theirs));
    let mut ours = Some(hyper_util::rt::TokioIo::new(ours));
    let connector = tower::service_fn(move |_: Uri| {
        std::future::ready(ours.take().ok_or(std::io::Error::from(std::io::ErrorKind::NotConnected)))
    });
    let channel = Endpoint::from_static("http://localhost")
        .http2_max_header_list_size(16 << 20)
        .connect_with_connector(connector)
        .await
        .unwrap();
    Bridge::over_channel(channel, build.map(str::to_owned)).unwrap()
}

fn reference(id: &str) -> Reference {
    Reference { id: id.to_owned(), definition: None }
}

/// A definition whose map values are all defaults: the worst case for a map on the wire.
fn definition() -> Definition {
    Definition {
        def: vec![vec![1, 2, 3], Vec::new()],
        metadata: vec![pb::OpMetadataEntry { key: Some("sha256:x".into()), value: Some(pb::OpMetadata::default()) }],
        source: Some(pb::Source {
            locations: vec![pb::LocationsEntry { key: Some(String::new()), value: Some(pb::Locations::default()) }],
            infos: Vec::new(),
        }),
    }
}

fn solved(id: &str) -> Say {
    let result = gateway::result::Result::Ref(gateway::Ref { id: id.to_owned(), def: None });
    Say::message(&gateway::SolveResponse {
        result: Some(gateway::Result { result: Some(result), ..Default::default() }),
        ..Default::default()
    })
}

#[tokio::test]
async fn the_builds_ref_is_sent_with_every_call() {
    let daemon = Daemon::default().say("Ping", [pong(MODERN, &["file.base"])]).say("Solve", [solved("r")]);
    let bridge = connect(&daemon, Some("build1")).await;
    let pong = bridge.ping().await.unwrap();
    assert!(pong.gateway_caps.contains("returnmap") && pong.llb_caps.contains("file.base"));
    assert_eq!(pong.workers[0].platforms[0], Platform::linux("amd64"));
    let solved = bridge.solve(SolveRequest::default()).await.unwrap();
    assert_eq!(solved.single_ref().unwrap().unwrap().id, "r");
    bridge.evaluate(&reference("r")).await.unwrap();
    bridge.return_result(solved).await.unwrap();
    let calls = daemon.calls();
    let methods: Vec<_> = calls.iter().map(|call| call.method.as_str()).collect();
    assert_eq!(methods, ["Ping", "Solve", "Evaluate", "Return"], "one ping is enough");
    assert!(calls.iter().all(|call| call.build.as_deref() == Some("build1")));

    let daemon = Daemon::default();
    connect(&daemon, None).await.ping().await.unwrap();
    assert_eq!(daemon.calls()[0].build, None);
}

#[tokio::test]
async fn an_unregistered_build_is_waited_for_by_clients_only() {
    let missing = || Say::Failure(5, "no such job build1".into(), Vec::new());
    let daemon = Daemon::default().say("Ping", [missing(), missing(), pong(MODERN, &[])]);
    assert!(connect(&daemon, Some("build1")).await.ping().await.is_ok());
    assert_eq!(daemon.calls().len(), 3);

    let daemon = Daemon::default().say("Ping", [missing()]);
    let error = connect(&daemon, None).await.ping().await.unwrap_err();
    assert_eq!(error.status().unwrap().message, "no such job build1");

    let other = Say::Failure(5, "no such thing".into(), Vec::new());
    let daemon = Daemon::default().say("Ping", [other]);
    assert!(connect(&daemon, Some("build1")).await.ping().await.is_err());
    assert_eq!(daemon.calls().len(), 1);
}

#[tokio::test]
async fn a_solve_carries_the_definition_untouched() {
    let daemon = Daemon::default().say("Ping", [pong(MODERN, &[])]);
    let bridge = connect(&daemon, None).await;
    let mut request = SolveRequest::definition(definition()).with_evaluate();
    request.cache_imports =
        vec![CacheImport { kind: "registry".into(), attrs: BTreeMap::from([("ref".into(), String::new())]) }];
    request.inputs.insert("k".into(), Definition::default());
    bridge.solve(request).await.unwrap();

    let bytes = daemon.calls()[1].message.clone();
    let embedded = definition().encode_to_vec();
    assert_eq!(bytes[0], 0x0a, "field 1");
    assert_eq!(usize::from(bytes[1]), embedded.len());
    assert_eq!(&bytes[2..2 + embedded.len()], embedded);
    // Field 13 with key "k" and an empty, but present, definition.
    let input = [0x6a, 5, 0x0a, 1, b'k', 0x12, 0];
    assert!(bytes.windows(input.len()).any(|window| window == input), "{bytes:?}");

    // Another decoder reads the same.
    let read: gateway::SolveRequest = daemon.requests("Solve").remove(0);
    assert_eq!(read.definition.unwrap().def, definition().def);
    assert!(read.allow_result_return && read.allow_result_array_ref && read.evaluate);
    assert_eq!((read.cache_imports[0].r#type.as_str(), read.cache_imports[0].attrs["ref"].as_str()), ("registry", ""));
    assert_eq!(read.frontend_inputs["k"], llb::Definition::default());
}

#[tokio::test]
async fn a_solve_of_another_frontend() {
    let daemon = Daemon::default().say("Ping", [pong(MODERN, &[])]);
    let bridge = connect(&daemon, None).await;
    let request = SolveRequest {
        frontend: Some("gateway.v0".into()),
        frontend_opts: BTreeMap::from([("source".into(), "x".into()), ("no-cache".into(), String::new())]),
        ..SolveRequest::default()
    };
    bridge.solve(request.clone()).await.unwrap();
    let read: gateway::SolveRequest = daemon.requests("Solve").remove(0);
    assert_eq!((read.frontend.as_str(), read.definition), ("gateway.v0", None));
    assert_eq!((read.frontend_opt["source"].as_str(), read.frontend_opt["no-cache"].as_str()), ("x", ""));

    let both = SolveRequest { definition: Some(definition()), ..request };
    assert!(matches!(bridge.solve(both).await, Err(GatewayError::Invalid(_))));
    assert_eq!(daemon.calls().len(), 2, "nothing contradictory is sent");
}

#[tokio::test]
async fn a_graph_that_the_daemon_would_misread_is_not_sent() {
    let daemon = Daemon::default().say("Ping", [pong(MODERN, &["file.base"])]);
    let bridge = connect(&daemon, None).await;
    let caps = ["file.base", "mergeop"].map(|id| pb::BoolEntry { key: Some(id.into()), value: Some(true) });
    let needs = Definition {
        metadata: vec![pb::OpMetadataEntry {
            key: Some("sha256:x".into()),
            value: Some(pb::OpMetadata { caps: caps.to_vec(), ..Default::default() }),
        }],
        ..definition()
    };
    let error = bridge.solve(SolveRequest::definition(needs)).await.unwrap_err();
    assert_eq!(error.to_string(), "this BuildKit cannot run this graph (it lacks the capability mergeop)");
    assert_eq!(daemon.calls().len(), 1);
}

#[tokio::test]
async fn an_old_daemon_gets_supported_ops() {
    let old = ["solve.base", "resolveimage", "readfile", "readdir", "statfile", "return", "returnmap"];
    let stat = Say::message(&gateway::StatFileResponse { stat: Some(Default::default()) });
    let resolved = Say::message(&gateway::ResolveImageConfigResponse {
        digest: "sha256:d".into(),
        config: b"{}".to_vec(),
        r#ref: String::new(),
    });
    let daemon = Daemon::default()
        .say("Ping", [pong(&old, &[])])
        .say("Solve", [solved("r")])
        .say("StatFile", [stat])
        .say("ResolveImageConfig", [resolved]);
    let bridge = connect(&daemon, None).await;

    let request = SolveRequest::definition(definition())
        .with_evaluate()
        .with_cache_imports(vec![CacheImport { kind: "registry".into(), ..CacheImport::default() }]);
    let mut solved = bridge.solve(request).await.unwrap();
    let sent: gateway::SolveRequest = daemon.requests("Solve").remove(0);
    assert!(!sent.evaluate && sent.cache_imports.is_empty());
    let forced: gateway::StatFileRequest = daemon.requests("StatFile").remove(0);
    assert_eq!((forced.r#ref.as_str(), forced.path.as_str()), ("r", "."));

    let platform = Platform::parse("linux/arm/v6").unwrap();
    let image = bridge.resolve_image("debian:12", Some(&platform), ResolveMode::Pull, "load").await.unwrap();
    assert_eq!(image.pinned(), "docker.io/library/debian:12@sha256:d");
    let asked: gateway::ResolveImageConfigRequest = daemon.requests("ResolveImageConfig").remove(0);
    assert_eq!((asked.r#ref.as_str(), asked.resolve_mode.as_str()), ("docker.io/library/debian:12", "pull"));
    assert_eq!(asked.platform.unwrap().variant, "v6");

    bridge.warn(Warning::default()).await.unwrap();
    assert!(matches!(bridge.inputs().await, Err(GatewayError::MissingCapability { .. })));

    solved.refs = Refs::PerPlatform(BTreeMap::from([("linux/amd64".into(), solved.single_ref().unwrap().cloned())]));
    bridge.return_result(solved).await.unwrap();
    let returned: gateway::ReturnRequest = daemon.requests("Return").remove(0);
    let Some(gateway::result::Result::RefsDeprecated(refs)) = returned.result.unwrap().result else {
        panic!("not the old form");
    };
    assert_eq!(refs.refs["linux/amd64"], "r");
    assert!(daemon.calls().iter().all(|call| call.method != "Warn"));
}

#[tokio::test]
async fn images_of_a_current_daemon() {
    let answer = |identifier: &str, image| {
        let source = llb::SourceOp { identifier: identifier.to_owned(), ..Default::default() };
        Say::message(&gateway::ResolveSourceMetaResponse { source: Some(source), image, ..Default::default() })
    };
    let image = || {
        Some(gateway::ResolveSourceImageResponse {
            digest: "sha256:d".into(),
            config: b"{}".to_vec(),
            ..Default::default()
        })
    };
    let daemon = Daemon::default().say("Ping", [pong(MODERN, &[])]).say(
        "ResolveSourceMeta",
        [
            answer("docker-image://mirror.example/debian:12", image()),
            answer("https://example.com/x", None),
            answer("oci-layout://x/y@sha256:d", image()),
        ],
    );
    let bridge = connect(&daemon, None).await;
    let resolved = bridge.resolve_image("debian", None, ResolveMode::Default, "load").await.unwrap();
    assert_eq!(resolved.reference, "mirror.example/debian:12", "a policy's rewrite is believed");
    let asked: gateway::ResolveSourceMetaRequest = daemon.requests("ResolveSourceMeta").remove(0);
    assert_eq!(asked.source.unwrap().identifier, "docker-image://docker.io/library/debian:latest");
    assert_eq!((asked.log_name.as_str(), asked.resolve_mode.as_str()), ("load", "default"));

    let error = bridge.resolve_image("debian", None, ResolveMode::Default, "load").await.unwrap_err();
    assert!(matches!(error, GatewayError::NotAnImage { identifier, .. } if identifier == "https://example.com/x"));

    let store = buildkit_gateway::OciStore { store_id: "st".into(), session_id: "se".into() };
    bridge.resolve_oci_layout("x/y", &store, None, "load").await.unwrap();
    let asked: gateway::ResolveSourceMetaRequest = daemon.requests("ResolveSourceMeta").remove(2);
    let attrs = asked.source.unwrap().attrs;
    assert_eq!((attrs["oci.store"].as_str(), attrs["oci.session"].as_str()), ("st", "se"));

    assert!(matches!(
        bridge.resolve_image("NOT", None, ResolveMode::Default, "").await,
        Err(GatewayError::ImageReference(_))
    ));
}

#[tokio::test]
async fn large_files_come_in_ranges() {
    const CHUNK: usize = 4 << 20;
    let data = |length: usize, byte| Say::message(&gateway::ReadFileResponse { data: vec![byte; length] });
    let daemon = Daemon::default().say("ReadFile", [data(CHUNK, 1), data(3, 2), data(5, 3), data(0, 0)]);
    let bridge = connect(&daemon, None).await;
    let file = bridge.read_file(&reference("r"), "/f", None).await.unwrap();
    assert_eq!((file.len(), file[0], file[CHUNK]), (CHUNK + 3, 1, 2));
    assert_eq!(bridge.read_file(&reference("r"), "/f", Some(7..12)).await.unwrap(), [3; 5]);
    assert!(bridge.read_file(&reference("r"), "/f", Some(0..10)).await.unwrap().is_empty());
    let ranges: Vec<_> = daemon
        .requests::<gateway::ReadFileRequest>("ReadFile")
        .into_iter()
        .map(|request| request.range.map(|range| (range.offset, range.length)))
        .collect();
    let chunk = CHUNK as i64;
    assert_eq!(ranges, [Some((0, chunk)), Some((chunk, chunk)), Some((7, 5)), Some((0, 10))]);
}

#[tokio::test]
async fn directories_with_names_that_are_not_utf8() {
    // Two entries: a directory whose name is the byte FF, and a symlink.
    let answer = vec![0x0a, 9, 0x0a, 1, 0xff, 0x10, 0x80, 0x80, 0x80, 0x80, 0x08, 0x0a, 5, 0x3a, 3, b'a', b'/', b'b'];
    let daemon = Daemon::default().say("Ping", [pong(MODERN, &[])]).say("ReadDir", [Say::Message(answer)]);
    let bridge = connect(&daemon, None).await;
    let entries = bridge.read_dir(&reference("r"), "/", Some("*.py")).await.unwrap();
    assert!(entries[0].is_dir() && !entries[0].is_file());
    assert_eq!((entries[0].path.as_str(), entries[1].linkname.as_str()), ("\u{fffd}", "a/b"));
    let asked: gateway::ReadDirRequest = daemon.requests("ReadDir").remove(0);
    assert_eq!((asked.dir_path.as_str(), asked.include_pattern.as_str()), ("/", "*.py"));
}

#[tokio::test]
async fn failures_keep_details_of_any_size() {
    let info = SourceInfo { filename: "spec".into(), data: vec![b'x'; 1 << 20], ..SourceInfo::default() };
    let status = Status::failed("it broke").with_source(info, vec![SourceRange::lines(3, 4)]);
    let unknown = gateway_status(&status);
    let daemon = Daemon::default()
        .say("Ping", [pong(MODERN, &[])])
        .say("Solve", [Say::Failure(2, "it broke".into(), unknown.encode_to_vec())]);
    let bridge = connect(&daemon, None).await;
    let error = bridge.solve(SolveRequest::default()).await.unwrap_err();
    assert_eq!(error.status(), Some(&status));
    bridge.return_error(error).await.unwrap();
    let returned: gateway::ReturnRequest = daemon.requests("Return").remove(0);
    assert_eq!(returned.error.unwrap(), unknown);
    assert!(returned.result.is_none());
}

/// The same as another implementation's message.
fn gateway_status(status: &Status) -> buildkit_proto::rpc::status::Status {
    let mut out = buildkit_proto::rpc::status::Status {
        code: status.code,
        message: status.message.clone(),
        details: vec![Default::default(); status.details.len()],
    };
    for (any, detail) in out.details.iter_mut().zip(&status.details) {
        any.type_url.clone_from(&detail.type_url);
        any.value.clone_from(&detail.value);
    }
    out
}

#[tokio::test]
async fn a_result_is_returned_once_and_complete() {
    let daemon = Daemon::default().say("Ping", [pong(MODERN, &[])]);
    let bridge = connect(&daemon, None).await;
    let image = |platform: &str, id: Option<&str>| PlatformImage {
        platform: Platform::parse(platform).unwrap(),
        reference: id.map(reference),
        config: b"{}".to_vec(),
        base_config: None,
        epoch: None,
    };
    let result =
        FrontendResult::image(vec![image("linux/amd64", Some("a")), image("linux/arm64", None)], true).unwrap();
    bridge.return_result(result.clone()).await.unwrap();
    // The platform without a ref, as encoded in the message: the key, and an empty value.
    let entry = [&[0x0a, 11][..], b"linux/arm64", &[0x12, 0]].concat();
    let bytes = &daemon.calls()[1].message;
    assert!(bytes.windows(entry.len()).any(|window| window == entry));
    let returned: gateway::ReturnRequest = daemon.requests("Return").remove(0);
    let Some(gateway::result::Result::Refs(refs)) = returned.result.unwrap().result else { panic!("no refs") };
    assert_eq!((refs.refs["linux/amd64"].id.as_str(), refs.refs["linux/arm64"].id.as_str()), ("a", ""));

    assert!(matches!(bridge.clone().return_result(result).await, Err(GatewayError::AlreadyReturned)));
    assert!(matches!(bridge.return_error(Status::failed("x")).await, Err(GatewayError::AlreadyReturned)));
    assert_eq!(daemon.calls().len(), 2);
}

#[tokio::test]
async fn an_error_can_be_returned_after_a_refused_result() {
    let refused = Say::Failure(2, "no such ref".into(), Vec::new());
    let daemon = Daemon::default().say("Ping", [pong(MODERN, &[])]).say("Return", [refused]);
    let bridge = connect(&daemon, None).await;
    let error = bridge.return_result(FrontendResult::single(Some(reference("x")))).await.unwrap_err();
    bridge.return_error(error).await.unwrap();
    let returned: Vec<gateway::ReturnRequest> = daemon.requests("Return");
    assert_eq!(returned[1].error.as_ref().unwrap().message, "no such ref");
}

#[tokio::test]
async fn an_error_never_has_the_code_ok() {
    let daemon = Daemon::default();
    let bridge = connect(&daemon, None).await;
    bridge.return_error(Status { code: 0, message: "x".into(), details: Vec::new() }).await.unwrap();
    let returned: gateway::ReturnRequest = daemon.requests("Return").remove(0);
    assert_eq!(returned.error.unwrap().code, 2);
}

#[tokio::test]
async fn warnings() {
    let daemon = Daemon::default().say("Ping", [pong(MODERN, &[])]);
    let bridge = connect(&daemon, None).await;
    let warning = Warning {
        digest: "sha256:d".into(),
        short: "Rule: text (line 1)".into(),
        detail: vec!["more".into()],
        url: "https://example.com".into(),
        source: Some(SourceInfo { definition: Some(definition()), filename: "f".into(), ..SourceInfo::default() }),
        ranges: vec![SourceRange::lines(1, 2)],
        level: 0,
    };
    bridge.warn(warning).await.unwrap();
    let sent: gateway::WarnRequest = daemon.requests("Warn").remove(0);
    assert_eq!(
        (sent.level, sent.short.as_slice(), sent.detail[0].as_slice()),
        (1, &b"Rule: text (line 1)"[..], &b"more"[..])
    );
    assert_eq!(sent.info.unwrap().definition.unwrap().def, definition().def);
    assert_eq!((sent.ranges[0].start.unwrap().line, sent.ranges[0].end.unwrap().line), (1, 2));
}

#[tokio::test]
async fn after_cancellation_nothing_is_sent() {
    let canceled = Say::Failure(1, "context canceled".into(), Vec::new());
    let daemon = Daemon::default().say("Ping", [pong(MODERN, &[])]).say("Solve", [canceled]);
    let bridge = connect(&daemon, None).await;
    let error = bridge.solve(SolveRequest::default()).await.unwrap_err();
    assert!(matches!(error, GatewayError::Canceled { .. }) && error.is_final() && bridge.is_over());
    assert_eq!(Status::from(error).code, 1);
    assert!(matches!(bridge.return_error(Status::failed("x")).await, Err(GatewayError::Over { .. })));
    assert_eq!(daemon.calls().len(), 2);
}

/// A cancelled `Control.Solve`, as seen from its bridge.
#[tokio::test]
async fn an_unregistered_build_is_over() {
    let gone = || Say::Failure(5, "forwarding Return: no such job build1".into(), Vec::new());
    let daemon = Daemon::default().say("Ping", [pong(MODERN, &[])]).say("Return", [gone()]);
    let bridge = connect(&daemon, Some("build1")).await;
    let error = bridge.return_result(FrontendResult::default()).await.unwrap_err();
    assert!(error.is_final() && bridge.is_over(), "{error:?}");

    let daemon = Daemon::default().say("Ping", [pong(MODERN, &[])]).say("Solve", [gone()]);
    let bridge = connect(&daemon, None).await;
    bridge.solve(SolveRequest::default()).await.unwrap_err();
    assert!(!bridge.is_over(), "in a container these words are some other build's");
}

#[tokio::test]
async fn a_lost_connection_is_final() {
    let daemon = Daemon::default().say("Solve", [Say::Nothing]);
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let server = tokio::spawn(daemon.clone().serve(theirs));
    let mut ours = Some(hyper_util::rt::TokioIo::new(ours));
    let connector = tower::service_fn(move |_: Uri| {
        std::future::ready(ours.take().ok_or(std::io::Error::from(std::io::ErrorKind::NotConnected)))
    });
    let channel = Endpoint::from_static("http://localhost").connect_with_connector(connector).await.unwrap();
    let bridge = Bridge::over_channel(channel, None).unwrap();
    bridge.ping().await.unwrap();
    let solve = tokio::spawn({
        let bridge = bridge.clone();
        async move { bridge.solve(SolveRequest::default()).await }
    });
    while daemon.calls().len() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    server.abort();
    let error = solve.await.unwrap().unwrap_err();
    assert!(matches!(error, GatewayError::Lost { method: "Solve", .. }), "{error:?}");
    assert!(bridge.is_over());
    assert!(matches!(
        bridge.evaluate(&reference("r")).await,
        Err(GatewayError::Over { .. } | GatewayError::MissingCapability { .. })
    ));
}

#[tokio::test]
async fn inputs_are_returned_as_graphs() {
    let input = gateway::InputsResponse {
        definitions: [("k".to_owned(), llb::Definition { def: vec![vec![7]], ..Default::default() })].into(),
    };
    let daemon = Daemon::default().say("Ping", [pong(MODERN, &[])]).say("Inputs", [Say::message(&input)]);
    let inputs = connect(&daemon, None).await.inputs().await.unwrap();
    assert_eq!(inputs["k"].def, [[7]]);
}

#[tokio::test]
async fn details_of_a_failed_solve_are_typed() {
    let status = Status::failed("x").with_detail(&ErrorDetail::Exit { code: 42 });
    let daemon = Daemon::default()
        .say("Ping", [pong(MODERN, &[])])
        .say("Solve", [Say::Failure(2, "x".into(), gateway_status(&status).encode_to_vec())]);
    let error = connect(&daemon, None).await.solve(SolveRequest::default()).await.unwrap_err();
    let exit = error.status().unwrap().typed_details().find_map(|detail| match detail {
        ErrorDetail::Exit { code } => Some(code),
        _ => None,
    });
    assert_eq!(exit, Some(42));
}
