//! The lab, as exported by `lab/up`: the addresses of the daemons and the programs for them.
//!
//! Nothing is started here: if the lab is missing, this is reported once and no test runs.

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
    /// The registry with a password and its own certificate.
    pub tls_registry: TlsRegistry,
    /// Certificates that steps need to reach PyPI.
    pub ca_bundle: PathBuf,
    /// The address of buildkitd.
    pub buildkit: String,
    /// The folder of Docker's configuration, with buildx and its builder.
    pub docker_config: PathBuf,
    /// The buildx instance for buildkitd.
    pub builder: String,
    /// The program `buildctl`.
    pub buildctl: PathBuf,
    /// The program `buildkitd`.
    pub buildkitd: PathBuf,
    /// Docker's client, 28.
    pub docker: PathBuf,
    /// Docker's client, 20.10.
    pub docker_2010: PathBuf,
    /// The address of the engine with the containerd image store.
    pub engine_containerd: String,
    /// The address of the engine with the classic image store.
    pub engine_classic: String,
    /// The address of the engine 20.10.
    pub engine_2010: String,
    /// The second buildkitd, which requires client certificates.
    pub mtls: Mtls,
    /// The base image of most tests.
    pub python_image: String,
    /// The image with uv.
    pub uv_image: String,
    /// The package index without a password.
    pub open_index: String,
    /// The conda channel `conda-forge`.
    pub conda_channel: String,
    /// The list of interpreters that uv can install.
    pub uv_python_list: String,
    /// The index with a password.
    pub private_index: PrivateIndex,
}

/// A registry with a password.
#[derive(Debug)]
pub struct TlsRegistry {
    /// Its host and port.
    pub host: String,
    /// The user who may push.
    pub user: String,
    /// The password, which must not leak.
    pub password: String,
    /// The CA of its certificate.
    pub ca: PathBuf,
}

impl TlsRegistry {
    /// Its credentials in Docker's configuration.
    #[must_use]
    pub fn auth(&self) -> String {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.encode(format!("{}:{}", self.user, self.password))
    }

    /// A Docker configuration with its credentials.
    #[must_use]
    pub fn config(&self) -> String {
        serde_json::json!({"auths": {&self.host: {"auth": self.auth()}}}).to_string()
    }
}

/// A daemon that requires client certificates.
#[derive(Debug)]
pub struct Mtls {
    /// Its address.
    pub address: String,
    /// The CA of the daemon's certificate.
    pub ca: PathBuf,
    /// The client's certificate.
    pub certificate: PathBuf,
    /// The client's key.
    pub key: PathBuf,
}

/// A package index with basic authentication.
#[derive(Debug)]
pub struct PrivateIndex {
    /// Its address, without credentials.
    pub url: String,
    /// The user who may read it.
    pub user: String,
    /// The password, which must not leak.
    pub password: String,
}

impl Lab {
    /// Reads the environment and checks that every part responds.
    ///
    /// # Errors
    /// What is missing, and how to fix it.
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
                    "{name} does not respond; `lab/up` restarts dead parts, logs are in {logs}\n{ended}"
                ));
            }
        }
        Ok(())
    }

    /// A URL below `/v2/` of the plain registry.
    #[must_use]
    pub fn registry_url(&self, path: &str) -> String {
        format!("http://{}/v2/{path}", self.registry)
    }

    /// The number of blobs that were uploaded to a repository of the plain registry since its start, according to its log.
    ///
    /// # Panics
    /// If the log cannot be read.
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

    /// Docker's client for a daemon; for buildkitd, the 28 client with its buildx builder.
    #[must_use]
    pub fn docker(&self, daemon: Daemon) -> Program {
        let client = if daemon == Daemon::Engine2010 { &self.docker_2010 } else { &self.docker };
        Program::new(client).env("DOCKER_CONFIG", &self.docker_config).env("DOCKER_HOST", self.engine(daemon))
    }

    /// The engine that runs the images of a daemon: the daemon itself, or, for buildkitd, an engine that pulls them.
    #[must_use]
    pub fn engine(&self, daemon: Daemon) -> &str {
        match daemon {
            Daemon::Buildkitd | Daemon::Containerd => &self.engine_containerd,
            Daemon::Classic => &self.engine_classic,
            Daemon::Engine2010 => &self.engine_2010,
        }
    }

    /// The address for `imagespec --addr`.
    #[must_use]
    pub fn address(&self, daemon: Daemon) -> &str {
        if daemon == Daemon::Buildkitd { &self.buildkit } else { self.engine(daemon) }
    }

    /// The folder with all state of a daemon.
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
