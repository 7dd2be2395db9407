//! Docker's documented ignore-file rules, one table per rule, plus the corner cases of moby/patternmatcher.

use super::*;

/// Matches like the walk: from the root down, with the result of each directory passed to its children.
#[track_caller]
fn check(patterns: &[&str], path: &str, expected: bool) {
    let matcher = PatternMatcher::new(patterns).unwrap();
    let mut info = MatchInfo::default();
    let mut matched = false;
    for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
        (matched, info) = matcher.matches(&path.as_bytes()[..end], &info);
    }
    assert_eq!(matched, expected, "patterns {patterns:?}, path {path:?}");
}

#[test]
fn documented_examples() {
    // https://docs.docker.com/build/concepts/context/#syntax
    for (pattern, path, expected) in [
        ("*/temp*", "somedir/temporary.txt", true),
        ("*/temp*", "somedir/temp", true),
        ("*/temp*", "temporary.txt", false),
        ("*/*/temp*", "somedir/subdir/temporary.txt", true),
        ("*/*/temp*", "somedir/temporary.txt", false),
        ("temp?", "tempa", true),
        ("temp?", "temp", false),
        ("temp?", "tempab", false),
        ("**/*.go", "a/b/c.go", true),
        ("**/*.go", "c.go", true),
        ("**/*.go", "c.got", false),
    ] {
        check(&[pattern], path, expected);
    }
    for (patterns, path, expected) in [
        (&["*.md", "!README.md"][..], "CHANGES.md", true),
        (&["*.md", "!README.md"], "README.md", false),
        (&["*.md", "!README*.md", "README-secret.md"], "README-public.md", false),
        (&["*.md", "!README*.md", "README-secret.md"], "README-secret.md", true),
        (&["*.md", "README-secret.md", "!README*.md"], "README-secret.md", false),
        (&["*", "!src"], "src/main.rs", false),
        (&["*", "!src"], "other/main.rs", true),
    ] {
        check(patterns, path, expected);
    }
}

#[test]
fn a_directory_takes_its_content_along() {
    for (patterns, path, expected) in [
        (&["docs"][..], "docs/a/b", true),
        (&["docs/"], "docs/a/b", true),
        (&["docs", "!docs/README.md"], "docs/README.md", false),
        (&["docs", "!docs/README.md"], "docs/other", true),
        (&["docs/*", "!docs/a/keep"], "docs/a/keep", false),
        (&["docs/*", "!docs/a/keep"], "docs/a/drop", true),
        (&["**", "!a/b", "a/b/c"], "a/b/c/d", true),
        (&["**", "!a/b", "a/b/c"], "a/b/d", false),
        // An exception before the pattern it would except does nothing.
        (&["!a", "a"], "a", true),
        (&["!a/b", "a"], "a/b", true),
    ] {
        check(patterns, path, expected);
    }
}

#[test]
fn two_stars() {
    for (pattern, path, expected) in [
        ("**", "file", true),
        ("**", "dir/file", true),
        ("**/", "dir/file", true),
        ("**/**", "dir/file", true),
        ("dir/**", "dir", false),
        ("dir/**", "dir/a", true),
        ("dir/**", "dir/a/b", true),
        ("dir/**", "dirt", false),
        ("**/dir", "dir", true),
        ("**/dir", "a/dir", true),
        ("**/dir", "a/dir/b", true),
        ("**/dir", "xdir", false),
        // Without the slash it is a suffix of the whole path.
        ("**dir", "xdir", true),
        ("**dir", "a/xdir", true),
        ("a/**/b", "a/b", true),
        ("a/**/b", "a/x/y/b", true),
        ("a/**/b", "ab", false),
        ("a**/*.txt", "a/x/y.txt", true),
        ("**/**/*.txt", "file.txt", true),
        ("**/file*.txt*", "a/file1.txt.bak", true),
        ("**/.foo", "bar.foo", false),
    ] {
        check(&[pattern], path, expected);
    }
}

