//! Walks a tree depth first and reports the entries that pass a filter, in the order that a receiver requires (fsutil: `fs.go`,
//! `filter.go`, `validator.go`): a directory before its content, siblings ascending by the bytes of their names.
//!
//! Blocking. An entry that disappears during the walk is skipped; upstream skips the rest of its directory.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::FileType;
use rustix::io::Errno;

use super::filter::{Filter, Inherited};
use super::mode;
use super::tree::{self, Child, Tree, TreeError};
use super::wire::Stat;

/// A root entry of this name is not sent: a receiver that requests only metadata drops it without counting it, so that all
/// later ids would be wrong (fsutil: `receive.go`, `metadataPath`).
const RESERVED: &[u8] = b".fsutil-metadata";

/// The owner of the files that the daemon sees.
///
/// ```
/// use buildkit_client::session::files::{LocalDir, Owner};
///
/// let dir = LocalDir { owner: Owner::AsOnDisk, ..LocalDir::new(".") };
/// assert_ne!(dir, LocalDir::new("."));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Owner {
    /// Everything belongs to root, as BuildKit's clients send a build context.
    #[default]
    Root,
    /// Owners as on disk.
    AsOnDisk,
}

/// An entry to send.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) stat: Stat,
    /// Whether it is a socket, which is announced as an empty regular file.
    pub(crate) is_socket: bool,
    /// The change time (ctime) of a file, in nanoseconds since the epoch, which users cannot set. 0 for a directory. It is not
    /// sent.
    pub(crate) changed: i64,
}

/// Why a walk ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WalkError {
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The receiver is gone.
    #[error("the receiver is gone")]
    Stopped,
}

/// Calls `emit` for every entry below the root that passes the filter; it returns false to stop the walk.
pub(crate) fn walk(
    tree: &Tree,
    filter: &Filter,
    owner: Owner,
    emit: &mut dyn FnMut(Entry) -> bool,
) -> Result<(), WalkError> {
    let names = tree::list(tree.root()).map_err(|error| tree.error("list", b"", error))?;
    let root =
        Level { dir: None, path: Vec::new(), names: names.into_iter(), inherited: Inherited::default(), is_sent: true };
    let mut walk = Walk { tree, filter, owner, emit, levels: vec![root], links: BTreeMap::new() };
    while let Some(level) = walk.levels.last_mut() {
        match level.names.next() {
            Some(child) => walk.visit(child)?,
            None => {
                walk.levels.pop();
            }
        }
    }
    Ok(())
}

struct Walk<'a> {
    tree: &'a Tree,
    filter: &'a Filter,
    owner: Owner,
    emit: &'a mut dyn FnMut(Entry) -> bool,
    levels: Vec<Level>,
    /// The first path sent for an inode with several names.
    links: BTreeMap<(u64, u64), Vec<u8>>,
}

/// A directory being walked.
struct Level {
    /// None for the root.
    dir: Option<OwnedFd>,
    path: Vec<u8>,
    names: std::vec::IntoIter<Child>,
    inherited: Inherited,
    /// A directory that does not pass the filter is sent only if an entry in it does.
    is_sent: bool,
}

