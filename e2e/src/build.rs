//! One build through any entrance: from what a test wants to the command line a user would type.
//!
//! What the result is, `image` and `archive` look into.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::World;
use crate::command::{Ended, Program, Running};
use crate::image::Image;
use crate::space::Space;
use crate::status::Status;
use crate::way::{Daemon, Entrance, Way};

/// Held while a definition is solved that names no session. The daemon takes two sources that look alike, and are asked for at
/// the same time, for one: the builds would get each other's files.
static ONE_COMPILED: Mutex<()> = Mutex::new(());

/// The build arg and the secret id of the CA bundle. The id is the one `imagespec build` uses, so that all entrances ask for
/// the same.
const CA_ARG: &str = "IMAGESPEC_CA_BUNDLE";
const CA_ID: &str = "ca_bundle";

/// What becomes of the result.
#[derive(Clone, Debug)]
pub enum Output {
    /// It stays in the cache.
    Cache,
    /// An image that can be run: pushed to the lab's registry by buildkitd, loaded into an engine.
    Image,
    /// A file or folder: type (`oci`, `docker`, `tar`, `local`) and destination.
    File(&'static str, PathBuf),
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// For [`Status`].
    Machine,
    /// For people.
    Plain,
}

/// What a test wants built.
#[derive(Clone, Debug)]
pub struct Build<'a> {
    /// Lab and programs.
    pub world: &'a World,
    /// Where the spec and its files are.
    pub space: &'a Space,
    /// Who builds and who asks.
    pub way: Way,
    /// The spec, relative to the context.
    pub spec: String,
    /// Ids and files of secrets.
    pub secrets: Vec<(String, PathBuf)>,
    /// Whether steps get the lab's CA bundle.
    pub ca_bundle: bool,
    /// Which image of a file of several.
    pub target: Option<&'static str>,
    /// Values that take the place of the spec's.
    pub set: Vec<&'static str>,
    /// Target platforms that win over the spec's.
    pub platforms: Vec<&'static str>,
    /// What becomes of it.
    pub output: Output,
    /// Whether a provenance with everything in it goes with the image.
    pub provenance: bool,
    /// Whether all steps run again.
    pub no_cache: bool,
    /// Whether our command line builds also what its last push has built already.
    pub always: bool,
    /// How progress is shown.
    pub progress: Progress,
}

/// A build that succeeded.
#[derive(Debug)]
pub struct Built {
    /// What the client printed.
    pub ended: Ended,
    /// What the solver told.
    pub status: Status,
    /// What the exporter told; Docker 20.10 tells nothing.
    pub metadata: Value,
}

