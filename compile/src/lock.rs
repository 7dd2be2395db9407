//! Lockfiles: the artifacts of an environment, read from `pylock.toml` (PEP 751).
//!
//! [`parse`] reads the text, [`select`] picks for one [`Target`] the packages whose markers hold and the best wheel of each.
//! Nothing is resolved or fetched: what is not in the lock, such as the size of a file, stays unknown.
//!
//! ```
//! use imagespec_compile::lock::{Artifact, Interpreter, Libc, Target, parse, select};
//!
//! let text = r#"
//! lock-version = "1.0"
//! created-by = "uv"
//! [[packages]]
//! name = "idna"
//! version = "3.20"
//! wheels = [{ url = "https://example.com/idna-3.20-py3-none-any.whl", hashes = { sha256 = "00" } }]
//! "#;
//! let mut sources = imagespec::SourceMap::new();
//! let lock = parse(sources.add("pylock.toml", text), text).expect("a valid lock");
//! let target = Target::new(
//!     Interpreter::cpython("3.11.2".parse().expect("a version")),
//!     &buildkit_llb::Platform::linux("amd64"),
//!     Libc::Glibc { major: 2, minor: 36 },
//! )
//! .expect("a platform with wheels");
//! let selected = select(&lock, &target).expect("it fits");
//! assert!(matches!(selected[0].artifact, Artifact::Wheel(_)));
//! ```

mod environment;
mod interpreter;
mod parse;
mod select;
mod table;
mod tags;
mod wheel_name;

use std::collections::{BTreeMap, BTreeSet};

use imagespec::{Marker, PackageName, Span};
pub use pep440_rs::{Version, VersionSpecifiers};

pub use environment::Target;
pub use interpreter::{Implementation, Interpreter, Libc};
pub use parse::parse;
pub use select::{Artifact, Selected, Source, select};
pub use tags::Tags;
pub use wheel_name::{BuildTag, WheelName};

/// Hashes of a file: algorithm to lower-case hexadecimal digits.
pub type Hashes = BTreeMap<String, String>;

/// How the packages of a lock that `imagespec lock` wrote are divided, as far as the packages alone do not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cut {
    /// The packages that have joined since the packages were divided (`tool.imagespec.young`).
    pub young: BTreeSet<PackageName>,
    /// The Debian packages of the spec at that time (`tool.imagespec.apt`).
    pub apt: Vec<String>,
}

/// A lockfile (PEP 751, "File format").
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lock {
    /// The Python versions the whole lock is for (`requires-python`).
    pub requires_python: Option<VersionSpecifiers>,
    /// The dependency groups that are installed by default (`default-groups`).
    pub default_groups: Vec<String>,
    /// The digest of the inputs from which `imagespec lock` made it (`tool.imagespec.made-of`).
    pub made_of: Option<String>,
    /// The digests of the single inputs (`tool.imagespec.parts`).
    pub made_of_parts: BTreeMap<String, String>,
    /// How the packages were divided when they were last divided anew.
    pub cut: Cut,
    /// The packages, in the lock's order. A name may occur more than once, under markers that exclude each other.
    pub packages: Vec<LockedPackage>,
}

/// An entry of `[[packages]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct LockedPackage {
    /// The distribution's normalized name.
    pub name: PackageName,
    /// `None` if the version is only known after a build.
    pub version: Option<Version>,
    /// The condition under which the package is installed; `None` means always.
    pub marker: Option<Marker>,
    /// The Python versions it is for (`requires-python`).
    pub requires_python: Option<VersionSpecifiers>,
    /// The simple index it came from, if the lock names it (uv's export does, its compile does not).
    pub index: Option<String>,
    /// Wheels, in the lock's order.
    pub wheels: Vec<Wheel>,
    /// The source distribution.
    pub sdist: Option<File>,
    /// A version-control checkout.
    pub vcs: Option<Vcs>,
    /// A project folder.
    pub directory: Option<Directory>,
    /// A file named by a direct URL or path; may be a wheel.
    pub archive: Option<Archive>,
    /// The entry's place in the lock.
    pub span: Span,
}

/// The location of a file of the lock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// An absolute URL without credentials.
    Url(String),
    /// A path relative to the lock, or an absolute path.
    Path(String),
}

/// A file of a package: a source distribution, or the file of a wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The file's name, if the lock has one besides the location.
    pub name: Option<String>,
    /// The location to download it from.
    pub place: Place,
    /// The size in bytes. Indexes with the old HTML format do not report it.
    pub size: Option<u64>,
    /// The hashes; empty if the index has none.
    pub hashes: Hashes,
}

/// A wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wheel {
    /// The parsed file name. `None` if it is not a valid name of a wheel; installers skip such files.
    pub filename: Option<WheelName>,
    /// The location and hashes of the file.
    pub file: File,
}

/// A version-control checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vcs {
    /// `git`, `hg`, …
    pub kind: String,
    /// The location of the repository.
    pub place: Place,
    /// The exact commit.
    pub commit: String,
    /// The requested revision, such as a branch.
    pub requested_revision: Option<String>,
    /// The project's folder inside the checkout.
    pub subdirectory: Option<String>,
}

/// A project folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// The path, relative to the lock or absolute.
    pub path: String,
    /// Whether it is installed as a link to its source.
    pub editable: bool,
    /// The project's folder inside it.
    pub subdirectory: Option<String>,
}

/// A file named by a direct URL or path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The parsed file name, if it is a wheel.
    pub wheel: Option<WheelName>,
    /// The location and hashes of the file.
    pub file: File,
    /// The project's folder inside it.
    pub subdirectory: Option<String>,
}
