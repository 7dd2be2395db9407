//! The apt step: one exec that installs all Debian packages.

use std::collections::{BTreeMap, BTreeSet};

use imagespec::{field, is_proxy};

use crate::lock_file;
use crate::plan::{Action, Parent, Step};
use crate::planner::base::Base;
use crate::planner::{Planner, chain, items, numbered, summary};
use crate::rules;

/// The id of the last apt step of a plan; those of the specs below have a number appended.
pub(super) const APT: &str = "apt";

impl Planner<'_, '_> {
    /// A step for each spec with packages, each on top of the previous one, so that images with the same base share its step. `None` while
    /// facts are missing.
    pub(super) fn apt(&mut self, base: &Base) -> Option<Vec<Step>> {
        let files = self.repositories()?;
        let levels: Vec<(String, Vec<String>)> = self
            .specs()
            .levels()
            .iter()
            .filter(|level| !level.spec.apt_packages().is_empty())
            .map(|level| (level.prefix.clone(), level.spec.apt_packages().to_vec()))
            .collect();
        if levels.is_empty() {
            return Some(self.repositories_alone(files).into_iter().collect());
        }
        let release = self.base_file(base, "/etc/os-release")?;
        if let Some(name) = without_apt(release.unwrap_or_default()) {
            let fields: Vec<String> =
                levels.iter().map(|(prefix, _)| format!("{prefix}{}", field::APT_PACKAGES.name())).collect();
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            let help =
                "use a base image of Debian or Ubuntu, or install with the base's own package manager in `commands`";
            self.problem(&rules::NO_APT, format!("the base image is {name}, which has no apt"), &fields, help);
            return None;
        }
        let cache_scope = format!("{}-{}", distribution(release.unwrap_or_default()), self.platform.architecture);
        let env = self.install_env(base, is_proxy);
        let mut parts = Vec::new();
        for (prefix, packages) in levels {
            let fields = items(&format!("{prefix}apt_packages"), packages.len());
            parts.push(fields.into_iter().zip(packages).collect::<Vec<_>>());
        }
        let all: BTreeSet<String> = parts.last().into_iter().flatten().map(|(_, package)| package.clone()).collect();
        let settled = lock_file::settled_apt(&all, &self.known_apt()?);
        self.settled_apt = all.into_iter().collect();
        if let Some(last) = parts.pop_if(|_| !settled.is_empty()) {
            let (below, young): (Vec<_>, Vec<_>) = last.into_iter().partition(|(_, package)| settled.contains(package));
            let names: Vec<String> = young.iter().map(|(_, package)| package.clone()).collect();
            self.reasons.push(format!("{} joined later, so a step of its own installs it", summary(&names)));
            parts.extend([below, young]);
            self.settled_apt = settled.into_iter().collect();
        }
        let count = parts.len();
        let mut steps = Vec::new();
        for (index, part) in parts.into_iter().enumerate() {
            let id = numbered(APT, index, count);
            let (fields, mut packages): (Vec<_>, Vec<_>) = part.into_iter().unzip();
            let title = self.title("apt", &summary(&packages));
            // Packages are a set: their order changes neither vertices nor the tag.
            packages.sort();
            packages.dedup();
            // Files of the first step are also in the steps on top of it.
            let files = if index == 0 { files.clone() } else { Vec::new() };
            let action = Action::Apt { packages, cache_scope: cache_scope.clone(), env: env.clone(), files };
            steps.push(self.step(&id, title, Parent::Base, action, fields));
        }
        chain(&mut steps);
        Some(steps)
    }

    /// A step that installs nothing, for a spec with repositories but no packages: they are for `commands`, or for later.
    fn repositories_alone(&self, files: Vec<(String, String)>) -> Option<Step> {
        if files.is_empty() {
            return None;
        }
        let fields = self.specs().fields(field::APT_SOURCES);
        let action = Action::Apt { packages: Vec::new(), cache_scope: String::new(), env: BTreeMap::new(), files };
        Some(self.step(APT, self.title("apt", "repositories"), Parent::Base, action, fields))
    }

    /// The files with additional repositories. Each line is signed with all keys, unless it names a key itself. `None` while a key is
    /// missing.
    fn repositories(&mut self) -> Option<Vec<(String, String)>> {
        let specs = self.specs();
        let sources = specs.items(field::APT_SOURCES);
        let sources: Vec<String> = sources.into_iter().map(|(_, line)| line.clone()).collect();
        let mut files = Vec::new();
        let mut is_missing = false;
        for (index, (field, path)) in self.apt_keys().into_iter().enumerate() {
            let Some(text) = self.context_text(&path, &field) else {
                is_missing = true;
                continue;
            };
            if !text.as_str().contains("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
                let message = format!("{path} contains no ASCII-armored key");
                let help = "convert it to text: `gpg --import FILE`, then `gpg --armor --export NAME`";
                self.problem(&rules::APT_KEY, message, &[&field], help);
            }
            files.push((format!("/etc/apt/keyrings/imagespec-{index}.asc"), text.as_str().to_owned()));
        }
        if is_missing {
            return None;
        }
        let signed_by = files.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>().join(",");
        let lines = sources.iter().map(|line| format!("{}\n", signed(line, &signed_by)));
        let lines: String = lines.collect();
        if !lines.is_empty() {
            files.push(("/etc/apt/sources.list.d/imagespec.list".to_owned(), lines));
        }
        Some(files)
    }

