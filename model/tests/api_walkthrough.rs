//! A tour of the crate as its users see it: read, look things up, explain.

use imagespec::{
    PackageName, RequirementsLineKind, Severity, SourceMap, explain, join_context_path, mask_credentials, parse,
    render, scan_requirements,
};

const SPEC: &str = "\
base_image: debian:bookworm-slim
python_version: 3.10
packages:
  - pandas[excel]>=2.2
requirements: deps/all.txt
env: {LOG_LEVEL: info}
";

#[test]
fn from_text_to_spec_and_back_to_the_text() {
    // A valid spec is a value with nothing left to check.
    let parsed = parse("spec.yaml", SPEC);
    assert!(parsed.diagnostics.is_empty());
    let spec = parsed.spec.expect("no diagnostics, so there is a spec");
    assert_eq!(spec.python_version().map(|version| version.to_string()).as_deref(), Some("3.10"));
    assert_eq!(spec.packages()[0].name(), PackageName::new("pandas").as_ref());

    // Every field leads back to its place.
    let span = parsed.spans.span("packages[0]").expect("it was written");
    assert_eq!(parsed.sources.snippet(span), Some("pandas[excel]>=2.2"));
    let place = parsed.sources.position(span).expect("a span of this map");
    assert_eq!((place.line, place.column), (4, 5));

    // The files it names are read by the caller, and scanned here.
    let file = spec.requirements().expect("it was written");
    let text = "-r base.txt\n--extra-index-url https://example.org/simple\nnumpy==1.26.4\n";
    let mut sources = SourceMap::new();
    let id = sources.add(file.path(), text);
    let scan = scan_requirements(id, text);
    let included = match &scan.lines[0].kind {
        RequirementsLineKind::Include { path } => join_context_path(file.path(), path),
        other => panic!("{other:?}"),
    };
    assert_eq!(included.as_deref(), Some("deps/base.txt"));
    assert!(matches!(&scan.lines[1].kind, RequirementsLineKind::Option { args } if args.len() == 2));

    // A diagnostic explains an invalid spec and shows the place, without passwords.
    let text = "pip_index: https://me:secret@example.org/simple\n";
    let parsed = parse("spec.yaml", text);
    let [diagnostic] = parsed.diagnostics.as_slice() else { panic!("{:?}", parsed.diagnostics) };
    assert_eq!(diagnostic.severity, Severity::Error);
    let shown = render(diagnostic, &parsed.sources);
    assert!(shown.contains("spec.yaml:1:20") && !shown.contains("secret@"), "{shown}");
    assert!(!mask_credentials(text).contains("secret"));
    let rule = explain(diagnostic.code).expect("every code is explained");
    assert!(rule.explanation.contains("pip_secret_mounts"));
}
