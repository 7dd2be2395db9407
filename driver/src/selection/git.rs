//! What git ignores: the rules of a work tree (gitignore(5)), and which files it tracks in spite of them.
//!
//! The repository is read, not asked: no program runs, so its configuration cannot start one. Nothing is written. The user's own file of
//! rules is found as git finds it, by git's configuration and `XDG_CONFIG_HOME`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use gix::bstr::{BStr, BString, ByteSlice as _};
use gix::glob::pattern::Case;
use gix::ignore::Search;
use gix::ignore::search::Ignore;

use crate::confined;

/// The file with the rules for a folder.
const FILE: &str = ".gitignore";
/// How lines are read: as git reads them.
const LINES: Ignore = Ignore { support_precious: false };

/// The rules of one work tree.
pub(super) struct Rules {
    /// The top of the work tree.
    top: PathBuf,
    place: Place,
    /// The rules of the repository and of the user, which count if no folder has one that matches.
    common: Search,
    case: Case,
    /// `None` without a repository: then only the files in folders count.
    index: Option<gix::worktree::Index>,
    /// The rules in the folders so far. Empty is the top.
    folders: BTreeMap<BString, Search>,
    /// The folders so far, and whether they are ignored.
    known: BTreeMap<BString, bool>,
}

/// Where the work tree and the context are.
enum Place {
    /// The context is in this folder of the work tree. Empty, or with a `/` at the end.
    Around(BString),
    /// The work tree is in this folder of the context. Empty, or with a `/` at the end.
    Inside(BString),
}

