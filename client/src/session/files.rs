//! `moby.filesync.v1.FileSync`: lets the daemon read directories that the user named (moby/buildkit:
//! `session/filesync/filesync.go`).
//!
//! A daemon may request any part of a served directory, even files that an ignore file excludes, so serve the narrowest
//! directory possible. The `fsutil` module transfers trees.

mod request;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use tonic::Status;
use tonic_prost::ProstCodec;

use super::fsutil::filter::Filter;
use super::fsutil::sender::Source;
use super::fsutil::tree::Tree;
use super::fsutil::wire::Packet;
use super::fsutil::{follow, mode, sender, walk};
use super::grpc::{self, Attachment};
use super::records::Records;
use super::sent::DirRequest;
use super::tasks::Tasks;

pub use super::fsutil::walk::Owner;

const SERVICE: &str = "moby.filesync.v1.FileSync";
/// The daemon only looks for `DiffCopy` in the list; `TarStream` exists but is never negotiated.
const METHODS: [&str; 2] = ["DiffCopy", "TarStream"];

/// A directory that the daemon may read.
///
/// ```
/// use buildkit_client::session::Session;
/// use buildkit_client::session::files::LocalDir;
///
/// let session = Session::builder().with_local_dir("context", LocalDir::new("."));
/// # drop(session);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalDir {
    /// The path. Links in this path are followed; links below it never are.
    pub path: PathBuf,
    /// The owner that the daemon sees.
    pub owner: Owner,
}

impl LocalDir {
    /// A directory whose files the daemon sees as owned by root.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), owner: Owner::Root }
    }
}

/// A file that would be sent to a daemon.
///
/// ```
/// use buildkit_client::session::files::{LocalDir, SentKind};
///
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("a.py"), "")?;
/// let sent = LocalDir::new(folder.path()).list(&[], &[], &[])?;
/// assert_eq!((sent[0].path.as_str(), &sent[0].kind), ("a.py", &SentKind::File { executable: false }));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct SentFile {
    /// The path relative to the directory, separated by `/`.
    pub path: String,
    /// The same path as it is on disk.
    pub on_disk: PathBuf,
    /// The kind of file.
    pub kind: SentKind,
}

/// The kind of a file.
///
/// ```
/// use buildkit_client::session::files::{LocalDir, SentKind};
///
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// std::fs::write(folder.path().join("a.py"), "")?;
/// let sent = LocalDir::new(folder.path()).list(&[], &[], &[])?;
/// assert_eq!((sent[0].path.as_str(), &sent[0].kind), ("a.py", &SentKind::File { executable: false }));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SentKind {
    /// A regular file.
    File {
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A folder.
    Directory,
    /// A symbolic link, with its target.
    Link(String),
    /// Anything else, such as a socket.
    Other,
}

impl LocalDir {
    /// The files that would be sent to a daemon for these patterns (`include-patterns`, `exclude-patterns` and `followpaths` of
    /// moby/buildkit: `session/filesync/filesync.go`). Blocking. Names that are not UTF-8 are converted lossily.
    ///
    /// ```
    /// use buildkit_client::session::files::LocalDir;
    ///
    /// # fn main() -> std::io::Result<()> {
    /// let folder = tempfile::tempdir()?;
    /// std::fs::write(folder.path().join("a.py"), "")?;
    /// std::fs::write(folder.path().join("a.txt"), "")?;
    /// let sent = LocalDir::new(folder.path()).list(&["**/*.py".to_owned()], &[], &[])?;
    /// assert_eq!(sent.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["a.py"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The directory cannot be read, or a pattern is invalid.
    pub fn list(&self, include: &[String], exclude: &[String], follow: &[String]) -> std::io::Result<Vec<SentFile>> {
        let failed = |error: &dyn std::fmt::Display| std::io::Error::other(format!("{}: {error}", self.path.display()));
        let wanted = DirRequest {
            name: String::new(),
            include: include.to_vec(),
            exclude: exclude.to_vec(),
            follow: follow.to_vec(),
        };
        let (tree, filter) = open(self, &wanted).map_err(|status| failed(&status.message()))?;
        let mut files = Vec::new();
        walk::walk(&tree, &filter, self.owner, &mut |entry| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let is = |bit| entry.stat.mode & bit != 0;
            let kind = match (is(mode::DIR), is(mode::SYMLINK), mode::has_content(entry.stat.mode)) {
                (true, _, _) => SentKind::Directory,
                (_, true, _) => SentKind::Link(text(&entry.stat.linkname)),
                (_, _, true) if !entry.is_socket => SentKind::File { executable: entry.stat.mode & 0o100 != 0 },
                _ => SentKind::Other,
            };
            let on_disk = PathBuf::from(OsStr::from_bytes(&entry.stat.path));
            files.push(SentFile { path: text(&entry.stat.path), on_disk, kind });
            true
        })
        .map_err(|error| failed(&error))?;
        Ok(files)
    }
}

/// Serves the directories by their names in `local://` sources.
pub(crate) fn attach(dirs: BTreeMap<String, LocalDir>, records: Records, tasks: &Tasks) -> Attachment {
    let dirs = Arc::new(dirs);
    let tasks = tasks.clone();
    Attachment::new(SERVICE, &METHODS, move |request| {
        let (dirs, records, tasks) = (Arc::clone(&dirs), records.clone(), tasks.clone());
        Box::pin(async move {
            if request.uri().path() != "/moby.filesync.v1.FileSync/DiffCopy" {
                return grpc::unimplemented();
            }
            let wanted = request::from_headers(request.headers());
            let codec = ProstCodec::<Packet, Packet>::default();
            grpc::streaming(codec, request, async move |inbound| {
                let found = wanted.and_then(|wanted| match dirs.get(&wanted.name) {
                    Some(dir) => Ok((dir.clone(), wanted)),
                    None => Err(Status::not_found(format!("no access allowed to dir {:?}", wanted.name))),
                });
                let opened = tokio::task::spawn_blocking(move || {
                    let (dir, wanted) = found?;
                    open(&dir, &wanted).map(|(tree, filter)| (tree, filter, dir.owner, wanted))
                });
                Ok(match opened.await.map_err(|error| Status::internal(error.to_string())).flatten() {
                    Ok((tree, filter, owner, request)) => {
                        sender::send(Source { tree, filter, owner, request, records }, inbound, &tasks)
                    }
                    Err(status) => sender::refuse(status, inbound, &tasks),
                })
            })
            .await
        })
    })
}

/// Opens the tree and makes the filter of the request. Blocking.
pub(super) fn open(dir: &LocalDir, wanted: &DirRequest) -> Result<(Tree, Filter), Status> {
    let unreadable = |error: super::fsutil::tree::TreeError| {
        Status::failed_precondition(format!("local directory {:?}: {error}", wanted.name))
    };
    let tree = Tree::open(&dir.path).map_err(unreadable)?;
    let include = follow::include_patterns(&tree, &wanted.include, &wanted.follow).map_err(unreadable)?;
    let filter = Filter::new(&include, &wanted.exclude).map_err(|error| Status::invalid_argument(error.to_string()))?;
    Ok((tree, filter))
}
