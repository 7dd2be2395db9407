//! The choice of builders and the memory of results, with a builder that counts its builds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::builder::BoxFuture;
use crate::existence::Existence;
use crate::noop::NoopBuilder;

#[derive(Clone, Debug)]
struct Counter {
    built: Arc<AtomicUsize>,
    existence: Existence,
    fails: usize,
}

impl Counter {
    fn new(existence: Existence) -> Self {
        Self { built: Arc::default(), existence, fails: 0 }
    }

    fn count(&self) -> usize {
        self.built.load(Ordering::SeqCst)
    }
}

impl ImageSpecBuilder for Counter {
    fn build_image<'a>(
        &'a self,
        _spec: &'a ImageSpec,
        _context: &'a BuildContext,
    ) -> BoxFuture<'a, Result<Option<String>, EngineError>> {
        Box::pin(async move {
            let count = self.built.fetch_add(1, Ordering::SeqCst);
            // Long enough for other requests to arrive in the meantime.
            tokio::time::sleep(Duration::from_millis(20)).await;
            if count < self.fails {
                return Err(EngineError::from_builder(std::io::Error::other("not today")));
            }
            Ok(None)
        })
    }

    fn existence<'a>(&'a self, _spec: &'a ImageSpec, _context: &'a BuildContext) -> BoxFuture<'a, Existence> {
        Box::pin(std::future::ready(self.existence.clone()))
    }
}

fn engine(counter: &Counter) -> ImageBuildEngine {
    let mut engine = ImageBuildEngine::new();
    engine.register("counter", counter.clone(), 5);
    engine
}

fn spec(name: &str) -> ImageSpec {
    ImageSpec::named(name).unwrap()
}

#[tokio::test]
async fn no_builder_and_an_unknown_one() {
    let engine_without = ImageBuildEngine::new();
    let named = spec("a").with_builder("envd").unwrap();
    for spec in [&spec("a"), &named] {
        assert!(matches!(engine_without.build(spec).await, Err(EngineError::NoBuilder)));
    }
    let mut engine = engine(&Counter::new(Existence::Missing));
    engine.register("noop", NoopBuilder, 1);
    let error = engine.build(&named).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the image builder \"envd\" is not registered; registered builders are counter, noop"
    );
}

#[tokio::test]
async fn the_spec_chooses_and_priority_decides_otherwise() {
    let counter = Counter::new(Existence::Missing);
    let mut engine = ImageBuildEngine::new();
    engine.register("noop", NoopBuilder, 5);
    engine.register("counter", counter.clone(), 5);
    assert_eq!(engine.default_builder(), Some("noop"));
    let with_base = spec("a").with_base_image("debian:12").unwrap();
    assert_eq!(engine.build(&with_base).await.unwrap().real_name, "debian:12");
    let chosen = with_base.clone().with_builder("counter").unwrap();
    let built = engine.build(&chosen).await.unwrap();
    assert_eq!((built.real_name, counter.count()), (built.image_name, 1));
    engine.register("counter", counter.clone(), 6);
    assert_eq!(engine.default_builder(), Some("counter"));
    engine.build(&with_base).await.unwrap();
    assert_eq!(counter.count(), 2, "a replaced builder's results are forgotten");
}

#[tokio::test]
async fn noop_needs_a_reference() {
    let mut engine = ImageBuildEngine::new();
    engine.register("noop", NoopBuilder, 5);
    for spec in [spec("a"), spec("a").with_base_spec(spec("b")).unwrap()] {
        assert!(matches!(engine.build(&spec).await, Err(EngineError::NoReference)));
    }
}

#[tokio::test]
async fn equal_specs_are_built_once() {
    let counter = Counter::new(Existence::Missing);
    let engine = engine(&counter);
    let first = engine.build(&spec("a")).await.unwrap();
    assert!(first.was_built);
    assert_eq!(engine.build(&spec("a")).await.unwrap(), first);
    assert_eq!(counter.count(), 1);
    engine.build(&spec("a").with_registry("localhost:5000").unwrap()).await.unwrap();
    assert_eq!(counter.count(), 2, "a different registry is a different image");
}

