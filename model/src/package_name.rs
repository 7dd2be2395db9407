//! Names of distributions, as PEP 503 compares them.

use std::borrow::Borrow;
use std::fmt;

use serde::Serialize;

/// The name of a distribution in its normal form: lowercase, with single dashes.
///
/// ```
/// use imagespec::PackageName;
///
/// assert_eq!(PackageName::new("Zope.Interface"), PackageName::new("zope_interface"));
/// assert_eq!(PackageName::new("-zope"), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PackageName(String);

impl PackageName {
    /// The name in its normal form. `None` if it is not a name by the grammar of PEP 508.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let is_edge = |c: char| c.is_ascii_alphanumeric();
        let is_name = text.starts_with(is_edge) && text.ends_with(is_edge) && text.chars().all(is_name_character);
        is_name.then(|| Self(normalized_name(text)))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PackageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Allows lookups by text in a set of names.
impl Borrow<str> for PackageName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Whether names may contain a character.
pub(crate) fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.')
}

/// The form in which PEP 503 compares the names of distributions: lowercase, with single dashes. The name itself is not checked.
#[must_use]
pub fn normalized_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let parts: Vec<&str> = lower.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizes_and_refuses() {
        let name = |text| PackageName::new(text).map(|name| name.to_string());
        assert_eq!(name("Zope.Interface").as_deref(), Some("zope-interface"));
        assert_eq!(name("a__-b").as_deref(), Some("a-b"));
        for bad in ["", "-a", "a-", "a b", "ä", "a/b", "."] {
            assert_eq!(name(bad), None, "{bad}");
        }
    }
}
