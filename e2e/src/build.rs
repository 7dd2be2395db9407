//! Builds through every entrance: from the options of a test to the command line that a user would type.
//!
//! `image` and `archive` inspect the result.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::World;
use crate::command::{Ended, Program, Running};
use crate::image::Image;
use crate::space::Space;
use crate::status::Status;
use crate::way::{Daemon, Entrance, Way};

/// Locked while a definition without a session is solved. The daemon merges two equal sources that are requested at the same time, so
/// the builds would get each other's files.
static ONE_COMPILED: Mutex<()> = Mutex::new(());

/// The build argument and the secret id of the CA bundle. `imagespec build` uses the same id, so that all entrances request the same
/// secret.
const CA_ARG: &str = "IMAGESPEC_CA_BUNDLE";
const CA_ID: &str = "ca_bundle";

/// The output of a build.
#[derive(Clone, Debug)]
pub enum Output {
    /// None: the result stays in the cache.
    Cache,
    /// An image that can be run: buildkitd pushes it to the lab's registry, an engine loads it.
    Image,
    /// A file or folder: type (`oci`, `docker`, `tar`, `local`) and destination.
    File(&'static str, PathBuf),
}

/// The progress display.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// For [`Status`].
    Machine,
    /// Plain text.
    Plain,
}

/// Caches that are kept outside of the daemon, as the clients' flags name them.
#[derive(Clone, Debug, Default)]
pub struct Caches {
    /// The imported one.
    pub from: Option<String>,
    /// The exported one.
    pub to: Option<String>,
}

/// A daemon that is not the lab's.
#[derive(Clone, Copy, Debug)]
pub struct Elsewhere<'a> {
    /// Its address.
    pub address: &'a str,
    /// The name of the buildx instance for it.
    pub builder: &'a str,
}

/// The options of a build.
#[derive(Clone, Debug)]
pub struct Build<'a> {
    /// The lab and the programs.
    pub world: &'a World,
    /// The folder of the spec and its files.
    pub space: &'a Space,
    /// The daemon and the entrance.
    pub way: Way,
    /// The spec, relative to the context.
    pub spec: String,
    /// Ids and files of secrets.
    pub secrets: Vec<(String, PathBuf)>,
    /// Whether steps get the lab's CA bundle.
    pub ca_bundle: bool,
    /// The image, in a file of several.
    pub target: Option<&'static str>,
    /// Values that replace the spec's.
    pub set: Vec<&'static str>,
    /// Target platforms that take precedence over the spec's.
    pub platforms: Vec<&'static str>,
    /// The output.
    pub output: Output,
    /// Whether to add a full provenance.
    pub provenance: bool,
    /// Whether to run all steps without cache.
    pub no_cache: bool,
    /// Whether our command line builds even if the last push is up to date.
    pub always: bool,
    /// The caches that are imported and exported.
    pub caches: Caches,
    /// Another daemon of the same kind, if it is not the lab's.
    pub elsewhere: Option<Elsewhere<'a>>,
    /// The progress display.
    pub progress: Progress,
    number: usize,
}

/// A build that succeeded.
#[derive(Debug)]
pub struct Built {
    /// The client's output.
    pub ended: Ended,
    /// The status that the solver reported.
    pub status: Status,
    /// The exporter's metadata; empty with Docker 20.10.
    pub metadata: Value,
}

impl<'a> Build<'a> {
    /// A build of `spec.yaml` in the context to an image.
    #[must_use]
    pub fn new(world: &'a World, space: &'a Space, way: Way) -> Self {
        Self {
            world,
            space,
            way,
            spec: "spec.yaml".to_owned(),
            secrets: Vec::new(),
            ca_bundle: true,
            target: None,
            set: Vec::new(),
            platforms: Vec::new(),
            output: Output::Image,
            provenance: false,
            no_cache: false,
            always: true,
            caches: Caches::default(),
            elsewhere: None,
            progress: Progress::Machine,
            number: space.next_build(),
        }
    }

    /// Sets the spec.
    #[must_use]
    pub fn spec(mut self, spec: &str) -> Self {
        spec.clone_into(&mut self.spec);
        self
    }

    /// Sets the image, in a file of several.
    #[must_use]
    pub fn target(mut self, name: &'static str) -> Self {
        self.target = Some(name);
        self
    }

