//! The files that are left out, as few patterns: folders whose files are mostly ignored become `folder/*` with exceptions.
//!
//! Neither lists folders nor matches patterns.

/// A listed folder.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// Its path in the context; empty for the context itself.
    pub(super) path: Vec<u8>,
    /// The folder that it is in, in the list of folders. A folder comes after the one it is in.
    pub(super) parent: Option<usize>,
    /// The names of what git ignores in it, and whether they are folders.
    pub(super) ignored: Vec<(Vec<u8>, bool)>,
    /// The names of what other patterns exclude.
    pub(super) excluded: Vec<Vec<u8>>,
    /// The names of the rest.
    pub(super) kept: Vec<Vec<u8>>,
}

/// Below this number of ignored files in a folder, each has a pattern of its own, which is easier to read in a plan.
const NAMED: usize = 16;

/// Patterns that exclude what is ignored, to be added to the other patterns, of which the last one that matches counts. If those have
/// exceptions, a pattern for a folder is not enough: what is excluded already is not compared with it, and a later exception then counts
/// for files in it (moby/patternmatcher: `MatchesUsingParentResults`).
pub(super) fn ignored(mut folders: Vec<Folder>, has_exceptions: bool) -> Vec<String> {
    leave_out_empty(&mut folders);
    let mut patterns = Vec::new();
    // Whether a pattern with `*` excludes the folder's siblings, so that exceptions include what other patterns exclude.
    let mut is_rewritten = vec![false; folders.len()];
    for (index, folder) in folders.iter().enumerate() {
        let below_rewritten = folder.parent.is_some_and(|parent| is_rewritten[parent]);
        let excluded = if below_rewritten { folder.excluded.as_slice() } else { &[] };
        let named = |name: &[u8]| place(&folder.path, &literal(name));
        let count = folder.ignored.len() + excluded.len();
        let is_starred = count > NAMED && count > folder.kept.len() + 1;
        is_rewritten[index] = below_rewritten || is_starred;
        if is_starred {
            patterns.push(place(&folder.path, "*"));
            patterns.extend(has_exceptions.then(|| place(&folder.path, "*/**")));
            patterns.extend(folder.kept.iter().map(|name| format!("!{}", named(name))));
        } else {
            for (name, is_folder) in &folder.ignored {
                patterns.push(named(name));
                patterns.extend((has_exceptions && *is_folder).then(|| format!("{}/**", named(name))));
            }
            patterns.extend(excluded.iter().map(|name| named(name)));
        }
    }
    patterns
}

/// Ignores folders in which nothing is kept because all of it is ignored, as git does, which knows no empty folders.
fn leave_out_empty(folders: &mut [Folder]) {
    // A folder comes after the one it is in.
    for index in (0..folders.len()).rev() {
        let folder = &folders[index];
        let Some(parent) = folder.parent.filter(|_| folder.kept.is_empty() && !folder.ignored.is_empty()) else {
            continue;
        };
        let name = folder.path.rsplit(|&byte| byte == b'/').next().unwrap_or_default().to_vec();
        folders[index] = Folder { path: folders[index].path.clone(), parent: Some(parent), ..Folder::default() };
        folders[parent].kept.retain(|kept| *kept != name);
        folders[parent].ignored.push((name, true));
        folders[parent].ignored.sort();
    }
}

/// A pattern below a folder. Spaces at the ends of a pattern do not count, so they are replaced by `?`.
fn place(folder: &[u8], pattern: &str) -> String {
    let pattern = joined(folder, pattern);
    let (start, end) = (pattern.trim_start(), pattern.trim_end());
    let (before, after) = (pattern.len() - start.len(), pattern.len() - end.len());
    if before + after == 0 {
        return pattern;
    }
    let blanks = |text: &str| "?".repeat(text.chars().count());
    let (first, last) = (&pattern[..before], &pattern[end.len()..]);
    format!("{}{}{}", blanks(first), pattern.trim(), blanks(last))
}

fn joined(folder: &[u8], pattern: &str) -> String {
    match folder {
        // An exclamation mark is special at the beginning only.
        [] if pattern.starts_with('!') => format!("\\{pattern}"),
        [] => pattern.to_owned(),
        folder => {
            let folder = literal(folder);
            let escape = if folder.starts_with('!') { "\\" } else { "" };
            format!("{escape}{folder}/{pattern}")
        }
    }
}

/// A path as a pattern. What cannot stand in a pattern, bytes that are not UTF-8 and control characters, is replaced by `?`.
fn literal(path: &[u8]) -> String {
    let mut pattern = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' | '*' | '?' | '[' | ']' | '^' | '{' | '|' | '}' => pattern.extend(['\\', character]),
                character if character.is_control() => pattern.push('?'),
                character => pattern.push(character),
            }
        }
        pattern.extend(chunk.invalid().iter().map(|_| '?'));
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<(Vec<u8>, bool)> {
        names.iter().map(|name| (name.as_bytes().to_vec(), name.starts_with('.'))).collect()
    }

    fn names(names: &[&str]) -> Vec<Vec<u8>> {
        names.iter().map(|name| name.as_bytes().to_vec()).collect()
    }

    #[test]
    fn few_files_are_named() {
        let top = Folder { ignored: files(&["!a", "b*", ".venv"]), kept: names(&["src"]), ..Folder::default() };
        let src = Folder {
            path: b"src".to_vec(),
            parent: Some(0),
            ignored: vec![(b"\xff\n".to_vec(), false)],
            kept: names(&["z"]),
            ..Folder::default()
        };
        let blanks = Folder { ignored: files(&["a ", " b"]), ..Folder::default() };
        assert_eq!(ignored(vec![top, src], false), [r"\!a", r"b\*", ".venv", "src/??"]);
        assert_eq!(ignored(vec![blanks], false), ["a?", "?b"]);
    }

    #[test]
    fn exceptions_of_other_patterns_do_not_count_in_folders() {
        let top = Folder { ignored: files(&["a", ".venv"]), ..Folder::default() };
        assert_eq!(ignored(vec![top], true), ["a", ".venv", ".venv/**"]);
    }

    #[test]
    fn folders_without_other_files_are_left_out() {
        let top = Folder { kept: names(&["a", "c"]), ..Folder::default() };
        let a = Folder { path: b"a".to_vec(), parent: Some(0), kept: names(&["b"]), ..Folder::default() };
        let b = Folder { path: b"a/b".to_vec(), parent: Some(1), ignored: files(&["x", "y"]), ..Folder::default() };
        let c = Folder { path: b"c".to_vec(), parent: Some(0), ..Folder::default() };
        assert_eq!(ignored(vec![top, a, b, c], false), ["a"], "an empty folder is kept");
    }

    #[test]
    fn many_files_are_one_pattern_with_exceptions() {
        let many = (0..100).map(|number| (format!("{number}.bin").into_bytes(), false)).collect();
        let data =
            Folder { path: b"data".to_vec(), ignored: many, kept: names(&["keep", "deep"]), ..Folder::default() };
        let deep = Folder {
            path: b"data/deep".to_vec(),
            parent: Some(0),
            excluded: names(&["secret"]),
            kept: names(&["open"]),
            ..Folder::default()
        };
        assert_eq!(ignored(vec![data, deep], false), ["data/*", "!data/keep", "!data/deep", "data/deep/secret"]);
    }
}
