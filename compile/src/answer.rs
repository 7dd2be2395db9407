//! Answers to questions, where an answer is more than a text or a list.
//!
//! Plain data: this module does not know how answers are found.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use buildkit_llb::{CapSet, Platform};
use imagespec::{Diagnostic, FileId};
use serde::{Deserialize, Serialize};

use crate::lock::{self, Lock};

/// The daemon's platform, capabilities and session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonFact {
    /// The daemon's platform, which is the target if no platform is given.
    pub platform: Platform,
    /// The enabled LLB capabilities.
    pub capabilities: BTreeSet<String>,
    /// The session that serves the context. It is different in every build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Whether the client answers [`Selection`](crate::question::Selection). Clients with a frontend in the daemon do not.
    #[serde(default)]
    pub lists_files: bool,
}

impl DaemonFact {
    /// The capabilities as a set.
    #[must_use]
    pub fn caps(&self) -> CapSet {
        self.capabilities.iter().map(String::as_str).collect()
    }
}

/// What a client knows of the files that are copied from its context. All paths are relative to the context.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SelectionFact {
    /// Patterns of the files that git ignores, to be added to those of the question.
    pub ignored: Vec<String>,
    /// Links that are replaced by what they lead to, because it is not copied itself, or because an absolute path leads to it.
    pub links: Vec<CopiedLink>,
    /// Patterns of the files that git ignores below the targets of those links.
    pub ignored_below_links: Vec<String>,
    /// Links that are copied as links, and lead to nothing in the image.
    pub strays: Vec<StrayLink>,
    /// Why git's rules could not be applied completely.
    pub git_problem: Option<String>,
}

/// A link that is replaced by the file or folder that it leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedLink {
    /// The link.
    pub path: String,
    /// The file or folder it leads to, without links in its path.
    pub target: String,
    /// Whether the target is a folder.
    pub is_folder: bool,
    /// The place of the copy. It differs from `path` for a link below another replaced link.
    pub to: String,
}

/// A link that leads to nothing in the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrayLink {
    /// The link.
    pub path: String,
    /// The text of the link.
    pub target: String,
    /// Why.
    pub reason: StrayReason,
}

/// Why a link leads to nothing in the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StrayReason {
    /// Nothing exists at its target.
    Missing,
    /// Its target is not in the context.
    Outside,
    /// An ignore file excludes its target.
    Excluded,
    /// It leads to a folder that contains the link.
    Circular,
}

/// A resolved image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageFact {
    /// The reference that the graph uses: the full reference with its digest, or what a named context or a source policy replaced
    /// it with. Docker's classic image store may know an image only by name; then there is no digest.
    pub reference: String,
    /// The image config (OCI image spec, config.md), including unknown members.
    pub config: serde_json::Value,
}

/// A program file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Program {
    /// Absolute path.
    pub path: String,
    /// The target, if it is a symbolic link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// What a script found in a root filesystem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SurveyFact {
    /// The files named `python*`, in the order of their folders and sorted within a folder.
    pub programs: Vec<Program>,
    /// The paths that exist, of those that were looked for: the program that was asked for, and the dynamic linkers of musl.
    pub paths: BTreeSet<String>,
    /// The texts of the files that exist, of [`SURVEYED_FILES`](crate::SURVEYED_FILES).
    pub files: BTreeMap<String, String>,
    /// What interpreters report, by path; `None` for one that reports nothing usable.
    pub interpreters: BTreeMap<String, Option<InterpreterFact>>,
}

impl SurveyFact {
    /// Parses the output of the script: lines with a kind and a path, each followed by its text, indented by one space. The first place of
    /// a path counts. Other lines are ignored.
    #[must_use]
    pub fn parse(text: &str, folders: &[String]) -> Self {
        let mut survey = Self::default();
        let mut lines = text.split_terminator('\n').peekable();
        while let Some(line) = lines.next() {
            let mut body = String::new();
            while let Some(more) = lines.next_if(|line| line.starts_with(' ')) {
                body.push_str(&more[1..]);
                body.push('\n');
            }
            let Some((kind, path)) = line.split_once(' ') else { continue };
            let path = path.to_owned();
            match kind {
                "program" => survey.programs.push(Program { path, link: None }),
                "link" => survey.programs.push(Program { path, link: Some(body.trim_end_matches('\n').to_owned()) }),
                "path" => _ = survey.paths.insert(path),
                "file" => _ = survey.files.insert(path, body),
                "interpreter" => _ = survey.interpreters.insert(path, InterpreterFact::parse(&body)),
                _ => {}
            }
        }
        let position = |program: &Program| {
            let (folder, _) = program.path.rsplit_once('/').unwrap_or_default();
            folders.iter().position(|known| known.trim_end_matches('/') == folder)
        };
        survey.programs.sort_by_cached_key(|program| (position(program), program.path.clone()));
        survey.programs.dedup_by(|one, other| one.path == other.path);
        survey.describe_links();
        survey
    }

    /// A link to a program in the same folder is the same interpreter.
    fn describe_links(&mut self) {
        let links: BTreeMap<&str, String> = self
            .programs
            .iter()
            .filter_map(|program| {
                let target = program.link.as_deref().filter(|target| !target.contains('/'))?;
                let (folder, _) = program.path.rsplit_once('/')?;
                Some((program.path.as_str(), format!("{folder}/{target}")))
            })
            .collect();
        let mut found = Vec::new();
        for path in links.keys() {
            let mut target = *path;
            // A loop of links ends after as many steps as there are links.
            for _ in 0..links.len() {
                let Some(next) = links.get(target) else { break };
                target = next;
            }
            if let Some(fact) = self.interpreters.get(target) {
                found.push(((*path).to_owned(), fact.clone()));
            }
        }
        for (path, fact) in found {
            self.interpreters.entry(path).or_insert(fact);
        }
    }
}

