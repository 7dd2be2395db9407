//! The installer's command line: the options of the spec and of requirements files as arguments that uv accepts.
//!
//! The crate `imagespec` checks which options exist and where they are allowed.

use std::collections::{BTreeMap, BTreeSet};

use imagespec::{InstallerOption, MergedSpec, field, installer_option};

/// The options that uv accepts more than once (tested with `uv pip install` 0.13). It refuses to take other options twice: "cannot
/// be used multiple times".
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
    // A repeated flag means the same as a single one, so it is not worth an error.
    "--verbose",
];

/// The user's options that a download needs when the address of the file is already known. The credentials of an index with a
/// name are in `UV_INDEX_<NAME>_USERNAME` and `_PASSWORD`.
pub(crate) const DOWNLOAD_OPTIONS: [&str; 8] = [
    "--allow-insecure-host",
    "--default-index",
    "--index",
    "--keyring-provider",
    "--quiet",
    "--strict",
    "--system-certs",
    "--verbose",
];

/// The options that name an index, each with the variable that it overrides (uv: `crates/uv-static/src/env_vars.rs`).
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
/// If an option can have only one value, `pip_extra_args` takes precedence over `pip_index`, and `pip_index` over option lines, as
/// uv's command line takes precedence over requirements files. Among several specs the outermost one takes precedence, and its
/// extra indexes come first.
pub(crate) fn arguments(specs: &MergedSpec<'_>, lines: &[String]) -> Vec<String> {
    let index = specs.value(field::PIP_INDEX).map(|url| ("--index-url", Some(url)));
    let outermost_first = specs.levels().iter().rev().flat_map(|level| level.spec.pip_extra_index_url());
    let indexes = outermost_first.map(|url| ("--extra-index-url", Some(url.as_str())));
    let fields: Vec<Argument<'_>> = index.into_iter().chain(indexes).collect();
    let lines = split(lines);
    let extra: Vec<Argument<'_>> = specs.levels().iter().flat_map(|level| split(level.spec.pip_extra_args())).collect();
    let decided: BTreeMap<&str, Option<&str>> = [&lines, &fields, &extra].into_iter().flatten().copied().collect();
    let mut seen: BTreeSet<Argument<'_>> = BTreeSet::new();
    let mut arguments = Vec::new();
    for (name, value) in [&fields, &lines, &extra].into_iter().flatten().copied() {
        let value = if REPEATABLE.contains(&name) { value } else { decided.get(name).copied().flatten() };
        if seen.insert((name, value)) {
            arguments.extend([Some(name), value].into_iter().flatten().map(str::to_owned));
        }
    }
    arguments
}

/// Whether an option allows packages to be built from source.
pub(crate) fn may_build(arguments: &[String]) -> bool {
    split(arguments).iter().any(|(name, _)| installer_option(name).is_some_and(|option| option.builds))
}

/// Whether some packages are built in the environment that they are installed into, where they see other packages, by arguments or by
/// variables that uv reads.
pub(crate) fn builds_in_environment(arguments: &[String], mut variables: impl Iterator<Item = String>) -> bool {
    let in_arguments = split(arguments).iter().any(|(name, _)| name.starts_with("--no-build-isolation"));
    in_arguments || variables.any(|name| name.starts_with("UV_NO_BUILD_ISOLATION"))
}

/// Whether packages are looked for in files of the root filesystem, by arguments or by variables that uv reads.
pub(crate) fn reads_files(arguments: &[String], env: &BTreeMap<String, String>) -> bool {
    let is_web = |text: &str| ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    let is_file = |name: &str, text: &str| text.contains("file:") || (name.contains("FIND_LINKS") && !is_web(text));
    let in_arguments = split(arguments).into_iter().any(|(name, value)| {
        value.is_some_and(|value| is_file(if name == "--find-links" { "FIND_LINKS" } else { "" }, value))
    });
    let in_variables = env.iter().any(|(name, value)| {
        ["UV_FIND_LINKS", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL"].contains(&name.as_str())
            && is_file(name, value)
    });
    in_arguments || in_variables
}

/// The arguments whose option satisfies a predicate.
pub(crate) fn filtered(arguments: &[String], passes: impl Fn(&InstallerOption) -> bool) -> Vec<String> {
    let passing = split(arguments).into_iter().filter(|(name, _)| installer_option(name).is_some_and(&passes));
    passing.flat_map(|(name, value)| [Some(name), value]).flatten().map(str::to_owned).collect()
}

/// The arguments that name indexes or configure the access to them.
pub(crate) fn index_arguments(arguments: &[String]) -> Vec<String> {
    const CONNECTION_OPTIONS: [&str; 3] = ["--allow-insecure-host", "--keyring-provider", "--system-certs"];
    filtered(arguments, |option| index_variable(option.name).is_some() || CONNECTION_OPTIONS.contains(&option.name))
}

/// An index that arguments name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Index<'a> {
    /// The name in the variables with its credentials.
    pub(crate) name: Option<&'a str>,
    pub(crate) url: &'a str,
    /// Whether it replaces PyPI.
    pub(crate) is_default: bool,
}

