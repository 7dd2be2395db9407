//! Names of distributions, as PEP 503 compares them.

use std::fmt;

/// A distribution's name: lower case, with single dashes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageName(String);

impl PackageName {
    /// Normalises a name. `None` if it is not one by the grammar of PEP 508.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let is_edge = |c: char| c.is_ascii_alphanumeric();
        let is_inner = |c: char| is_edge(c) || matches!(c, '-' | '_' | '.');
        if !text.starts_with(is_edge) || !text.ends_with(is_edge) || !text.chars().all(is_inner) {
            return None;
        }
        Some(Self(imagespec::normalized_name(text)))
    }

    /// The normalised name.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalises_and_refuses() {
        let name = |text| PackageName::new(text).map(|name| name.to_string());
        assert_eq!(name("Zope.Interface").as_deref(), Some("zope-interface"));
        assert_eq!(name("a__-b").as_deref(), Some("a-b"));
        for bad in ["", "-a", "a-", "a b", "ä", "a/b", "."] {
            assert_eq!(name(bad), None, "{bad}");
        }
    }
}
