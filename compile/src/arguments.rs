//! The installer's arguments: options of the spec and of requirements files as one command line that uv accepts.
//!
//! Which options there are, and that they are allowed where they stand, is `imagespec`'s to say.

use std::collections::{BTreeMap, BTreeSet};

use imagespec::{InstallerOption, MergedSpec, field, installer_option};

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

/// The options that name an index, each with the variable that it beats (uv: `crates/uv-static/src/env_vars.rs`).
const INDEX_VARIABLES: [(&str, &str); 4] = [
    ("--index-url", "UV_INDEX_URL"),
    ("--extra-index-url", "UV_EXTRA_INDEX_URL"),
    ("--index", "UV_INDEX"),
    ("--default-index", "UV_DEFAULT_INDEX"),
];

/// An option and its value, if it has one.
type Argument<'a> = (&'a str, Option<&'a str>);

/// The options of `pip_index`, `pip_extra_index_url`, option lines and `pip_extra_args`, in this order.
///
/// Where an option can have only one value, `pip_extra_args` wins over `pip_index`, and this over option lines, as uv's own
/// command line wins over requirements files. Of several specs the outermost wins, and its further indexes come first.
pub(crate) fn arguments(specs: &MergedSpec<'_>, lines: &[String]) -> Vec<String> {
    let index = specs.value(field::PIP_INDEX).map(|url| ("--index-url", Some(url)));
    let outermost_first = specs.levels().iter().rev().flat_map(|level| level.spec.pip_extra_index_url());
    let indexes = outermost_first.map(|url| ("--extra-index-url", Some(url.as_str())));
    let fields: Vec<Argument<'_>> = index.into_iter().chain(indexes).collect();
    let lines = split(lines);
    let extra: Vec<Argument<'_>> = specs.levels().iter().flat_map(|level| split(level.spec.pip_extra_args())).collect();
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
    split(arguments).iter().any(|(name, _)| installer_option(name).is_some_and(|option| option.builds))
}

/// Those of the arguments whose option passes.
pub(crate) fn that(arguments: &[String], passes: impl Fn(&InstallerOption) -> bool) -> Vec<String> {
    let passing = split(arguments).into_iter().filter(|(name, _)| installer_option(name).is_some_and(&passes));
    passing.flat_map(|(name, value)| [Some(name), value]).flatten().map(str::to_owned).collect()
}

/// Those of the arguments that say which indexes there are, and how they are reached.
pub(crate) fn of_indexes(arguments: &[String]) -> Vec<String> {
    const WAYS: [&str; 3] = ["--allow-insecure-host", "--keyring-provider", "--system-certs"];
    that(arguments, |option| index_variable(option.name).is_some() || WAYS.contains(&option.name))
}

/// An index that arguments name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Index<'a> {
    /// The name that variables with its credentials have.
    pub(crate) name: Option<&'a str>,
    pub(crate) url: &'a str,
    /// It takes the place of PyPI.
    pub(crate) is_default: bool,
}

/// Arguments, and the indexes that were among them.
#[derive(Debug, Default)]
pub(crate) struct WithoutIndexes<'a> {
    /// In the order in which uv asks them.
    pub(crate) indexes: Vec<Index<'a>>,
    /// What is left.
    pub(crate) arguments: Vec<String>,
    /// The variables that the arguments beat and a configuration does not.
    pub(crate) beaten: BTreeSet<&'static str>,
}

fn index_variable(option: &str) -> Option<&'static str> {
    INDEX_VARIABLES.iter().find(|(name, _)| *name == option).map(|(_, variable)| *variable)
}

/// Takes the indexes out of arguments. What is no address in the web stays an argument.
pub(crate) fn without_indexes(arguments: &[String]) -> WithoutIndexes<'_> {
    let (mut named, mut extra, mut last, mut rest) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut beaten = BTreeSet::new();
    for (option, value) in split(arguments) {
        let index = value.map(|value| index(option, value)).filter(|index| index.url.starts_with("http"));
        beaten.extend(index_variable(option).filter(|_| index.is_some()));
        match (option, index) {
            ("--index" | "--default-index", Some(index)) => named.push(index),
            ("--extra-index-url", Some(index)) => extra.push(index),
            ("--index-url", Some(index)) => last.push(index),
            _ => rest.extend([Some(option), value].into_iter().flatten().map(str::to_owned)),
        }
    }
    let mut indexes: Vec<Index<'_>> = named.into_iter().chain(extra).chain(last).collect();
    // uv asks one default, the first.
    let default = indexes.iter().position(|index| index.is_default);
    let mut at = 0..;
    indexes.retain(|index| at.next().is_some_and(|at| !index.is_default || Some(at) == default));
    WithoutIndexes { indexes, arguments: rest, beaten }
}

/// `--index` and `--default-index` may put a name in front.
fn index<'a>(option: &str, value: &'a str) -> Index<'a> {
    let (name, url) = match value.split_once('=') {
        Some((name, url)) if !name.contains(['/', ':']) => (Some(name), url),
        _ => (None, value),
    };
    Index { name, url, is_default: matches!(option, "--index-url" | "--default-index") }
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
    use imagespec::ImageSpec;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[track_caller]
    fn check(index: Option<&str>, extra_indexes: &str, lines: &str, extra: &str, expect: &str) {
        let spec = ImageSpec::default().with_pip_extra_index_url(words(extra_indexes)).expect("URLs");
        let spec = spec.with_pip_extra_args(extra).expect("options");
        let spec = index.map_or(Ok(spec.clone()), |index| spec.with_pip_index(index)).expect("a URL");
        assert_eq!(arguments(&MergedSpec::new(&spec), &words(lines)), words(expect));
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
        let indexes = INDEX_VARIABLES.map(|(name, _)| name);
        for name in REPEATABLE.iter().chain(&REACHES).chain(&indexes) {
            assert_eq!(installer_option(name).map(|option| option.name), Some(*name));
        }
    }

    #[test]
    fn options_that_build() {
        assert!(may_build(&words("--pre --no-binary psycopg2")));
        assert!(!may_build(&words("--index-url https://x/--no-binary --only-binary :all:")));
    }

    #[test]
    fn indexes_in_the_order_of_uv() {
        let all =
            words("--index-url https://a --pre --extra-index-url https://b?x=y --index c=https://c --index ./wheels");
        let WithoutIndexes { indexes, arguments: rest, beaten } = without_indexes(&all);
        let index = |name, url, is_default| Index { name, url, is_default };
        let expect =
            [index(Some("c"), "https://c", false), index(None, "https://b?x=y", false), index(None, "https://a", true)];
        assert_eq!((indexes.as_slice(), rest), (expect.as_slice(), words("--pre --index ./wheels")));
        assert_eq!(beaten, BTreeSet::from(["UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_INDEX_URL"]));
        let two = words("--index-url https://a --default-index b=https://b");
        assert_eq!(without_indexes(&two).indexes, [index(Some("b"), "https://b", true)]);
    }

    #[test]
    fn parts_of_the_arguments() {
        let all = words("--index-url https://a --no-binary x --strict --index b=https://b --pre");
        let resolving = that(&all, |option| option.resolves);
        assert_eq!(resolving, words("--index-url https://a --no-binary x --index b=https://b --pre"));
        assert_eq!(that(&all, |option| REACHES.contains(&option.name)), words("--strict --index b=https://b"));
    }
}
