//! One line: options and a requirement in any order, followed by hashes.
//!
//! Knows that a line is in a spec or in a file, but not its place there.

use crate::fault::Fault;
use crate::quote::quote;
use crate::requirement::option::{Place, option};
use crate::requirement::pep508::{Specifier, specifier};
use crate::requirement::{Requirement, RequirementKind};
use crate::rules;
use crate::text::one_line;
use crate::url::without_credentials;
use crate::words::next_word;

/// What a line of a requirements file contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    Requirement(Requirement),
    Options(Vec<String>),
    Include(String),
    Constraint(String),
}

/// Reads an entry of `packages`.
pub(crate) fn package(value: &str) -> Result<Requirement, Fault> {
    one_line(value)?;
    let bare = without_comment(value);
    let offset = value.len() - value.trim_start().len();
    let text = bare.trim();
    if text.is_empty() {
        return Err(Fault::new(&rules::REQUIREMENT, "the entry is only a comment")
            .label("no requirement")
            .help("in YAML, write comments outside the quotes"));
    }
    let read = line(text, Place::Spec).map_err(|fault| fault.moved(offset, text.len()))?;
    match read {
        Line::Requirement(requirement) => {
            inside_context(&requirement)?;
            Ok(requirement)
        }
        Line::Options(args) => {
            Ok(Requirement::bare(text.to_owned(), RequirementKind::Options { args, requirement: None }))
        }
        // In a spec these two are options that are refused earlier.
        Line::Include(_) | Line::Constraint(_) => {
            Err(Fault::new(&rules::INSTALLER_OPTION, "files cannot be included in `packages`")
                .help("name the file in the spec's `requirements`"))
        }
    }
}

/// Reads an entry of `runtime_packages`. Options of the build cannot be passed to what is installed when a container starts.
pub(crate) fn runtime_package(value: &str) -> Result<Requirement, Fault> {
    // The container's entrypoint splits the list at spaces (`flytekit/bin/entrypoint.py`), so an entry cannot contain one.
    let compact: String = value.split_whitespace().collect();
    let requirement = package(value)?;
    match requirement.kind {
        RequirementKind::Options { .. } => {
            Err(Fault::new(&rules::INSTALLER_OPTION, "`runtime_packages` cannot have options")
                .label("an option")
                .help("name requirements only; indexes are those that pip is configured with in the container"))
        }
        RequirementKind::Path { .. } => {
            Err(Fault::new(&rules::REQUIREMENT, "`runtime_packages` cannot have a local path")
                .label("a local path")
                .help("name a distribution, a URL or a repository"))
        }
        ref kind => package(&compact).ok().filter(|compact| compact.kind == *kind).ok_or_else(|| {
            Fault::new(&rules::REQUIREMENT, format!("{} cannot be written without spaces", quote(value)))
                .label("a space that has a meaning")
                .help(
                    "the container gets all entries in one variable, separated by spaces: write the entry without a marker",
                )
        }),
    }
}

/// A path in `packages` is relative to the context, and nothing outside the context is sent to a build.
fn inside_context(requirement: &Requirement) -> Result<(), Fault> {
    let mut kind = &requirement.kind;
    if let RequirementKind::Options { requirement: Some(inner), .. } = kind {
        kind = &inner.kind;
    }
    let is_path = matches!(kind, RequirementKind::Path { .. });
    let mut parts = requirement.text.split(['/', ' ', '=', '[', ';']);
    if is_path && parts.any(|part| matches!(part, ".." | "~")) {
        return Err(Fault::new(&rules::OUTSIDE_CONTEXT, format!("{} leaves the context", quote(&requirement.text)))
            .label("outside the context")
            .help("name a file or folder of the build context, relative to it: `./lib/mylib-1.0-py3-none-any.whl`"));
    }
    Ok(())
}

