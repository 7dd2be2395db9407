//! Output destinations: parses `-o/--output`, and chooses the exporters that a daemon needs for these, `--push`, `--load` and
//! tags (docker/buildx: `util/buildflags/export.go`, `build/opt.go`; moby/buildkit: `exporter/*`).
//!
//! This module only plans. The daemon exports, the session receives, and [`crate::engine`] loads and pushes if the daemon
//! can't.

mod attribute;
mod error;
mod facts;
mod plan;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

pub use self::error::OutputError;
pub use self::facts::{DaemonFacts, LoadEngine};
pub use self::plan::{Export, OutputOptions, OutputPlan, Target, plan_outputs};

use buildkit_proto::go::parse_bool;
use buildkit_proto::keys::{exporter, exporter_attr};

use crate::flag::{FlagError, Pairs, fields, suggestion};
use crate::solve::ExporterKind;

const FLAG: &str = "--output";
/// buildx's name for a result that stays in the cache (`docker/buildx: build/opt.go`).
const CACHE_ONLY: &str = "cacheonly";
/// buildx's name for an image that is pushed (`docker/buildx: util/buildflags/export.go`).
const REGISTRY: &str = "registry";
/// A client-side attribute: the Docker context of the Engine to load into.
const CONTEXT: &str = "context";

/// A kind of output.
///
/// ```
/// use buildkit_client::output::{Output, OutputKind};
///
/// let archive: Output = "type=oci,dest=app.tar".parse()?;
/// assert!(archive.kind == OutputKind::Oci && archive.kind.is_image());
/// # Ok::<(), buildkit_client::flag::FlagError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum OutputKind {
    /// An image in the daemon's store or in a registry.
    Image,
    /// An OCI archive.
    Oci,
    /// A Docker archive, or an image in the Engine if there is no destination.
    Docker,
    /// Files in a folder.
    Local,
    /// Files in a tar archive.
    Tar,
    /// Nothing: the result stays in the daemon's cache.
    CacheOnly,
}

/// The properties of an output kind.
struct Form {
    name: &'static str,
    /// BuildKit's exporter for it; the BuildKit of an Engine may need a different one.
    exporter: Option<ExporterKind>,
    destinations: Destinations,
    /// Its own attributes, and the attributes it shares with other kinds.
    attrs: [&'static [&'static str]; 2],
}

/// The destinations that an output kind supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Destinations {
    /// Nothing is sent to the client.
    Nothing,
    /// A folder.
    Folder,
    /// A file or standard output.
    File,
    /// A file or standard output, or the Engine if there is no destination.
    FileOrEngine,
}

impl OutputKind {
    const ALL: [Self; 6] = [Self::Image, Self::Oci, Self::Docker, Self::Local, Self::Tar, Self::CacheOnly];

    fn form(self) -> Form {
        let (name, exporter, destinations, attrs): (_, _, _, [&'static [&'static str]; 2]) = match self {
            Self::Image => {
                let attrs: [&[&str]; 2] = [&attribute::IMAGE, &attribute::IMAGE_FORMAT];
                (exporter::IMAGE, Some(ExporterKind::Image), Destinations::Nothing, attrs)
            }
            Self::Oci => {
                let attrs: [&[&str]; 2] = [&attribute::ARCHIVE, &attribute::IMAGE_FORMAT];
                (exporter::OCI, Some(ExporterKind::Oci), Destinations::File, attrs)
            }
            Self::Docker => {
                let attrs: [&[&str]; 2] = [&attribute::ARCHIVE, &attribute::IMAGE_FORMAT];
                (exporter::DOCKER, Some(ExporterKind::Docker), Destinations::FileOrEngine, attrs)
            }
            Self::Local => (
                exporter::LOCAL,
                Some(ExporterKind::Local),
                Destinations::Folder,
                [&attribute::LOCAL, &attribute::FILES],
            ),
            Self::Tar => (exporter::TAR, Some(ExporterKind::Tar), Destinations::File, [&[], &attribute::FILES]),
            Self::CacheOnly => (CACHE_ONLY, None, Destinations::Nothing, [&[], &[]]),
        };
        Form { name, exporter, destinations, attrs }
    }

    /// BuildKit's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.form().name
    }

    /// Whether it is an image, which has a name, a config and annotations, and not files.
    #[must_use]
    pub fn is_image(self) -> bool {
        self.form().exporter.is_some_and(|exporter| exporter.makes_image())
    }
}