impl<'a> Build<'a> {
    /// `spec.yaml` of the context into an image.
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
            progress: Progress::Machine,
        }
    }

    /// Another spec.
    #[must_use]
    pub fn spec(mut self, spec: &str) -> Self {
        spec.clone_into(&mut self.spec);
        self
    }

    /// One image of a file of several.
    #[must_use]
    pub fn target(mut self, name: &'static str) -> Self {
        self.target = Some(name);
        self
    }

    /// Values that take the place of the spec's.
    #[must_use]
    pub fn set(mut self, values: &[&'static str]) -> Self {
        self.set.extend(values);
        self
    }

    /// The credentials of the private index, under the id of the first of `pip_secret_mounts`.
    #[must_use]
    pub fn with_netrc(mut self) -> Self {
        let netrc = self.space.netrc(&self.world.lab);
        self.secrets.push(("secret_0".to_owned(), netrc));
        self
    }

    /// Another output.
    #[must_use]
    pub fn output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// A secret with its text.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    #[track_caller]
    pub fn with_secret(mut self, id: &str, text: &str) -> Self {
        let path = self.space.beside(id);
        std::fs::write(&path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        self.secrets.push((id.to_owned(), path));
        self
    }

    /// With a full provenance.
    #[must_use]
    pub fn with_provenance(mut self) -> Self {
        self.provenance = true;
        self
    }

    /// Running every step.
    #[must_use]
    pub fn without_cache(mut self) -> Self {
        self.no_cache = true;
        self
    }

    /// Not where our command line finds that nothing has changed since the last push.
    #[must_use]
    pub fn unless_up_to_date(mut self) -> Self {
        self.always = false;
        self
    }

    /// Progress as people see it.
    #[must_use]
    pub fn plainly(mut self) -> Self {
        self.progress = Progress::Plain;
        self
    }

    /// The image's name for pushing or loading.
    #[must_use]
    pub fn name(&self) -> String {
        match self.way.daemon {
            Daemon::Buildkitd => format!("{}/e2e/{}:latest", self.world.lab.registry, self.space.name()),
            _ => format!("imagespec-e2e/{}:latest", self.space.name()),
        }
    }

    /// Builds; success is for the test to judge.
    #[track_caller]
    pub fn run(&self) -> Ended {
        self.program().run()
    }

    /// Starts to build.
    #[track_caller]
    pub fn start(&self) -> Running {
        self.program().start()
    }

    /// Builds, which must succeed.
    #[track_caller]
    pub fn ok(&self) -> Built {
        // Of an earlier build of the same test.
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

    /// Builds again what was built before: nothing is left to do.
    ///
    /// Where steps form a chain, those that cost something must be this test's own: while another build that carried out one of
    /// them is still running, the daemon runs those above it once more.
    ///
    /// # Panics
    /// A step ran. Where results get lost ([`Daemon::loses_results`]) it is tried a few times.
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

    /// Builds an image that can be run and looked into.
    #[track_caller]
    pub fn image(&self) -> (Built, Image<'a>) {
        let built = self.ok();
        let image = match self.way.daemon {
            Daemon::Buildkitd => {
                let digest = built.metadata["containerimage.digest"].as_str();
                let digest = digest.unwrap_or_else(|| panic!("no digest of the image was told: {}", built.metadata));
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
        self.space.beside("metadata.json")
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
        let program = self.world.lab.buildctl().args(["build", "--frontend", "gateway.v0"]);
        let program = program.args(options.iter().flat_map(|option| ["--opt", option]));
        self.buildctl_rest(program, "")
    }

    /// What `buildctl` is given whoever makes the graph.
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

    /// `imagespec compile` for this build: the definition on stdout.
    #[track_caller]
    pub fn definition(&self) -> Ended {
        self.ours("compile", self.world.lab.address(self.way.daemon)).args(["--format", "pb"]).ok()
    }

    /// The graph from our command line, everything else from `buildctl`'s.
    #[track_caller]
    fn compiled(&self) -> Program {
        let config = self.space.beside("config.json");
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
            Daemon::Buildkitd => program.args(["buildx", "build", "--builder", &self.world.lab.builder]),
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
        let program = self.ours("build", self.world.lab.address(self.way.daemon)).args(["--progress", self.progress()]);
        let program = program.args(self.destination()).arg("--metadata-file").arg(self.metadata_file());
        if self.provenance { program.arg("--provenance=mode=max") } else { program }
    }

    /// `imagespec COMMAND` on this spec with its secrets for the daemon at an address; output and progress are for the caller
    /// to choose.
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

    /// Where the result goes, in the words of Docker's client and ours.
    #[must_use]
    pub fn destination(&self) -> Vec<String> {
        let image = |flag: &str| vec![flag.to_owned(), "--tag".to_owned(), self.name()];
        match (&self.output, self.way) {
            (Output::Image, way) if way.daemon == Daemon::Buildkitd => image("--push"),
            // It knows no other place, nor the flag.
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
        if self.platforms.is_empty() { program } else { program.option("--platform", self.platforms.join(",")) }
    }

    /// Secrets for clients that do not know of our CA option.
    fn secrets(&self, program: Program) -> Program {
        let bundle = self.ca_bundle.then(|| (CA_ID.to_owned(), self.world.lab.ca_bundle.clone()));
        self.secrets
            .iter()
            .cloned()
            .chain(bundle)
            .fold(program, |program, (id, path)| program.option("--secret", format!("id={id},src={}", path.display())))
    }

    /// The same for clients that do not know of our option.
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
