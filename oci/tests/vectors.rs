//! What the Go packages that BuildKit uses say of names (`testdata/vectors/names`), compared one by one.
//!
//! Uses the committed vectors and needs no Go: `just vectors` regenerates them.

use oci_names::{ImageReference, Platform, PlatformProblem, ReferenceProblem};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The lines of a file, without the first one, which names their source.
fn lines<T: DeserializeOwned>(text: &str) -> Vec<T> {
    let lines =
        text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")));
    lines.collect()
}

#[derive(Deserialize)]
struct PlatformLine {
    text: Option<String>,
    fields: Option<Platform>,
    #[serde(default)]
    parsed: String,
    platform: Option<Platform>,
    #[serde(default)]
    id: String,
    #[serde(default)]
    short: String,
}

#[test]
fn platforms_are_the_same_as_in_containerd() {
    let lines: Vec<PlatformLine> = lines(include_str!("../../testdata/vectors/names/platforms.jsonl"));
    assert!(lines.len() > 800, "{} lines", lines.len());
    for PlatformLine { text, fields, parsed, platform, id, short } in lines {
        let platform = platform.map(on_this_host);
        let (id, short, parsed) = (here(&id), here(&short), here(&parsed));
        let found = match (&text, fields) {
            (Some(text), None) => Platform::parse(text),
            (None, Some(fields)) => Ok(fields.normalized()),
            (text, fields) => panic!("neither text nor fields: {text:?} {fields:?}"),
        };
        match (found, platform) {
            (Ok(found), Some(platform)) => {
                assert_eq!(found, platform, "{text:?}");
                assert_eq!(found.to_string(), id, "{text:?}");
                let without = Platform { os_version: String::new(), os_features: Vec::new(), ..found.clone() };
                assert_eq!(without.to_string(), short, "{text:?}");
                assert_eq!(found.clone().normalized(), found, "{text:?}");
                // Of what was escaped, ids escape the signs of their own only.
                if text.is_some_and(|text| !text.contains('%')) {
                    assert_eq!(Platform::parse(&id).as_ref(), Ok(&found), "{id:?}");
                    assert_eq!(Platform::parse(&parsed).as_ref(), Ok(&found), "{parsed:?}");
                }
            }
            (Err(_), None) => {}
            // What Platform::parse refuses and Go accepts.
            (Err(error), Some(_)) => {
                let is_folder = matches!(error.text().get(error.range()), Some("." | ".."));
                let is_not_utf8 = error.problem() == PlatformProblem::Escape && error.text().contains("%ff");
                assert!(is_folder || is_not_utf8, "{error}");
            }
            (Ok(found), None) => panic!("{text:?} is {found}, and Go refuses it"),
        }
    }
}

/// The vectors say `HOST` for what the machine decides.
fn on_this_host(mut platform: Platform) -> Platform {
    let host = Platform::host();
    if platform.os == "HOST" {
        platform.os = host.os;
    }
    if platform.architecture == "HOST" {
        (platform.architecture, platform.variant) = (host.architecture, host.variant);
    }
    platform
}

fn here(text: &str) -> String {
    let Platform { os, architecture, variant, .. } = Platform::host();
    let architecture = if variant.is_empty() { architecture } else { format!("{architecture}/{variant}") };
    match text.strip_prefix("HOST/") {
        Some(rest) => format!("{os}/{rest}"),
        None => text.replace("/HOST", &format!("/{architecture}")),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ReferenceLine {
    text: String,
    domain: String,
    path: String,
    tag: Option<String>,
    digest: Option<String>,
    full: String,
    tagged: String,
    familiar: String,
    familiar_name: String,
}

#[test]
fn references_are_the_same_as_in_distribution() {
    let lines: Vec<ReferenceLine> = lines(include_str!("../../testdata/vectors/names/references.jsonl"));
    assert!(lines.len() > 1000, "{} lines", lines.len());
    for line in lines {
        let text = &line.text;
        let found = match (ImageReference::parse(text), line.full.as_str()) {
            (Ok(found), full) if !full.is_empty() => found,
            (Err(_), "") => continue,
            // What ImageReference::parse refuses and Go accepts.
            (Err(error), full) => {
                assert_eq!(
                    (error.problem(), line.domain.as_str()),
                    (ReferenceProblem::Registry, ""),
                    "{error}: {full}"
                );
                continue;
            }
            (Ok(found), _) => panic!("{text:?} is {found}, and Go refuses it"),
        };
        assert_eq!((found.registry(), found.repository()), (line.domain.as_str(), line.path.as_str()), "{text:?}");
        assert_eq!((found.tag(), found.digest()), (line.tag.as_deref(), line.digest.as_deref()), "{text:?}");
        assert_eq!(found.to_string(), line.full);
        assert_eq!((found.familiar(), found.familiar_name()), (line.familiar, line.familiar_name), "{text:?}");
        // The short form is not always another name for the same: Docker's `docker.io/localhost/a` is `localhost/a` there.
        assert_eq!(ImageReference::parse(&line.full).as_ref(), Ok(&found), "{text:?}");
        assert_eq!(found.with_default_tag().to_string(), line.tagged, "{text:?}");
    }
}
