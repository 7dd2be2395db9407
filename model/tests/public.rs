//! Specs written after public ones: what real users write is read, and comes back from its own YAML as it was.

mod testdata;

use imagespec::{Choice, Diagnostic, ImageSpec, parse, parse_with, render_all};
use testdata::files;

/// Every image of every file.
fn images() -> Vec<(String, ImageSpec)> {
    let mut found = Vec::new();
    for (name, text) in files("public") {
        let names = parse(&name, &text).images;
        let targets: Vec<Option<String>> =
            if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() };
        for target in targets {
            let choice = Choice { target: target.clone(), ..Choice::default() };
            let parsed = parse_with(&name, &text, &choice);
            let errors: Vec<Diagnostic> = parsed.diagnostics.into_iter().filter(Diagnostic::is_error).collect();
            assert!(errors.is_empty(), "{}", render_all(&errors, &parsed.sources));
            let shown = target.map_or(name.clone(), |target| format!("{name}, {target}"));
            found.push((shown, parsed.spec.expect("nothing is wrong")));
        }
    }
    found
}

#[test]
fn there_are_many_and_each_names_its_source() {
    let all = files("public");
    assert!(all.len() >= 30, "{}", all.len());
    for (name, text) in all {
        assert!(text.starts_with("# After "), "{name} says after which spec it is written");
    }
    assert!(images().len() >= 60);
}

#[test]
fn written_specs_equal_the_originals() {
    for (name, spec) in images() {
        let text = spec.to_yaml();
        let parsed = parse("spec.yaml", &text);
        assert_eq!(
            parsed.spec.as_ref(),
            Some(&spec),
            "{name}:\n{text}\n{}",
            render_all(&parsed.diagnostics, &parsed.sources)
        );
    }
}
