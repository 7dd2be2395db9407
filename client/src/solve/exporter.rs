//! Exporters: what a daemon makes of a result, and where it goes.

use std::collections::BTreeMap;
use std::fmt;

use buildkit_proto::go::parse_bool;
use buildkit_proto::keys::exporter;

/// What a daemon makes of a result, and where it goes.
///
/// ```
/// use buildkit_client::solve::{Exporter, ExporterKind};
/// use buildkit_proto::keys::exporter_attr;
///
/// let image = Exporter::new(ExporterKind::Image).with_attr(exporter_attr::PUSH, "true");
/// assert_eq!(image.flag(exporter_attr::PUSH), Some(true));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exporter {
    /// What it makes.
    pub kind: ExporterKind,
    /// Attributes as the daemon takes them ([`buildkit_proto::keys::exporter_attr`]); it ignores unknown ones without a word.
    pub attrs: BTreeMap<String, String>,
}

impl Exporter {
    /// An exporter without attributes.
    #[must_use]
    pub fn new(kind: ExporterKind) -> Self {
        Self { kind, attrs: BTreeMap::new() }
    }

    /// Sets an attribute.
    #[must_use]
    pub fn with_attr(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attrs.insert(name.into(), value.into());
        self
    }

    /// What a yes-or-no attribute is set to, if to anything (Go: `strconv.ParseBool`).
    ///
    /// ```
    /// use buildkit_client::solve::{Exporter, ExporterKind};
    ///
    /// let exporter = Exporter::new(ExporterKind::Image).with_attr("push", "1");
    /// assert_eq!((exporter.flag("push"), exporter.flag("store")), (Some(true), None));
    /// ```
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.attrs.get(name).and_then(|text| parse_bool(text))
    }
}

/// What an exporter makes ([`buildkit_proto::keys::exporter`]).
///
/// ```
/// use buildkit_client::solve::ExporterKind;
///
/// assert_eq!(ExporterKind::from("oci"), ExporterKind::Oci);
/// assert_eq!(ExporterKind::from("mine").to_string(), "mine");
/// assert!(ExporterKind::Moby.makes_image() && !ExporterKind::Local.makes_image());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ExporterKind {
    /// An image in the daemon's store or in a registry.
    Image,
    /// An OCI archive.
    Oci,
    /// A Docker archive.
    Docker,
    /// Files in a folder.
    Local,
    /// Files in a tar archive.
    Tar,
    /// An image in the store of a Docker Engine, made by the Engine's own BuildKit.
    Moby,
    /// One that this crate does not know.
    Other(String),
}

impl ExporterKind {
    /// BuildKit's name for it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Image => exporter::IMAGE,
            Self::Oci => exporter::OCI,
            Self::Docker => exporter::DOCKER,
            Self::Local => exporter::LOCAL,
            Self::Tar => exporter::TAR,
            Self::Moby => exporter::MOBY,
            Self::Other(name) => name,
        }
    }

    /// Whether it makes an image, which has a name, a config and annotations, rather than files.
    #[must_use]
    pub fn makes_image(&self) -> bool {
        match self {
            Self::Image | Self::Oci | Self::Docker | Self::Moby => true,
            Self::Local | Self::Tar | Self::Other(_) => false,
        }
    }
}

impl From<&str> for ExporterKind {
    fn from(name: &str) -> Self {
        match name {
            exporter::IMAGE => Self::Image,
            exporter::OCI => Self::Oci,
            exporter::DOCKER => Self::Docker,
            exporter::LOCAL => Self::Local,
            exporter::TAR => Self::Tar,
            exporter::MOBY => Self::Moby,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for ExporterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_kinds_are_one_to_one() {
        for name in exporter::ALL {
            let kind = ExporterKind::from(*name);
            assert!(!matches!(kind, ExporterKind::Other(_)), "{name}");
            assert_eq!(kind.as_str(), *name);
        }
    }
}
