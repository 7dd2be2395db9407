//! The ops of groups: a locked part of the environment each, and the comparison of what they brought.

use buildkit_llb::{Mount, Note, Output, Sharing};

use crate::group::{CONFIG_FILE, LOCK_FILE};
use crate::lower::python::{uv_cache, uv_path, with_secrets};
use crate::lower::{Lowering, OUTPUT};
use crate::plan::{Action, GroupInstall, Step};

/// Installs, lists and compiles. The package's names never become part of it: what it installs are two files, which it is told.
const INSTALL: &str = include_str!("install_group.py");
const INSTALL_FILE: &str = "install.py";

/// Compares lists.
const COMPARE: &str = include_str!("collisions.py");
const COMPARE_FILE: &str = "compare.py";

/// The list of what a group installed, below [`OUTPUT`].
const LIST_FILE: &str = "files";

/// What [`COMPARE`] writes, below [`OUTPUT`].
pub(crate) const COLLISIONS_FILE: &str = "collisions";

impl Lowering<'_> {
    pub(super) fn install_group(&mut self, step: &Step, parent: Output, install: &GroupInstall) -> Output {
        let folder = format!("{}/group", crate::MOUNTS);
        // One op for all groups: else a graph would be mostly copies of it.
        let installer = self.inputs("install", &[(INSTALL_FILE, INSTALL)]);
        let home = self.common.home;
        let python = home.python();
        let list = format!("{OUTPUT}/{LIST_FILE}");
        let program = format!("{}/install/{INSTALL_FILE}", crate::MOUNTS);
        // Code that a package runs while it is built must not reach what other images will import.
        let kept = if install.is_built { String::new() } else { format!("{}/bytecode", crate::MOUNTS) };
        let words = [python.as_str(), "-I", "-S", "-B", &program, home.path, &list, install.bytecode.as_str(), &kept];
        let files = [(LOCK_FILE, &install.lock), (CONFIG_FILE, &install.config)];
        let files = files.into_iter().flat_map(|(name, text)| file_in_words(name, text));
        let install_with = [uv_path(), "pip".to_owned(), "install".to_owned(), "--python".to_owned(), python.clone()];
        let words = words.map(str::to_owned).into_iter().chain([folder.clone()]).chain(files);
        let command = words.chain(install_with).chain(install.args.iter().cloned());
        let command = command.chain(crate::group::arguments(install.is_built, &folder)).collect();
        let (command, mounts, envs) = with_secrets(command, &install.secrets, install.secret_env_native);
        let cache = Mount::cache(&kept, self.cache_id("bytecode"), Sharing::Shared);
        let exec = self.exec(command, parent);
        let exec = self
            .with_installer(exec)
            .with_envs(install.env.clone())
            .with_env(home.variable, home.path)
            .with_env("UV_CACHE_DIR", uv_cache())
            .with_mount(Mount::tmpfs(folder))
            .with_mount(installer)
            .with_mounts((!install.is_built).then_some(cache))
            .with_mount(Mount::scratch_output(OUTPUT));
        let exec = self.with_trust(exec, mounts, envs);
        let outputs = self.graph.exec(exec);
        self.annotate(step, outputs.op());
        self.lists.extend(outputs.at(OUTPUT));
        outputs.root().unwrap_or(parent)
    }

    /// The folder with [`COLLISIONS_FILE`], from the lists of all groups of wheels.
    pub(crate) fn collisions(&mut self, root: Output) -> Option<Output> {
        let lists = std::mem::take(&mut self.lists);
        let at = |number: usize| format!("{}/lists/{number}", crate::MOUNTS);
        let python = self.common.home.python();
        let found = format!("{OUTPUT}/{COLLISIONS_FILE}");
        let inputs = self.inputs("compare", &[(COMPARE_FILE, COMPARE)]);
        let program = format!("{}/compare/{COMPARE_FILE}", crate::MOUNTS);
        let words = [python.as_str(), "-I", "-S", "-B", &program, &found].map(str::to_owned);
        let files = (0..lists.len()).map(|number| format!("{}/{LIST_FILE}", at(number)));
        let exec = self
            .exec(words.into_iter().chain(files), root)
            .with_mount(inputs)
            .with_mount(Mount::scratch_output(OUTPUT))
            .with_mounts(lists.into_iter().enumerate().map(|(number, list)| Mount::read_only(at(number), list)));
        let outputs = self.graph.exec(exec);
        self.graph.annotate(outputs.op(), Note::named(self.named("internal", "compare the files of all packages")));
        outputs.at(OUTPUT)
    }
}

/// A file as arguments: its name, how many pieces it has, and these. The kernel takes no argument of 128 kB or more
/// (`MAX_ARG_STRLEN` of linux: `include/uapi/linux/binfmts.h`). An op that writes the file would cost a daemon more than all of
/// this, and there are as many as groups.
fn file_in_words(name: &str, text: &str) -> Vec<String> {
    const MOST: usize = 100_000;
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(MOST));
        pieces.push(piece.to_owned());
        rest = after;
    }
    let mut words = vec![name.to_owned(), pieces.len().to_string()];
    words.append(&mut pieces);
    words
}

/// Whether a step's list is worth comparing: what is built lies over everything else in any case.
pub(crate) fn is_compared(step: &Step) -> bool {
    matches!(&step.action, Action::InstallGroup(install) if !install.is_built)
}

#[cfg(test)]
mod tests {
    use super::file_in_words;

    #[test]
    fn long_files_are_many_words() {
        assert_eq!(file_in_words("a", ""), ["a", "0"]);
        assert_eq!(file_in_words("a", "text"), ["a", "1", "text"]);
        // No piece ends within a letter of two bytes.
        let text = format!("x{}", "\u{e9}".repeat(120_000));
        let words = file_in_words("a", &text);
        assert_eq!(words[..2], ["a", "3"]);
        assert!(words.iter().all(|word| word.len() < 128 * 1024));
        assert_eq!(words[2..].concat(), text);
    }
}
