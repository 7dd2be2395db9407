//! Any text as a spec or as requirements: diagnostics that can be shown, never a crash.

#![no_main]

use imagespec::{SourceMap, parse, render_all, scan_requirements};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for name in ["spec.yaml", "spec.toml", "spec.json"] {
        let parsed = parse(name, text);
        let has_errors = parsed.diagnostics.iter().any(|diagnostic| diagnostic.is_error());
        assert_eq!(parsed.spec.is_none(), has_errors, "{:?}", parsed.diagnostics);
        let shown = render_all(&parsed.diagnostics, &parsed.sources);
        assert_eq!(shown.is_empty(), parsed.diagnostics.is_empty());
        for diagnostic in &parsed.diagnostics {
            if let Some(span) = diagnostic.span() {
                assert!(parsed.sources.position(span).is_some(), "{diagnostic:?} is nowhere");
            }
        }
    }
    let mut sources = SourceMap::default();
    let file = sources.add("requirements.txt", text);
    let scan = scan_requirements(file, text);
    for line in &scan.lines {
        assert!(sources.snippet(line.span).is_some(), "{line:?} is nowhere");
    }
    assert_eq!(render_all(&scan.diagnostics, &sources).is_empty(), scan.diagnostics.is_empty());
});
