//! Image references: `[registry[:port]/]repository[:tag][@digest]`, short and in full (`distribution/reference`).
//!
//! Text only: whether an image exists is the registry's to say.

mod grammar;

use std::fmt;
use std::ops::Range;

use self::grammar::{is_digest, is_image_id, is_path_component, is_registry, is_tag};

const DEFAULT_REGISTRY: &str = "docker.io";
/// Docker Hub's name of old.
const LEGACY_DEFAULT_REGISTRY: &str = "index.docker.io";
/// Docker's own images.
const OFFICIAL_PREFIX: &str = "library/";
const DEFAULT_TAG: &str = "latest";
/// `RepositoryNameTotalLengthMax` of `reference.go`.
const MAX_REPOSITORY_LEN: usize = 255;

/// The name of an image: registry, repository, and optionally a tag and a digest.
///
/// ```
/// use oci_names::ImageReference;
///
/// let image = ImageReference::parse("example.com/team/app")?.with_default_tag();
/// assert_eq!((image.registry(), image.repository(), image.tag()), ("example.com", "team/app", Some("latest")));
/// # Ok::<(), oci_names::ParseReferenceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageReference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Text that is not a valid image reference.
///
/// ```
/// use oci_names::{ImageReference, ReferenceProblem};
///
/// let error = ImageReference::parse("ghcr.io/Team/app:1").expect_err("upper case");
/// assert_eq!(error.problem(), ReferenceProblem::UpperCase);
/// assert_eq!(&error.text()[error.range()], "Team/app");
/// assert_eq!(error.to_string(), r#""ghcr.io/Team/app:1" is not a valid image reference: the repository has upper-case letters"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid image reference: {problem}")]
pub struct ParseReferenceError {
    text: String,
    range: Range<usize>,
    problem: ReferenceProblem,
}

impl ParseReferenceError {
    /// The text that was parsed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The bytes of the text that are wrong.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// What is wrong with them.
    #[must_use]
    pub fn problem(&self) -> ReferenceProblem {
        self.problem
    }
}

/// What is wrong with a text that is not a valid image reference.
///
/// ```
/// use oci_names::ReferenceProblem;
///
/// assert_eq!(ReferenceProblem::UpperCase.to_string(), "the repository has upper-case letters");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceProblem {
    /// 64 hexadecimal digits, which Docker takes for the id of a local image.
    #[error("64 hexadecimal digits are the id of an image, not its name")]
    ImageId,
    /// The text before the first `/` can only be a registry, but is not a valid one.
    #[error("the part before the first `/` is not a host name")]
    Registry,
    /// Two `/` next to each other, one at the begin or end, or nothing at all.
    #[error("the repository has an empty part")]
    EmptyPart,
    /// Upper case in the repository.
    #[error("the repository has upper-case letters")]
    UpperCase,
    /// Other characters than letters, digits and single separators in the repository.
    #[error("the repository has other characters than letters, digits, and `.`, `_` and `-` between them")]
    Characters,
    /// The repository, `library/` included, has more than 255 bytes.
    #[error("the repository is longer than 255 characters")]
    TooLong,
    /// The part after `:` is not a tag.
    #[error("a tag has up to 128 letters, digits, `_`, `.` and `-`, and starts with neither `.` nor `-`")]
    Tag,
    /// The part after `@` is not a digest.
    #[error("a digest is `sha256:` and 64 lower-case hexadecimal digits, or SHA-384 or SHA-512 alike")]
    Digest,
}

