//! Include and exclude patterns with the semantics of moby/patternmatcher, the rules of `.dockerignore`.
//!
//! The rules differ from gitignore: patterns are anchored at the root, the last matching pattern wins, and `!` re-includes
//! below an excluded directory. Upstream's mistakes are not copied: a class may contain `*` or `?`, `\d` means the letter,
//! `^` outside a class is an ordinary character, and names may contain newlines.

mod compile;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub(crate) use buildkit_proto::go::clean_path as clean;
use regex::Regex;
use thiserror::Error;

/// An invalid pattern.
///
/// ```
/// use buildkit_client::session::pattern::PatternMatcher;
///
/// let error = PatternMatcher::new(["!"]).expect_err("an exception to nothing");
/// assert_eq!(error.pattern, "!");
/// ```
#[derive(Debug, Error)]
#[error("invalid pattern {pattern:?}: {problem}")]
#[non_exhaustive]
pub struct PatternError {
    /// The pattern as given, trimmed and cleaned.
    pub pattern: String,
    /// What is wrong with it.
    pub problem: String,
}

/// An ordered list of patterns.
///
/// ```
/// use buildkit_client::session::pattern::{MatchInfo, PatternMatcher};
///
/// let matcher = PatternMatcher::new(["target", "!target/keep"])?;
/// let (ignored, inside) = matcher.matches(b"target", &MatchInfo::default());
/// assert!(ignored && !matcher.matches(b"target/keep", &inside).0);
/// # Ok::<(), buildkit_client::session::pattern::PatternError>(())
/// ```
#[derive(Debug, Default)]
pub struct PatternMatcher {
    patterns: Vec<Pattern>,
}

/// The patterns that matched a directory, and so match everything below it.
///
/// ```
/// use buildkit_client::session::pattern::{MatchInfo, PatternMatcher};
///
/// let matcher = PatternMatcher::new(["docs"])?;
/// let (_, inside) = matcher.matches(b"docs", &MatchInfo::default());
/// assert!(matcher.matches(b"docs/guide.md", &inside).0, "what a directory matches holds below it");
/// # Ok::<(), buildkit_client::session::pattern::PatternError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MatchInfo {
    /// One flag per pattern; empty for the parent of the root.
    matched: Vec<bool>,
}

#[derive(Debug)]
struct Pattern {
    /// The cleaned pattern, without the leading `!`.
    text: String,
    /// Whether it began with `!`, which removes matching paths from the set.
    negated: bool,
    form: Form,
}

/// How a pattern is compared; most need no regular expression.
#[derive(Debug)]
enum Form {
    Exact,
    /// `dir/**`
    Prefix(String),
    /// `**/name` and `**name`
    Suffix(String),
    Expression(Regex),
}

impl PatternMatcher {
    /// Compiles the patterns; empty patterns are dropped.
    ///
    /// # Errors
    ///
    /// A pattern is a lone `!`, or has an unclosed or empty class or a trailing backslash.
    pub fn new<I>(patterns: I) -> Result<Self, PatternError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let mut compiled = Vec::new();
        for pattern in patterns {
            let trimmed = pattern.as_ref().trim();
            if trimmed.is_empty() {
                continue;
            }
            let cleaned = clean(trimmed);
            let (text, negated) = match cleaned.strip_prefix('!') {
                Some(rest) => (rest, true),
                None => (cleaned.as_str(), false),
            };
            let fail = |problem: String| PatternError { pattern: cleaned.clone(), problem };
            if text.is_empty() {
                return Err(fail("nothing after `!`".to_owned()));
            }
            let form = compile::form(text).map_err(fail)?;
            compiled.push(Pattern { text: text.to_owned(), negated, form });
        }
        Ok(Self { patterns: compiled })
    }

    /// Whether there are no patterns.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether any pattern begins with `!`.
    pub fn has_exceptions(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.negated)
    }

    /// Whether `path` (relative, clean) is in the set, given the matches of its parent directory; and the matches for the entries
    /// below it. For an entry of the root, `parent` is the default value.
    pub fn matches(&self, path: &[u8], parent: &MatchInfo) -> (bool, MatchInfo) {
        let mut in_set = false;
        let mut text = None;
        let mut info = MatchInfo { matched: Vec::with_capacity(self.patterns.len()) };
        for (index, pattern) in self.patterns.iter().enumerate() {
            let inherited = parent.matched.get(index).copied().unwrap_or(false);
            // A pattern that could not change the outcome is not evaluated, and counts as not matching for the children too:
            // this is how upstream distinguishes `!a` before `a` from `!a` after it.
            let matched = inherited || (pattern.negated == in_set && pattern.matches(path, &mut text));
            if matched {
                in_set = !pattern.negated;
            }
            info.matched.push(matched);
        }
        (in_set, info)
    }

    /// Whether all patterns that add paths to the set (or, with `exceptions`, remove them) are plain paths, apart from a trailing
    /// `/*` or `/**`. Then [`Self::may_match_below`] can tell that nothing in a directory matches.
    pub fn is_literal(&self, exceptions: bool) -> bool {
        self.chosen(exceptions)
            .all(|pattern| !pattern.without_trailing_glob().contains(['*', '[', ']', '?', '^', '\\']))
    }

    /// Whether one of those patterns may match below the directory `path`. Only for a literal set.
    pub fn may_match_below(&self, path: &[u8], exceptions: bool) -> bool {
        self.chosen(exceptions).any(|pattern| {
            let text = pattern.without_trailing_glob().as_bytes();
            text == path || text.strip_prefix(path).is_some_and(|rest| rest.first() == Some(&b'/'))
        })
    }

    fn chosen(&self, exceptions: bool) -> impl Iterator<Item = &Pattern> {
        self.patterns.iter().filter(move |pattern| pattern.negated == exceptions)
    }
}

impl Pattern {
    fn matches<'p>(&self, path: &'p [u8], text: &mut Option<Cow<'p, str>>) -> bool {
        match &self.form {
            Form::Exact => path == self.text.as_bytes(),
            Form::Prefix(prefix) => path.starts_with(prefix.as_bytes()),
            Form::Suffix(suffix) => {
                let suffix = suffix.as_bytes();
                // `**/name` also matches `name` itself.
                path.ends_with(suffix) || suffix.strip_prefix(b"/") == Some(path)
            }
            Form::Expression(expression) => expression.is_match(text.get_or_insert_with(|| as_go_text(path))),
        }
    }

    fn without_trailing_glob(&self) -> &str {
        let text = self.text.strip_suffix("/**").unwrap_or(&self.text);
        text.strip_suffix("/*").unwrap_or(text)
    }
}

/// Whether a single name (no `/`) matches a single-component glob: Go's `filepath.Match`.
pub(crate) fn name_matches(glob: &str, name: &[u8]) -> bool {
    // In a single component `**` means the same as `*`, also in `filepath.Match`.
    compile::form(glob).is_ok_and(|form| {
        let pattern = Pattern { text: glob.to_owned(), negated: false, form };
        pattern.matches(name, &mut None)
    })
}

/// A path as Go's regexp package sees it: every byte that is not UTF-8 is one U+FFFD. (Rust's lossy conversion replaces some
/// sequences with one U+FFFD, which would change how many characters `?` has to match.)
fn as_go_text(path: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(path) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text)
}
