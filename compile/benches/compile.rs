//! Time from a spec's text and its facts to the bytes of a definition, for what most specs have.

use std::hint::black_box;

use buildkit_proto::Message as _;
use criterion::{Criterion, criterion_group, criterion_main};
use imagespec_compile::{AnyQuestion, Document, ImageFact, InterpreterFact, LockFact, Settings, Store, lower, plan};

const SPEC: &str = include_str!("../../testdata/compile/specs/main.yaml");
const FACTS: &str = include_str!("../../testdata/compile/facts/python-3.11-slim.json");
/// What the requirements are resolved to, of about the size that they have.
const LOCK: &str = include_str!("../../testdata/locks/pylock.small.toml");

fn document() -> Document {
    Document::from_parsed(imagespec::parse("main.yaml", SPEC), None).expect("a valid spec")
}

fn compile(store: &Store) -> Vec<u8> {
    let (document, settings) = (document(), Settings::default());
    let outcome = plan(&document, &settings, store);
    let plans = outcome.plans().expect("the facts are complete");
    let [plan] = plans.as_slice() else { panic!("one platform") };
    lower(plan, &outcome.sources).graph.to_definition().encode_to_vec()
}

/// The saved facts with what a lock adds to them.
fn facts() -> Store {
    let mut store: Store = serde_json::from_str(FACTS).expect("facts");
    let (document, settings) = (document(), Settings::default());
    loop {
        let outcome = plan(&document, &settings, &store);
        if outcome.is_certain() {
            return store;
        }
        for ask in outcome.asks() {
            match ask.question.clone() {
                AnyQuestion::SpecFile(question) => store.set(question, None),
                AnyQuestion::Lock(question) => {
                    store.set(question, LockFact { lock: Some(LOCK.into()), exported: None });
                }
                AnyQuestion::Interpreter(question) => {
                    let reported = "version 3.11.2\nimplementation cpython\nlibc glibc\nlibc-version 2.36\n";
                    store.set(question, InterpreterFact::parse(reported));
                }
                AnyQuestion::Image(question) => {
                    let reference = format!("{}@sha256:{}", question.reference, "0".repeat(64));
                    store.set(question, ImageFact { reference, config: serde_json::json!({}) });
                }
                AnyQuestion::Collisions(question) => store.set(question, String::new()),
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
