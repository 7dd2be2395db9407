//! Installer options: which ones a spec may use, what they take, and which step of an install they are for.
//!
//! The table follows uv 0.13's `uv pip compile --help` and `uv pip install --help`. pip's own options are listed with advice on
//! what to do instead.

use crate::fault::Fault;
use crate::nearest::nearest;
use crate::quote::quote;
use crate::rules;
use crate::text::one_line;
use crate::url::{index_url, without_credentials};
use crate::words::{Word, words};

/// An installer option a spec may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstallerOption {
    /// The long name, such as `--index-url`, as in [`crate::RequirementKind::Options`].
    pub name: &'static str,
    /// Other spellings, short ones included.
    aliases: &'static [&'static str],
    takes: Takes,
    /// Whether a requirements file may have it.
    in_file: bool,
    /// Whether it means something while versions are chosen (`uv pip compile`).
    pub resolves: bool,
    /// Whether it means something while files are installed (`uv pip install`).
    pub installs: bool,
    /// Whether packages may be built from source because of it although the index has wheels.
    pub builds: bool,
}

impl InstallerOption {
    /// Whether a value follows it.
    pub fn takes_value(&self) -> bool {
        self.takes != Takes::Nothing
    }
}

/// What follows an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Word,
    Url,
    /// `name=URL` or `URL`.
    NamedUrl,
    /// A URL or an absolute path inside the image.
    Links,
    OneOf(&'static [&'static str]),
}

/// The option with this name or alias.
///
/// ```
/// let option = imagespec::installer_option("-i").expect("known");
/// assert_eq!(option.name, "--index-url");
/// assert!(option.takes_value() && option.resolves && option.installs);
/// ```
pub fn installer_option(name: &str) -> Option<&'static InstallerOption> {
    OPTIONS.iter().find(|option| option.name == name || option.aliases.contains(&name))
}

/// Where options are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// An entry of `packages`, or `pip_extra_args`.
    Spec,
    /// A line of a requirements file.
    File,
}

/// Reads the option that begins with `word`. Its value is the text after `=`, or else `value`.
///
/// Returns the name and the value as separate words, and whether `value` was used.
pub(super) fn option(word: &Word, value: Option<&Word>, place: Place) -> Result<(Vec<String>, bool), Fault> {
    let (name, inline) = match word.text.split_once('=') {
        Some((name, inline)) if name.starts_with("--") => (name, Some(inline)),
        _ => (word.text.as_str(), None),
    };
    let range = word.range.clone();
    let option = installer_option(name).ok_or_else(|| unknown(name, place).at(range.clone()))?;
    if place == Place::File && !option.in_file {
        return Err(Fault::new(
            &rules::INSTALLER_OPTION,
            format!("{} is not allowed in a requirements file", quote(name)),
        )
        .label("not an option of requirements files")
        .help("put it into the spec's `pip_extra_args`")
        .at(range));
    }
    if !option.takes_value() {
        return match inline {
            None => Ok((vec![option.name.to_owned()], false)),
            Some(_) => Err(Fault::new(&rules::INSTALLER_OPTION, format!("{} takes no value", quote(name)))
                .label("leave out `=` and the value")
                .at(range)),
        };
    }
    let (given, given_at) = match (inline, value) {
        (Some(inline), _) => (inline, range),
        (None, Some(value)) => (value.text.as_str(), value.range.clone()),
        (None, None) => {
            return Err(Fault::new(&rules::INSTALLER_OPTION, format!("{} needs a value", quote(name)))
                .label("nothing follows it")
                .at(range));
        }
    };
    check_value(option, given).map_err(|fault| fault.at(given_at))?;
    Ok((vec![option.name.to_owned(), given.to_owned()], inline.is_none()))
}

/// Checks `pip_extra_args` and splits it into words: only options, with long names, and their values as separate words.
pub(crate) fn extra_args(value: &str) -> Result<Vec<String>, Vec<Fault>> {
    if value.trim().is_empty() {
        return Ok(Vec::new());
    }
    let words = one_line(value)
        .and_then(|()| without_credentials(value))
        .and_then(|()| words(value))
        .map_err(|fault| vec![fault])?;
    let mut args = Vec::new();
    let mut faults = Vec::new();
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next() {
        if !word.text.starts_with('-') {
            faults.push(
                Fault::new(&rules::INSTALLER_OPTION, format!("{} is not an option", quote(&word.text)))
                    .label("expected an option")
                    .help("put requirements into `packages`")
                    .at(word.range.clone()),
            );
            continue;
        }
        match option(word, rest.peek().copied(), Place::Spec) {
            Ok((read, is_value_used)) => {
                args.extend(read);
                if is_value_used {
                    rest.next();
                }
            }
            Err(fault) => {
                faults.push(fault);
                // What follows is probably the value, which would only cause more messages.
                while rest.next_if(|word| !word.text.starts_with('-')).is_some() {}
            }
        }
    }
    if faults.is_empty() { Ok(args) } else { Err(faults) }
}

