//! Compares requirement lines with uv's results in `testdata/specs/uv`, which the script next to them writes.

#![expect(clippy::disallowed_methods, reason = "the crate reads no files, its tests do")]

use std::collections::BTreeSet;
use std::path::Path;

use imagespec::{SourceMap, scan_requirements};

/// What uv's parser lets through and this crate does not.
const STRICTER: [&str; 5] = [
    // uv takes an unknown scheme, and a name behind `-e`, for a path, and then finds nothing there.
    "numpy @ git://x/y.git",
    "numpy @ ftp://x/y-1.zip",
    "-e numpy",
    // uv notices only while it installs.
    "numpy==1.0 --hash=sha1:abababababababababababababababababababab",
    "numpy==1.0 --hash=abab",
];

#[test]
fn lines_are_accepted_and_refused_like_in_uv() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/specs/uv/verdicts.tsv");
    let verdicts = std::fs::read_to_string(path).expect("testdata is there");
    let mut differ: BTreeSet<&str> = BTreeSet::new();
    let mut count = 0;
    for line in verdicts.lines().skip(1) {
        let (verdict, case) = line.split_once('\t').expect("two columns");
        let mut sources = SourceMap::new();
        let file = sources.add("requirements.txt", case);
        let scan = scan_requirements(file, case);
        let is_accepted = match verdict {
            "accepts" => true,
            "refuses" => false,
            other => panic!("no verdict: {other}"),
        };
        if scan.diagnostics.is_empty() != is_accepted {
            differ.insert(case);
        }
        count += 1;
    }
    assert!(count > 150, "only {count} lines");
    assert_eq!(differ, BTreeSet::from(STRICTER));
}
