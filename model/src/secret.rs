//! Secrets that install steps may read: what they are called, where they come from and where steps find them.
//!
//! The value of a secret is never part of a spec.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::diagnostic::Diagnostic;
use crate::fault::Fault;
use crate::invalid::Invalid;
use crate::path::image_path;
use crate::quote::quote;
use crate::rules;
use crate::source::Span;
use crate::text::{env_name, one_line, secret_id};

/// A secret that install steps may read.
///
/// ```
/// use imagespec::{SecretMount, SecretSource, SecretTarget};
///
/// let source = SecretSource::Env("PYPI_TOKEN".to_owned());
/// let target = SecretTarget::Env("UV_INDEX_PRIVATE_PASSWORD".to_owned());
/// assert_eq!(SecretMount::new("token", Some(source), target)?.id(), "token");
/// let error = SecretMount::new("netrc", None, SecretTarget::File("root/.netrc".to_owned())).expect_err("not absolute");
/// assert_eq!(error.code, "E020");
/// # Ok::<(), imagespec::Invalid>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretMount {
    id: String,
    source: Option<SecretSource>,
    target: SecretTarget,
}

/// Where the client reads a secret from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// A file of the client, relative to the spec file.
    File(String),
    /// An environment variable of the client.
    Env(String),
}

/// Where an install step reads a secret from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretTarget {
    /// A file; the path is clean, absolute and never `/`.
    File(String),
    /// An environment variable of the step.
    Env(String),
}

impl SecretMount {
    /// A secret with BuildKit's name for it. Without a source, the client is given the value for the id.
    ///
    /// # Errors
    /// The id, the source or the target is not valid (`E020`, `E021`, `E008`).
    pub fn new(id: &str, source: Option<SecretSource>, target: SecretTarget) -> Result<Self, Invalid> {
        let id = secret_id(id)?;
        let source = match source {
            None => None,
            Some(SecretSource::File(path)) => Some(file_source(&path)?),
            Some(SecretSource::Env(name)) => Some(env_source(&name)?),
        };
        let target = match target {
            SecretTarget::File(path) => file_target(&path)?,
            SecretTarget::Env(name) => env_target(&name)?,
        };
        Ok(Self::from_checked(id, source, target))
    }

    /// A secret whose parts have been checked one by one.
    pub(crate) const fn from_checked(id: String, source: Option<SecretSource>, target: SecretTarget) -> Self {
        Self { id, source, target }
    }

    /// BuildKit's name for the secret.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where the client finds the value.
    #[must_use]
    pub const fn source(&self) -> Option<&SecretSource> {
        self.source.as_ref()
    }

    /// Where the step finds the value.
    #[must_use]
    pub const fn target(&self) -> &SecretTarget {
        &self.target
    }
}

impl SecretTarget {
    /// The path or the name.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::File(text) | Self::Env(text) => text,
        }
    }
}

pub(crate) fn file_source(path: &str) -> Result<SecretSource, Fault> {
    one_line(path).map(|()| SecretSource::File(path.to_owned()))
}

pub(crate) fn env_source(name: &str) -> Result<SecretSource, Fault> {
    env_name(name).map(|()| SecretSource::Env(name.to_owned()))
}

pub(crate) fn file_target(path: &str) -> Result<SecretTarget, Fault> {
    image_path(path, &rules::SECRET).map(|()| SecretTarget::File(path.to_owned()))
}

pub(crate) fn env_target(name: &str) -> Result<SecretTarget, Fault> {
    env_name(name).map(|()| SecretTarget::Env(name.to_owned()))
}

/// Two secrets of one list cannot have the same target, and an id cannot have two sources. `place` is the place of an entry.
pub(crate) fn clashes(mounts: &[SecretMount], place: impl Fn(usize) -> Option<Span>) -> Vec<Diagnostic> {
    let mut targets: BTreeMap<&str, usize> = BTreeMap::new();
    let mut sources: BTreeMap<&str, usize> = BTreeMap::new();
    let mut found = Vec::new();
    let mut report = |message: String, (second, label): (usize, &str), (first, first_label): (usize, &str)| {
        let diagnostic = Diagnostic::new(&rules::SECRET, message);
        let diagnostic = diagnostic.with_label_at(place(second), label).with_label_at(place(first), first_label);
        found.push(diagnostic);
    };
    for (index, mount) in mounts.iter().enumerate() {
        if let Some(first) = targets.insert(mount.target.as_str(), index) {
            let message = format!("two secrets have the target {}", quote(mount.target.as_str()));
            report(message, (index, "second secret"), (first, "first secret"));
        }
        let first = *sources.entry(&mount.id).or_insert(index);
        if mounts.get(first).is_some_and(|other| other.source != mount.source) {
            let message = format!("the id {} is used for two different secrets", quote(&mount.id));
            report(message, (index, "another source"), (first, "first used here"));
        }
    }
    found
}
