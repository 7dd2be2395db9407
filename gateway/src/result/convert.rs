//! Results on the wire, both ways, for daemons old and new.

use std::collections::BTreeMap;

use buildkit_proto::{map, pb};

use super::{Attestation, AttestationKind, FrontendResult, InTotoSubject, Reference, Refs};
use crate::wire;

impl Reference {
    fn from_wire(reference: wire::Ref) -> Option<Self> {
        (!reference.id.is_empty()).then_some(Self { id: reference.id, definition: reference.def })
    }

    fn from_id(id: String) -> Option<Self> {
        (!id.is_empty()).then_some(Self { id, definition: None })
    }

    /// The daemon looks at nothing but the id, so the graph is not sent back.
    fn to_wire(reference: Option<&Self>) -> wire::Ref {
        wire::Ref { id: Self::to_id(reference), def: None }
    }

    fn to_id(reference: Option<&Self>) -> String {
        reference.map(|reference| reference.id.clone()).unwrap_or_default()
    }
}

impl FrontendResult {
    pub(crate) fn from_wire(response: wire::SolveResponse) -> Self {
        let Some(result) = response.result else {
            return Self::single(Reference::from_id(response.reference));
        };
        let refs = match result.refs {
            None => Refs::Single(None),
            Some(wire::Refs::SingleId(id)) => Refs::Single(Reference::from_id(id)),
            Some(wire::Refs::MapOfIds(ids)) => Refs::PerPlatform(
                map::from_strings(&ids.refs)
                    .into_iter()
                    .map(|(id, reference)| (id, Reference::from_id(reference)))
                    .collect(),
            ),
            Some(wire::Refs::Single(reference)) => Refs::Single(Reference::from_wire(reference)),
            Some(wire::Refs::Map(refs)) => Refs::PerPlatform(
                refs.refs
                    .into_iter()
                    .map(|entry| (entry.key.unwrap_or_default(), Reference::from_wire(entry.value.unwrap_or_default())))
                    .collect(),
            ),
        };
        Self {
            refs,
            metadata: bytes_from_wire(result.metadata),
            attestations: result
                .attestations
                .into_iter()
                .map(|entry| {
                    let list = entry.value.unwrap_or_default().attestation;
                    (entry.key.unwrap_or_default(), list.into_iter().map(Attestation::from_wire).collect())
                })
                .collect(),
        }
    }

    /// `ref_messages` and `attestations` say whether the daemon understands them.
    pub(crate) fn to_wire(&self, ref_messages: bool, attestations: bool) -> wire::Result {
        let refs = match (&self.refs, ref_messages) {
            (Refs::Single(reference), true) => wire::Refs::Single(Reference::to_wire(reference.as_ref())),
            (Refs::Single(reference), false) => wire::Refs::SingleId(Reference::to_id(reference.as_ref())),
            (Refs::PerPlatform(refs), true) => wire::Refs::Map(wire::RefMap {
                refs: refs
                    .iter()
                    .map(|(id, reference)| wire::RefEntry {
                        key: Some(id.clone()),
                        value: Some(Reference::to_wire(reference.as_ref())),
                    })
                    .collect(),
            }),
            (Refs::PerPlatform(refs), false) => wire::Refs::MapOfIds(wire::RefMapDeprecated {
                refs: refs
                    .iter()
                    .map(|(id, reference)| pb::StringEntry {
                        key: Some(id.clone()),
                        value: Some(Reference::to_id(reference.as_ref())),
                    })
                    .collect(),
            }),
        };
        let attestations = match attestations {
            false => Vec::new(),
            true => self
                .attestations
                .iter()
                .map(|(id, list)| wire::AttestationsEntry {
                    key: Some(id.clone()),
                    value: Some(wire::Attestations { attestation: list.iter().map(Attestation::to_wire).collect() }),
                })
                .collect(),
        };
        wire::Result { refs: Some(refs), metadata: bytes_to_wire(&self.metadata), attestations }
    }
}

impl Attestation {
    fn from_wire(attestation: wire::Attestation) -> Self {
        Self {
            kind: if attestation.kind == 1 { AttestationKind::Bundle } else { AttestationKind::InToto },
            metadata: bytes_from_wire(attestation.metadata),
            reference: attestation.reference.and_then(Reference::from_wire),
            path: attestation.path,
            predicate_type: attestation.predicate_type,
            subjects: attestation
                .subjects
                .into_iter()
                .map(|subject| InTotoSubject {
                    is_result: subject.kind == 0,
                    digests: subject.digest,
                    name: subject.name,
                })
                .collect(),
        }
    }

    fn to_wire(&self) -> wire::Attestation {
        wire::Attestation {
            kind: match self.kind {
                AttestationKind::InToto => 0,
                AttestationKind::Bundle => 1,
            },
            metadata: bytes_to_wire(&self.metadata),
            reference: Some(Reference::to_wire(self.reference.as_ref())),
            path: self.path.clone(),
            predicate_type: self.predicate_type.clone(),
            subjects: self
                .subjects
                .iter()
                .map(|subject| wire::InTotoSubject {
                    kind: i32::from(!subject.is_result),
                    digest: subject.digests.clone(),
                    name: subject.name.clone(),
                })
                .collect(),
        }
    }
}

fn bytes_from_wire(entries: Vec<wire::BytesEntry>) -> BTreeMap<String, Vec<u8>> {
    entries.into_iter().map(|entry| (entry.key.unwrap_or_default(), entry.value.unwrap_or_default())).collect()
}

fn bytes_to_wire(map: &BTreeMap<String, Vec<u8>>) -> Vec<wire::BytesEntry> {
    map.iter().map(|(key, value)| wire::BytesEntry { key: Some(key.clone()), value: Some(value.clone()) }).collect()
}
