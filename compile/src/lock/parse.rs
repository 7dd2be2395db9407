//! Parses the text of a `pylock.toml` to a [`Lock`] (PEP 751, "File format").
//!
//! Keys that do not affect what is installed (`dependencies`, `upload-time`, `attestation-identities`, `tool` tables of other tools)
//! are ignored.

use std::collections::BTreeMap;

use imagespec::{Diagnostic, FileId, Marker, MarkerError, PackageName, Span, mask_credentials};
use toml::de::{DeTable, DeValue};

use crate::fixed::INSTALLED_URL;
use crate::lock::table::{Report, Table};
use crate::lock::wheel_name::WheelName;
use crate::lock::{Archive, Cut, Directory, File, Hashes, Lock, LockedPackage, Place, Vcs, Wheel};
use crate::rules;

/// Parses a lock. `file` is the file that spans refer to.
///
/// # Errors
/// All problems: invalid TOML (E113), keys that are missing or have the wrong type (E113), an unsupported format version (E114), and
/// URLs with credentials (E116).
pub fn parse(file: FileId, text: &str) -> Result<Lock, Vec<Diagnostic>> {
    let mut report = Report::new(file);
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let span = report.span(error.span().unwrap_or(text.len()..text.len()));
        let first = error.message().lines().next().unwrap_or_default();
        report.error(span, format!("not valid TOML: {first}"));
    }
    if !errors.is_empty() {
        return report.finish(Lock::default());
    }
    let root = Table::new(document.get_ref(), report.span(0..0), "the lockfile");
    if !is_known_version(&mut report, root) {
        return report.finish(Lock::default());
    }
    if root.get("packages").is_none() {
        report.error(root.span, "the lockfile has no `packages`");
    }
    let requires_python = root.parsed(&mut report, "requires-python", "a list of version specifiers");
    let default_groups = root.texts(&mut report, "default-groups");
    let entries = root.tables(&mut report, "packages", "a package");
    let packages = entries.into_iter().filter_map(|entry| package(&mut report, entry)).collect();
    let tool = root.table(&mut report, "tool", "the table `tool`");
    let ours = tool.and_then(|tool| tool.table(&mut report, "imagespec", "the table `tool.imagespec`"));
    let made_of = ours.and_then(|ours| ours.owned(&mut report, "made-of"));
    let young = ours.map(|ours| ours.texts(&mut report, "young")).unwrap_or_default();
    let cut = Cut {
        young: young.iter().filter_map(|name| PackageName::new(name)).collect(),
        apt: ours.map(|ours| ours.texts(&mut report, "apt")).unwrap_or_default(),
    };
    let parts = ours.and_then(|ours| ours.table(&mut report, "parts", "the table `tool.imagespec.parts`"));
    let names: Vec<&str> = parts.iter().flat_map(|parts| parts.pairs()).map(|(name, _)| name).collect();
    let part = |name: &str| Some((name.to_owned(), parts?.owned(&mut report, name)?));
    let made_of_parts = names.into_iter().filter_map(part).collect();
    report.finish(Lock { requires_python, default_groups, made_of, made_of_parts, cut, packages })
}

fn is_known_version(report: &mut Report, root: Table<'_>) -> bool {
    let Some((version, span)) = root.required(report, "lock-version") else { return false };
    let is_known = version.split('.').next() == Some("1");
    if !is_known {
        let message = format!("the lockfile has format version {version:?}");
        let help = "only version 1 is supported; write the lockfile with a tool that uses it";
        report.push(Diagnostic::new(&rules::LOCK_VERSION, message).with_label(span, "").with_help(help));
    }
    is_known
}

fn package(report: &mut Report, entry: Table<'_>) -> Option<LockedPackage> {
    let (name, span) = entry.required(report, "name")?;
    let Some(name) = PackageName::new(name) else {
        report.error(span, format!("{name:?} is not a valid package name"));
        return None;
    };
    let index = entry.text(report, "index").map(|(url, at)| checked_url(report, url, at));
    let wheels = entry.tables(report, "wheels", "a wheel");
    let archive = entry.table(report, "archive", "an archive");
    let package = LockedPackage {
        version: entry.parsed(report, "version", "a version"),
        marker: marker(report, entry),
        requires_python: entry.parsed(report, "requires-python", "a list of version specifiers"),
        index,
        wheels: without_stand_ins(wheels.into_iter().filter_map(|table| wheel(report, table)).collect()),
        sdist: entry.table(report, "sdist", "a source distribution").and_then(|table| file(report, table)),
        vcs: entry.table(report, "vcs", "a checkout").and_then(|table| vcs(report, table)),
        directory: entry.table(report, "directory", "a directory").and_then(|table| directory(report, table)),
        archive: archive.and_then(|table| {
            let file = file(report, table)?;
            let subdirectory = table.owned(report, "subdirectory");
            Some(Archive { wheel: wheel_name(&file), file, subdirectory })
        }),
        name,
        span: entry.span,
    };
    one_source(report, &package, entry);
    Some(package)
}

