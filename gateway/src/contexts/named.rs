//! Named contexts: what a user puts in the place of an image or a target with `--build-context`
//! (`moby/buildkit: frontend/dockerui/namedcontext.go`).
//!
//! Looks up and types; resolving images and loading files is the caller's.

use std::collections::BTreeMap;

use base64::Engine as _;
use oci_names::{ImageReference, ParseReferenceError, Platform};

use super::git::redacted;
use super::{ContextSource, GitRefError, parse_git_ref};
use crate::options::BuildOptions;

/// A name found among the opts.
///
/// ```
/// use buildkit_gateway::BuildOptions;
/// use buildkit_gateway::contexts::{NamedSource, named_context};
///
/// let opts = [("context:base".to_owned(), "docker-image://debian:12".to_owned())].into();
/// let options = BuildOptions::new(opts, String::new(), Vec::new(), String::new()).expect("no option is impossible");
/// let found = named_context(&options, "base", None)?.expect("the user gave one");
/// assert!(matches!(found.source, NamedSource::Image(_)));
/// # Ok::<(), buildkit_gateway::contexts::NamedContextError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamedContext {
    /// The name in its short form, with `::platform` if it was given for one; used in vertex names and shared keys.
    pub name: String,
    /// What it is.
    pub source: NamedSource,
    /// Shared key of a local one (`sharedkey:localdir:NAME`), part of its hint.
    pub shared_key: Option<String>,
}

/// What a name may be.
///
/// ```
/// use buildkit_gateway::BuildOptions;
/// use buildkit_gateway::contexts::{ContextSource, NamedSource, named_source};
///
/// let found = named_source(&BuildOptions::default(), "tools", "local:tools")?;
/// assert_eq!(found, NamedSource::Files(ContextSource::Local { name: "tools".to_owned() }));
/// # Ok::<(), buildkit_gateway::contexts::NamedContextError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamedSource {
    /// Nothing: an empty filesystem.
    Scratch,
    /// An image of a registry.
    Image(ImageReference),
    /// An image of a content store the client serves.
    OciLayout {
        /// The client's id of the store.
        store: String,
        /// The name looked up, with the digest; cosmetic.
        reference: ImageReference,
    },
    /// Files.
    Files(ContextSource),
    /// A graph attached to the build.
    Input {
        /// Its key in [`Bridge::inputs`](crate::Bridge::inputs).
        key: String,
        /// Image config of the graph's result, if it is an image.
        config: Option<Vec<u8>>,
    },
}

/// A named context that cannot be used.
///
/// ```
/// use buildkit_gateway::BuildOptions;
/// use buildkit_gateway::contexts::{NamedContextError, named_source};
///
/// let error = named_source(&BuildOptions::default(), "tools", "ftp://example.com/tools").expect_err("an odd scheme");
/// assert!(matches!(error, NamedContextError::Scheme { scheme, .. } if scheme == "ftp"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NamedContextError {
    /// The name looked up is not a valid image reference.
    #[error("invalid context name")]
    Name(#[source] ParseReferenceError),
    /// The value is not `scheme:…`.
    #[error("invalid context specifier {value:?} for {name}")]
    Specifier {
        /// The context.
        name: String,
        /// Its value.
        value: String,
    },
    /// An unknown scheme.
    #[error("unsupported context source {scheme} for {name}")]
    Scheme {
        /// The context.
        name: String,
        /// The scheme.
        scheme: String,
    },
    /// The image of the context is not a valid image reference.
    #[error("invalid image for context {name}")]
    Image {
        /// The context.
        name: String,
        /// What is wrong.
        source: ParseReferenceError,
    },
    /// An `oci-layout` without digest.
    #[error("the oci-layout reference {value:?} of context {name} has no digest")]
    NoDigest {
        /// The context.
        name: String,
        /// Its value.
        value: String,
    },
    /// A git URL that contradicts itself.
    #[error("invalid git repository for context {name}")]
    Git {
        /// The context.
        name: String,
        /// What is wrong.
        source: GitRefError,
    },
    /// `input-metadata:KEY` is unreadable.
    #[error("the metadata of input {key} is not a JSON object of base64 values")]
    InputMetadata {
        /// The input.
        key: String,
    },
}

