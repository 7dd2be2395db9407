//! Builds without a memory.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use imagespec_compile::Avoided;
use imagespec_frontend::DriveError;

use crate::world::{World, build, frontend, lines};

const SPEC: &str = "base_image: python:3.11-slim\napt_packages: [tree]\npackages: [click]\n";

#[tokio::test]
async fn each_round_plans_once_and_asks_nothing_twice() {
    let daemon = World::default().daemon();
    let outcome = build(frontend(SPEC), &daemon).await;
    outcome.planned.as_ref().unwrap();
    assert_eq!(outcome.passes(), 5, "the images, what they have, the lock, what groups have in common, all");
    let asked = outcome.asked();
    assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), asked.len(), "{asked:?}");
    let resolved: Vec<String> = lines(&daemon.calls()).into_iter().filter(|line| line.starts_with("Resolve")).collect();
    assert_eq!(resolved.len(), 3, "{resolved:?}");
}

#[tokio::test]
async fn questions_of_a_round_are_asked_at_the_same_time() {
    let registry = Duration::from_millis(300);
    let daemon = World { registry, ..World::default() }.daemon();
    let began = tokio::time::Instant::now();
    build(frontend(SPEC), &daemon).await.planned.unwrap();
    // The version of Python, and with it the image that compiles modules, is only known after the base.
    assert!(began.elapsed() < registry * 3, "one image after the other takes {:?}", registry * 3);
}

#[tokio::test]
async fn independent_steps_start_while_versions_are_resolved() {
    let solve = BTreeMap::from([("pylock.toml", Duration::from_millis(300))]);
    let daemon = World { solve, ..World::default() }.daemon();
    build(frontend(SPEC), &daemon).await.planned.unwrap();
    let lines = lines(&daemon.calls());
    let at = |part: &str| {
        lines.iter().position(|line| line.contains(part)).unwrap_or_else(|| panic!("{part} in {lines:#?}"))
    };
    assert!(at("[apt] tree") < at("ReadFile /usr/share/imagespec/pylock.toml"), "{lines:#?}");
    assert!(at("Solve [pip] click") < at("Return"), "{lines:#?}");
}

#[tokio::test]
async fn the_first_problem_is_reported() {
    let daemon = World { broken: vec!["python"], ..World::default() }.daemon();
    let error = build(frontend(SPEC), &daemon).await.planned.unwrap_err();
    let DriveError::Problems(problems) = &error else { panic!("{error:?}") };
    let [problem] = problems.diagnostics.as_slice() else { panic!("{problems:?}") };
    assert_eq!((problem.code, problems.fields(problem)), ("E121", vec!["base_image"]));

    let daemon = World { broken: vec!["pylock.toml"], ..World::default() }.daemon();
    let error = build(frontend(SPEC), &daemon).await.planned.unwrap_err();
    let DriveError::Step { steps, .. } = &error else { panic!("{error:?}") };
    assert!(steps.iter().any(|step| step.id == "lock" && step.fields == ["packages[0]"]), "{steps:?}");
    assert!(lines(&daemon.calls()).iter().all(|line| !line.contains("[pip]")), "nothing goes on");
}

#[tokio::test]
async fn results_that_a_daemon_has_lost_are_made_again() {
    let records = ("[record]", "/.imagespec-1");
    for (broken_state, avoided) in [(records, Avoided::Records), (("[pip]", "/.imagespec-2"), Avoided::Steps)] {
        let daemon = World { broken_state: Some(broken_state), ..World::default() }.daemon();
        let outcome = build(frontend(SPEC), &daemon).await;
        let planned = outcome.planned.unwrap();
        assert_eq!(planned.settings.avoided, avoided);
        let lines = lines(&daemon.calls());
        assert!(lines.iter().any(|line| line.contains("Solve [pip] click")), "{lines:#?}");
    }

    let broken = vec!["[record]"];
    let daemon = World { broken_state: Some(records), broken, ..World::default() }.daemon();
    let error = build(frontend(SPEC), &daemon).await.planned.unwrap_err();
    assert!(error.to_string().contains("exit code: 1"), "the second error is the one to report: {error}");
}

#[tokio::test]
async fn a_dropped_build_asks_no_more_questions() {
    let solve = BTreeMap::from([("pylock.toml", Duration::from_secs(600))]);
    let daemon = World { solve, ..World::default() }.daemon();
    let given_up = tokio::time::timeout(Duration::from_millis(700), build(frontend(SPEC), &daemon)).await;
    assert!(given_up.is_err(), "it waits for the lock");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let dropped = lines(&daemon.dropped());
    assert!(dropped.iter().any(|line| line.contains("pylock.toml")), "{dropped:?}");
}
