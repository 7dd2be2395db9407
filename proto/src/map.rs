//! Wire maps: conversions between ordered maps and the sorted entry messages of [`crate::pb`].

use std::collections::BTreeMap;

use crate::pb;

macro_rules! wire_map {
    ($(#[$to_doc:meta])* $to:ident, $(#[$from_doc:meta])* $from:ident, $entry:ident, $value:ty) => {
        #[doc = concat!("Turns an ordered map into the sorted [`pb::", stringify!($entry), "`]s of the wire.")]
        ///
        $(#[$to_doc])*
        #[must_use]
        pub fn $to(map: &BTreeMap<String, $value>) -> Vec<pb::$entry> {
            map.iter()
                .map(|(key, value)| pb::$entry { key: Some(key.clone()), value: Some(value.clone()) })
                .collect()
        }

        #[doc = concat!("Reads [`pb::", stringify!($entry), "`]s; a missing key or value is the default, and the last of equal keys wins, as protobuf requires.")]
        ///
        $(#[$from_doc])*
        #[must_use]
        pub fn $from(entries: &[pb::$entry]) -> BTreeMap<String, $value> {
            entries
                .iter()
                .map(|entry| (entry.key.clone().unwrap_or_default(), entry.value.clone().unwrap_or_default()))
                .collect()
        }
    };
}

wire_map! {
    /// ```
    /// use buildkit_proto::{map, pb};
    ///
    /// let attrs = [("git.keepgitdir", "true"), ("git.fullurl", "https://host/app.git")];
    /// let attrs = map::to_strings(&attrs.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
    /// assert_eq!(attrs.iter().map(pb::StringEntry::key).collect::<Vec<_>>(), ["git.fullurl", "git.keepgitdir"]);
    /// ```
    to_strings,
    /// ```
    /// use buildkit_proto::{Message as _, map, pb};
    ///
    /// // Another program left out the value, which protobuf reads as an empty one.
    /// let source = pb::SourceOp::decode(&b"\x12\x03\x0a\x01k"[..])?;
    /// assert_eq!(map::from_strings(&source.attrs), [("k".to_owned(), String::new())].into());
    /// # Ok::<(), prost::DecodeError>(())
    /// ```
    from_strings, StringEntry, String
}
wire_map! {
    /// ```
    /// use buildkit_proto::{Message as _, map, pb};
    ///
    /// let caps = map::to_bools(&[("k".to_owned(), false)].into());
    /// assert_eq!(pb::OpMetadata { caps, ..Default::default() }.encode_to_vec(), b"\x2a\x05\x0a\x01k\x10\x00");
    /// ```
    to_bools,
    /// ```
    /// use buildkit_proto::{map, pb};
    ///
    /// let entry = |value| pb::BoolEntry { key: Some("mergeop".to_owned()), value };
    /// assert!(map::from_bools(&[entry(Some(false)), entry(Some(true))])["mergeop"]);
    /// assert!(!map::from_bools(&[entry(Some(true)), entry(None)])["mergeop"], "left out is no");
    /// ```
    from_bools, BoolEntry, bool
}
wire_map! {
    /// ```
    /// use buildkit_proto::{Digest, map, pb};
    ///
    /// let digests = ["an op", "another op"].map(|op| Digest::from_content(op.as_bytes()).to_string());
    /// let vertices = digests.map(|digest| (digest, pb::OpMetadata::default()));
    /// let entries = map::to_metadata(&vertices.into());
    /// assert!(entries[0].key < entries[1].key && entries.iter().all(|entry| entry.value.is_some()));
    /// ```
    to_metadata,
    /// ```
    /// use buildkit_proto::{map, pb};
    ///
    /// let entry = |ignore_cache| pb::OpMetadataEntry {
    ///     key: Some("sha256:…".to_owned()),
    ///     value: Some(pb::OpMetadata { ignore_cache, ..Default::default() }),
    /// };
    /// let metadata = map::from_metadata(&[entry(false), entry(true)]);
    /// assert!(metadata.len() == 1 && metadata["sha256:…"].ignore_cache);
    /// ```
    from_metadata, OpMetadataEntry, pb::OpMetadata
}
wire_map! {
    /// ```
    /// use buildkit_proto::{Message as _, map, pb};
    ///
    /// // A vertex without known places has an empty list, which is written.
    /// let locations = map::to_locations(&[("k".to_owned(), pb::Locations::default())].into());
    /// assert_eq!(pb::Source { locations, ..Default::default() }.encode_to_vec(), b"\x0a\x05\x0a\x01k\x12\x00");
    /// ```
    to_locations,
    /// ```
    /// use buildkit_proto::{Message as _, map, pb};
    ///
    /// let source = pb::Source::decode(&b"\x0a\x07\x0a\x01k\x12\x02\x0a\x00"[..])?;
    /// assert_eq!(map::from_locations(&source.locations)["k"].locations, [pb::Location::default()]);
    /// # Ok::<(), prost::DecodeError>(())
    /// ```
    from_locations, LocationsEntry, pb::Locations
}
wire_map! {
    /// ```
    /// use buildkit_proto::{map, pb};
    ///
    /// let definition = "buildkit.llb.definition".to_owned();
    /// let inputs = map::to_build_inputs(&[(definition, pb::BuildInput { input: 0 })].into());
    /// assert_eq!(inputs[0].value, Some(pb::BuildInput::default()), "the first input, written");
    /// ```
    to_build_inputs,
    /// ```
    /// use buildkit_proto::{map, pb};
    ///
    /// let without_value = pb::BuildInputEntry { key: Some("buildkit.llb.definition".to_owned()), value: None };
    /// assert_eq!(map::from_build_inputs(&[without_value])["buildkit.llb.definition"].input, 0, "the first input, not written");
    /// ```
    from_build_inputs, BuildInputEntry, pb::BuildInput
}

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
