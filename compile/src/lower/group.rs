//! The ops of package groups: the installation of wheels apart from the base image, packages that are built on top of it, and the
//! comparison of the files of all groups.
//!
//! Wheels are downloaded and unpacked in the root filesystem of a tool image. A program stands in for the image's interpreter, so
//! that no code of the base image is near the secrets, the network or the caches that builds share.

use buildkit_llb::{BindMount, Copy, Exec, File, Mount, Network, Note, Output, Rm, Sharing};

use crate::answer::InterpreterFact;
use crate::fixed::{MOUNTS, OUTPUT};
use crate::group::{CONFIG_FILE, LOCK_FILE, arguments};
use crate::interpreter::minor;
use crate::lower::Lowering;
use crate::lower::files::without_files;
use crate::lower::python::{uv_path, with_fixed_times, with_secrets};
use crate::plan::{Compiler, GroupInstall, PinnedImage, Place, Shape, Step};
use crate::stand_in::{self, Folders};

/// Installs a group, lists its files and compiles bytecode. Its two input files name the packages, so the script is constant.
const INSTALL: &str = include_str!("install_group.py");
const INSTALL_FILE: &str = "install.py";

/// Compares the lists.
const COMPARE: &str = include_str!("collisions.py");
const COMPARE_FILE: &str = "compare.py";

/// Copies the files of a group.
const COPY: &str = include_str!("copy_files.py");
const COPY_FILE: &str = "copy.py";

/// The program that stands in for the interpreter, next to [`INSTALL_FILE`].
const STAND_IN_FILE: &str = "python";

/// The file with the list of files that a group has installed.
const LIST_FILE: &str = "files";

/// The file with paths that are in packages of different groups.
pub(crate) const COLLISIONS_FILE: &str = "collisions";

