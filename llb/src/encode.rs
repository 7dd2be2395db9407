//! Encoding: ops to canonical wire messages, graphs to definitions.
//!
//! Canonical means: the bytes that Go's `client/llb` emits for the same op (`client/llb/marshal.go`), so that digests agree
//! with the ones the daemon recomputes. Nothing here can fail.

use std::collections::BTreeMap;

use buildkit_proto::{Digest, Message as _, caps, map, pb};

use crate::graph::{Graph, Output};
use crate::note::{Note, locations_to_pb};
use crate::op::Op;
use crate::required::declared_caps;

/// The canonical bytes of an op; `digest` answers with the digest of an input's op.
pub(crate) fn op(op: &Op, digest: impl Fn(Output) -> Digest) -> Vec<u8> {
    let wire = match op {
        Op::Source(source) => pb::op::Op::Source(source.to_pb()),
        Op::Exec(exec) => pb::op::Op::Exec(Box::new(exec.to_pb())),
        Op::File(file) => pb::op::Op::File(file.to_pb()),
        Op::Merge(merge) => pb::op::Op::Merge(merge.to_pb()),
        Op::Diff(diff) => pb::op::Op::Diff(diff.to_pb()),
        Op::Build(build) => pb::op::Op::Build(build.to_pb()),
        Op::Passthrough(passthrough) => pb::op::Op::Passthrough(passthrough.to_pb()),
        // Read from a definition whose digests it refers to; nobody else can make one.
        Op::Foreign(foreign) => return foreign.bytes.clone(),
    };
    let inputs = op
        .inputs()
        .into_iter()
        .map(|input| pb::Input { digest: digest(input).to_string(), index: input.index.into() })
        .collect();
    buildkit_proto::canonical::into_bytes(pb::Op {
        inputs,
        op: Some(wire),
        platform: op.platform().map(crate::Platform::to_pb),
        // Always present, mostly empty.
        constraints: Some(pb::WorkerConstraints { filter: op.worker_filters().to_vec() }),
    })
}

impl Graph {
    /// The definition BuildKit solves: ops with inputs first, the terminal op, metadata for each, and where they come from.
    ///
    /// Unreachable ops are left out, and the order of insertion does not show. The capabilities that ops declare are those
    /// Go's client declares ([`declared_caps`](crate::declared_caps)); check [`missing_caps`](crate::missing_caps) where
    /// the daemon is known, because old ones ignore some fields that no declared capability stands for.
    #[must_use]
    pub fn to_definition(&self) -> pb::Definition {
        let Some(root) = self.root else {
            return pb::Definition::default();
        };
        let mut def = Vec::new();
        let unnoted = Note::default();
        let mut metadata: Vec<(Digest, pb::OpMetadata)> = Vec::new();
        let mut locations = BTreeMap::new();
        let mut terminal_caps = vec![caps::llb::CONSTRAINTS, caps::llb::PLATFORM];
        for id in self.reachable() {
            let node = &self.nodes[id.0 as usize];
            let note = self.notes.get(&id).unwrap_or(&unnoted);
            def.push(node.bytes.clone());
            if note.ignore_cache {
                terminal_caps.push(caps::llb::META_IGNORECACHE);
            }
            if note.is_described() {
                terminal_caps.push(caps::llb::META_DESCRIPTION);
            }
            if note.export_cache.is_some() {
                terminal_caps.push(caps::llb::META_EXPORTCACHE);
            }
            metadata.push((node.digest, note.to_pb(&declared_caps(&node.op, note))));
            // A vertex without locations gets no entry: an empty value is a hazard for some daemons.
            if !note.locations.is_empty() {
                locations.insert(node.digest.to_string(), locations_to_pb(&note.locations));
            }
        }
        let digest = self.nodes[root.op.0 as usize].digest.to_string();
        let terminal = pb::Op { inputs: vec![pb::Input { digest, index: root.index.into() }], ..pb::Op::default() }
            .encode_to_vec();
        let terminal_caps = terminal_caps.into_iter().map(|cap| (cap.to_owned(), true)).collect();
        let terminal_metadata = pb::OpMetadata { caps: map::to_bools(&terminal_caps), ..Default::default() };
        metadata.push((Digest::of(&terminal), terminal_metadata));
        // A map of the wire; digests sort as their texts do.
        metadata.sort_unstable_by_key(|(digest, _)| *digest);
        let entry = |(digest, metadata): (Digest, _)| pb::OpMetadataEntry {
            key: Some(digest.to_string()),
            value: Some(metadata),
        };
        let metadata = metadata.into_iter().map(entry).collect();
        def.push(terminal);
        let source = (!self.files.is_empty()).then(|| pb::Source {
            locations: map::to_locations(&locations),
            infos: self
                .files
                .iter()
                .map(|file| pb::SourceInfo {
                    filename: file.filename.clone(),
                    data: file.data.clone(),
                    definition: file.definition.clone(),
                    language: file.language.clone(),
                })
                .collect(),
        });
        pb::Definition { def, metadata, source }
    }
}
