//! The id and the tag: what must change them, what must not, and that the explanation says exactly when they change.

mod testdata;

use std::collections::{BTreeMap, BTreeSet};

use imagespec::{
    BaseImage, BuilderConfig, BuilderOptions, Bytecode, Content, CopyMode, Flavor, ImageSpec, SecretMount,
    SecretSource, SecretTarget, differences, parse,
};
use proptest::prelude::*;
use testdata::files;

fn spec(text: &str) -> ImageSpec {
    let parsed = parse("spec.yaml", text);
    parsed.spec.unwrap_or_else(|| panic!("{}", imagespec::render_all(&parsed.diagnostics, &parsed.sources)))
}

fn tag(spec: &ImageSpec) -> String {
    spec.tag(&Content::default())
}

#[test]
fn what_is_known_stays_what_it_is() {
    // A change of these is a new tag for every image: it needs another version of the form.
    assert_eq!(tag(&ImageSpec::default()), "3f8426be23a57afe67dbd1e6bb60627d");
    assert_eq!(tag(&spec("packages: [numpy]\napt_packages: [git]\n")), "d6e059b12cc3e0a6aa21dd21e697f28f");
}

#[test]
fn order_of_keys_and_sets_means_nothing() {
    let one = spec("packages: [numpy, pandas]\napt_packages: [git, curl]\nenv: {A: b, C: d}\nconda_packages: [a, b]\n");
    let other =
        spec("conda_packages: [b, a]\nenv: {C: d, A: b}\napt_packages: [curl, git]\npackages: [pandas, numpy]\n");
    assert_eq!((tag(&one), one.id()), (tag(&other), other.id()));
    let one = spec("base_image: debian:bookworm-slim\n");
    let other = spec("base_image: docker.io/library/debian:bookworm-slim\n");
    assert_eq!(tag(&one), tag(&other));
}

#[test]
fn order_that_means_something_counts() {
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
fn words_in_other_fields_or_split_elsewhere_differ() {
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
    "[ab]{1,3}"
}

fn words() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(word(), 0..3)
}

fn any_spec() -> impl Strategy<Value = ImageSpec> {
    let lists = (words(), words(), words(), words(), words(), words());
    let options = (
        prop::option::of(word()),
        prop::option::of(prop_oneof![Just(Bytecode::Checked), Just(Bytecode::Unchecked), Just(Bytecode::None)]),
        prop::option::of(prop_oneof![Just(Flavor::Plain), Just(Flavor::Flyte)]),
        prop::option::of(1..4_u32),
        words(),
    );
    let others = (
        prop::option::of(word()),
        prop::option::of(prop_oneof![Just(CopyMode::All), Just(CopyMode::Auto), Just(CopyMode::None)]),
        prop::option::of(words()),
        prop::collection::btree_map(word(), word(), 0..3),
        prop::option::of(word()),
    );
    let leaf = (lists, options, others).prop_map(|(lists, options, others)| {
        let (apt_packages, conda_packages, conda_channels, copy, commands, packages) = lists;
        let (user, bytecode, flavor, python_layers, extras) = options;
        let (source_root, source_copy_mode, entrypoint, env, cuda) = others;
        let line =
            |name: &String| parse("a.yaml", &format!("packages: [{name}]\n")).spec.expect("right").packages.remove(0);
        ImageSpec {
            packages: packages.iter().map(line).collect(),
            apt_packages,
            conda_packages,
            conda_channels,
            copy,
            commands,
            source_root,
            source_copy_mode,
            entrypoint,
            env,
            cuda,
            builder_options: BuilderOptions {
                user,
                bytecode,
                flavor,
                python_layers,
                extras,
                ..BuilderOptions::default()
            },
            ..ImageSpec::default()
        }
    });
    leaf.prop_recursive(2, 3, 1, |inner| {
        (inner.clone(), prop::option::of(inner))
            .prop_map(|(spec, base)| ImageSpec { base_image: base.map(|base| BaseImage::Spec(Box::new(base))), ..spec })
    })
}

/// What must not change anything, changed.
fn equal(spec: &ImageSpec) -> ImageSpec {
    let mut spec = spec.clone();
    spec.apt_packages.reverse();
    spec.conda_packages.reverse();
    spec.packages.reverse();
    spec.builder_options.extras.reverse();
    spec.builder = Some("other".to_owned());
    spec.builder_options.python_jobs = Some(7);
    spec.builder_config = BuilderConfig::default();
    spec.pip_secret_mounts = vec![SecretMount {
        id: "x".to_owned(),
        source: Some(SecretSource::Env("X".to_owned())),
        target: SecretTarget::Env("Y".to_owned()),
    }];
    spec
}

proptest! {
    #[test]
    fn equal_specs_have_one_tag(spec in any_spec()) {
        let other = equal(&spec);
        prop_assert_eq!(tag(&spec), tag(&other));
        prop_assert_eq!(spec.id(), other.id());
    }

    #[test]
    fn tags_differ_exactly_if_something_is_to_be_told(one in any_spec(), other in any_spec()) {
        let told = differences((&one, &Content::default()), (&other, &Content::default()));
        prop_assert_eq!(tag(&one) == tag(&other), told.is_empty(), "{:?}", told);
    }

    #[test]
    fn one_more_of_anything_changes_the_tag(spec in any_spec(), word in "[c-d]{2,4}") {
        let more: [fn(&mut ImageSpec, String); 8] = [
            |spec, word| spec.apt_packages.push(word),
            |spec, word| spec.conda_packages.push(word),
            |spec, word| spec.conda_channels.push(word),
            |spec, word| spec.copy.push(word),
            |spec, word| spec.commands.push(word),
            |spec, word| _ = spec.env.insert(word, String::new()),
            |spec, word| spec.python_exec = Some(format!("/{word}")),
            |spec, word| _ = spec.builder_options.labels.insert(word, String::new()),
        ];
        for add in more {
            let mut other = spec.clone();
            add(&mut other, word.clone());
            prop_assert_ne!(tag(&spec), tag(&other));
        }
    }

    #[test]
    fn what_is_written_is_read_again(spec in any_spec()) {
        // Not every generated spec is a right one; those that are come back as they were.
        if let Some(read) = parse("a.yaml", &spec.to_yaml()).spec {
            prop_assert_eq!(read, spec);
        }
    }
}
