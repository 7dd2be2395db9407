//! The installer's arguments: options of the spec and of requirements files as one command line that uv accepts.
//!
//! Which options there are, and that they are allowed where they stand, is `imagespec`'s to say.

use std::collections::{BTreeMap, BTreeSet};

use imagespec::{ImageSpec, InstallerOption, installer_option};

/// The options uv takes more than once (`uv pip install` 0.13, each tried twice); all others end in "cannot be used multiple
/// times".
const REPEATABLE: [&str; 13] = [
    "--allow-insecure-host",
    "--config-setting",
    "--exclude-newer-package",
    "--extra-index-url",
    "--find-links",
    "--index",
    "--no-binary",
    "--no-build-isolation-package",
    "--only-binary",
    "--refresh-package",
    "--reinstall-package",
    "--upgrade-package",
    // Not worth an error of their own: said twice they mean what they mean once.
    "--verbose",
];

/// Options by which packages may be built from source although the index has wheels.
const BUILDS: [&str; 4] = ["--no-binary", "--no-build-isolation", "--no-build-isolation-package", "--find-links"];

/// What a download may need of the user's options where the address is known already. An index with a name is whose
/// credentials `UV_INDEX_<NAME>_USERNAME` and `_PASSWORD` are.
pub(crate) const REACHES: [&str; 8] = [
    "--allow-insecure-host",
    "--default-index",
    "--index",
    "--keyring-provider",
    "--quiet",
    "--strict",
    "--system-certs",
    "--verbose",
];

/// The options that name an index.
const INDEXES: [&str; 4] = ["--index-url", "--extra-index-url", "--index", "--default-index"];

/// An option and its value, if it has one.
type Argument<'a> = (&'a str, Option<&'a str>);

/// The options of `pip_index`, `pip_extra_index_url`, option lines and `pip_extra_args`, in this order.
///
/// Where an option can have only one value, `pip_extra_args` wins over `pip_index`, and this over option lines, as uv's own
/// command line wins over requirements files.
pub(crate) fn arguments(spec: &ImageSpec, lines: &[String]) -> Vec<String> {
    let index = spec.pip_index.iter().map(|url| ("--index-url", Some(url.as_str())));
    let indexes = spec.pip_extra_index_url.iter().map(|url| ("--extra-index-url", Some(url.as_str())));
    let fields: Vec<Argument<'_>> = index.chain(indexes).collect();
    let (lines, extra) = (split(lines), split(&spec.pip_extra_args));
    let decided: BTreeMap<&str, Option<&str>> = [&lines, &fields, &extra].into_iter().flatten().copied().collect();
    let mut said: BTreeSet<Argument<'_>> = BTreeSet::new();
    let mut arguments = Vec::new();
    for (name, value) in [&fields, &lines, &extra].into_iter().flatten().copied() {
        let value = if REPEATABLE.contains(&name) { value } else { decided.get(name).copied().flatten() };
        if said.insert((name, value)) {
            arguments.extend([Some(name), value].into_iter().flatten().map(str::to_owned));
        }
    }
    arguments
}

/// Whether some option lets packages be built from source.
pub(crate) fn may_build(arguments: &[String]) -> bool {
    split(arguments).iter().any(|(name, _)| BUILDS.contains(name))
}

/// Those of the arguments whose option passes.
pub(crate) fn that(arguments: &[String], passes: impl Fn(&InstallerOption) -> bool) -> Vec<String> {
    let passing = split(arguments).into_iter().filter(|(name, _)| installer_option(name).is_some_and(&passes));
    passing.flat_map(|(name, value)| [Some(name), value]).flatten().map(str::to_owned).collect()
}

/// The URLs of the indexes that arguments name.
pub(crate) fn indexes(arguments: &[String]) -> Vec<String> {
    let named = split(arguments).into_iter().filter(|(name, _)| INDEXES.contains(name));
    // `--index` and `--default-index` may put a name in front.
    let url = |text: &str| match text.split_once('=') {
        Some((name, url)) if !name.contains(['/', ':']) => url.to_owned(),
        _ => text.to_owned(),
    };
    named.filter_map(|(_, value)| value.map(url)).collect()
}

/// Pairs each option with its value; names are the long ones and values words of their own.
fn split(words: &[String]) -> Vec<Argument<'_>> {
    let mut words = words.iter().map(String::as_str);
    let mut arguments = Vec::new();
    while let Some(name) = words.next() {
        let takes_value = installer_option(name).is_some_and(|option| option.takes_value());
        arguments.push((name, if takes_value { words.next() } else { None }));
    }
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[track_caller]
    fn check(index: Option<&str>, extra_indexes: &str, lines: &str, extra: &str, expect: &str) {
        let spec = ImageSpec {
            pip_index: index.map(str::to_owned),
            pip_extra_index_url: words(extra_indexes),
            pip_extra_args: words(extra),
            ..ImageSpec::default()
        };
        assert_eq!(arguments(&spec, &words(lines)), words(expect));
    }

    #[test]
    fn the_order_of_places_is_kept() {
        check(None, "", "", "", "");
        check(
            Some("https://a"),
            "https://b https://c",
            "--extra-index-url https://d --pre",
            "--extra-index-url https://e",
            "--index-url https://a --extra-index-url https://b --extra-index-url https://c --extra-index-url https://d --pre --extra-index-url https://e",
        );
    }

    #[test]
    fn what_uv_takes_once_is_given_once() {
        check(None, "", "--pre --no-index --pre", "--pre", "--pre --no-index");
        check(Some("https://field"), "", "--index-url https://line", "", "--index-url https://field");
        check(None, "", "--index-url https://a --index-url https://b", "", "--index-url https://b");
        check(Some("https://field"), "", "", "--index-url https://extra", "--index-url https://extra");
        check(None, "", "--no-binary a --no-binary b", "--no-binary a", "--no-binary a --no-binary b");
        check(None, "", "--quiet --quiet --verbose --verbose", "", "--quiet --verbose");
    }

    #[test]
    fn every_repeatable_option_exists() {
        for name in REPEATABLE.iter().chain(&BUILDS).chain(&REACHES).chain(&INDEXES) {
            assert_eq!(installer_option(name).map(|option| option.name), Some(*name));
        }
    }

    #[test]
    fn options_that_build() {
        assert!(may_build(&words("--pre --no-binary psycopg2")));
        assert!(!may_build(&words("--index-url https://x/--no-binary --only-binary :all:")));
    }

    #[test]
    fn parts_of_the_arguments() {
        let all = words("--index-url https://a --no-binary x --strict --index b=https://b --pre");
        assert_eq!(indexes(&all), ["https://a", "https://b"]);
        let resolving = that(&all, |option| option.resolves);
        assert_eq!(resolving, words("--index-url https://a --no-binary x --index b=https://b --pre"));
        assert_eq!(that(&all, |option| REACHES.contains(&option.name)), words("--strict --index b=https://b"));
    }
}
