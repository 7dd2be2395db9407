//! Builds with the memory of the last one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::world::{Kept, World, build, digest, lines, remembering};

const SPEC: &str = "base_image: python:3.11-slim\napt_packages: [tree]\npackages: [click]\n";

#[tokio::test]
async fn a_repeated_build_plans_once_and_asks_everything_at_once() {
    let memory = Arc::default();
    build(remembering(SPEC, &memory), &World::default().daemon()).await.planned.unwrap();
    let daemon = World::default().daemon();
    let outcome = build(remembering(SPEC, &memory), &daemon).await;
    outcome.planned.as_ref().unwrap();
    assert_eq!(outcome.passes(), 1);
    let lines = lines(&daemon.calls());
    assert!(lines.iter().all(|line| !line.contains("imagespec/base")), "{lines:#?}");
    let images = lines.iter().filter(|line| line.starts_with("Solve [join]")).count();
    assert_eq!(images, 1, "the image is solved once: {lines:#?}");
}

#[tokio::test]
async fn a_moved_base_is_noticed_and_work_on_the_old_one_is_dropped() {
    let memory = Arc::default();
    let first = build(remembering(SPEC, &memory), &World::default().daemon()).await.planned.unwrap();
    let solve = BTreeMap::from([("pylock.toml", Duration::from_millis(500))]);
    let world = World { base: digest("moved"), solve, registry: Duration::from_millis(50), ..World::default() };
    let daemon = world.daemon();
    let outcome = build(remembering(SPEC, &memory), &daemon).await;
    let second = outcome.planned.as_ref().unwrap();
    let base = |planned: &imagespec_frontend::Planned| planned.plans()[0].base.reference.clone();
    assert_ne!(base(&first), base(second));
    assert!(base(second).ends_with(&digest("moved")));
    let locks =
        lines(&daemon.calls()).iter().filter(|line| line.starts_with("Solve") && line.contains("pylock.toml")).count();
    let dropped = lines(&daemon.dropped())
        .iter()
        .filter(|line| line.starts_with("Solve") && line.contains("pylock.toml"))
        .count();
    assert_eq!((locks, dropped), (2, 1), "{:#?}", lines(&daemon.calls()));
}

#[tokio::test]
async fn changed_versions_are_used() {
    let memory = Arc::default();
    build(remembering(SPEC, &memory), &World::default().daemon()).await.planned.unwrap();
    let world = World::default();
    let newer = World { lock: world.lock.replace("8.1", "8.2"), ..world };
    let outcome = build(remembering(SPEC, &memory), &newer.daemon()).await;
    let text = outcome.planned.unwrap().plans()[0].to_string();
    assert!(text.contains("click 8.2"), "{text}");
}

#[tokio::test]
async fn an_edited_spec_reuses_valid_answers() {
    let memory = Arc::default();
    build(remembering(SPEC, &memory), &World::default().daemon()).await.planned.unwrap();
    let daemon = World::default().daemon();
    let edited = SPEC.replace("[click]", "[click, idna]");
    let outcome = build(remembering(&edited, &memory), &daemon).await;
    outcome.planned.as_ref().unwrap();
    assert!(outcome.passes() <= 3, "the lock, what groups have in common, all: {}", outcome.passes());
}

/// The memory of one worker is not used with another, and a broken file counts as missing.
#[tokio::test]
async fn an_unreadable_memory_is_ignored() {
    let memory: Arc<Kept> = Arc::default();
    build(remembering(SPEC, &memory), &World::default().daemon()).await.planned.unwrap();
    memory.spoil();
    let outcome = build(remembering(SPEC, &memory), &World::default().daemon()).await;
    outcome.planned.as_ref().unwrap();
    assert_eq!(outcome.passes(), 5);
}
