//! One dependency specifier: `name[extra]>=1,<2 ; marker`, `name @ URL ; marker`, or a bare location.
//!
//! The grammar is that of PEP 508; where installers differ, this follows uv, because uv installs.

use crate::fault::Fault;
use crate::package_name::{PackageName, is_name_character};
use crate::quote::quote;
use crate::requirement::source::{is_location, location};
use crate::requirement::{Marker, MarkerError, RequirementKind, version};
use crate::rules;

/// What a specifier names, and where that applies.
#[derive(Debug)]
pub(super) struct Specifier {
    pub(super) kind: RequirementKind,
    pub(super) marker: Option<Marker>,
    /// The URL of an archive or a checkout.
    pub(super) url: Option<String>,
}

/// Reads a specifier without options, comment and surrounding spaces.
pub(super) fn specifier(text: &str) -> Result<Specifier, Fault> {
    if is_location(text) {
        return located(text, 0, None);
    }
    let length = text.find(|c| !is_name_character(c)).unwrap_or(text.len());
    let Some(name) = text.get(..length).and_then(PackageName::new) else {
        return Err(if text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            not_a_requirement(text, "a name ends with a letter or digit").at(length - 1..length)
        } else {
            let first = text.chars().next().map_or(0, char::len_utf8);
            not_a_requirement(text, "a name begins with a letter or digit").at(0..first)
        });
    };
    let mut at = after_blanks(text, length);
    if rest(text, at).starts_with('[') {
        at = after_blanks(text, extras(text, at)?);
    }
    if let Some(place) = rest(text, at).strip_prefix('@') {
        let start = text.len() - place.trim_start().len();
        return located(text, start, Some(name));
    }
    let (versions, condition) = match rest(text, at).split_once(';') {
        Some((versions, condition)) => (versions, Some(condition)),
        None => (rest(text, at), None),
    };
    let marker = condition.map(|condition| marker_at_end(text, condition)).transpose()?;
    let pinned = versions_of(text, versions, at)?;
    Ok(Specifier { kind: RequirementKind::Named { name, pinned }, marker, url: None })
}

/// Checks the versions after a name, with or without parentheses.
fn versions_of(text: &str, versions: &str, at: usize) -> Result<bool, Fault> {
    let versions = versions.trim_end();
    let begin = versions.chars().next();
    if let Some(inner) = versions.strip_prefix('(') {
        let Some(inner) = inner.strip_suffix(')') else {
            return Err(not_a_requirement(text, "opened here and not closed").at(at..at + 1));
        };
        return version::specifiers(inner, at + 1);
    }
    match begin {
        None => Ok(false),
        Some('=' | '<' | '>' | '!' | '~') => version::specifiers(versions, at),
        Some(_) => {
            let fault = not_a_requirement(text, "unexpected text").at(at..at + versions.len());
            Err(if versions.starts_with(|c: char| c.is_ascii_digit()) {
                fault.help("write `==` before a version")
            } else if versions.starts_with(',') || versions.starts_with(|c: char| c.is_ascii_alphabetic()) {
                fault.help("write each requirement as a separate entry")
            } else {
                fault.help("a requirement looks like `numpy`, `pandas[excel]>=2.2` or `lib @ https://…/lib.whl`")
            })
        }
    }
}

/// Checks `[a, b]`, which begins at byte `at`; where it ends.
fn extras(text: &str, at: usize) -> Result<usize, Fault> {
    let Some(length) = rest(text, at).find(']') else {
        return Err(not_a_requirement(text, "opened here and not closed").at(at..at + 1));
    };
    let inner = rest(text, at + 1).get(..length - 1).unwrap_or_default();
    let mut start = at + 1;
    for extra in inner.split(',') {
        // Both pip and uv take `name[]` for `name`.
        if PackageName::new(extra.trim()).is_none() && !inner.trim().is_empty() {
            return Err(not_a_requirement(text, "not the name of an extra")
                .at(start..start + extra.len())
                .help("extras are names separated by commas: `pandas[excel,plot]`"));
        }
        start += extra.len() + 1;
    }
    Ok(at + length + 1)
}

/// Reads the marker that a text ends with.
fn marker_at_end(text: &str, marker: &str) -> Result<Marker, Fault> {
    let offset = text.len() - marker.len();
    marker.parse().map_err(|error: MarkerError| Fault::from(error).moved(offset, marker.len()))
}

/// Splits `place ; marker` at a `;` that is not part of the place, and reads both. The place begins at byte `start`.
fn located(text: &str, start: usize, name: Option<PackageName>) -> Result<Specifier, Fault> {
    let all = rest(text, start);
    // As in uv, `;` ends a place if there is a space before or after it.
    let cut = all.match_indices(';').map(|(at, _)| at).find(|at| {
        let before = all.get(..*at).unwrap_or_default();
        let after = all.get(at + 1..).unwrap_or_default();
        before.ends_with(char::is_whitespace) || after.starts_with(char::is_whitespace)
    });
    let (place, condition) = match cut.and_then(|at| all.split_at_checked(at)) {
        Some((place, condition)) => (place.trim_end(), condition.strip_prefix(';')),
        None => (all, None),
    };
    let marker = condition.map(|condition| marker_at_end(text, condition)).transpose()?;
    if place.is_empty() {
        return Err(not_a_requirement(text, "nothing follows `@`").at(start..start));
    }
    if let Some(at) = place.find(char::is_whitespace) {
        let fault = not_a_requirement(text, "unexpected text").at(start + at..start + place.len());
        return Err(fault.help("write spaces in a URL as `%20`; separate a marker with ` ; `"));
    }
    let kind = location(place, name).map_err(|fault| fault.moved(start, place.len()))?;
    let has_url = matches!(kind, RequirementKind::Url { .. } | RequirementKind::Vcs { .. });
    Ok(Specifier { kind, marker, url: has_url.then(|| place.to_owned()) })
}

fn not_a_requirement(text: &str, why: &str) -> Fault {
    Fault::new(&rules::REQUIREMENT, format!("{} is not a valid requirement", quote(text))).label(why)
}

fn rest(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default()
}

fn after_blanks(text: &str, at: usize) -> usize {
    text.len() - rest(text, at).trim_start().len()
}
