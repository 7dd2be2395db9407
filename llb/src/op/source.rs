//! Sources: content from outside. Here: registry images and directories of the client.
//!
//! Attribute names are those of `moby/buildkit: solver/pb/attr.go`. Nothing is resolved here; references arrive normalised.

use std::collections::BTreeMap;

use crate::platform::Platform;

/// Content from outside (`SourceOp`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub(crate) identifier: String,
    pub(crate) attrs: BTreeMap<String, String>,
    /// Only image sources are platform specific (`client/llb/source.go`).
    pub(crate) platform: Option<Platform>,
}

/// Where an image reference is looked up (`image.resolvemode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolveMode {
    /// The daemon's own choice; on the wire this is no attribute at all.
    Default,
    /// Always ask the registry.
    Pull,
    /// Prefer what the daemon has.
    Local,
}

impl Source {
    /// An image (`docker-image://`). `reference` is fully normalised (`docker.io/library/debian:bookworm-slim`), best with a
    /// digest; a reference without tag and digest is refused by the daemon.
    #[must_use]
    pub fn image(reference: &str, platform: Platform) -> Self {
        Self { identifier: format!("docker-image://{reference}"), attrs: BTreeMap::new(), platform: Some(platform) }
    }

    /// A directory of the client (`local://`).
    #[must_use]
    pub fn local(local: LocalSource) -> Self {
        let LocalSource { name, session, include, exclude, follow, shared_key_hint, unique } = local;
        let list = |patterns: Vec<String>| serde_json::Value::from(patterns).to_string();
        let mut attrs = BTreeMap::new();
        let mut set = |key: &str, value: String| {
            if !value.is_empty() {
                attrs.insert(key.to_owned(), value);
            }
        };
        set("local.session", session.unwrap_or_default());
        set("local.unique", unique.unwrap_or_default());
        set("local.includepattern", if include.is_empty() { String::new() } else { list(include) });
        set("local.excludepatterns", if exclude.is_empty() { String::new() } else { list(exclude) });
        set("local.followpaths", if follow.is_empty() { String::new() } else { list(follow) });
        set("local.sharedkeyhint", shared_key_hint.unwrap_or_default());
        Self { identifier: format!("local://{name}"), attrs, platform: None }
    }

    /// Where the image is looked up.
    #[must_use]
    pub fn with_resolve_mode(mut self, mode: ResolveMode) -> Self {
        let value = match mode {
            ResolveMode::Default => "default",
            ResolveMode::Pull => "pull",
            ResolveMode::Local => "local",
        };
        self.attrs.insert("image.resolvemode".to_owned(), value.to_owned());
        self
    }

    /// The identifier, `scheme://…`.
    #[must_use]
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// The attributes.
    #[must_use]
    pub fn attrs(&self) -> &BTreeMap<String, String> {
        &self.attrs
    }
}

/// A directory that the client's session serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalSource {
    /// The name under which the session serves it.
    pub name: String,
    /// The session; without one, any session of the build may serve it.
    pub session: Option<String>,
    /// Only what matches.
    pub include: Vec<String>,
    /// Not what matches.
    pub exclude: Vec<String>,
    /// Only these paths, and what symbolic links among them point at.
    pub follow: Vec<String>,
    /// Names the daemon's copy to update; different filters under one hint throw each other's copy away.
    pub shared_key_hint: Option<String>,
    /// Salt for the digest where there is no session.
    pub unique: Option<String>,
}

impl LocalSource {
    /// A whole directory.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}