/// The destination of an archive or folder.
///
/// ```
/// use buildkit_client::output::{Destination, Output};
///
/// let folder: Output = "out".parse()?;
/// assert_eq!(folder.dest, Some(Destination::Path("out".into())));
/// let archive: Output = "-".parse()?;
/// assert_eq!(archive.dest, Some(Destination::Stdout));
/// # Ok::<(), buildkit_client::flag::FlagError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A file or folder.
    Path(PathBuf),
    /// Standard output.
    Stdout,
}

/// One value of `--output`. All its attributes are known to the exporter; the daemon checks their values.
///
/// ```
/// use buildkit_client::output::{Output, OutputKind};
///
/// let image: Output = "type=registry,name=registry.example/app".parse()?;
/// assert_eq!((image.kind, image.attrs["push"].as_str()), (OutputKind::Image, "true"));
/// # Ok::<(), buildkit_client::flag::FlagError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The kind of output.
    pub kind: OutputKind,
    /// `dest`.
    pub dest: Option<Destination>,
    /// All other attributes.
    pub attrs: BTreeMap<String, String>,
}

impl Output {
    /// An output without attributes.
    #[must_use]
    pub fn new(kind: OutputKind) -> Self {
        Self { kind, dest: None, attrs: BTreeMap::new() }
    }

    /// Applies `--push` and `type=registry`. A pushed image need not be unpacked.
    fn set_push(&mut self) {
        self.attrs.insert(exporter_attr::PUSH.to_owned(), "true".to_owned());
        self.attrs.entry(exporter_attr::UNPACK.to_owned()).or_insert_with(|| "false".to_owned());
    }

    /// Whether the image is pushed.
    fn is_pushed(&self) -> bool {
        self.flag(exporter_attr::PUSH)
    }

    /// A boolean attribute as the daemon reads it: an empty value means true.
    fn flag(&self, key: &str) -> bool {
        self.attrs.get(key).is_some_and(|value| value.is_empty() || parse_bool(value) == Some(true))
    }
}

impl FromStr for Output {
    type Err = FlagError;

    fn from_str(text: &str) -> Result<Self, FlagError> {
        let wrong = |problem: String| FlagError::new(FLAG, text, problem);
        let bare = fields(text).map_err(|problem| wrong(problem.to_owned()))?;
        if matches!(bare.as_slice(), [only] if only == text && !text.starts_with("type=")) {
            let (kind, dest) = match text {
                "-" => (OutputKind::Tar, Destination::Stdout),
                path => (OutputKind::Local, Destination::Path(path.into())),
            };
            return Ok(Self { dest: Some(dest), ..Self::new(kind) });
        }
        let mut pairs = Pairs::parse(FLAG, text)?;
        let name = pairs.take("type").filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| wrong("type=… is missing".to_owned()))?;
        let dest = pairs.take("dest").filter(|dest| !dest.is_empty()).map(|dest| match dest.as_str() {
            "-" => Destination::Stdout,
            path => Destination::Path(path.into()),
        });
        let kind = OutputKind::ALL.into_iter().find(|kind| kind.name() == name);
        let kind = match (kind, name.as_str()) {
            (Some(kind), _) => kind,
            (None, REGISTRY) => OutputKind::Image,
            (None, other) => {
                let names = OutputKind::ALL.iter().map(|kind| kind.name()).chain([REGISTRY]);
                return Err(wrong(format!("unknown type {other:?}{}", suggestion(other, names))));
            }
        };
        let mut output = Self { kind, dest, attrs: pairs.into_rest() };
        if output.dest.is_some() && kind.form().destinations == Destinations::Nothing {
            return Err(wrong(format!("type {name} does not support dest")));
        }
        attribute::check(kind, &output.attrs).map_err(wrong)?;
        if name == REGISTRY {
            output.set_push();
        }
        Ok(output)
    }
}

#[cfg(test)]
mod tests;
