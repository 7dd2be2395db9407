//! Writes messages field by field from borrowed values. Graphs contain so many messages that copying each into its type in
//! [`crate::pb`] would take most of the encoding time.
//!
//! This module implements protobuf's encoding only. The caller passes field numbers, in ascending order.

use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};

use crate::Digest;

/// The fields of one message. Fields with default values are left out, as in prost.
///
/// ```
/// use buildkit_proto::{Fields, Message as _, pb};
///
/// let mut bytes = Vec::new();
/// let mut fields = Fields::new(&mut bytes);
/// fields.text(1, "/bin/true");
/// fields.text(3, "/");
/// fields.text(4, "");
/// let meta = pb::Meta { args: vec!["/bin/true".to_owned()], cwd: "/".to_owned(), ..pb::Meta::default() };
/// assert_eq!(bytes, meta.encode_to_vec());
/// ```
#[derive(Debug)]
pub struct Fields<'a> {
    bytes: &'a mut Vec<u8>,
}

impl<'a> Fields<'a> {
    /// A writer that appends the fields to `bytes`.
    ///
    /// ```
    /// let mut bytes = vec![0x08, 1];
    /// buildkit_proto::Fields::new(&mut bytes).number(2, 3);
    /// assert_eq!(bytes, [0x08, 1, 0x10, 3]);
    /// ```
    pub fn new(bytes: &'a mut Vec<u8>) -> Self {
        Self { bytes }
    }

    /// Writes a text, if it is not empty.
    ///
    /// ```
    /// # use buildkit_proto::Fields;
    /// let mut bytes = Vec::new();
    /// Fields::new(&mut bytes).text(3, "/");
    /// Fields::new(&mut bytes).text(4, "");
    /// assert_eq!(bytes, b"\x1a\x01/");
    /// ```
    pub fn text(&mut self, number: u32, text: &str) {
        if !text.is_empty() {
            self.element(number, text);
        }
    }

    /// Writes an element of a list of texts; the element may be empty.
    ///
    /// ```
    /// # use buildkit_proto::Fields;
    /// let mut argv = Vec::new();
    /// for argument in ["echo", ""] {
    ///     Fields::new(&mut argv).element(1, argument);
    /// }
    /// assert_eq!(argv, b"\x0a\x04echo\x0a\x00");
    /// ```
    pub fn element(&mut self, number: u32, text: &str) {
        self.joined(number, [text]);
    }

    /// Writes an element that is the concatenation of pieces.
    ///
    /// ```
    /// # use buildkit_proto::Fields;
    /// let mut env = Vec::new();
    /// Fields::new(&mut env).joined(2, ["LANG", "=", "C"]);
    /// assert_eq!(env, b"\x12\x06LANG=C");
    /// ```
    pub fn joined<const N: usize>(&mut self, number: u32, pieces: [&str; N]) {
        self.length_prefix(number, pieces.iter().map(|piece| piece.len()).sum());
        for piece in pieces {
            self.bytes.extend_from_slice(piece.as_bytes());
        }
    }

    /// Writes the text of a digest.
    ///
    /// ```
    /// use buildkit_proto::{Digest, Fields, Message as _, pb};
    ///
    /// let other = Digest::from_content(b"the bytes of another op");
    /// let mut bytes = Vec::new();
    /// Fields::new(&mut bytes).digest(1, other);
    /// assert_eq!(bytes, pb::Input { digest: other.to_string(), index: 0 }.encode_to_vec());
    /// ```
    pub fn digest(&mut self, number: u32, digest: Digest) {
        let text = digest.text();
        self.length_prefix(number, text.len());
        self.bytes.extend_from_slice(&text);
    }

    /// Writes an int64, int32, uint32 or bool, if it is not 0.
    ///
    /// ```
    /// # use buildkit_proto::Fields;
    /// let mut bytes = Vec::new();
    /// let mut mount = Fields::new(&mut bytes);
    /// mount.number(1, 0);
    /// mount.number(4, -1);
    /// mount.number(5, true);
    /// assert_eq!(bytes, b"\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x28\x01");
    /// ```
    pub fn number(&mut self, number: u32, value: impl Into<i64>) {
        let value = value.into();
        if value != 0 {
            encode_key(number, WireType::Varint, self.bytes);
            encode_varint(value.cast_unsigned(), self.bytes);
        }
    }

    /// Writes an enumerator, if its number is not 0.
    ///
    /// ```
    /// use buildkit_proto::{Fields, pb};
    ///
    /// let mut mount = Vec::new();
    /// Fields::new(&mut mount).enumerator(6, pb::MountType::Cache);
    /// Fields::new(&mut mount).enumerator(24, pb::MountContentCache::Default);
    /// assert_eq!(mount, [0x30, 3]);
    /// ```
    pub fn enumerator(&mut self, number: u32, value: impl Into<i32>) {
        self.number(number, value.into());
    }

