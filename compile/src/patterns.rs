//! Patterns that select files of the context: paths as patterns, and gitignore files as BuildKit patterns.
//!
//! BuildKit's patterns are those of `moby/patternmatcher`: they are relative to the context's root, the last match decides, and an
//! exception can include files of an excluded folder. No files are read here.

/// A pattern that matches only this path.
///
/// `|`, `{` and `}` have no meaning in patterns, but Go clients pass them unescaped to regular expressions
/// (`moby/patternmatcher`: the bitmap of `shouldEscape` does not include them).
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

/// The patterns that exclude what either list excludes. Exceptions of one list must not include what the other one excludes.
///
/// The result is exact unless both lists have exceptions. Then exceptions of `second` may include files that `first` excludes before
/// its last exception.
pub(crate) fn either(first: &[String], second: &[String]) -> Vec<String> {
    let has_exceptions = |patterns: &[String]| patterns.iter().any(|pattern| pattern.starts_with('!'));
    let mut all = [first, second].concat();
    if has_exceptions(second) {
        let firm = first.iter().rposition(|pattern| pattern.starts_with('!')).map_or(0, |last| last + 1);
        all.extend(first.iter().skip(firm).cloned());
    }
    all
}

/// The patterns of an ignore file in a folder of the context, relative to the context. `.` is the context itself.
pub(crate) fn below(folder: &str, patterns: &[String]) -> Vec<String> {
    if folder == "." {
        return patterns.to_vec();
    }
    let folder = literal(folder);
    let placed = patterns.iter().map(|pattern| match pattern.strip_prefix('!') {
        Some(rest) => format!("!{folder}/{rest}"),
        None => format!("{folder}/{pattern}"),
    });
    placed.collect()
}

/// The patterns of a gitignore(5) file. `folder` is its folder: empty, or a path of the context with a trailing `/`.
///
/// A pattern for folders only (`build/`) also excludes a file with that name. Patterns that git can never match are dropped, because
/// BuildKit would refuse all patterns.
pub(crate) fn gitignore(text: &str, folder: &str) -> Vec<String> {
    let folder = literal(folder);
    // git also skips a byte order mark (`utf8.c`, `skip_utf8_bom`).
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
            // `*`, `!*/`, `!*.py` keeps all Python files: git needs the exception for folders. BuildKit always enters excluded folders,
            // and would treat the exception as one for all files.
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

/// fnmatch(3) as Go's `filepath.Match`, which writes `[!a]` differently and accepts fewer character classes.
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

/// The character class that begins after `[`, and the text after the class.
fn class(text: &str) -> Option<(String, &str)> {
    let (inner, after) = text.split_once(']')?;
    let (sign, members) = match inner.strip_prefix(['!', '^']) {
        Some(members) => ("^", members),
        None => ("", inner),
    };
    // Only ranges and single characters are supported; other classes are not used in ignore files.
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
    fn a_name_with_an_exclamation_mark_is_not_an_exception() {
        assert_eq!(gitignore("\\!a/b\n\\!c\n", ""), [r"\!a/b", r"**/\!c"]);
    }

    #[test]
    fn exceptions_for_folders_do_not_include_files() {
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
    fn patterns_of_a_folder() {
        let patterns = ["*.log".to_owned(), "!**/keep".to_owned()];
        assert_eq!(below("a[1]", &patterns), [r"a\[1\]/*.log", r"!a\[1\]/**/keep"]);
        assert_eq!(below(".", &patterns), patterns);
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
