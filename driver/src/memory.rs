//! What is remembered of daemons, in files: one folder of the user's, shared by all programs of this workspace.
//!
//! A cache: whatever goes wrong with it, nothing is remembered. What is kept, and how long it counts, is the frontend's business.

use std::borrow::Cow;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use buildkit_client::solve::new_reference;
use buildkit_llb::Digest;
use imagespec_frontend::Memory;
use serde::{Deserialize, Serialize};

use crate::variables::Variables;

/// Names the folder; an empty one means that nothing is kept.
const FOLDER: &str = "IMAGESPEC_CACHE_DIR";
/// The form of the files and the meaning of the keys (`imagespec-frontend`, `memory`): another one gets another folder.
const VERSION: &str = "memory-2";
/// Beyond so many the oldest go.
const MAX_FILES: usize = 4096;
/// A file in use is marked as such this often.
const MARK_INTERVAL: Duration = Duration::from_hours(24);

/// What is remembered of one daemon, in a folder that all daemons share.
///
/// ```
/// use imagespec_driver::DaemonMemory;
/// use imagespec_frontend::Memory as _;
///
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// let memory = DaemonMemory::in_folder(folder.path(), "unix:///run/buildkit/buildkitd.sock");
/// memory.put("a", "1");
/// assert_eq!(memory.get("a").as_deref(), Some("1"));
/// let other = DaemonMemory::in_folder(folder.path(), "tcp://buildkitd:1234");
/// assert_eq!(other.get("a"), None, "what one daemon answered says nothing about another");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DaemonMemory {
    folder: PathBuf,
    daemon: String,
}

/// A file: the daemon and key beside the text, since a name is a hash only.
#[derive(Deserialize, Serialize)]
struct Entry<'a> {
    daemon: Cow<'a, str>,
    key: Cow<'a, str>,
    text: Cow<'a, str>,
}

impl DaemonMemory {
    /// Keeps files in a folder, which is made when there is something to keep. `daemon` tells the daemon from all others
    /// ([`Connection::daemon_identity`](buildkit_client::dial::Connection::daemon_identity)).
    #[must_use]
    pub fn in_folder(folder: impl AsRef<Path>, daemon: impl Into<String>) -> Self {
        Self { folder: folder.as_ref().join(VERSION), daemon: daemon.into() }
    }

    /// Keeps files where the user wants caches: `$IMAGESPEC_CACHE_DIR`, else `$XDG_CACHE_HOME/imagespec`, else
    /// `~/.cache/imagespec`. `None` where no variable names a folder, or the first is empty.
    ///
    /// ```
    /// use imagespec_driver::{DaemonMemory, Variables};
    ///
    /// assert!(DaemonMemory::from_variables(&Variables::default(), "daemon").is_none());
    /// let variables = Variables::new(|name| (name == "HOME").then(|| "/home/me".into()));
    /// assert!(DaemonMemory::from_variables(&variables, "daemon").is_some());
    /// ```
    #[must_use]
    pub fn from_variables(variables: &Variables, daemon: impl Into<String>) -> Option<Self> {
        let folder = match variables.get(FOLDER) {
            Some(folder) if folder.is_empty() => return None,
            Some(folder) => PathBuf::from(folder),
            None => {
                let home = || variables.path("HOME").map(|home| home.join(".cache"));
                let caches = variables.path("XDG_CACHE_HOME").filter(|path| path.is_absolute()).or_else(home)?;
                caches.join("imagespec")
            }
        };
        Some(Self::in_folder(folder, daemon))
    }

    fn file(&self, key: &str) -> PathBuf {
        self.folder.join(Digest::from_content(format!("{}\n{key}", self.daemon).as_bytes()).hex() + ".json")
    }