    /// Sets values that replace the spec's.
    #[must_use]
    pub fn set(mut self, values: &[&'static str]) -> Self {
        self.set.extend(values);
        self
    }

    /// Adds the credentials of the private index, with the id of the first entry in `pip_secret_mounts`.
    #[must_use]
    pub fn with_netrc(mut self) -> Self {
        let netrc = self.space.netrc(&self.world.lab);
        self.secrets.push(("secret_0".to_owned(), netrc));
        self
    }

    /// Sets the output.
    #[must_use]
    pub fn output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// Adds a secret with a text.
    ///
    /// # Panics
    /// If it cannot be written.
    #[must_use]
    #[track_caller]
    pub fn with_secret(mut self, id: &str, text: &str) -> Self {
        let path = self.space.sibling(id);
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        self.secrets.push((id.to_owned(), path));
        self
    }

    /// Adds a full provenance.
    #[must_use]
    pub fn with_provenance(mut self) -> Self {
        self.provenance = true;
        self
    }

    /// Runs all steps without cache.
    #[must_use]
    pub fn without_cache(mut self) -> Self {
        self.no_cache = true;
        self
    }

    /// Builds only if something has changed since the last push.
    #[must_use]
    pub fn unless_up_to_date(mut self) -> Self {
        self.always = false;
        self
    }

    /// Shows progress as plain text.
    #[must_use]
    pub fn plainly(mut self) -> Self {
        self.progress = Progress::Plain;
        self
    }

    /// The name with which the image is pushed or loaded.
    ///
    /// In an engine every build has its own name, because giving a name to another image deletes the image that had it: see
    /// [`Daemon::loses_results`].
    #[must_use]
    pub fn name(&self) -> String {
        match self.way.daemon {
            Daemon::Buildkitd => format!("{}/e2e/{}:latest", self.world.lab.registry, self.space.name()),
            _ => format!("imagespec-e2e/{}:{}", self.space.name(), self.number),
        }
    }

    /// Builds, with or without success.
    #[track_caller]
    pub fn run(&self) -> Ended {
        self.program().run()
    }

    /// Starts the build.
    #[track_caller]
    pub fn start(&self) -> Running {
        self.program().start()
    }

    /// Builds, and fails the test if the build fails.
    #[track_caller]
    pub fn ok(&self) -> Built {
        // The file may be from an earlier build of the same test.
        let _ = std::fs::remove_file(self.metadata_file());
        let turn = (self.way.entrance == Entrance::Compile)
            .then(|| ONE_COMPILED.lock().unwrap_or_else(PoisonError::into_inner));
        let ended = self.run().expect_code(0);
        drop(turn);
        let status = match (self.progress, self.is_2010_docker()) {
            (Progress::Machine, false) => Status::from_json_lines(&ended.stderr),
            _ => Status::from_plain(&ended.stderr),
        };
        let metadata = std::fs::read(self.metadata_file()).unwrap_or_else(|_| b"null".to_vec());
        let metadata = serde_json::from_slice(&metadata).expect("the metadata file is JSON");
        Built { ended, status, metadata }
    }

    /// Builds again, and checks that no step runs.
    ///
    /// In a chain of steps, the test needs expensive steps of its own: while another build that ran such a step is still running, the
    /// daemon repeats the steps above it.
    ///
    /// # Panics
    /// If a step ran. With daemons that lose results ([`Daemon::loses_results`]), several attempts are made.
    #[track_caller]
    pub fn again(&self) -> (Built, Image<'a>) {
        let tries = if self.way.daemon.loses_results() { 5 } else { 1 };
        let mut ran = Vec::new();
        for _ in 0..tries {
            let (built, image) = self.image();
            if built.status.ran().is_empty() {
                return (built, image);
            }
            ran.push(built.status.ran().join(", "));
        }
        panic!("steps ran again: {ran:?}");
    }

    /// Builds an image that can be run and inspected.
    #[track_caller]
    pub fn image(&self) -> (Built, Image<'a>) {
        let built = self.ok();
        let image = match self.way.daemon {
            Daemon::Buildkitd => {
                let digest = built.metadata["containerimage.digest"].as_str();
                let digest =
                    digest.unwrap_or_else(|| panic!("no digest of the image was reported: {}", built.metadata));
                let repository = self.name();
                let repository = repository.trim_end_matches(":latest");
                Image::new(self.world, Daemon::Containerd, format!("{repository}@{digest}"))
            }
            engine => Image::new(self.world, engine, self.name()),
        };
        (built, image)
    }

    fn is_2010_docker(&self) -> bool {
        self.way == Way::new(Daemon::Engine2010, Entrance::Docker)
    }

    fn metadata_file(&self) -> PathBuf {
        self.space.sibling("metadata.json")
    }

    #[track_caller]
    fn program(&self) -> Program {
        match self.way.entrance {
            Entrance::Buildctl => self.buildctl(),
            Entrance::Docker => self.docker(),
            Entrance::Imagespec => self.imagespec(),
            Entrance::Compile => self.compiled(),
        }
    }

    fn buildctl(&self) -> Program {
        let mut options =
            vec![format!("source={}", self.world.programs.frontend_image), format!("filename={}", self.spec)];
        if self.ca_bundle {
            options.push(format!("build-arg:{CA_ARG}={CA_ID}"));
        }
        if !self.platforms.is_empty() {
            options.push(format!("platform={}", self.platforms.join(",")));
        }
        options.extend(self.target.map(|target| format!("target={target}")));
        options.extend(self.set_arg().map(|arg| format!("build-arg:{arg}")));
        if self.provenance {
            options.push("attest:provenance=mode=max".to_owned());
        }
        let program = match self.elsewhere {
            Some(other) => Program::new(&self.world.lab.buildctl).args(["--addr", other.address]),
            None => self.world.lab.buildctl(),
        };
        let program = program.args(["build", "--frontend", "gateway.v0"]);
        let program = self.caches.from.iter().fold(program, |program, cache| program.args(["--import-cache", cache]));
        let program = self.caches.to.iter().fold(program, |program, cache| program.args(["--export-cache", cache]));
        let program = program.args(options.iter().flat_map(|option| ["--opt", option]));
        self.buildctl_rest(program, "")
    }

    /// The arguments of `buildctl` that do not depend on who compiles the graph.
    fn buildctl_rest(&self, program: Program, exporter_attributes: &str) -> Program {
        let context = self.space.context();
        let program = ["context", "dockerfile"]
            .into_iter()
            .fold(program, |program, name| program.option("--local", format!("{name}={}", context.display())));
        let output = match &self.output {
            Output::Cache => None,
            Output::Image => Some(format!("type=image,name={},push=true{exporter_attributes}", self.name())),
            Output::File(kind, path) => Some(format!("type={kind},dest={}{exporter_attributes}", path.display())),
        };
        let program = output.into_iter().fold(program, |program, output| program.option("--output", output));
        let program = if self.no_cache { program.arg("--no-cache") } else { program };
        self.secrets(program).args(["--progress", self.progress()]).arg("--metadata-file").arg(self.metadata_file())
    }

    /// Runs `imagespec compile` for this build, with the definition on stdout.
    #[track_caller]
    pub fn definition(&self) -> Ended {
        self.ours("compile", self.world.lab.address(self.way.daemon)).args(["--format", "pb"]).ok()
    }

    /// Uses the graph of our command line with `buildctl`.
    #[track_caller]
    fn compiled(&self) -> Program {
        let config = self.space.sibling("config.json");
        let compile = self.ours("compile", self.world.lab.address(self.way.daemon)).args(["--format", "pb"]);
        let graph = compile.arg("--config-file").arg(&config).ok().stdout;
        let config = std::fs::read_to_string(&config).expect("compile wrote the image config");
        // The exporter's attributes are one line of CSV.
        let attribute = format!(",\"containerimage.config={}\"", config.replace('"', "\"\""));
        let provenance: &[&str] = if self.provenance { &["--opt", "attest:provenance=mode=max"] } else { &[] };
        let program = self.world.lab.buildctl().arg("build").args(provenance);
        self.buildctl_rest(program, &attribute).stdin(graph)
    }

    fn docker(&self) -> Program {
        let daemon = self.way.daemon;
        let program = self.world.lab.docker(daemon).env("DOCKER_BUILDKIT", "1");
        let program = match daemon {
            Daemon::Engine2010 => program.arg("build"),
            Daemon::Buildkitd => {
                let builder = self.elsewhere.map_or(self.world.lab.builder.as_str(), |other| other.builder);
                program.args(["buildx", "build", "--builder", builder])
            }
            Daemon::Containerd | Daemon::Classic => program.args(["buildx", "build", "--builder", "default"]),
        };
        let program = if daemon == Daemon::Engine2010 {
            program.args(["--progress", "plain"])
        } else {
            let provenance = if self.provenance { "mode=max" } else { "false" };
            let program = program.args(["--progress", self.progress(), "--provenance", provenance]);
            program.arg("--metadata-file").arg(self.metadata_file())
        };
        let program = program.args(self.destination());
        let program = if self.ca_bundle { program.option("--build-arg", format!("{CA_ARG}={CA_ID}")) } else { program };
        let program =
            self.set_arg().into_iter().fold(self.common(program), |program, arg| program.option("--build-arg", arg));
        let context = self.space.context();
        self.secrets(program).arg("--file").arg(context.join(&self.spec)).arg(context)
    }

    fn imagespec(&self) -> Program {
        let address = self.elsewhere.map_or(self.world.lab.address(self.way.daemon), |other| other.address);
        let program = self.ours("build", address).args(["--progress", self.progress()]);
        let program = program.args(self.destination()).arg("--metadata-file").arg(self.metadata_file());
        if self.provenance { program.arg("--provenance=mode=max") } else { program }
    }

    /// `imagespec COMMAND` for this spec, with its secrets and the daemon's address. The caller adds the output and the progress display.
    #[must_use]
    pub fn ours(&self, command: &str, address: &str) -> Program {
        let World { lab, programs, .. } = self.world;
        let program = Program::new(&programs.imagespec).env("DOCKER_CONFIG", &lab.docker_config);
        let program = program.env("IMAGESPEC_CACHE_DIR", &programs.answers);
        let program = self.common(program.args([command, "--addr", address]));
        let program = self
            .secrets
            .iter()
            .fold(program, |program, (id, path)| program.option("--secret", format!("id={id},src={}", path.display())));
        let program = if self.ca_bundle { program.arg("--ca-bundle").arg(&lab.ca_bundle) } else { program };
        let program = self.set.iter().fold(program, |program, value| program.args(["--set", value]));
        let program = if self.always && command == "build" { program.arg("--always-build") } else { program };
        program.arg("--file").arg(self.space.context().join(&self.spec)).arg(self.space.context())
    }

    /// The flags for the output, which Docker's client and ours share.
    #[must_use]
    pub fn destination(&self) -> Vec<String> {
        let image = |flag: &str| vec![flag.to_owned(), "--tag".to_owned(), self.name()];
        match (&self.output, self.way) {
            (Output::Image, way) if way.daemon == Daemon::Buildkitd => image("--push"),
            // It supports only this destination, without the flag.
            (Output::Image, _) if self.is_2010_docker() => vec!["--tag".to_owned(), self.name()],
            (Output::Image, _) => image("--load"),
            (Output::Cache, _) => Vec::new(),
            (Output::File(kind, path), _) => {
                vec!["--output".to_owned(), format!("type={kind},dest={}", path.display())]
            }
        }
    }

    /// Flags that Docker's client and ours share.
    fn common(&self, program: Program) -> Program {
        let program = if self.no_cache { program.arg("--no-cache") } else { program };
        let program = self.target.into_iter().fold(program, |program, target| program.args(["--target", target]));
        let program = self.caches.from.iter().fold(program, |program, cache| program.args(["--cache-from", cache]));
        let program = self.caches.to.iter().fold(program, |program, cache| program.args(["--cache-to", cache]));
        if self.platforms.is_empty() { program } else { program.option("--platform", self.platforms.join(",")) }
    }

    /// Secrets for clients without our CA option.
    fn secrets(&self, program: Program) -> Program {
        let bundle = self.ca_bundle.then(|| (CA_ID.to_owned(), self.world.lab.ca_bundle.clone()));
        self.secrets
            .iter()
            .cloned()
            .chain(bundle)
            .fold(program, |program, (id, path)| program.option("--secret", format!("id={id},src={}", path.display())))
    }

    /// The values for clients without our option.
    fn set_arg(&self) -> Option<String> {
        (!self.set.is_empty()).then(|| format!("IMAGESPEC_SET={}", self.set.join("\n")))
    }

    fn progress(&self) -> &'static str {
        match self.progress {
            Progress::Machine => "rawjson",
            Progress::Plain => "plain",
        }
    }
}