    /// The paths of the repositories' keys, with their fields.
    pub(super) fn apt_keys(&self) -> Vec<(String, String)> {
        let keys = self.specs().items(field::APT_KEYS);
        keys.into_iter().map(|(field, path)| (field, path.clone())).collect()
    }
}

/// A line of sources.list(5) with its signing keys.
fn signed(line: &str, keys: &str) -> String {
    let (kind, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim_start();
    let (options, rest) = match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((options, rest)) => (options.trim(), rest.trim_start()),
        None => ("", rest),
    };
    let says_itself = ["signed-by=", "trusted="].iter().any(|option| options.to_ascii_lowercase().contains(option));
    let own = if keys.is_empty() || says_itself { String::new() } else { format!("signed-by={keys}") };
    let options: Vec<&str> = [options, own.as_str()].into_iter().filter(|option| !option.is_empty()).collect();
    match options.is_empty() {
        true => format!("{kind} {rest}"),
        false => format!("{kind} [{}] {rest}", options.join(" ")),
    }
}

/// A value of `/etc/os-release`.
fn value<'a>(os_release: &'a str, key: &str) -> Option<&'a str> {
    os_release
        .lines()
        .filter_map(|line| line.trim().split_once('='))
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value.trim_matches(['"', '\'']))
        .filter(|value| !value.is_empty())
}

/// The name of a distribution that is known to have no apt. Others may be derived from Debian without saying so.
fn without_apt(os_release: &str) -> Option<&str> {
    const WITHOUT: [&str; 22] = [
        "alpine",
        "almalinux",
        "amzn",
        "arch",
        "azurelinux",
        "centos",
        "chainguard",
        "fedora",
        "gentoo",
        "mariner",
        "nixos",
        "ol",
        "opensuse",
        "opensuse-leap",
        "opensuse-tumbleweed",
        "photon",
        "rhel",
        "rocky",
        "sles",
        "suse",
        "void",
        "wolfi",
    ];
    let id = value(os_release, "ID")?;
    let is_without = id
        .split(' ')
        .chain(value(os_release, "ID_LIKE").unwrap_or_default().split(' '))
        .any(|id| WITHOUT.contains(&id));
    is_without.then(|| value(os_release, "PRETTY_NAME").or(value(os_release, "NAME")).unwrap_or(id))
}

/// Reads `debian-bookworm` from os-release(5): archives of different releases do not share a cache.
fn distribution(os_release: &str) -> String {
    let value = |key| value(os_release, key);
    let id = value("ID").unwrap_or("linux");
    let release = value("VERSION_CODENAME").or_else(|| value("VERSION_ID")).unwrap_or("unknown");
    format!("{id}-{release}")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{distribution, signed, without_apt};

    #[test]
    fn repository_lines_get_their_keys() {
        let line = "deb https://x bookworm main";
        assert_eq!(signed(line, ""), line);
        assert_eq!(signed(line, "/k"), "deb [signed-by=/k] https://x bookworm main");
        assert_eq!(signed("deb [arch=amd64] https://x y z", "/k"), "deb [arch=amd64 signed-by=/k] https://x y z");
        assert_eq!(signed("deb [trusted=yes] http://x ./", "/k"), "deb [trusted=yes] http://x ./");
    }

    #[test]
    fn distributions_without_apt() {
        assert_eq!(without_apt("NAME=\"Alpine Linux\"\nID=alpine\n"), Some("Alpine Linux"));
        assert_eq!(
            without_apt("ID=\"ol\"\nID_LIKE=\"fedora\"\nPRETTY_NAME='Oracle Linux 9'\n"),
            Some("Oracle Linux 9")
        );
        assert_eq!(without_apt("ID=nobara\nID_LIKE=\"rhel centos fedora\"\n"), Some("nobara"));
        for with in ["ID=debian", "ID=linuxmint\nID_LIKE=\"ubuntu debian\"", "ID=of-somebody", ""] {
            assert_eq!(without_apt(with), None, "{with}");
        }
    }

    #[test]
    fn distributions() {
        assert_eq!(distribution("ID=debian\nVERSION_CODENAME=bookworm\n"), "debian-bookworm");
        assert_eq!(distribution("ID=\"alpine\"\nVERSION_ID='3.20'"), "alpine-3.20");
        assert_eq!(distribution(""), "linux-unknown");
        assert_eq!(distribution("ID=a/b c"), "a_b_c-unknown");
    }
}
