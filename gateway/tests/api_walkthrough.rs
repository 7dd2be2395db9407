//! The public API in the order in which a frontend's author meets it, against a recording daemon: what the crate's guide
//! says, in one piece.
#![expect(clippy::unwrap_used, reason = "test code: a broken assumption should end the test here")]

mod support;

use std::collections::BTreeMap;

use buildkit_gateway::container::ContainerRequest;
use buildkit_gateway::contexts::{IgnoreFile, main_context, named_context};
use buildkit_gateway::{
    Attestation, AttestationKind, Bridge, Build, BuildOptions, Frontend, FrontendResult, GatewayError, ImageReference,
    InTotoSubject, Reference, Status, Subrequest, SubrequestAnswer, keys, run_frontend,
};
use buildkit_llb::{File, GraphBuilder, MkFile};
use buildkit_proto::rpc::gateway;
use support::{Daemon, MODERN, Say, pong};
use tonic::transport::{Endpoint, Uri};

/// Writes the user's file into an image.
struct Mirror;

impl Frontend for Mirror {
    async fn build(&self, build: &Build) -> Result<FrontendResult, Status> {
        let spec = build.spec_file("mirror.txt").await?;
        if let Some((number, _)) = spec.lines().find(|(_, line)| line.is_empty()) {
            return Err(spec.error(number, "an empty line mirrors nothing"));
        }
        build.bridge.warn(spec.warning(1, "Mirror: this is a test (line 1)")).await?;
        let image = build.image(|platform| {
            let mut graph = GraphBuilder::new();
            let text = format!("{platform}: {}", spec.text());
            let file = graph.file(File::scratch().mkfile(MkFile::new("/mirror.txt", 0o644, text)));
            Ok((graph.finish(Some(file))?, serde_json::json!({ "config": {} })))
        });
        let mut result = image.await?;
        let statement = Attestation {
            kind: AttestationKind::InToto,
            metadata: BTreeMap::from([("reason".to_owned(), b"test".to_vec())]),
            reference: result.references().next().cloned(),
            path: "/mirror.txt".to_owned(),
            predicate_type: "https://example.com/mirror".to_owned(),
            subjects: vec![InTotoSubject { is_result: true, digests: Vec::new(), name: String::new() }],
        };
        result.attestations.insert("linux/arm64".to_owned(), vec![statement]);
        Ok(result)
    }

    fn subrequests(&self) -> Vec<Subrequest> {
        vec![Subrequest::new("frontend.mirror", "1.0.0", "Says who it is")]
    }

    async fn subrequest(&self, _: &str, _: &Build) -> Result<SubrequestAnswer, Status> {
        Ok(SubrequestAnswer { text: "mirror".to_owned(), version: "1.0.0".to_owned(), ..SubrequestAnswer::default() })
    }
}

async fn connect(daemon: &Daemon) -> Bridge {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(daemon.clone().serve(theirs));
    let mut ours = Some(hyper_util::rt::TokioIo::new(ours));
    let connector = tower::service_fn(move |_: Uri| {
        std::future::ready(ours.take().ok_or(std::io::Error::from(std::io::ErrorKind::NotConnected)))
    });
    let channel = Endpoint::from_static("http://localhost").connect_with_connector(connector).await.unwrap();
    Bridge::over_channel(channel, None).unwrap()
}

fn options(opts: &[(&str, &str)]) -> BuildOptions {
    let opts = opts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    BuildOptions::new(opts, "session".to_owned(), Vec::new(), String::new()).unwrap()
}

fn solved(id: &str) -> Say {
    let result = gateway::result::Result::Ref(gateway::Ref { id: id.to_owned(), def: None });
    Say::message(&gateway::SolveResponse {
        result: Some(gateway::Result { result: Some(result), ..Default::default() }),
        ..Default::default()
    })
}

