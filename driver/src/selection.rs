//! Which files of a context are copied, as far as patterns cannot say it: what git ignores, and where links lead.
//!
//! Lists folders and reads links of the context; what is outside of it is never opened. The planner decides what is copied.

mod git;
mod patterns;
#[cfg(test)]
mod tests;

use std::ffi::{OsStr, OsString};
use std::fs::FileType;
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use buildkit_client::session::pattern::{MatchInfo, PatternMatcher};
use imagespec_compile::question::Selection;
use imagespec_compile::{CopiedLink, SelectionFact, StrayLink, StrayReason};

use self::git::Rules;
use self::patterns::Folder;

/// More links than this are not replaced, because each is an operation of its own.
const LINKS: usize = 4096;

/// The end of the names of Python files.
const PYTHON: &str = ".py";

/// Lists the files that a question is about.
///
/// # Errors
/// A message: the context or a folder in it cannot be read, or it has too many links.
pub(crate) fn select(context: &Path, question: &Selection) -> Result<SelectionFact, String> {
    let context = context.canonicalize().map_err(|error| format!("cannot read {}: {error}", context.display()))?;
    let mut walk = Walk {
        context: &context,
        exclude: PatternMatcher::new(&question.local.exclude).map_err(|error| error.to_string())?,
        only_python: question.local.include.iter().any(|pattern| pattern.ends_with(&format!("/*{PYTHON}"))),
        rules: Vec::new(),
        found: SelectionFact::default(),
    };
    let outer = question.uses_git.then(|| walk.add_rules(Rules::of_context(&context)));
    let mut folders = Vec::new();
    for root in &question.roots {
        // A link is followed, and the build says if there is nothing.
        let at = if root == "." { context.clone() } else { context.join(root) };
        let Some(path) = at.canonicalize().ok().filter(|path| path.is_dir()).and_then(|path| walk.inside(&path)) else {
            continue;
        };
        let to = if root == "." { Vec::new() } else { root.as_bytes().to_vec() };
        let rules = walk.rules_at(outer, &path)?;
        walk.tree(Tree { path, to, rules, around: Vec::new() }, &mut folders)?;
    }
    walk.found.ignored = patterns::ignored(folders, walk.exclude.has_exceptions());
    walk.linked_folders(outer)?;
    Ok(walk.found)
}

/// A folder whose files are listed.
struct Tree {
    /// Its path in the context.
    path: Vec<u8>,
    /// The place of its files among the copied ones.
    to: Vec<u8>,
    /// git's rules, in the list of rules.
    rules: Option<usize>,
    /// The folders of the context that it is reached through.
    around: Vec<Vec<u8>>,
}

struct Walk<'a> {
    context: &'a Path,
    exclude: PatternMatcher,
    /// Whether only Python files are copied. Then folders count only for the files in them.
    only_python: bool,
    rules: Vec<Rules>,
    found: SelectionFact,
}

/// A folder that is being listed.
struct Level {
    path: Vec<u8>,
    names: std::vec::IntoIter<(OsString, FileType)>,
    inherited: MatchInfo,
    rules: Option<usize>,
    /// In the list of folders.
    index: usize,
}

