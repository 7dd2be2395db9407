//! How Go's `encoding/json` writes the fields of reports.

mod pb;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use buildkit_proto::rpc::llb;
use serde::{Serialize as _, Serializer};

use super::stamp::Stamp;

/// Whether Go leaves a field out (`omitempty`).
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A time that is always written.
pub(super) fn time<S: Serializer>(time: &Option<Stamp>, json: S) -> Result<S::Ok, S::Error> {
    time.unwrap_or_default().serialize(json)
}

pub(super) fn base64<S: Serializer>(bytes: &[u8], json: S) -> Result<S::Ok, S::Error> {
    json.serialize_str(&STANDARD.encode(bytes))
}

pub(super) fn base64_list<S: Serializer>(list: &[Vec<u8>], json: S) -> Result<S::Ok, S::Error> {
    json.collect_seq(list.iter().map(|bytes| STANDARD.encode(bytes)))
}

pub(super) fn source_info<S: Serializer>(info: &Option<llb::SourceInfo>, json: S) -> Result<S::Ok, S::Error> {
    info.as_ref().map(pb::SourceInfo::from).serialize(json)
}

pub(super) fn ranges<S: Serializer>(ranges: &[llb::Range], json: S) -> Result<S::Ok, S::Error> {
    json.collect_seq(ranges.iter().map(pb::Range::from))
}
