//! The ops of the Python steps: argv execs of uv, which is mounted from its tool image and never in a layer.

use std::collections::BTreeMap;

use buildkit_llb::{
    Copy, CopyFrom, Digest, Exec, File, Merge, MkFile, Mount, Network, Note, Output, Rm, SecretEnv, SecretMount,
    Sharing,
};
use imagespec::{Bytecode, is_proxy};
use serde_json::json;

use crate::fixed::{FILE_TIMESTAMP, PYTHONS};
use crate::identity;
use crate::lower::files::chown;
use crate::lower::{Lowering, Tip};
use crate::plan::{Action, Common, InstallSecret, ManagedPython, OtherEnvironment, PinnedImage, Shape, Step};

/// Creates the environment.
const CREATE: &str = include_str!("create_environment.py");
const CREATE_FILE: &str = "create.py";

/// Removes packages.
const REMOVE: &str = include_str!("remove_packages.py");
const REMOVE_FILE: &str = "remove.py";

/// The uv cache of steps in which no foreign code runs.
const DOWNLOADS: &str = "uv";

/// Exports secrets from files as variables and then runs the program, for daemons that cannot set the variables (`exec.secretenv`,
/// BuildKit before 0.10). Arguments: `NAME FILE` pairs, `--`, the program.
const EXPORT_SECRETS: &str = r#"set -eu
while [ "$1" != -- ]; do
  value=$(cat "$2")
  export "$1=$value"
  shift 2
done
shift
exec "$@"
"#;

/// The file that makes the packages of another environment visible.
const OTHER_FILE: &str = "_packages_of_base.pth";

/// A text as a literal of Python.
fn python_literal(text: &str) -> String {
    let escaped = text.chars().map(|character| match character {
        '\\' | '\'' => format!("\\{character}"),
        character if character.is_control() => format!("\\x{:02x}", u32::from(character)),
        character => character.to_string(),
    });
    format!("'{}'", escaped.collect::<String>())
}