impl Rules {
    /// The rules for a context. The second part is why the repository could not be read, if there is one.
    pub(super) fn of_context(context: &Path) -> (Self, Option<String>) {
        let nothing = || Self::without_repository(context, b"");
        let Some(top) = context.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok()) else {
            return (nothing(), None);
        };
        let prefix = context.strip_prefix(top).map(folder_path).unwrap_or_default();
        let opened = Self::open(top, Place::Around(prefix.clone())).and_then(|mut rules| {
            // The user builds from this folder, so it is wanted although a repository around it ignores it.
            let folder = prefix.strip_suffix(b"/").unwrap_or_default();
            let is_ignored = !folder.is_empty() && rules.is_ignored_there(folder.as_bstr(), true)?;
            Ok(if is_ignored { nothing() } else { rules })
        });
        opened.map_or_else(|problem| (nothing(), Some(problem)), |rules| (rules, None))
    }

    /// The rules of a work tree in a folder of the context.
    pub(super) fn of_inner(context: &Path, folder: &[u8]) -> (Self, Option<String>) {
        let place = Place::Inside(BString::from([folder, b"/"].concat()));
        match Self::open(&context.join(OsStr::from_bytes(folder)), place) {
            Ok(rules) => (rules, None),
            Err(problem) => (Self::without_repository(context, folder), Some(problem)),
        }
    }

    /// Only the rules of the `.gitignore` files in a folder of the context and below it.
    pub(super) fn without_repository(context: &Path, folder: &[u8]) -> Self {
        let place = if folder.is_empty() { Vec::new() } else { [folder, b"/"].concat() };
        Self {
            top: context.join(OsStr::from_bytes(folder)),
            place: Place::Inside(place.into()),
            common: Search::default(),
            case: Case::Sensitive,
            index: None,
            folders: BTreeMap::new(),
            known: BTreeMap::new(),
        }
    }

    fn open(top: &Path, place: Place) -> Result<Self, String> {
        let failed = |error: gix::Error| error.to_string();
        let repository = gix::open(top).map_err(failed)?;
        let index = repository.index_or_empty().map_err(failed)?;
        let config = repository.config_snapshot();
        let named = config.trusted_path("core.excludesFile").map_err(failed)?;
        let usual = || gix::path::env::xdg_config("ignore", &mut |name| std::env::var_os(name));
        let common = Search::from_git_dir(repository.common_dir(), named.or_else(usual), &mut Vec::new(), LINES);
        let case = if config.boolean("core.ignoreCase") == Some(true) { Case::Fold } else { Case::Sensitive };
        Ok(Self {
            top: top.to_owned(),
            place,
            common: common.map_err(|error| error.to_string())?,
            case,
            index: Some(index),
            folders: BTreeMap::new(),
            known: BTreeMap::new(),
        })
    }

    /// Whether git ignores a path of the context. A folder with a tracked file below it is not ignored.
    ///
    /// # Errors
    /// A message, if the rules cannot be read.
    pub(super) fn is_ignored(&mut self, path: &[u8], is_folder: bool) -> Result<bool, String> {
        let there = match &self.place {
            Place::Around(prefix) => BString::from([prefix.as_bytes(), path].concat()),
            Place::Inside(folder) => path.strip_prefix(folder.as_bytes()).unwrap_or(path).into(),
        };
        self.is_ignored_there(there.as_bstr(), is_folder)
    }

    fn is_ignored_there(&mut self, path: &BStr, is_folder: bool) -> Result<bool, String> {
        Ok(self.is_excluded(path, is_folder)? && !self.is_tracked(path, is_folder))
    }

    /// Whether the rules exclude a path, or a folder that it is in: no rule for a path counts in an excluded folder.
    fn is_excluded(&mut self, path: &BStr, is_folder: bool) -> Result<bool, String> {
        for end in path.find_iter(b"/").collect::<Vec<_>>() {
            let folder = path[..end].as_bstr();
            let is_excluded = match self.known.get(folder) {
                Some(known) => *known,
                None => {
                    let found = self.matches(folder, true)?;
                    self.known.insert(folder.to_owned(), found);
                    found
                }
            };
            if is_excluded {
                return Ok(true);
            }
        }
        self.matches(path, is_folder)
    }

    /// Whether a rule excludes a path: the last one that matches, of the innermost folder that has one.
    fn matches(&mut self, path: &BStr, is_folder: bool) -> Result<bool, String> {
        let mut end = path.rfind(b"/");
        loop {
            let folder = end.map_or(BStr::new(""), |end| path[..end].as_bstr());
            let case = self.case;
            if let Some(found) = self.rules_in(folder)?.pattern_matching_relative_path(path, Some(is_folder), case) {
                return Ok(!found.pattern.is_negative());
            }
            match end {
                None => break,
                Some(at) => end = path[..at].rfind(b"/"),
            }
        }
        let found = self.common.pattern_matching_relative_path(path, Some(is_folder), self.case);
        Ok(found.is_some_and(|found| !found.pattern.is_negative()))
    }

    fn rules_in(&mut self, folder: &BStr) -> Result<&Search, String> {
        if !self.folders.contains_key(folder) {
            let search = self.read(folder)?;
            self.folders.insert(folder.to_owned(), search);
        }
        Ok(&self.folders[folder])
    }

    /// Like git, it does not follow a link.
    fn read(&self, folder: &BStr) -> Result<Search, String> {
        let path = self.top.join(OsStr::from_bytes(folder)).join(FILE);
        let mut search = Search::default();
        if path.symlink_metadata().is_ok_and(|found| found.is_file()) {
            let failed = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
            let bytes = File::open(&path).and_then(confined::read_bounded).map_err(failed)?;
            search.add_patterns_buffer(&bytes, &path, Some(&self.top), LINES).map_err(failed)?;
        }
        Ok(search)
    }

    fn is_tracked(&self, path: &BStr, is_folder: bool) -> bool {
        let Some(index) = &self.index else { return false };
        if !is_folder {
            return index.entry_range(path).is_some();
        }
        // A folder of a sparse index, or a submodule, is an entry itself.
        let below = BString::from([path.as_bytes(), b"/"].concat());
        index.prefixed_entries(below.as_bstr()).is_some() || index.entry_by_path(path).is_some()
    }
}

/// A relative path with a `/` at its end, or nothing.
fn folder_path(path: &Path) -> BString {
    let mut text = BString::from(path.as_os_str().as_bytes());
    if !text.is_empty() {
        text.push(b'/');
    }
    text
}