fn check_value(option: &InstallerOption, value: &str) -> Result<(), Fault> {
    match option.takes {
        Takes::Nothing => Ok(()),
        Takes::Url => index_url(value).map(drop),
        Takes::NamedUrl => {
            let url = match value.split_once('=') {
                Some((name, url)) if !name.contains(['/', ':']) => url,
                _ => value,
            };
            index_url(url).map(drop)
        }
        Takes::Links if value.starts_with('/') => one_line(value),
        Takes::Links => index_url(value).map(drop),
        Takes::Word if value.is_empty() || value.starts_with('-') => {
            Err(Fault::new(&rules::INSTALLER_OPTION, format!("`{}` needs a value", option.name)).label("not a value"))
        }
        Takes::Word => one_line(value),
        Takes::OneOf(choices) if choices.contains(&value) => Ok(()),
        Takes::OneOf(choices) => Err(Fault::new(
            &rules::INSTALLER_OPTION,
            format!("{} is not a valid value of `{}`", quote(value), option.name),
        )
        .label("not one of the choices")
        .help(format!("choices are: {}", choices.join(", ")))),
    }
}

fn unknown(name: &str, place: Place) -> Fault {
    let refused = REFUSED.iter().find(|(names, _)| names.contains(&name));
    if let Some((_, why)) = refused {
        return Fault::new(&rules::INSTALLER_OPTION, format!("{} cannot be used here", quote(name)))
            .label("refused")
            .help(*why);
    }
    let fault = Fault::new(&rules::INSTALLER_OPTION, format!("{} is not an option of the installer", quote(name)))
        .label("unknown option");
    let known = OPTIONS.iter().filter(|option| place == Place::Spec || option.in_file).map(|option| option.name);
    match nearest(name, known) {
        Some(known) => fault.help(format!("did you mean `{known}`?")),
        None => fault.help("see `uv pip install --help` for the options"),
    }
}

const fn row(
    name: &'static str,
    aliases: &'static [&'static str],
    takes: Takes,
    in_file: bool,
    steps: (bool, bool),
) -> InstallerOption {
    InstallerOption { name, aliases, takes, in_file, resolves: steps.0, installs: steps.1, builds: false }
}

/// A row of an option by which packages may be built.
const fn building(row: InstallerOption) -> InstallerOption {
    InstallerOption { builds: true, ..row }
}

const BOTH: (bool, bool) = (true, true);
const RESOLVE: (bool, bool) = (true, false);
const INSTALL: (bool, bool) = (false, true);

#[rustfmt::skip]
static OPTIONS: &[InstallerOption] = &[
    row("--index-url", &["-i"], Takes::Url, true, BOTH),
    row("--extra-index-url", &[], Takes::Url, true, BOTH),
    row("--index", &[], Takes::NamedUrl, false, BOTH),
    row("--default-index", &[], Takes::NamedUrl, false, BOTH),
    building(row("--find-links", &["-f"], Takes::Links, true, BOTH)),
    row("--no-index", &[], Takes::Nothing, true, BOTH),
    row("--index-strategy", &[], Takes::OneOf(&["first-index", "unsafe-first-match", "unsafe-best-match"]), false, BOTH),
    row("--keyring-provider", &[], Takes::OneOf(&["disabled", "subprocess"]), false, BOTH),
    row("--allow-insecure-host", &["--trusted-host"], Takes::Word, true, BOTH),
    row("--pre", &[], Takes::Nothing, true, RESOLVE),
    row("--prerelease", &[], Takes::OneOf(&["disallow", "allow", "if-necessary", "explicit", "if-necessary-or-explicit"]), false, RESOLVE),
    row("--resolution", &[], Takes::OneOf(&["highest", "lowest", "lowest-direct"]), false, RESOLVE),
    row("--fork-strategy", &[], Takes::OneOf(&["fewest", "requires-python"]), false, RESOLVE),
    row("--exclude-newer", &[], Takes::Word, false, RESOLVE),
    row("--exclude-newer-package", &[], Takes::Word, false, RESOLVE),
    row("--torch-backend", &[], Takes::Word, false, BOTH),
    row("--no-sources", &[], Takes::Nothing, false, RESOLVE),
    row("--no-deps", &["--no-dependencies"], Takes::Nothing, false, RESOLVE),
    row("--upgrade", &["-U"], Takes::Nothing, false, RESOLVE),
    row("--upgrade-package", &["-P"], Takes::Word, false, RESOLVE),
    row("--require-hashes", &[], Takes::Nothing, true, INSTALL),
    row("--no-verify-hashes", &[], Takes::Nothing, false, INSTALL),
    building(row("--no-binary", &[], Takes::Word, true, BOTH)),
    row("--only-binary", &[], Takes::Word, true, BOTH),
    row("--no-build", &[], Takes::Nothing, false, BOTH),
    building(row("--no-build-isolation", &[], Takes::Nothing, false, BOTH)),
    building(row("--no-build-isolation-package", &[], Takes::Word, false, BOTH)),
    row("--config-setting", &["-C", "--config-settings"], Takes::Word, false, BOTH),
    row("--reinstall", &[], Takes::Nothing, false, INSTALL),
    row("--reinstall-package", &[], Takes::Word, false, INSTALL),
    row("--link-mode", &[], Takes::OneOf(&["clone", "copy", "hardlink", "symlink"]), false, INSTALL),
    row("--compile-bytecode", &["--compile"], Takes::Nothing, false, INSTALL),
    row("--no-compile-bytecode", &["--no-compile"], Takes::Nothing, false, INSTALL),
    row("--strict", &[], Takes::Nothing, false, INSTALL),
    row("--no-cache", &["-n", "--no-cache-dir"], Takes::Nothing, false, BOTH),
    row("--refresh", &[], Takes::Nothing, false, BOTH),
    row("--refresh-package", &[], Takes::Word, false, BOTH),
    row("--system-certs", &["--native-tls"], Takes::Nothing, false, BOTH),
    row("--quiet", &["-q"], Takes::Nothing, false, BOTH),
    row("--verbose", &["-v"], Takes::Nothing, false, BOTH),
    row("--no-progress", &[], Takes::Nothing, false, BOTH),
];