impl Lowering<'_> {
    /// The environment, and the files of an interpreter that uv installs.
    pub(super) fn venv(&mut self, step: &Step, parent: Output) -> Tip {
        let Action::Venv { interpreter, system_site_packages, over, managed, owner } = &step.action else {
            return Tip { apart: None, below: Some(parent), output: parent };
        };
        let managed = managed.as_ref().map(|managed| self.managed_python(step, managed));
        let below = match &managed {
            Some(python) => self.with_files(step, parent, *python, PYTHONS),
            None => parent,
        };
        // The interpreter also runs the script that creates the environment.
        let interpreter = match &step.action {
            Action::Venv { managed: Some(managed), .. } => &managed.interpreter,
            _ => interpreter,
        };
        let home = crate::fixed::ENVIRONMENT;
        let inputs = self.inputs("environment", &[(CREATE_FILE, CREATE)]);
        let program = format!("{}/environment/{CREATE_FILE}", crate::fixed::MOUNTS);
        let library = match &step.action {
            Action::Venv { managed: Some(managed), .. } => managed.bytecode.as_str(),
            _ => Bytecode::None.as_str(),
        };
        let mut args =
            [interpreter.as_str(), "-I", "-S", "-B", &program, home, owner, library].map(str::to_owned).to_vec();
        args.extend([uv_path(), "venv".to_owned(), "--python".to_owned(), interpreter.to_owned()]);
        if *system_site_packages {
            args.push("--system-site-packages".to_owned());
        }
        args.push(home.to_owned());
        // Programs of the base run here: there is nothing that they could read or write but this image.
        let exec = self.exec(args, below).with_network(Network::None).with_mount(inputs);
        let exec = self.with_uv(exec).with_mount(Mount::tmpfs(uv_cache()));
        let outputs = self.step_exec(step, with_fixed_interpreter(exec));
        let made = outputs.root().unwrap_or(below);
        let output = match over {
            Some(over) => self.with_packages_of(step, made, over, owner),
            None => made,
        };
        Tip { apart: managed, below: Some(below), output }
    }

    /// Makes the packages of another environment visible in ours, after our own (Python: `Lib/site.py`, `addsitedir`).
    fn with_packages_of(&mut self, step: &Step, made: Output, over: &OtherEnvironment, owner: &str) -> Output {
        let path = format!("{}/{}/{OTHER_FILE}", crate::fixed::ENVIRONMENT, over.library);
        let folders = over.packages.iter().map(|folder| format!("site.addsitedir({})", python_literal(folder)));
        let text = format!("import site; {}\n", folders.collect::<Vec<_>>().join("; "));
        let file = MkFile {
            owner: chown(owner),
            timestamp: Some(FILE_TIMESTAMP),
            ..MkFile::new(path.as_str(), 0o644, text.into_bytes())
        };
        let made_file = File::on(made).mkfile(file);
        let file = self.with_touched_folders(made_file, made, [path.as_str()], None);
        self.step_file(step, file)
    }

    /// The files of an interpreter that uv installs. No program of the base runs meanwhile, and none of the interpreter.
    fn managed_python(&mut self, step: &Step, managed: &ManagedPython) -> Output {
        let command = ["python", "install", "--no-bin", &managed.name].map(str::to_owned);
        let command = [uv_path()].into_iter().chain(command).collect();
        let (command, mounts, envs) = with_secrets(command, &managed.secrets, managed.secret_env_native);
        let root = self.uv_image().expect("a plan with an environment has uv");
        let exec = self.apart(command, root);
        let exec = self
            .with_installer(exec, &self.shared_cache(&managed.env, &[]))
            .with_env("UV_PYTHON_DOWNLOADS", "automatic")
            .with_envs(managed.env.clone())
            .with_env("UV_CACHE_DIR", uv_cache())
            .with_env("UV_PYTHON_CACHE_DIR", format!("{}/python", uv_cache()))
            // uv would look for it in programs of the root filesystem, of which there are none (uv: `crates/uv-platform/src/libc.rs`).
            .with_env("UV_LIBC", &managed.libc)
            // uv writes this path into some files.
            .with_env("UV_PYTHON_INSTALL_DIR", PYTHONS)
            .with_mount(Mount::scratch_output(PYTHONS));
        let exec = self.with_trust(exec, mounts, envs);
        let outputs = self.step_exec(step, exec);
        let installed = outputs.at(PYTHONS).expect("an output of the step");
        let litter = [".temp", ".lock", ".gitignore"].map(|name| format!("{PYTHONS}/{name}"));
        let copy = Copy { contents_only: true, create_dest_path: true, ..Copy::new(installed, "/", PYTHONS) };
        let file = litter
            .iter()
            .fold(File::scratch().copy(copy), |file, path| file.rm(Rm { allow_not_found: true, ..Rm::new(path) }));
        self.step_file(step, File::scratch().copy(with_fixed_times(file)))
    }

    /// The root filesystem with the files of a layer below a folder.
    fn with_files(&mut self, step: &Step, parent: Output, files: Output, folder: &str) -> Output {
        if self.plan.shape == Shape::Merge {
            let merged = self.graph.merge(Merge::new(parent, files));
            self.graph.annotate(merged.op(), Note::named(self.named("internal", &format!("add {folder}"))));
            return merged;
        }
        let copy = Copy { contents_only: true, create_dest_path: true, ..Copy::new(files, folder, folder) };
        self.step_file(step, File::on(parent).copy(copy))
    }

    /// Removes packages with the interpreter that has them. There is no network, and no cache.
    pub(super) fn remove_packages(
        &mut self,
        step: &Step,
        parent: Output,
        interpreter: &str,
        packages: &[String],
    ) -> Output {
        let inputs = self.inputs("remove", &[(REMOVE_FILE, REMOVE)]);
        let program = format!("{}/remove/{REMOVE_FILE}", crate::fixed::MOUNTS);
        let words = [interpreter, "-I", "-B", &program].map(str::to_owned).into_iter().chain(packages.iter().cloned());
        let exec = self.exec(words, parent).with_network(Network::None).with_mount(inputs);
        self.step_exec(step, exec).root().unwrap_or(parent)
    }

    /// Mounts uv and a cache for our own steps. The interpreter is fixed, and configuration files of the image are ignored.
    pub(super) fn with_installer(&mut self, exec: Exec, cache: &str) -> Exec {
        with_fixed_interpreter(self.with_cache(exec, cache))
    }

    /// Mounts uv and a cache; without a cache mount uv would leave files in `/tmp`.
    pub(super) fn with_cache(&mut self, exec: Exec, cache: &str) -> Exec {
        let id = self.cache_id(cache);
        self.with_uv(exec).with_mount(Mount::cache(uv_cache(), id, Sharing::Shared))
    }

    /// Mounts uv. Its output depends neither on the clock nor on configuration files of the image.
    fn with_uv(&mut self, exec: Exec) -> Exec {
        let Some(uv) = self.uv_image() else { return exec };
        exec.with_mount(Mount::read_only(uv_path(), uv).with_selector("/uv"))
            .with_env("UV_CACHE_DIR", uv_cache())
            .with_env("UV_NO_PROGRESS", "1")
            .with_env("UV_LINK_MODE", "copy")
    }

    /// The cache of a step in which no foreign code runs. Steps share it if they believe the same servers: otherwise a spec could fill it
    /// with what its own proxy sends in the name of a public index.
    pub(super) fn shared_cache(&self, env: &BTreeMap<String, String>, args: &[String]) -> String {
        let Common { proxy, hosts, ca_bundle, .. } = self.common;
        let is_trust = |name: &str| {
            is_proxy(name)
                || ["SSL_", "UV_INSECURE_", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS"]
                    .iter()
                    .any(|start| name.starts_with(start))
        };
        let variables: BTreeMap<&String, &String> = env.iter().filter(|(name, _)| is_trust(name)).collect();
        let trusted = args.iter().any(|arg| arg.contains("insecure-host") || arg.contains("trusted-host"));
        let arguments = if trusted { args } else { &[] };
        if proxy.is_none() && hosts.is_empty() && ca_bundle.is_none() && variables.is_empty() && !trusted {
            return DOWNLOADS.to_owned();
        }
        let proxy = proxy.as_ref().map(|proxy| format!("{proxy:?}"));
        let seen = json!([proxy, hosts, ca_bundle, variables, arguments]).to_string();
        format!("{DOWNLOADS}-{:.16}", Digest::from_content(seen.as_bytes()).hex())
    }

    /// The cache of a step in which code of packages or of the base image runs. It can write to the cache, so no other step uses it.
    pub(super) fn private_cache(&self, tool: &str, step: &Step) -> String {
        format!("{tool}-step-{:.16}", identity::hex(&identity::step_digest(self.plan, &step.id)))
    }

    /// Adds the spec's secrets, as returned by [`with_secrets`], and the CA bundle to a step that downloads.
    pub(super) fn with_trust(&self, exec: Exec, mounts: Vec<SecretMount>, envs: Vec<SecretEnv>) -> Exec {
        self.with_ca_bundle(envs.into_iter().fold(exec.with_mounts(mounts), Exec::with_secret_env))
    }

    fn uv_image(&mut self) -> Option<Output> {
        let uv: &PinnedImage = self.plan.uv.as_ref()?;
        Some(self.image(uv))
    }
}

