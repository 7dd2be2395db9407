//! What was described to a daemon of directories: the parts it asked for, and how they looked.
//!
//! A fingerprint covers names and attributes and no content, since by those a daemon decides what it asks for
//! (tonistiigi/fsutil: `diff.go`); and, because it may be held against files that no daemon has a copy of any more, when each file
//! was changed last. With it one can find out later, without a daemon, that the same would be sent again.

use std::sync::{Arc, Mutex, PoisonError};

use prost::Message as _;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::files::{LocalDir, open};
use super::fsutil::walk::Entry;
use super::fsutil::wire::Stat;
use super::fsutil::{mode, walk};

/// The part of a directory that a daemon asked for. The order of patterns has a meaning.
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

/// A part of a directory as it was described to a daemon, whole.
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
    /// What was asked for.
    pub request: DirRequest,
    fingerprint: String,
}

impl SentDir {
    /// Whether a daemon that asks for the same part of `dir` now would get the same, of files that were not touched. Blocking.
    /// A directory that cannot be read is not as it was.
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

/// A fingerprint in the making: of entries in the order in which they are sent.
#[derive(Default)]
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    /// Of what would be sent of a directory; `None` if it cannot be read. Blocking.
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
        // When a folder changed shows only that entries came or went, sent or not, and no cache key has it
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
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// What a session has sent so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent(Arc<Mutex<Vec<SentDir>>>);

impl Sent {
    pub(crate) fn note(&self, request: DirRequest, fingerprint: Fingerprint) {
        let sent = SentDir { request, fingerprint: fingerprint.text() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
    }

    pub(crate) fn list(&self) -> Vec<SentDir> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::time::Duration;

    use super::*;

    fn sent(dir: &LocalDir, request: DirRequest) -> SentDir {
        let fingerprint = Fingerprint::from_dir(dir, &request).expect("it can be read");
        let all = Sent::default();
        all.note(request, fingerprint);
        all.list().remove(0)
    }

    #[test]
    fn what_a_daemon_would_notice_is_noticed() {
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
        // What a daemon that has a copy would not notice: another text of the same size and time.
        let before = sent(&dir, request());
        let file = path("src/b.py");
        let modified = std::fs::metadata(&file).unwrap().modified().unwrap();
        // The clock of a file system ticks some hundred times a second.
        std::thread::sleep(Duration::from_millis(20));
        std::fs::write(&file, "TEXT").unwrap();
        std::fs::File::open(&file).unwrap().set_modified(modified).unwrap();
        assert!(!before.is_as_sent(&dir), "a text");
        assert!(!before.is_as_sent(&LocalDir::new(path("nowhere"))));
    }
}
