//! Laws that hold for any text, hostile ones included.

use imagespec::{SourceMap, mask_credentials, parse, render_all, scan_requirements};
use proptest::prelude::*;

/// Text that looks enough like a spec to get past the parser now and then.
fn spec_like() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("packages"),
        Just("env"),
        Just("commands"),
        Just("platform"),
        Just("base_image"),
        Just("pip_secret_mounts"),
        Just("python_version"),
        Just("builder_options"),
        Just("pip_extra_args"),
        Just("requirements"),
        Just("pip_index"),
        Just(": "),
        Just(" = "),
        Just("\n"),
        Just("\n  "),
        Just("\n- "),
        Just("- "),
        Just(", "),
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just("\""),
        Just("'"),
        Just("&a "),
        Just("*a"),
        Just("<<: "),
        Just("!!str "),
        Just("|\n "),
        Just(">-\n "),
        Just("# "),
        Just("---\n"),
        Just("\\u00e9"),
        Just("\\"),
        Just("\t"),
        Just("\r\n"),
        Just("\u{feff}"),
        Just("\0"),
        Just("ü"),
        Just("漢字"),
        Just("\u{1F600}"),
        Just("e\u{301}"),
        Just("\u{202e}"),
        Just("numpy>=1,<2"),
        Just("torch ; os_name == 'x'"),
        Just("-r x"),
        Just("--pre "),
        Just("--hash=sha256:00"),
        Just("-e ."),
        Just("git+https://a:b@c/d@e"),
        Just("https://x/y.whl"),
        Just("3.10"),
        Just("null"),
        Just("true"),
        Just("1979-05-27"),
        Just("linux/amd64"),
        Just("[a]\n"),
        Just("[[b]]\n"),
        Just("'''"),
        Just("\"\"\""),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        spec_like(),
        any::<String>(),
        prop::collection::vec(any::<u8>(), 0..200).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ]
}

/// Reads and renders; every place must be inside the text, on character boundaries.
fn read_and_render(name: &str, text: &str) {
    let parsed = parse(name, text);
    assert_eq!(parsed.spec.is_none(), parsed.diagnostics.iter().any(|diagnostic| diagnostic.is_error()));
    for diagnostic in &parsed.diagnostics {
        assert!(!diagnostic.message.contains('\n'), "{diagnostic:?}");
        for label in &diagnostic.labels {
            assert!(parsed.sources.snippet(label.span).is_some(), "{diagnostic:?}");
        }
    }
    for (path, span) in parsed.spans.iter() {
        assert!(parsed.sources.snippet(span).is_some(), "{path}");
    }
    let shown = render_all(&parsed.diagnostics, &parsed.sources);
    let again = parse(name, text);
    assert_eq!(shown, render_all(&again.diagnostics, &again.sources));
    let is_shown_safely = |c: char| c == '\n' || !c.is_control();
    assert!(shown.chars().all(is_shown_safely), "{shown:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_never_panics(text in any_text(), format in prop_oneof![Just("a.yaml"), Just("a.toml"), Just("a.json"), Just("a")]) {
        read_and_render(format, &text);
    }

    #[test]
    fn scanning_never_panics(text in any_text()) {
        let mut sources = SourceMap::new();
        let file = sources.add("r.txt", text.as_str());
        let scan = scan_requirements(file, &text);
        for line in &scan.lines {
            prop_assert!(sources.snippet(line.span).is_some_and(|snippet| !snippet.is_empty()));
        }
        let shown = render_all(&scan.diagnostics, &sources);
        prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()));
    }

    #[test]
    fn a_written_requirement_can_be_read(name in "[a-z][a-z0-9]{0,8}", minor in 0u32..99, marker in prop::bool::ANY) {
        let text = format!("{name}=={minor}.0{}", if marker { " ; os_name == 'posix'" } else { "" });
        let parsed = parse("a.json", &serde_json::json!({"packages": [text]}).to_string());
        let spec = parsed.spec.expect("a valid spec");
        prop_assert_eq!(spec.packages()[0].text(), &text);
        let again = parse("a.json", &serde_json::json!({"packages": [spec.packages()[0].text()]}).to_string());
        prop_assert_eq!(again.spec, Some(spec));
    }

    #[test]
    fn text_survives_every_format(command in "[^\0]*[^\0\\s][^\0]*", value in "[^\0]*") {
        let document = serde_json::json!({"commands": [command], "env": {"A": value}, "entrypoint": [value]});
        let parsed = parse("a.json", &document.to_string());
        let spec = parsed.spec.expect("a valid spec");
        prop_assert_eq!(spec.commands(), &[command]);
        prop_assert_eq!(&spec.env()["A"], &value);
        prop_assert_eq!(spec.entrypoint(), Some(&[value][..]));
    }

    #[test]
    fn shell_characters_survive_yaml_and_toml(value in "[ -~]{0,40}") {
        let yaml = format!("env: {{A: '{}'}}\n", value.replace('\'', "''"));
        let toml = format!("[env]\nA = \"{}\"\n", value.replace('\\', "\\\\").replace('"', "\\\""));
        for (name, text) in [("a.yaml", yaml), ("a.toml", toml)] {
            let spec = parse(name, &text).spec.expect("a valid spec");
            prop_assert_eq!(&spec.env()["A"], &value, "{}", name);
        }
    }

    #[test]
    fn masking_keeps_lines_and_columns(text in any_text()) {
        let masked = mask_credentials(&text);
        prop_assert_eq!(masked.chars().count(), text.chars().count());
        let is_kept = |(a, b): (char, char)| a == b || (b == '*' && a != '\n');
        prop_assert!(text.chars().zip(masked.chars()).all(is_kept));
    }

    #[test]
    fn passwords_are_never_shown(user in "[a-z]{1,5}", password in "[a-zA-Z0-9!$&*+,;=%/#?@.-]{6,20}") {
        let url = format!("https://{user}:x{password}x@example.org/simple");
        for text in [
            format!("pip_index: \"{url}\"\n"),
            format!("packages: [\"lib @ {url}\"]\n"),
            format!("pip_extra_args: \"-i {url}\"\n"),
            format!("nonsense: \"{url}\"\n"),
            format!("name: \"{url}\"\n"),
        ] {
            let parsed = parse("a.yaml", &text);
            prop_assert!(parsed.spec.is_none());
            let secret = ["x", password.as_str(), "x"].concat();
            let shown = render_all(&parsed.diagnostics, &parsed.sources);
            prop_assert!(!shown.contains(&secret), "{}", shown);
            let raw = format!("{:?}", parsed.diagnostics);
            prop_assert!(!raw.contains(&secret), "{}", raw);
        }
    }
}

