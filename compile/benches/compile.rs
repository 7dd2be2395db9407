//! Time from a spec's text and its facts to the bytes of a definition, for what most specs have.

use std::hint::black_box;

use buildkit_proto::Message as _;
use criterion::{Criterion, criterion_group, criterion_main};
use imagespec_compile::{Document, Facts, InterpreterFact, Need, Planned, Settings, lower, plan, rootfs_key};

const SPEC: &str = include_str!("../../testdata/compile/specs/main.yaml");
const FACTS: &str = include_str!("../../testdata/compile/facts/python-3.11-slim.json");
/// What the requirements are resolved to, of about the size that they have.
const LOCK: &str = include_str!("../../testdata/locks/pylock.small.toml");

fn compile(facts: &Facts) -> Vec<u8> {
    let parsed = imagespec::parse("main.yaml", SPEC);
    let mut document = Document::of(parsed, None).expect("a valid spec");
    let planned = plan(&mut document, &Settings::default(), facts).expect("nothing is wrong");
    let Planned::Complete { plans, .. } = planned else { panic!("the facts are complete") };
    let [plan] = plans.as_slice() else { panic!("one platform") };
    lower(plan, &document.sources).graph.to_definition().encode_to_vec()
}

/// The saved facts with what a lock adds to them.
fn facts() -> Facts {
    let mut facts: Facts = serde_json::from_str(FACTS).expect("facts");
    loop {
        let parsed = imagespec::parse("main.yaml", SPEC);
        let mut document = Document::of(parsed, None).expect("a valid spec");
        let planned = plan(&mut document, &Settings::default(), &facts).expect("nothing is wrong");
        let Planned::Needs(needs) = planned else { return facts };
        for need in needs {
            match need {
                Need::Lock { platform, place, interpreter, key, exports: _ } => {
                    let said = "version 3.11.2\nimplementation cpython\nlibc glibc\nlibc-version 2.36\n";
                    let known = facts.rootfs.entry(rootfs_key(&platform, place)).or_default();
                    known.interpreters.insert(interpreter, InterpreterFact::parse(said));
                    facts.locks.insert(key, LOCK.to_owned());
                }
                Need::Collisions { key, .. } => {
                    facts.collisions.insert(key, String::new());
                }
                other => panic!("the facts lack {other:?}"),
            }
        }
    }
}

fn typical(criterion: &mut Criterion) {
    let facts = facts();
    criterion.bench_function("compile", |bencher| bencher.iter(|| black_box(compile(black_box(&facts)))));
    criterion.bench_function("parse", |bencher| {
        bencher.iter(|| black_box(imagespec::parse("main.yaml", black_box(SPEC))));
    });
}

criterion_group!(benches, typical);
criterion_main!(benches);
