//! Remembered answers of daemons, in files: one folder of the user, shared by all programs of this workspace.
//!
//! It is a cache: after any error, nothing is remembered. The frontend decides what is stored and how long it is valid.

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

/// The variable that names the folder; if it is empty, nothing is stored.
const FOLDER: &str = "IMAGESPEC_CACHE_DIR";
/// The version of the files and keys (`imagespec-frontend`, `memory`). Each version has its own folder.
const VERSION: &str = "memory-2";
/// The maximum number of files. The oldest ones are removed.
const MAX_FILES: usize = 4096;
/// The minimum time between updates of a file's modification time, which marks it as used.
const MARK_INTERVAL: Duration = Duration::from_hours(24);

/// The remembered answers of one daemon, in a folder that all daemons share.
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

/// The content of a file. It includes the daemon and the key, because the file's name is only a hash.
#[derive(Deserialize, Serialize)]
struct Entry<'a> {
    daemon: Cow<'a, str>,
    key: Cow<'a, str>,
    text: Cow<'a, str>,
}

impl DaemonMemory {
    /// Stores files in a folder, which is created when needed. `daemon` identifies the daemon
    /// ([`Connection::daemon_identity`](buildkit_client::dial::Connection::daemon_identity)).
    #[must_use]
    pub fn in_folder(folder: impl AsRef<Path>, daemon: impl Into<String>) -> Self {
        Self { folder: folder.as_ref().join(VERSION), daemon: daemon.into() }
    }

    /// Stores files in the user's cache folder: `$IMAGESPEC_CACHE_DIR`, else `$XDG_CACHE_HOME/imagespec`, else
    /// `~/.cache/imagespec`. `None` if no variable names a folder, or the first one is empty.
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
        Some(Self::in_folder(Self::folder_of(variables)?, daemon))
    }

    /// The folder that [`from_variables`](Self::from_variables) uses.
    ///
    /// ```
    /// use imagespec_driver::{DaemonMemory, Variables};
    ///
    /// let variables = Variables::new(|name| (name == "HOME").then(|| "/home/me".into()));
    /// assert_eq!(DaemonMemory::folder_of(&variables), Some("/home/me/.cache/imagespec".into()));
    /// ```
    #[must_use]
    pub fn folder_of(variables: &Variables) -> Option<PathBuf> {
        match variables.get(FOLDER) {
            Some(folder) if folder.is_empty() => None,
            Some(folder) => Some(PathBuf::from(folder)),
            None => {
                let home = || variables.path("HOME").map(|home| home.join(".cache"));
                let caches = variables.path("XDG_CACHE_HOME").filter(|path| path.is_absolute()).or_else(home)?;
                Some(caches.join("imagespec"))
            }
        }
    }

    fn file(&self, key: &str) -> PathBuf {
        self.folder.join(Digest::from_content(format!("{}\n{key}", self.daemon).as_bytes()).hex() + ".json")
    }

    /// Writes a temporary file first, so that no program reads an incomplete one.
    fn write(&self, key: &str, text: &str) -> std::io::Result<()> {
        let file = self.file(key);
        let entry = serde_json::to_vec(&Entry { daemon: Cow::from(&self.daemon), key: key.into(), text: text.into() })?;
        // The content of base images may be private.
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
            // If the time cannot be updated, the file is removed sooner.
            let _ = std::fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        }
        (entry.key == key && entry.daemon == self.daemon).then(|| entry.text.into_owned())
    }

    fn put(&self, key: &str, text: &str) {
        // An error shows as a missing entry later.
        let _ = self.write(key, text).and_then(|()| self.tidy());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_cache_counts_as_empty() {
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
    fn the_oldest_files_are_removed() {
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
    fn the_folder_depends_on_variables() {
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
