//! Shapes, keys and bytes of results.

use prost::Message as _;

use super::*;
use crate::wire;

fn image(platform: &str, id: Option<&str>) -> PlatformImage {
    PlatformImage {
        platform: Platform::parse(platform).unwrap(),
        reference: id.map(|id| Reference { id: id.into(), definition: None }),
        config: b"{}".to_vec(),
        base_config: None,
        epoch: Some(7),
    }
}

#[test]
fn one_platform_without_a_map() {
    let result = FrontendResult::image(vec![image("linux/amd64", Some("r"))], false).unwrap();
    assert_eq!(result.single_ref().unwrap().map(|r| r.id.as_str()), Some("r"));
    assert_eq!(result.metadata["containerimage.config"], b"{}");
    assert_eq!(result.metadata["source.date.epoch"], b"7");
    assert_eq!(
        String::from_utf8_lossy(&result.metadata["refs.platforms"]),
        r#"{"Platforms":[{"ID":"linux/amd64","Platform":{"architecture":"amd64","os":"linux"}}]}"#
    );
}

#[test]
fn platforms_keep_their_order_and_qualify_their_keys() {
    let result =
        FrontendResult::image(vec![image("linux/arm64", Some("b")), image("linux/amd64", Some("a"))], true).unwrap();
    assert!(result.metadata.contains_key("containerimage.config/linux/arm64"));
    assert!(result.metadata.contains_key("source.date.epoch/linux/amd64"));
    let platforms = String::from_utf8_lossy(&result.metadata["refs.platforms"]).into_owned();
    assert!(platforms.find("arm64").unwrap() < platforms.find("amd64").unwrap());
    assert_eq!(result.single_ref(), Err(ResultShapeError::NotSingle));
    assert_eq!(result.references().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn wrong_shapes() {
    assert_eq!(FrontendResult::image(Vec::new(), true), Err(ResultShapeError::Empty));
    let two = vec![image("linux/arm64", None), image("linux/amd64", None)];
    assert_eq!(FrontendResult::image(two, false), Err(ResultShapeError::TooMany(2)));
}

/// An entry without its value field is a nil pointer in the daemon, which follows it (gateway.go, `Return`).
#[test]
fn a_scratch_ref_of_a_platform_is_written_with_key_and_value() {
    let result = FrontendResult {
        refs: Refs::PerPlatform(BTreeMap::from([("k".to_owned(), None)])),
        ..FrontendResult::default()
    };
    assert_eq!(
        result.to_wire(true, true).encode_to_vec(),
        // field 4 (RefMap) > field 1 (entry) > field 1 "k", field 2 an empty Ref
        [0x22, 7, 0x0a, 5, 0x0a, 1, b'k', 0x12, 0]
    );
}

#[test]
fn a_single_scratch_ref_is_still_a_ref() {
    assert_eq!(FrontendResult::default().to_wire(true, true).encode_to_vec(), [0x1a, 0]);
    assert_eq!(FrontendResult::default().to_wire(false, true).encode_to_vec(), [0x0a, 0]);
}

#[test]
fn results_survive_the_wire() {
    let mut result =
        FrontendResult::image(vec![image("linux/arm64", Some("b")), image("linux/amd64", None)], true).unwrap();
    result.metadata.insert("empty".into(), Vec::new());
    let attestation = Attestation {
        kind: AttestationKind::Bundle,
        metadata: BTreeMap::from([("reason".to_owned(), b"sbom".to_vec())]),
        reference: Some(Reference { id: "s".into(), definition: None }),
        path: "/".into(),
        predicate_type: "https://spdx.dev/Document".into(),
        subjects: vec![InTotoSubject { is_result: false, digests: vec!["sha256:1".into()], name: "n".into() }],
    };
    result.attestations.insert("linux/amd64".into(), vec![attestation]);
    let bytes = result.to_wire(true, true).encode_to_vec();
    let back =
        wire::SolveResponse { reference: String::new(), result: Some(wire::Result::decode(bytes.as_slice()).unwrap()) };
    assert_eq!(FrontendResult::from_wire(back), result);
    assert!(result.to_wire(true, false).attestations.is_empty());
}

#[test]
fn old_daemons_use_ids() {
    let result = FrontendResult {
        refs: Refs::PerPlatform(BTreeMap::from([("k".to_owned(), None)])),
        ..FrontendResult::default()
    };
    let old = result.to_wire(false, false);
    assert_eq!(old.encode_to_vec(), [0x12, 7, 0x0a, 5, 0x0a, 1, b'k', 0x12, 0]);
    assert_eq!(FrontendResult::from_wire(wire::SolveResponse { reference: String::new(), result: Some(old) }), result);
    let oldest = wire::SolveResponse { reference: "r".into(), result: None };
    assert_eq!(FrontendResult::from_wire(oldest).single_ref().unwrap().unwrap().id, "r");
}
