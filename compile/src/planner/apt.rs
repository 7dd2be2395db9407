//! The apt step: one exec that installs all Debian packages.

use crate::env;
use crate::facts::{Need, Root};
use crate::plan::{Action, Parent, Step};
use crate::planner::{Base, Planner, items, summary};

impl Planner<'_> {
    /// No step without packages; `None` while facts are missing.
    pub(super) fn apt(&mut self, base: &Base) -> Option<Option<Step>> {
        let mut packages = self.document.spec.apt_packages.clone();
        if packages.is_empty() {
            return Some(None);
        }
        let release = self.rootfs_file(Root::Base, "/etc/os-release")?;
        let cache_scope = format!("{}-{}", distribution(&release.unwrap_or_default()), self.platform.architecture);
        let env = self.install_env(base, env::is_proxy);
        let fields = items("apt_packages", packages.len());
        let title = self.title("apt", &summary(&packages));
        // They are a set: their order moves no vertex, as it moves no tag.
        packages.sort();
        packages.dedup();
        Some(Some(self.step("apt", title, Parent::Base, Action::Apt { packages, cache_scope, env }, fields)))
    }

    /// The text of a file in a root filesystem; a need until known.
    pub(super) fn rootfs_file(&mut self, root: Root, path: &str) -> Option<Option<String>> {
        if let Some(known) = self.rootfs(root).and_then(|facts| facts.files.get(path)) {
            return Some(known.clone());
        }
        self.out.needs.insert(Need::RootfsFile { platform: self.platform.clone(), root, path: path.to_owned() });
        None
    }
}

/// `debian-bookworm` from os-release(5): archives of different releases do not share a cache.
fn distribution(os_release: &str) -> String {
    let value = |key: &str| {
        os_release
            .lines()
            .filter_map(|line| line.trim().split_once('='))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value.trim_matches(['"', '\'']))
            .filter(|value| !value.is_empty())
    };
    let id = value("ID").unwrap_or("linux");
    let release = value("VERSION_CODENAME").or_else(|| value("VERSION_ID")).unwrap_or("unknown");
    format!("{id}-{release}")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '.' { c } else { '_' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::distribution;

    #[test]
    fn distributions() {
        assert_eq!(distribution("ID=debian\nVERSION_CODENAME=bookworm\n"), "debian-bookworm");
        assert_eq!(distribution("ID=\"alpine\"\nVERSION_ID='3.20'"), "alpine-3.20");
        assert_eq!(distribution(""), "linux-unknown");
        assert_eq!(distribution("ID=a/b c"), "a_b_c-unknown");
    }
}
