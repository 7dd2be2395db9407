//! Entries of wire maps.

use super::{BuildInput, Locations, OpMetadata};

/// An entry of a wire map from text to text.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // An empty value is written, as in Go. A missing value would be read in the same way, but give a different digest.
/// let entry = pb::StringEntry { key: Some("k".to_owned()), value: Some(String::new()) };
/// assert_eq!(entry.encode_to_vec(), b"\x0a\x01k\x12\x00");
/// assert_eq!(pb::StringEntry { value: None, ..entry }.encode_to_vec(), b"\x0a\x01k");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct StringEntry {
    /// The key; present even when empty.
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The value; present even when it is the default.
    #[prost(string, optional, tag = "2")]
    pub value: Option<String>,
}
/// An entry of a wire map from text to bool.
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // Two encodings of false; Go writes the first.
/// let no = pb::BoolEntry::decode(&b"\x0a\x01k\x10\x00"[..])?;
/// let left_out = pb::BoolEntry::decode(&b"\x0a\x01k"[..])?;
/// assert_eq!((no.value, left_out.value), (Some(false), None));
/// assert!(!no.value() && !left_out.value());
/// # Ok::<(), prost::DecodeError>(())
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct BoolEntry {
    /// The key; present even when empty.
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The value; present even when it is the default.
    #[prost(bool, optional, tag = "2")]
    pub value: Option<bool>,
}
/// An entry of a wire map from text to [`BuildInput`].
///
/// ```
/// use buildkit_proto::{Message as _, pb};
///
/// // The first input is an empty message, but its field is written.
/// let first = pb::BuildInputEntry { key: Some("k".to_owned()), value: Some(pb::BuildInput { input: 0 }) };
/// assert_eq!(first.encode_to_vec(), b"\x0a\x01k\x12\x00");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct BuildInputEntry {
    /// The key; present even when empty.
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The value; present even when it is the default.
    #[prost(message, optional, tag = "2")]
    pub value: Option<BuildInput>,
}
/// An entry of a wire map from text to [`Locations`].
///
/// ```
/// use buildkit_proto::{map, pb};
///
/// // A peer may repeat a key, since the wire format is a list; the last entry wins.
/// let at = |source_index| pb::Locations { locations: vec![pb::Location { source_index, ranges: Vec::new() }] };
/// let entry = |value| pb::LocationsEntry { key: Some("sha256:…".to_owned()), value: Some(value) };
/// assert_eq!(map::from_locations(&[entry(at(0)), entry(at(1))])["sha256:…"], at(1));
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct LocationsEntry {
    /// The key; present even when empty.
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The value; present even when it is the default.
    #[prost(message, optional, tag = "2")]
    pub value: Option<Locations>,
}
/// An entry of a wire map from text to [`OpMetadata`].
///
/// ```
/// use buildkit_proto::{Digest, Message as _, pb};
///
/// // Metadata without content is written as an empty message, because Go reads a missing value as a nil pointer.
/// let key = Some(Digest::from_content(b"the bytes of an op").to_string());
/// let entry = pb::OpMetadataEntry { key, value: Some(pb::OpMetadata::default()) };
/// assert!(entry.encode_to_vec().ends_with(&[0x12, 0]));
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct OpMetadataEntry {
    /// The key; present even when empty.
    #[prost(string, optional, tag = "1")]
    pub key: Option<String>,
    /// The value; present even when it is the default.
    #[prost(message, optional, tag = "2")]
    pub value: Option<OpMetadata>,
}
