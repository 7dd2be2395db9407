//! fsutil's two messages, declared by hand so that paths are bytes.
//!
//! File names on Linux are bytes, and Go does not check that a `string` field is UTF-8, but prost's `String` rejects other
//! bytes. Therefore the generated types are not used. Field numbers are those of tonistiigi/fsutil `types/wire.proto` and
//! `types/stat.proto`.

use prost::bytes::Bytes;

/// Kinds of [`Packet`] (`types/wire.proto`, `Packet.PacketType`).
///
/// ```
/// use buildkit_proto::fsutil::{Packet, PacketKind};
///
/// let end = |packet: &Packet| match PacketKind::try_from(packet.kind) {
///     Ok(PacketKind::Stat) if packet.stat.is_none() => Some("of the tree"),
///     Ok(PacketKind::Data) if packet.data.is_empty() => Some("of a file"),
///     Ok(PacketKind::Finish | PacketKind::Error) => Some("of the transfer"),
///     _ => None,
/// };
/// assert_eq!(end(&Packet::default()), Some("of the tree"), "a message without a byte");
/// assert_eq!(end(&Packet { kind: PacketKind::Data.into(), id: 7, ..Packet::default() }), Some("of a file"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum PacketKind {
    /// An entry of the tree; without a stat, the end of the tree.
    Stat = 0,
    /// The receiver requests the content of an entry.
    Request = 1,
    /// A piece of content; an empty one ends the file.
    Data = 2,
    /// The receiver has everything, or the sender acknowledges this.
    Finish = 3,
    /// The transfer failed; `data` contains the reason.
    Error = 4,
}

/// One message in either direction (`types/wire.proto`, `Packet`).
///
/// ```
/// use buildkit_proto::{Message as _, fsutil::Packet};
///
/// // The receiver requests the second announced entry; its content follows, and then its end.
/// assert_eq!(Packet::request(1).encode_to_vec(), [0x08, 1, 0x18, 1]);
/// assert_eq!(Packet::data(1, "hi".into()).encode_to_vec(), b"\x08\x02\x18\x01\x22\x02hi");
/// assert_eq!(Packet::data(1, "".into()).encode_to_vec(), [0x08, 2, 0x18, 1]);
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Packet {
    /// A [`PacketKind`].
    #[prost(enumeration = "PacketKind", tag = "1")]
    pub kind: i32,
    /// The entry of a stat packet.
    #[prost(message, optional, tag = "2")]
    pub stat: Option<Stat>,
    /// Zero-based index of the entry in the sequence of stats; never set in a stat packet itself.
    #[prost(uint32, tag = "3")]
    pub id: u32,
    /// Content, or the reason of a failure.
    #[prost(bytes = "bytes", tag = "4")]
    pub data: Bytes,
}

impl Packet {
    /// An entry of the tree.
    ///
    /// ```
    /// # use buildkit_proto::Message as _;
    /// # use buildkit_proto::fsutil::{Packet, Stat};
    /// // An entry has no id on the wire: its id is the number of entries before it.
    /// let entry = Packet::stat(Stat { path: b"src".to_vec(), ..Default::default() });
    /// assert_eq!(entry.encode_to_vec(), b"\x12\x05\x0a\x03src");
    /// ```
    #[must_use]
    pub fn stat(stat: Stat) -> Self {
        Self { stat: Some(stat), ..Self::default() }
    }

    /// Marks the end of the tree.
    ///
    /// ```
    /// # use buildkit_proto::{Message as _, fsutil::Packet};
    /// assert_eq!(Packet::end_of_stats().encode_to_vec(), b"", "kind 0, and no stat");
    /// ```
    #[must_use]
    pub fn end_of_stats() -> Self {
        Self::default()
    }

    /// Requests the content of an entry.
    ///
    /// ```
    /// # use buildkit_proto::{Message as _, fsutil::Packet};
    /// assert_eq!(Packet::request(0).encode_to_vec(), [0x08, 1], "the first entry");
    /// ```
    #[must_use]
    pub fn request(id: u32) -> Self {
        Self { kind: PacketKind::Request.into(), id, ..Self::default() }
    }

    /// A piece of the file `id`; with empty `data`, its end.
    ///
    /// ```
    /// # use buildkit_proto::{Message as _, fsutil::Packet};
    /// let pieces = [Packet::data(3, "some ".into()), Packet::data(3, "text".into()), Packet::data(3, "".into())];
    /// let ended = pieces.iter().position(|piece| piece.data.is_empty());
    /// assert_eq!((ended, pieces.map(|piece| piece.data).concat()), (Some(2), b"some text".to_vec()));
    /// ```
    #[must_use]
    pub fn data(id: u32, data: Bytes) -> Self {
        Self { kind: PacketKind::Data.into(), id, data, ..Self::default() }
    }

    /// Reports that everything was received.
    ///
    /// ```
    /// # use buildkit_proto::{Message as _, fsutil::Packet};
    /// assert_eq!(Packet::finish().encode_to_vec(), [0x08, 3], "and the sender answers with the same");
    /// ```
    #[must_use]
    pub fn finish() -> Self {
        Self { kind: PacketKind::Finish.into(), ..Self::default() }
    }

