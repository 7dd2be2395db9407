//! Names of exporter attributes (moby/buildkit: `exporter/containerimage/exptypes/keys.go`, `exporter/{oci,local,tar}`).
//! The daemon keeps names it doesn't know as metadata and says nothing, so they are checked here.

use std::collections::BTreeMap;

use super::OutputKind;
use crate::flag::suggestion;

/// Of everything that writes an image.
const IMAGE_FORMAT: [&str; 10] = [
    "attestation-inline",
    "compression",
    "compression-level",
    "force-compression",
    "oci-artifact",
    "oci-mediatypes",
    "prefer-nondist-layers",
    "prefer-image-digest",
    "rewrite-timestamp",
    "source-date-epoch",
];
const IMAGE: [&str; 9] = [
    "name",
    "push",
    "push-by-digest",
    "registry.insecure",
    "unpack",
    "store",
    "dangling-name-prefix",
    // Spelt so on the wire.
    "danging-name-empty-only",
    "name-canonical",
];
/// `context` is the client's: the Docker context to load into.
const ARCHIVE: [&str; 3] = ["name", "tar", "context"];
const LOCAL: [&str; 4] = ["attestation-prefix", "platform-split", "mode", "source-date-epoch"];
const TAR: [&str; 3] = ["attestation-prefix", "platform-split", "source-date-epoch"];

const ANNOTATIONS: [&str; 4] = ["manifest", "manifest-descriptor", "index", "index-descriptor"];

/// Fails with what is wrong about the first unknown name.
pub(super) fn check(kind: OutputKind, attrs: &BTreeMap<String, String>) -> Result<(), String> {
    let (own, format): (&[&str], &[&str]) = match kind {
        OutputKind::Image => (&IMAGE, &IMAGE_FORMAT),
        OutputKind::Oci | OutputKind::Docker => (&ARCHIVE, &IMAGE_FORMAT),
        OutputKind::Local => (&LOCAL, &[]),
        OutputKind::Tar => (&TAR, &[]),
        OutputKind::CacheOnly => (&[], &[]),
    };
    let known = || own.iter().chain(format).copied();
    let has_annotations = !format.is_empty();
    let is_known = |key: &str| known().any(|name| name == key) || (has_annotations && is_annotation(key));
    match attrs.keys().find(|key| !is_known(key)) {
        None => Ok(()),
        Some(key) => Err(format!("type {} has no attribute {key:?}{}", kind.name(), suggestion(key, known()))),
    }
}

/// `annotation[-TYPE][[PLATFORM]].KEY`.
fn is_annotation(key: &str) -> bool {
    let Some((head, name)) = key.split_once('.') else { return false };
    let head = match head.split_once('[') {
        Some((head, platform)) if platform.ends_with(']') => head,
        Some(_) => return false,
        None => head,
    };
    let is_kind = match head.strip_prefix("annotation") {
        Some("") => true,
        Some(kind) => kind.strip_prefix('-').is_some_and(|kind| ANNOTATIONS.contains(&kind)),
        None => false,
    };
    is_kind && !name.is_empty()
}
