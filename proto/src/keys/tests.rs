//! The names are those of the pinned BuildKit (`testdata/vectors/keys.go` reads its source).

use std::collections::BTreeSet;

use super::{attr, entitlement, exporter, exporter_attr, option, result, subrequest};
use crate::caps;

/// `literals` are names that no constant of BuildKit holds: it writes them where it uses them, or another program does.
#[track_caller]
fn check(group: &str, ours: &[&str], literals: &[&str]) {
    let listed = include_str!("../../../testdata/vectors/keys.txt").lines();
    let listed = listed.filter_map(|line| line.split_once(' ')).filter(|(name, _)| *name == group);
    let expected: BTreeSet<&str> = listed.map(|(_, key)| key).chain(literals.iter().copied()).collect();
    assert_eq!(ours.iter().copied().collect::<BTreeSet<_>>(), expected, "{group}");
    assert_eq!(ours.len(), expected.len(), "{group} has each name once");
}

#[test]
fn names_are_those_of_the_release() {
    let in_place = ["attest:", "build-arg:BUILDKIT_ATTEST_", "cmdline", "sharedkey:localdir:"];
    let removed = ["build-arg:BUILDKIT_DISABLE_FILEOP", "override-copy-image"];
    check("option", option::ALL, &[in_place.as_slice(), &removed].concat());
    check("attr", attr::ALL, &["git.sig.", "http.header.accept", "http.header.user-agent", "http.sig."]);
    check("exporter", exporter::ALL, &["moby"]);
    check("exporter-attr", exporter_attr::ALL, &["prefer-image-digest"]);
    check("result", result::ALL, &["result.json", "result.statuscode", "result.txt", "version"]);
    check("subrequest", subrequest::ALL, &[]);
    check("entitlement", entitlement::ALL, &[]);
    check("gateway-cap", caps::gateway::ALL, &[]);
}
