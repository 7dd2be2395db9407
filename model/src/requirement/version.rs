//! Version specifiers: `>=1.2,<2`, by the grammar of PEP 440 as uv reads it.
//!
//! `pep440_rs` reads the versions. Lists and operators are read here, for messages that say which part is wrong.

use pep440_rs::VersionPattern;

use crate::fault::Fault;
use crate::quote::quote;
use crate::rules;

/// Longest first, so that `===` is not read as `==`.
const OPERATORS: [&str; 8] = ["===", "==", "!=", "~=", "<=", ">=", "<", ">"];

/// Checks a list of specifiers, which begins at byte `offset` of the requirement. Whether one of them pins a version.
pub(super) fn specifiers(text: &str, offset: usize) -> Result<bool, Fault> {
    let mut pinned = false;
    let mut at = offset;
    let count = text.split(',').count();
    for (index, piece) in text.split(',').enumerate() {
        let blanks = piece.len() - piece.trim_start().len();
        let specifier = piece.trim();
        let start = at + blanks;
        at += piece.len() + 1;
        // Both pip and uv let a list end with a comma.
        if specifier.is_empty() && index + 1 == count && index > 0 {
            continue;
        }
        pinned |= one(specifier).map_err(|fault| fault.moved(start, specifier.len()))?;
    }
    Ok(pinned)
}

/// Checks one operator and version. Whether it pins the version.
fn one(specifier: &str) -> Result<bool, Fault> {
    let refuse = |why: &str| {
        Fault::new(&rules::REQUIREMENT, format!("{} is not a valid version specifier", quote(specifier))).label(why)
    };
    let Some(operator) = OPERATORS.into_iter().find(|operator| specifier.starts_with(operator)) else {
        let fault = refuse("expected an operator at the beginning");
        return Err(if specifier.starts_with('=') {
            fault.help("write `==` to ask for one version")
        } else {
            fault.help("operators are `==`, `!=`, `<=`, `>=`, `<`, `>`, `~=` and `===`")
        });
    };
    let written = specifier.get(operator.len()..).unwrap_or_default();
    let version = written.trim_start();
    let start = specifier.len() - version.len();
    let here = |fault: Fault| fault.at(start..specifier.len());
    if version.is_empty() {
        return Err(refuse("expected a version after the operator"));
    }
    if let Some(at) = version.find(char::is_whitespace) {
        let rest = version.get(at..).unwrap_or_default().trim_start();
        let fault = refuse("unexpected text").at(specifier.len() - rest.len()..specifier.len());
        return Err(if rest.starts_with(['<', '>', '=', '!', '~']) {
            fault.help("separate specifiers with commas: `>=1,<2`")
        } else {
            fault.help("separate a marker with `;`, and an option with ` --`")
        });
    }
    let Ok(pattern) = version.parse::<VersionPattern>() else {
        return Err(
            here(refuse("not a version")).help("versions look like `1.2`, `1.2.post1`, `2.0rc1` or `1.2+cu121`")
        );
    };
    let is_equality = matches!(operator, "==" | "!=" | "===");
    if pattern.is_wildcard() && !matches!(operator, "==" | "!=") {
        return Err(here(refuse("`.*` is only allowed with `==` and `!=`")));
    }
    if pattern.version().is_local() && !is_equality {
        return Err(here(refuse("a local version is only allowed with `==` and `!=`")));
    }
    if operator == "~=" && pattern.version().release().len() < 2 {
        return Err(here(refuse("`~=` needs at least two numbers")).help("write `~=1.0`, or `>=1,<2`"));
    }
    Ok(matches!(operator, "==" | "===") && !pattern.is_wildcard())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Result<bool, &str>) {
        let found = specifiers(text, 0);
        let found = found.as_ref().map(|pinned| *pinned).map_err(|fault| fault.label.as_str());
        assert_eq!(found, expect, "{text}");
    }

    #[test]
    fn accepts_what_uv_accepts() {
        for text in [">=1", ">= 1 , < 2", "!=1.*", "~=1.0", "<=1.0.DEV3", ">=2.0b1.dev", "==1.*", ">=1,"] {
            check(text, Ok(false));
        }
        for text in
            ["==1", "===1.0", "==1!2.0-1", "==v1.0.ALPHA", "==2.1.0+cu121", ">=1,==2", "==1.0.post1.dev2", "==1.0-rc.1"]
        {
            check(text, Ok(true));
        }
    }

    #[test]
    fn says_why_it_refuses() {
        check("=1", Err("expected an operator at the beginning"));
        check("1", Err("expected an operator at the beginning"));
        check("==", Err("expected a version after the operator"));
        check(">=1 <2", Err("unexpected text"));
        check("==1,,<2", Err("expected an operator at the beginning"));
        check("==x", Err("not a version"));
        check("==1.0.", Err("not a version"));
        check("==1.0.*+x", Err("not a version"));
        check("==1.0a1.*", Err("not a version"));
        check("==99999999999999999999", Err("not a version"));
        check(">=1.*", Err("`.*` is only allowed with `==` and `!=`"));
        check(">1+local", Err("a local version is only allowed with `==` and `!=`"));
        check("~=1", Err("`~=` needs at least two numbers"));
    }

    #[test]
    fn marks_the_part_that_is_wrong() {
        let fault = specifiers(">=1, ==x", 10).expect_err("x is not a version");
        assert_eq!(fault.part, Some(17..18));
    }
}