/// The description of an interpreter and of its system, as the interpreter reports it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct InterpreterFact {
    /// The language's version, such as `3.11.2`.
    pub version: String,
    /// `cpython`, `pypy`, … (`sys.implementation.name`).
    pub implementation: String,
    /// The implementation's own version, such as PyPy's `7.3.17`.
    pub implementation_version: String,
    /// Whether the interpreter is built without the global interpreter lock.
    pub free_threaded: bool,
    /// `glibc` or `musl`; empty if unknown.
    pub libc: String,
    /// The C library's version, such as `2.36`.
    pub libc_version: String,
    /// The folders with packages, in the order of a search, if the interpreter is that of a virtual environment.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
}

impl InterpreterFact {
    /// Parses the output of the probe. `None` if it is not the output of a Python 3 interpreter.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| {
            let found = text.lines().filter_map(|line| line.split_once(' ')).find(|(name, _)| *name == key);
            found.map(|(_, value)| value.trim().to_owned())
        };
        Some(Self {
            version: value("version")?,
            implementation: value("implementation")?,
            implementation_version: value("implementation-version").unwrap_or_default(),
            free_threaded: value("free-threaded").as_deref() == Some("1"),
            libc: value("libc").unwrap_or_default(),
            libc_version: value("libc-version").unwrap_or_default(),
            packages: text.lines().filter_map(|line| line.strip_prefix("packages ")).map(str::to_owned).collect(),
        })
    }
}

/// A package that an interpreter can import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledPackage {
    /// The name as the package writes it.
    pub name: String,
    /// The version.
    pub version: String,
    /// Whether it is in the interpreter's own environment, and not in one that this can see.
    pub is_own: bool,
}

impl InstalledPackage {
    /// Parses the output of the probe: a line for each package with its name, its version, and `own` or `seen`, separated by tabs. Other
    /// lines are ignored.
    #[must_use]
    pub fn parse_all(text: &str) -> Vec<Self> {
        let parse = |line: &str| {
            let mut columns = line.split('\t').map(str::to_owned);
            let (name, version, place) = (columns.next()?, columns.next()?, columns.next()?);
            Some(Self { name, version, is_own: place == "own" })
        };
        text.lines().filter_map(parse).collect()
    }
}

/// A resolved lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockFact {
    /// The text of a `pylock.toml`. `None` if there is none, because the step failed where nothing can be built.
    pub lock: Option<Text>,
    /// The requirements that a tool exported from its own lockfile, if the lock was made from those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exported: Option<String>,
}

/// A text that may be a lock. It is parsed only once, because parsing a lock takes longer than the rest of planning.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Text(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    text: String,
    lock: OnceLock<Arc<Lock>>,
}

impl Text {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The parsed lock, if the text was parsed as one.
    pub(crate) fn parsed(&self) -> Option<Arc<Lock>> {
        self.0.lock.get().cloned()
    }

    /// Parses the text as a lock. Problems point into `file`.
    ///
    /// # Errors
    /// All problems of the lock.
    pub(crate) fn lock(&self, file: FileId) -> Result<Arc<Lock>, Vec<Diagnostic>> {
        let lock = Arc::new(lock::parse(file, &self.0.text)?);
        Ok(Arc::clone(self.0.lock.get_or_init(|| lock)))
    }
}

impl Text {
    /// The text of a file of the client. U+FFFD stands for bytes that are not text: in a comment they do no harm, and elsewhere the reader of
    /// the file reports the place.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        imagespec::decode(bytes).text.into()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Arc::new(Inner { text, lock: OnceLock::new() }))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.as_str().to_owned()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_a_survey() {
        let text = "\
link /b/python3
 python3.11
program /b/python3.11
link /a/python
 loop
link /a/loop
 python
interpreter /b/python3.11
 version 3.11.2
 implementation cpython
interpreter /b/broken
path /lib/ld-musl-x86_64.so.1
file /etc/passwd
 root:x:0:0::/root:/bin/sh

 nobody:x:65534:
file /etc/empty
unknown
";
        let survey = SurveyFact::parse(text, &["/a/".to_owned(), "/b".to_owned()]);
        let paths: Vec<&str> = survey.programs.iter().map(|program| program.path.as_str()).collect();
        assert_eq!(paths, ["/a/loop", "/a/python", "/b/python3", "/b/python3.11"]);
        assert_eq!(survey.programs[2].link.as_deref(), Some("python3.11"));
        let version =
            |path: &str| survey.interpreters.get(path).map(|fact| fact.as_ref().map(|fact| fact.version.as_str()));
        assert_eq!(version("/b/python3"), Some(Some("3.11.2")), "a link is what it leads to");
        assert_eq!((version("/b/broken"), version("/a/python")), (Some(None), None));
        assert!(survey.paths.contains("/lib/ld-musl-x86_64.so.1"));
        assert_eq!(
            survey.files["/etc/passwd"], "root:x:0:0::/root:/bin/sh\n",
            "an empty line of the script ends a file"
        );
        assert_eq!(survey.files["/etc/empty"], "");
    }

    #[test]
    fn parses_the_output_of_the_probe() {
        let text = "version 3.11.2\nimplementation cpython\nimplementation-version 3.11.2\nfree-threaded 0\nlibc glibc\nlibc-version 2.36\n";
        let fact = InterpreterFact::parse(text).expect("complete");
        assert_eq!(
            (fact.version.as_str(), fact.libc.as_str(), fact.libc_version.as_str()),
            ("3.11.2", "glibc", "2.36")
        );
        assert!(!fact.free_threaded);
        assert_eq!(InterpreterFact::parse("nonsense"), None);
    }
}
