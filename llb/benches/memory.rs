//! Bytes of memory per op of a verified graph, and the digests by which `run` knows that Go's client made the same graphs.
//!
//! `peak_alloc` counts what is allocated, because a counting allocator needs unsafe code.

#![expect(clippy::print_stdout, reason = "a program that reports")]

mod shapes;

use buildkit_llb::Digest;
use buildkit_proto::{Message as _, pb};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

fn main() {
    for (name, shape) in shapes::SHAPES {
        for size in [100, 1_000, 10_000, 100_000] {
            let before = ALLOCATOR.current_usage();
            let graph = shape(size);
            let bytes = ALLOCATOR.current_usage().saturating_sub(before);
            let ops = graph.reachable().len();
            let definition: pb::Definition = graph.to_definition();
            let encoded = definition.encoded_len();
            // The last op contains the digest of the root, so it depends on all bytes of the ops.
            let digest = definition.def.last().map(|last| Digest::from_content(last).to_string()).unwrap_or_default();
            println!(
                r#"{{"shape":"{name}","size":{size},"ops":{ops},"bytes_per_op":{},"encoded_per_op":{},"digest":"{digest}"}}"#,
                bytes / ops.max(1),
                encoded / ops.max(1),
            );
        }
    }
}
