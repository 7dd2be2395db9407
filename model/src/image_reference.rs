//! Image references as Docker and BuildKit read them: the grammar of `distribution/reference`, `regexp.go`.
//!
//! Checks and says what is wrong, and writes references out in full. Resolves nothing.

use crate::fault::Fault;
use crate::quote::quote;
use crate::rules;
use crate::text::one_word;

/// `RepositoryNameTotalLengthMax` of `reference.go`.
const LONGEST_NAME: usize = 255;

/// Checks `[registry[:port]/]name[:tag][@digest]`.
pub(crate) fn image_reference(value: &str) -> Result<String, Fault> {
    one_word(value, "an image reference")?;
    let refuse = |why: &str| {
        Fault::new(&rules::IMAGE_REFERENCE, format!("{} is not an image reference", quote(value))).label(why)
    };
    if let Some(at) = value.find("://") {
        return Err(refuse("no scheme in front")
            .at(0..at + 3)
            .help("write the reference alone, such as `ghcr.io/my-team/base:1.2`"));
    }
    if value.contains('$') {
        return Err(refuse("variables are not expanded here"));
    }
    let (rest, digest) = match value.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (value, None),
    };
    if let Some(digest) = digest
        && !is_digest(digest)
    {
        return Err(refuse("not a digest")
            .at(rest.len() + 1..value.len())
            .help("a digest is `sha256:` and 64 hexadecimal digits"));
    }
    let last_slash = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match rest.get(last_slash..).and_then(|last| last.find(':')) {
        Some(at) => (rest.get(..last_slash + at).unwrap_or_default(), rest.get(last_slash + at + 1..)),
        None => (rest, None),
    };
    if let Some(tag) = tag
        && !is_tag(tag)
    {
        return Err(refuse("not a tag")
            .at(name.len() + 1..rest.len())
            .help("a tag has up to 128 letters, digits, `_`, `.` and `-`, and begins with none of the last two"));
    }
    repository(name).map_err(|why| {
        let help = if name.chars().any(char::is_uppercase) {
            "the name of an image is lower case"
        } else {
            "a reference looks like `debian:bookworm-slim` or `ghcr.io/my-team/base:1.2`"
        };
        refuse(why).at(0..name.len()).help(help)
    })?;
    Ok(value.to_owned())
}

/// The full form of a reference, as BuildKit wants it: registry, repository, and a tag or a digest.
///
/// A name without a registry is Docker Hub's, and one without a tag and digest means `latest` (`ParseNormalizedNamed` of `distribution/reference`, `normalize.go`).
///
/// ```
/// use imagespec::full_reference;
///
/// assert_eq!(full_reference("debian").as_deref(), Ok("docker.io/library/debian:latest"));
/// assert_eq!(full_reference("localhost:5000/a:1").as_deref(), Ok("localhost:5000/a:1"));
/// assert!(full_reference("Debian").is_err());
/// ```
///
/// # Errors
/// The text is no reference; the message says why.
pub fn full_reference(reference: &str) -> Result<String, String> {
    let checked = image_reference(reference).map_err(|fault| fault.label)?;
    let (rest, digest) = match checked.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (checked.as_str(), None),
    };
    let (name, tag) = match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (rest, None),
    };
    let is_registry =
        |first: &str| first.contains(['.', ':']) || first == "localhost" || first.chars().any(char::is_uppercase);
    let (registry, path) = match name.split_once('/') {
        Some((first, path)) if is_registry(first) => {
            (if first == "index.docker.io" { "docker.io" } else { first }, path)
        }
        _ => ("docker.io", name),
    };
    let library = if registry == "docker.io" && !path.contains('/') { "library/" } else { "" };
    let end = match (tag, digest) {
        (Some(tag), Some(digest)) => format!(":{tag}@{digest}"),
        (None, Some(digest)) => format!("@{digest}"),
        (tag, None) => format!(":{}", tag.unwrap_or("latest")),
    };
    Ok(format!("{registry}/{library}{path}{end}"))
}

/// Checks the name of the image to be built and makes it lower case.
pub(crate) fn image_name(value: &str) -> Result<String, Fault> {
    one_word(value, "an image name")?;
    let name = value.to_lowercase();
    if name.contains([':', '@']) {
        return Err(Fault::new(&rules::IMAGE_NAME, format!("{} holds more than the image's name", quote(value)))
            .label("has a tag or registry port")
            .help("the tag is computed from the spec; the registry goes into the field `registry`"));
    }
    match repository(&name) {
        Ok(()) => Ok(name),
        Err(why) => {
            Err(Fault::new(&rules::IMAGE_NAME, format!("{} cannot be an image's name", quote(value))).label(why))
        }
    }
}

/// Checks the registry and namespace of the image to be built and makes them lower case.
pub(crate) fn registry(value: &str) -> Result<String, Fault> {
    one_word(value, "a registry")?;
    let registry = value.to_lowercase();
    let refuse = |why: &str| {
        Fault::new(&rules::IMAGE_NAME, format!("{} is not a registry", quote(value)))
            .label(why)
            .help("a registry is a host and a namespace: `ghcr.io/my-team`, `docker.io/me`, `localhost:30000`")
    };
    if registry.contains("://") {
        return Err(refuse("no scheme in front"));
    }
    if registry.ends_with('/') {
        return Err(refuse("no `/` at the end"));
    }
    match repository(&format!("{registry}/x")) {
        Ok(()) => Ok(registry),
        Err(why) => Err(refuse(why)),
    }
}

/// What stands for the fingerprint in a `tag_format`.
pub(crate) const SPEC_HASH: &str = "{spec_hash}";

