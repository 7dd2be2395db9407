//! Entries of `apt_packages`: `name[:architecture][=version][/release]`.
//!
//! Debian policy 5.6.1 and 5.6.12 for names and versions; apt-get(8) for the rest of an entry.

use crate::fault::Fault;
use crate::quote::quote;
use crate::rules;
use crate::text::one_line;
use crate::url::without_credentials;

pub(crate) fn apt_package(value: &str) -> Result<String, Fault> {
    one_line(value)?;
    let refuse = |why: &str| {
        Fault::new(&rules::APT_PACKAGE, format!("{} is not a valid Debian package", quote(value))).label(why)
    };
    if value.starts_with('-') {
        return Err(refuse("an option, not a package").help("options of apt are not allowed; list packages only"));
    }
    if let Some(at) = value.find(char::is_whitespace) {
        return Err(refuse("contains a space").at(at..at + 1).help("write each package as a separate entry"));
    }
    if value.contains("://") || value.starts_with(['.', '/']) || value.ends_with(".deb") {
        return Err(refuse("a file or URL").help(
            "only packages from repositories can be installed; `builder_options.apt_sources` adds more repositories",
        ));
    }
    let (rest, release) = match value.split_once('/') {
        Some((rest, release)) => (rest, Some(release)),
        None => (value, None),
    };
    let (rest, version) = match rest.split_once('=') {
        Some((rest, version)) => (rest, Some(version)),
        None => (rest, None),
    };
    let (name, architecture) = match rest.split_once(':') {
        Some((name, architecture)) => (name, Some(architecture)),
        None => (rest, None),
    };
    if !is_made_of(name, "+-.", char::is_lowercase)
        || name.len() < 2
        || !name.starts_with(|c: char| c.is_ascii_alphanumeric())
    {
        let help = if name.chars().any(char::is_uppercase) {
            "the names of Debian packages are lowercase"
        } else if name.contains(['<', '>', '~', '!']) {
            "the only version operator is `=`, such as `git=1:2.39*`"
        } else {
            "an entry looks like `git`, `libssl-dev` or `git=1:2.39*`"
        };
        return Err(refuse("not a package name").at(0..name.len()).help(help));
    }
    if value.ends_with('-') {
        return Err(refuse("apt would remove the package")
            .at(value.len() - 1..value.len())
            .help("apt removes a package if `-` follows its name; use `commands` to remove packages"));
    }
    if architecture.is_some_and(|text| !is_made_of(text, "-", char::is_lowercase)) {
        return Err(refuse("not an architecture").at(name.len() + 1..rest.len()));
    }
    if version.is_some_and(|text| !is_made_of(text, ".+-~:*", char::is_alphabetic)) {
        return Err(refuse("not a version").help("`=` is followed by a complete version or a pattern: `git=1:2.39*`"));
    }
    if release.is_some_and(|text| !is_made_of(text, "._-~/", char::is_alphabetic)) {
        return Err(refuse("not a release").help("`/` is followed by a release: `curl/bookworm-backports`"));
    }
    Ok(value.to_owned())
}

/// A line of sources.list(5) in the one-line style: `deb [option=value] URL suite component…`.
pub(crate) fn apt_source(value: &str) -> Result<String, Fault> {
    one_line(value)?;
    without_credentials(value)?;
    let refuse = |why: &str| {
        Fault::new(&rules::APT_SOURCE, format!("{} is not a valid repository", quote(value)))
            .label(why)
            .help("a line looks like `deb https://download.docker.com/linux/debian bookworm stable`")
    };
    let (kind, rest) = value.trim().split_once(char::is_whitespace).unwrap_or((value, ""));
    if !matches!(kind, "deb" | "deb-src") {
        return Err(refuse("expected `deb` or `deb-src` at the beginning"));
    }
    let rest = match rest.trim_start().strip_prefix('[') {
        None => rest,
        Some(options) => options.split_once(']').ok_or_else(|| refuse("the bracket is not closed"))?.1,
    };
    let mut words = rest.split_whitespace();
    let url = words.next().unwrap_or_default();
    if !["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(refuse("expected an `http://` or `https://` address"));
    }
    let suite = words.next().ok_or_else(|| refuse("the suite is missing"))?;
    if words.next().is_none() && !suite.ends_with('/') {
        return Err(refuse("the component is missing"));
    }
    Ok(value.trim().to_owned())
}

fn is_made_of(text: &str, signs: &str, is_letter: fn(char) -> bool) -> bool {
    let is_valid = |c: char| c.is_ascii_digit() || signs.contains(c) || (c.is_ascii() && is_letter(c));
    !text.is_empty() && text.chars().all(is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_removed() {
        for bad in ["git-", "git:amd64-", "tzdata=2024a-0+deb12u1-", "git/bookworm-"] {
            assert!(apt_package(bad).is_err(), "{bad}");
        }
        assert_eq!(apt_package("tzdata=2024a-0+deb12u1").as_deref(), Ok("tzdata=2024a-0+deb12u1"));
    }

    #[test]
    fn repositories() {
        for good in [
            "deb https://download.docker.com/linux/debian bookworm stable",
            "deb-src http://deb.debian.org/debian bookworm main contrib",
            "deb [arch=amd64 trusted=yes] http://example.org/flat ./",
        ] {
            assert_eq!(apt_source(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "deb",
            "rpm https://x y z",
            "deb https://x",
            "deb https://x bookworm",
            "deb [arch=amd64 https://x bookworm main",
            "deb file:///x bookworm main",
            "deb https://u:p@x bookworm main",
            "deb https://x bookworm main\ndeb https://y bookworm main",
        ] {
            assert!(apt_source(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn entries() {
        for good in [
            "git",
            "g++",
            "libstdc++-12-dev",
            "python3.11",
            "libc6:i386",
            "git=1:2.39*",
            "curl/bookworm-backports",
            "libssl-dev:arm64=3.0.15-1~deb12u1+b1/stable",
            "7zip",
        ] {
            assert_eq!(apt_package(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "-y",
            "--allow-downgrades",
            "git curl",
            "Git",
            "a",
            "git>=2",
            "vim-",
            "./x.deb",
            "https://x/y.deb",
            "git=",
            "git:",
            "git/",
            "git;rm",
            "$(x)",
            "git=1 2",
            "git\n",
            "ü1",
            "git:AMD",
        ] {
            assert!(apt_package(bad).is_err(), "{bad:?}");
        }
    }
}