impl ImageReference {
    /// Parses a reference, short (`debian`) or in full. A name without a registry is Docker Hub's.
    ///
    /// This is `ParseNormalizedNamed` of `distribution/reference`. It accepts a host with `_` in it if there is no port, as a
    /// repository without any registry (`my_host.example/app`); here it is refused, because no registry can serve it.
    ///
    /// ```
    /// use oci_names::ImageReference;
    ///
    /// let image = ImageReference::parse("debian:bookworm")?;
    /// assert_eq!(image.to_string(), "docker.io/library/debian:bookworm");
    /// assert_eq!(image.familiar(), "debian:bookworm");
    /// # Ok::<(), oci_names::ParseReferenceError>(())
    /// ```
    ///
    /// # Errors
    /// If the text is outside the grammar.
    pub fn parse(text: &str) -> Result<Self, ParseReferenceError> {
        let fail = |range, problem| ParseReferenceError { text: text.to_owned(), range, problem };
        if is_image_id(text) {
            return Err(fail(0..text.len(), ReferenceProblem::ImageId));
        }
        let (registry, rest) = split_registry(text);
        let start = text.len() - rest.len();
        if registry.is_some_and(|registry| !is_registry(registry)) {
            return Err(fail(0..start - 1, ReferenceProblem::Registry));
        }
        let (name, digest) = rest.split_once('@').map_or((rest, None), |(name, digest)| (name, Some(digest)));
        let (path, tag) = name.split_once(':').map_or((name, None), |(path, tag)| (path, Some(tag)));
        let path_range = start..start + path.len();
        check_path(path).map_err(|problem| fail(path_range.clone(), problem))?;
        let registry = registry.filter(|&registry| registry != LEGACY_DEFAULT_REGISTRY).unwrap_or(DEFAULT_REGISTRY);
        let is_official = registry == DEFAULT_REGISTRY && !path.contains('/');
        let repository = if is_official { format!("{OFFICIAL_PREFIX}{path}") } else { path.to_owned() };
        if repository.len() > MAX_REPOSITORY_LEN {
            return Err(fail(path_range, ReferenceProblem::TooLong));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(fail(path_range.end + 1..start + name.len(), ReferenceProblem::Tag));
        }
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err(fail(start + name.len() + 1..text.len(), ReferenceProblem::Digest));
        }
        let (tag, digest) = (tag.map(str::to_owned), digest.map(str::to_owned));
        Ok(Self { registry: registry.to_owned(), repository, tag, digest })
    }

    /// The registry's host, with its port if it has one: `docker.io`, `localhost:5000`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository in the registry: `library/debian`.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, `sha256:` and 64 digits or the like.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The same with the tag `latest` if it has neither a tag nor a digest (`TagNameOnly`).
    ///
    /// ```
    /// use oci_names::ImageReference;
    ///
    /// let full = |text: &str| ImageReference::parse(text).map(|image| image.with_default_tag().to_string());
    /// assert_eq!(full("debian")?, "docker.io/library/debian:latest");
    /// assert_eq!(full("debian:12")?, "docker.io/library/debian:12");
    /// # Ok::<(), oci_names::ParseReferenceError>(())
    /// ```
    #[must_use]
    pub fn with_default_tag(mut self) -> Self {
        if self.tag.is_none() && self.digest.is_none() {
            self.tag = Some(DEFAULT_TAG.to_owned());
        }
        self
    }

    /// The same with this tag.
    ///
    /// ```
    /// use oci_names::ImageReference;
    ///
    /// assert_eq!(ImageReference::parse("debian:11")?.with_tag("12")?.familiar(), "debian:12");
    /// # Ok::<(), oci_names::ParseReferenceError>(())
    /// ```
    ///
    /// # Errors
    /// If it is not a tag.
    pub fn with_tag(self, tag: &str) -> Result<Self, ParseReferenceError> {
        if is_tag(tag) {
            return Ok(Self { tag: Some(tag.to_owned()), ..self });
        }
        let name = self.full_name();
        let range = name.len() + 1..name.len() + 1 + tag.len();
        Err(ParseReferenceError { text: format!("{name}:{tag}"), range, problem: ReferenceProblem::Tag })
    }

    /// The same with this digest.
    ///
    /// ```
    /// use oci_names::ImageReference;
    ///
    /// let digest = format!("sha256:{}", "0".repeat(64));
    /// let pinned = ImageReference::parse("debian:12")?.with_digest(&digest)?;
    /// assert_eq!(pinned.digest(), Some(digest.as_str()));
    /// # Ok::<(), oci_names::ParseReferenceError>(())
    /// ```
    ///
    /// # Errors
    /// If it is not a digest.
    pub fn with_digest(self, digest: &str) -> Result<Self, ParseReferenceError> {
        if is_digest(digest) {
            return Ok(Self { digest: Some(digest.to_owned()), ..self });
        }
        let name = self.full_name();
        let range = name.len() + 1..name.len() + 1 + digest.len();
        Err(ParseReferenceError { text: format!("{name}@{digest}"), range, problem: ReferenceProblem::Digest })
    }

    /// The short form that users write, without `docker.io/` and `library/` (`FamiliarString`).
    #[must_use]
    pub fn familiar(&self) -> String {
        self.with_suffixes(self.familiar_name())
    }

    /// The short form without tag and digest (`FamiliarName`).
    ///
    /// ```
    /// use oci_names::ImageReference;
    ///
    /// assert_eq!(ImageReference::parse("docker.io/library/debian:12")?.familiar_name(), "debian");
    /// assert_eq!(ImageReference::parse("localhost:5000/app:1")?.familiar_name(), "localhost:5000/app");
    /// # Ok::<(), oci_names::ParseReferenceError>(())
    /// ```
    #[must_use]
    pub fn familiar_name(&self) -> String {
        if self.registry != DEFAULT_REGISTRY {
            return self.full_name();
        }
        match self.repository.strip_prefix(OFFICIAL_PREFIX) {
            Some(name) if !name.contains('/') => name.to_owned(),
            _ => self.repository.clone(),
        }
    }

    fn full_name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    fn with_suffixes(&self, mut name: String) -> String {
        for (separator, suffix) in [(':', &self.tag), ('@', &self.digest)] {
            if let Some(suffix) = suffix {
                name.push(separator);
                name.push_str(suffix);
            }
        }
        name
    }
}

