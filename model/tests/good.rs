//! Right specs: the same one in three formats is the same, and every field of it has its place.

mod testdata;

use std::collections::BTreeMap;

use imagespec::{Choice, ImageSpec, Parsed, parse, parse_with};
use testdata::{files, snapshot};

#[track_caller]
fn parse_good(name: &str, text: &str) -> Parsed {
    let parsed = parse(name, text);
    let shown = imagespec::render_all(&parsed.diagnostics, &parsed.sources);
    assert!(parsed.diagnostics.is_empty(), "{name}:\n{shown}");
    parsed
}

fn spec(name: &str, text: &str) -> ImageSpec {
    parse_good(name, text).spec.expect("nothing is wrong")
}

#[test]
fn the_formats_agree() {
    let mut groups: BTreeMap<String, Vec<(String, ImageSpec)>> = BTreeMap::new();
    for (name, text) in files("good") {
        let stem = name.split('.').next().expect("a stem").to_owned();
        groups.entry(stem).or_default().push((name.clone(), spec(&name, &text)));
    }
    assert_eq!(groups["full"].len(), 3);
    for specs in groups.values() {
        for (name, spec) in specs {
            assert_eq!(spec, &specs[0].1, "{name} and {}", specs[0].0);
        }
    }
}

#[test]
fn every_field_is_read() {
    let files: BTreeMap<String, String> = files("good").into_iter().collect();
    let spec = spec("full.yaml", &files["full.yaml"]);
    let json = serde_json::to_value(&spec).expect("a spec is data");
    let absent: Vec<&String> =
        json.as_object().expect("a mapping").iter().filter(|(_, value)| value.is_null()).map(|(key, _)| key).collect();
    assert_eq!(absent, Vec::<&String>::new(), "the full spec has every field");
    snapshot("good", "full", &format!("{json:#}"));
}

#[test]
fn every_value_has_a_place() {
    for (name, text) in files("good") {
        let parsed = parse_good(&name, &text);
        for (path, span) in parsed.spans.iter() {
            let snippet = parsed.sources.snippet(span);
            assert!(snippet.is_some(), "{name}: {path} has no text at {span:?}");
        }
    }
    let files: BTreeMap<String, String> = files("good").into_iter().collect();
    for name in ["full.yaml", "full.toml", "full.json"] {
        let parsed = parse_good(name, &files[name]);
        let at = |path: &str| parsed.spans.span(path).and_then(|span| parsed.sources.snippet(span));
        let key_at = |path: &str| parsed.spans.key_span(path).and_then(|span| parsed.sources.snippet(span));
        let bare = |text: Option<&str>| text.map(|text| text.trim_matches('"').to_owned());
        assert_eq!(at("python_version"), Some("3.10"), "{name}");
        assert_eq!(at("env.PORT"), Some("8080"), "{name}");
        assert_eq!(bare(at("apt_packages[1]")).as_deref(), Some("libssl-dev:amd64=3.0.*"), "{name}");
        assert_eq!(bare(at("pip_secret_mounts[0][1]")).as_deref(), Some("/root/.netrc"), "{name}");
        assert_eq!(bare(at("pip_secret_mounts[1].id")).as_deref(), Some("token"), "{name}");
        assert_eq!(at("builder_options.labels.level"), Some("3"), "{name}");
        assert_eq!(bare(key_at("env")).as_deref(), Some("env"), "{name}");
        assert_eq!(bare(key_at("env.PORT")).as_deref(), Some("PORT"), "{name}");
        let nearest = parsed.spans.nearest_span("apt_packages[9]");
        assert_eq!(nearest, parsed.spans.span("apt_packages"), "{name}");
    }
}

#[test]
fn the_format_is_chosen_by_name_then_by_content() {
    let yaml = "packages: [numpy]\n";
    let json = "\n {\"packages\": [\"numpy\"]}";
    for name in ["spec.yaml", "spec.YML", "a.b/spec.yml", "spec", "Dockerfile", "spec.txt", ""] {
        assert_eq!(spec(name, yaml).packages().len(), 1, "{name}");
    }
    for name in ["spec.json", "spec.yaml", "spec", "Dockerfile"] {
        assert_eq!(spec(name, json).packages().len(), 1, "{name}");
    }
    assert_eq!(spec("spec.toml", "packages = ['numpy']").packages().len(), 1);
    assert!(parse("spec.json", yaml).spec.is_none());
    assert!(parse("spec.toml", yaml).spec.is_none());
    assert!(parse("spec", "{\"packages\": [\"numpy\"],}").spec.is_none(), "JSON is strict");
}

#[test]
fn shell_characters_are_kept() {
    let text = r##"{"commands": ["$X `a` $(b) \"c\" 'd' \\e ; & | < > * ? [f] {g} ~ # ! %\n\tü"],
        "entrypoint": ["", " a ", "$X"], "env": {"A": " \\$X ${Y} "}, "copy": ["a b/$(c);d"]}"##;
    let spec = spec("spec.json", text);
    assert_eq!(spec.commands(), ["$X `a` $(b) \"c\" 'd' \\e ; & | < > * ? [f] {g} ~ # ! %\n\tü"]);
    assert_eq!(spec.entrypoint(), Some(&[String::new(), " a ".to_owned(), "$X".to_owned()][..]));
    assert_eq!(spec.env()["A"], " \\$X ${Y} ");
    assert_eq!(spec.copy(), ["a b/$(c);d"]);
}

#[test]
fn warnings_do_not_stop_a_build() {
    let parsed = parse("spec.yaml", "env: {DEBUG: true}\napt_packages: [git, git]\n");
    let codes: Vec<&str> = parsed.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, ["W001", "W002"]);
    let spec = parsed.spec.expect("usable");
    assert_eq!(spec.env()["DEBUG"], "true");
}

#[test]
fn a_named_context_wins_over_an_image_of_the_file() {
    let text = "images:\n  base: {apt_packages: [git]}\n  train: {base_image: base}\n";
    let target = Some("train".to_owned());
    let spec = |contexts: &[&str]| {
        let contexts = contexts.iter().map(|name| (*name).to_owned()).collect();
        let choice = Choice { target: target.clone(), contexts, ..Choice::default() };
        parse_with("a.yaml", text, &choice).spec.expect("a valid spec")
    };
    assert_eq!(spec(&[]).base_reference(), None);
    assert_eq!(spec(&["other"]).levels().len(), 2);
    assert_eq!(spec(&["base"]).base_reference(), Some("base"));
}

#[test]
fn set_values_replace_those_of_the_text() {
    let text = "packages: [numpy]\nenv: {A: b}\n";
    let set = |values: &[&str]| {
        let set = values.iter().map(|value| (*value).to_owned()).collect();
        parse_with("a.yaml", text, &Choice { set, ..Choice::default() })
    };
    let spec = set(&["env.A=c", "env.D=1.10", "packages=", "python_version=3.10", "apt_packages=[git, curl]"]).spec;
    let spec = spec.expect("a valid spec");
    assert_eq!((spec.env()["A"].as_str(), spec.env()["D"].as_str()), ("c", "1.10"));
    assert!(spec.packages().is_empty());
    assert_eq!(spec.apt_packages(), ["git", "curl"]);
    let shown = |values: &[&str]| {
        let parsed = set(values);
        assert!(parsed.spec.is_none());
        imagespec::render_all(&parsed.diagnostics, &parsed.sources)
    };
    snapshot(
        "good",
        "set_wrong",
        &shown(&["pakages=[numpy]", "apt_packages=[Git]", "env", "packages.x=1", "env={A: ["]),
    );
}