/// Checks how a tag is made: text of a tag, with `{spec_hash}` in it.
pub(crate) fn tag_format(value: &str) -> Result<String, Fault> {
    one_word(value, "a tag")?;
    let refuse = |why: &str| Fault::new(&rules::IMAGE_NAME, format!("{} makes no tag", quote(value))).label(why);
    if !value.contains(SPEC_HASH) {
        return Err(refuse("without `{spec_hash}`")
            .help("the hash tells images of different specs apart: `tag_format: \"{spec_hash}-dev\"`"));
    }
    // As long as the hash is.
    let tag = value.replace(SPEC_HASH, &"0".repeat(crate::fingerprint::DIGITS));
    if !is_tag(&tag) {
        return Err(refuse("not a tag")
            .help("a tag has up to 128 letters, digits, `_`, `.` and `-`, and begins with none of the last two"));
    }
    Ok(value.to_owned())
}

/// Checks `[domain[:port]/]component[/component…]`.
fn repository(name: &str) -> Result<(), &'static str> {
    if name.len() > LONGEST_NAME {
        return Err("longer than 255 characters");
    }
    if name.len() == 64 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err("looks like an image id");
    }
    // The first part is a host only if it could not be a namespace (`splitDockerDomain` in `normalize.go`).
    let path = match name.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':', '['])
                || first == "localhost"
                || first.chars().any(|c| c.is_ascii_uppercase()) =>
        {
            if !is_domain(first) {
                return Err("the part in front of the first `/` is not a host name");
            }
            rest
        }
        _ => name,
    };
    if path.split('/').all(is_component) {
        return Ok(());
    }
    Err(if path.is_empty() || path.split('/').any(str::is_empty) {
        "has an empty part"
    } else if path.chars().any(char::is_uppercase) {
        "has upper-case letters"
    } else {
        "has characters no image name may have"
    })
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let port_is_right = port.is_none_or(|port| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok());
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_is_right = match inner {
        Some(address) => !address.is_empty() && address.chars().all(|c| c.is_ascii_hexdigit() || c == ':'),
        None => host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        }),
    };
    port_is_right && host_is_right
}

/// `[a-z0-9]+ ((.|_|__|-+) [a-z0-9]+)*`
fn is_component(component: &str) -> bool {
    let is_alnum = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let edges = component.starts_with(is_alnum) && component.ends_with(is_alnum);
    edges
        && component
            .split(is_alnum)
            .all(|between| matches!(between, "" | "." | "_" | "__") || between.chars().all(|c| c == '-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    tag.len() <= 128 && tag.starts_with(word) && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'))
}

fn is_digest(digest: &str) -> bool {
    let Some((algorithm, hex)) = digest.split_once(':') else {
        return false;
    };
    let wanted = match algorithm {
        "sha256" => Some(64),
        "sha384" => Some(96),
        "sha512" => Some(128),
        _ => None,
    };
    wanted == Some(hex.len()) && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for good in [
            "debian",
            "debian:bookworm-slim",
            "ghcr.io/flyteorg/flytekit:py3.11-latest",
            "localhost:5000/a/b__c--d:X_1.2-3",
            "localhost/a",
            "Host.example/a",
            "[::1]:5000/a",
            "a/b/c",
            &format!("python:3.11@{digest}"),
            &format!("nvcr.io/nvidia/pytorch@{digest}"),
        ] {
            assert_eq!(image_reference(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "Debian",
            "a b",
            "a:",
            "a@",
            "a@sha256:12",
            "docker://a",
            "a//b",
            "/a",
            "a/",
            "-a",
            "a_",
            "a___b",
            "a..b",
            "a:b:c",
            "host:99999/a",
            "ho_st.x/a",
            "$BASE",
            "a:-x",
            &"a".repeat(256),
            &"ab".repeat(32),
        ] {
            assert!(image_reference(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_and_registries() {
        assert_eq!(image_name("FLYTEKIT").as_deref(), Ok("flytekit"));
        assert_eq!(image_name("a/b").as_deref(), Ok("a/b"));
        for bad in ["a:1", "a b", "", "a@b", "ü"] {
            assert!(image_name(bad).is_err(), "{bad}");
        }
        for good in ["localhost:30000", "ghcr.io/User", "docker.io/me", "me", "a.b-c.d:5000/x/y"] {
            assert_eq!(registry(good), Ok(good.to_lowercase()));
        }
        for bad in ["https://ghcr.io", "ghcr.io/", "a b", "", "ghcr.io/me:tag", "x@y"] {
            assert!(registry(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn full_form() {
        let check = |text: &str, expect: &str| assert_eq!(full_reference(text).as_deref(), Ok(expect));
        check("debian", "docker.io/library/debian:latest");
        check("python:3.11-slim", "docker.io/library/python:3.11-slim");
        check("me/app", "docker.io/me/app:latest");
        check("index.docker.io/me/app:1", "docker.io/me/app:1");
        check("docker.io/debian", "docker.io/library/debian:latest");
        check("ghcr.io/astral-sh/uv:0.9", "ghcr.io/astral-sh/uv:0.9");
        check("localhost/a", "localhost/a:latest");
        check("localhost:5000/a/b", "localhost:5000/a/b:latest");
        let digest = format!("sha256:{}", "0".repeat(64));
        check(&format!("debian@{digest}"), &format!("docker.io/library/debian@{digest}"));
        check(&format!("debian:12@{digest}"), &format!("docker.io/library/debian:12@{digest}"));
        check(&format!("localhost:5000/a@{digest}"), &format!("localhost:5000/a@{digest}"));
        assert!(full_reference("Debian").is_err() && full_reference("").is_err());
    }
}