/// The full form: registry, repository, tag and digest.
impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.with_suffixes(self.full_name()))
    }
}

impl std::str::FromStr for ImageReference {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for ImageReference {
    type Error = ParseReferenceError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        Self::parse(text)
    }
}

/// The part before the first `/` is a registry if it could not be a namespace (`splitDockerDomain` of `normalize.go`).
fn split_registry(text: &str) -> (Option<&str>, &str) {
    let is_registry =
        |first: &str| first.contains(['.', ':']) || first == "localhost" || first.chars().any(char::is_uppercase);
    match text.split_once('/') {
        Some((first, rest)) if is_registry(first) => (Some(first), rest),
        _ => (None, text),
    }
}

/// One or more components with `/` between them.
fn check_path(path: &str) -> Result<(), ReferenceProblem> {
    if path.split('/').all(is_path_component) {
        return Ok(());
    }
    Err(if path.split('/').any(str::is_empty) {
        ReferenceProblem::EmptyPart
    } else if path.chars().any(char::is_uppercase) {
        ReferenceProblem::UpperCase
    } else {
        ReferenceProblem::Characters
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[track_caller]
    fn check(text: &str, full: &str, familiar: &str) {
        let image = ImageReference::parse(text).unwrap();
        assert_eq!((image.to_string().as_str(), image.familiar().as_str()), (full, familiar));
    }

    #[track_caller]
    fn refused(text: &str, problem: ReferenceProblem, part: &str) {
        let error = ImageReference::parse(text).unwrap_err();
        assert_eq!((error.problem(), error.text().get(error.range())), (problem, Some(part)), "{text:?}");
    }

    #[test]
    fn short_and_full_forms() {
        check("debian", "docker.io/library/debian", "debian");
        check("index.docker.io/debian:12", "docker.io/library/debian:12", "debian:12");
        check("library/a/b", "docker.io/library/a/b", "library/a/b");
        check("localhost:5000/x:t", "localhost:5000/x:t", "localhost:5000/x:t");
        check("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x");
        let pinned = format!("debian:12@sha256:{HEX}");
        check(&pinned, &format!("docker.io/library/{pinned}"), &pinned);
    }

    #[test]
    fn an_error_says_where() {
        use ReferenceProblem::{Characters, Digest, EmptyPart, ImageId, Registry, Tag, TooLong, UpperCase};
        refused(HEX, ImageId, HEX);
        refused("", EmptyPart, "");
        refused("host.:5/x", Registry, "host.:5");
        refused("my_host.example/app", Registry, "my_host.example");
        refused("ghcr.io//a:1", EmptyPart, "/a");
        refused("Debian:12", UpperCase, "Debian");
        refused("ghcr.io/a__-b@sha256:0", Characters, "a__-b");
        refused(&"a".repeat(250), TooLong, &"a".repeat(250));
        refused("a:-x", Tag, "-x");
        refused("host/a:1/b", Tag, "1/b");
        refused("ghcr.io/a:1@sha256:0", Digest, "sha256:0");
        let error = ImageReference::parse("a:1").unwrap().with_digest("md5:0").unwrap_err();
        assert_eq!((error.text(), error.text().get(error.range())), ("docker.io/library/a@md5:0", Some("md5:0")));
        let error = ImageReference::parse("a").unwrap().with_tag("").unwrap_err();
        assert_eq!(error.text(), "docker.io/library/a:");
    }
}
