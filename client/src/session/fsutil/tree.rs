//! Reads a directory tree through open directory handles, so that no path can leave the tree.
//!
//! The root is opened once, following links, because the user named it. After that, every step opens one component
//! relative to its parent's handle and never follows a link. All functions block.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::wire::Xattr;

/// The flags for opening a directory below the root.
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Attributes of this prefix belong to macOS's Finder (fsutil: `stat_unix.go`).
#[cfg(target_os = "linux")]
const APPLE_PREFIX: &[u8] = b"com.apple.";

/// A directory that the user allowed to be read.
#[derive(Debug)]
pub(crate) struct Tree {
    root: OwnedFd,
    path: PathBuf,
}

/// A name in a directory, with the type in the directory's listing.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) name: CString,
    pub(crate) file_type: FileType,
}

/// A failure, with the action and the path relative to the root.
#[derive(Debug, thiserror::Error)]
#[error("can't {action} {}: {source}", path.display())]
pub(crate) struct TreeError {
    pub(crate) action: &'static str,
    pub(crate) path: PathBuf,
    #[source]
    pub(crate) source: std::io::Error,
}

impl Tree {
    /// Opens the root.
    pub(crate) fn open(path: &Path) -> Result<Self, TreeError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|error| TreeError {
            action: "open directory",
            path: path.to_owned(),
            source: error.into(),
        })?;
        Ok(Self { root, path: path.to_owned() })
    }

    pub(crate) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// The error of a failure at `path` below the root.
    pub(crate) fn error(&self, action: &'static str, path: &[u8], error: Errno) -> TreeError {
        TreeError { action, path: self.path.join(as_path(path)), source: error.into() }
    }

    /// Opens the directory at `path`, which may be empty for the root itself.
    pub(crate) fn open_dir(&self, path: &[u8]) -> Result<OwnedFd, Errno> {
        let mut dir = rustix::io::fcntl_dupfd_cloexec(&self.root, 0)?;
        for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            dir = open_child_dir(dir.as_fd(), name)?;
        }
        Ok(dir)
    }
}

/// A relative path from the wire or the walk, for display.
pub(crate) fn as_path(path: &[u8]) -> &Path {
    use std::os::unix::ffi::OsStrExt as _;
    Path::new(std::ffi::OsStr::from_bytes(path))
}

/// Splits a relative path into its directory (empty at the root) and its last name.
pub(crate) fn split_path(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&[], path),
    }
}

/// Opens a directory in a directory. A link, or anything else that is not a directory, is an error.
pub(crate) fn open_child_dir(dir: BorrowedFd<'_>, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(dir, name, DIRECTORY, Mode::empty())
}

/// Opens a file in a directory for reading. A link is an error. A fifo that has replaced the file does not block.
pub(crate) fn open_child_file(dir: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::openat(dir, name, flags, Mode::empty())
}

/// The names in a directory, ascending by bytes, without `.` and `..`.
pub(crate) fn list(dir: BorrowedFd<'_>) -> Result<Vec<Child>, Errno> {
    let mut children = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let mut file_type = entry.file_type();
        if file_type == FileType::Unknown {
            // Some file systems do not report the type in the listing.
            match stat(dir, name) {
                Ok(stat) => file_type = FileType::from_raw_mode(stat.st_mode),
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(error),
            }
        }
        children.push(Child { name: name.to_owned(), file_type });
    }
    children.sort_unstable_by(|left, right| left.name.to_bytes().cmp(right.name.to_bytes()));
    Ok(children)
}

/// The state of an entry, without following links.
pub(crate) fn stat(dir: BorrowedFd<'_>, name: &CStr) -> Result<rustix::fs::Stat, Errno> {
    rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW)
}

/// Target of a symbolic link, verbatim.
pub(crate) fn read_link(dir: BorrowedFd<'_>, name: &CStr) -> Result<Vec<u8>, Errno> {
    Ok(rustix::fs::readlinkat(dir, name, Vec::new())?.into_bytes())
}

/// Extended attributes of an entry, ordered by name. Empty if the file system has none. An attribute that can't be read is
/// skipped, as in fsutil.
#[cfg(target_os = "linux")]
pub(crate) fn xattrs(dir: BorrowedFd<'_>, name: &CStr) -> Vec<Xattr> {
    use std::os::fd::AsRawFd as _;
    // No system call accepts a handle and a name. This path is equivalent: the link in /proc leads to the same directory, and
    // the last component is not followed.
    let mut path = format!("/proc/self/fd/{}/", dir.as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    let Ok(length @ 1..) = rustix::fs::llistxattr_query(path.as_slice()) else {
        return Vec::new();
    };
    let mut names = vec![0; length];
    let Ok(length) = rustix::fs::llistxattr(path.as_slice(), &mut names[..]) else {
        return Vec::new();
    };
    names.truncate(length);
    let mut xattrs: Vec<Xattr> = names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty() && !name.starts_with(APPLE_PREFIX))
        .filter_map(|name| {
            let length = rustix::fs::lgetxattr_query(path.as_slice(), name).ok()?;
            let mut value = vec![0; length];
            let length = rustix::fs::lgetxattr(path.as_slice(), name, &mut value[..]).ok()?;
            value.truncate(length);
            Some(Xattr { name: name.to_owned(), value })
        })
        .collect();
    xattrs.sort_unstable_by(|left, right| left.name.cmp(&right.name));
    xattrs
}

/// Extended attributes are read on Linux only.
#[cfg(not(target_os = "linux"))]
pub(crate) fn xattrs(_dir: BorrowedFd<'_>, _name: &CStr) -> Vec<Xattr> {
    Vec::new()
}
