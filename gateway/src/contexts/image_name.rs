//! Image references: parsing, normalising, shortening (`distribution/reference: normalize.go`, `reference.go`).
//!
//! Text only; whether the image exists is the daemon's to say.

use std::fmt;

const DEFAULT_DOMAIN: &str = "docker.io";
const LEGACY_DEFAULT_DOMAIN: &str = "index.docker.io";
const OFFICIAL_PREFIX: &str = "library/";

/// A full image reference: domain, path, and optionally tag and digest.
///
/// ```
/// use buildkit_gateway::contexts::ImageName;
///
/// let name = ImageName::parse("example.com/team/app")?.with_default_tag();
/// assert_eq!((name.domain(), name.path(), name.tag()), ("example.com", "team/app", Some("latest")));
/// # Ok::<(), buildkit_gateway::contexts::ImageNameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageName {
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Text that names no image.
///
/// ```
/// use buildkit_gateway::contexts::ImageName;
///
/// let error = ImageName::parse("Debian").expect_err("upper case");
/// assert_eq!(error.to_string(), r#""Debian" is no image reference: the repository name must be lower-case"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no image reference: {problem}")]
pub struct ImageNameError {
    text: String,
    problem: &'static str,
}

impl ImageName {
    /// Parses a reference, short (`debian`) or full.
    ///
    /// ```
    /// use buildkit_gateway::contexts::ImageName;
    /// let name = ImageName::parse("debian:bookworm")?;
    /// assert_eq!(name.to_string(), "docker.io/library/debian:bookworm");
    /// assert_eq!(name.familiar(), "debian:bookworm");
    /// # Ok::<(), buildkit_gateway::contexts::ImageNameError>(())
    /// ```
    ///
    /// # Errors
    /// If the text is outside the grammar.
    pub fn parse(text: &str) -> Result<Self, ImageNameError> {
        let fail = |problem| ImageNameError { text: text.to_owned(), problem };
        if text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(fail("64 hex digits name a digest, not a repository"));
        }
        let (domain, rest) = split_domain(text);
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (rest.as_str(), None),
        };
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (rest, None),
        };
        if path.is_empty() || path == OFFICIAL_PREFIX {
            return Err(fail("it has no repository name"));
        }
        if path.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(fail("the repository name must be lower-case"));
        }
        if !path.split('/').all(is_path_component) {
            return Err(fail("a repository name is letters, digits and single separators"));
        }
        if path.len() > 255 {
            return Err(fail("the repository name is longer than 255 characters"));
        }
        if !is_domain(&domain) {
            return Err(fail("the registry is no host name"));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(fail(
                "a tag is up to 128 letters, digits, `_`, `.` and `-`, and starts with neither `.` nor `-`",
            ));
        }
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err(fail("a digest is `sha256:` and 64 lower-case hex digits, or the like"));
        }
        Ok(Self { path: path.to_owned(), tag: tag.map(str::to_owned), digest: digest.map(str::to_owned), domain })
    }

    /// The registry.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The repository in the registry.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The same with tag `latest` if it has neither tag nor digest.
    #[must_use]
    pub fn with_default_tag(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some("latest".to_owned());
        }
        self
    }

    /// The same with this digest.
    ///
    /// # Errors
    /// If it is no digest.
    pub fn with_digest(mut self, digest: &str) -> Result<Self, ImageNameError> {
        if !is_digest(digest) {
            return Err(ImageNameError { text: digest.to_owned(), problem: "no digest" });
        }
        self.digest = Some(digest.to_owned());
        Ok(self)
    }

    /// The short form users write: without `docker.io/` and `library/`.
    #[must_use]
    pub fn familiar(&self) -> String {
        let name = if self.domain == DEFAULT_DOMAIN {
            match self.path.strip_prefix(OFFICIAL_PREFIX) {
                Some(name) if !name.contains('/') => name.to_owned(),
                _ => self.path.clone(),
            }
        } else {
            format!("{}/{}", self.domain, self.path)
        };
        self.with_suffixes(name)
    }

    fn with_suffixes(&self, mut name: String) -> String {
        if let Some(tag) = &self.tag {
            name.push(':');
            name.push_str(tag);
        }
        if let Some(digest) = &self.digest {
            name.push('@');
            name.push_str(digest);
        }
        name
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_suffixes(format!("{}/{}", self.domain, self.path)))
    }
}