fn daemon(text: &str) -> Daemon {
    let caps = ["source.local", "source.local.sessionid", "source.local.followpaths", "source.local.sharedkeyhint"];
    let caps = [&caps[..], &["file.base", "platform", "constraints", "meta.description"]].concat();
    Daemon::default()
        .say("Ping", [pong(MODERN, &caps)])
        .say("Solve", [solved("spec"), solved("amd64"), solved("arm64")])
        .say("ReadFile", [Say::message(&gateway::ReadFileResponse { data: text.as_bytes().to_vec() })])
}

#[tokio::test]
async fn a_build() {
    let daemon = daemon("hello\n");
    let options = options(&[("filename", "my.txt"), ("platform", "linux/amd64,linux/arm64")]);
    run_frontend(connect(&daemon).await, options, &Mirror).await.unwrap();

    let methods: Vec<_> = daemon.calls().into_iter().map(|call| call.method).collect();
    assert_eq!(methods, ["Ping", "Inputs", "Solve", "ReadFile", "Warn", "Solve", "Solve", "Return"]);
    let read: gateway::ReadFileRequest = daemon.requests("ReadFile").remove(0);
    assert_eq!((read.r#ref.as_str(), read.file_path.as_str()), ("spec", "my.txt"));
    let warned: gateway::WarnRequest = daemon.requests("Warn").remove(0);
    let loaded: gateway::SolveRequest = daemon.requests("Solve").remove(0);
    let loaded = buildkit_proto::Digest::from_content(&loaded.definition.unwrap().def[0]).to_string();
    assert_eq!(warned.digest, loaded, "a warning belongs to the vertex that loaded the file");

    let returned: gateway::ReturnRequest = daemon.requests("Return").remove(0);
    let result = returned.result.unwrap();
    assert!(result.metadata.contains_key(keys::PLATFORMS));
    let config: serde_json::Value =
        serde_json::from_slice(&result.metadata["containerimage.config/linux/arm64"]).unwrap();
    assert_eq!((&config["os"], &config["architecture"]), (&"linux".into(), &"arm64".into()));
    let statement = &result.attestations["linux/arm64"].attestation[0];
    assert_eq!(statement.in_toto_predicate_type, "https://example.com/mirror");
    assert_eq!(statement.r#ref.as_ref().unwrap().id, "amd64");
}

#[tokio::test]
async fn an_error_of_the_user() {
    let daemon = daemon("one\n\nthree\n");
    run_frontend(connect(&daemon).await, options(&[]), &Mirror).await.unwrap_err();
    let returned: gateway::ReturnRequest = daemon.requests("Return").remove(0);
    let error = returned.error.unwrap();
    assert_eq!(error.message, "an empty line mirrors nothing");
    assert!(String::from_utf8_lossy(&error.details[0].value).contains(r#""start":{"line":2}"#));
}

#[tokio::test]
async fn a_question() {
    let daemon = daemon("");
    run_frontend(connect(&daemon).await, options(&[("requestid", "frontend.mirror")]), &Mirror).await.unwrap();
    let returned: gateway::ReturnRequest = daemon.requests("Return").remove(0);
    assert_eq!(returned.result.unwrap().metadata["result.txt"], b"mirror");
}

#[tokio::test]
async fn missing_capabilities_of_an_old_daemon_are_named() {
    let daemon = Daemon::default().say("Ping", [pong(&["solve.base", "readfile"], &[])]);
    let bridge = connect(&daemon).await;
    let rootfs = Reference { id: "r".to_owned(), definition: None };
    let refused = bridge.new_container(ContainerRequest::new(&rootfs)).await.unwrap_err();
    assert!(matches!(refused, GatewayError::MissingCapability { capability, .. } if capability == "gateway.exec"));
}

#[test]
fn where_files_come_from() {
    let options =
        options(&[("context", "https://example.com/app.git#main"), ("context:base", "docker-image://debian")]);
    let main = main_context(&options, |_| false).unwrap();
    assert!(main.spec_is_in_context());
    assert!(named_context(&options, "base", None).unwrap().is_some());
    assert_eq!(
        ImageReference::parse("debian").unwrap().with_default_tag().to_string(),
        "docker.io/library/debian:latest"
    );
    assert_eq!(IgnoreFile::parse(b"/target/\n"), ["target"]);
}
