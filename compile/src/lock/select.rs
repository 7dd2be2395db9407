//! Selects the packages of a lock for one environment, and the file of each: the steps of PEP 751's "Installation", with uv's
//! preferences.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use imagespec::Diagnostic;

use crate::fixed::INSTALLED_URL;
use crate::lock::environment::Target;
use crate::lock::{Archive, Directory, File, Lock, LockedPackage, Place, Vcs, Wheel};
use crate::rules;

/// A package that is installed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Selected<'a> {
    /// The lock's entry.
    pub package: &'a LockedPackage,
    /// The source it is installed from.
    pub artifact: Artifact<'a>,
}

impl<'a> Selected<'a> {
    /// The file it is installed from. `None` for a checkout or a folder.
    #[must_use]
    pub fn file(&self) -> Option<&'a File> {
        match self.artifact {
            Artifact::Wheel(wheel) => Some(&wheel.file),
            Artifact::Source(Source::Sdist(file)) => Some(file),
            Artifact::WheelArchive(archive) | Artifact::Source(Source::Archive(archive)) => Some(&archive.file),
            Artifact::Source(Source::Vcs(_) | Source::Directory(_)) => None,
        }
    }

    /// Whether it is a file or folder with a path relative to the lock.
    #[must_use]
    pub fn is_local(&self) -> bool {
        let is_folder = matches!(self.artifact, Artifact::Source(Source::Directory(_)));
        let is_file = |file: &File| match &file.place {
            Place::Path(_) => true,
            Place::Url(url) => url.starts_with(INSTALLED_URL),
        };
        is_folder || self.file().is_some_and(is_file)
    }

    /// The size of the file in bytes, if the lock has it.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.file()?.size
    }
}

/// The source of a package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Artifact<'a> {
    /// The best wheel of an index.
    Wheel(&'a Wheel),
    /// A wheel named by a direct URL or path.
    WheelArchive(&'a Archive),
    /// A source that must be built first.
    Source(Source<'a>),
}

/// The source that a package is built from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// A source distribution from an index.
    Sdist(&'a File),
    /// An archive named by a direct URL or path.
    Archive(&'a Archive),
    /// A version-control checkout.
    Vcs(&'a Vcs),
    /// A project folder.
    Directory(&'a Directory),
}

/// Selects what a target installs, sorted by name.
///
/// Of several wheels that fit, the one with the best tag, then the highest build tag is selected, as in uv
/// (`crates/uv-resolver/src/lock/export/pylock_toml.rs`, `find_best_wheel`); then the lowest file name, so that the order in the lock
/// does not matter.
///
/// # Errors
/// All reasons why the lock does not fit (E115): another Python version, two entries for one package, no usable file.
pub fn select<'a>(lock: &'a Lock, target: &Target) -> Result<Vec<Selected<'a>>, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let python = &target.interpreter().version;
    if let Some(wanted) = &lock.requires_python
        && !wanted.contains(python)
    {
        let message = format!("the lockfile is for Python {wanted}, not {python}");
        let help = "lock for the image's interpreter, or select another one with `python_version`";
        diagnostics.push(Diagnostic::new(&rules::LOCK_UNFIT, message).with_help(help));
    }
    let mut chosen = BTreeMap::new();
    for package in &lock.packages {
        if package.marker.as_ref().is_some_and(|marker| !target.satisfies(marker, &lock.default_groups)) {
            continue;
        }
        match artifact(package, target) {
            Ok(artifact) => {
                let selected = Selected { package, artifact };
                if let Some(other) = chosen.insert(&package.name, selected) {
                    diagnostics.push(twice(package, other.package));
                }
            }
            Err(diagnostic) => diagnostics.push(*diagnostic),
        }
    }
    if diagnostics.is_empty() { Ok(chosen.into_values().collect()) } else { Err(diagnostics) }
}

fn artifact<'a>(package: &'a LockedPackage, target: &Target) -> Result<Artifact<'a>, Box<Diagnostic>> {
    let unfit = |message: String, help: &str| {
        let diagnostic = Diagnostic::new(&rules::LOCK_UNFIT, message);
        Box::new(diagnostic.with_label(package.span, "").with_help(help))
    };
    let python = &target.interpreter().version;
    if let Some(wanted) = &package.requires_python
        && !wanted.contains(python)
    {
        let message = format!("{} is locked for Python {wanted}, not {python}", package.name);
        return Err(unfit(message, "lock again for the image's interpreter"));
    }
    if let Some(wheel) = best_wheel(package, target) {
        return Ok(Artifact::Wheel(wheel));
    }
    if let Some(archive) = &package.archive {
        return match &archive.wheel {
            None => Ok(Artifact::Source(Source::Archive(archive))),
            Some(name) if target.tags().rank(name).is_some() => Ok(Artifact::WheelArchive(archive)),
            Some(_) => Err(unfit(
                format!("the locked wheel of {} does not fit the image", package.name),
                "lock a wheel for the image's Python and platform",
            )),
        };
    }
    let sdist = package.sdist.as_ref().map(Source::Sdist);
    let source = sdist
        .or_else(|| package.directory.as_ref().map(Source::Directory))
        .or_else(|| package.vcs.as_ref().map(Source::Vcs));
    source.map(Artifact::Source).ok_or_else(|| {
        let message =
            format!("no wheel of {} fits the image, and the lockfile has no source distribution of it", package.name);
        unfit(message, "lock for the image's Python and platform, or choose a base image that the wheels fit")
    })
}

fn best_wheel<'a>(package: &'a LockedPackage, target: &Target) -> Option<&'a Wheel> {
    let fitting = package.wheels.iter().filter_map(|wheel| {
        let name = wheel.filename.as_ref().filter(|name| name.name == package.name)?;
        let rank = target.tags().rank(name)?;
        let (Place::Url(place) | Place::Path(place)) = &wheel.file.place;
        Some(((rank, Reverse(name.build.as_ref()), place), wheel))
    });
    fitting.min_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, wheel)| wheel)
}

fn twice(package: &LockedPackage, other: &LockedPackage) -> Diagnostic {
    Diagnostic::new(&rules::LOCK_UNFIT, format!("the lockfile has two entries for {} that both apply", package.name))
        .with_label(package.span, "")
        .with_label(other.span, "the other entry")
        .with_help("write the lockfile again, or lock for one platform and Python version")
}
