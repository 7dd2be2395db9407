//! The lab as `lab/up` exports it: where the daemons are and which programs talk to them.
//!
//! Starts nothing: a lab that is not there is told once, and nothing runs.

use std::path::{Path, PathBuf};

use crate::command::Program;
use crate::way::Daemon;

/// The variables of `lab/up` that the tests use.
#[derive(Debug)]
pub struct Lab {
    /// The state folder.
    pub state: PathBuf,
    /// Logs of all daemons.
    pub logs: PathBuf,
    /// The plain registry.
    pub registry: String,
    /// The registry behind a password, with a certificate of its own.
    pub tls_registry: TlsRegistry,
    /// Certificates that steps need to reach PyPI.
    pub ca_bundle: PathBuf,
    /// The address of buildkitd.
    pub buildkit: String,
    /// The folder of Docker's configuration, with buildx and its builder.
    pub docker_config: PathBuf,
    /// The buildx instance for buildkitd.
    pub builder: String,
    /// The program.
    pub buildctl: PathBuf,
    /// The program.
    pub buildkitd: PathBuf,
    /// Docker's client, 28.
    pub docker: PathBuf,
    /// Docker's client, 20.10.
    pub docker_2010: PathBuf,
    /// Addresses of the engines.
    pub engine_containerd: String,
    /// See above.
    pub engine_classic: String,
    /// See above.
    pub engine_2010: String,
    /// The second buildkitd, which wants client certificates.
    pub mtls: Mtls,
    /// The base image of most tests.
    pub python_image: String,
    /// The image that holds uv.
    pub uv_image: String,
    /// The same index without a password.
    pub open_index: String,
    /// The conda channel `conda-forge`.
    pub conda_channel: String,
    /// The list of interpreters that uv installs.
    pub uv_python_list: String,
    /// The index behind a password.
    pub private_index: PrivateIndex,
}

/// A registry behind a password.
#[derive(Debug)]
pub struct TlsRegistry {
    /// Its host and port.
    pub host: String,
    /// Who may push.
    pub user: String,
    /// The secret that must stay secret.
    pub password: String,
    /// Who signed its certificate.
    pub ca: PathBuf,
}

impl TlsRegistry {
    /// What Docker's configuration has for it.
    #[must_use]
    pub fn auth(&self) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", self.user, self.password))
    }

    /// Docker's configuration of who is logged in to it.
    #[must_use]
    pub fn config(&self) -> String {
        serde_json::json!({"auths": {&self.host: {"auth": self.auth()}}}).to_string()
    }
}

/// A daemon that wants certificates.
#[derive(Debug)]
pub struct Mtls {
    /// Its address.
    pub address: String,
    /// Who signed the daemon's certificate.
    pub ca: PathBuf,
    /// The client's certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// A package index with basic auth.
#[derive(Debug)]
pub struct PrivateIndex {
    /// Its address, without credentials.
    pub url: String,
    /// Who may read it.
    pub user: String,
    /// The secret that must stay secret.
    pub password: String,
}

impl Lab {
    /// Reads the environment and asks every part whether it is there.
    ///
    /// # Errors
    /// What is missing and what to do about it.
    pub fn find() -> Result<Self, String> {
        let lab = Self::from_variables()?;
        lab.check()?;
        Ok(lab)
    }

    fn from_variables() -> Result<Self, String> {
        let mut missing = Vec::new();
        let mut text = |name: &str| match std::env::var(name) {
            Ok(value) if !value.is_empty() => value,
            _ => {
                missing.push(name.to_owned());
                String::new()
            }
        };
        let lab = Self {
            state: text("IMAGESPEC_LAB").into(),
            logs: text("IMAGESPEC_LAB_LOGS").into(),
            registry: text("IMAGESPEC_LAB_REGISTRY"),
            tls_registry: TlsRegistry {
                host: text("IMAGESPEC_LAB_TLS_REGISTRY"),
                user: text("IMAGESPEC_LAB_TLS_REGISTRY_USER"),
                password: text("IMAGESPEC_LAB_TLS_REGISTRY_PASSWORD"),
                ca: text("IMAGESPEC_LAB_TLS_REGISTRY_CA").into(),
            },
            ca_bundle: text("IMAGESPEC_LAB_CA_BUNDLE").into(),
            buildkit: text("BUILDKIT_HOST"),
            docker_config: text("DOCKER_CONFIG").into(),
            builder: text("IMAGESPEC_LAB_BUILDER"),
            buildctl: text("IMAGESPEC_LAB_BUILDCTL").into(),
            buildkitd: text("IMAGESPEC_LAB_BUILDKITD").into(),
            docker: text("IMAGESPEC_LAB_DOCKER").into(),
            docker_2010: text("IMAGESPEC_LAB_DOCKER_2010").into(),
            engine_containerd: text("IMAGESPEC_LAB_ENGINE_CONTAINERD"),
            engine_classic: text("IMAGESPEC_LAB_ENGINE_CLASSIC"),
            engine_2010: text("IMAGESPEC_LAB_ENGINE_2010"),
            mtls: Mtls {
                address: text("IMAGESPEC_LAB_MTLS_ADDR"),
                ca: text("IMAGESPEC_LAB_MTLS_CACERT").into(),
                certificate: text("IMAGESPEC_LAB_MTLS_CERT").into(),
                key: text("IMAGESPEC_LAB_MTLS_KEY").into(),
            },
            python_image: text("IMAGESPEC_LAB_PYTHON_IMAGE"),
            uv_image: text("IMAGESPEC_LAB_UV_IMAGE"),
            open_index: text("IMAGESPEC_LAB_OPEN_INDEX"),
            conda_channel: text("IMAGESPEC_LAB_CONDA_CHANNEL"),
            uv_python_list: text("IMAGESPEC_LAB_UV_PYTHON_LIST"),
            private_index: PrivateIndex {
                url: text("IMAGESPEC_LAB_PRIVATE_INDEX"),
                user: text("IMAGESPEC_LAB_PRIVATE_INDEX_USER"),
                password: text("IMAGESPEC_LAB_PRIVATE_INDEX_PASSWORD"),
            },
        };
        if missing.is_empty() {
            return Ok(lab);
        }
        Err(format!(
            "the lab's environment is missing: {} is not set\nstart the lab in this shell and try again:\n  lab=$(lab/up) && eval \"$lab\"\nor run `just e2e`, which does both",
            missing.join(", ")
        ))
    }

