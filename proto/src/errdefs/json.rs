//! The JSON of the details, as Go's `encoding/json` writes protobuf structs.

use serde::{Deserialize, Deserializer, Serialize};

use super::SourceRange;

/// The JSON of `errdefs.Source`: Go's `encoding/json` of protobuf structs.
#[derive(Serialize, Deserialize)]
pub(super) struct SourceJson {
    #[serde(default)]
    pub(super) info: Option<InfoJson>,
    #[serde(default)]
    pub(super) ranges: Option<Vec<SourceRange>>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct InfoJson {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) filename: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) data: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) language: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct DigestJson {
    #[serde(default)]
    pub(super) digest: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct NameJson {
    #[serde(default)]
    pub(super) name: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct FrontendJson {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) source: String,
}

#[derive(Serialize, Deserialize)]
pub(super) struct ExitJson {
    #[serde(rename = "Code", default)]
    pub(super) code: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct DecisionJson {
    #[serde(alias = "denyMessages", default)]
    pub(super) deny_messages: Vec<DenyJson>,
}

#[derive(Serialize, Deserialize)]
pub(super) struct DenyJson {
    #[serde(default)]
    pub(super) message: String,
}

/// Go's numbers are signed; a negative line number counts as none.
pub(super) fn line_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    Ok(u32::try_from(i64::deserialize(deserializer)?.max(0)).unwrap_or(u32::MAX))
}
