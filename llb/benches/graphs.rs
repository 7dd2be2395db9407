//! Time to build, verify and encode graphs, to decode them, and to intern existing ops.
//!
//! `criterion` repeats and judges, because outliers are many on a machine that does other things too. `just bench-llb` runs
//! this beside Go's client.

mod shapes;

use std::hint::black_box;

use buildkit_llb::{Exec, File, Graph, GraphBuilder, MkFile, Platform, Source};
use buildkit_proto::Message as _;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];

fn graphs(criterion: &mut Criterion) {
    for (name, shape) in shapes::SHAPES {
        let mut group = criterion.benchmark_group(format!("encode-{name}"));
        group.sample_size(10);
        for size in SIZES {
            group.throughput(Throughput::Elements(size as u64));
            group.bench_with_input(BenchmarkId::from_parameter(size), &size, |bencher, size| {
                bencher.iter(|| black_box(shape(black_box(*size)).to_definition().encode_to_vec()));
            });
        }
        group.finish();

        let mut group = criterion.benchmark_group(format!("decode-{name}"));
        group.sample_size(10);
        for size in SIZES {
            let bytes = shape(size).to_definition().encode_to_vec();
            group.throughput(Throughput::Elements(size as u64));
            group.bench_with_input(BenchmarkId::from_parameter(size), &bytes, |bencher, bytes| {
                bencher.iter(|| black_box(Graph::from_bytes(black_box(bytes)).expect("a graph")));
            });
        }
        group.finish();

        let mut group = criterion.benchmark_group(format!("compare-{name}"));
        group.sample_size(10);
        for size in SIZES {
            let (before, after) = (shape(size), shape(size + 2));
            group.throughput(Throughput::Elements(size as u64));
            group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
                bencher.iter(|| black_box(before.compare(black_box(&after))));
            });
        }
        group.finish();
    }
}

/// The same two ops again and again: what an op costs that adds nothing.
fn interning(criterion: &mut Criterion) {
    let platform = Platform::linux("amd64");
    let mut group = criterion.benchmark_group("intern");
    group.sample_size(10);
    for size in SIZES {
        group.throughput(Throughput::Elements(size as u64));
        group.bench_with_input(BenchmarkId::from_parameter(size), &size, |bencher, size| {
            bencher.iter(|| {
                let mut graph = GraphBuilder::new();
                let base = graph.source(Source::image("docker.io/library/debian:bookworm-slim", platform.clone()));
                for _ in 0..*size / 2 {
                    let file = graph.file(File::on(base).mkfile(MkFile::new("/a", 0o644, "a")));
                    black_box(graph.exec(Exec::new(["/bin/true"], file, platform.clone())));
                }
                graph
            });
        });
    }
    group.finish();
}

criterion_group!(benches, graphs, interning);
criterion_main!(benches);
