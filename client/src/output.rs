//! Where results go: the values of `-o/--output`, and together with `--push`, `--load` and tags the exporters that a given
//! daemon needs for it (docker/buildx: `util/buildflags/export.go`, `build/opt.go`; moby/buildkit: `exporter/*`).
//!
//! Decides; the daemon exports, the session receives, and [`crate::engine`] loads and pushes where the daemon can't.

mod attribute;
mod plan;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

pub use self::plan::{DaemonFacts, Export, LoadEngine, OutputError, OutputOptions, OutputPlan, Target, plan_outputs};

use crate::flag::{FlagError, Pairs, fields, suggestion};

const FLAG: &str = "--output";

/// A form of result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OutputKind {
    /// An image in the daemon's store or in a registry.
    Image,
    /// An OCI archive.
    Oci,
    /// A Docker archive, or without a destination an image in the Engine.
    Docker,
    /// Files in a folder.
    Local,
    /// Files in a tar archive.
    Tar,
    /// Nothing: the result stays in the daemon's cache.
    CacheOnly,
}

impl OutputKind {
    const ALL: [Self; 6] = [Self::Image, Self::Oci, Self::Docker, Self::Local, Self::Tar, Self::CacheOnly];

    /// BuildKit's name for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Oci => "oci",
            Self::Docker => "docker",
            Self::Local => "local",
            Self::Tar => "tar",
            Self::CacheOnly => "cacheonly",
        }
    }
}

/// Where an archive or folder goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A file or folder.
    Path(PathBuf),
    /// Standard output.
    Stdout,
}

/// One value of `--output`. Its attributes are ones the exporter knows; their values are the daemon's to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The form.
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

    /// What `--push` and `type=registry` stand for. Unpacking would only cost time for an image that is pushed.
    fn set_push(&mut self) {
        self.attrs.insert("push".to_owned(), "true".to_owned());
        self.attrs.entry("unpack".to_owned()).or_insert_with(|| "false".to_owned());
    }

    /// Whether it asks to be pushed.
    fn is_pushed(&self) -> bool {
        self.flag("push")
    }

    /// A boolean attribute as the daemon reads it: present without a value means yes.
    fn flag(&self, key: &str) -> bool {
        self.attrs
            .get(key)
            .is_some_and(|value| matches!(value.as_str(), "" | "1" | "t" | "T" | "true" | "TRUE" | "True"))
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
            (None, "registry") => OutputKind::Image,
            (None, other) => {
                let names = OutputKind::ALL.iter().map(|kind| kind.name()).chain(["registry"]);
                return Err(wrong(format!("type {other:?} is not known{}", suggestion(other, names))));
            }
        };
        let mut output = Self { kind, dest, attrs: pairs.into_rest() };
        if output.dest.is_some() && matches!(kind, OutputKind::Image | OutputKind::CacheOnly) {
            return Err(wrong(format!("type {name} takes no dest")));
        }
        attribute::check(kind, &output.attrs).map_err(wrong)?;
        if name == "registry" {
            output.set_push();
        }
        Ok(output)
    }
}

#[cfg(test)]
mod tests;