#[tokio::test]
async fn and_once_at_the_same_time() {
    let counter = Counter::new(Existence::Missing);
    let engine = engine(&counter);
    let outcomes = engine.build_all([spec("a"), spec("b"), spec("a"), spec("b"), spec("a")]).await;
    let names: Vec<String> = outcomes.into_iter().map(|outcome| outcome.unwrap().image_name).collect();
    assert_eq!(names.iter().map(|name| name.split(':').next().unwrap()).collect::<Vec<_>>(), ["a", "b", "a", "b", "a"]);
    assert_eq!(counter.count(), 2);
}

#[tokio::test]
async fn existing_images_are_built_only_if_forced() {
    let counter = Counter::new(Existence::Exists);
    let engine = engine(&counter);
    assert!(!engine.build(&spec("a")).await.unwrap().was_built);
    assert_eq!(counter.count(), 0);
    let forced = || BuildRequest::new(spec("a")).forced();
    assert!(engine.build(forced()).await.unwrap().was_built, "a remembered result does not count");
    assert!(engine.build(forced()).await.unwrap().was_built);
    assert_eq!(counter.count(), 2);
    assert!(engine.build(&spec("a")).await.unwrap().was_built, "it is remembered as built");
    assert_eq!(counter.count(), 2);
    // More requests than run at the same time: the last ones start after the first ones have ended.
    for outcome in engine.build_all(std::iter::repeat_with(forced).take(3 * MAX_CONCURRENT_BUILDS)).await {
        outcome.unwrap();
    }
    assert_eq!(counter.count(), 3, "concurrent forced requests share one build");
}

#[tokio::test]
async fn an_environment_forces_each_image_once() {
    let counter = Counter::new(Existence::Exists);
    let engine = engine(&counter).with_environment(Settings { force: true, ..Settings::default() });
    for _ in 0..2 {
        assert!(engine.build(&spec("a")).await.unwrap().was_built);
    }
    assert_eq!(counter.count(), 1);
}

#[tokio::test]
async fn failures_are_not_remembered() {
    let counter = Counter { fails: 1, ..Counter::new(Existence::Missing) };
    let engine = engine(&counter);
    assert_eq!(engine.build(&spec("a")).await.unwrap_err().to_string(), "not today");
    assert!(engine.build(&spec("a")).await.unwrap().was_built);
    let counter = Counter { fails: 1, ..Counter::new(Existence::Missing) };
    let engine = self::engine(&counter);
    let outcomes = engine.build_all([spec("a"), spec("a")]).await;
    // Either request may run first.
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_err()).count(), 1, "the request that waited tries again");
}

#[tokio::test]
async fn dropped_work_does_not_stop_others() {
    let counter = Counter::new(Existence::Missing);
    let engine = engine(&counter);
    let given_up = tokio::time::timeout(Duration::from_millis(1), engine.build(&spec("a"))).await;
    assert!(given_up.is_err());
    assert!(engine.build(&spec("a")).await.unwrap().was_built);
}

#[tokio::test]
async fn an_unknown_state_is_reported_or_refused() {
    let counter = Counter::new(Existence::Unknown("no network".to_owned()));
    let built = engine(&counter).build(&spec("a")).await.unwrap();
    assert!(built.was_built && built.warnings[0].contains("no network"), "{built:?}");
    let strict = engine(&counter).with_environment(Settings { fail_fast: true, ..Settings::default() });
    let error = strict.build(&spec("a")).await.unwrap_err();
    assert!(error.to_string().contains("no network") && error.to_string().contains("FLYTE_IMG_FAST_FAIL"), "{error}");
    assert_eq!(counter.count(), 1);
}

#[tokio::test]
async fn an_invalid_spec_reports_its_problems() {
    let engine = engine(&Counter::new(Existence::Missing));
    let wrong = spec("a").with_requirements("no-such-file.txt").unwrap();
    let error = engine.build(&wrong).await.unwrap_err();
    assert!(matches!(&error, EngineError::Spec(problems) if problems.diagnostics[0].code == "E101"), "{error}");
}

#[tokio::test]
async fn a_changed_file_changes_the_image() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.txt"), "1").unwrap();
    let counter = Counter::new(Existence::Missing);
    let engine = engine(&counter);
    let request =
        BuildRequest::new(spec("a").with_copy(["a.txt"]).unwrap()).with_files(Files::in_folder(folder.path()));
    let first = engine.build(&request).await.unwrap();
    std::fs::write(folder.path().join("a.txt"), "2").unwrap();
    assert_ne!(engine.build(&request).await.unwrap().image_name, first.image_name);
    assert_eq!(counter.count(), 2);
}
