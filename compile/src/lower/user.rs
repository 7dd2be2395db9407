//! The ops of the user step, and of files that are written as they are.

use std::collections::BTreeSet;

use buildkit_llb::{Copy, File, MkDir, MkFile, Output, Owner, User};

use crate::fixed::FILE_TIMESTAMP;
use crate::lower::Lowering;
use crate::lower::files::{chown, without_files};
use crate::lower::python::with_fixed_times;
use crate::plan::{Account, Step};

impl Lowering<'_> {
    /// Gives the home folder of root to the image's user, but not the files in it. No program of the base image runs.
    pub(super) fn own_home(&mut self, step: &Step, parent: Output, owner: &str, account: Option<&Account>) -> Output {
        let file = account.map_or(File::on(parent), |account| self.account(parent, account));
        if !self.common.copies_folders {
            let parent = if account.is_some() { self.graph.file(file) } else { parent };
            let outputs = self.step_exec(step, self.exec(["chown", "--", owner, "/root"], parent));
            return outputs.root().unwrap_or(parent);
        }
        let named = chown(owner).unwrap_or(Owner::id(0, 0));
        let owner = match account {
            None => named,
            // A new account is not in the files of the base.
            Some(account) => {
                Owner { user: User::Id(account.id), group: named.group.map(|_| User::Id(account.group_id)) }
            }
        };
        // As in chown, a group that is not named stays as it is.
        let owner = Owner { group: owner.group.or(Some(User::Id(0))), ..owner };
        let folder = without_files(parent, &BTreeSet::from(["/root"]), None);
        let owned = Copy { owner: Some(owner), ..with_fixed_times(folder) };
        self.step_file(step, file.copy(owned))
    }

    /// Writes the account as files.
    fn account(&self, parent: Output, account: &Account) -> File {
        let Account { passwd, group, home, id, group_id } = account;
        let timestamp = Some(FILE_TIMESTAMP);
        let file = |path: &str, text: &str| MkFile { timestamp, ..MkFile::new(path, 0o644, text) };
        let owner = Owner::id(*id, *group_id);
        let folder = MkDir { parents: true, owner: Some(owner), timestamp, ..MkDir::new(home, 0o755) };
        let files = File::on(parent).mkfile(file("/etc/passwd", passwd)).mkfile(file("/etc/group", group));
        self.with_touched_folders(files.mkdir(folder), parent, ["/etc/passwd", home], None)
    }

    pub(super) fn write_file(
        &mut self,
        step: &Step,
        parent: Output,
        (path, mode, text): (&str, u32, &str),
        owner: &str,
    ) -> Output {
        let timestamp = Some(FILE_TIMESTAMP);
        let file = MkFile { timestamp, owner: chown(owner), ..MkFile::new(path, mode, text) };
        let file = self.with_touched_folders(File::on(parent).mkfile(file), parent, [path], None);
        self.step_file(step, file)
    }
}
