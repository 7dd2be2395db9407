//! Answers kept in files: one folder of the user's, shared by all programs of this workspace.
//!
//! A cache: whatever goes wrong with it, nothing is known and nothing is kept. What is asked, and how long an answer counts, is the
//! frontend's business.

use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use buildkit_client::solve::new_reference;
use buildkit_llb::Digest;
use imagespec_frontend::Answers;
use serde::{Deserialize, Serialize};

use crate::variables::Variables;

/// Names the folder; an empty one means that nothing is kept.
const FOLDER: &str = "IMAGESPEC_CACHE_DIR";
/// The form of the files and the meaning of what is asked (`imagespec-frontend`, `gather`): another one gets another folder.
const VERSION: &str = "answers-1";
/// Beyond so many the oldest go.
const MOST: usize = 4096;
/// An answer in use is marked as such this often.
const MARKED: Duration = Duration::from_hours(24);

/// Answers in a folder.
///
/// ```
/// use imagespec_engine::KeptAnswers;
/// use imagespec_frontend::Answers as _;
///
/// # fn main() -> std::io::Result<()> {
/// let folder = tempfile::tempdir()?;
/// let answers = KeptAnswers::in_folder(folder.path());
/// answers.put("programs in /bin of sha256:…", "[]");
/// assert_eq!(answers.get("programs in /bin of sha256:…").as_deref(), Some("[]"));
/// assert_eq!(answers.get("programs in /usr of sha256:…"), None);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct KeptAnswers {
    folder: PathBuf,
}

/// A file: the question beside its answer, since a name is a hash only.
#[derive(Deserialize, Serialize)]
struct Kept<'a> {
    question: std::borrow::Cow<'a, str>,
    answer: std::borrow::Cow<'a, str>,
}

impl KeptAnswers {
    /// Keeps them in a folder, which is made when there is something to keep.
    #[must_use]
    pub fn in_folder(folder: impl AsRef<Path>) -> Self {
        Self { folder: folder.as_ref().join(VERSION) }
    }

    /// Keeps them where the user wants caches: `$IMAGESPEC_CACHE_DIR`, else `$XDG_CACHE_HOME/imagespec`, else
    /// `~/.cache/imagespec`. `None` where no variable says, or the first is empty.
    ///
    /// ```
    /// use imagespec_engine::{KeptAnswers, Variables};
    ///
    /// assert!(KeptAnswers::of(&Variables::default()).is_none());
    /// assert!(KeptAnswers::of(&Variables::new(|name| (name == "HOME").then(|| "/home/me".into()))).is_some());
    /// ```
    #[must_use]
    pub fn of(variables: &Variables) -> Option<Self> {
        match variables.get(FOLDER) {
            Some(folder) if folder.is_empty() => None,
            Some(folder) => Some(Self::in_folder(PathBuf::from(folder))),
            None => {
                let home = || variables.path("HOME").map(|home| home.join(".cache"));
                let caches = variables.path("XDG_CACHE_HOME").filter(|path| path.is_absolute()).or_else(home)?;
                Some(Self::in_folder(caches.join("imagespec")))
            }
        }
    }

    fn file(&self, question: &str) -> PathBuf {
        self.folder.join(Digest::from_content(question.as_bytes()).hex() + ".json")
    }

    /// Beside its place first, so that nobody ever reads half of it.
    fn write(&self, question: &str, answer: &str) -> std::io::Result<()> {
        let file = self.file(question);
        let kept = serde_json::to_vec(&Kept { question: question.into(), answer: answer.into() })?;
        // What is in somebody's base image is nobody else's business.
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let beside = self.folder.join(new_reference());
        let created = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
        let written = created.and_then(|mut new| new.write_all(&kept));
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
        if files.len() > MOST {
            files.sort();
            for (_, path) in &files[..files.len() / 2] {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

impl Answers for KeptAnswers {
    fn get(&self, question: &str) -> Option<String> {
        let path = self.file(question);
        let bytes = std::fs::read(&path).ok()?;
        let Kept { question: of, answer } = serde_json::from_slice(&bytes).ok()?;
        let modified = std::fs::metadata(&path).and_then(|metadata| metadata.modified()).ok()?;
        if modified.elapsed().is_ok_and(|age| age > MARKED) {
            // One that cannot be marked goes sooner.
            let _ = std::fs::File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        }
        (of == question).then(|| answer.into_owned())
    }

    fn put(&self, question: &str, answer: &str) {
        // Whether it worked shows when it is asked for again.
        let _ = self.write(question, answer).and_then(|()| self.tidy());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_cache_is_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let answers = KeptAnswers::in_folder(folder.path());
        answers.put("a", "1");
        answers.put("a", "2");
        assert_eq!(answers.get("a").as_deref(), Some("2"));
        assert_eq!(std::fs::read_dir(&answers.folder).unwrap().count(), 1, "nothing is left over");
        std::fs::copy(answers.file("a"), answers.file("b")).unwrap();
        assert_eq!(answers.get("b"), None, "it answers another question");
        std::fs::write(answers.file("a"), "{\"question\": \"a\"").unwrap();
        assert_eq!(answers.get("a"), None);
        let nowhere = KeptAnswers::in_folder("/proc/nowhere");
        nowhere.put("a", "1");
        assert_eq!(nowhere.get("a"), None);
    }

    #[test]
    fn the_oldest_go() {
        let folder = tempfile::tempdir().unwrap();
        let answers = KeptAnswers::in_folder(folder.path());
        answers.put("old", "1");
        let of_old = std::fs::File::open(answers.file("old")).unwrap();
        of_old.set_modified(SystemTime::now() - Duration::from_hours(48)).unwrap();
        for number in 0..MOST {
            std::fs::write(answers.folder.join(number.to_string()), "").unwrap();
        }
        answers.put("new", "2");
        assert_eq!((answers.get("old"), answers.get("new").as_deref()), (None, Some("2")));
        assert_eq!(std::fs::read_dir(&answers.folder).unwrap().count(), MOST / 2 + 1);
    }

    #[test]
    fn where_they_are() {
        let folder = |known: &'static [(&str, &str)]| {
            let lookup = move |name: &str| known.iter().find(|(of, _)| *of == name).map(|(_, value)| (*value).into());
            KeptAnswers::of(&Variables::new(lookup)).map(|answers| answers.folder.display().to_string())
        };
        assert_eq!(folder(&[("HOME", "/h")]).as_deref(), Some("/h/.cache/imagespec/answers-1"));
        assert_eq!(folder(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/c")]).as_deref(), Some("/c/imagespec/answers-1"));
        assert_eq!(
            folder(&[("HOME", "/h"), ("XDG_CACHE_HOME", "c")]).as_deref(),
            Some("/h/.cache/imagespec/answers-1")
        );
        assert_eq!(folder(&[("HOME", "/h"), (FOLDER, "/x")]).as_deref(), Some("/x/answers-1"));
        assert_eq!(folder(&[("HOME", "/h"), (FOLDER, "")]), None);
    }
}
