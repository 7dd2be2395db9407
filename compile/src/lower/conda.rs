//! The ops of the conda step: micromamba, which is mounted from its tool image and never in a layer, and the compilation of bytecode.

use std::collections::BTreeMap;

use buildkit_llb::{File, MkFile, Mount, Output, Sharing};
use imagespec::Bytecode;

use crate::lower::{Lowering, ca_path};
use crate::plan::{Action, Step};

/// The folder of micromamba's data, with the environments below it (the same as Flytekit's).
const ROOT_PREFIX: &str = "/opt/micromamba";

/// The path of micromamba in the tool images (`mamba-org/micromamba-docker`, `Dockerfile`).
const PROGRAM: &str = "/usr/bin/micromamba";

/// Certificates in the tool images. micromamba reads no variable for other ones, and fails if a base image has none.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Compiles the installed packages.
const COMPILE: &str = include_str!("conda_bytecode.py");
const COMPILE_FILE: &str = "compile.py";

impl Lowering<'_> {
    pub(super) fn conda(&mut self, step: &Step, parent: Output) -> Output {
        let Action::Conda { packages, channels, env, bytecode } = &step.action else { return parent };
        let made = self.micromamba(step, parent, packages, channels, env);
        // The file is required in an environment, but contains the current time.
        let history = format!("{}/conda-meta/history", crate::fixed::CONDA_ENVIRONMENT);
        let history = MkFile { timestamp: Some(0), ..MkFile::new(history, 0o644, "") };
        let plain = self.step_file(step, File::on(made).mkfile(history));
        self.conda_bytecode(step, plain, *bytecode)
    }

    fn micromamba(
        &mut self,
        step: &Step,
        parent: Output,
        packages: &[String],
        channels: &[String],
        env: &BTreeMap<String, String>,
    ) -> Output {
        let Some(image) = self.plan.micromamba.as_ref() else { return parent };
        let micromamba = self.image(image);
        // micromamba expects this program name.
        let program = format!("{}/bin/micromamba", crate::fixed::MOUNTS);
        let cache = format!("{}/conda-cache", crate::fixed::MOUNTS);
        let scratch = format!("{}/tmp", crate::fixed::MOUNTS);
        let own_certificates = format!("{}/conda.pem", crate::fixed::MOUNTS);
        let certificates = if self.common.ca_bundle.is_some() { ca_path() } else { own_certificates.clone() };
        let words = [
            program.as_str(),
            "create",
            "--yes",
            "--quiet",
            "--no-rc",
            // Bytecode is compiled afterwards, because micromamba's bytecode contains file times.
            "--no-pyc",
            "--ssl-verify",
            &certificates,
            "--root-prefix",
            ROOT_PREFIX,
            "--prefix",
            crate::fixed::CONDA_ENVIRONMENT,
            "--override-channels",
        ];
        let channels = channels.iter().flat_map(|channel| ["-c".to_owned(), channel.clone()]);
        let words = words.map(str::to_owned).into_iter().chain(channels).chain(packages.iter().cloned());
        let exec = self
            .exec(words, parent)
            // Archives stay in the cache; installed files are copies.
            .with_env("CONDA_PKGS_DIRS", &cache)
            // micromamba registers its environments in the home folder.
            .with_env("HOME", &scratch)
            .with_env("TMPDIR", &scratch)
            .with_envs(env.clone())
            .with_mount(Mount::read_only(program, micromamba).with_selector(PROGRAM))
            .with_mount(Mount::read_only(own_certificates, micromamba).with_selector(CERTIFICATES))
            // Scripts of packages run here, so no other step uses the cache.
            .with_mount(Mount::cache(cache, self.cache_id(&self.private_cache("conda", step)), Sharing::Locked))
            .with_mount(Mount::tmpfs(scratch));
        let exec = self.with_ca_bundle(exec);
        self.step_exec(step, exec).root().unwrap_or(parent)
    }

    fn conda_bytecode(&mut self, step: &Step, parent: Output, bytecode: Bytecode) -> Output {
        let python = self.common.home.python();
        let folder = format!("{}/conda", crate::fixed::MOUNTS);
        let program = format!("{folder}/{COMPILE_FILE}");
        let inputs = self.inputs("conda", &[(COMPILE_FILE, COMPILE)]);
        let words = [python.as_str(), "-I", "-B", &program, crate::fixed::CONDA_ENVIRONMENT, bytecode.as_str()];
        self.step_exec(step, self.exec(words, parent).with_mount(inputs)).root().unwrap_or(parent)
    }
}
