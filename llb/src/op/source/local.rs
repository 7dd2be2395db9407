//! Local: a directory that the client's session serves.

use buildkit_proto::keys::attr;

use super::{Attrs, Source};

/// A directory that the client's session serves (`local://`).
///
/// ```
/// use buildkit_llb::{LocalSource, Source};
///
/// let source = Source::from(LocalSource {
///     follow: vec!["src".to_owned()],
///     shared_key_hint: Some("context".to_owned()),
///     ..LocalSource::new("context")
/// });
/// assert_eq!(source.attrs()["local.followpaths"], r#"["src"]"#);
/// ```
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
    /// Salt for the digest where there is no session. Go's client takes a random one; without a salt equal sources are one op.
    pub unique: Option<String>,
    /// How the daemon finds out which files changed (`local.differ`). A daemon that does not know it ignores it; note
    /// [`requiring`](crate::Note::requiring) `source.local.differ` where that would be wrong.
    pub differ: Option<Differ>,
    /// Names and sizes instead of content; needs the capability `source.local.metadatatransfer`.
    pub metadata_only: Option<MetadataOnly>,
}

/// How the daemon finds out which files it has to ask for again.
///
/// ```
/// use buildkit_llb::{Differ, LocalSource, Source};
///
/// let small = LocalSource { differ: Some(Differ::None), ..LocalSource::new("dockerfile") };
/// assert_eq!(Source::from(small).attrs()["local.differ"], "none");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Differ {
    /// It asks for all of them.
    None,
    /// By size, time, mode, owner and link.
    Metadata,
}

/// A source that transfers the result of `stat` instead of content.
///
/// ```
/// use buildkit_llb::{LocalSource, MetadataOnly, Source};
///
/// let names = LocalSource { metadata_only: Some(MetadataOnly::default()), ..LocalSource::new("context") };
/// assert_eq!(Source::from(names).attrs()["local.metadatatransfer"], "true");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MetadataOnly {
    /// Paths whose content is transferred nevertheless.
    pub except: Vec<String>,
}

impl LocalSource {
    /// A whole directory.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

impl From<LocalSource> for Source {
    fn from(local: LocalSource) -> Self {
        let LocalSource { name, session, include, exclude, follow, shared_key_hint, unique, differ, metadata_only } =
            local;
        let mut attrs = Attrs::default();
        attrs.text(attr::LOCAL_SESSION, session.unwrap_or_default());
        attrs.text(attr::LOCAL_UNIQUE, unique.unwrap_or_default());
        attrs.list(attr::LOCAL_INCLUDEPATTERN, include);
        attrs.list(attr::LOCAL_EXCLUDEPATTERNS, exclude);
        attrs.list(attr::LOCAL_FOLLOWPATHS, follow);
        attrs.text(attr::LOCAL_SHAREDKEYHINT, shared_key_hint.unwrap_or_default());
        let differ = differ.map(|differ| match differ {
            Differ::None => attr::LOCAL_DIFFER_NONE,
            Differ::Metadata => attr::LOCAL_DIFFER_METADATA,
        });
        attrs.text(attr::LOCAL_DIFFER, differ.unwrap_or_default());
        if let Some(MetadataOnly { except }) = metadata_only {
            attrs.flag(attr::LOCAL_METADATATRANSFER, true);
            attrs.list(attr::LOCAL_METADATATRANSFEREXCLUDE, except);
        }
        Self::other(format!("local://{name}"), attrs.0, None)
    }
}
