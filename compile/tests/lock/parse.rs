//! Parsing of locks: all content of valid ones, and the problems of invalid ones.

use imagespec::{Marker, SourceMap};
use imagespec_compile::lock::{Place, WheelName, parse};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::locks::{NAMES, lock, read, text};

const HEAD: &str = "lock-version = \"1.0\"\ncreated-by = \"x\"\n";

/// The problems of a lock with this body: code, marked text, message.
fn problems(body: &str) -> Vec<String> {
    let text = if body.contains("lock-version") { body.to_owned() } else { format!("{HEAD}{body}") };
    let mut sources = SourceMap::new();
    let diagnostics = parse(sources.add("pylock.toml", &text), &text).expect_err(body);
    let line = |diagnostic: &imagespec::Diagnostic| {
        let marked = diagnostic.span().and_then(|span| sources.snippet(span)).unwrap_or_default();
        assert!(diagnostic.help.is_some(), "says what to do: {}", diagnostic.message);
        format!("{} [{}] {}", diagnostic.code, marked.lines().next().unwrap_or_default(), diagnostic.message)
    };
    diagnostics.iter().map(line).collect()
}

#[track_caller]
fn check(body: &str, expect: &[&str]) {
    assert_eq!(problems(body), expect, "{body}");
}

#[test]
fn reads_real_locks() {
    for name in NAMES.into_iter().chain(["universal"]) {
        let lock = lock(name);
        assert_eq!(lock.packages.len(), text(name).matches("[[packages]]").count(), "{name}");
        for package in &lock.packages {
            assert!(
                package.version.is_some() && (package.sdist.is_some() || !package.wheels.is_empty()),
                "{package:?}"
            );
            for wheel in &package.wheels {
                let filename = wheel.filename.as_ref().expect("a wheel's name");
                assert_eq!((&filename.name, Some(&filename.version)), (&package.name, package.version.as_ref()));
                assert!(wheel.file.size.is_some() && wheel.file.hashes.contains_key("sha256"), "{wheel:?}");
            }
        }
    }
}

#[test]
fn reads_every_kind_of_source() {
    let text = format!(
        r#"{HEAD}
requires-python = ">=3.9"
default-groups = ["dev"]
[[packages]]
name = "A.Project"
directory = {{ path = ".", editable = true, subdirectory = "src" }}
[[packages]]
name = "checkout"
vcs = {{ type = "git", url = "https://example.com/x.git", commit-id = "0123", requested-revision = "main" }}
[[packages]]
name = "direct"
archive = {{ url = "https://example.com/direct-1.0-py3-none-any.whl", size = 1_0, hashes = {{ SHA256 = "AB" }} }}
[[packages]]
name = "local"
index = "https://example.com/simple"
wheels = [{{ name = "local-1-py3-none-any.whl", path = "wheels/x", hashes = {{ }} }}]
"#
    );
    let lock = read(&text);
    assert_eq!(lock.default_groups, ["dev"]);
    let [project, checkout, direct, local] = lock.packages.as_slice() else { panic!("four packages") };
    assert_eq!(project.name.as_str(), "a-project");
    assert!(project.directory.as_ref().is_some_and(|directory| directory.editable));
    assert_eq!(checkout.vcs.as_ref().expect("a checkout").commit, "0123");
    let archive = direct.archive.as_ref().expect("an archive");
    assert!(archive.wheel.is_some());
    assert_eq!((archive.file.size, archive.file.hashes["sha256"].as_str()), (Some(10), "ab"));
    assert_eq!(local.wheels[0].file.place, Place::Path("wheels/x".to_owned()));
    assert!(local.wheels[0].filename.is_some(), "the name is the lock's");
}

#[test]
fn reports_problems() {
    check("packages = [", &["E113 [] not valid TOML: unclosed array, expected `]`"]);
    check("lock-version = '2.0'", &["E114 ['2.0'] the lockfile has format version \"2.0\""]);
    check("lock-version = 1.0", &["E113 [1.0] `lock-version` of the lockfile is not text"]);
    check("", &["E113 [] the lockfile has no `packages`"]);
    check("packages = 1", &["E113 [1] `packages` of the lockfile is not a list"]);
    check("[[packages]]", &["E113 [[[packages]]] a package has no `name`"]);
    check("[[packages]]\nname = '-'", &["E113 ['-'] \"-\" is not a valid package name"]);
    check("[[packages]]\nname = 'a'", &["E113 [[[packages]]] the lockfile has no source for a"]);
    check(
        "[[packages]]\nname = 'a'\nversion = 'x'\nmarker = \"os_name = 'x'\"\nwheels = []\ndirectory = { path = '.' }",
        &[
            "E113 ['x'] `version` of a package is not a version",
            "E113 [=] the marker \"os_name = 'x'\" cannot be read: expected a comparison such as `>=`, `==` or `in`, found `=`",
            "E113 [[[packages]]] the lockfile has more than one source for a",
        ],
    );
    check(
        "[[packages]]\nname = 'a'\nwheels = []\nmarker = 'é'",
        &["E113 [é] the marker \"é\" cannot be read: expected a marker variable or text in quotes, found `é`"],
    );
    check(
        "[[packages]]\nname = 'a'\nwheels = [{ hashes = {} }, { url = 'https://x/y', size = -1, hashes = { sha256 = 'g' } }]",
        &[
            "E113 [{ hashes = {} }] a wheel has no `url`",
            "E113 [-1] `size` of a wheel is not a whole number",
            "E113 ['g'] the \"sha256\" hash is not hexadecimal",
        ],
    );
}

#[test]
fn refuses_credentials_without_repeating_them() {
    let lines = problems("[[packages]]\nname = 'a'\nsdist = { url = 'https://me:hunter2@x/a.tar.gz', hashes = {} }");
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(line.starts_with("E116"), "{line}");
    let (_, message) = line.split_once("] ").expect("a message");
    assert!(!message.contains("hunter2"), "{message}");
}

#[test]
fn hostile_texts_only_get_diagnostics() {
    let deep = format!("packages = {}", "[".repeat(100_000));
    assert!(!problems(&deep).is_empty());
    let marker = format!("[[packages]]\nname = 'a'\nwheels = []\nmarker = '{}'", "(".repeat(100_000));
    assert!(problems(&marker).iter().any(|line| line.contains("fewer parentheses")));
    assert!(problems(&"[[packages]]\n".repeat(10_000)).len() < 100);
}

proptest! {
    #[test]
    fn no_text_makes_parsing_panic(cut in any::<Index>(), at in any::<Index>(), other in any::<char>(), marker in ".{0,40}") {
        let text = text("export");
        let mut characters: Vec<char> = text.chars().take(cut.index(text.len())).collect();
        if !characters.is_empty() {
            let at = at.index(characters.len());
            characters[at] = other;
        }
        let broken: String = characters.into_iter().collect();
        let mut sources = SourceMap::new();
        // The rest may or may not be a lock; in any case every span is in the text.
        if let Err(diagnostics) = parse(sources.add("pylock.toml", &broken), &broken) {
            prop_assert!(!diagnostics.is_empty());
            for span in diagnostics.iter().flat_map(|diagnostic| &diagnostic.labels).map(|label| label.span) {
                prop_assert!(sources.snippet(span).is_some(), "{span:?} of {broken:?}");
            }
        }
        if let Err(error) = marker.parse::<Marker>() {
            prop_assert!(marker.get(error.part()).is_some(), "{error}");
        }
        prop_assert_eq!(WheelName::parse(&marker), None);
    }
}