#[test]
fn one_component_wildcards_and_classes() {
    for (pattern, path, expected) in [
        ("*", "a", true),
        ("a*", "ab", true),
        ("a*b", "a/b", false),
        ("a?b", "a/b", false),
        ("a?b", "a☺b", true),
        ("a???b", "a☺b", false),
        ("ab[c]", "abc", true),
        ("ab[b-d]", "abc", true),
        ("ab[e-g]", "abc", false),
        ("ab[^c]", "abc", false),
        ("ab[^e-g]", "abc", true),
        ("a[^a]b", "a☺b", true),
        ("[a-ζ]*", "α", true),
        ("[\\]a]", "]", true),
        ("[\\-x]", "-", true),
        ("[*?]", "*", true),
        ("[*?]", "a", false),
        ("[&~#]", "&", true),
        ("a\\*b", "a*b", true),
        ("a\\*b", "axb", false),
        ("\\d", "d", true),
        ("\\d", "1", false),
        ("a.c", "abc", false),
        ("a(b)c/d+", "a(b)c/d+", true),
        ("a^b*", "a^bc", true),
        ("new*", "new\nline", true),
        (".*", ".foo", true),
        (".*", "foo", false),
    ] {
        check(&[pattern], path, expected);
    }
}

#[test]
fn patterns_are_trimmed_and_cleaned() {
    check(&["  docs  "], "docs", true);
    check(&["./a//b/../c/"], "a/c", true);
    check(&["", "  "], "a", false);
    check(&[], "a", false);
    for (path, expected) in
        [("a/./b//c", "a/b/c"), ("", "."), ("a/..", "."), ("../a", "../a"), ("/../a/", "/a"), ("a/../../b", "../b")]
    {
        assert_eq!(clean(path), expected, "{path:?}");
    }
}

#[test]
fn bytes_that_are_not_utf8() {
    let matches =
        |pattern: &str, path: &[u8]| PatternMatcher::new([pattern]).unwrap().matches(path, &MatchInfo::default()).0;
    assert!(matches("caf?", b"caf\xe9"));
    assert!(matches("*\u{e9}", "caf\u{e9}".as_bytes()));
    assert!(!matches("caf?", b"caf\xe2\x98"), "two stray bytes are two characters");
    assert!(matches("**", b"\xff"));
    assert!(!matches("caf\u{e9}", b"caf\xe9"));
}

#[test]
fn syntax_errors_are_reported() {
    for pattern in ["[", "a[", "[]", "[]a]", "[^]", "[-x]", "[a-]", "[x-]", "a[b", "a\\", "!", "[z-a]", "*[a"] {
        let error = PatternMatcher::new([pattern]).unwrap_err();
        assert!(error.to_string().contains("invalid pattern"), "{pattern:?}: {error}");
    }
}

#[test]
fn knows_directories_that_cannot_hold_a_match() {
    let matcher = PatternMatcher::new(["a/b/c", "d/**", "e/*", "!x/*/y"]).unwrap();
    assert!(matcher.is_literal(false));
    assert!(!matcher.is_literal(true));
    for (directory, expected) in
        [("a", true), ("a/b", true), ("ab", false), ("d", true), ("e", true), ("f", false), ("x", false)]
    {
        assert_eq!(matcher.may_match_below(directory.as_bytes(), false), expected, "{directory}");
    }
    assert!(!PatternMatcher::new(["*.rs"]).unwrap().is_literal(false));
}

#[test]
fn single_names() {
    assert!(name_matches("a*c", b"abc"));
    assert!(!name_matches("a*c", b"abd"));
    assert!(name_matches("**", b"anything"));
    assert!(!name_matches("[", b"["));
}

proptest::proptest! {
    /// Patterns come from the daemon, names from the disk.
    #[test]
    fn nothing_panics(patterns in proptest::collection::vec("[ab!*?\\[\\]^\\\\/. \u{e9}-]{0,8}", 0..4), path: Vec<u8>) {
        if let Ok(matcher) = PatternMatcher::new(&patterns) {
            let (_, info) = matcher.matches(&path, &MatchInfo::default());
            matcher.matches(&path, &info);
            matcher.may_match_below(&path, matcher.is_literal(true));
        }
    }

    /// A directory is skipped only if nothing below it can match.
    #[test]
    fn pruning_loses_nothing(
        patterns in proptest::collection::vec("!?[ab](/[ab]){0,2}(/\\*\\*?)?", 1..4),
        path in "[ab](/[ab]){1,3}",
    ) {
        let matcher = PatternMatcher::new(&patterns).unwrap();
        let mut info = MatchInfo::default();
        let mut pruned = false;
        let mut matched = false;
        for (end, _) in path.match_indices('/').chain([(path.len(), "")]) {
            let prefix = &path.as_bytes()[..end];
            (matched, info) = matcher.matches(prefix, &info);
            pruned |= !matched && end < path.len() && !matcher.may_match_below(prefix, false);
        }
        proptest::prop_assert!(!(matched && pruned), "{:?} {:?}", patterns, path);
    }
}
