//! A secret value, which is wiped when dropped and never printed.
//!
//! Copies made by other code, for example when an answer is encoded, are not wiped.

use std::fmt;

use zeroize::Zeroizing;

/// The content of a secret.
///
/// ```
/// use buildkit_client::session::SecretBytes;
///
/// let secret = SecretBytes::from("hunter2".to_owned());
/// assert!(!format!("{secret:?}").contains("hunter2"));
/// assert_eq!(secret.expose(), b"hunter2");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// The content.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The content as text, if it is text.
    pub(crate) fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Whether the content is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl From<String> for SecretBytes {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

/// Prints neither the content nor its length.
impl fmt::Debug for SecretBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretBytes(..)")
    }
}
