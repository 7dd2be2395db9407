//! What a program asks of the daemon besides the image: cache, attestations, entitlements, whether to build what is up to date, and
//! when to stop.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use buildkit_client::solve::CacheEntry;
use imagespec::ImageSpec;
use imagespec_compile::StepKey;
use imagespec_driver::{Attestations, Delivered, EventKind, EventReceiver, Events, FailureKind, Request, VertexState};
use imagespec_engine::{BuildRequest, ImageBuildEngine, LlbBuilder, Settings};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::lab::{ALL, BUILDKITD, fresh, spec, variable, variables_and};

fn pushed(name: &str) -> ImageSpec {
    spec(name).with_registry(&variable("IMAGESPEC_LAB_REGISTRY")).unwrap()
}

/// An engine that keeps its memory in a folder.
fn engine(
    daemon: &str,
    memory: &Path,
    change: impl FnOnce(LlbBuilder) -> LlbBuilder,
) -> (ImageBuildEngine, EventReceiver) {
    let (events, receiver) = Events::channel();
    let memory = ("IMAGESPEC_CACHE_DIR", memory.into());
    let settings = Settings::from_variables(variables_and(Path::new("/nonexistent"), [memory]));
    let mut engine = ImageBuildEngine::new().with_environment(settings);
    let builder = LlbBuilder::new(variable(daemon).parse().unwrap()).with_events(events);
    engine.register("llb", change(builder), 5);
    (engine, receiver)
}

/// What a build with a request reports that remembers nothing of others.
async fn report(daemon: &str, request: Request, spec: &ImageSpec) -> Vec<EventKind> {
    report_remembering(daemon, tempfile::tempdir().unwrap().path(), request, spec).await
}

async fn report_remembering(daemon: &str, memory: &Path, request: Request, spec: &ImageSpec) -> Vec<EventKind> {
    let (engine, mut receiver) = engine(daemon, memory, |builder| builder.with_request(request));
    let reader = tokio::spawn(async move {
        let mut events = Vec::new();
        while let Some(event) = receiver.recv().await {
            events.push(event.kind);
        }
        events
    });
    engine.build(BuildRequest::new(spec.clone()).forced()).await.unwrap();
    drop(engine);
    reader.await.unwrap()
}

fn delivered(events: &[EventKind]) -> &Delivered {
    let delivered = events.iter().find_map(|event| match event {
        EventKind::Delivered(delivered) => Some(delivered),
        _ => None,
    });
    delivered.unwrap()
}