/// Reads a line without its comment, as pip does.
pub(super) fn line(text: &str, place: Place) -> Result<Line, Fault> {
    without_credentials(text)?;
    if place == Place::File
        && let Some(read) = inclusion(text)?
    {
        return Ok(read);
    }
    let mut parts = Parts::default();
    let mut at = 0;
    while let Some(first) = rest(text, at).trim_start().chars().next() {
        let start = text.len() - rest(text, at).trim_start().len();
        at = if first == '-' { parts.option(text, start, place)? } else { parts.requirement(text, start, false)? };
    }
    Ok(parts.finish(text))
}

/// What has been read of a line.
#[derive(Debug, Default)]
struct Parts {
    args: Vec<String>,
    hashes: Vec<String>,
    found: Option<(String, Specifier)>,
}

impl Parts {
    /// Reads the requirement that begins at byte `start`; where it ends.
    fn requirement(&mut self, text: &str, start: usize, editable: bool) -> Result<usize, Fault> {
        let end = requirement_end(text, start);
        let part = text.get(start..end).unwrap_or_default();
        if self.found.is_some() {
            return Err(not_a_line(format!("{} is a second requirement on the line", quote(part)))
                .label("second requirement")
                .help("write each requirement as a separate entry")
                .at(start..end));
        }
        let mut specifier = specifier(part).map_err(|fault| fault.moved(start, part.len()))?;
        specifier.kind = match specifier.kind {
            RequirementKind::Path { .. } if editable => RequirementKind::Path { editable },
            // An index may have somebody else's package of that name.
            RequirementKind::Named { .. } if editable => {
                return Err(not_a_line(format!(
                    "{} after `-e` is a local folder, which cannot be installed yet",
                    quote(part)
                ))
                .label("a local folder")
                .help("publish it to an index, or copy the project with `copy` and install it in `commands`")
                .at(start..end));
            }
            _ if editable => {
                return Err(not_a_line(format!("{} cannot be installed with `-e`", quote(part)))
                    .label("not a folder")
                    .help("leave out `-e`: a checkout inside an image is not edited")
                    .at(start..end));
            }
            RequirementKind::Named { .. } if is_file_name(part) => {
                return Err(not_a_line(format!("{} names a file", quote(part)))
                    .label("a requirements file")
                    .help(format!("a requirements file has a field of its own: `requirements: {part}`"))
                    .at(start..end));
            }
            kind => kind,
        };
        self.found = Some((part.to_owned(), specifier));
        Ok(end)
    }

    /// Reads the option that begins at byte `start`; where it and its value end.
    fn option(&mut self, text: &str, start: usize, place: Place) -> Result<usize, Fault> {
        let Some(word) = next_word(text, start)? else {
            return Ok(text.len());
        };
        let (name, inline) = match word.text.split_once('=') {
            Some((name, inline)) => (name, Some(inline)),
            None => (word.text.as_str(), None),
        };
        if matches!(name, "-e" | "--editable") {
            let value = match inline {
                Some(_) => start + name.len() + 1,
                None => text.len() - rest(text, word.range.end).trim_start().len(),
            };
            return self.requirement(text, value, true);
        }
        let value = next_word(text, word.range.end)?;
        if name == "--hash" && self.found.is_some() {
            let given = inline.or(value.as_ref().map(|value| value.text.as_str()));
            let (given, end) = match (inline, &value) {
                (None, Some(value)) => (given, value.range.end),
                _ => (given, word.range.end),
            };
            self.hashes.push(hash(given.unwrap_or_default()).map_err(|fault| fault.at(start..end))?);
            return Ok(end);
        }
        let (read, is_value_used) = option(&word, value.as_ref(), place)?;
        self.args.extend(read);
        Ok(match value {
            Some(value) if is_value_used => value.range.end,
            _ => word.range.end,
        })
    }

    fn finish(self, text: &str) -> Line {
        let Some((part, Specifier { kind, marker, url })) = self.found else {
            return Line::Options(self.args);
        };
        let mut requirement = Requirement { text: text.to_owned(), kind, marker, url, hashes: self.hashes };
        if self.args.is_empty() {
            return Line::Requirement(requirement);
        }
        requirement.text = requirement.hashes.iter().fold(part, |text, hash| format!("{text} --hash={hash}"));
        let kind = RequirementKind::Options { args: self.args, requirement: Some(Box::new(requirement)) };
        Line::Requirement(Requirement::bare(text.to_owned(), kind))
    }
}

