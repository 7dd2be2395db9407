//! The ops of the Python steps: argv execs of uv, which is mounted from its tool image and never in a layer.

use buildkit_llb::{Digest, Exec, File, Mount, Output, Rm, SecretEnv, SecretMount, Sharing};
use imagespec::Bytecode;
use serde::Serialize;
use serde_json::{Value, json};

use crate::lower::Lowering;
use crate::plan::{Action, InstallSecret, ManagedPython, PinnedImage, Step};

/// The uv cache of steps that build nothing, which all of them share.
pub(super) const DOWNLOADS: &str = "uv";

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

impl Lowering<'_> {
    pub(super) fn venv(&mut self, step: &Step, parent: Output) -> Output {
        let Action::Venv { interpreter, system_site_packages, managed, owner } = &step.action else { return parent };
        let parent = match managed {
            Some(managed) => self.managed_python(step, parent, interpreter, managed),
            None => parent,
        };
        let mut args = vec![uv_path(), "venv".to_owned(), "--python".to_owned(), interpreter.to_owned()];
        if *system_site_packages {
            args.push("--system-site-packages".to_owned());
        }
        if managed.is_some() {
            args.push("--managed-python".to_owned());
        }
        args.push(crate::fixed::ENVIRONMENT.to_owned());
        let exec = self.exec(args, parent);
        let mut exec = self.with_installer(exec, DOWNLOADS);
        if managed.is_some() {
            exec = exec.with_env("UV_PYTHON_INSTALL_DIR", crate::fixed::PYTHONS);
        }
        let outputs = self.graph.exec(exec);
        self.annotate(step, outputs.op());
        let made = outputs.root().unwrap_or(parent);
        if owner.is_empty() {
            return made;
        }
        // The environment is empty, so only a few files change their owner.
        let outputs =
            self.graph.exec(self.exec(["chown", "-R", "--", owner.as_str(), crate::fixed::ENVIRONMENT], made));
        self.annotate(step, outputs.op());
        outputs.root().unwrap_or(made)
    }

    /// Installs an interpreter with uv and compiles its library, because the image's user may not be able to write there.
    fn managed_python(&mut self, step: &Step, parent: Output, version: &str, managed: &ManagedPython) -> Output {
        let command = [uv_path(), "python".to_owned(), "install".to_owned(), version.to_owned()].to_vec();
        let (command, mounts, envs) = with_secrets(command, &managed.secrets, managed.secret_env_native);
        let exec = self.exec(command, parent);
        let exec = with_bytecode(self.with_installer(exec, DOWNLOADS), managed.bytecode)
            .with_env("UV_PYTHON_DOWNLOADS", "automatic")
            .with_env("UV_PYTHON_INSTALL_DIR", crate::fixed::PYTHONS)
            .with_env("UV_PYTHON_CACHE_DIR", format!("{}/python", uv_cache()))
            // Create no links in the home folder.
            .with_env("UV_PYTHON_INSTALL_BIN", "0")
            .with_envs(managed.env.clone());
        let exec = self.with_trust(exec, mounts, envs);
        let outputs = self.graph.exec(exec);
        self.annotate(step, outputs.op());
        let made = outputs.root().unwrap_or(parent);
        // Files that uv only needs while it runs.
        let litter = [".temp", ".lock", ".gitignore"].map(|name| format!("{}/{name}", crate::fixed::PYTHONS));
        let file =
            litter.iter().fold(File::on(made), |file, path| file.rm(Rm { allow_not_found: true, ..Rm::new(path) }));
        let output = self.graph.file(file);
        self.annotate(step, output.op());
        output
    }

    pub(super) fn install(&mut self, step: &Step, parent: Output) -> Output {
        let Action::Install { requirements, constraints, args, env, secrets, secret_env_native, bytecode } =
            &step.action
        else {
            return parent;
        };
        let mut files = vec![("requirements.txt", requirements.as_str())];
        let folder = format!("{}/requirements", crate::fixed::MOUNTS);
        let mut command: Vec<String> = ["pip", "install", "--python"].map(str::to_owned).to_vec();
        command.insert(0, uv_path());
        command.push(self.common.home.python());
        command.extend(args.iter().cloned());
        // The short option names are the same in all versions of uv; the long ones were renamed once.
        command.extend(["-r".to_owned(), format!("{folder}/requirements.txt")]);
        if !constraints.is_empty() {
            files.push(("constraints.txt", constraints.as_str()));
            command.extend(["-c".to_owned(), format!("{folder}/constraints.txt")]);
        }
        let inputs = self.inputs("requirements", &files);
        let (command, secret_mounts, secret_envs) = with_secrets(command, secrets, *secret_env_native);
        let exec = self.exec(command, parent);
        let cache = self.built_cache(env, args);
        let exec = with_bytecode(self.with_installer(exec, &cache), *bytecode)
            // The spec's variables come after the defaults, because a user who sets `UV_…` wants to override them.
            .with_envs(env.clone())
            .with_env(self.common.home.variable, self.common.home.path)
            .with_env("UV_CACHE_DIR", uv_cache())
            .with_mount(inputs);
        let exec = self.with_trust(exec, secret_mounts, secret_envs);
        let outputs = self.graph.exec(exec);
        self.annotate(step, outputs.op());
        outputs.root().unwrap_or(parent)
    }

    /// Mounts uv and a cache for our own steps. The interpreter is fixed, and configuration files of the image are ignored.
    pub(super) fn with_installer(&mut self, exec: Exec, cache: &str) -> Exec {
        self.with_uv(exec, cache).with_env("UV_PYTHON_DOWNLOADS", "never").with_env("UV_NO_CONFIG", "1")
    }

    /// Mounts uv and a cache; without a cache mount uv would leave files in `/tmp`. The output of uv depends neither on the clock nor on
    /// configuration files of the image.
    pub(super) fn with_uv(&mut self, exec: Exec, cache: &str) -> Exec {
        let Some(uv) = self.uv_image() else { return exec };
        exec.with_mount(Mount::read_only(uv_path(), uv).with_selector("/uv"))
            .with_mount(Mount::cache(uv_cache(), self.cache_id(cache), Sharing::Shared))
            .with_env("UV_CACHE_DIR", uv_cache())
            .with_env("UV_NO_PROGRESS", "1")
            .with_env("UV_LINK_MODE", "copy")
    }

    /// The cache of steps that may build from source. uv reuses a wheel that it has built for any interpreter with a compatible tag,
    /// regardless of the compilers, libraries and variables. Therefore each combination of these has its own cache; installed packages
    /// are included, because builds may not be isolated from them.
    pub(super) fn built_cache(&self, env: &impl Serialize, args: &[String]) -> String {
        let is_open = args.iter().any(|arg| arg.starts_with("--no-build-isolation"));
        // From this image downwards: all packages of the images below are present.
        let images = self.plan.images().enumerate().map(|(depth, plan)| {
            let is_seen = |step: &&Step| {
                let is_package = matches!(&step.action, Action::InstallGroup(install) if !install.is_built);
                let is_below = matches!(step.action, Action::Apt { .. } | Action::Conda { .. } | Action::Venv { .. });
                depth > 0 || is_below || (is_open && is_package)
            };
            let actions: Vec<&Action> = plan.steps.iter().filter(is_seen).map(|step| &step.action).collect();
            json!([plan.base.reference, actions])
        });
        let images: Vec<Value> = images.collect();
        let seen = json!([images, self.plan.platform.to_string(), self.common.base_env, env]).to_string();
        format!("uv-built-{:.16}", Digest::from_content(seen.as_bytes()).hex())
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
