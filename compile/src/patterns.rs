//! Patterns that say which files of the context count: paths as patterns, and gitignore files in BuildKit's terms.
//!
//! BuildKit's are those of `moby/patternmatcher`: matched from the context's root, the last match decides, and an exception may
//! reach into an excluded folder. Looks at no file.

/// A path as a pattern that matches nothing else.
///
/// `|`, `{` and `}` mean nothing in patterns, but Go clients hand them to their regular expressions as they are
/// (`moby/patternmatcher`: the bitmap of `shouldEscape` has no room for them).
pub(crate) fn literal(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for (at, character) in path.char_indices() {
        let is_sign = matches!(character, '\\' | '*' | '?' | '[' | ']' | '^' | '{' | '|' | '}');
        if is_sign || (at == 0 && character == '!') {
            out.push('\\');
        }
        out.push(character);
    }
    out
}

/// What either of two lists excludes. Both lists may have exceptions, which must not bring back what the other one excludes.
///
/// Exact unless both have exceptions; then those of `second` may bring back what `first` says before its last one.
pub(crate) fn either(first: &[String], second: &[String]) -> Vec<String> {
    let has_exceptions = |patterns: &[String]| patterns.iter().any(|pattern| pattern.starts_with('!'));
    let mut all = [first, second].concat();
    if has_exceptions(second) {
        let firm = first.iter().rposition(|pattern| pattern.starts_with('!')).map_or(0, |last| last + 1);
        all.extend(first.iter().skip(firm).cloned());
    }
    all
}

/// The patterns of a gitignore(5) file. `folder` is where it lies: empty, or a path of the context with a `/` behind it.
///
/// A pattern for folders only (`build/`) excludes a file of that name too, and patterns that git can never match are dropped:
/// BuildKit would refuse them all.
pub(crate) fn gitignore(text: &str, folder: &str) -> Vec<String> {
    let folder = literal(folder);
    // git passes over it, too (`utf8.c`, `skip_utf8_bom`).
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.lines()
        .map(|line| line.trim_end_matches(['\r', ' ', '\t']))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|line| {
            let (sign, line) = match line.strip_prefix('!') {
                Some(rest) => ("!", rest),
                None => ("", line),
            };
            let body = line.strip_suffix('/').unwrap_or(line);
            // `*`, `!*/`, `!*.py` keeps all Python files: git has to be let into the folders. BuildKit looks into excluded folders
            // anyway, and would take the exception for one of all files.
            let opens_folders = !sign.is_empty() && body != line && body.chars().all(|c| matches!(c, '*' | '/'));
            // A slash anywhere but at the end anchors the pattern to its folder.
            let is_anchored = body.contains('/');
            let body = glob(body.trim_start_matches('/'))?;
            if body.is_empty() || opens_folders {
                return None;
            }
            let floating = if is_anchored || body.starts_with("**/") { "" } else { "**/" };
            Some(format!("{sign}{folder}{floating}{body}"))
        })
        .collect()
}

/// fnmatch(3) as Go's `filepath.Match`, which spells `[!a]` differently and is stricter about what stands between brackets.
fn glob(pattern: &str) -> Option<String> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern.chars();
    while let Some(character) = rest.next() {
        match character {
            '\\' => out.extend(['\\', rest.next()?]),
            '[' => {
                let (class, after) = class(rest.as_str())?;
                out.push_str(&class);
                rest = after.chars();
            }
            ']' | '^' => out.extend(['\\', character]),
            other => out.push(other),
        }
    }
    Some(out)
}

/// A class of characters, given what follows its `[`, and what follows the class.
fn class(text: &str) -> Option<(String, &str)> {
    let (inner, after) = text.split_once(']')?;
    let (sign, members) = match inner.strip_prefix(['!', '^']) {
        Some(members) => ("^", members),
        None => ("", inner),
    };
    // Ranges and single characters; anything unusual is nothing people write into ignore files.
    let mut characters = members.chars().peekable();
    let is_plain = |c: char| !matches!(c, '-' | '\\' | '[' | '^');
    if members.is_empty() {
        return None;
    }
    while let Some(low) = characters.next() {
        let high = match characters.next_if_eq(&'-') {
            Some(_) => characters.next()?,
            None => low,
        };
        if !is_plain(low) || !is_plain(high) || high < low {
            return None;
        }
    }
    Some((format!("[{sign}{members}]"), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals() {
        let check = |path, expect: &str| assert_eq!(literal(path), expect);
        check("src/my app", "src/my app");
        check("a[1]*?^\\!", r"a\[1\]\*\?\^\\!");
        check("!x", r"\!x");
        check("a|b{2}", r"a\|b\{2\}");
    }

    #[test]
    fn gitignore_patterns() {
        assert_eq!(gitignore("\u{feff}.env\r\n*.key\r\n", ""), ["**/.env", "**/*.key"]);
        let check = |text, folder, expect: &[&str]| assert_eq!(gitignore(text, folder), expect, "{text}");
        check("# c\n\n*.log\n", "", &["**/*.log"]);
        check("/dist\nbuild/\na/b\n", "", &["dist", "**/build", "a/b"]);
        check("!keep.log\r\n\\#odd", "src/", &["!src/**/keep.log", r"src/**/\#odd"]);
        check("/\n**/x\n!\n", "", &["**/x"]);
        check("*.log\n", "a[1]/", &[r"a\[1\]/**/*.log"]);
    }

    #[test]
    fn a_name_that_begins_with_an_exclamation_mark_is_no_exception() {
        assert_eq!(gitignore("\\!a/b\n\\!c\n", ""), [r"\!a/b", r"**/\!c"]);
    }

    #[test]
    fn letting_git_into_folders_is_no_exception_for_files() {
        assert_eq!(gitignore("*\n!*/\n!**/\n!*.py\n!keep/\n", ""), ["**/*", "!**/*.py", "!**/keep"]);
    }

    #[test]
    fn classes() {
        let check = |text: &str, expect: &[&str]| assert_eq!(gitignore(text, ""), expect, "{text}");
        check("*.py[cod]", &["**/*.py[cod]"]);
        check("[!a-c0-9]x", &["**/[^a-c0-9]x"]);
        // BuildKit refuses the whole build for these; git never matches them, or people never write them.
        for never in ["[abc", "[]a]", "[a-]", "[z-a]", "[]", "x\\"] {
            check(never, &[]);
        }
        check("a]b^c", &[r"**/a\]b\^c"]);
    }

    #[test]
    fn two_lists() {
        let check = |first: &[&str], second: &[&str], expect: &[&str]| {
            let owned = |list: &[&str]| -> Vec<String> { list.iter().map(|text| (*text).to_owned()).collect() };
            assert_eq!(either(&owned(first), &owned(second)), expect);
        };
        check(&["a", "!b"], &["c"], &["a", "!b", "c"]);
        check(&["a"], &["c", "!d"], &["a", "c", "!d", "a"]);
        check(&["a", "!b", "e"], &["c", "!d"], &["a", "!b", "e", "c", "!d", "e"]);
    }
}
