//! Which op has which digest.
//!
//! The standard hash map, which this crate bans because its order differs from run to run: here it is asked and never
//! listed. It need not hash what is a digest, and differs from run to run no more.

use std::hash::{BuildHasherDefault, Hasher};

use buildkit_proto::Digest;

use crate::output::OpId;

#[expect(clippy::disallowed_types, reason = "asked and never listed, and without random keys")]
pub(super) type ByDigest = std::collections::HashMap<Digest, OpId, BuildHasherDefault<FirstBytes>>;

/// The first bytes of a digest. Whoever makes digests alike on purpose, at the cost of 2⁶⁴ tries for two that are wholly
/// alike here, gets a slow graph and nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        // Arrays announce their length first; the digest comes last and stands.
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
