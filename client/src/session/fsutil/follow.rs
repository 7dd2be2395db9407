//! `followpaths`: resolves links, and adds the paths of their targets so that these are sent too (fsutil:
//! `followlinks.go`).
//!
//! Paths are resolved component by component inside the tree: absolute targets and `..` stop at its root. Targets that are
//! not UTF-8 can't be patterns and are ignored.

use std::collections::BTreeSet;
use std::os::fd::AsFd;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::tree::{self, Tree, TreeError};
use crate::session::pattern;

/// The number of links that the kernel follows in one look-up. Upstream stops at the first link it has seen before, and so
/// misses the second of `link/a` and `link/b`.
const MAX_LINKS: u32 = 40;

/// The include patterns of a request with the resolved paths added. An empty list includes everything.
pub(crate) fn include_patterns(tree: &Tree, include: &[String], follow: &[String]) -> Result<Vec<String>, TreeError> {
    if follow.is_empty() {
        return Ok(include.to_vec());
    }
    let mut resolver = Resolver { tree, resolved: BTreeSet::new(), seen: BTreeSet::new() };
    for path in follow {
        resolver.resolve(path, 0)?;
    }
    let Some(resolved) = without_children(resolver.resolved.into_iter()) else {
        // The root itself is requested: upstream then does not change the given patterns.
        return Ok(include.to_vec());
    };
    let all = include.iter().cloned().chain(resolved);
    Ok(without_children(all).unwrap_or_default())
}

struct Resolver<'a> {
    tree: &'a Tree,
    resolved: BTreeSet<String>,
    /// Pairs of a link and the rest of the path after it.
    seen: BTreeSet<(String, String)>,
}

impl Resolver<'_> {
    fn resolve(&mut self, path: &str, links: u32) -> Result<(), TreeError> {
        let path = pattern::clean(&format!("/{path}"));
        let mut rest = path.trim_start_matches('/');
        if rest.is_empty() {
            self.resolved.insert(".".to_owned());
            return Ok(());
        }
        let mut current = String::new();
        while !rest.is_empty() {
            let (name, behind) = rest.split_once('/').unwrap_or((rest, ""));
            let targets = self.link_targets(&current, name)?;
            if !current.is_empty() {
                current.push('/');
            }
            current.push_str(name);
            rest = behind;
            if !targets.is_empty() {
                self.resolved.insert(current.clone());
                if links < MAX_LINKS && self.seen.insert((current, rest.to_owned())) {
                    for target in targets {
                        self.resolve(&format!("{target}/{rest}"), links + 1)?;
                    }
                }
                return Ok(());
            }
        }
        self.resolved.insert(current);
        Ok(())
    }

    /// The targets of the link `name` in `directory`, or of all links whose names match it, as paths from the root of the tree.
    /// Empty if there is no such link.
    fn link_targets(&self, directory: &str, name: &str) -> Result<Vec<String>, TreeError> {
        let dir = match self.tree.open_dir(directory.as_bytes()) {
            Ok(dir) => dir,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(Vec::new()),
            Err(error) => return Err(self.tree.error("open directory", directory.as_bytes(), error)),
        };
        let dir = dir.as_fd();
        let children = if has_wildcard(name) {
            let mut children = tree::list(dir).map_err(|error| self.tree.error("list", directory.as_bytes(), error))?;
            children.retain(|child| {
                child.file_type == FileType::Symlink && pattern::name_matches(name, child.name.to_bytes())
            });
            children.into_iter().map(|child| child.name).collect()
        } else {
            std::ffi::CString::new(name).into_iter().collect::<Vec<_>>()
        };
        let mut targets = Vec::new();
        for child in children {
            // EINVAL means that it is not a link.
            let Ok(target) = tree::read_link(dir, &child) else { continue };
            let Ok(target) = String::from_utf8(target) else { continue };
            targets.push(if target.starts_with('/') { target } else { format!("{directory}/{target}") });
        }
        Ok(targets)
    }
}

/// Whether a name is a pattern. A backslash makes the next character literal.
fn has_wildcard(name: &str) -> bool {
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        match character {
            '*' | '?' | '[' => return true,
            '\\' => {
                characters.next();
            }
            _ => {}
        }
    }
    false
}

/// Drops paths below the path before them. `None` if the root is among them, which means that nothing is filtered.
fn without_children(paths: impl Iterator<Item = String>) -> Option<Vec<String>> {
    let mut kept: Vec<String> = Vec::new();
    for path in paths {
        if path == "." {
            return None;
        }
        let is_below = |parent: &String| path.strip_prefix(parent.as_str()).is_some_and(|rest| rest.starts_with('/'));
        if !kept.last().is_some_and(is_below) {
            kept.push(path);
        }
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[track_caller]
    fn check(follow: &[&str], expected: &[&str]) {
        let root = tempfile::tempdir().unwrap();
        let path = root.path();
        std::fs::create_dir_all(path.join("dir/sub")).unwrap();
        for file in ["dir/a", "dir/b", "dir/sub/c", "plain"] {
            std::fs::write(path.join(file), file).unwrap();
        }
        for (link, target) in [
            ("link", "dir"),
            ("absolute", "/dir/a"),
            ("outside", "../../../etc/passwd"),
            ("loop", "loop"),
            ("growing", "growing/x"),
            ("dir/up", "../plain"),
            ("dangling", "nowhere"),
        ] {
            symlink(target, path.join(link)).unwrap();
        }
        let follow: Vec<String> = follow.iter().map(|path| (*path).to_owned()).collect();
        let tree = Tree::open(path).unwrap();
        assert_eq!(include_patterns(&tree, &[], &follow).unwrap(), expected, "{follow:?}");
    }

    #[test]
    fn plain_paths_stay() {
        check(&["plain", "missing/x"], &["missing/x", "plain"]);
        check(&["./dir//sub/../a"], &["dir/a"]);
        check(&["dir", "dir/sub/c"], &["dir"]);
    }

    #[test]
    fn links_on_the_way_are_added() {
        check(&["link/a"], &["dir/a", "link"]);
        check(&["link/a", "link/b"], &["dir/a", "dir/b", "link"]);
        check(&["absolute"], &["absolute", "dir/a"]);
        check(&["dir/up"], &["dir/up", "plain"]);
        check(&["link/up"], &["dir/up", "link", "plain"]);
        check(&["dangling"], &["dangling", "nowhere"]);
    }

    #[test]
    fn nothing_leads_out_of_the_root() {
        check(&["outside"], &["etc/passwd", "outside"]);
        check(&["../../plain"], &["plain"]);
    }

    #[test]
    fn loops_end() {
        check(&["loop"], &["loop"]);
        check(&["loop/x"], &["loop"]);
        check(&["growing"], &["growing"]);
    }

    #[test]
    fn wildcards_find_links() {
        check(&["dir/u*"], &["dir/u*", "plain"]);
        check(&["dir/*.txt"], &["dir/*.txt"]);
        check(&["[al]*"], &["[al]*", "dir", "loop"]);
    }

    #[test]
    fn the_root_means_no_filter() {
        check(&["."], &[]);
        check(&["plain", "/"], &[]);
    }
}
