//! Chooses the daemon to use, by the user's settings or by default.
//!
//! The order, first match wins: `--addr`; `--builder` or `BUILDX_BUILDER`; `BUILDKIT_HOST`; the builder selected with
//! `docker buildx use`; `DOCKER_HOST`; the Docker context; the default sockets. A daemon that the user names but that
//! can't be used is an error. A default that can't be used is skipped and listed in [`Discovered::considered`].
//!
//! Variables and files are read through an [`Environment`]. No connection is made, except to see whether somebody listens on a default
//! socket: a daemon that was killed leaves its socket behind.

mod buildx;
mod docker;
mod environment;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use thiserror::Error;

pub use self::environment::{Environment, SystemEnvironment};

use crate::address::{Address, AddressError, EngineAddress};
use crate::tls::TlsFiles;

/// Command-line options that select the daemon.
///
/// ```
/// use buildkit_client::discover::{DiscoverOptions, SystemEnvironment, discover};
///
/// let options = DiscoverOptions { address: Some("tcp://build.example:1234".to_owned()), ..DiscoverOptions::default() };
/// let found = discover(&options, &SystemEnvironment)?;
/// assert_eq!(found.address.to_string(), "tcp://build.example:1234");
/// # Ok::<(), buildkit_client::discover::DiscoverError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct DiscoverOptions {
    /// `--addr`.
    pub address: Option<String>,
    /// `--builder`.
    pub builder: Option<String>,
    /// `--tlscacert` and the other TLS flags, for `--addr` or `BUILDKIT_HOST`. With any other daemon they are an error.
    pub tls: Option<TlsFiles>,
}

/// A daemon to connect to.
///
/// ```
/// use buildkit_client::discover::{DiscoverOptions, SystemEnvironment, discover};
///
/// let options = DiscoverOptions { address: Some("tcp://build.example:1234".to_owned()), ..DiscoverOptions::default() };
/// let found = discover(&options, &SystemEnvironment)?;
/// println!("using {} because {}", found.address, found.reason);
/// assert_eq!(found.builder, None, "no builder of buildx led to it");
/// # Ok::<(), buildkit_client::discover::DiscoverError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Discovered {
    /// Its address.
    pub address: Address,
    /// Why it was chosen, for example `BUILDKIT_HOST is set`.
    pub reason: String,
    /// The buildx builder it belongs to, if it was found through one.
    pub builder: Option<Builder>,
    /// All candidates that were considered; the chosen one is last.
    pub considered: Vec<Candidate>,
}

/// A buildx builder.
///
/// ```no_run
/// use buildkit_client::discover::{DiscoverOptions, SystemEnvironment, discover};
///
/// # fn example() -> Result<(), buildkit_client::discover::DiscoverError> {
/// let options = DiscoverOptions { builder: Some("ci".to_owned()), ..DiscoverOptions::default() };
/// if let Some(builder) = discover(&options, &SystemEnvironment)?.builder {
///     println!("{} with the driver {}, node {} of {}", builder.name, builder.driver, builder.node, builder.nodes);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Builder {
    /// Its name.
    pub name: String,
    /// `docker`, `docker-container` or `remote`.
    pub driver: String,
    /// The node that is used; other nodes are ignored.
    pub node: String,
    /// How many nodes it has.
    pub nodes: usize,
    /// Whether the result of a build without an output is loaded into the Engine.
    pub default_load: bool,
}

/// A place where a daemon could be configured.
///
/// ```
/// # use std::{io, path::{Path, PathBuf}};
/// # use buildkit_client::discover::Environment;
/// # struct Bare;
/// # impl Environment for Bare {
/// #     fn variable(&self, _name: &str) -> Option<String> { None }
/// #     fn home(&self) -> Option<PathBuf> { None }
/// #     fn read(&self, _path: &Path) -> io::Result<Vec<u8>> { Err(io::ErrorKind::NotFound.into()) }
/// #     fn exists(&self, _path: &Path) -> bool { false }
/// # }
/// use buildkit_client::discover::{DiscoverError, DiscoverOptions, Outcome, discover};
///
/// let Err(DiscoverError::Nothing { considered }) = discover(&DiscoverOptions::default(), &Bare) else {
///     panic!("a machine without anything has no daemon")
/// };
/// assert!(considered.iter().all(|candidate| candidate.outcome == Outcome::Absent));
/// assert!(considered.iter().any(|candidate| candidate.place.contains("BUILDKIT_HOST")));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candidate {
    /// The place, for example `Docker context "desktop-linux"`.
    pub place: String,
    /// What was found there.
    pub outcome: Outcome,
}

