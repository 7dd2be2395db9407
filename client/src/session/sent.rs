//! Records which parts of directories were sent to a daemon, and their state.
//!
//! With a record, a client can find out later, without a daemon, whether the same files would be sent again. The fingerprint
//! covers names and attributes but no content, because a daemon uses these to decide which content to request
//! (tonistiigi/fsutil: `diff.go`). It also covers the change time of each file, because the daemon's copy may be gone by the
//! time of the comparison.

use buildkit_proto::Digest;
use prost::Message as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::files::{LocalDir, open};
use super::fsutil::walk::Entry;
use super::fsutil::wire::Stat;
use super::fsutil::{mode, walk};

/// The part of a directory that a daemon requested. The order of patterns is significant.
///
/// ```
/// use buildkit_client::session::sent::DirRequest;
///
/// let request = DirRequest { name: "context".to_owned(), follow: vec!["src".to_owned()], ..DirRequest::default() };
/// assert!(request.include.is_empty() && request.exclude.is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirRequest {
    /// The directory's name in the session.
    pub name: String,
    /// `include-patterns`.
    pub include: Vec<String>,
    /// `exclude-patterns`.
    pub exclude: Vec<String>,
    /// `followpaths`.
    pub follow: Vec<String>,
}

/// A part of a directory that was sent to a daemon completely.
///
/// ```no_run
/// use buildkit_client::session::Session;
/// use buildkit_client::session::files::LocalDir;
///
/// # fn example(session: &Session, context: &LocalDir) {
/// for sent in session.sent_dirs() {
///     println!("{} is as it was sent: {}", sent.request.name, sent.is_as_sent(context));
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentDir {
    /// The request.
    pub request: DirRequest,
    fingerprint: String,
}

impl SentDir {
    pub(crate) fn new(request: DirRequest, fingerprint: Fingerprint) -> Self {
        Self { request, fingerprint: fingerprint.text() }
    }

    /// Whether the same request for `dir` would now send the same files, unmodified. Blocking. False if the directory cannot be
    /// read.
    ///
    /// ```no_run
    /// use buildkit_client::session::Session;
    /// use buildkit_client::session::files::LocalDir;
    ///
    /// # fn example(session: &Session) {
    /// let context = LocalDir::new(".");
    /// let is_same = session.sent_dirs().iter().all(|sent| sent.request.name == "context" && sent.is_as_sent(&context));
    /// # drop(is_same);
    /// # }
    /// ```
    #[must_use]
    pub fn is_as_sent(&self, dir: &LocalDir) -> bool {
        Fingerprint::from_dir(dir, &self.request).is_some_and(|fingerprint| fingerprint.text() == self.fingerprint)
    }
}

/// Computes a fingerprint of entries, in the order in which they are sent.
#[derive(Default)]
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    /// The fingerprint of the part of a directory that would be sent; `None` if it cannot be read. Blocking.
    fn from_dir(dir: &LocalDir, request: &DirRequest) -> Option<Self> {
        let (tree, filter) = open(dir, request).ok()?;
        let mut fingerprint = Self::default();
        let mut add = |entry| {
            fingerprint.add(&entry);
            true
        };
        walk::walk(&tree, &filter, dir.owner, &mut add).ok()?;
        Some(fingerprint)
    }

    pub(crate) fn add(&mut self, Entry { stat, is_socket: _, changed }: &Entry) {
        // The time of a folder is left out: it also changes with entries that are not sent, and no cache key contains it
        // (moby/buildkit: `cache/contenthash/filehash.go`).
        let is_dir = stat.mode & mode::DIR != 0;
        let bytes = match is_dir {
            true => Stat { mod_time: 0, ..stat.clone() }.encode_length_delimited_to_vec(),
            false => stat.encode_length_delimited_to_vec(),
        };
        self.0.update(bytes);
        self.0.update(changed.to_le_bytes());
    }

    fn text(self) -> String {
        Digest::from(<[u8; 32]>::from(self.0.finalize())).hex()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::Duration;

    use super::*;

    fn sent(dir: &LocalDir, request: DirRequest) -> SentDir {
        let fingerprint = Fingerprint::from_dir(dir, &request).expect("it can be read");
        SentDir::new(request, fingerprint)
    }

    #[test]
    fn changes_that_a_daemon_sees_are_detected() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::create_dir(path("src")).unwrap();
        for name in ["src/a.py", "src/b.py"] {
            std::fs::write(path(name), "text").unwrap();
        }
        symlink("a.py", path("src/link.py")).unwrap();
        let dir = LocalDir::new(folder.path());
        let request = || DirRequest { include: vec!["src/*.py".to_owned()], ..DirRequest::default() };
        let changes: [(&str, bool, &dyn Fn()); 7] = [
            ("nothing", true, &|| {}),
            ("a file that is not sent", true, &|| std::fs::write(path("src/e.txt"), "").unwrap()),
            ("a size", false, &|| std::fs::write(path("src/a.py"), "longer text").unwrap()),
            ("a mode", false, &|| {
                std::fs::set_permissions(path("src/a.py"), PermissionsExt::from_mode(0o755)).unwrap();
            }),
            ("a link's target", false, &|| {
                std::fs::remove_file(path("src/link.py")).unwrap();
                symlink("b.py", path("src/link.py")).unwrap();
            }),
            ("a new file", false, &|| std::fs::write(path("src/d.py"), "").unwrap()),
            ("a file that is gone", false, &|| std::fs::remove_file(path("src/d.py")).unwrap()),
        ];
        for (what, expect, change) in changes {
            let before = sent(&dir, request());
            let text = serde_json::to_string(&before).unwrap();
            assert_eq!(serde_json::from_str::<SentDir>(&text).unwrap(), before);
            change();
            assert_eq!(before.is_as_sent(&dir), expect, "{what}");
        }
        // A change that a daemon with a copy does not detect: a different text of the same size and time.
        let before = sent(&dir, request());
        let file = path("src/b.py");
        let modified = std::fs::metadata(&file).unwrap().modified().unwrap();
        // File times have a resolution of a few milliseconds.
        std::thread::sleep(Duration::from_millis(20));
        std::fs::write(&file, "TEXT").unwrap();
        std::fs::File::open(&file).unwrap().set_modified(modified).unwrap();
        assert!(!before.is_as_sent(&dir), "a text");
        assert!(!before.is_as_sent(&LocalDir::new(path("nowhere"))));
    }
}
