//! The text form of platforms: `os[(version+feature…)][/architecture[/variant]]`, or a single word.
//!
//! Spelling is `known`'s; this file splits and checks characters (`containerd/platforms: platforms.go`).

use std::ops::Range;

use super::Platform;
use super::known::{is_known_architecture, is_known_os, normal_architecture, normal_os};

/// Text that is not a valid platform.
///
/// ```
/// use oci_names::{Platform, PlatformProblem};
///
/// let error = Platform::parse("linux/amd 64").expect_err("a blank");
/// assert_eq!(error.problem(), PlatformProblem::Component);
/// assert_eq!(&error.text()[error.range()], "amd 64");
/// assert!(error.to_string().starts_with(r#""linux/amd 64" is not a valid platform: "#));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid platform: {problem}")]
pub struct ParsePlatformError {
    text: String,
    range: Range<usize>,
    problem: PlatformProblem,
}

impl ParsePlatformError {
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
    pub fn problem(&self) -> PlatformProblem {
        self.problem
    }
}

/// What is wrong with a text that is not a valid platform.
///
/// ```
/// use oci_names::PlatformProblem;
///
/// assert_eq!(PlatformProblem::TooManyParts.to_string(), "expected os[/architecture[/variant]]");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlatformProblem {
    /// The part before the first `/` has other characters than an operating system.
    #[error("an operating system has letters, digits, `_` and `-`, and a version and features in parentheses")]
    OperatingSystem,
    /// A version or feature has a `%` that begins no escape.
    #[error("a `%` is not followed by two hexadecimal digits")]
    Escape,
    /// An architecture or variant is empty or has other characters than one.
    #[error("an architecture or variant has letters, digits, `_`, `.` and `-`")]
    Component,
    /// More than three parts.
    #[error("expected os[/architecture[/variant]]")]
    TooManyParts,
    /// A single word that is not known.
    #[error("not a known operating system or architecture")]
    UnknownWord,
}

pub(super) fn parse(text: &str) -> Result<Platform, ParsePlatformError> {
    let fail = |range, problem| ParsePlatformError { text: text.to_owned(), range, problem };
    let (first, rest) = text.split_once('/').map_or((text, None), |(first, rest)| (first, Some(rest)));
    let platform = parse_os(first).map_err(|problem| fail(0..first.len(), problem))?;
    let mut components = Vec::new();
    let mut start = first.len() + 1;
    for component in rest.into_iter().flat_map(|rest| rest.split('/')) {
        let range = start..start + component.len();
        start = range.end + 1;
        if components.len() == 2 {
            return Err(fail(range.start - 1..text.len(), PlatformProblem::TooManyParts));
        }
        if !is_component(component) {
            return Err(fail(range, PlatformProblem::Component));
        }
        components.push(component.to_owned());
    }
    let mut components = components.into_iter();
    let Some(architecture) = components.next() else {
        return single_word(first, platform).ok_or_else(|| fail(0..text.len(), PlatformProblem::UnknownWord));
    };
    let variant = components.next().unwrap_or_default();
    Ok(Platform { architecture, variant, ..platform }.normalized())
}

/// A platform of which one half is the host's; `None` for a word that is neither half.
fn single_word(word: &str, platform: Platform) -> Option<Platform> {
    let host = Platform::host();
    if is_known_os(&normal_os(&platform.os)) {
        let Platform { architecture, variant, .. } = host;
        return Some(Platform { architecture, variant, ..platform }.normalized());
    }
    let (architecture, variant) = normal_architecture(word, "");
    is_known_architecture(&architecture).then_some(Platform { architecture, variant, ..host })
}

/// Splits `windows(10.0.17763+win32k)` into its name, version and features.
fn parse_os(text: &str) -> Result<Platform, PlatformProblem> {
    let (name, options) = match text.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')').ok_or(PlatformProblem::OperatingSystem)?),
        None => (text, ""),
    };
    let is_word = |text: &str, others: &[u8]| text.bytes().all(|b| b.is_ascii_alphanumeric() || others.contains(&b));
    if name.is_empty() || !is_word(name, b"_-") || !is_word(options, b"_-.%+") {
        return Err(PlatformProblem::OperatingSystem);
    }
    let (version, features) = options.split_once('+').map_or((options, None), |(version, rest)| (version, Some(rest)));
    let features: Vec<&str> = features.into_iter().flat_map(|features| features.split('+')).collect();
    if features.contains(&"") {
        return Err(PlatformProblem::OperatingSystem);
    }
    let os_version = decode_option(version)?;
    let os_features = features.into_iter().map(decode_option).collect::<Result<_, _>>()?;
    Ok(Platform { os: name.to_owned(), os_version, os_features, ..Platform::default() })
}

/// An architecture or variant. Go reads `.` and `..` as folders when it writes the id.
fn is_component(text: &str) -> bool {
    let is_word = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    is_word && !matches!(text, "" | "." | "..")
}

/// Escapes what has a meaning in the text form.
pub(super) fn encode_option(text: &str) -> String {
    text.replace('%', "%25").replace('+', "%2B").replace('(', "%28").replace(')', "%29").replace('/', "%2F")
}

/// `url.PathUnescape` of Go.
fn decode_option(text: &str) -> Result<String, PlatformProblem> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).ok_or(PlatformProblem::Escape)?;
        let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
        let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex).ok_or(PlatformProblem::Escape)?;
        bytes.push(byte);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| PlatformProblem::Escape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, id: &str) {
        assert_eq!(parse(text).unwrap().to_string(), id);
    }

    #[track_caller]
    fn refused(text: &str, problem: PlatformProblem, part: &str) {
        let error = parse(text).unwrap_err();
        assert_eq!((error.problem(), error.text().get(error.range())), (problem, Some(part)), "{text:?}");
    }

    #[test]
    fn one_half_alone() {
        let host = Platform::host();
        check("linux", &Platform { os: "linux".into(), ..host.clone() }.to_string());
        check("riscv64", &Platform { architecture: "riscv64".into(), variant: String::new(), ..host }.to_string());
    }

    #[test]
    fn versions_and_features() {
        check("windows(10.0.17763+win32k+a)/amd64", "windows(10.0.17763+a+win32k)/amd64");
        check("linux()/amd64", "linux/amd64");
        let escaped = parse("windows(1%2B2)/amd64").unwrap();
        assert_eq!((escaped.os_version.as_str(), escaped.to_string().as_str()), ("1+2", "windows(1%2B2)/amd64"));
    }

    #[test]
    fn an_error_says_where() {
        use PlatformProblem::{Component, Escape, OperatingSystem, TooManyParts, UnknownWord};
        refused("", OperatingSystem, "");
        refused("lin ux/amd64", OperatingSystem, "lin ux");
        refused("windows(1/amd64", OperatingSystem, "windows(1");
        refused("windows(1++a)/amd64", OperatingSystem, "windows(1++a)");
        refused("windows(%zz)/amd64", Escape, "windows(%zz)");
        refused("windows(%ff)/amd64", Escape, "windows(%ff)");
        refused("windows(%+f)/amd64", Escape, "windows(%+f)");
        refused("linux/*", Component, "*");
        refused("linux/", Component, "");
        refused("linux//v7", Component, "");
        refused("linux/..", Component, "..");
        refused("linux/arm/v7/x/y", TooManyParts, "/x/y");
        refused("i686", UnknownWord, "i686");
        refused("arm64(1)", UnknownWord, "arm64(1)");
    }
}
