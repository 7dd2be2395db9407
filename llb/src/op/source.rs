//! Sources: content from outside. One file for each scheme; here is what they have in common.
//!
//! Nothing is resolved here; references arrive normalized.

mod blob;
mod git;
mod git_url;
mod http;
mod image;
mod local;
mod permissions;

use std::collections::BTreeMap;

use buildkit_proto::keys::attr;
use buildkit_proto::{map, pb};
use oci_names::Platform;

pub use blob::{BlobSource, BlobStore};
pub use git::{GitBundle, GitMtime, GitSignature, GitSource};
pub(crate) use git_url::{DEFAULT_HEADER, DEFAULT_TOKEN};
pub use git_url::{GitRemote, GitSsh, GitUrlError};
pub use http::{HttpSignature, HttpSource};
pub use image::{ImageSource, OciLayoutSource, ResolveMode};
pub use local::{Differ, LocalSource, MetadataOnly};
pub use permissions::Permissions;

/// Content from outside (`SourceOp`): an identifier `scheme://…` and attributes.
///
/// Each scheme has a type whose fields are its attributes: [`ImageSource`], [`OciLayoutSource`], [`BlobSource`],
/// [`LocalSource`], [`GitSource`], [`HttpSource`]. All of them turn into this one.
///
/// ```
/// use buildkit_llb::{GitSource, GraphBuilder, HttpSource, LocalSource, Platform, Source};
///
/// let mut graph = GraphBuilder::new();
/// graph.source(Source::image("docker.io/library/debian:bookworm-slim", Platform::linux("amd64")));
/// graph.source(LocalSource::new("context"));
/// graph.source(HttpSource::new("https://example.com/file.txt"));
/// let git = Source::from(GitSource::parse("https://github.com/moby/buildkit.git#v0.32.2:docs")?);
/// assert_eq!(git.identifier(), "git://github.com/moby/buildkit.git#v0.32.2:docs");
/// # Ok::<(), buildkit_llb::GitUrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub(crate) identifier: String,
    pub(crate) attrs: BTreeMap<String, String>,
    /// Only images and OCI layouts are platform specific (`client/llb/source.go`).
    /// Boxed, because an op of any kind is as large as the largest.
    pub(crate) platform: Option<Box<Platform>>,
    pub(crate) filters: Vec<String>,
}

impl Source {
    /// An image (`docker-image://`). `reference` is fully normalised (`docker.io/library/debian:bookworm-slim`), best with a
    /// digest; a reference without tag and digest is refused by the daemon. More is in [`ImageSource`].
    #[must_use]
    pub fn image(reference: &str, platform: Platform) -> Self {
        ImageSource::new(reference, platform).into()
    }

    /// A directory of the client (`local://`).
    #[must_use]
    pub fn local(local: LocalSource) -> Self {
        local.into()
    }

    /// Any source, for schemes and attributes that have no type here. `platform` only where the daemon looks at it.
    #[must_use]
    pub fn other(identifier: impl Into<String>, attrs: BTreeMap<String, String>, platform: Option<Platform>) -> Self {
        Self { identifier: identifier.into(), attrs, platform: platform.map(Box::new), filters: Vec::new() }
    }

    /// Only workers that match this containerd filter; part of the digest.
    #[must_use]
    pub fn with_worker_filter(mut self, filter: impl Into<String>) -> Self {
        self.filters.push(filter.into());
        self
    }

    /// The identifier, `scheme://…`.
    #[must_use]
    pub fn identifier(&self) -> &str {
        &self.identifier
    }

    /// What is before the identifier's `://`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.identifier.split_once("://").map_or("", |(scheme, _)| scheme)
    }

    /// The attributes.
    #[must_use]
    pub fn attrs(&self) -> &BTreeMap<String, String> {
        &self.attrs
    }

    pub(crate) fn to_pb(&self) -> pb::SourceOp {
        pb::SourceOp { identifier: self.identifier.clone(), attrs: map::to_strings(&self.attrs) }
    }

    /// The op in a wire message, as far as this type can express it; the caller compares the bytes.
    pub(crate) fn from_pb(op: &pb::SourceOp, platform: Option<Platform>, filters: Vec<String>) -> Self {
        let platform = platform.map(Box::new);
        Self { identifier: op.identifier.clone(), attrs: map::from_strings(&op.attrs), platform, filters }
    }
}

/// Attributes while they are collected: what is empty is left out, as Go's client leaves it out.
#[derive(Default)]
struct Attrs(BTreeMap<String, String>);

impl Attrs {
    fn text(&mut self, key: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.0.insert(key.to_owned(), value);
        }
    }

    fn flag(&mut self, key: &str, value: bool) {
        self.text(key, if value { "true" } else { "" });
    }

    /// A number of which zero means "not set".
    fn number(&mut self, key: &str, value: u32) {
        self.text(key, if value == 0 { String::new() } else { value.to_string() });
    }

    fn list(&mut self, key: &str, values: Vec<String>) {
        self.text(key, if values.is_empty() { String::new() } else { json_list(values) });
    }

    /// The name, mode and owner of the one file that a source makes.
    fn file(&mut self, filename: &str, permissions: Option<Permissions>, uid: u32, gid: u32) {
        self.text(attr::HTTP_FILENAME, filename);
        let octal = permissions.map(|permissions| format!("0{:o}", permissions.bits()));
        self.text(attr::HTTP_PERM, octal.unwrap_or_default());
        self.number(attr::HTTP_UID, uid);
        self.number(attr::HTTP_GID, gid);
    }
}

/// A list as Go's `encoding/json` writes it: text that means something to HTML is escaped.
pub(crate) fn json_list(values: Vec<String>) -> String {
    let mut escaped = String::new();
    for character in serde_json::Value::from(values).to_string().chars() {
        match character {
            '<' => escaped += "\\u003c",
            '>' => escaped += "\\u003e",
            '&' => escaped += "\\u0026",
            '\u{2028}' => escaped += "\\u2028",
            '\u{2029}' => escaped += "\\u2029",
            other => escaped.push(other),
        }
    }
    escaped
}