impl Lowering<'_> {
    /// A group's result: its files alone, or the root filesystem that it is installed into.
    pub(super) fn install_group(
        &mut self,
        step: &Step,
        parent: Option<Output>,
        install: &GroupInstall,
    ) -> Option<Output> {
        let Place::Apart { interpreter, compiler } = &install.place else {
            return parent.map(|parent| self.install_on_top(step, parent, install));
        };
        let (files, list) = match (compiler, parent) {
            (Compiler::Tool { image, path }, _) => self.with_tool(step, install, interpreter, (image, path)),
            (Compiler::Own { interpreter: own }, Some(parent)) => {
                self.with_own_interpreter(step, install, interpreter, (own, parent))
            }
            (Compiler::Own { .. }, None) => return None,
        }?;
        self.lists.push(list);
        if self.plan.shape == Shape::Merge {
            return Some(files);
        }
        let Some(parent) = parent else { return Some(files) };
        Some(if self.common.copies_folders {
            // Copying a folder overwrites the owners and modes of the folders in it.
            let folders = self.environment_folders(interpreter);
            let above = folders.iter().flat_map(|folder| folder.match_indices('/').map(|(end, _)| &folder[..end]));
            let all = above.filter(|folder| !folder.is_empty()).chain(folders.iter().map(String::as_str)).collect();
            let file = File::on(parent).copy(Copy { contents_only: true, ..Copy::new(files, "/", "/") });
            self.step_file(step, file.copy(with_fixed_times(without_files(parent, &all, None))))
        } else {
            self.copied_by_program(step, parent, files)
        })
    }

    /// The files on top of a root filesystem, copied by the environment's interpreter: the daemon can copy folders only with their owners.
    fn copied_by_program(&mut self, step: &Step, parent: Output, files: Output) -> Output {
        let inputs = self.inputs("copy", &[(COPY_FILE, COPY)]);
        let (program, tree) = (format!("{MOUNTS}/copy/{COPY_FILE}"), format!("{MOUNTS}/files"));
        let exec = self.exec([self.common.home.python().as_str(), "-I", "-S", "-B", &program, &tree], parent);
        let exec = exec.with_network(Network::None).with_mount(inputs).with_mount(Mount::read_only(tree, files));
        self.step_exec(step, exec).root().unwrap_or(parent)
    }

    /// The folders of the environment that packages share: itself, programs, and modules.
    fn environment_folders(&self, interpreter: &InterpreterFact) -> Vec<String> {
        let home = self.common.home.path;
        let library = format!("{home}/lib/{}", stand_in::library(interpreter).unwrap_or_default());
        let inner = [format!("{home}/bin"), format!("{library}/site-packages")];
        [home.to_owned()].into_iter().chain(inner).chain([format!("{home}/lib"), library]).collect()
    }

    /// Packages that are built on top of other steps. Their code runs meanwhile, so no other build uses the cache.
    fn install_on_top(&mut self, step: &Step, parent: Output, install: &GroupInstall) -> Output {
        let folder = format!("{MOUNTS}/group");
        let python = self.common.home.python();
        let installer = self.inputs("install", &[(INSTALL_FILE, INSTALL)]);
        let mut words = script(&python, "", self.common.home.path, install);
        words.extend([String::new(), String::new(), folder.clone(), String::new()]);
        let command = words.into_iter().chain(uv_install(install, &python, &folder)).collect();
        let (command, mounts, envs) = with_secrets(command, &install.secrets, install.secret_env_native);
        let exec = self.exec(command, parent);
        let cache = self.private_cache("uv", step);
        let exec = self
            .with_installer(exec, &cache)
            .with_envs(install.env.clone())
            .with_env(self.common.home.variable, self.common.home.path)
            .with_env("UV_CACHE_DIR", super::python::uv_cache())
            .with_envs(group_files(install))
            .with_mount(Mount::tmpfs(folder))
            .with_mount(installer);
        let exec = self.with_trust(exec, mounts, envs);
        self.step_exec(step, exec).root().unwrap_or(parent)
    }

    /// Downloads, unpacks and compiles wheels in one step, with the interpreter of a tool image.
    fn with_tool(
        &mut self,
        step: &Step,
        install: &GroupInstall,
        interpreter: &InterpreterFact,
        (image, path): (&PinnedImage, &str),
    ) -> Option<(Output, Output)> {
        let (folder, kept) = (format!("{MOUNTS}/group"), format!("{MOUNTS}/bytecode"));
        let installer = self.installer_files(interpreter)?;
        let stand_in = format!("{MOUNTS}/install/{STAND_IN_FILE}");
        let mut words = script("python3", OUTPUT, self.common.home.path, install);
        words.extend([OUTPUT.to_owned(), kept.clone(), folder.clone(), minor(&interpreter.version)]);
        let command = words.into_iter().chain(uv_install(install, &stand_in, &folder)).collect();
        let (command, mounts, envs) = with_secrets(command, &install.secrets, install.secret_env_native);
        let root = self.image(image);
        let exec = self.apart(command, root).with_env("PATH", path);
        let exec = self
            .with_installer(exec, &self.shared_cache(&install.env, &install.args))
            .with_envs(install.env.clone())
            .with_env("UV_CACHE_DIR", super::python::uv_cache())
            .with_envs(group_files(install))
            .with_mount(Mount::tmpfs(folder))
            .with_mount(Mount::cache(kept, self.cache_id("bytecode"), Sharing::Shared))
            .with_mount(installer)
            .with_mount(Mount::scratch_output(OUTPUT))
            .with_mount(Mount::scratch_output(list_folder()));
        let exec = self.with_trust(exec, mounts, envs);
        let outputs = self.step_exec(step, exec);
        outputs.at(OUTPUT).zip(outputs.at(&list_folder()))
    }

    /// Downloads and unpacks wheels without any interpreter, and compiles them with the image's own in a step that has neither network
    /// nor secrets nor caches of other builds.
    fn with_own_interpreter(
        &mut self,
        step: &Step,
        install: &GroupInstall,
        interpreter: &InterpreterFact,
        (own, parent): (&str, Output),
    ) -> Option<(Output, Output)> {
        let (folder, files) = (format!("{MOUNTS}/group"), format!("{MOUNTS}/files"));
        let home = self.common.home.path;
        let installer = self.installer_files(interpreter)?;
        let stand_in = format!("{MOUNTS}/install/{STAND_IN_FILE}");
        let group = self.inputs("group", &[(LOCK_FILE, &install.lock), (CONFIG_FILE, &install.config)]);
        let command = uv_install(install, &stand_in, &folder).collect();
        let (command, mounts, envs) = with_secrets(command, &install.secrets, install.secret_env_native);
        let uv = self.plan.uv.as_ref()?;
        let root = self.image(uv);
        let exec = self.apart(command, root);
        let exec = self
            .with_installer(exec, &self.shared_cache(&install.env, &install.args))
            .with_envs(install.env.clone())
            .with_env("UV_CACHE_DIR", super::python::uv_cache())
            .with_mounts([group, installer])
            .with_mount(Mount::scratch_output(OUTPUT));
        let exec = self.with_trust(exec, mounts, envs);
        let unpacked = self.step_exec(step, exec);
        let unpacked = unpacked.at(OUTPUT)?;

        let installer = self.inputs("install", &[(INSTALL_FILE, INSTALL)]);
        let mut words = script(own, &files, home, install);
        words.extend([OUTPUT.to_owned(), String::new(), String::new(), String::new()]);
        let exec = self
            .exec(words, parent)
            .with_network(Network::None)
            .with_mount(Mount::read_only(files, unpacked))
            .with_mount(installer)
            .with_mount(Mount::scratch_output(OUTPUT))
            .with_mount(Mount::scratch_output(list_folder()));
        let compiled = self.step_exec(step, exec);

        let copy = |from: Output| Copy { contents_only: true, ..Copy::new(from, "/", "/") };
        let marker = Rm { allow_not_found: true, ..Rm::new(format!("{home}/.lock")) };
        let both = File::scratch().copy(copy(unpacked)).copy(copy(compiled.at(OUTPUT)?)).rm(marker);
        let both = self.step_file(step, File::scratch().copy(with_fixed_times(both)));
        Some((both, compiled.at(&list_folder())?))
    }

    /// The script and the program that stands in for the interpreter. A single op for all groups: otherwise a graph would mostly consist
    /// of copies of it.
    fn installer_files(&mut self, interpreter: &InterpreterFact) -> Option<BindMount> {
        let prefix = format!("{OUTPUT}{}", self.common.home.path);
        let folders = Folders { prefix: &prefix, executable: &self.common.home.python() };
        let program = stand_in::program(&self.plan.platform, interpreter, folders)?;
        Some(self.inputs_with_program("install", &[(INSTALL_FILE, INSTALL)], Some((STAND_IN_FILE, program))))
    }

    /// The folder with [`COLLISIONS_FILE`], from the lists of all groups of wheels.
    pub(crate) fn collisions(&mut self, compiler: &Compiler, root: Output) -> Option<Output> {
        let lists = std::mem::take(&mut self.lists);
        let at = |number: usize| format!("{MOUNTS}/lists/{number}");
        let found = format!("{OUTPUT}/{COLLISIONS_FILE}");
        let inputs = self.inputs("compare", &[(COMPARE_FILE, COMPARE)]);
        let program = format!("{MOUNTS}/compare/{COMPARE_FILE}");
        let files = (0..lists.len()).map(|number| format!("{}/{LIST_FILE}", at(number)));
        let words = |python: &str| {
            let words = [python, "-I", "-S", "-B", &program, &found].map(str::to_owned);
            words.into_iter().chain(files).collect::<Vec<_>>()
        };
        let exec = match compiler {
            Compiler::Tool { image, path } => {
                let root = self.image(image);
                self.apart(words("python3"), root).with_env("PATH", path)
            }
            Compiler::Own { interpreter } => self.exec(words(interpreter), root),
        };
        let exec = exec
            .with_network(Network::None)
            .with_mount(inputs)
            .with_mount(Mount::scratch_output(OUTPUT))
            .with_mounts(lists.into_iter().enumerate().map(|(number, list)| Mount::read_only(at(number), list)));
        let outputs = self.graph.exec(exec);
        self.graph.annotate(outputs.op(), Note::named(self.named("internal", "compare the files of all packages")));
        outputs.at(OUTPUT)
    }

    /// An exec in the root filesystem of a tool image: neither programs nor variables of the base are in it.
    pub(super) fn apart<A: Into<String>>(&self, args: impl IntoIterator<Item = A>, root: Output) -> Exec {
        // Where programs look for a netrc file; a root filesystem without accounts has no home folder.
        self.with_surroundings(Exec::new(args, root, self.plan.platform.clone())).with_env("HOME", "/root")
    }
}

