//! Checks that the paths of an incoming tree are relative, clean, in order, and each below a directory that was announced
//! before (fsutil: `validator.go`).
//!
//! An accepted path can be opened component by component below a root without leaving it.

/// A path that is not valid in a tree.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OrderError {
    #[error("absolute path {0:?}")]
    Absolute(String),
    #[error("path {0:?} is not clean")]
    Unclean(String),
    #[error("path {path:?} comes after {last:?}, out of order or twice")]
    OutOfOrder { path: String, last: String },
    #[error("path {0:?} is not in a directory that was announced and is still open")]
    NoParent(String),
}

/// Remembers the directories leading to the last path.
#[derive(Debug)]
pub(crate) struct Order {
    open: Vec<Directory>,
}

#[derive(Debug)]
struct Directory {
    path: Vec<u8>,
    /// Name of the last entry in it; empty before the first.
    last: Vec<u8>,
}

impl Order {
    pub(crate) fn new() -> Self {
        Self { open: vec![Directory { path: Vec::new(), last: Vec::new() }] }
    }

    /// Accepts the next path, or returns what is wrong with it.
    pub(crate) fn accept(&mut self, path: &[u8], is_dir: bool) -> Result<(), OrderError> {
        let text = || String::from_utf8_lossy(path).into_owned();
        if path.first() == Some(&b'/') {
            return Err(OrderError::Absolute(text()));
        }
        check_clean(path).map_err(|()| OrderError::Unclean(text()))?;
        let (directory, name) = super::tree::split_path(path);
        // Directories that are not parents of this path are complete: they may get no more entries.
        while self.open.last().is_some_and(|open| open.path != directory) {
            self.open.pop();
        }
        let Some(parent) = self.open.last_mut() else {
            return Err(OrderError::NoParent(text()));
        };
        if parent.last.as_slice() >= name {
            let last = String::from_utf8_lossy(&parent.last).into_owned();
            return Err(OrderError::OutOfOrder { path: text(), last });
        }
        parent.last = name.to_vec();
        if is_dir {
            self.open.push(Directory { path: path.to_vec(), last: Vec::new() });
        }
        Ok(())
    }
}

/// Whether a path consists of names only: no empty ones, no `.` or `..`, no NUL.
fn check_clean(path: &[u8]) -> Result<(), ()> {
    let mut names = path.split(|byte| *byte == b'/');
    let is_name = |name: &[u8]| !name.is_empty() && name != b"." && name != b".." && !name.contains(&0);
    if names.all(is_name) { Ok(()) } else { Err(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names ending in `/` are directories.
    fn accept_all(paths: &[&str]) -> Result<(), OrderError> {
        let mut order = Order::new();
        paths.iter().try_for_each(|path| {
            let trimmed = path.trim_end_matches('/');
            order.accept(trimmed.as_bytes(), trimmed != *path)
        })
    }

    #[test]
    fn accepts_a_walk() {
        // `foo-bar` sorts before `foo/x` as text, yet after it in a walk.
        accept_all(&["a", "foo/", "foo/x/", "foo/x/y", "foo/z", "foo-bar", "g/", "h"]).unwrap();
    }

    #[test]
    fn rejects_what_could_lead_elsewhere() {
        for path in ["", ".", "..", "../a", "a/..", "a/../b", "a//b", "./a", "a/.", "a\0b"] {
            let error = accept_all(&["a/", path]).unwrap_err();
            assert!(matches!(error, OrderError::Unclean(_)), "{path:?}: {error}");
        }
        assert!(matches!(accept_all(&["/etc"]), Err(OrderError::Absolute(_))));
    }

    #[test]
    fn rejects_disorder() {
        for paths in [&["b", "a"][..], &["a", "a"], &["a/", "a/b", "a/b"], &["a/", "a/b", "a"]] {
            let error = accept_all(paths).unwrap_err();
            assert!(matches!(error, OrderError::OutOfOrder { .. }), "{paths:?}: {error}");
        }
    }

    #[test]
    fn every_parent_must_be_a_directory_that_is_still_open() {
        for paths in [&["a/b"][..], &["a", "a/b"], &["a/", "b", "a/c"], &["a/", "a/b/c"]] {
            let error = accept_all(paths).unwrap_err();
            assert!(matches!(error, OrderError::NoParent(_)), "{paths:?}: {error}");
        }
    }
}
