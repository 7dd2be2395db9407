//! One change of a file op: write, make, remove, link. Copies are in `copy`.
//!
//! Paths are cleaned by the constructors, as Go's client cleans them; a field holds what goes over the wire. The verifier
//! checks whether a path is absolute.

use buildkit_proto::pb;

use super::copy::{Copy, Origin};
use super::owner::{Owner, owner_from_pb};
use crate::path::clean;

/// The wire's "no timestamp" and "no mode": a zero would be 1970 and no permission at all.
pub(super) const UNSET: i32 = -1;

/// One change (`FileAction`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Copy(Box<Copy>),
    MkFile(MkFile),
    MkDir(MkDir),
    Rm(Rm),
    Symlink(Symlink),
}

impl Action {
    /// `base` is the wire index of what owners' names are looked up in.
    pub(crate) fn to_pb(&self, base: i64) -> pb::file_action::Action {
        match self {
            Self::Copy(copy) => copy.to_pb(base),
            Self::MkFile(mkfile) => mkfile.to_pb(base),
            Self::MkDir(mkdir) => mkdir.to_pb(base),
            Self::Rm(rm) => rm.to_pb(),
            Self::Symlink(symlink) => symlink.to_pb(base),
        }
    }

    /// `None` for what the types cannot express.
    pub(crate) fn from_pb(action: &pb::file_action::Action, from: Origin) -> Option<Self> {
        use pb::file_action::Action as Wire;
        Some(match action {
            Wire::Copy(copy) => Self::Copy(Box::new(Copy::from_pb(copy, from)?)),
            Wire::Mkfile(mkfile) => Self::MkFile(MkFile {
                path: mkfile.path.clone(),
                mode: u32::try_from(mkfile.mode).ok()?,
                data: mkfile.data.clone(),
                owner: owner_from_pb(mkfile.owner.as_ref())?,
                timestamp: timestamp_from_pb(mkfile.timestamp),
            }),
            Wire::Mkdir(mkdir) => Self::MkDir(MkDir {
                path: mkdir.path.clone(),
                mode: u32::try_from(mkdir.mode).ok()?,
                parents: mkdir.make_parents,
                owner: owner_from_pb(mkdir.owner.as_ref())?,
                timestamp: timestamp_from_pb(mkdir.timestamp),
            }),
            Wire::Rm(rm) => {
                Self::Rm(Rm { path: rm.path.clone(), allow_not_found: rm.allow_not_found, wildcard: rm.allow_wildcard })
            }
            Wire::Symlink(symlink) => Self::Symlink(Symlink {
                target: symlink.oldpath.clone(),
                link: symlink.newpath.clone(),
                owner: owner_from_pb(symlink.owner.as_ref())?,
                timestamp: timestamp_from_pb(symlink.timestamp),
            }),
        })
    }

    pub(crate) fn owner(&self) -> Option<&Owner> {
        match self {
            Self::Copy(copy) => copy.owner.as_ref(),
            Self::MkFile(mkfile) => mkfile.owner.as_ref(),
            Self::MkDir(mkdir) => mkdir.owner.as_ref(),
            Self::Symlink(symlink) => symlink.owner.as_ref(),
            Self::Rm(_) => None,
        }
    }
}

/// Writes a file (`FileActionMkFile`).
///
/// ```
/// let file = buildkit_llb::MkFile { timestamp: Some(0), ..buildkit_llb::MkFile::new("/etc/motd", 0o644, "hello") };
/// assert_eq!(file.path, "/etc/motd");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MkFile {
    /// Where, absolute.
    pub path: String,
    /// The nine permission bits; the daemon takes no others here.
    pub mode: u32,
    /// Content.
    pub data: Vec<u8>,
    /// Owner; `None` is root.
    pub owner: Option<Owner>,
    /// Nanoseconds since the epoch; `None` is the time of the build.
    pub timestamp: Option<i64>,
}

impl MkFile {
    /// A file that belongs to root.
    #[must_use]
    pub fn new(path: impl AsRef<str>, mode: u32, data: impl Into<Vec<u8>>) -> Self {
        Self { path: clean(path.as_ref()), mode, data: data.into(), owner: None, timestamp: None }
    }

    fn to_pb(&self, base: i64) -> pb::file_action::Action {
        let Self { path, mode, data, owner, timestamp } = self;
        pb::file_action::Action::Mkfile(pb::FileActionMkFile {
            path: path.clone(),
            mode: wire_mode(*mode, 0o777),
            data: data.clone(),
            owner: owner.as_ref().map(|owner| owner.to_pb(base)),
            timestamp: timestamp.unwrap_or(UNSET.into()),
        })
    }
}

