//! Assigns packages to groups.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use imagespec::PackageName;
use sha2::{Digest as _, Sha256};

use crate::group::budget::{Budget, Cut};
use crate::group::{Group, GroupKind, Member, Obstacle, input, strong_hash};
use crate::lock::{Artifact, File, Place, Selected};

/// Kind, then bucket number or name. Groups are sorted by it.
type Key<'a> = (GroupKind, usize, &'a str);

pub(super) fn assign<'a>(selected: &'a [Selected<'a>], budget: &Budget) -> Vec<Group> {
    let mut heavy: Vec<(u64, &'a Selected<'a>)> = Vec::new();
    let mut built: Vec<&'a Selected<'a>> = Vec::new();
    let mut groups: BTreeMap<Key<'a>, BTreeMap<&'a PackageName, &'a Selected<'a>>> = BTreeMap::new();
    let mut put = |key: Key<'a>, one: &'a Selected<'a>| {
        groups.entry(key).or_default().insert(&one.package.name, one);
    };
    let medium_or_small = |one: &'a Selected<'a>| match one.size() {
        Some(bytes) if bytes >= budget.medium_bytes() && budget.medium_buckets() > 0 => {
            bucket(GroupKind::Medium, one, budget.medium_buckets())
        }
        _ => bucket(GroupKind::Small, one, budget.small_buckets()),
    };
    for one in selected {
        let name = one.package.name.as_str();
        match (budget.cut(), obstacle(one), one.size()) {
            (Cut::Single, _, _) => put((GroupKind::All, 0, ""), one),
            (_, Some(Obstacle::NoHash), _) => put((GroupKind::NoHash, 0, ""), one),
            (_, Some(Obstacle::Build | Obstacle::Local), _) => built.push(one),
            (_, None, _) if budget.is_apart(&one.package.name) => put((GroupKind::Apart, 0, name), one),
            (_, None, bytes) if budget.is_young(&one.package.name) => {
                let is_heavy = bytes.is_some_and(|bytes| bytes >= budget.heavy_bytes());
                put((GroupKind::Young, 0, if is_heavy { name } else { "" }), one);
            }
            (Cut::AllWheels, None, _) => put((GroupKind::AllWheels, 0, ""), one),
            (Cut::Groups, None, Some(bytes)) if bytes >= budget.heavy_bytes() => heavy.push((bytes, one)),
            (Cut::Groups, None, _) => put(medium_or_small(one), one),
        }
    }
    // Powers of two, so that a new version of about the same size does not move other packages.
    heavy.sort_by_key(|(bytes, one)| (Reverse(bytes.checked_ilog2()), name_hash(&one.package.name), &one.package.name));
    for (place, (_, one)) in heavy.into_iter().enumerate() {
        if place < budget.alone() {
            put((GroupKind::Wheel, 0, one.package.name.as_str()), one);
        } else if budget.heavy_buckets() > 0 {
            put(bucket(GroupKind::Heavy, one, budget.heavy_buckets()), one);
        } else {
            put(medium_or_small(one), one);
        }
    }
    // In an order that does not change, so that one more package moves at most one other.
    built.sort_by_key(|one| (name_hash(&one.package.name), &one.package.name));
    for (place, one) in built.into_iter().enumerate() {
        put((GroupKind::Tail, 0, if place < BUILT_ALONE { one.package.name.as_str() } else { "" }), one);
    }
    groups.into_iter().map(|(key, members)| new_group(key, members.into_values())).collect()
}

/// The number of built packages with a group of their own.
const BUILT_ALONE: usize = 12;

fn bucket<'a>(kind: GroupKind, one: &Selected<'a>, buckets: usize) -> Key<'a> {
    let buckets = u64::try_from(buckets).unwrap_or(u64::MAX).max(1);
    let number = usize::try_from(name_hash(&one.package.name) % buckets).unwrap_or(0);
    (kind, number, "")
}

/// A hash of the name. It must never change, because all users' layers would change with it.
fn name_hash(name: &PackageName) -> u64 {
    Sha256::digest(name.as_str()).iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

fn new_group<'a>((kind, number, name): Key<'_>, selected: impl Iterator<Item = &'a Selected<'a>>) -> Group {
    let selected: Vec<&Selected<'_>> = selected.collect();
    let id = match kind {
        GroupKind::Wheel => format!("wheel:{name}"),
        GroupKind::Heavy => format!("heavy-{number}"),
        GroupKind::Medium => format!("medium-{number}"),
        GroupKind::Small => format!("small-{number:02}"),
        GroupKind::AllWheels => "wheels".to_owned(),
        GroupKind::Young if name.is_empty() => "young".to_owned(),
        GroupKind::Young => format!("young:{name}"),
        GroupKind::Apart => format!("apart:{name}"),
        GroupKind::NoHash => "no-hash".to_owned(),
        GroupKind::All => "all".to_owned(),
        GroupKind::Tail if name.is_empty() => "tail".to_owned(),
        GroupKind::Tail => format!("tail:{name}"),
    };
    let members = selected.iter().map(|one| member(one)).collect();
    let (lock, config) = input::texts(&selected);
    Group { id, kind, members, lock, config }
}

fn member(one: &Selected<'_>) -> Member {
    Member {
        name: one.package.name.clone(),
        version: one.package.version.clone(),
        bytes: one.size(),
        hashes: one.file().map(|file| file.hashes.clone()).unwrap_or_default(),
        obstacle: obstacle(one),
    }
}

fn obstacle(one: &Selected<'_>) -> Option<Obstacle> {
    match (one.artifact, one.file()) {
        (Artifact::Source(_), _) | (_, None) => Some(Obstacle::Build),
        (_, Some(File { place: Place::Path(_), .. })) => Some(Obstacle::Local),
        (_, Some(File { place: Place::Url(url), .. })) if is_local(url) => Some(Obstacle::Local),
        (_, Some(file)) => strong_hash(&file.hashes).is_none().then_some(Obstacle::NoHash),
    }
}

/// Whether a URL names a file of the root filesystem (RFC 8089).
fn is_local(url: &str) -> bool {
    url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"))
}
