//! The error gallery: one broken spec per mistake in `testdata/specs/bad`, with its diagnostics next to it.
//!
//! New mistakes: add a file, run `cargo insta review`.

mod testdata;

use std::collections::BTreeSet;

use imagespec::{Diagnostic, SourceMap, parse, render_all, rules, scan_requirements};
use testdata::{files, snapshot};

fn diagnostics_of_bad_specs() -> Vec<(String, Vec<Diagnostic>, SourceMap)> {
    files("bad")
        .into_iter()
        .map(|(name, text)| {
            let parsed = parse(&name, &text);
            let has_errors = parsed.diagnostics.iter().any(Diagnostic::is_error);
            assert!(!parsed.diagnostics.is_empty(), "{name} is right");
            assert_eq!(parsed.spec.is_none(), has_errors, "{name}");
            (name, parsed.diagnostics, parsed.sources)
        })
        .collect()
}

#[test]
fn bad_specs_are_explained() {
    for (name, diagnostics, sources) in diagnostics_of_bad_specs() {
        snapshot("bad", &name, &render_all(&diagnostics, &sources));
    }
}

#[test]
fn bad_requirements_are_explained() {
    for (name, text) in files("requirements") {
        let mut sources = SourceMap::new();
        let file = sources.add(name.as_str(), text.as_str());
        let scan = scan_requirements(file, &text);
        snapshot("requirements", &name, &render_all(&scan.diagnostics, &sources));
    }
}

#[test]
fn every_rule_has_an_example() {
    let mut shown: BTreeSet<&str> =
        diagnostics_of_bad_specs().iter().flat_map(|(_, diagnostics, _)| diagnostics).map(|found| found.code).collect();
    for (name, text) in files("requirements") {
        let mut sources = SourceMap::new();
        let file = sources.add(name, text.as_str());
        shown.extend(scan_requirements(file, &text).diagnostics.iter().map(|found| found.code));
    }
    // The other files are text.
    let problems = imagespec::spec_text("spec.yaml", b"name: caf\xe9\n").expect_err("Latin-1");
    shown.extend(problems.diagnostics.iter().map(|found| found.code));
    // A file with that many mistakes is not a useful example; `parse` has its own test for it.
    shown.insert("E099");
    let all: BTreeSet<&str> = rules().iter().map(|rule| rule.code).collect();
    assert_eq!(shown, all);
}

#[test]
fn no_rendered_line_shows_a_password() {
    for (name, diagnostics, sources) in diagnostics_of_bad_specs() {
        let shown = render_all(&diagnostics, &sources);
        assert!(!shown.contains("hunter"), "{name}:\n{shown}");
    }
}