/// Removes wheels that only tell a resolver what an installed package requires, if there are others.
fn without_stand_ins(wheels: Vec<Wheel>) -> Vec<Wheel> {
    let is_stand_in = |wheel: &Wheel| matches!(&wheel.file.place, Place::Url(url) if url.starts_with(INSTALLED_URL));
    if wheels.iter().all(is_stand_in) {
        return wheels;
    }
    wheels.into_iter().filter(|wheel| !is_stand_in(wheel)).collect()
}

/// Checks the sources of a package: `wheels` and `sdist` can be combined; any other source must be the only one.
fn one_source(report: &mut Report, package: &LockedPackage, entry: Table<'_>) {
    let has = |key: &str| entry.get(key).is_some();
    let from_index = has("wheels") || has("sdist");
    let kinds = [from_index, has("vcs"), has("directory"), has("archive")];
    match kinds.into_iter().filter(|is_there| *is_there).count() {
        0 => report.error(package.span, format!("the lockfile has no source for {}", package.name)),
        1 => {}
        _ => report.error(package.span, format!("the lockfile has more than one source for {}", package.name)),
    }
}

fn marker(report: &mut Report, entry: Table<'_>) -> Option<Marker> {
    let (text, span) = entry.text(report, "marker")?;
    let unreadable = |error: MarkerError| {
        // In a string with quotes and without escapes, positions in the value correspond to positions in the file.
        let is_verbatim = span.end - span.start == text.len() + 2;
        let place = if is_verbatim { span.slice(error.part().start + 1, error.part().end + 1) } else { span };
        report.error(place, format!("the marker {text:?} cannot be read: {error}"));
    };
    text.parse().map_err(unreadable).ok()
}

fn wheel(report: &mut Report, table: Table<'_>) -> Option<Wheel> {
    let file = file(report, table)?;
    Some(Wheel { filename: wheel_name(&file), file })
}

fn wheel_name(file: &File) -> Option<WheelName> {
    let name = match (&file.name, &file.place) {
        (Some(name), _) => name.clone(),
        (None, Place::Url(place) | Place::Path(place)) => WheelName::last_segment(place)?,
    };
    WheelName::parse(&name)
}

fn file(report: &mut Report, table: Table<'_>) -> Option<File> {
    let name = table.owned(report, "name");
    let size = table.number(report, "size");
    let hashes = hashes(report, table);
    Some(File { name, place: place(report, table)?, size, hashes })
}

fn hashes(report: &mut Report, table: Table<'_>) -> Hashes {
    let Some(listed) = table.table(report, "hashes", "`hashes`") else { return BTreeMap::new() };
    let mut hashes = BTreeMap::new();
    for (algorithm, value) in listed.pairs() {
        let is_word = !algorithm.is_empty() && algorithm.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        match value.get_ref() {
            DeValue::String(digits) if is_word && is_hexadecimal(digits) => {
                hashes.insert(algorithm.to_ascii_lowercase(), digits.to_ascii_lowercase());
            }
            _ => report.error(report.span(value.span()), format!("the {algorithm:?} hash is not hexadecimal")),
        }
    }
    hashes
}

fn is_hexadecimal(digits: &str) -> bool {
    !digits.is_empty() && digits.chars().all(|c| c.is_ascii_hexdigit())
}

fn vcs(report: &mut Report, table: Table<'_>) -> Option<Vcs> {
    let kind = table.required(report, "type");
    let commit = table.required(report, "commit-id");
    Some(Vcs {
        kind: kind?.0.to_owned(),
        place: place(report, table)?,
        commit: commit?.0.to_owned(),
        requested_revision: table.owned(report, "requested-revision"),
        subdirectory: table.owned(report, "subdirectory"),
    })
}

fn directory(report: &mut Report, table: Table<'_>) -> Option<Directory> {
    Some(Directory {
        path: table.required(report, "path")?.0.to_owned(),
        editable: table.flag(report, "editable"),
        subdirectory: table.owned(report, "subdirectory"),
    })
}

/// `path` or `url`; if both are given, the path is used.
fn place(report: &mut Report, table: Table<'_>) -> Option<Place> {
    if let Some((path, _)) = table.text(report, "path") {
        return Some(Place::Path(path.to_owned()));
    }
    let (url, span) = table.required(report, "url")?;
    Some(Place::Url(checked_url(report, url, span)))
}

/// A URL without credentials. Passwords would be visible in the graph and in the image's provenance.
fn checked_url(report: &mut Report, url: &str, span: Span) -> String {
    let masked = mask_credentials(url);
    if masked != url {
        let message = format!("the URL {masked} in the lockfile contains credentials");
        let help = "lock with a URL without credentials, and provide them with `pip_secret_mounts`, for example as a netrc file";
        report.push(Diagnostic::new(&rules::LOCK_CREDENTIALS, message).with_label(span, "").with_help(help));
    }
    url.to_owned()
}
