//! `imagespec lock`: writes the versions of all Python packages to a lockfile next to the spec.

use std::collections::BTreeMap;
use std::path::Path;

use imagespec_compile::{LockUse, lock};

use crate::args::{FactsArgs, LockArgs};
use crate::error::CliError;
use crate::exit::Exit;
use crate::spec_file::SpecFile;
use crate::{facts, file, print};

pub(crate) async fn run(args: &LockArgs) -> Result<Exit, CliError> {
    let file = SpecFile::read(&args.spec)?;
    let lock = if args.upgrade { LockUse::Renew } else { LockUse::Write };
    let no_facts = FactsArgs { facts: None, save_facts: None };
    let planned = facts::plan(&args.spec, &args.options, &no_facts, &args.daemon, lock, args.progress).await?;
    let locks = planned.lock_files();
    if locks.is_empty() {
        let levels = planned.document.spec.levels();
        let mut files = levels.iter().filter_map(|level| level.spec.requirements());
        let reason = match files.find(|file| file.kind().is_lock()) {
            Some(file) => format!("{} already locks the versions of the spec", file.path()),
            None => "the spec has no Python packages".to_owned(),
        };
        return Err(CliError::Input(format!("nothing to lock: {reason}")));
    }
    let mut report = String::new();
    let mut is_stale = false;
    for lock in locks {
        let path = file.files.resolve(&lock.name);
        let old = read(&path)?;
        let is_current = lock.is_current || old.as_deref() == Some(&lock.text);
        is_stale |= !is_current;
        let count = versions(&lock.text).len();
        report += &match (is_current, args.check, &old) {
            (true, _, _) => format!("{}: up to date, {count} packages\n", path.display()),
            (false, true, None) => format!("{}: missing; create it with `imagespec lock`\n", path.display()),
            (false, true, Some(_)) => {
                format!("{}: made for a different spec; update it with `imagespec lock`\n", path.display())
            }
            (false, false, _) => {
                file::write(&path, &lock.text)?;
                let changes = changes(&versions(old.as_deref().unwrap_or_default()), &versions(&lock.text));
                format!("{}: written, {count} packages\n{changes}", path.display())
            }
        };
    }
    print::text(&report)?;
    Ok(if args.check && is_stale { Exit::Different } else { Exit::Success })
}

fn read(path: &Path) -> Result<Option<String>, CliError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CliError::Input(format!("cannot read {}: {error}", path.display()))),
    }
}

/// Versions by package. A lockfile that cannot be parsed counts as empty: it is about to be replaced.
fn versions(text: &str) -> BTreeMap<String, String> {
    let mut sources = imagespec::SourceMap::new();
    let lock = lock::parse(sources.add("pylock.toml", text), text).unwrap_or_default();
    let name_and_version = |package: &lock::LockedPackage| {
        let version = package.version.as_ref().map_or_else(|| "(unversioned)".to_owned(), ToString::to_string);
        (package.name.to_string(), version)
    };
    lock.packages.iter().map(name_and_version).collect()
}

/// The differences, one line per package. Empty for a new lockfile, where every package would be listed.
fn changes(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> String {
    if old.is_empty() {
        return String::new();
    }
    let removed = old.iter().filter(|(name, _)| !new.contains_key(*name));
    let removed = removed.map(|(name, version)| format!("  - {name} {version}\n"));
    let added_or_changed = new.iter().filter_map(|(name, version)| match old.get(name) {
        None => Some(format!("  + {name} {version}\n")),
        Some(before) if before != version => Some(format!("  ~ {name} {before} -> {version}\n")),
        Some(_) => None,
    });
    removed.chain(added_or_changed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_listed() {
        let versions = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let old = versions(&[("click", "8.1.7"), ("flask", "3.0"), ("idna", "3.1")]);
        let new = versions(&[("click", "8.2.0"), ("idna", "3.1"), ("rich", "13")]);
        assert_eq!(changes(&old, &new), "  - flask 3.0\n  ~ click 8.1.7 -> 8.2.0\n  + rich 13\n");
        assert_eq!(changes(&BTreeMap::new(), &new), "");
    }
}
