//! Writes into the directory of an export, through open directory handles only.
//!
//! Every operation uses one path component relative to an open directory and follows no link. A link in the destination,
//! even one that is created meanwhile, is replaced or refused but never followed. Files and links are renamed to their final
//! name when complete. [`super::super::order`] ensures that paths are clean.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

use super::super::mode;
use super::super::tree::{as_path, open_child_dir, split_path};
use super::super::wire::{Stat, Xattr};

/// Only these attributes are copied: others grant privileges (`security.capability`) or affect the system.
const XATTR_PREFIX: &[u8] = b"user.";
/// The mode of a directory while it is being filled.
const WORKING_MODE: Mode = Mode::RWXU;

/// A write error, with the action and the path.
#[derive(Debug, thiserror::Error)]
#[error("can't {action} {}: {source}", path.display())]
pub(crate) struct TargetError {
    action: &'static str,
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

/// The directory that an export is merged into.
pub(super) struct TargetDir {
    root: Arc<OwnedFd>,
    path: PathBuf,
    /// The directory that was used last; entries of a directory arrive in sequence.
    recent: Option<(Vec<u8>, Arc<OwnedFd>)>,
}

/// A file that is being written under a temporary name.
pub(super) struct FileInProgress {
    file: std::fs::File,
    temporary: Temporary,
    /// For messages.
    path: PathBuf,
}

impl TargetDir {
    /// Opens the destination. If it is missing, it and its parents are created, accessible only to the user.
    pub(super) fn create(path: PathBuf) -> Result<Self, TargetError> {
        let fail = |action, source| TargetError { action, path: path.clone(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(|error| fail("create", error))?;
        // The user chose the destination, so links in its path are followed.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, &path, flags, Mode::empty()).map_err(|error| fail("open", error.into()))?;
        Ok(Self { root: Arc::new(root), path, recent: None })
    }

    /// Creates a writable directory. An existing directory keeps its content; anything else with that name is replaced.
    pub(super) fn make_dir(&mut self, path: &[u8]) -> Result<(), TargetError> {
        let (dir, name) = self.parent(path)?;
        let attempt = || {
            match kind(dir.as_fd(), name)? {
                Some(FileType::Directory) => return ensure_writable(dir.as_fd(), name),
                Some(_) => rustix::fs::unlinkat(dir.as_fd(), name, AtFlags::empty())?,
                None => {}
            }
            match rustix::fs::mkdirat(dir.as_fd(), name, WORKING_MODE) {
                // The stream of another platform has created it.
                Err(Errno::EXIST) if kind(dir.as_fd(), name)? == Some(FileType::Directory) => Ok(()),
                outcome => outcome,
            }
        };
        attempt().map_err(|error| self.error("create directory", path, error))
    }

    /// Sets the mode, times and attributes, after the directory was filled.
    pub(super) fn finish_dir(&mut self, stat: &Stat) -> Result<(), TargetError> {
        let (parent, name) = self.parent(&stat.path)?;
        let attempt = || {
            let dir = open_child_dir(parent.as_fd(), name)?;
            set_xattrs(dir.as_fd(), &stat.xattrs);
            rustix::fs::fchmod(&dir, mode::to_safe_permissions(stat.mode))?;
            rustix::fs::futimens(&dir, &times(stat))
        };
        attempt().map_err(|error| self.error("finish directory", &stat.path, error))
    }

    pub(super) fn make_symlink(&mut self, stat: &Stat) -> Result<(), TargetError> {
        let (dir, name) = self.parent(&stat.path)?;
        let attempt = || {
            let (temporary, ()) = Temporary::new(Arc::clone(&dir), |dir, temporary| {
                rustix::fs::symlinkat(stat.linkname.as_slice(), dir, temporary)
            })?;
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            rustix::fs::utimensat(dir.as_fd(), temporary.name.as_str(), &times(stat), flags)?;
            temporary.rename(name)
        };
        attempt().map_err(|error| self.error("create symbolic link", &stat.path, error))
    }

    /// Creates a hard link to a completed file.
    pub(super) fn make_hard_link(&mut self, stat: &Stat) -> Result<(), TargetError> {
        let (from_dir, from_name) = self.parent(&stat.linkname)?;
        let (dir, name) = self.parent(&stat.path)?;
        let attempt = || {
            let (temporary, ()) = Temporary::new(Arc::clone(&dir), |dir, temporary| {
                rustix::fs::linkat(from_dir.as_fd(), from_name, dir, temporary, AtFlags::empty())
            })?;
            temporary.rename(name)
        };
        attempt().map_err(|error| self.error("create hard link", &stat.path, error))
    }

    /// Opens a temporary file in the final directory of the file.
    pub(super) fn begin_file(&mut self, path: &[u8]) -> Result<FileInProgress, TargetError> {
        let (dir, _) = self.parent(path)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Temporary::new(dir, |dir, temporary| rustix::fs::openat(dir, temporary, flags, Mode::RUSR | Mode::WUSR))
            .map(|(temporary, file)| FileInProgress {
                file: file.into(),
                temporary,
                path: self.path.join(as_path(path)),
            })
            .map_err(|error| self.error("create", path, error))
    }

    /// The open directory that contains `path`, and the last component of `path`.
    fn parent<'p>(&mut self, path: &'p [u8]) -> Result<(Arc<OwnedFd>, &'p [u8]), TargetError> {
        let (directory, name) = split_path(path);
        if let Some((recent, dir)) = &self.recent
            && recent == directory
        {
            return Ok((Arc::clone(dir), name));
        }
        let mut dir = Arc::clone(&self.root);
        for component in directory.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            let next = open_child_dir(dir.as_fd(), component)
                .map_err(|error| self.error("open directory", directory, error))?;
            dir = Arc::new(next);
        }
        self.recent = Some((directory.to_vec(), Arc::clone(&dir)));
        Ok((dir, name))
    }