/// The result for a candidate.
///
/// ```
/// use buildkit_client::discover::{DiscoverOptions, Outcome, SystemEnvironment, discover};
///
/// let options = DiscoverOptions { address: Some("tcp://build.example:1234".to_owned()), ..DiscoverOptions::default() };
/// let found = discover(&options, &SystemEnvironment)?;
/// let last = found.considered.last().expect("the one that was chosen");
/// assert!(matches!(last.outcome, Outcome::Chosen(_)));
/// # Ok::<(), buildkit_client::discover::DiscoverError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was chosen.
    Chosen(String),
    /// It is not set or does not exist.
    Absent,
    /// It exists but can't be used.
    Unusable(String),
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Chosen(address) => write!(f, "{}: {address}", self.place),
            Outcome::Absent => write!(f, "{}: none", self.place),
            Outcome::Unusable(problem) => write!(f, "{}: {problem}", self.place),
        }
    }
}

/// Why no daemon was found.
///
/// ```
/// # use std::{io, path::{Path, PathBuf}};
/// # use buildkit_client::discover::Environment;
/// # struct Bare;
/// # impl Environment for Bare {
/// #     fn variable(&self, _name: &str) -> Option<String> { None }
/// #     fn home(&self) -> Option<PathBuf> { None }
/// #     fn read(&self, _path: &Path) -> io::Result<Vec<u8>> { Err(io::ErrorKind::NotFound.into()) }
/// #     fn exists(&self, _path: &Path) -> bool { false }
/// # }
/// use buildkit_client::discover::{DiscoverOptions, discover};
///
/// let error = discover(&DiscoverOptions::default(), &Bare).expect_err("a machine without anything");
/// assert!(error.help().is_some_and(|help| help.contains("start buildkitd")));
/// ```
#[derive(Debug, Error)]
pub enum DiscoverError {
    /// The user named a daemon that can't be used.
    #[error("{place}: {problem}")]
    Unusable {
        /// The setting that names it.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// The user named no daemon and none was found.
    #[error("no BuildKit daemon found; considered {}", list(.considered))]
    Nothing {
        /// All candidates.
        considered: Vec<Candidate>,
    },
}

impl DiscoverError {
    /// What the user can do.
    #[must_use]
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::Unusable { .. } => None,
            Self::Nothing { .. } => {
                Some("start buildkitd or Docker Engine, or choose a daemon with --addr, --builder or BUILDKIT_HOST")
            }
        }
    }
}