/// Looks a name up: for the platform first, then for all. `None` means the name keeps its own meaning, as `scratch` and
/// `context` always do. Without a platform, this program's own is meant.
///
/// # Errors
/// If the name is not a valid image reference, or is something unusable.
pub fn named_context(
    options: &BuildOptions,
    name: &str,
    platform: Option<&Platform>,
) -> Result<Option<NamedContext>, NamedContextError> {
    if matches!(name, "scratch" | "context") {
        return Ok(None);
    }
    let image = ImageReference::parse(name).map_err(NamedContextError::Name)?;
    let familiar = image.familiar();
    let name = familiar.strip_suffix(":latest").unwrap_or(&familiar);
    let platform = platform.cloned().unwrap_or_else(Platform::host).normalized();
    for key in [format!("{name}::{platform}"), name.to_owned()] {
        if let Some(value) = options.named_contexts.get(&key) {
            return Ok(Some(NamedContext {
                source: typed_source(options, &image, &key, value)?,
                shared_key: options.shared_keys.get(&key).cloned(),
                name: key,
            }));
        }
    }
    Ok(None)
}

/// Types the identifier a source policy put in the place of a named image, so that resolving can start over with it.
///
/// `identifier` is `scheme://…` as in [`GatewayError::NotAnImage`](crate::GatewayError::NotAnImage).
///
/// # Errors
/// As [`named_context`].
pub fn named_source(options: &BuildOptions, name: &str, identifier: &str) -> Result<NamedSource, NamedContextError> {
    let image = ImageReference::parse(name).map_err(NamedContextError::Name)?;
    typed_source(options, &image, name, identifier)
}

fn typed_source(
    options: &BuildOptions,
    image: &ImageReference,
    name: &str,
    value: &str,
) -> Result<NamedSource, NamedContextError> {
    let (scheme, rest) = value
        .split_once(':')
        .ok_or_else(|| NamedContextError::Specifier { name: name.to_owned(), value: redacted(value) })?;
    let reference = rest.strip_prefix("//").unwrap_or(rest);
    let bad_image = |source| NamedContextError::Image { name: name.to_owned(), source };
    let git = || parse_git_ref(value).map_err(|source| NamedContextError::Git { name: name.to_owned(), source });
    match scheme {
        "docker-image" if reference == "scratch" => Ok(NamedSource::Scratch),
        "docker-image" => {
            Ok(NamedSource::Image(ImageReference::parse(reference).map_err(bad_image)?.with_default_tag()))
        }
        "oci-layout" => {
            let layout = ImageReference::parse(reference).map_err(bad_image)?;
            let Some(digest) = layout.digest() else {
                return Err(NamedContextError::NoDigest { name: name.to_owned(), value: value.to_owned() });
            };
            // A tag next to a digest adds nothing.
            Ok(NamedSource::OciLayout {
                store: layout.familiar_name(),
                reference: image.clone().with_digest(digest).map_err(bad_image)?,
            })
        }
        "local" => Ok(NamedSource::Files(ContextSource::Local { name: rest.to_owned() })),
        "http" | "https" => Ok(NamedSource::Files(match git()? {
            Some(git) => ContextSource::Git(git),
            None => ContextSource::Http { url: value.to_owned() },
        })),
        "input" => Ok(NamedSource::Input { key: rest.to_owned(), config: input_config(options, rest)? }),
        // `git@host:path` has no scheme, and clients do not send `ssh://` or other schemes.
        scheme if scheme == "git" || scheme.starts_with("git@") => match git()? {
            Some(git) => Ok(NamedSource::Files(ContextSource::Git(git))),
            None => Err(NamedContextError::Specifier { name: name.to_owned(), value: redacted(value) }),
        },
        scheme => Err(NamedContextError::Scheme { name: name.to_owned(), scheme: scheme.to_owned() }),
    }
}