    /// Beside its place first, so that nobody ever reads half of it.
    fn write(&self, key: &str, text: &str) -> std::io::Result<()> {
        let file = self.file(key);
        let entry = serde_json::to_vec(&Entry { daemon: Cow::from(&self.daemon), key: key.into(), text: text.into() })?;
        // What is in somebody's base image is nobody else's business.
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let beside = self.folder.join(new_reference());
        let created = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
        let written = created.and_then(|mut new| new.write_all(&entry));
        written.and_then(|()| std::fs::rename(&beside, file)).inspect_err(|_| {
            let _ = std::fs::remove_file(&beside);
        })
    }

    /// Removes the oldest half if there are too many.
    fn tidy(&self) -> std::io::Result<()> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            files.push((entry.metadata()?.modified()?, entry.path()));
        }
        if files.len() > MAX_FILES {
            files.sort();
            for (_, path) in &files[..files.len() / 2] {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

impl Memory for DaemonMemory {
    fn get(&self, key: &str) -> Option<String> {
        let path = self.file(key);
        let bytes = std::fs::read(&path).ok()?;
        let entry: Entry<'_> = serde_json::from_slice(&bytes).ok()?;
        let modified = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).ok()?;
        if modified.elapsed().is_ok_and(|age| age > MARK_INTERVAL) {
            // One that cannot be marked goes sooner.
            let _ = std::fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        }
        (entry.key == key && entry.daemon == self.daemon).then(|| entry.text.into_owned())
    }

    fn put(&self, key: &str, text: &str) {
        // Whether it worked shows when it is wanted again.
        let _ = self.write(key, text).and_then(|()| self.tidy());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_cache_is_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let answers = DaemonMemory::in_folder(folder.path(), "daemon");
        answers.put("a", "1");
        answers.put("a", "2");
        assert_eq!(answers.get("a").as_deref(), Some("2"));
        assert_eq!(std::fs::read_dir(&answers.folder).unwrap().count(), 1, "nothing is left over");
        std::fs::copy(answers.file("a"), answers.file("b")).unwrap();
        assert_eq!(answers.get("b"), None, "it answers another question");
        std::fs::write(answers.file("a"), "{\"key\": \"a\"").unwrap();
        assert_eq!(answers.get("a"), None);
        let nowhere = DaemonMemory::in_folder("/proc/nowhere", "daemon");
        nowhere.put("a", "1");
        assert_eq!(nowhere.get("a"), None);
    }

    #[test]
    fn the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let answers = DaemonMemory::in_folder(folder.path(), "daemon");
        answers.put("old", "1");
        let of_old = std::fs::File::open(answers.file("old")).unwrap();
        of_old.set_modified(SystemTime::now() - Duration::from_hours(48)).unwrap();
        for number in 0..MAX_FILES {
            std::fs::write(answers.folder.join(number.to_string()), "").unwrap();
        }
        answers.put("new", "2");
        assert_eq!((answers.get("old"), answers.get("new").as_deref()), (None, Some("2")));
        assert_eq!(std::fs::read_dir(&answers.folder).unwrap().count(), MAX_FILES / 2 + 1);
    }

    #[test]
    fn where_they_are() {
        let folder = |known: &'static [(&str, &str)]| {
            let lookup = move |name: &str| known.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).into());
            DaemonMemory::from_variables(&Variables::new(lookup), "daemon")
                .map(|answers| answers.folder.display().to_string())
        };
        assert_eq!(folder(&[("HOME", "/h")]).as_deref(), Some("/h/.cache/imagespec/memory-2"));
        assert_eq!(folder(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]).as_deref(), Some("/c/imagespec/memory-2"));
        assert_eq!(folder(&[("HOME", "/h"), ("XDG_CACHE_HOME", "c")]).as_deref(), Some("/h/.cache/imagespec/memory-2"));
        assert_eq!(folder(&[("HOME", "/h"), (FOLDER, "/x")]).as_deref(), Some("/x/memory-2"));
        assert_eq!(folder(&[("HOME", "/h"), (FOLDER, "")]), None);
    }
}