/// Options of other tools or other uses that cannot work here, and what to do instead.
static REFUSED: &[(&[&str], &str)] = &[
    (&["-r", "--requirement", "--requirements"], "name the file in the spec's `requirements`"),
    (
        &[
            "-c",
            "--constraint",
            "--constraints",
            "-b",
            "--build-constraint",
            "--build-constraints",
            "--override",
            "--overrides",
            "--excludes",
        ],
        "put `-c FILE` into the requirements file named in `requirements`",
    ),
    (
        &["--cert", "--client-cert", "--cache-dir", "--config-file", "--directory", "--project", "--no-config"],
        "files of your machine do not exist during the build",
    ),
    (
        &[
            "-t",
            "--target",
            "--prefix",
            "--root",
            "--user",
            "--system",
            "--break-system-packages",
            "-p",
            "--python",
            "--python-version",
            "--python-platform",
            "--platform",
            "--managed-python",
            "--no-managed-python",
        ],
        "`python_version`, `python_exec` and `platform` select the interpreter and the environment",
    ),
    (
        &["--dry-run", "--check", "-h", "--help", "-V", "--version", "-o", "--output-file", "--exact", "--offline"],
        "the option would prevent or change the installation",
    ),
    (&["--prefer-binary"], "uv has no such option; `--only-binary :all:` refuses packages that have to be built"),
    (&["-I", "--ignore-installed", "--force-reinstall"], "this is an option of pip; uv has `--reinstall`"),
    (
        &["--timeout", "--retries", "--default-timeout"],
        "this is an option of pip; uv reads `UV_HTTP_TIMEOUT` and `UV_HTTP_RETRIES`, which you can set in `env`",
    ),
    (
        &[
            "--use-feature",
            "--use-deprecated",
            "--use-pep517",
            "--global-option",
            "--install-option",
            "--upgrade-strategy",
            "--progress-bar",
            "--disable-pip-version-check",
            "--no-input",
            "--root-user-action",
            "--no-warn-script-location",
            "--exists-action",
            "--src",
            "--no-clean",
            "--no-color",
            "--isolated",
            "--no-python-version-warning",
            "--log",
        ],
        "this is an option of pip; uv, which installs the packages, has no such option: leave it out",
    ),
    (&["--hash"], "write a hash after its requirement"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expect: Result<&[&str], &str>) {
        let found = extra_args(value);
        match (&found, expect) {
            (Ok(args), Ok(expect)) => assert_eq!(args, expect),
            (Err(faults), Err(expect)) => assert_eq!(faults[0].label, expect),
            _ => panic!("{value}: {found:?}"),
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names: Vec<&str> = OPTIONS
            .iter()
            .flat_map(|option| option.aliases.iter().copied().chain([option.name]))
            .chain(REFUSED.iter().flat_map(|(names, _)| names.iter().copied()))
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn extra_args_are_split_and_written_out() {
        check("", Ok(&[]));
        check("-q --pre", Ok(&["--quiet", "--pre"]));
        check(
            "-i https://x/simple --extra-index-url=https://y '--trusted-host' h",
            Ok(&["--index-url", "https://x/simple", "--extra-index-url", "https://y", "--allow-insecure-host", "h"]),
        );
        check("--index private=https://x/simple", Ok(&["--index", "private=https://x/simple"]));
        check("--no-binary :all:", Ok(&["--no-binary", ":all:"]));
        check("-f /wheels", Ok(&["--find-links", "/wheels"]));
    }

    #[test]
    fn extra_args_report_what_is_wrong() {
        check("numpy", Err("expected an option"));
        check("--prerelease", Err("nothing follows it"));
        check("--prerelease=maybe", Err("not one of the choices"));
        check("--pre=1", Err("leave out `=` and the value"));
        check("--no-binary --pre", Err("not a value"));
        check("--no-install-package x", Err("unknown option"));
        check("--target /x", Err("refused"));
        check("-f wheels", Err("no scheme such as `https://`"));
        check("--index-url https://u:p@x", Err("user name, password or token"));
        check("--pre 'x", Err("opened here"));
    }
}
