//! Image references and names in specs: checks on top of the grammar of `oci-names`.
//!
//! Reports problems and their places. Resolves nothing.

use oci_names::{ImageReference, ReferenceProblem};

use crate::fault::Fault;
use crate::quote::quote;
use crate::rules;
use crate::text::one_word;

const TAG_HELP: &str = "a tag has up to 128 letters, digits, `_`, `.` and `-`, and begins with none of the last two";
const PORT: &str = "no port is larger than 65535";

/// Checks `[registry[:port]/]name[:tag][@digest]`.
pub(crate) fn image_reference(value: &str) -> Result<String, Fault> {
    one_word(value, "an image reference")?;
    let refuse = |why: &str| {
        Fault::new(&rules::IMAGE_REFERENCE, format!("{} is not a valid image reference", quote(value))).label(why)
    };
    if let Some(at) = value.find("://") {
        return Err(refuse("no scheme in front")
            .at(0..at + 3)
            .help("write the reference alone, such as `ghcr.io/my-team/base:1.2`"));
    }
    if value.contains('$') {
        return Err(refuse("variables are not expanded here"));
    }
    let reference = ImageReference::parse(value).map_err(|error| {
        let help = match error.problem() {
            ReferenceProblem::UpperCase => "the name of an image is lower case",
            ReferenceProblem::Tag => TAG_HELP,
            ReferenceProblem::Digest => "a digest is `sha256:` and 64 hexadecimal digits",
            _ => "a reference looks like `debian:bookworm-slim` or `ghcr.io/my-team/base:1.2`",
        };
        refuse(&label(error.problem())).at(error.range()).help(help)
    })?;
    if !is_port_possible(reference.registry()) {
        return Err(refuse(PORT).at(0..reference.registry().len()));
    }
    Ok(value.to_owned())
}

/// Checks the name of the image to be built and makes it lower case.
pub(crate) fn image_name(value: &str) -> Result<String, Fault> {
    one_word(value, "an image name")?;
    let name = value.to_lowercase();
    if name.contains([':', '@']) {
        return Err(Fault::new(&rules::IMAGE_NAME, format!("{} contains more than the image's name", quote(value)))
            .label("has a tag or registry port")
            .help("the tag is computed from the spec; the registry goes into the field `registry`"));
    }
    match ImageReference::parse(&name) {
        Ok(_) => Ok(name),
        Err(error) => Err(Fault::new(&rules::IMAGE_NAME, format!("{} cannot be an image's name", quote(value)))
            .label(label(error.problem()))),
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
    match ImageReference::parse(&format!("{registry}/x")) {
        Ok(reference) if !is_port_possible(reference.registry()) => Err(refuse(PORT)),
        Ok(_) => Ok(registry),
        Err(error) => Err(match error.problem() {
            ReferenceProblem::Tag | ReferenceProblem::Digest => refuse("has a tag or digest"),
            problem => refuse(&label(problem)),
        }),
    }
}

/// The placeholder for the fingerprint in a `tag_format`.
pub(crate) const SPEC_HASH: &str = "{spec_hash}";

/// Checks how a tag is made: text of a tag, with `{spec_hash}` in it.
pub(crate) fn tag_format(value: &str) -> Result<String, Fault> {
    one_word(value, "a tag")?;
    let refuse =
        |why: &str| Fault::new(&rules::IMAGE_NAME, format!("{} is not a valid tag format", quote(value))).label(why);
    if !value.contains(SPEC_HASH) {
        return Err(refuse("`{spec_hash}` is missing")
            .help("the hash tells images of different specs apart: `tag_format: \"{spec_hash}-dev\"`"));
    }
    // As long as the hash is.
    let tag = value.replace(SPEC_HASH, &"0".repeat(crate::fingerprint::DIGITS));
    if ImageReference::parse("image").and_then(|image| image.with_tag(&tag)).is_err() {
        return Err(refuse("not a tag").help(TAG_HELP));
    }
    Ok(value.to_owned())
}

/// A problem in few words, for the marker under the text.
fn label(problem: ReferenceProblem) -> String {
    match problem {
        ReferenceProblem::Tag => "not a tag".to_owned(),
        ReferenceProblem::Digest => "not a digest".to_owned(),
        problem => problem.to_string(),
    }
}

/// The grammar allows ports of any length; without this check a build would fail when it contacts the registry.
fn is_port_possible(registry: &str) -> bool {
    let port = registry.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
    port.is_none_or(|port| port.parse::<u16>().is_ok())
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
}