/// A manifest or an index of an image in the lab's registry.
fn manifest(reference: &str) -> Value {
    let (host, rest) = reference.split_once('/').unwrap();
    let (repository, tag) = rest.rsplit_once(':').unwrap();
    let accept = "Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
    let url = format!("http://{host}/v2/{repository}/manifests/{tag}");
    let output = Command::new("curl").args(["-sSf", "-H", accept, &url]).output().unwrap();
    assert!(output.status.success(), "{url}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn cache_goes_to_a_registry_and_comes_from_there() {
    // On a base that the other daemon has not seen: one that it knows under another key is not looked for in imported cache.
    let base = report(BUILDKITD, Request::default(), &pushed("cache-base")).await;
    let spec = pushed("cache").with_base_image(&delivered(&base).names[0]).unwrap();
    let spec = spec.with_commands([format!("echo {}", fresh())]).unwrap();
    let reference = format!("{}/engine-test/cache-of:{}", variable("IMAGESPEC_LAB_REGISTRY"), fresh());
    let cache = |attrs: &[(&str, &str)]| {
        let attrs = attrs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        vec![CacheEntry { kind: "registry".to_owned(), attrs: attrs.collect() }]
    };
    let exports = Request { cache_exports: cache(&[("ref", &reference), ("mode", "max")]), ..Request::default() };
    let built = report(BUILDKITD, exports, &spec).await;
    assert!(!manifest(&reference)["layers"].as_array().unwrap().is_empty());

    // A daemon that has not built it finds the step done, and does not run it.
    let is_of_command = |step: &Option<StepKey>| step.as_ref().is_some_and(|key| key.as_str().starts_with("commands@"));
    let of_command = |events: &[EventKind]| {
        let is_cached = |event: &EventKind| match event {
            EventKind::Vertex { state, step, .. } => *state == VertexState::Cached && is_of_command(step),
            _ => false,
        };
        let is_output = |event: &EventKind| matches!(event, EventKind::Log { step, .. } if is_of_command(step));
        (events.iter().any(is_cached), events.iter().any(is_output))
    };
    let imports = Request { cache_imports: cache(&[("ref", &reference)]), ..Request::default() };
    let found = report("IMAGESPEC_LAB_ENGINE_CONTAINERD", imports, &spec).await;
    assert_eq!((of_command(&built), of_command(&found)), ((false, true), (true, false)));
}

#[tokio::test]
async fn attestations_are_in_the_index() {
    let mut attestations = Attestations::default();
    attestations.add("type=provenance,mode=max").unwrap();
    let events = report(BUILDKITD, Request { attestations, ..Request::default() }, &pushed("attested")).await;
    let Delivered { names, bytes, .. } = delivered(&events);
    let index = manifest(&names[0]);
    let kinds = index["manifests"].as_array().unwrap().iter();
    let attested: Vec<&Value> =
        kinds.filter(|one| one["annotations"]["vnd.docker.reference.type"] == "attestation-manifest").collect();
    assert_eq!(attested.len(), 1, "{index}");
    assert!(*bytes > Some(1_000_000), "all manifests count: {bytes:?}");
}

#[tokio::test]
async fn entitlements_reach_the_daemon() {
    let with = |name: &str| Request { entitlements: vec![name.to_owned()], ..Request::default() };
    report(BUILDKITD, with("network.host"), &pushed("entitled")).await;
    let memory = tempfile::tempdir().unwrap();
    let (engine, receiver) =
        engine(BUILDKITD, memory.path(), |builder| builder.with_request(with("security.insecure")));
    drop(receiver);
    let error = engine.build(pushed("not-entitled")).await.unwrap_err().to_string();
    assert!(error.contains("security.insecure"), "{error}");
}

#[tokio::test]
async fn what_is_up_to_date_is_built_only_if_asked_for() {
    let (spec, memory) = (pushed("up-to-date"), tempfile::tempdir().unwrap());
    let is_up_to_date = async |always_build| {
        let request = Request { always_build, ..Request::default() };
        let events = report_remembering(BUILDKITD, memory.path(), request, &spec).await;
        delivered(&events).is_up_to_date
    };
    assert!(!is_up_to_date(false).await);
    assert!(is_up_to_date(false).await);
    assert!(!is_up_to_date(true).await);
}

#[tokio::test]
async fn a_cancelled_build_ends_soon() {
    for daemon in ALL {
        let cancel = CancellationToken::new();
        let memory = tempfile::tempdir().unwrap();
        let (engine, mut receiver) = engine(daemon, memory.path(), |builder| builder.with_cancellation(cancel.clone()));
        let spec = pushed("cancelled").with_commands([format!("echo {} && sleep 600", fresh())]).unwrap();
        let reader = tokio::spawn(async move {
            let mut failures = Vec::new();
            let mut began = None;
            while let Some(event) = receiver.recv().await {
                match event.kind {
                    // It runs.
                    EventKind::Log { step: Some(step), .. } if step.as_str().starts_with("commands@") => {
                        began.get_or_insert_with(Instant::now);
                        cancel.cancel();
                    }
                    EventKind::Failed(failure) => failures.push(failure.kind),
                    _ => {}
                }
            }
            (failures, began.map(|began| began.elapsed()))
        });
        let error = engine.build(spec).await.unwrap_err();
        drop(engine);
        let (failures, took) = reader.await.unwrap();
        assert_eq!(failures, [FailureKind::Cancelled], "{daemon}: {error}");
        assert!(took.unwrap() < Duration::from_secs(30), "{daemon}: {took:?}");
    }
}