/// Makes a directory (`FileActionMkDir`).
///
/// ```
/// let dir = buildkit_llb::MkDir { parents: false, ..buildkit_llb::MkDir::new("/srv//data/", 0o755) };
/// assert_eq!(dir.path, "/srv/data");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MkDir {
    /// Where, absolute.
    pub path: String,
    /// The nine permission bits; the daemon takes no others here.
    pub mode: u32,
    /// Create missing parents.
    pub parents: bool,
    /// Owner; `None` is root.
    pub owner: Option<Owner>,
    /// Nanoseconds since the epoch; `None` is the time of the build.
    pub timestamp: Option<i64>,
}

impl MkDir {
    /// A directory that belongs to root, parents included.
    #[must_use]
    pub fn new(path: impl AsRef<str>, mode: u32) -> Self {
        Self { path: clean(path.as_ref()), mode, parents: true, owner: None, timestamp: None }
    }

    fn to_pb(&self, base: i64) -> pb::file_action::Action {
        let Self { path, mode, parents, owner, timestamp } = self;
        pb::file_action::Action::Mkdir(pb::FileActionMkDir {
            path: path.clone(),
            mode: wire_mode(*mode, 0o777),
            make_parents: *parents,
            owner: owner.as_ref().map(|owner| owner.to_pb(base)),
            timestamp: timestamp.unwrap_or(UNSET.into()),
        })
    }
}

/// Removes a path (`FileActionRm`).
///
/// ```
/// let rm = buildkit_llb::Rm { wildcard: true, ..buildkit_llb::Rm::new("/var/log/*.log").allowing_nothing() };
/// assert!(rm.allow_not_found);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rm {
    /// What, absolute.
    pub path: String,
    /// It is not an error if nothing is there.
    pub allow_not_found: bool,
    /// The path may hold wildcards; needs the capability `file.rm.wildcard`.
    pub wildcard: bool,
}

impl Rm {
    /// Removes a path; it is an error if nothing is there. A link is removed, not what it points at.
    #[must_use]
    pub fn new(path: impl AsRef<str>) -> Self {
        Self { path: clean(path.as_ref()), allow_not_found: false, wildcard: false }
    }

    /// It is not an error if nothing is there.
    #[must_use]
    pub fn allowing_nothing(mut self) -> Self {
        self.allow_not_found = true;
        self
    }

    fn to_pb(&self) -> pb::file_action::Action {
        let Self { path, allow_not_found, wildcard } = self;
        pb::file_action::Action::Rm(pb::FileActionRm {
            path: path.clone(),
            allow_not_found: *allow_not_found,
            allow_wildcard: *wildcard,
        })
    }
}

/// Makes a symbolic link (`FileActionSymlink`).
///
/// ```
/// let link = buildkit_llb::Symlink::new("python3.12", "/usr/bin/python3");
/// assert_eq!(link.target, "python3.12");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symlink {
    /// The target, as the link has it.
    pub target: String,
    /// Where the link is, absolute.
    pub link: String,
    /// Owner; `None` is root.
    pub owner: Option<Owner>,
    /// Nanoseconds since the epoch; `None` is the time of the build.
    pub timestamp: Option<i64>,
}

impl Symlink {
    /// A link that belongs to root, at `link` to `target`. Neither path is cleaned: a link keeps its text.
    #[must_use]
    pub fn new(target: impl Into<String>, link: impl Into<String>) -> Self {
        Self { target: target.into(), link: link.into(), owner: None, timestamp: None }
    }

    fn to_pb(&self, base: i64) -> pb::file_action::Action {
        let Self { target, link, owner, timestamp } = self;
        pb::file_action::Action::Symlink(pb::FileActionSymlink {
            oldpath: target.clone(),
            newpath: link.clone(),
            owner: owner.as_ref().map(|owner| owner.to_pb(base)),
            timestamp: timestamp.unwrap_or(UNSET.into()),
        })
    }
}

pub(super) fn timestamp_from_pb(timestamp: i64) -> Option<i64> {
    (timestamp != i64::from(UNSET)).then_some(timestamp)
}

/// The verifier refuses bits outside the mask; they are cut off here, so that encoding stays total.
pub(super) fn wire_mode(mode: u32, mask: u32) -> i32 {
    i32::try_from(mode & mask).unwrap_or(UNSET)
}