    /// Reports why the transfer failed.
    ///
    /// ```
    /// # use buildkit_proto::{Message as _, fsutil::Packet};
    /// assert_eq!(Packet::error("no space").encode_to_vec(), b"\x08\x04\x22\x08no space");
    /// ```
    #[must_use]
    pub fn error(message: &str) -> Self {
        let data = Bytes::copy_from_slice(message.as_bytes());
        Self { kind: PacketKind::Error.into(), data, ..Self::default() }
    }
}

/// An entry of a tree (`types/stat.proto`, `Stat`).
///
/// ```
/// use buildkit_proto::{Message as _, fsutil::Stat};
///
/// // A directory in Go is the highest bit; in a name, any byte may be.
/// let directory = Stat { path: b"caf\xe9".to_vec(), mode: (1 << 31) | 0o755, ..Default::default() };
/// assert_eq!(directory.encode_to_vec(), b"\x0a\x04caf\xe9\x10\xed\x83\x80\x80\x08");
/// ```
#[derive(Clone, PartialEq, prost::Message)]
pub struct Stat {
    /// Relative, clean, separated by `/`; raw bytes of the file system.
    #[prost(bytes = "vec", tag = "1")]
    pub path: Vec<u8>,
    /// Go's `os.FileMode`, not `st_mode` (`go/src/os/types.go`).
    #[prost(uint32, tag = "2")]
    pub mode: u32,
    /// Owner.
    #[prost(uint32, tag = "3")]
    pub uid: u32,
    /// Group.
    #[prost(uint32, tag = "4")]
    pub gid: u32,
    /// Bytes.
    #[prost(int64, tag = "5")]
    pub size: i64,
    /// Nanoseconds since 1970.
    #[prost(int64, tag = "6")]
    pub mod_time: i64,
    /// Target of a symbolic link, or for other entries the earlier path this one is a hard link to.
    #[prost(bytes = "vec", tag = "7")]
    pub linkname: Vec<u8>,
    /// Of a device.
    #[prost(int64, tag = "8")]
    pub devmajor: i64,
    /// Likewise.
    #[prost(int64, tag = "9")]
    pub devminor: i64,
    /// A `map<string, bytes>` on the wire; as a list, because names of attributes are bytes too.
    #[prost(message, repeated, tag = "10")]
    pub xattrs: Vec<Xattr>,
}

/// An entry of the map `Stat.xattrs`: protobuf map entries are messages with key 1 and value 2.
///
/// ```
/// use buildkit_proto::Message as _;
/// use buildkit_proto::fsutil::{Stat, Xattr};
///
/// let tag = Xattr { name: b"user.tag".to_vec(), value: b"v1".to_vec() };
/// let stat = Stat { xattrs: vec![tag], ..Default::default() };
/// assert_eq!(stat.encode_to_vec(), b"\x52\x0e\x0a\x08user.tag\x12\x02v1");
/// ```
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Xattr {
    /// `user.…` and the like.
    #[prost(bytes = "vec", tag = "1")]
    pub name: Vec<u8>,
    /// Its value.
    #[prost(bytes = "vec", tag = "2")]
    pub value: Vec<u8>,
}

#[cfg(test)]
#[cfg(feature = "rpc")]
mod tests {
    use crate::rpc::fsutil as generated;
    use prost::Message;

    use super::*;

    /// The hand-written messages and the generated ones must be the same on the wire.
    #[test]
    fn agrees_with_the_generated_messages() {
        let ours = Packet {
            kind: PacketKind::Data.into(),
            id: 7,
            data: Bytes::from_static(b"content"),
            stat: Some(Stat {
                path: b"a/b".to_vec(),
                mode: 0o644,
                uid: 1,
                gid: 2,
                size: 3,
                mod_time: -4,
                linkname: b"target".to_vec(),
                devmajor: 5,
                devminor: 6,
                xattrs: vec![Xattr { name: b"user.k".to_vec(), value: b"v".to_vec() }],
            }),
        };
        let theirs = generated::Packet::decode(ours.encode_to_vec().as_slice()).unwrap();
        assert_eq!(theirs.r#type, generated::packet::PacketType::PacketData as i32);
        assert_eq!((theirs.id, theirs.data.as_slice()), (7, b"content".as_slice()));
        let stat = theirs.stat.clone().unwrap();
        assert_eq!((stat.path.as_str(), stat.linkname.as_str()), ("a/b", "target"));
        assert_eq!((stat.mode, stat.uid, stat.gid), (0o644, 1, 2));
        assert_eq!((stat.size, stat.mod_time, stat.devmajor, stat.devminor), (3, -4, 5, 6));
        assert_eq!(stat.xattrs.get("user.k").map(Vec::as_slice), Some(b"v".as_slice()));
        assert_eq!(Packet::decode(theirs.encode_to_vec().as_slice()).unwrap(), ours);
    }

    #[test]
    fn carries_names_that_are_not_utf8() {
        let stat = Stat { path: b"caf\xe9".to_vec(), linkname: b"\xff".to_vec(), ..Stat::default() };
        let bytes = Packet::stat(stat.clone()).encode_to_vec();
        assert_eq!(Packet::decode(bytes.as_slice()).unwrap().stat, Some(stat));
    }
}