fn list(considered: &[Candidate]) -> String {
    considered.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Finds the daemon to use.
///
/// # Errors
/// The user named a daemon that can't be used, or named none and none was found.
pub fn discover(options: &DiscoverOptions, environment: &dyn Environment) -> Result<Discovered, DiscoverError> {
    let mut search = Search { environment, considered: Vec::new() };
    if let Some(text) = &options.address {
        return search.explicit("--addr", text, options.tls.clone());
    }
    let by_variable = || environment.set_variable("BUILDX_BUILDER").map(|name| ("BUILDX_BUILDER", name));
    let builder = options.builder.clone().map(|name| ("--builder", name)).or_else(by_variable);
    match (builder, environment.set_variable("BUILDKIT_HOST")) {
        (None, Some(text)) => return search.explicit("BUILDKIT_HOST", &text, options.tls.clone()),
        _ if options.tls.is_some() => {
            return Err(unusable("TLS flags", "they apply only to a TCP address in --addr or BUILDKIT_HOST"));
        }
        (Some((place, name)), _) => {
            let found = buildx::named(&name, environment).map_err(|problem| unusable(place, problem))?;
            return Ok(search.builder(&format!("{place} names"), found));
        }
        (None, None) => search.absent("BUILDKIT_HOST"),
    }
    match buildx::selected(environment) {
        Ok(Some(found)) => return Ok(search.builder("docker buildx use selected", found)),
        Ok(None) => search.absent("buildx builder in use"),
        Err(problem) => search.unusable("buildx builder in use", problem),
    }
    let named = docker::current_context(environment).map_err(|problem| unusable("Docker configuration", problem))?;
    match named {
        docker::Context::Host(host) => {
            let engine = docker::host_from_environment(&host, environment);
            let engine = engine.map_err(|error| unusable("DOCKER_HOST", error.to_string()))?;
            return Ok(search.chosen("DOCKER_HOST", Address::Engine(engine), None));
        }
        docker::Context::Named { name, set_by } => {
            let place = format!("Docker context {name:?} ({set_by})");
            let engine = docker::context(&name, environment).map_err(|problem| unusable(&place, problem))?;
            return Ok(search.chosen(&place, Address::Engine(engine), None));
        }
        docker::Context::Default => search.absent("Docker context"),
    }
    for (path, make) in usual_sockets(environment) {
        let place = path.display().to_string();
        match (environment.exists(&path), environment.refusal(&path)) {
            (false, _) => search.absent(&place),
            (true, Some(error)) => search.unusable(&place, error.to_string()),
            (true, None) => return Ok(search.chosen(&place, make(path), None)),
        }
    }
    Err(DiscoverError::Nothing { considered: search.considered })
}

/// Finds the Docker Engine that `docker` would use. Images built by another daemon are loaded into it.
///
/// # Errors
/// The Docker configuration names an Engine that can't be used. `Ok(None)` means that no Engine was found.
pub fn discover_engine(environment: &dyn Environment) -> Result<Option<EngineAddress>, DiscoverError> {
    match docker::current_context(environment).map_err(|problem| unusable("Docker configuration", problem))? {
        docker::Context::Host(host) => docker::host_from_environment(&host, environment)
            .map(Some)
            .map_err(|error| unusable("DOCKER_HOST", error.to_string())),
        docker::Context::Named { name, .. } => docker::context(&name, environment)
            .map(Some)
            .map_err(|problem| unusable(&format!("Docker context {name:?}"), problem)),
        docker::Context::Default => {
            let sockets = usual_sockets(environment).into_iter().map(|(path, make)| (path.clone(), make(path)));
            let mut engines = sockets.filter_map(|(path, address)| match address {
                Address::Engine(engine) if environment.exists(&path) && environment.refusal(&path).is_none() => {
                    Some(engine)
                }
                _ => None,
            });
            Ok(engines.next())
        }
    }
}

type MakeAddress = fn(PathBuf) -> Address;

/// The default sockets of daemons, BuildKit's own first (moby/buildkit: `util/appdefaults`).
fn usual_sockets(environment: &dyn Environment) -> Vec<(PathBuf, MakeAddress)> {
    let engine: MakeAddress = |path| Address::Engine(EngineAddress::Unix(path));
    // The variable may be a list; the first entry counts.
    let runtime_dir = environment.set_variable("XDG_RUNTIME_DIR");
    let runtime_dir = runtime_dir.as_deref().and_then(|dirs| dirs.split(':').next()).map(Path::new);
    let mut sockets: Vec<(PathBuf, MakeAddress)> = vec![("/run/buildkit/buildkitd.sock".into(), Address::Unix)];
    sockets.extend(runtime_dir.map(|dir| (dir.join("buildkit/buildkitd.sock"), Address::Unix as MakeAddress)));
    sockets.push((docker::DEFAULT_SOCKET.into(), engine));
    sockets.extend(runtime_dir.map(|dir| (dir.join("docker.sock"), engine)));
    sockets
}

fn unusable(place: &str, problem: impl Into<String>) -> DiscoverError {
    DiscoverError::Unusable { place: place.to_owned(), problem: problem.into() }
}

/// Reads a JSON file; `None` if there is none.
fn read_json<T: DeserializeOwned>(path: &Path, environment: &dyn Environment) -> Result<Option<T>, String> {
    match environment.read(path) {
        Ok(bytes) => {
            serde_json::from_slice(&bytes).map(Some).map_err(|error| format!("can't read {}: {error}", path.display()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("can't read {}: {error}", path.display())),
    }
}

/// The candidates so far.
struct Search<'a> {
    environment: &'a dyn Environment,
    considered: Vec<Candidate>,
}

impl Search<'_> {
    fn explicit(self, place: &str, text: &str, tls: Option<TlsFiles>) -> Result<Discovered, DiscoverError> {
        let address: Address = text.parse().map_err(|error: AddressError| unusable(place, error.to_string()))?;
        let address = match (address, tls) {
            (address, Some(tls)) => address.with_tls(tls).map_err(|error| unusable(place, error.to_string()))?,
            // Docker's TLS settings apply to an Engine that is named by its host.
            (Address::Engine(engine), None) => {
                Address::Engine(engine.with_docker_tls(docker::tls_from_environment(self.environment)))
            }
            (address, None) => address,
        };
        Ok(self.chosen(place, address, None))
    }

    fn builder(self, why: &str, (address, builder): (Address, Builder)) -> Discovered {
        let mut place = format!("{why} buildx builder {:?}", builder.name);
        if builder.nodes > 1 {
            place = format!("{place} (node {:?}, the first of {})", builder.node, builder.nodes);
        }
        self.chosen(&place, address, Some(builder))
    }

    fn chosen(mut self, place: &str, address: Address, builder: Option<Builder>) -> Discovered {
        self.considered.push(Candidate { place: place.to_owned(), outcome: Outcome::Chosen(address.to_string()) });
        Discovered { address, reason: place.to_owned(), builder, considered: self.considered }
    }

    fn absent(&mut self, place: &str) {
        self.considered.push(Candidate { place: place.to_owned(), outcome: Outcome::Absent });
    }

    fn unusable(&mut self, place: &str, problem: String) {
        self.considered.push(Candidate { place: place.to_owned(), outcome: Outcome::Unusable(problem) });
    }
}

#[cfg(test)]
mod tests;