/// A copy of all files, which all get the same time.
pub(super) fn with_fixed_times(from: impl Into<CopyFrom>) -> Copy {
    Copy { contents_only: true, timestamp: Some(FILE_TIMESTAMP), ..Copy::new(from, "/", "/") }
}

/// uv uses the given interpreter only, and no configuration files of the image.
fn with_fixed_interpreter(exec: Exec) -> Exec {
    exec.with_env("UV_PYTHON_DOWNLOADS", "never").with_env("UV_NO_CONFIG", "1")
}

/// Configures how uv precompiles packages. Bytecode refers to its source by hash, because times differ between builds.
pub(super) fn with_bytecode(exec: Exec, bytecode: Bytecode) -> Exec {
    let mode = match bytecode {
        Bytecode::Checked => "CHECKED_HASH",
        Bytecode::Unchecked => "UNCHECKED_HASH",
        Bytecode::None => return exec,
    };
    exec.with_env("UV_COMPILE_BYTECODE", "1").with_env("PYC_INVALIDATION_MODE", mode)
}

/// The path at which uv is mounted.
pub(super) fn uv_path() -> String {
    format!("{}/bin/uv", crate::fixed::MOUNTS)
}

/// The path at which uv's cache is mounted.
pub(super) fn uv_cache() -> String {
    format!("{}/uv-cache", crate::fixed::MOUNTS)
}

/// The command with its secrets: mounts, variables, and a wrapper script if the daemon has no secret variables.
pub(super) fn with_secrets(
    command: Vec<String>,
    secrets: &[InstallSecret],
    env_native: bool,
) -> (Vec<String>, Vec<SecretMount>, Vec<SecretEnv>) {
    let (mut mounts, mut envs, mut pairs) = (Vec::new(), Vec::new(), Vec::new());
    for (position, secret) in secrets.iter().enumerate() {
        match secret {
            InstallSecret::File { id, path } => mounts.push(Mount::secret(path, id)),
            InstallSecret::Env { id, name } if env_native => {
                envs.push(SecretEnv { id: id.clone(), name: name.clone(), optional: false });
            }
            InstallSecret::Env { id, name } => {
                let path = format!("{}/secrets/{position}", crate::fixed::MOUNTS);
                pairs.extend([name.clone(), path.clone()]);
                mounts.push(Mount::secret(path, id));
            }
        }
    }
    if pairs.is_empty() {
        return (command, mounts, envs);
    }
    let script = ["/bin/sh", "-c", EXPORT_SECRETS, "export-secrets"].map(str::to_owned);
    let command = script.into_iter().chain(pairs).chain(["--".to_owned()]).chain(command).collect();
    (command, mounts, envs)
}
