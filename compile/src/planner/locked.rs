//! Checks of a lock: hashes that the requirements allow, and files that are in several packages.

use std::collections::BTreeSet;

use imagespec::{Diagnostic, PackageName};

use crate::lock::{self, Lock};
use crate::requirements::Allowed;
use crate::rules;

/// Removes files that the requirements do not allow: if a line has hashes, only these may be installed. A package without any remaining
/// file is a problem.
pub(super) fn restrict(lock: &mut Lock, allowed: &Allowed) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for package in &mut lock.packages {
        let Some(hashes) = allowed_of(package, allowed) else { continue };
        let of =
            |file: &lock::File| file.hashes.iter().map(|(name, digits)| format!("{name}:{digits}")).collect::<Vec<_>>();
        let is_allowed = |file: &lock::File| of(file).iter().any(|hash| hashes.contains(hash));
        let wheels = package.wheels.iter().map(|wheel| &wheel.file);
        let archive = package.archive.iter().map(|archive| &archive.file);
        let found: Vec<String> = wheels.chain(&package.sdist).chain(archive).flat_map(of).collect();
        package.wheels.retain(|wheel| is_allowed(&wheel.file));
        package.sdist = package.sdist.take().filter(is_allowed);
        package.archive = package.archive.take().filter(|archive| is_allowed(&archive.file));
        let is_nothing_left = package.wheels.is_empty() && package.sdist.is_none() && package.archive.is_none();
        if is_nothing_left && !found.is_empty() {
            let message = format!("no file of {} has a hash that the requirements allow", package.name);
            let allowed: Vec<&str> = hashes.iter().map(String::as_str).collect();
            problems.push(Diagnostic::new(&rules::HASH_MISMATCH, message).with_help(format!(
                "the requirements allow {}; the index has {}",
                allowed.join(", "),
                found.join(", ")
            )));
        }
    }
    problems
}

/// The allowed hashes of a package, by its name, or by its URL for a line without a name.
fn allowed_of<'a>(package: &lock::LockedPackage, allowed: &'a Allowed) -> Option<&'a BTreeSet<String>> {
    let url = package.archive.as_ref().and_then(|archive| match &archive.file.place {
        lock::Place::Url(url) => url.split('#').next(),
        lock::Place::Path(_) => None,
    });
    allowed.get(package.name.as_str()).or_else(|| allowed.get(url?))
}

/// The packages for which no requirement has a hash, if all must have one (pip, "Secure installs").
pub(super) fn without_hashes(lock: &Lock, allowed: &[Allowed]) -> Vec<Diagnostic> {
    let is_missing =
        |package: &&lock::LockedPackage| allowed.iter().all(|allowed| allowed_of(package, allowed).is_none());
    let missing: BTreeSet<&str> =
        lock.packages.iter().filter(is_missing).map(|package| package.name.as_str()).collect();
    let problem = |name: &str| {
        Diagnostic::new(
            &rules::HASH_MISMATCH,
            format!("`--require-hashes` is set, but the requirements have no hash of {name}"),
        )
        .with_help("list every package with its version and hashes, as `uv pip compile --generate-hashes` does")
    };
    missing.into_iter().map(problem).collect()
}

/// The packages that cannot share a step with others: of those with a common file, all but the first by name.
pub(super) fn apart(collisions: &str) -> BTreeSet<PackageName> {
    collisions.lines().flat_map(|line| owners(line).into_iter().skip(1)).collect()
}

/// The packages that contain a file, by name. The names are those of metadata folders, with capitals and underscores.
fn owners(line: &str) -> BTreeSet<PackageName> {
    line.split('\t').skip(1).filter_map(PackageName::new).collect()
}

/// A reason for users: `a and b both bring files of other content; b's stay`.
pub(super) fn collision_reason(line: &str) -> Option<String> {
    let packages = owners(line);
    let last = packages.last()?.clone();
    let names: Vec<String> = packages.iter().map(ToString::to_string).collect();
    Some(format!("{} bring the same files with different content; those of {last} stay", names.join(" and ")))
}
