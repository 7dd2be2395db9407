//! The attributes of exporters. They are checked here, because the daemon silently keeps unknown ones as metadata.

use std::collections::BTreeMap;

use buildkit_proto::keys::exporter_attr as attr;

use super::{CONTEXT, OutputKind};
use crate::flag::suggestion;

/// Attributes of all exporters that write an image.
pub(super) const IMAGE_FORMAT: [&str; 10] = [
    attr::ATTESTATION_INLINE,
    attr::COMPRESSION,
    attr::COMPRESSION_LEVEL,
    attr::FORCE_COMPRESSION,
    attr::OCI_ARTIFACT,
    attr::OCI_MEDIATYPES,
    attr::PREFER_NONDIST_LAYERS,
    attr::PREFER_IMAGE_DIGEST,
    attr::REWRITE_TIMESTAMP,
    attr::SOURCE_DATE_EPOCH,
];
pub(super) const IMAGE: [&str; 9] = [
    attr::NAME,
    attr::PUSH,
    attr::PUSH_BY_DIGEST,
    attr::REGISTRY_INSECURE,
    attr::UNPACK,
    attr::STORE,
    attr::DANGLING_NAME_PREFIX,
    attr::DANGING_NAME_EMPTY_ONLY,
    attr::NAME_CANONICAL,
];
pub(super) const ARCHIVE: [&str; 3] = [attr::NAME, attr::TAR, CONTEXT];
pub(super) const LOCAL: [&str; 1] = [attr::MODE];
/// Attributes of all exporters that write files.
pub(super) const FILES: [&str; 3] = [attr::ATTESTATION_PREFIX, attr::PLATFORM_SPLIT, attr::SOURCE_DATE_EPOCH];

const ANNOTATIONS: [&str; 4] = ["manifest", "manifest-descriptor", "index", "index-descriptor"];

/// Fails with a message about the first unknown attribute.
pub(super) fn check(kind: OutputKind, attrs: &BTreeMap<String, String>) -> Result<(), String> {
    let form = kind.form();
    let known = || form.attrs.iter().copied().flatten().copied();
    let is_known = |key: &str| known().any(|name| name == key) || (kind.is_image() && is_annotation(key));
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
