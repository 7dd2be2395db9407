//! The same bytes as BuildKit's own client: every recipe of testdata/vectors, built with this crate, is what Go made of it.
//!
//! `just vectors` writes the vectors again. Source maps are compared in a form without order, because Go lists files and
//! places in the order in which it meets them, and mentions ops that have none.

mod recipe;

use std::collections::BTreeMap;

use base64::Engine as _;
use buildkit_llb::{CapSet, Graph, Op, caps};
use buildkit_proto::{Digest, Message as _, map, pb};
use recipe::Vector;

const VECTORS: &str = include_str!("../../../testdata/vectors/vectors.jsonl");

fn vectors() -> impl Iterator<Item = Vector> {
    VECTORS.lines().map(|line| serde_json::from_str(line).expect("a vector"))
}

fn definition(vector: &Vector) -> (Vec<u8>, pb::Definition) {
    let bytes = base64::engine::general_purpose::STANDARD.decode(&vector.definition).expect("base64");
    let definition = pb::Definition::decode(bytes.as_slice()).expect("a definition");
    (bytes, definition)
}

/// The definition with a source map in a canonical order: files by name, one location a file, ranges in
/// order and once each, nothing that is empty or unused.
fn canonical(mut definition: pb::Definition) -> pb::Definition {
    let Some(source) = definition.source.take() else { return definition };
    let mut used = BTreeMap::new();
    let mut places: BTreeMap<String, BTreeMap<String, Vec<[i32; 4]>>> = BTreeMap::new();
    for (digest, locations) in map::from_locations(&source.locations) {
        for location in locations.locations {
            let info = &source.infos[usize::try_from(location.source_index).expect("an index")];
            used.insert(info.filename.clone(), info.clone());
            let ranges = location.ranges.iter().map(|range| {
                let (start, end) = (range.start.clone().unwrap_or_default(), range.end.clone().unwrap_or_default());
                [start.line, start.character, end.line, end.character]
            });
            places.entry(digest.clone()).or_default().entry(info.filename.clone()).or_default().extend(ranges);
        }
    }
    let names: Vec<String> = used.keys().cloned().collect();
    let locations = places.into_iter().map(|(digest, files)| {
        let locations = files.into_iter().map(|(name, mut ranges)| {
            ranges.sort_unstable();
            ranges.dedup();
            let range = |[line, character, to_line, to_character]: [i32; 4]| pb::Range {
                start: Some(pb::Position { line, character }),
                end: Some(pb::Position { line: to_line, character: to_character }),
            };
            let index = names.iter().position(|known| *known == name).expect("used") as i32;
            pb::Location { source_index: index, ranges: ranges.into_iter().map(range).collect() }
        });
        (digest, pb::Locations { locations: locations.collect() })
    });
    let locations = map::to_locations(&locations.collect());
    if !used.is_empty() {
        definition.source = Some(pb::Source { locations, infos: used.into_values().collect() });
    }
    definition
}

/// A definition to read, for messages of failing tests.
fn show(definition: &pb::Definition) -> String {
    let ops: Vec<_> = definition.def.iter().map(|op| pb::Op::decode(op.as_slice())).collect();
    format!("{ops:#?}\n{:#?}\n{:#?}", definition.metadata, definition.source)
}

#[test]
fn the_api_encodes_the_same_bytes_as_go() {
    let mut failed = Vec::new();
    let mut count = 0;
    for vector in vectors() {
        count += 1;
        let (_, expect) = definition(&vector);
        let Vector { name, recipe, digests, definition: _ } = vector;
        let graph = match recipe.make() {
            Ok(graph) => graph,
            Err(violations) => {
                failed.push(format!("{name}: {violations:?}"));
                continue;
            }
        };
        let got = graph.to_definition();
        let got_digests: Vec<String> = got.def.iter().map(|op| Digest::from_content(op).to_string()).collect();
        if got_digests != digests || got.def != expect.def {
            failed.push(format!("{name}: ops\n{}\ninstead of\n{}", show(&got), show(&expect)));
        } else if got.metadata != expect.metadata {
            failed.push(format!("{name}: metadata\n{:#?}\ninstead of\n{:#?}", got.metadata, expect.metadata));
        } else if canonical(got).encode_to_vec() != canonical(expect).encode_to_vec() {
            failed.push(format!("{name}: source map\n{:#?}", graph.to_definition().source));
        }
    }
    assert!(count >= 300, "only {count} vectors");
    assert!(failed.is_empty(), "{} of {count} differ\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn encoding_what_was_decoded_changes_nothing() {
    for vector in vectors() {
        let (bytes, read) = definition(&vector);
        assert_eq!(read.encode_to_vec(), bytes, "{}: the messages hold all fields", vector.name);
        let graph = Graph::from_bytes(&bytes).unwrap_or_else(|error| panic!("{}: {error}", vector.name));
        let again = graph.to_definition();
        assert_eq!(canonical(again).encode_to_vec(), canonical(read).encode_to_vec(), "{}", vector.name);
        for id in graph.reachable() {
            let op = graph.op(id).expect("of this graph");
            assert!(!matches!(op, Op::Foreign(_)), "{}: every op has a type: {op:?}", vector.name);
        }
    }
}

#[test]
fn a_daemon_with_all_capabilities_gets_the_unchanged_graph() {
    let all: CapSet = caps::ALL.iter().copied().collect();
    for vector in vectors() {
        let (bytes, _) = definition(&vector);
        let graph = Graph::from_bytes(&bytes).expect("a graph");
        let lowered = graph.lower_for(&all).unwrap_or_else(|lacking| panic!("{}: {lacking:?}", vector.name));
        if vector.name.starts_with("no default path/") {
            continue;
        }
        assert_eq!(lowered.changes, [], "{}", vector.name);
        assert_eq!(lowered.graph.to_definition(), graph.to_definition(), "{}", vector.name);
    }
}

#[test]
fn the_capabilities_are_those_of_the_release() {
    let mut known: Vec<&str> = caps::ALL.to_vec();
    known.sort_unstable();
    let listed: Vec<&str> = include_str!("../../../testdata/vectors/caps.txt").lines().collect();
    assert_eq!(known, listed);
}

#[test]
fn digests_of_messages_equal_those_of_go() {
    for vector in vectors() {
        let (_, read) = definition(&vector);
        for (bytes, digest) in read.def.iter().zip(&vector.digests) {
            let op = pb::Op::decode(bytes.as_slice()).expect("an op");
            assert_eq!(
                Digest::from_content(&buildkit_proto::canonical::op(&op)).to_string(),
                *digest,
                "{}",
                vector.name
            );
        }
    }
}
