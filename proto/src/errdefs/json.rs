//! Where the JSON of the details differs from our types. It is what Go's `encoding/json` makes of protobuf structs.

use serde::{Deserialize, Deserializer};

/// A value that may be `null`, as Go writes nil pointers and slices.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(json: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(json)?.unwrap_or_default())
}

/// Go's numbers are signed; a negative line number counts as none.
pub(super) fn line_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    Ok(u32::try_from(i64::deserialize(deserializer)?.max(0)).unwrap_or(u32::MAX))
}

/// Bytes as base64 text.
pub(super) mod base64 {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(in crate::errdefs) fn serialize<S: Serializer>(bytes: &[u8], json: S) -> Result<S::Ok, S::Error> {
        json.serialize_str(&STANDARD.encode(bytes))
    }

    pub(in crate::errdefs) fn deserialize<'de, D: Deserializer<'de>>(json: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(json)?).map_err(de::Error::custom)
    }
}

/// Messages, each in an object.
pub(super) mod deny_messages {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Deny {
        #[serde(default)]
        message: String,
    }

    pub(in crate::errdefs) fn serialize<S: Serializer>(messages: &[String], json: S) -> Result<S::Ok, S::Error> {
        json.collect_seq(messages.iter().map(|message| Deny { message: message.clone() }))
    }

    pub(in crate::errdefs) fn deserialize<'de, D: Deserializer<'de>>(json: D) -> Result<Vec<String>, D::Error> {
        Ok(Vec::deserialize(json)?.into_iter().map(|Deny { message }| message).collect())
    }
}