/// `-r FILE` and `-c FILE`, which are whole lines.
fn inclusion(text: &str) -> Result<Option<Line>, Fault> {
    let names = ["-r", "--requirements", "--requirement", "-c", "--constraints", "--constraint"];
    let found = names.into_iter().find_map(|name| {
        let after = text.strip_prefix(name)?;
        let is_end = after.is_empty() || after.starts_with(|c: char| c == '=' || c.is_whitespace());
        is_end.then_some((name, after))
    });
    let Some((name, after)) = found else {
        return Ok(None);
    };
    let value = after.trim_start_matches('=').trim();
    let range = text.len() - value.len()..text.len();
    let path = if value.starts_with(['"', '\'']) {
        next_word(value, 0)?.map(|word| word.text).unwrap_or_default()
    } else {
        value.to_owned()
    };
    let refuse = |why: &str, label: &str| {
        Fault::new(&rules::REQUIREMENTS_LINE, format!("`{name}` {why}")).label(label).at(range.clone())
    };
    if path.is_empty() {
        return Err(refuse("needs the name of a file", "nothing follows it"));
    }
    if path.contains("://") {
        return Err(refuse("cannot include a file from the network", "not in the context")
            .help("put a copy of the file into the build context"));
    }
    if path.starts_with('/') || path.starts_with('~') {
        return Err(refuse("names a file outside the context", "outside the context")
            .help("name a file of the build context, relative to this file"));
    }
    Ok(Some(if name.starts_with("-r") || name.starts_with("--r") {
        Line::Include(path)
    } else {
        Line::Constraint(path)
    }))
}

/// Checks `algorithm:hex`; the algorithms are those pip and uv agree on.
fn hash(value: &str) -> Result<String, Fault> {
    let wanted = match value.split_once(':') {
        Some(("sha256", hex)) => Some((64, hex)),
        Some(("sha384", hex)) => Some((96, hex)),
        Some(("sha512", hex)) => Some((128, hex)),
        _ => None,
    };
    match wanted {
        Some((length, hex)) if hex.len() == length && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            Ok(value.to_owned())
        }
        _ => Err(not_a_line(format!("{} is not a valid hash", quote(value)))
            .label("not a hash")
            .help("a hash is `--hash=sha256:` and 64 hexadecimal digits; `sha384` and `sha512` are allowed too")),
    }
}

/// Where a requirement ends: at a space before an option, outside quotes, or at the end of the line.
fn requirement_end(text: &str, start: usize) -> usize {
    let mut open: Option<char> = None;
    let mut is_after_blank = false;
    for (at, character) in rest(text, start).char_indices() {
        match (open, character) {
            (Some(sign), c) if sign == c => open = None,
            (Some(_), _) => {}
            (None, sign @ ('"' | '\'')) => open = Some(sign),
            (None, '-') if is_after_blank => {
                let head = text.get(..start + at).unwrap_or_default();
                return head.trim_end().len();
            }
            (None, _) => {}
        }
        is_after_blank = character.is_whitespace();
    }
    text.trim_end().len()
}

/// A line up to a `#` that begins it or follows a space (`COMMENT_RE` in pip's `req_file.py`).
pub(super) fn without_comment(line: &str) -> &str {
    let comment = line.match_indices('#').map(|(at, _)| at).find(|at| {
        let before = line.get(..*at).unwrap_or_default();
        before.is_empty() || before.ends_with(char::is_whitespace)
    });
    comment.and_then(|at| line.get(..at)).unwrap_or(line)
}

fn is_file_name(part: &str) -> bool {
    part.ends_with(".txt") || part.ends_with(".in")
}

fn not_a_line(message: String) -> Fault {
    Fault::new(&rules::REQUIREMENT, message)
}

fn rest(text: &str, at: usize) -> &str {
    text.get(at..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