#[test]
fn hostile_texts_are_refused_quickly() {
    let doubled = (0..60)
        .fold("a0: &a0 [x, x]\n".to_owned(), |text, n| format!("{text}a{}: &a{} [*a{n}, *a{n}]\n", n + 1, n + 1));
    let merged = (0..60).fold("a0: &a0 {x: y}\n".to_owned(), |text, n| {
        format!("{text}a{}: &a{} {{<<: [*a{n}, *a{n}], k{n}: [*a{n}, *a{n}]}}\n", n + 1, n + 1)
    });
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(400_000), "*a, ".repeat(20_000));
    for (name, text) in [
        ("a.yaml", "[".repeat(900_000)),
        ("a.yaml", "{a: ".repeat(200_000)),
        ("a.yaml", "- ".repeat(400_000)),
        ("a.yaml", "? ".repeat(400_000)),
        ("a.yaml", "a:\n ".repeat(200_000)),
        ("a.yaml", "&a ".repeat(200_000)),
        ("a.yaml", "packages: [&a [*a]]".to_owned()),
        ("a.yaml", doubled),
        ("a.yaml", merged),
        ("a.yaml", long),
        ("a.yaml", format!("packages: [{}]", "-, ".repeat(15_000))),
        ("a.yaml", format!("apt_packages: [\"{}\"]", "https://a:b".repeat(80_000))),
        ("a.yaml", format!("apt_packages: [\"{}\"]", "://a:b@".repeat(100_000))),
        ("a.yaml", "x".repeat(2_000_000)),
        ("a.json", "[".repeat(900_000)),
        ("a.json", "{\"a\":".repeat(150_000)),
        ("a.json", format!("[{}0]", "0,".repeat(400_000))),
        ("a.toml", format!("a = {}", "[".repeat(50_000))),
        ("a.toml", format!("a{} = 1", ".a".repeat(50_000))),
        ("a.toml", "[a]\n".repeat(20_000)),
        ("a.toml", "[[a]]\n".repeat(50_000)),
        ("a.toml", (0..40_000).map(|n| format!("k{}=1\n", n % 20_000)).collect()),
        ("a.yaml", (0..20_000).map(|n| format!("{}{n}: 1\n", "pakage".repeat(8))).collect()),
        ("a.toml", "a={".repeat(20_000)),
    ] {
        let parsed = parse(name, &text);
        assert!(parsed.spec.is_none(), "{name}: {}", text.chars().take(20).collect::<String>());
        assert!(parsed.diagnostics.len() <= 51);
        let shown = render_all(&parsed.diagnostics, &parsed.sources);
        assert!(shown.len() < 100_000, "{} bytes", shown.len());
    }
}
