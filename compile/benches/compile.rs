//! Time from a spec's text and its facts to the bytes of a definition, for what most specs have.

use std::hint::black_box;

use buildkit_proto::Message as _;
use criterion::{Criterion, criterion_group, criterion_main};
use imagespec_compile::{Document, Facts, Planned, Settings, lower, plan};

const SPEC: &str = include_str!("../../testdata/compile/specs/main.yaml");
const FACTS: &str = include_str!("../../testdata/compile/facts/python-3.11-slim.json");

fn compile(facts: &Facts) -> Vec<u8> {
    let parsed = imagespec::parse("main.yaml", SPEC);
    let mut document =
        Document { spec: parsed.spec.expect("a right spec"), spans: parsed.spans, sources: parsed.sources };
    let planned = plan(&mut document, &Settings::default(), facts).expect("nothing is wrong");
    let Planned::Complete { plans, .. } = planned else { panic!("the facts are complete") };
    let [plan] = plans.as_slice() else { panic!("one platform") };
    lower(plan, &document.sources).graph.to_definition().encode_to_vec()
}

fn typical(criterion: &mut Criterion) {
    let facts: Facts = serde_json::from_str(FACTS).expect("facts");
    criterion.bench_function("compile", |bencher| bencher.iter(|| black_box(compile(black_box(&facts)))));
    criterion.bench_function("parse", |bencher| {
        bencher.iter(|| black_box(imagespec::parse("main.yaml", black_box(SPEC))));
    });
}

criterion_group!(benches, typical);
criterion_main!(benches);