impl Walk<'_> {
    fn visit(&mut self, child: Child) -> Result<(), WalkError> {
        let Some(parent) = self.levels.last() else { return Ok(()) };
        let name = child.name.to_bytes();
        if parent.path.is_empty() && name == RESERVED {
            return Ok(());
        }
        let path = join(&parent.path, name);
        let verdict = self.filter.judge(&path, &parent.inherited);
        if child.file_type == FileType::Directory {
            if verdict.keep || verdict.descend {
                self.enter(child, path, verdict.keep, verdict.inherited)?;
            }
        } else if verdict.keep {
            self.leaf(&child, path)?;
        }
        Ok(())
    }

    fn enter(&mut self, child: Child, path: Vec<u8>, keep: bool, inherited: Inherited) -> Result<(), WalkError> {
        let opened = tree::open_child_dir(self.current_dir(), child.name.as_c_str())
            .and_then(|dir| tree::list(dir.as_fd()).map(|names| (dir, names)));
        let (dir, names) = match opened {
            Ok(opened) => opened,
            // It was removed, or is no longer a directory.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
            // An excluded directory need not be readable.
            Err(Errno::ACCESS | Errno::PERM) if !keep => return Ok(()),
            Err(error) => return Err(self.tree.error("read directory", &path, error).into()),
        };
        self.levels.push(Level { dir: Some(dir), path, names: names.into_iter(), inherited, is_sent: false });
        if keep { self.send_directories() } else { Ok(()) }
    }

    fn leaf(&mut self, child: &Child, path: Vec<u8>) -> Result<(), WalkError> {
        let dir = self.current_dir();
        let name = child.name.as_c_str();
        let state = match tree::stat(dir, name) {
            Ok(state) => state,
            Err(Errno::NOENT) => return Ok(()),
            Err(error) => return Err(self.tree.error("examine", &path, error).into()),
        };
        let file_type = FileType::from_raw_mode(state.st_mode);
        if file_type == FileType::Directory {
            // It became a directory after the listing.
            return Ok(());
        }
        let mut stat = self.describe(&state, path);
        stat.size = state.st_size;
        stat.mode &= !mode::SOCKET;
        if file_type == FileType::Symlink {
            stat.linkname = match tree::read_link(dir, name) {
                Ok(target) => target,
                Err(Errno::NOENT | Errno::INVAL) => return Ok(()),
                Err(error) => return Err(self.tree.error("read link", &stat.path, error).into()),
            };
        }
        if matches!(file_type, FileType::CharacterDevice | FileType::BlockDevice) {
            stat.devmajor = rustix::fs::major(state.st_rdev).into();
            stat.devminor = rustix::fs::minor(state.st_rdev).into();
        }
        stat.xattrs = tree::xattrs(dir, name);
        self.send_directories()?;
        if file_type != FileType::Symlink && state.st_nlink > 1 {
            // Only sent names count as the first name of an inode, so that the target of a hard link is always sent.
            match self.links.entry((state.st_dev, state.st_ino)) {
                std::collections::btree_map::Entry::Occupied(first) => {
                    stat.linkname = first.get().clone();
                }
                std::collections::btree_map::Entry::Vacant(first) => {
                    first.insert(stat.path.clone());
                }
            }
        }
        let changed = state.st_ctime.saturating_mul(1_000_000_000).saturating_add(state.st_ctime_nsec as i64);
        self.send(Entry { stat, is_socket: file_type == FileType::Socket, changed })
    }

    /// Sends the parent directories that have not been sent yet.
    fn send_directories(&mut self) -> Result<(), WalkError> {
        let Some(first) = self.levels.iter().position(|level| !level.is_sent) else {
            return Ok(());
        };
        for index in first..self.levels.len() {
            let level = &self.levels[index];
            let Some(dir) = &level.dir else { continue };
            let state = rustix::fs::fstat(dir).map_err(|error| self.tree.error("examine", &level.path, error))?;
            let mut stat = self.describe(&state, level.path.clone());
            stat.xattrs = tree::xattrs(dir.as_fd(), c".");
            self.levels[index].is_sent = true;
            self.send(Entry { stat, is_socket: false, changed: 0 })?;
        }
        Ok(())
    }

    /// The fields that directories and other entries have in common.
    fn describe(&self, state: &rustix::fs::Stat, path: Vec<u8>) -> Stat {
        let (uid, gid) = match self.owner {
            Owner::Root => (0, 0),
            Owner::AsOnDisk => (state.st_uid, state.st_gid),
        };
        let nanoseconds = state.st_mtime_nsec as i64;
        Stat {
            path,
            mode: mode::from_st_mode(state.st_mode),
            uid,
            gid,
            mod_time: state.st_mtime.saturating_mul(1_000_000_000).saturating_add(nanoseconds),
            ..Stat::default()
        }
    }

    fn send(&mut self, entry: Entry) -> Result<(), WalkError> {
        if (self.emit)(entry) { Ok(()) } else { Err(WalkError::Stopped) }
    }

    fn current_dir(&self) -> BorrowedFd<'_> {
        let dir = self.levels.last().and_then(|level| level.dir.as_ref());
        dir.map_or(self.tree.root(), |dir| dir.as_fd())
    }
}

fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(directory.len() + 1 + name.len());
    if !directory.is_empty() {
        path.extend_from_slice(directory);
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

#[cfg(test)]
mod tests;
