//! The id and the tag: what must change them, what must not, and that the explanation reports exactly these changes.

mod testdata;

use std::collections::{BTreeMap, BTreeSet};

use imagespec::{BuilderOptions, Content, ImageSpec, Invalid, differences, parse};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};
use testdata::files;

fn spec(text: &str) -> ImageSpec {
    let parsed = parse("spec.yaml", text);
    parsed.spec.unwrap_or_else(|| panic!("{}", imagespec::render_all(&parsed.diagnostics, &parsed.sources)))
}

fn tag(spec: &ImageSpec) -> String {
    spec.tag(&Content::default())
}

#[test]
fn known_tags_do_not_change() {
    // A change of these is a new tag for every image: it needs another version of the form.
    assert_eq!(tag(&ImageSpec::default()), "3f8426be23a57afe67dbd1e6bb60627d");
    assert_eq!(tag(&spec("packages: [numpy]\napt_packages: [git]\n")), "d6e059b12cc3e0a6aa21dd21e697f28f");
}

#[test]
fn order_of_keys_and_sets_has_no_effect() {
    let one = spec("packages: [numpy, pandas]\napt_packages: [git, curl]\nenv: {A: b, C: d}\nconda_packages: [a, b]\n");
    let other =
        spec("conda_packages: [b, a]\nenv: {C: d, A: b}\napt_packages: [curl, git]\npackages: [pandas, numpy]\n");
    assert_eq!((tag(&one), one.id()), (tag(&other), other.id()));
    let one = spec("base_image: debian:bookworm-slim\n");
    let other = spec("base_image: docker.io/library/debian:bookworm-slim\n");
    assert_eq!(tag(&one), tag(&other));
}

#[test]
fn significant_order_counts() {
    for (one, other) in [
        ("commands: [a, b]\n", "commands: [b, a]\n"),
        ("entrypoint: [a, b]\n", "entrypoint: [b, a]\n"),
        ("copy: [a, b]\n", "copy: [b, a]\n"),
        ("conda_channels: [a, b]\n", "conda_channels: [b, a]\n"),
        (
            "pip_extra_index_url: [\"https://a\", \"https://b\"]\n",
            "pip_extra_index_url: [\"https://b\", \"https://a\"]\n",
        ),
        ("packages: [--pre a, --pre b]\n", "packages: [--pre b, --pre a]\n"),
    ] {
        assert_ne!(tag(&spec(one)), tag(&spec(other)), "{one}");
    }
}

#[test]
fn texts_in_other_fields_or_split_differently_differ() {
    let texts = [
        "packages: [abc]\n",
        "apt_packages: [abc]\n",
        "conda_packages: [abc]\n",
        "commands: [abc]\n",
        "commands: [ab, c]\n",
        "commands: [a, bc]\n",
        "entrypoint: [abc]\n",
        "entrypoint: []\n",
        "copy: [abc]\n",
        "env: {abc: \"\"}\n",
        "env: {ab: c}\n",
        "env: {a: bc}\n",
        "requirements: abc\n",
        "source_root: abc\n",
        "base_image: abc\n",
        "base_image: {}\n",
        "base_image: {commands: [abc]}\n",
        "platform: linux/amd64\n",
        "platform: linux/arm64\n",
        "platform: linux/amd64,linux/arm64\n",
        "runtime_packages: [abc]\n",
        "builder_options: {labels: {abc: \"\"}}\n",
        "builder_options: {user: abc}\n",
        "{}\n",
    ];
    let tags: BTreeSet<String> = texts.iter().map(|text| tag(&spec(text))).collect();
    assert_eq!(tags.len(), texts.len());
}

#[test]
fn secrets_and_builders_never_count() {
    let plain = spec("packages: [numpy]\n");
    for more in [
        "pip_secret_mounts: [[.netrc, /root/.netrc]]\n",
        "builder: envd\n",
        "registry_config: config.json\n",
        "builder_options: {ca_bundle: a.pem, python_jobs: 5}\n",
        "builder_options: {bytecode: checked, flavor: plain}\n",
        "source_copy_mode: none\n",
    ] {
        let other = spec(&format!("packages: [numpy]\n{more}"));
        assert_eq!((tag(&plain), plain.id()), (tag(&other), other.id()), "{more}");
    }
    let named = spec("packages: [numpy]\nname: x\nregistry: localhost:5000\ntag_format: \"v-{spec_hash}\"\n");
    assert_eq!(tag(&named), format!("v-{}", tag(&plain)));
    assert_ne!(named.id(), plain.id(), "a container of one image is none of the other");
}

#[test]
fn content_and_platform_count_for_the_tag_and_not_for_the_id() {
    let spec = spec("requirements: requirements.txt\nsource_root: src\n");
    let content = |requirements: &str, lock: &str, file: &str, platform: &str| Content {
        requirements: BTreeMap::from([("requirements.txt".to_owned(), Content::digest(requirements.as_bytes()))]),
        locks: BTreeMap::from([("linux/amd64".to_owned(), Content::digest(lock.as_bytes()))]),
        files: BTreeMap::from([("src/a.py".to_owned(), Content::digest(file.as_bytes()))]),
        platforms: vec![platform.to_owned()],
    };
    let contents = [
        content("numpy", "1", "a", "linux/amd64"),
        content("pandas", "1", "a", "linux/amd64"),
        content("numpy", "2", "a", "linux/amd64"),
        content("numpy", "1", "b", "linux/amd64"),
        content("numpy", "1", "a", "linux/arm64"),
    ];
    let tags: BTreeSet<String> = contents.iter().map(|content| spec.tag(content)).collect();
    assert_eq!(tags.len(), contents.len());
}

