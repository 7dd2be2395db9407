//! Wire maps: conversions between ordered maps and the sorted entry messages of [`crate::pb`].
//!
//! Knows nothing of what the maps mean.

use std::collections::BTreeMap;

use crate::pb;

macro_rules! wire_map {
    ($to:ident, $from:ident, $entry:ident, $value:ty) => {
        #[doc = concat!("Turns an ordered map into the sorted [`pb::", stringify!($entry), "`]s of the wire.")]
        #[must_use]
        pub fn $to(map: &BTreeMap<String, $value>) -> Vec<pb::$entry> {
            map.iter()
                .map(|(key, value)| pb::$entry { key: Some(key.clone()), value: Some(value.clone()) })
                .collect()
        }

        #[doc = concat!("Reads [`pb::", stringify!($entry), "`]s; what an entry leaves out is the default, and of equal keys the last wins, as protobuf demands.")]
        #[must_use]
        pub fn $from(entries: &[pb::$entry]) -> BTreeMap<String, $value> {
            entries
                .iter()
                .map(|entry| (entry.key.clone().unwrap_or_default(), entry.value.clone().unwrap_or_default()))
                .collect()
        }
    };
}

wire_map!(to_strings, from_strings, StringEntry, String);
wire_map!(to_bools, from_bools, BoolEntry, bool);
wire_map!(to_metadata, from_metadata, OpMetadataEntry, pb::OpMetadata);
wire_map!(to_locations, from_locations, LocationsEntry, pb::Locations);
wire_map!(to_build_inputs, from_build_inputs, BuildInputEntry, pb::BuildInput);

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    #[test]
    fn defaults_are_written_and_order_is_by_key() {
        let map = BTreeMap::from([("b".to_owned(), String::new()), (String::new(), "x".to_owned())]);
        let source = pb::SourceOp { identifier: String::new(), attrs: to_strings(&map) };
        assert_eq!(
            source.encode_to_vec(),
            [0x12, 5, 0x0a, 0, 0x12, 1, b'x', 0x12, 5, 0x0a, 1, b'b', 0x12, 0],
            "each entry has both fields, the empty key comes first"
        );
        assert_eq!(from_strings(&source.attrs), map);
    }

    #[test]
    fn an_empty_message_value_is_written() {
        let map = BTreeMap::from([("k".to_owned(), pb::OpMetadata::default())]);
        let definition = pb::Definition { metadata: to_metadata(&map), ..Default::default() };
        assert_eq!(definition.encode_to_vec(), [0x12, 5, 0x0a, 1, b'k', 0x12, 0]);
    }
}