fn input_config(options: &BuildOptions, key: &str) -> Result<Option<Vec<u8>>, NamedContextError> {
    let Some(json) = options.input_metadata.get(key) else {
        return Ok(None);
    };
    let unreadable = || NamedContextError::InputMetadata { key: key.to_owned() };
    let values: BTreeMap<String, Option<String>> = serde_json::from_str(json).map_err(|_| unreadable())?;
    values
        .get(crate::result::keys::IMAGE_CONFIG)
        .and_then(Option::as_ref)
        .map(|value| base64::engine::general_purpose::STANDARD.decode(value).map_err(|_| unreadable()))
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn options(opts: &[(&str, &str)]) -> BuildOptions {
        let opts = opts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        BuildOptions::new(opts, "session".into(), Vec::new(), String::new()).unwrap()
    }

    #[track_caller]
    fn lookup(opts: &[(&str, &str)], name: &str) -> Result<Option<NamedContext>, NamedContextError> {
        named_context(&options(opts), name, Some(&Platform::linux("arm64")))
    }

    #[track_caller]
    fn source(value: &str) -> Result<NamedSource, NamedContextError> {
        lookup(&[("context:base", value)], "base").map(|found| found.unwrap().source)
    }

    #[test]
    fn names_are_looked_up_in_their_short_form() {
        for name in ["debian", "debian:latest", "docker.io/library/debian:latest"] {
            assert!(lookup(&[("context:debian", "local:x")], name).unwrap().is_some(), "{name}");
        }
        assert_eq!(lookup(&[("context:debian", "local:x")], "debian:12").unwrap(), None);
        assert_eq!(lookup(&[("context:scratch", "local:x"), ("context:context", "local:x")], "scratch").unwrap(), None);
        assert_eq!(lookup(&[("context:context", "local:x")], "context").unwrap(), None);
    }

    #[test]
    fn the_platforms_own_comes_first() {
        let opts = [
            ("context:base", "local:all"),
            ("context:base::linux/arm64", "local:arm"),
            ("sharedkey:localdir:base::linux/arm64", "k"),
        ];
        let found = lookup(&opts, "base").unwrap().unwrap();
        assert_eq!(found.name, "base::linux/arm64");
        assert_eq!(found.source, NamedSource::Files(ContextSource::Local { name: "arm".into() }));
        assert_eq!(found.shared_key.as_deref(), Some("k"));
        let other = named_context(&options(&opts), "base", Some(&Platform::linux("amd64"))).unwrap().unwrap();
        assert_eq!((other.name.as_str(), other.shared_key), ("base", None));
    }

    #[test]
    fn every_kind() {
        assert_eq!(source("docker-image://scratch").unwrap(), NamedSource::Scratch);
        let NamedSource::Image(image) = source("docker-image://alpine").unwrap() else { panic!("no image") };
        assert_eq!(image.to_string(), "docker.io/library/alpine:latest");
        let NamedSource::OciLayout { store, reference } = source(&format!("oci-layout://store1:tag@{DIGEST}")).unwrap()
        else {
            panic!("no layout")
        };
        assert_eq!((store.as_str(), reference.to_string()), ("store1", format!("docker.io/library/base@{DIGEST}")));
        assert!(matches!(source("https://h/x.git").unwrap(), NamedSource::Files(ContextSource::Git(_))));
        assert!(matches!(source("git://h/x").unwrap(), NamedSource::Files(ContextSource::Git(_))));
        assert!(matches!(source("git@h:x").unwrap(), NamedSource::Files(ContextSource::Git(_))));
        assert_eq!(
            source("https://h/x").unwrap(),
            NamedSource::Files(ContextSource::Http { url: "https://h/x".into() })
        );
        let opts = [("context:base", "input:k"), ("input-metadata:k", r#"{"containerimage.config":"e30=","x":null}"#)];
        let found = lookup(&opts, "base").unwrap().unwrap();
        assert_eq!(found.source, NamedSource::Input { key: "k".into(), config: Some(b"{}".to_vec()) });
    }

    #[test]
    fn what_cannot_be_used() {
        assert!(matches!(source("nothing"), Err(NamedContextError::Specifier { .. })));
        assert!(matches!(source("target:x"), Err(NamedContextError::Scheme { .. })));
        assert!(matches!(source("docker-image://UPPER"), Err(NamedContextError::Image { .. })));
        assert!(matches!(source("oci-layout://store1"), Err(NamedContextError::NoDigest { .. })));
        assert!(matches!(source("oci-layout://store1@sha256:0"), Err(NamedContextError::Image { .. })));
        assert!(matches!(source("https://h/x.git?no=1"), Err(NamedContextError::Git { .. })));
        let opts = [("context:base", "input:k"), ("input-metadata:k", "[]")];
        assert!(matches!(lookup(&opts, "base"), Err(NamedContextError::InputMetadata { .. })));
        assert!(matches!(lookup(&[], "NOT AN IMAGE"), Err(NamedContextError::Name(_))));
    }
}