    fn check(&self) -> Result<(), String> {
        let daemons = [Daemon::Containerd, Daemon::Classic, Daemon::Engine2010];
        let engines = daemons.map(|daemon| (daemon.to_string(), self.docker(daemon).args(["version"])));
        let buildkitd = (Daemon::Buildkitd.to_string(), self.buildctl().args(["debug", "workers"]));
        let registry = ("registry".to_owned(), Program::new("curl").args(["-sSf", &self.registry_url("")]));
        for (name, program) in engines.into_iter().chain([buildkitd, registry]) {
            let ended = program.run();
            if ended.code != Some(0) {
                let logs = self.logs.display();
                return Err(format!(
                    "{name} does not answer; `lab/up` starts again what died, logs are in {logs}\n{ended}"
                ));
            }
        }
        Ok(())
    }

    /// An address below the plain registry's `/v2/`.
    #[must_use]
    pub fn registry_url(&self, path: &str) -> String {
        format!("http://{}/v2/{path}", self.registry)
    }

    /// How many blobs were uploaded into a repository of the plain registry since it was started, by its log.
    ///
    /// # Panics
    /// When the log cannot be read.
    #[must_use]
    #[track_caller]
    pub fn uploads_into(&self, repository: &str) -> usize {
        let log = std::fs::read(self.logs.join("registry.log")).expect("the registry has a log");
        let request = format!("\"POST /v2/{repository}/blobs/uploads/");
        memchr::memmem::find_iter(&log, request.as_bytes()).count()
    }

    /// `buildctl` for the lab's buildkitd.
    #[must_use]
    pub fn buildctl(&self) -> Program {
        Program::new(&self.buildctl).env("DOCKER_CONFIG", &self.docker_config).option("--addr", &self.buildkit)
    }

    /// Docker's client for a daemon; for buildkitd that is the 28 client on its buildx builder.
    #[must_use]
    pub fn docker(&self, daemon: Daemon) -> Program {
        let client = if daemon == Daemon::Engine2010 { &self.docker_2010 } else { &self.docker };
        Program::new(client).env("DOCKER_CONFIG", &self.docker_config).env("DOCKER_HOST", self.engine(daemon))
    }

    /// The engine that runs what a daemon built: itself, or for buildkitd, which runs nothing, one that pulls.
    #[must_use]
    pub fn engine(&self, daemon: Daemon) -> &str {
        match daemon {
            Daemon::Buildkitd | Daemon::Containerd => &self.engine_containerd,
            Daemon::Classic => &self.engine_classic,
            Daemon::Engine2010 => &self.engine_2010,
        }
    }

    /// The address `imagespec --addr` takes.
    #[must_use]
    pub fn address(&self, daemon: Daemon) -> &str {
        if daemon == Daemon::Buildkitd { &self.buildkit } else { self.engine(daemon) }
    }

    /// The folder that holds all state of a daemon.
    #[must_use]
    pub fn root_of(&self, daemon: Daemon) -> PathBuf {
        match daemon {
            Daemon::Buildkitd => self.state.join("buildkitd"),
            Daemon::Containerd => self.state.join("engines/engine-containerd"),
            Daemon::Classic => self.state.join("engines/engine-classic"),
            Daemon::Engine2010 => self.state.join("engines/engine-2010"),
        }
    }

    /// The folder of the checkout.
    #[must_use]
    pub fn checkout() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the checkout")
    }
}
