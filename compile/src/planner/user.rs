//! The user of the image: the folders that it owns, and, for Flytekit's images, its account.
//!
//! All other steps are built on this one, because all branches that change `/root` or the accounts must see the same ones.

use crate::plan::{Account, Action, Parent, Step};
use crate::planner::Planner;
use crate::planner::base::Base;
use imagespec::field;

/// The user of Flytekit's images (`flytekit/image_spec/default_builder.py`).
pub(super) const FLYTE_USER: &str = "flytekit";

/// The first id of ordinary users (`UID_MIN` in Debian's login.defs).
const FIRST_ID: u32 = 1000;

impl Planner<'_, '_> {
    /// The user of the image: the spec's, else the flavor's, else the base's.
    pub(super) fn final_user(&self, base: &Base) -> String {
        let specs = self.specs();
        match specs.value(field::USER) {
            Some(user) => user.to_owned(),
            None if specs.is_flyte() => FLYTE_USER.to_owned(),
            None => base.config["config"]["User"].as_str().unwrap_or_default().to_owned(),
        }
    }

    /// The working directory must belong to the final user, unless that is root. `None` while facts are missing.
    pub(super) fn own_home(&mut self, base: &Base) -> Option<Option<Step>> {
        let owner = self.final_user(base);
        let user = owner.split(':').next().unwrap_or_default();
        if is_root(user) {
            return Some(None);
        }
        let account = if user == FLYTE_USER && self.specs().is_flyte() { self.account(base)? } else { None };
        let title = self.title("user", &format!("give /root to {owner}"));
        let specs = self.specs();
        let flavor = || specs.path(field::FLAVOR).filter(|_| specs.is_flyte());
        let asked = specs.path(field::USER).or_else(flavor);
        let fields = asked.into_iter().collect();
        Some(Some(self.step("user", title, Parent::Base, Action::OwnHome { owner, account }, fields)))
    }

    /// The file that login shells of Flytekit's user read: the system's own start files reset PATH.
    pub(super) fn profile(&self, base: &Base, path: &str) -> Option<Step> {
        if !self.specs().is_flyte() || self.final_user(base) != FLYTE_USER {
            return None;
        }
        // Quoted, because a path may contain characters with a meaning in shells.
        let path = path.replace('\'', "'\\''");
        let action = Action::WriteFile {
            path: format!("/home/{FLYTE_USER}/.profile"),
            mode: 0o644,
            text: format!("export PATH='{path}'\n"),
            owner: FLYTE_USER.to_owned(),
        };
        let title = self.title("profile", "set PATH for login shells");
        Some(self.step("profile", title, Parent::Base, action, Vec::new()))
    }

    /// The account of Flytekit's user. The inner `None` means that the base has it. `useradd` may be missing in a base, and would write
    /// the current date to `/etc/shadow`.
    fn account(&mut self, base: &Base) -> Option<Option<Account>> {
        let (passwd, group) = (self.base_file(base, "/etc/passwd"), self.base_file(base, "/etc/group"));
        let (passwd, group) = (passwd?.unwrap_or_default(), group?.unwrap_or_default());
        Some(new_account(passwd, group))
    }
}

/// Whether a user is root, who owns all files by default.
pub(super) fn is_root(user: &str) -> bool {
    matches!(user, "" | "root" | "0")
}

/// The two files with Flytekit's user added (passwd(5), group(5)); `None` if the user exists.
fn new_account(passwd: &str, group: &str) -> Option<Account> {
    let entries = |text: &str| -> Vec<(String, Option<u32>)> {
        let entry = |line: &str| {
            let mut parts = line.split(':');
            Some((parts.next()?.to_owned(), parts.nth(1).and_then(|id| id.parse().ok())))
        };
        text.lines().filter_map(entry).collect()
    };
    let (users, groups) = (entries(passwd), entries(group));
    if users.iter().any(|(name, _)| name == FLYTE_USER) {
        return None;
    }
    let is_taken = |id: u32| users.iter().chain(&groups).any(|(_, known)| *known == Some(id));
    let known_group = groups.iter().find(|(name, _)| name == FLYTE_USER).and_then(|(_, id)| *id);
    let id = (FIRST_ID..).find(|id| !is_taken(*id))?;
    let group_id = known_group.unwrap_or(id);
    let with = |text: &str, line: &str| {
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        format!("{text}{end}{line}\n")
    };
    let home = format!("/home/{FLYTE_USER}");
    Some(Account {
        // The account has no valid password.
        passwd: with(passwd, &format!("{FLYTE_USER}:*:{id}:{group_id}::{home}:/bin/bash")),
        group: if known_group.is_some() {
            group.to_owned()
        } else {
            with(group, &format!("{FLYTE_USER}:*:{group_id}:"))
        },
        home,
        id,
        group_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts() {
        let account = new_account(
            "root:x:0:0:root:/root:/bin/bash\nme:x:1000:1000::/home/me:/bin/sh",
            "root:x:0:\nme:x:1000:\nit:x:1001:\n",
        )
        .expect("not there yet");
        assert_eq!((account.id, account.group_id), (1002, 1002));
        assert!(
            account.passwd.ends_with("/bin/sh\nflytekit:*:1002:1002::/home/flytekit:/bin/bash\n"),
            "{}",
            account.passwd
        );
        assert!(account.group.ends_with("it:x:1001:\nflytekit:*:1002:\n"), "{}", account.group);
        assert_eq!(new_account(&account.passwd, &account.group), None);
        let account = new_account("", "").expect("an image without accounts");
        assert_eq!(account.passwd, "flytekit:*:1000:1000::/home/flytekit:/bin/bash\n");
    }
}
