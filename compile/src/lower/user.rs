//! The ops of the user step.

use buildkit_llb::{File, MkDir, MkFile, Output, Owner, User};

use crate::lower::Lowering;
use crate::plan::{Account, Step};

impl Lowering<'_> {
    pub(super) fn own_home(&mut self, step: &Step, parent: Output, owner: &str, account: Option<&Account>) -> Output {
        let parent = account.map_or(parent, |account| self.account(step, parent, account));
        let outputs = self.graph.exec(self.exec(["chown", "--", owner, "/root"], parent));
        self.annotate(step, outputs.op());
        outputs.root().unwrap_or(parent)
    }

    /// Writes the account as files: this needs no program of the base image, and records no time.
    fn account(&mut self, step: &Step, parent: Output, account: &Account) -> Output {
        let Account { passwd, group, home, id, group_id } = account;
        let file = |path: &str, text: &str| MkFile { timestamp: Some(0), ..MkFile::new(path, 0o644, text) };
        let owner = Owner { user: User::Id(*id), group: Some(User::Id(*group_id)) };
        let folder = MkDir { parents: true, owner: Some(owner), timestamp: Some(0), ..MkDir::new(home, 0o755) };
        let file = File::on(parent).mkfile(file("/etc/passwd", passwd)).mkfile(file("/etc/group", group)).mkdir(folder);
        let output = self.graph.file(file);
        self.annotate(step, output.op());
        output
    }

    pub(super) fn write_file(
        &mut self,
        step: &Step,
        parent: Output,
        (path, mode, text): (&str, u32, &str),
        owner: &str,
    ) -> Output {
        let file = MkFile { timestamp: Some(0), owner: super::files::chown(owner), ..MkFile::new(path, mode, text) };
        let output = self.graph.file(File::on(parent).mkfile(file));
        self.annotate(step, output.op());
        output
    }
}