/// Tells a registry from the first part of a repository, as Docker always has.
fn split_domain(text: &str) -> (String, String) {
    let Some((first, rest)) = text.split_once('/') else {
        return (DEFAULT_DOMAIN.to_owned(), format!("{OFFICIAL_PREFIX}{text}"));
    };
    let has_upper = first.chars().any(char::is_uppercase);
    let (domain, rest) = if first == LEGACY_DEFAULT_DOMAIN {
        (DEFAULT_DOMAIN, rest)
    } else if first == "localhost" || first.contains(['.', ':']) || has_upper {
        (first, rest)
    } else {
        (DEFAULT_DOMAIN, text)
    };
    if domain == DEFAULT_DOMAIN && !rest.contains('/') {
        return (domain.to_owned(), format!("{OFFICIAL_PREFIX}{rest}"));
    }
    (domain.to_owned(), rest.to_owned())
}

/// `[a-z0-9]+` joined by one `.`, one or two `_`, or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let is_word = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut rest = text.as_bytes();
    loop {
        let word = rest.iter().take_while(|b| is_word(b)).count();
        if word == 0 {
            return false;
        }
        rest = rest.get(word..).unwrap_or_default();
        if rest.is_empty() {
            return true;
        }
        let separator: Vec<u8> = rest.iter().copied().take_while(|b| !is_word(b)).collect();
        let is_separator = matches!(separator.as_slice(), b"." | b"_" | b"__") || separator.iter().all(|b| *b == b'-');
        if !is_separator {
            return false;
        }
        rest = rest.get(separator.len()..).unwrap_or_default();
    }
}

/// A host name, IPv4 or bracketed IPv6 address, with an optional port.
fn is_domain(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            if address.is_empty() || !address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':') {
                return false;
            }
            (None, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some("0")))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(text), Some("0")),
        },
    };
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    host.is_none_or(|host| host.split('.').all(is_label))
        && port.is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

fn is_tag(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|b| is_word(b) || matches!(b, b'.' | b'-'))
}

/// The algorithms `opencontainers/go-digest` knows, with their lengths.
fn is_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else {
        return false;
    };
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return false,
    };
    hex.len() == length && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[track_caller]
    fn check(text: &str, full: &str, familiar: &str) {
        let name = ImageName::parse(text).unwrap();
        assert_eq!(name.to_string(), full);
        assert_eq!(name.familiar(), familiar);
        assert_eq!(ImageName::parse(full).unwrap(), name, "the full form parses to itself");
    }

    #[test]
    fn short_and_full_forms() {
        check("debian", "docker.io/library/debian", "debian");
        check("docker.io/debian:12", "docker.io/library/debian:12", "debian:12");
        check("index.docker.io/a/b", "docker.io/a/b", "a/b");
        check("a/b", "docker.io/a/b", "a/b");
        check("library/a/b", "docker.io/library/a/b", "library/a/b");
        check("localhost/x", "localhost/x", "localhost/x");
        check("localhost:5000/x:t", "localhost:5000/x:t", "localhost:5000/x:t");
        check("ghcr.io/astral-sh/uv:0.1", "ghcr.io/astral-sh/uv:0.1", "ghcr.io/astral-sh/uv:0.1");
        check("Upper/x", "Upper/x", "Upper/x");
        check("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x");
        check("a__b-c/d---e.f", "docker.io/a__b-c/d---e.f", "a__b-c/d---e.f");
        let pinned = format!("debian:12@sha256:{HEX}");
        check(&pinned, &format!("docker.io/library/{pinned}"), &pinned);
    }

    #[test]
    fn the_default_tag_is_only_for_bare_names() {
        let tagged = |text: &str| ImageName::parse(text).unwrap().with_default_tag().familiar();
        assert_eq!(tagged("debian"), "debian:latest");
        assert_eq!(tagged("debian:12"), "debian:12");
        assert_eq!(tagged(&format!("debian@sha256:{HEX}")), format!("debian@sha256:{HEX}"));
    }

    #[test]
    fn what_names_no_image() {
        for text in [
            "",
            "UPPER",
            "a/B",
            "a:",
            "a:.x",
            "a@sha256:0",
            "a@md5:0",
            "/a",
            "a/",
            "a//b",
            "a..b",
            "a___b",
            "-a.b/c",
            "x:y/z",
            "a b",
            "é",
            HEX,
            "host.:5/x",
            "a/.b",
        ] {
            assert!(ImageName::parse(text).is_err(), "{text:?} was taken");
        }
    }
}
