//! Decides which entries of a tree are sent, and which directories must be read (fsutil: `filter.go`).
//!
//! It uses only paths; it neither reads the tree nor resolves links.

use crate::session::pattern::{MatchInfo, PatternError, PatternMatcher};

/// Include and exclude patterns of one request.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    include: Option<Rules>,
    exclude: Option<Rules>,
}

#[derive(Debug)]
struct Rules {
    matcher: PatternMatcher,
    /// Whether the patterns that decide about reading a directory are plain paths.
    can_prune: bool,
}

/// The pattern matches of a directory, which its children inherit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inherited {
    include: MatchInfo,
    exclude: MatchInfo,
}

/// What to do with an entry.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// Whether it is sent.
    pub(crate) keep: bool,
    /// Whether entries below it may be sent, if it is a directory.
    pub(crate) descend: bool,
    /// For judging the entries below it.
    pub(crate) inherited: Inherited,
}

impl Filter {
    /// An empty list of include patterns includes everything.
    pub(crate) fn new(include: &[String], exclude: &[String]) -> Result<Self, PatternError> {
        let rules = |patterns: &[String], exceptions: bool| {
            let matcher = PatternMatcher::new(patterns)?;
            let can_prune = matcher.is_literal(exceptions);
            Ok::<_, PatternError>((!patterns.is_empty()).then_some(Rules { matcher, can_prune }))
        };
        Ok(Self { include: rules(include, false)?, exclude: rules(exclude, true)? })
    }

    /// Judges the entry at `path`. Its parent directory must be judged first.
    pub(crate) fn judge(&self, path: &[u8], parent: &Inherited) -> Verdict {
        let mut verdict = Verdict { keep: true, descend: true, inherited: Inherited::default() };
        if let Some(rules) = &self.include {
            let (included, info) = rules.matcher.matches(path, &parent.include);
            verdict.inherited.include = info;
            if !included {
                verdict.keep = false;
                if rules.can_prune && !rules.matcher.may_match_below(path, false) {
                    verdict.descend = false;
                    return verdict;
                }
            }
        }
        if let Some(rules) = &self.exclude {
            let (excluded, info) = rules.matcher.matches(path, &parent.exclude);
            verdict.inherited.exclude = info;
            if excluded {
                verdict.keep = false;
                verdict.descend &= !rules.can_prune || rules.matcher.may_match_below(path, true);
            }
        }
        verdict
    }
}