    fn error(&self, action: &'static str, path: &[u8], error: Errno) -> TargetError {
        TargetError { action, path: self.path.join(as_path(path)), source: error.into() }
    }
}

impl FileInProgress {
    pub(super) fn write(&mut self, data: &[u8]) -> Result<(), TargetError> {
        std::io::Write::write_all(&mut self.file, data).map_err(|source| TargetError {
            action: "write",
            path: self.path.clone(),
            source,
        })
    }

    /// Sets the mode and times of the file, and renames it to its final name.
    pub(super) fn complete(self, stat: &Stat) -> Result<(), TargetError> {
        let Self { file, temporary, path } = self;
        let (_, name) = split_path(&stat.path);
        let attempt = || {
            set_xattrs(file.as_fd(), &stat.xattrs);
            rustix::fs::fchmod(&file, mode::to_safe_permissions(stat.mode))?;
            rustix::fs::futimens(&file, &times(stat))?;
            temporary.rename(name)
        };
        attempt().map_err(|error| TargetError { action: "complete", path, source: error.into() })
    }
}

/// An entry with a temporary name, which is removed unless it is renamed to its final name.
struct Temporary {
    dir: Arc<OwnedFd>,
    name: String,
    is_renamed: bool,
}

impl Temporary {
    fn new<T>(
        dir: Arc<OwnedFd>,
        create: impl FnOnce(BorrowedFd<'_>, &str) -> Result<T, Errno>,
    ) -> Result<(Self, T), Errno> {
        // 64 random bits, so that the name can't be guessed. The creating calls fail if it exists.
        let random = getrandom::u64().map_err(|_| Errno::IO)?;
        let name = format!(".export-{random:016x}.tmp");
        let created = create(dir.as_fd(), &name)?;
        Ok((Self { dir, name, is_renamed: false }, created))
    }

    /// Replaces the entry with the final name, except a directory that is not empty: an export must not delete a tree.
    fn rename(mut self, name: &[u8]) -> Result<(), Errno> {
        let rename = || rustix::fs::renameat(self.dir.as_fd(), self.name.as_str(), self.dir.as_fd(), name);
        match rename() {
            Err(Errno::ISDIR | Errno::EXIST | Errno::NOTEMPTY) => {
                rustix::fs::unlinkat(self.dir.as_fd(), name, AtFlags::REMOVEDIR)?;
                rename()?;
            }
            outcome => outcome?,
        }
        self.is_renamed = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // POSIX: renaming a file to another hard link of itself succeeds without any change. The temporary name of a hard link
        // may therefore still exist after a successful rename.
        let is_gone = self.is_renamed && kind(self.dir.as_fd(), self.name.as_bytes()) == Ok(None);
        if !is_gone {
            let _best_effort = rustix::fs::unlinkat(self.dir.as_fd(), self.name.as_str(), AtFlags::empty());
        }
    }
}

/// The type of an entry, without following links.
fn kind(dir: BorrowedFd<'_>, name: &[u8]) -> Result<Option<FileType>, Errno> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes a directory writable that an earlier export left read-only. [`TargetDir::finish_dir`] sets the final mode.
fn ensure_writable(parent: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    let dir = open_child_dir(parent, name)?;
    let permissions = Mode::from_raw_mode(rustix::fs::fstat(&dir)?.st_mode);
    if !permissions.contains(WORKING_MODE) {
        // A directory of a different owner may still be writable; the next operation fails if it is not.
        let _not_ours = rustix::fs::fchmod(&dir, permissions | WORKING_MODE);
    }
    Ok(())
}

fn set_xattrs(file: BorrowedFd<'_>, xattrs: &[Xattr]) {
    for xattr in xattrs.iter().filter(|xattr| xattr.name.starts_with(XATTR_PREFIX)) {
        // Some file systems do not support attributes; fsutil ignores failures too.
        let _unsupported = rustix::fs::fsetxattr(file, xattr.name.as_slice(), &xattr.value, XattrFlags::empty());
    }
}

fn times(stat: &Stat) -> Timestamps {
    const SECOND: i64 = 1_000_000_000;
    let time = Timespec { tv_sec: stat.mod_time.div_euclid(SECOND), tv_nsec: stat.mod_time.rem_euclid(SECOND) };
    Timestamps { last_access: time, last_modification: time }
}
