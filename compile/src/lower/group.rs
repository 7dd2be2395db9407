//! The ops of package groups: one per locked group, and one that compares their files.

use buildkit_llb::{Mount, Note, Output, Sharing};

use crate::fixed::OUTPUT;
use crate::group::{CONFIG_FILE, LOCK_FILE};
use crate::lower::Lowering;
use crate::lower::python::{DOWNLOADS, uv_cache, uv_path, with_secrets};
use crate::plan::{GroupInstall, Step};

/// Installs a group, lists its files and compiles bytecode. Its two input files name the packages, so the script is constant.
const INSTALL: &str = include_str!("install_group.py");
const INSTALL_FILE: &str = "install.py";

/// Compares the lists.
const COMPARE: &str = include_str!("collisions.py");
const COMPARE_FILE: &str = "compare.py";

/// The file below [`OUTPUT`] with the list of files that a group has installed.
const LIST_FILE: &str = "files";

/// The file with paths that are in packages of different groups, in the result for
/// [`question::Collisions`](crate::question::Collisions).
pub const COLLISIONS_FILE: &str = "collisions";

impl Lowering<'_> {
    pub(super) fn install_group(&mut self, step: &Step, parent: Output, install: &GroupInstall) -> Output {
        let folder = format!("{}/group", crate::fixed::MOUNTS);
        // A single op for all groups: otherwise a graph would mostly consist of copies of it.
        let installer = self.inputs("install", &[(INSTALL_FILE, INSTALL)]);
        let home = self.common.home;
        let python = home.python();
        let list = format!("{OUTPUT}/{LIST_FILE}");
        let program = format!("{}/install/{INSTALL_FILE}", crate::fixed::MOUNTS);
        // Code that a package runs during its build must not be able to write bytecode that other images use.
        let kept = if install.is_built { String::new() } else { format!("{}/bytecode", crate::fixed::MOUNTS) };
        let words = [python.as_str(), "-I", "-S", "-B", &program, home.path, &list, install.bytecode.as_str(), &kept];
        let files = [(LOCK_FILE, &install.lock), (CONFIG_FILE, &install.config)];
        let files = files.into_iter().enumerate().flat_map(|(number, (name, text))| in_variables(number, name, text));
        let install_with = [uv_path(), "pip".to_owned(), "install".to_owned(), "--python".to_owned(), python.clone()];
        let words = words.map(str::to_owned).into_iter().chain([folder.clone()]);
        let command = words.chain(install_with).chain(install.args.iter().cloned());
        let command = command.chain(crate::group::arguments(install.is_built, &folder)).collect();
        let (command, mounts, envs) = with_secrets(command, &install.secrets, install.secret_env_native);
        let cache = Mount::cache(&kept, self.cache_id("bytecode"), Sharing::Shared);
        let exec = self.exec(command, parent);
        let uv_cache_name =
            if install.is_built { self.built_cache(&install.env, &install.args) } else { DOWNLOADS.to_owned() };
        let exec = self
            .with_installer(exec, &uv_cache_name)
            .with_envs(install.env.clone())
            .with_env(home.variable, home.path)
            .with_env("UV_CACHE_DIR", uv_cache())
            .with_envs(files)
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
        let at = |number: usize| format!("{}/lists/{number}", crate::fixed::MOUNTS);
        let python = self.common.home.python();
        let found = format!("{OUTPUT}/{COLLISIONS_FILE}");
        let inputs = self.inputs("compare", &[(COMPARE_FILE, COMPARE)]);
        let program = format!("{}/compare/{COMPARE_FILE}", crate::fixed::MOUNTS);
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

/// A file as variables of the step: its name, then its parts. The kernel limits a variable to 128 kB (`MAX_ARG_STRLEN` in linux:
/// `include/uapi/linux/binfmts.h`). Ops that write files would cost the daemon more time than everything else here, because there
/// would be one per group. Arguments would be printed completely when the step fails (moby/buildkit: `solver/llbsolver/ops/exec.go`).
fn in_variables(number: usize, name: &str, text: &str) -> Vec<(String, String)> {
    const MAX_BYTES: usize = 100_000;
    let mut pieces = vec![name];
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(MAX_BYTES));
        pieces.push(piece);
        rest = after;
    }
    let variable = |(piece, text): (usize, &str)| (format!("IMAGESPEC_FILE_{number}_{piece}"), text.to_owned());
    pieces.into_iter().enumerate().map(variable).collect()
}

#[cfg(test)]
mod tests {
    use super::in_variables;

    #[test]
    fn long_files_are_split_into_variables() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(in_variables(1, "a", ""), [pair("IMAGESPEC_FILE_1_0", "a")]);
        assert_eq!(in_variables(0, "a", "text")[1..], [pair("IMAGESPEC_FILE_0_1", "text")]);
        // No part may end inside a character of two bytes.
        let text = format!("x{}", "\u{e9}".repeat(120_000));
        let variables = in_variables(0, "a", &text);
        assert_eq!(variables.len(), 1 + 3);
        assert!(variables.iter().all(|(name, value)| name.len() + value.len() < 128 * 1024));
        assert_eq!(variables[1..].iter().map(|(_, value)| value.as_str()).collect::<String>(), text);
    }
}
