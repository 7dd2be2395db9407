//! Encoding: ops to canonical wire messages, graphs to definitions.
//!
//! Canonical means: the bytes that Go's `client/llb` emits for the same op (`client/llb/marshal.go`), so that digests agree
//! with the ones the daemon recomputes. Nothing here can fail.

use std::collections::BTreeMap;

use buildkit_proto::{Digest, Fields, Message as _, caps, map, pb};
use oci_names::Platform;

use crate::graph::Graph;
use crate::note::{Note, locations_to_pb};
use crate::op::Op;
use crate::output::{OpId, Output};
use crate::required::declare;

/// Appends the canonical bytes of an op with its inputs; `digest` answers with the digest of an input's op.
pub(crate) fn op(op: &Op, inputs: &[Output], digest: impl Fn(Output) -> Digest, bytes: &mut Vec<u8>) {
    if let Op::Foreign(foreign) = op {
        // It comes from a definition, whose digests it refers to; there is no other way to make one.
        return bytes.extend_from_slice(&foreign.bytes);
    }
    let mut fields = Fields::new(bytes);
    for input in inputs {
        fields.message(1, |fields| {
            fields.digest(1, digest(*input));
            fields.number(2, input.index);
        });
    }
    if let Some(platform) = op.platform() {
        fields.message(10, |fields| write_platform(platform, fields));
    }
    // Always present, mostly empty.
    fields.message(11, |fields| op.worker_filters().iter().for_each(|filter| fields.element(1, filter)));
    // The members of the oneof come last, see `buildkit_proto::canonical`.
    match op {
        Op::Exec(exec) => fields.message(2, |fields| exec.write(fields)),
        Op::Source(source) => fields.typed(3, &source.to_pb()),
        Op::File(file) => fields.typed(4, &file.to_pb()),
        Op::Build(build) => fields.typed(5, &build.to_pb()),
        Op::Merge(merge) => fields.typed(6, &merge.to_pb()),
        Op::Diff(diff) => fields.typed(7, &diff.to_pb()),
        Op::Passthrough(passthrough) => fields.typed(8, &passthrough.to_pb()),
        Op::Foreign(_) => {}
    }
}

fn write_platform(platform: &Platform, fields: &mut Fields<'_>) {
    let Platform { architecture, os, os_version, os_features, variant } = platform;
    fields.text(1, architecture);
    fields.text(2, os);
    fields.text(3, variant);
    fields.text(4, os_version);
    os_features.iter().for_each(|feature| fields.element(5, feature));
}

impl Graph {
    /// The definition BuildKit solves: ops with inputs first, the terminal op, metadata for each, and where they come from.
    ///
    /// Unreachable ops are left out, and the order of insertion does not show. The capabilities that ops declare are those
    /// Go's client declares ([`declared_caps`](crate::declared_caps)); check [`missing_caps`](crate::missing_caps) where
    /// the daemon is known, because old daemons ignore some fields for which no capability is declared.
    #[must_use]
    pub fn to_definition(&self) -> pb::Definition {
        let Some(root) = self.root else {
            return pb::Definition::default();
        };
        let mut def = Vec::new();
        let unnoted = Note::default();
        let mut locations = BTreeMap::new();
        let mut terminal_caps = vec![caps::llb::CONSTRAINTS, caps::llb::PLATFORM];
        let order = self.reachable();
        for &id in &order {
            let node = &self.nodes[id.index()];
            let note = self.notes.get(&id).unwrap_or(&unnoted);
            def.push(node.bytes.to_vec());
            if note.ignore_cache {
                terminal_caps.push(caps::llb::META_IGNORECACHE);
            }
            if note.is_described() {
                terminal_caps.push(caps::llb::META_DESCRIPTION);
            }
            if note.export_cache.is_some() {
                terminal_caps.push(caps::llb::META_EXPORTCACHE);
            }
            // A vertex without locations gets no entry: an empty value is a hazard for some daemons.
            if !note.locations.is_empty() {
                locations.insert(node.digest.to_string(), locations_to_pb(&note.locations));
            }
        }
        let digest = self.nodes[root.op.index()].digest.to_string();
        let terminal = pb::Op { inputs: vec![pb::Input { digest, index: root.index.into() }], ..pb::Op::default() }
            .encode_to_vec();
        let terminal_caps = terminal_caps.into_iter().map(|cap| (cap.to_owned(), true)).collect();
        let terminal_metadata = pb::OpMetadata { caps: map::to_bools(&terminal_caps), ..Default::default() };
        // A map on the wire, so it is sorted. Digests sort as their texts do and are cheaper to move than the metadata.
        let mut keys: Vec<(Digest, Option<OpId>)> =
            order.iter().map(|id| (self.nodes[id.index()].digest, Some(*id))).collect();
        keys.push((Digest::from_content(&terminal), None));
        keys.sort_unstable();
        let metadata_of = |id: Option<OpId>| match id {
            None => terminal_metadata.clone(),
            Some(id) => {
                let note = self.notes.get(&id).unwrap_or(&unnoted);
                let mut caps = Vec::new();
                declare(&self.nodes[id.index()].op, note, &mut |cap| caps.push(cap));
                note.to_pb(caps)
            }
        };
        let entry = |(digest, id): (Digest, _)| pb::OpMetadataEntry {
            key: Some(digest.to_string()),
            value: Some(metadata_of(id)),
        };
        let metadata = keys.into_iter().map(entry).collect();
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