#[test]
fn public_specs_differ() {
    let mut seen: BTreeMap<String, (String, ImageSpec)> = BTreeMap::new();
    for (name, text) in files("public") {
        let Some(spec) = parse(&name, &text).spec else { continue };
        if let Some((other, known)) = seen.insert(tag(&spec), (name.clone(), spec.clone())) {
            assert!(
                differences((&known, &Content::default()), (&spec, &Content::default())).is_empty(),
                "{name}, {other}"
            );
        }
    }
    assert!(seen.len() >= 50, "{}", seen.len());
}

fn word() -> impl Strategy<Value = String> {
    // Few letters, so that words meet.
    "[ab]{2,3}"
}

fn words() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(word(), 0..3)
}

/// The fields of a spec that may clash with each other.
fn any_fields() -> impl Strategy<Value = Value> {
    let lists = (words(), words(), words(), words(), words(), words());
    let options = (
        prop::option::of(word()),
        prop::option::of(select(&["checked", "unchecked", "none"][..])),
        prop::option::of(select(&["plain", "flyte"][..])),
        prop::option::of(1..4_u32),
        words(),
    );
    let others = (
        prop::option::of(word()),
        prop::option::of(select(&["all", "auto", "none"][..])),
        prop::option::of(words()),
        prop::collection::btree_map(word(), word(), 0..3),
        prop::option::of(select(&["11.8", "12.4"][..])),
    );
    let leaf = (lists, options, others).prop_map(|(lists, options, others)| {
        let (apt_packages, conda_packages, conda_channels, copy, commands, packages) = lists;
        let (user, bytecode, flavor, python_layers, extras) = options;
        let (source_root, source_copy_mode, entrypoint, env, cuda) = others;
        json!({
            "apt_packages": apt_packages,
            "builder_options": {
                "user": user,
                "bytecode": bytecode,
                "flavor": flavor,
                "python_layers": python_layers,
                "extras": extras,
            },
            "commands": commands,
            "conda_channels": conda_channels,
            "conda_packages": conda_packages,
            "copy": copy,
            "cuda": cuda,
            "entrypoint": entrypoint,
            "env": env,
            "packages": packages,
            "requirements": "pyproject.toml",
            "source_copy_mode": source_copy_mode.filter(|mode| source_root.is_some() || *mode == "none"),
            "source_root": source_root,
        })
    });
    leaf.prop_recursive(2, 3, 1, |inner| {
        (inner.clone(), prop::option::of(inner)).prop_map(|(mut spec, base)| {
            spec["base_image"] = base.into();
            spec
        })
    })
}

/// Valid specs, with the fields they are made of.
fn any_spec() -> impl Strategy<Value = (Value, ImageSpec)> {
    any_fields().prop_filter_map("fields that clash", |fields| {
        let spec = parse("spec.json", &fields.to_string()).spec?;
        Some((fields, spec))
    })
}

/// What must not change anything, changed.
fn equal(fields: &Value) -> ImageSpec {
    let mut fields = fields.clone();
    let reverse = |list: &mut Value| list.as_array_mut().expect("a list").reverse();
    for list in ["apt_packages", "conda_packages", "packages"] {
        reverse(&mut fields[list]);
    }
    reverse(&mut fields["builder_options"]["extras"]);
    fields["builder"] = "other".into();
    fields["builder_options"]["python_jobs"] = 7.into();
    fields["pip_secret_mounts"] = json!([{"id": "x", "src_env": "X", "env": "Y"}]);
    spec_of_json(&fields)
}

/// One more entry of a field.
type Change = fn(ImageSpec, &str) -> Result<ImageSpec, Invalid>;

fn spec_of_json(fields: &Value) -> ImageSpec {
    parse("spec.json", &fields.to_string()).spec.expect("a valid spec")
}

proptest! {
    #[test]
    fn equal_specs_have_one_tag((fields, spec) in any_spec()) {
        let other = equal(&fields);
        prop_assert_eq!(tag(&spec), tag(&other));
        prop_assert_eq!(spec.id(), other.id());
    }

    #[test]
    fn tags_differ_exactly_if_there_is_a_difference((_, one) in any_spec(), (_, other) in any_spec()) {
        let found = differences((&one, &Content::default()), (&other, &Content::default()));
        prop_assert_eq!(tag(&one) == tag(&other), found.is_empty(), "{:?}", found);
    }

    #[test]
    fn one_more_of_anything_changes_the_tag((_, spec) in any_spec(), word in "[c-d]{2,4}") {
        let more: [Change; 7] = [
            |spec, word| spec.with_apt_packages([word]),
            |spec, word| spec.with_conda_packages([word]),
            |spec, word| spec.with_packages([word]),
            |spec, word| spec.with_copy([word]),
            |spec, word| spec.with_commands([word]),
            |spec, word| spec.with_env(word, ""),
            |spec, word| spec.with_builder_options(BuilderOptions::default().with_label(word, "")?),
        ];
        for add in more {
            let other = add(spec.clone(), &word).expect("a valid spec");
            prop_assert_ne!(tag(&spec), tag(&other));
        }
    }

    #[test]
    fn written_specs_can_be_read((_, spec) in any_spec()) {
        prop_assert_eq!(parse("a.yaml", &spec.to_yaml()).spec, Some(spec));
    }
}