    /// Writes a list of int32.
    ///
    /// ```
    /// # use buildkit_proto::Fields;
    /// let mut exit_codes = Vec::new();
    /// Fields::new(&mut exit_codes).numbers(12, &[0, 300]);
    /// assert_eq!(exit_codes, [0x62, 3, 0, 0xac, 0x02], "one field, and no element is left out");
    /// ```
    pub fn numbers(&mut self, number: u32, values: &[i32]) {
        prost::encoding::int32::encode_packed(number, values, self.bytes);
    }

    /// Writes a message, even if it is empty.
    ///
    /// ```
    /// # use buildkit_proto::Fields;
    /// let mut diff = Vec::new();
    /// let mut fields = Fields::new(&mut diff);
    /// fields.message(1, |lower| lower.number(1, 0));
    /// fields.message(2, |upper| upper.number(1, 1));
    /// assert_eq!(diff, [0x0a, 0, 0x12, 2, 0x08, 1]);
    /// ```
    pub fn message(&mut self, number: u32, write: impl FnOnce(&mut Fields<'_>)) {
        encode_key(number, WireType::LengthDelimited, self.bytes);
        let start = self.bytes.len();
        // Most messages are short, so one byte is reserved for the length, which is known after writing.
        self.bytes.push(0);
        write(&mut Fields::new(self.bytes));
        let length = self.bytes.len() - start - 1;
        match u8::try_from(length) {
            Ok(short @ ..0x80) => self.bytes[start] = short,
            _ => {
                let mut prefix = Vec::with_capacity(10);
                encode_varint(length as u64, &mut prefix);
                self.bytes.splice(start..=start, prefix);
            }
        }
    }

    /// Writes a message of a generated type.
    ///
    /// ```
    /// use buildkit_proto::{Fields, pb};
    ///
    /// let mut mount = Vec::new();
    /// Fields::new(&mut mount).typed(20, &pb::CacheOpt { id: "apt".to_owned(), ..Default::default() });
    /// assert_eq!(mount, b"\xa2\x01\x05\x0a\x03apt");
    /// ```
    pub fn typed(&mut self, number: u32, message: &impl Message) {
        prost::encoding::message::encode(number, message, self.bytes);
    }

    fn length_prefix(&mut self, number: u32, length: usize) {
        encode_key(number, WireType::LengthDelimited, self.bytes);
        encode_varint(length as u64, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pb;

    #[track_caller]
    fn check(message: &impl Message, write: impl FnOnce(&mut Fields<'_>)) {
        let mut bytes = b"before".to_vec();
        write(&mut Fields::new(&mut bytes));
        assert_eq!(bytes, [b"before".as_slice(), &message.encode_to_vec()].concat());
    }

    #[test]
    fn fields_are_those_of_prost() {
        let entry = |length: usize| format!("NAME={}", "v".repeat(length));
        let meta = pb::Meta {
            args: vec![String::new(), "a".repeat(300)],
            env: vec![entry(0)],
            remove_mount_stubs_recursive: true,
            valid_exit_codes: vec![0, -1, 300],
            ..pb::Meta::default()
        };
        check(&meta, |fields| {
            fields.element(1, "");
            fields.element(1, &"a".repeat(300));
            fields.joined(2, ["NAME", "=", ""]);
            fields.text(3, "");
            fields.number(11, true);
            fields.numbers(12, &[0, -1, 300]);
        });
        check(&pb::Input { digest: Digest::from_content(b"x").to_string(), index: -1 }, |fields| {
            fields.digest(1, Digest::from_content(b"x"));
            fields.number(2, -1);
        });
        check(&pb::Meta::default(), |fields| {
            fields.number(11, false);
            fields.numbers(12, &[]);
        });
    }

    #[test]
    fn messages_of_any_length_have_a_length_prefix() {
        for length in [0, 1, 125, 126, 127, 128, 200, 16_381, 16_384, 3_000_000] {
            let text = "x".repeat(length);
            let exec = pb::ExecOp {
                meta: Some(pb::Meta { cwd: text.clone(), ..pb::Meta::default() }),
                network: 1,
                ..pb::ExecOp::default()
            };
            let op = pb::Op { op: Some(pb::op::Op::Exec(Box::new(exec.clone()))), ..pb::Op::default() };
            check(&op, |fields| {
                fields.message(2, |fields| {
                    fields.message(1, |fields| fields.text(3, &text));
                    fields.number(3, 1);
                });
            });
            check(&op, |fields| fields.typed(2, &exec));
        }
    }
}
