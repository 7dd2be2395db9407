//! Any bytes as a definition: an error or a graph that can be written, drawn, compared and fitted to an older daemon.

#![no_main]

use buildkit_llb::{Graph, missing_caps};
use buildkit_proto::{Digest, Message as _, pb};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(definition) = pb::Definition::decode(bytes) else {
        assert!(Graph::from_bytes(bytes).is_err());
        return;
    };
    check(&definition);
    check(&mended(definition));
});

fn check(definition: &pb::Definition) {
    let graph = match Graph::from_definition(definition) {
        Ok(graph) => graph,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let written = graph.to_definition();
    let again = Graph::from_definition(&written).expect("what was written can be read");
    assert_eq!(again.to_definition(), written);
    let comparison = graph.compare(&again);
    assert!(comparison.is_equal(), "{comparison}");
    assert!(!graph.dump().to_string().is_empty());
    assert!(graph.dump().json().is_object());
    assert!(graph.dump().dot().ends_with("}\n"));
    assert!(graph.dump().mermaid().starts_with("flowchart"));
    let few = ["source.image", "exec.meta.base", "file.base", "exec.mount.bind"].into_iter().collect();
    if let Ok(lowered) = graph.lower_for(&few) {
        assert!(missing_caps(&lowered.graph, &few).is_empty());
        let comparison = graph.compare(&lowered.graph);
        assert_eq!(comparison.json()["equal"], comparison.is_equal());
        assert!(!comparison.to_string().is_empty());
    }
}

/// Ops refer to each other by digest, so a changed byte breaks all ops that are built on it. Here what refers to nothing refers to
/// some op before it.
fn mended(definition: pb::Definition) -> pb::Definition {
    let mut digests: Vec<(String, String)> = Vec::new();
    let mut def = Vec::new();
    for bytes in &definition.def {
        let Ok(mut op) = pb::Op::decode(bytes.as_slice()) else { continue };
        for input in &mut op.inputs {
            let known = digests.iter().find(|(old, _)| *old == input.digest);
            let some = input.digest.bytes().map(usize::from).sum::<usize>() % digests.len().max(1);
            if let Some((_, new)) = known.or_else(|| digests.get(some)) {
                input.digest = new.clone();
            }
        }
        let new = op.encode_to_vec();
        digests.push((Digest::from_content(bytes).to_string(), Digest::from_content(&new).to_string()));
        def.push(new);
    }
    pb::Definition { def, ..definition }
}
