//! Flytekit's check of registry names.
//!
//! It accepts what Flytekit accepts, including names that no registry can have. `imagespec` checks specs more strictly.

use std::sync::OnceLock;

use regex::Regex;

/// Flytekit's regular expression, with Python's semantics: `\w` matches letters, numbers and `_`, and `$` also matches before a
/// final line break.
const PATTERN: &str = r"\A(localhost:\d{1,5}|[a-z\d._-]+(:\d{1,5})?)(/[\p{L}\p{N}_.-]+)*\n?\z";

/// Whether Flytekit accepts this as the name of a registry (flytekit 1.16: `image_spec.py`, function of the same name).
///
/// ```
/// use imagespec_engine::validate_container_registry_name;
///
/// assert!(validate_container_registry_name("localhost:30000"));
/// assert!(validate_container_registry_name("ghcr.io/my-team"));
/// assert!(!validate_container_registry_name("https://ghcr.io"));
/// ```
#[must_use]
pub fn validate_container_registry_name(name: &str) -> bool {
    static EXPRESSION: OnceLock<Option<Regex>> = OnceLock::new();
    // The tests verify that the pattern compiles.
    EXPRESSION.get_or_init(|| Regex::new(PATTERN).ok()).as_ref().is_some_and(|expression| expression.is_match(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_flytekit() {
        let text = include_str!("../../testdata/vectors/registry_names/vectors.json");
        let file: serde_json::Value = serde_json::from_str(text).unwrap();
        let vectors = file["vectors"].as_array().unwrap();
        assert_eq!(vectors.len(), 324);
        for vector in vectors {
            let name = vector["name"].as_str().unwrap();
            assert_eq!(validate_container_registry_name(name), vector["accepted"].as_bool().unwrap(), "{name:?}");
        }
    }
}
