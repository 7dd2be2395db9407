//! The memory between builds: it saves questions, belongs to one daemon, and is not used if facts have changed.

use std::path::Path;

use imagespec_e2e::way::{Daemon, Entrance, Way};

use crate::throw_away::ThrowAway;
use crate::{Case, Context, scenario};

const BUILDKITD: Way = Way::new(Daemon::Buildkitd, Entrance::Imagespec);

pub(crate) fn cases() -> Vec<Case> {
    let answers = scenario("answers", [BUILDKITD], answers);
    answers.chain(scenario("impostor", [BUILDKITD], impostor)).collect()
}

/// Builds with a memory folder: whether it was asked which files packages share, and the image's digest.
fn build(context: &Context<'_>, address: &str, cache: &Path) -> (bool, Option<String>) {
    const ASKED: &str = "the files that several packages share";
    let metadata = context.space.sibling("metadata.json");
    let program = context.build().ours("build", address).args(context.build().destination());
    let program = program.args(["--progress", "json"]).arg("--metadata-file").arg(&metadata);
    let ended = program.env("IMAGESPEC_CACHE_DIR", cache).ok();
    let written = std::fs::read_to_string(&metadata).expect("the metadata were written");
    let written: serde_json::Value = serde_json::from_str(&written).expect("the metadata are JSON");
    (ended.stderr.contains(ASKED), written["containerimage.digest"].as_str().map(str::to_owned))
}

/// A permanent answer is not asked for again by the next build, which results in the same image.
fn answers(context: &Context<'_>) {
    context.space.fill("groups");
    let address = context.world.lab.address(context.way.daemon);
    let build = |cache: &Path| build(context, address, cache);
    let folder = context.space.sibling("answers");
    let first = build(&folder);
    assert!(first.0 && first.1.is_some(), "{first:?}");
    assert_eq!(build(&folder), (false, first.1.clone()), "it is known");
    assert_eq!(build(Path::new("")), first, "nothing is kept");
    // Remembered answers are saved with the others, so that a build can be compiled again anywhere.
    let facts = context.space.sibling("facts.json");
    let compiled = |option: &str| {
        let program = context.build().ours("compile", address).args(["--format", "pb", option]).arg(&facts);
        program.env("IMAGESPEC_CACHE_DIR", &folder).ok().stdout
    };
    assert!(!compiled("--save-facts").is_empty());
    assert!(!compiled("--facts").is_empty());
    // Files in the folder that are no answers are ignored.
    for file in std::fs::read_dir(folder.join("memory-2")).expect("the folder was made").flatten() {
        std::fs::write(file.path(), "{}").expect("a file of ours");
    }
    assert_eq!(build(&folder), first);
    assert_eq!(build(&folder), (false, first.1.clone()));
    // Answers of the last build are not used if the facts have changed: another image, or another lock.
    for kind in ["image", "lock"] {
        let changed = change_remembered(&folder.join("memory-2"), kind);
        assert!(changed > 0, "answers of the last build are remembered, with {kind}");
        assert_eq!(build(&folder).1, first.1, "the {kind} is not what it was");
    }
}

/// Changes remembered answers of a kind: digests of images, versions of packages. Returns the number of changes.
fn change_remembered(folder: &Path, kind: &str) -> usize {
    let mut changed = 0;
    for file in std::fs::read_dir(folder).expect("the folder was made").flatten() {
        let bytes = std::fs::read(file.path()).expect("a file of ours");
        let mut kept: serde_json::Value = serde_json::from_slice(&bytes).expect("a kept text is JSON");
        if !kept["key"].as_str().is_some_and(|key| key.starts_with("build ")) {
            continue;
        }
        let text = kept["text"].as_str().expect("there is a text");
        let mut build: serde_json::Value = serde_json::from_str(text).expect("what a build asked is JSON");
        let facts = build["answers"]["facts"].as_array_mut().expect("there are answers");
        for fact in facts.iter_mut().filter(|fact| fact["kind"] == kind) {
            let answer = &mut fact["answer"];
            if let Some(lock) = answer["lock"].as_str() {
                answer["lock"] = lock.replace("\nversion = \"", "\nversion = \"9").into();
            } else {
                let reference = answer["reference"].as_str().and_then(|text| text.split_once('@'));
                let (name, _) = reference.expect("an image has a digest");
                answer["reference"] = format!("{name}@sha256:{:064}", 0).into();
            }
            changed += 1;
        }
        kept["text"] = build.to_string().into();
        std::fs::write(file.path(), kept.to_string()).expect("a file of ours");
    }
    changed
}

/// A daemon that reports the worker id of another daemon does not affect builds of the other one.
fn impostor(context: &Context<'_>) {
    context.space.fill("groups");
    let lab = &context.world.lab;
    let worker = Path::new("runc-overlayfs/workerid");
    let root = context.space.sibling("impostor");
    std::fs::create_dir_all(root.join("runc-overlayfs")).expect("a folder of the test's");
    let id = lab.root_of(Daemon::Buildkitd).join("root").join(worker);
    std::fs::copy(id, root.join(worker)).expect("the daemon has a worker");
    let mut other = ThrowAway::start_in(context, root);
    let folder = context.space.sibling("remembered");
    let (compared, digest) = build(context, &other.address, &folder);
    assert!(compared && digest.is_some(), "a daemon of its own");
    other.kill();
    // Permanent answers are not asked for again, so a wrong one would be used.
    let lied = lie(&folder);
    assert!(lied > 0, "answers that last are remembered");
    let (compared, digest) = build(context, lab.address(Daemon::Buildkitd), &folder);
    assert!(compared, "nothing is known of this daemon");
    let (_, honest) = build(context, lab.address(Daemon::Buildkitd), Path::new(""));
    assert_eq!(digest, honest);
}

/// Makes every permanent answer wrong, and returns their number.
fn lie(folder: &Path) -> usize {
    let mut count = 0;
    for file in std::fs::read_dir(folder.join("memory-2")).expect("the folder was made").flatten() {
        let text = std::fs::read_to_string(file.path()).expect("a file of ours");
        let mut kept: serde_json::Value = serde_json::from_str(&text).expect("a kept text is JSON");
        if !kept["key"].as_str().is_some_and(|key| key.starts_with("answer ")) {
            continue;
        }
        let mut fact: serde_json::Value =
            serde_json::from_str(kept["text"].as_str().expect("there is a text")).expect("a fact is JSON");
        fact["answer"] = match fact["kind"].as_str() {
            Some("programs") => serde_json::json!([]),
            Some("collisions") => "lib/x.py\tclick\tflask\n".into(),
            _ => serde_json::Value::Null,
        };
        kept["text"] = fact.to_string().into();
        std::fs::write(file.path(), kept.to_string()).expect("a file of ours");
        count += 1;
    }
    count
}