/// The first arguments of [`INSTALL`]: the folder below which the environment is, the environment, the list of files, and the kind of
/// bytecode.
fn script(python: &str, below: &str, home: &str, install: &GroupInstall) -> Vec<String> {
    let program = format!("{MOUNTS}/install/{INSTALL_FILE}");
    let list = if install.is_built() { String::new() } else { format!("{}/{LIST_FILE}", list_folder()) };
    [python, "-I", "-S", "-B", &program, below, home, &list, install.bytecode.as_str()].map(str::to_owned).to_vec()
}

/// The folder of the list of a group's files.
fn list_folder() -> String {
    format!("{MOUNTS}/list")
}

/// The call of uv that installs a group.
fn uv_install(install: &GroupInstall, python: &str, folder: &str) -> impl Iterator<Item = String> {
    let words = [uv_path(), "pip".to_owned(), "install".to_owned(), "--python".to_owned(), python.to_owned()];
    words
        .into_iter()
        .chain(install.args.iter().cloned())
        .chain(arguments(install.is_built(), folder))
        .collect::<Vec<_>>()
        .into_iter()
}

/// The files of a group as variables of the step.
fn group_files(install: &GroupInstall) -> Vec<(String, String)> {
    let files = [(LOCK_FILE, &install.lock), (CONFIG_FILE, &install.config)];
    files.into_iter().enumerate().flat_map(|(number, (name, text))| in_variables(number, name, text)).collect()
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
