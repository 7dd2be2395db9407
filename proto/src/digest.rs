//! Content digests as BuildKit writes them: `sha256:` and 64 lower-case hex digits (OCI image spec, descriptor.md § Digests).
//!
//! Only SHA-256 is supported, because BuildKit uses no other digest for vertices.

use std::fmt;
use std::str::FromStr;

use sha2::Digest as _;

/// A SHA-256 digest.
///
/// ```
/// use buildkit_proto::Digest;
///
/// let hex = "6a272ea499e7e3abf1049c8c91bb14ef4eaaf794729dd1d21783e8d206132d7e";
/// let digest: Digest = format!("sha256:{hex}").parse()?;
/// assert_eq!(digest.to_string(), format!("sha256:{hex}"));
/// // There is one way to write a digest.
/// assert!(format!("sha256:{}", hex.to_uppercase()).parse::<Digest>().is_err() && hex.parse::<Digest>().is_err());
/// # Ok::<(), buildkit_proto::ParseDigestError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Computes the digest of bytes.
    ///
    /// ```
    /// let digest = buildkit_proto::Digest::from_content(b"");
    /// assert_eq!(digest.to_string(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    /// ```
    #[must_use]
    pub fn from_content(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The raw 32 bytes.
    ///
    /// ```
    /// let digest = buildkit_proto::Digest::from_content(b"");
    /// assert_eq!(digest.as_bytes()[..2], [0xe3, 0xb0], "as in sha256:e3b0…");
    /// ```
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The 64 hex digits without the algorithm, for use in names.
    ///
    /// ```
    /// let digest = buildkit_proto::Digest::from_content(b"");
    /// assert_eq!(format!("cache-{:.8}", digest.hex()), "cache-e3b0c442");
    /// ```
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The text as an array, without an allocation: a definition contains many digests.
    pub(crate) fn text(&self) -> [u8; 71] {
        let mut text = *b"sha256:0000000000000000000000000000000000000000000000000000000000000000";
        hex::encode_to_slice(self.0, &mut text[7..]).expect("two digits a byte");
        text
    }
}

/// The digest from bytes that were hashed elsewhere.
impl From<[u8; 32]> for Digest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a `sha256:` digest.
///
/// ```
/// use buildkit_proto::Digest;
///
/// let error = "sha512:00".parse::<Digest>().unwrap_err().to_string();
/// assert!(error.starts_with("\"sha512:00\" is not a sha256 digest"), "it names the text");
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{text:?} is not a sha256 digest (expected `sha256:` and 64 lower-case hex digits)")]
pub struct ParseDigestError {
    text: String,
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseDigestError { text: text.to_owned() };
        let digits = text.strip_prefix("sha256:").ok_or_else(error)?;
        if digits.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(error());
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| error())?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let digest = Digest::from_content(b"x");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        for bad in ["", "sha256:", "sha512:00", &digest.to_string()[7..], &digest.to_string().to_uppercase()] {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