impl Walk<'_> {
    fn add_rules(&mut self, (rules, problem): (Rules, Option<String>)) -> usize {
        if self.found.git_problem.is_none() {
            self.found.git_problem = problem;
        }
        self.rules.push(rules);
        self.rules.len() - 1
    }

    /// The rules for a folder that the user has named, or a link leads to: those around it, unless they ignore it.
    fn rules_at(&mut self, outer: Option<usize>, path: &[u8]) -> Result<Option<usize>, String> {
        let Some(mut rules) = outer else { return Ok(None) };
        for end in ends(path) {
            let folder = &path[..end];
            if self.rules[rules].is_ignored(folder, true)? {
                let inner = Rules::without_repository(self.context, path);
                return Ok(Some(self.add_rules((inner, None))));
            }
            if self.is_repository(folder) {
                rules = self.add_rules(Rules::of_inner(self.context, folder));
            }
        }
        Ok(Some(rules))
    }

    fn is_repository(&self, folder: &[u8]) -> bool {
        self.context.join(OsStr::from_bytes(folder)).join(".git").symlink_metadata().is_ok()
    }

    /// A real path as one of the context.
    fn inside(&self, path: &Path) -> Option<Vec<u8>> {
        Some(path.strip_prefix(self.context).ok()?.as_os_str().as_bytes().to_vec())
    }

    /// Lists a folder with all folders in it.
    fn tree(&mut self, tree: Tree, folders: &mut Vec<Folder>) -> Result<(), String> {
        let names = self.list(&tree.path)?;
        let inherited = self.inherited(&tree.path);
        let index = folders.len();
        folders.push(Folder { path: tree.path.clone(), ..Folder::default() });
        let mut levels = vec![Level { path: tree.path.clone(), names, inherited, rules: tree.rules, index }];
        while let Some(level) = levels.last_mut() {
            let Some((name, kind)) = level.names.next() else {
                levels.pop();
                continue;
            };
            let inner = self.entry(level, name.into_vec(), kind, &tree, folders)?;
            levels.extend(inner);
        }
        Ok(())
    }

    /// Judges one entry of a folder. A folder that has to be listed is returned.
    fn entry(
        &mut self,
        level: &Level,
        name: Vec<u8>,
        kind: FileType,
        tree: &Tree,
        folders: &mut Vec<Folder>,
    ) -> Result<Option<Level>, String> {
        let path = join(&level.path, &name);
        let (is_excluded, inherited) = self.exclude.matches(&path, &level.inherited);
        let is_entered = kind.is_dir() && (!is_excluded || self.has_exceptions_below(&path));
        let parent = &mut folders[level.index];
        if is_excluded && !is_entered {
            parent.excluded.push(name);
            return Ok(None);
        }
        let is_ignored = match level.rules {
            Some(rules) => name == b".git" || self.rules[rules].is_ignored(&path, kind.is_dir())?,
            None => false,
        };
        if is_ignored {
            parent.ignored.push((name, kind.is_dir()));
            return Ok(None);
        }
        parent.kept.push(name);
        if !is_entered {
            if kind.is_symlink() {
                self.link(path, tree)?;
            }
            return Ok(None);
        }
        let rules = match level.rules {
            Some(_) if self.is_repository(&path) => Some(self.add_rules(Rules::of_inner(self.context, &path))),
            outer => outer,
        };
        let index = folders.len();
        folders.push(Folder { path: path.clone(), parent: Some(level.index), ..Folder::default() });
        let names = self.list(&path)?;
        Ok(Some(Level { path, names, inherited, rules, index }))
    }

    /// Whether something below an excluded folder may be included.
    fn has_exceptions_below(&self, folder: &[u8]) -> bool {
        self.exclude.has_exceptions() && (!self.exclude.is_literal(true) || self.exclude.may_match_below(folder, true))
    }

    /// The names in a folder, sorted. A folder that is gone is empty; one that cannot be read is told when files are sent from it.
    fn list(&self, folder: &[u8]) -> Result<std::vec::IntoIter<(OsString, FileType)>, String> {
        let path = self.context.join(OsStr::from_bytes(folder));
        let read = || {
            let named = |entry: io::Result<std::fs::DirEntry>| {
                let entry = entry?;
                Ok((entry.file_name(), entry.file_type()?))
            };
            std::fs::read_dir(&path)?.map(named).collect::<io::Result<Vec<_>>>()
        };
        let mut names = match read() {
            Ok(names) => names,
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Vec::new(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidFilename => Vec::new(),
                _ => return Err(format!("cannot read {}: {error}", path.display())),
            },
        };
        names.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(names.into_iter())
    }

    /// The matches that the entries of a folder inherit.
    fn inherited(&self, folder: &[u8]) -> MatchInfo {
        let mut inherited = MatchInfo::default();
        for end in ends(folder) {
            inherited = self.exclude.matches(&folder[..end], &inherited).1;
        }
        inherited
    }

    fn is_excluded(&self, path: &[u8]) -> bool {
        let parent = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        self.exclude.matches(path, &self.inherited(&path[..parent])).0
    }

    /// Decides what becomes of a link.
    fn link(&mut self, path: Vec<u8>, tree: &Tree) -> Result<(), String> {
        let at = self.context.join(OsStr::from_bytes(&path));
        let Ok(text) = std::fs::read_link(&at) else { return Ok(()) };
        let real = at.canonicalize();
        let is_folder = real.as_ref().is_ok_and(|real| real.is_dir());
        if self.only_python && !is_folder && !is_python(&path) {
            return Ok(());
        }
        let target = match &real {
            Ok(real) => self.inside(real).ok_or(StrayReason::Outside),
            Err(_) => Err(StrayReason::Missing),
        };
        let target = match target {
            Ok(target) => target,
            // It may lead to a file of the base image.
            Err(StrayReason::Missing) if text.is_absolute() => return Ok(()),
            Err(reason) => {
                self.stray(&path, &text, reason);
                return Ok(());
            }
        };
        // A link to a folder is not sent with Python files.
        if !(self.only_python && is_folder) && self.stays(&path, &text, tree)? {
            return Ok(());
        }
        if self.is_excluded(&target) {
            self.stray(&path, &text, StrayReason::Excluded);
            return Ok(());
        }
        let is_around = |folder: &[u8]| target.is_empty() || is_same_or_below(folder, &target);
        if is_folder && (is_around(&path) || tree.around.iter().any(|folder| is_around(folder))) {
            self.stray(&path, &text, StrayReason::Circular);
            return Ok(());
        }
        let to = join(&tree.to, relative(&path, &tree.path));
        let (Ok(link), Ok(target), Ok(to)) =
            (String::from_utf8(path), String::from_utf8(target), String::from_utf8(to))
        else {
            // Such names cannot be said to the daemon.
            return Ok(());
        };
        if self.found.links.len() == LINKS {
            return Err(format!("there are more than {LINKS} links to files elsewhere, the last one is {link}"));
        }
        self.found.links.push(CopiedLink { path: link, target, is_folder, to });
        Ok(())
    }

    fn stray(&mut self, path: &[u8], target: &Path, reason: StrayReason) {
        let path = String::from_utf8_lossy(path).into_owned();
        self.found.strays.push(StrayLink { path, target: target.to_string_lossy().into_owned(), reason });
    }

    /// Whether a link leads to the same file as a link in the image: it is relative, and its target is copied with it.
    fn stays(&mut self, path: &[u8], text: &Path, tree: &Tree) -> Result<bool, String> {
        let parent = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        let mut at: PathBuf = OsStr::from_bytes(&path[..parent]).into();
        let root = Path::new(OsStr::from_bytes(&tree.path));
        for component in text.components() {
            match component {
                Component::CurDir => {}
                Component::Normal(name) => at.push(name),
                // A `..` after a link does not lead to the folder that the link is in.
                Component::ParentDir if !self.is_link(&at) => _ = at.pop(),
                _ => return Ok(false),
            }
            if !at.starts_with(root) {
                return Ok(false);
            }
        }
        let target = at.as_os_str().as_bytes();
        if self.only_python && !is_python(target) {
            return Ok(false);
        }
        Ok(!self.is_excluded(target) && !self.is_ignored(tree, target)?)
    }

    fn is_link(&self, path: &Path) -> bool {
        self.context.join(path).symlink_metadata().is_ok_and(|found| found.is_symlink())
    }

    /// Whether git ignores a path below a tree. Only the rules of the tree are asked, not those of repositories in it.
    fn is_ignored(&mut self, tree: &Tree, path: &[u8]) -> Result<bool, String> {
        let Some(rules) = tree.rules else { return Ok(false) };
        for end in ends(path).filter(|&end| end > tree.path.len()) {
            let is_folder = self.context.join(OsStr::from_bytes(&path[..end])).symlink_metadata();
            let is_folder = is_folder.is_ok_and(|found| found.is_dir());
            if self.rules[rules].is_ignored(&path[..end], is_folder)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Lists the folders that links lead to, which may have links again.
    fn linked_folders(&mut self, outer: Option<usize>) -> Result<(), String> {
        let mut folders = Vec::new();
        let mut next = 0;
        // The links that a link was found below.
        let mut around: Vec<Vec<Vec<u8>>> = Vec::new();
        while let Some(link) = self.found.links.get(next).cloned() {
            around.resize(self.found.links.len(), Vec::new());
            next += 1;
            if !link.is_folder {
                continue;
            }
            let path = link.target.into_bytes();
            let rules = self.rules_at(outer, &path)?;
            let chain = [around[next - 1].as_slice(), &[link.path.into_bytes()]].concat();
            let first = folders.len();
            self.tree(Tree { path, to: link.to.into_bytes(), rules, around: chain.clone() }, &mut folders)?;
            around.resize(self.found.links.len(), chain);
            let has_python = |folder: &Folder| folder.kept.iter().any(|name| is_python(name));
            if self.only_python && !folders[first..].iter().any(has_python) {
                // There would be nothing to copy.
                self.found.links[next - 1].target.clear();
            }
        }
        self.found.links.retain(|link| !link.target.is_empty());
        self.found.ignored_below_links = patterns::ignored(folders, self.exclude.has_exceptions());
        Ok(())
    }
}

fn is_python(path: &[u8]) -> bool {
    path.ends_with(PYTHON.as_bytes())
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}

/// The ends of a path's folders, outermost first, and of the path itself.
fn ends(path: &[u8]) -> impl Iterator<Item = usize> {
    let inner = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    inner.chain((!path.is_empty()).then_some(path.len()))
}

/// The part of a path below a folder that it is in.
fn relative<'p>(path: &'p [u8], folder: &[u8]) -> &'p [u8] {
    let rest = path.strip_prefix(folder).unwrap_or(path);
    rest.strip_prefix(b"/").unwrap_or(rest)
}

fn is_same_or_below(path: &[u8], folder: &[u8]) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}