/// Arguments without indexes, and the indexes that were among them.
#[derive(Debug, Default)]
pub(crate) struct WithoutIndexes<'a> {
    /// In the order in which uv queries them.
    pub(crate) indexes: Vec<Index<'a>>,
    /// The other arguments.
    pub(crate) arguments: Vec<String>,
    /// The variables that the removed arguments override. An index in a configuration file does not override them.
    pub(crate) overridden: BTreeSet<&'static str>,
}

fn index_variable(option: &str) -> Option<&'static str> {
    INDEX_VARIABLES.iter().find(|(name, _)| *name == option).map(|(_, variable)| *variable)
}

/// Separates the indexes from the other arguments. Indexes that are not web addresses stay arguments.
pub(crate) fn without_indexes(arguments: &[String]) -> WithoutIndexes<'_> {
    let (mut named, mut extra, mut last, mut rest) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut overridden = BTreeSet::new();
    for (option, value) in split(arguments) {
        let index = value.map(|value| index(option, value)).filter(|index| index.url.starts_with("http"));
        overridden.extend(index_variable(option).filter(|_| index.is_some()));
        match (option, index) {
            ("--index" | "--default-index", Some(index)) => named.push(index),
            ("--extra-index-url", Some(index)) => extra.push(index),
            ("--index-url", Some(index)) => last.push(index),
            _ => rest.extend([Some(option), value].into_iter().flatten().map(str::to_owned)),
        }
    }
    let mut indexes: Vec<Index<'_>> = named.into_iter().chain(extra).chain(last).collect();
    // uv uses only one default index, the first.
    let default = indexes.iter().position(|index| index.is_default);
    let mut at = 0..;
    indexes.retain(|index| at.next().is_some_and(|at| !index.is_default || Some(at) == default));
    WithoutIndexes { indexes, arguments: rest, overridden }
}

/// `--index` and `--default-index` accept a name before the URL.
fn index<'a>(option: &str, value: &'a str) -> Index<'a> {
    let (name, url) = match value.split_once('=') {
        Some((name, url)) if !name.contains(['/', ':']) => (Some(name), url),
        _ => (None, value),
    };
    Index { name, url, is_default: matches!(option, "--index-url" | "--default-index") }
}

/// Pairs each option with its value. Options must have their long names, and values must be separate words.
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
    fn the_order_of_options_is_kept() {
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
    fn options_that_uv_takes_once_are_given_once() {
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
        for name in REPEATABLE.iter().chain(&DOWNLOAD_OPTIONS).chain(&indexes) {
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
        let WithoutIndexes { indexes, arguments: rest, overridden } = without_indexes(&all);
        let index = |name, url, is_default| Index { name, url, is_default };
        let expect =
            [index(Some("c"), "https://c", false), index(None, "https://b?x=y", false), index(None, "https://a", true)];
        assert_eq!((indexes.as_slice(), rest), (expect.as_slice(), words("--pre --index ./wheels")));
        assert_eq!(overridden, BTreeSet::from(["UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_INDEX_URL"]));
        let two = words("--index-url https://a --default-index b=https://b");
        assert_eq!(without_indexes(&two).indexes, [index(Some("b"), "https://b", true)]);
    }

    #[test]
    fn parts_of_the_arguments() {
        let all = words("--index-url https://a --no-binary x --strict --index b=https://b --pre");
        let resolving = filtered(&all, |option| option.resolves);
        assert_eq!(resolving, words("--index-url https://a --no-binary x --index b=https://b --pre"));
        assert_eq!(
            filtered(&all, |option| DOWNLOAD_OPTIONS.contains(&option.name)),
            words("--strict --index b=https://b")
        );
    }
}
