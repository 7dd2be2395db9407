//! Exporters, which turn the result of a build into an image, an archive or files.

use std::collections::BTreeMap;
use std::fmt;

use buildkit_proto::go::parse_bool;
use buildkit_proto::keys::exporter;

/// An exporter with its attributes.
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
    /// The kind of exporter.
    pub kind: ExporterKind,
    /// Attributes for the daemon ([`buildkit_proto::keys::exporter_attr`]), which silently ignores unknown ones.
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

    /// The value of a boolean attribute, if it is set to one (Go: `strconv.ParseBool`).
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

/// Kinds of exporters ([`buildkit_proto::keys::exporter`]).
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
    /// An image in the store of a Docker Engine, exported by the Engine's own BuildKit.
    Moby,
    /// An exporter that this crate does not know.
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

    /// Whether it exports an image, which has a name, a config and annotations, and not files.
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
