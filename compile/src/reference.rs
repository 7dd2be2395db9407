//! Image references: the full form that BuildKit wants.
//!
//! Resolves nothing; the grammar is `oci-spec`'s.

use oci_spec::distribution::Reference;

/// The full form of a reference: registry, repository, and a tag or digest (`debian` is `docker.io/library/debian:latest`).
///
/// # Errors
/// The text is no reference; the message says why.
pub fn normalize(reference: &str) -> Result<String, String> {
    reference.parse::<Reference>().map(|parsed| parsed.whole()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_form() {
        let check = |text: &str, expect: &str| assert_eq!(normalize(text).as_deref(), Ok(expect));
        check("debian", "docker.io/library/debian:latest");
        check("python:3.11-slim", "docker.io/library/python:3.11-slim");
        check("ghcr.io/astral-sh/uv:0.9", "ghcr.io/astral-sh/uv:0.9");
        check("localhost:5000/a/b", "localhost:5000/a/b:latest");
        let digest = format!("sha256:{}", "0".repeat(64));
        check(&format!("debian@{digest}"), &format!("docker.io/library/debian@{digest}"));
        check(&format!("debian:12@{digest}"), &format!("docker.io/library/debian:12@{digest}"));
        assert!(normalize("Debian").is_err());
        assert!(normalize("").is_err());
    }
}
