//! Properties of grouping, with random edits of real locks: which edit changes which group.
//!
//! A changed group is installed and pushed again, so each law is a guarantee about the cost of an edit.

use std::collections::{BTreeMap, BTreeSet};

use imagespec::PackageName;
use imagespec_compile::group::{Budget, DEFAULT_HEAVY_BYTES, DEFAULT_MEDIUM_BYTES, Group, GroupKind, group};
use imagespec_compile::lock::{Artifact, File, Lock, LockedPackage, Place, Wheel, WheelName, select};
use proptest::prelude::*;
use proptest::sample::{Index, select as one_of};

use crate::locks::{NAMES, debian, lock};

const HEAVY: u64 = DEFAULT_HEAVY_BYTES;
const MEDIUM: u64 = DEFAULT_MEDIUM_BYTES;

/// An edit of one package.
#[derive(Clone, Debug)]
enum Edit {
    Add {
        name: String,
        bytes: u64,
    },
    Remove(Index),
    /// Another version of about the same size.
    Bump(Index, String),
    /// Another version of any size.
    Resize(Index, u64),
}

fn edits() -> impl Strategy<Value = Edit> {
    let bytes = prop_oneof![1..100_000u64, MEDIUM..HEAVY, HEAVY..900_000_000u64];
    prop_oneof![
        ("new-[a-z]{1,8}", bytes.clone()).prop_map(|(name, bytes)| Edit::Add { name, bytes }),
        any::<Index>().prop_map(Edit::Remove),
        (any::<Index>(), "[1-9][0-9]{2}\\.[0-9]").prop_map(|(index, version)| Edit::Bump(index, version)),
        (any::<Index>(), bytes).prop_map(|(index, bytes)| Edit::Resize(index, bytes)),
    ]
}

fn budgets() -> impl Strategy<Value = Budget> {
    (0..70usize, one_of(vec![HEAVY, 1_000_000, 50_000_000]))
        .prop_map(|(layers, heavy)| Budget::new(layers).with_sizes(heavy, MEDIUM.min(heavy)))
}

fn locks() -> impl Strategy<Value = Lock> {
    one_of(&NAMES[..]).prop_map(lock)
}

/// Applies an edit, and returns the name of the changed package.
fn apply(lock: &mut Lock, edit: &Edit) -> PackageName {
    match edit {
        Edit::Add { name, bytes } => {
            let name = PackageName::new(name).expect("a name");
            let added = package(lock, name.clone(), "1.0", *bytes);
            lock.packages.retain(|package| package.name != name);
            lock.packages.push(added);
            name
        }
        // New packages are copies of the last remaining one.
        Edit::Remove(_) if lock.packages.len() == 1 => lock.packages[0].name.clone(),
        Edit::Remove(index) => lock.packages.remove(index.index(lock.packages.len())).name,
        Edit::Bump(index, version) => {
            let bytes = bytes(&lock.packages[index.index(lock.packages.len())]);
            replace(lock, index, version, bytes)
        }
        Edit::Resize(index, bytes) => replace(lock, index, "999.1", Some(*bytes)),
    }
}

fn replace(lock: &mut Lock, index: &Index, version: &str, bytes: Option<u64>) -> PackageName {
    let at = index.index(lock.packages.len());
    let name = lock.packages[at].name.clone();
    // Packages that are built are not edited: only wheels have a size that matters.
    if let Some(bytes) = bytes {
        lock.packages[at] = package(lock, name.clone(), version, bytes);
    }
    name
}

/// The size of the selected wheel.
fn bytes(package: &LockedPackage) -> Option<u64> {
    let lock = Lock { packages: vec![package.clone()], ..Lock::default() };
    match select(&lock, debian()).expect("it fits").first()?.artifact {
        Artifact::Wheel(wheel) => wheel.file.size,
        _ => None,
    }
}

fn package(lock: &Lock, name: PackageName, version: &str, bytes: u64) -> LockedPackage {
    let filename = format!("{}-{version}-py3-none-any.whl", name.as_str().replace('-', "_"));
    let file = File {
        name: None,
        place: Place::Url(format!("https://files.pythonhosted.org/packages/{bytes}/{filename}")),
        size: Some(bytes),
        hashes: BTreeMap::from([("sha256".to_owned(), format!("{bytes:064x}"))]),
    };
    LockedPackage {
        name,
        version: Some(version.parse().expect("a version")),
        marker: None,
        requires_python: None,
        index: None,
        wheels: vec![Wheel { filename: WheelName::parse(&filename), file }],
        sdist: None,
        vcs: None,
        directory: None,
        archive: None,
        span: lock.packages[0].span,
    }
}

fn groups(lock: &Lock, budget: &Budget) -> BTreeMap<String, Group> {
    let groups = group(&select(lock, debian()).expect("the lock fits"), budget);
    let count = groups.len();
    let by_id: BTreeMap<_, _> = groups.into_iter().map(|group| (group.id.clone(), group)).collect();
    assert_eq!(by_id.len(), count, "ids are unique");
    by_id
}

/// The ids of groups that differ.
fn touched(before: &BTreeMap<String, Group>, after: &BTreeMap<String, Group>) -> BTreeSet<String> {
    let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    ids.into_iter().filter(|id| before.get(*id) != after.get(*id)).cloned().collect()
}

fn group_of<'a>(groups: &'a BTreeMap<String, Group>, name: &PackageName) -> Option<&'a Group> {
    groups.values().find(|group| group.members.iter().any(|member| member.name == *name))
}

/// Whether some heavy wheel has no group of its own.
fn is_tight(groups: &BTreeMap<String, Group>, budget: &Budget) -> bool {
    let alone = groups.values().filter(|group| group.kind == GroupKind::Wheel).count();
    alone >= budget.alone()
}

/// The number of groups that change with another version of a wheel of at least `least` bytes, whose size stays between the same
/// powers of two and on the same side of the threshold.
fn touched_by_bump(mut lock: Lock, budget: &Budget, index: &Index, part: u64, least: u64) -> usize {
    let before = groups(&lock, budget);
    let places = lock.packages.iter().enumerate();
    let sizes: Vec<(usize, u64)> = places.filter_map(|(at, package)| Some((at, bytes(package)?))).collect();
    let sizes: Vec<_> = sizes.into_iter().filter(|(_, bytes)| *bytes >= least).collect();
    let (at, old) = sizes[index.index(sizes.len())];
    let class = 1u64 << old.ilog2();
    let new = class + class * part / 1000;
    let thresholds = [budget.heavy_bytes(), budget.medium_bytes()];
    let stay = |new: u64, least: u64| if old >= least { new.max(least) } else { new.min(least - 1) };
    let new = thresholds.into_iter().fold(new, stay);
    let name = lock.packages[at].name.clone();
    lock.packages[at] = package(&lock, name, "999.2", new);
    touched(&before, &groups(&lock, budget)).len()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn an_edit_touches_the_groups_of_its_package(
        base in locks(), budget in budgets(), edits in prop::collection::vec(edits(), 1..6)
    ) {
        let mut lock = base;
        let mut before = groups(&lock, &budget);
        for edit in &edits {
            let changed = apply(&mut lock, edit);
            let after = groups(&lock, &budget);
            let touched = touched(&before, &after);
            let own: BTreeSet<String> =
                [&before, &after].iter().filter_map(|groups| group_of(groups, &changed)).map(|group| group.id.clone()).collect();
            if is_tight(&before, &budget) || is_tight(&after, &budget) {
                // One other heavy wheel may lose or get a group of its own.
                prop_assert!(touched.len() <= 4, "{edit:?}: {touched:?}");
            } else {
                prop_assert!(touched.is_subset(&own), "{edit:?}: {touched:?}, not {own:?}");
            }
            for id in &touched {
                let names = |groups: &BTreeMap<String, Group>| {
                    groups.get(id).map(|group| group.members.iter().map(|member| member.name.clone()).collect::<Vec<_>>())
                };
                prop_assert!(own.contains(id) || names(&before) != names(&after), "{id} changed without a changed package");
            }
            before = after;
        }
    }

    #[test]
    fn one_more_small_package_touches_one_group(base in locks(), budget in budgets(), name in "new-[a-z]{1,12}") {
        let mut lock = base;
        let before = groups(&lock, &budget);
        apply(&mut lock, &Edit::Add { name, bytes: 60_000 });
        let after = groups(&lock, &budget);
        prop_assert_eq!(touched(&before, &after).len(), 1);
    }

    #[test]
    fn a_new_version_of_about_the_same_size_touches_one_group(
        base in locks(), budget in budgets(), index in any::<Index>(), part in 0u64..1000
    ) {
        prop_assert_eq!(touched_by_bump(base, &budget, &index, part, 0), 1);
    }

    #[test]
    fn a_new_version_does_not_move_other_packages(layers in 4..40usize, index in any::<Index>(), part in 0u64..1000) {
        // More heavy wheels than groups for them.
        let budget = Budget::new(layers);
        prop_assert_eq!(touched_by_bump(lock("ml"), &budget, &index, part, HEAVY), 1);
    }

    #[test]
    fn crossing_the_threshold_touches_two_groups(base in locks(), index in any::<Index>(), layers in 40..60usize) {
        let budget = Budget::new(layers).with_small_buckets(4);
        let mut lock = base;
        let at = index.index(lock.packages.len());
        let name = lock.packages[at].name.clone();
        lock.packages[at] = package(&lock, name.clone(), "1.0", HEAVY - 1);
        let small = groups(&lock, &budget);
        lock.packages[at] = package(&lock, name, "1.1", HEAVY);
        let heavy = groups(&lock, &budget);
        prop_assume!(!is_tight(&heavy, &budget));
        prop_assert_eq!(touched(&small, &heavy).len(), 2);
    }

    #[test]
    fn the_order_of_a_lock_has_no_effect(
        (packages, shuffled) in locks().prop_flat_map(|lock| (Just(lock.packages.clone()), Just(lock.packages).prop_shuffle())),
        budget in budgets()
    ) {
        let of = |packages: Vec<LockedPackage>| {
            let lock = Lock { packages, ..Lock::default() };
            group(&select(&lock, debian()).expect("the lock fits"), &budget)
        };
        let mut reversed = shuffled;
        for package in &mut reversed {
            package.wheels.reverse();
        }
        prop_assert_eq!(of(packages), of(reversed));
    }

    #[test]
    fn the_budget_holds_and_no_package_is_lost(
        base in locks(), budget in budgets(), edits in prop::collection::vec(edits(), 0..40)
    ) {
        let mut lock = base;
        for edit in &edits {
            apply(&mut lock, edit);
        }
        let selected = select(&lock, debian()).expect("the lock fits");
        let groups = group(&selected, &budget);
        prop_assert!(groups.len() <= budget.layers(), "{} groups, {budget:?}", groups.len());
        let mut names: Vec<_> = groups.iter().flat_map(|group| &group.members).map(|member| &member.name).collect();
        names.sort();
        let expect: Vec<_> = selected.iter().map(|one| &one.package.name).collect();
        prop_assert_eq!(names, expect);
        prop_assert!(groups.is_sorted_by_key(|group| group.kind));
    }
}
