//! `imagespec doctor`: shows which daemon is used and what it supports, and what builds take from this machine. If the daemon does not
//! answer, it shows the rest.

use std::path::PathBuf;

use buildkit_client::dial::{Connection, ImageStore, dial};
use buildkit_client::discover::{DiscoverError, Discovered, SystemEnvironment, discover_engine};
use buildkit_client::info::{DaemonInfo, info};
use buildkit_client::progress;
use buildkit_client::session::Session;
use buildkit_client::session::auth::RegistryAuth;
use buildkit_client::solve::SolveOptions;
use buildkit_gateway::{FrontendResult, Pong};
use imagespec_driver::{DaemonMemory, Solving, Variables, auth_options};
use serde_json::{Value, json};

use crate::args::{DoctorArgs, Progress, TextFormat};
use crate::error::CliError;
use crate::stage::Stage;
use crate::{daemon, print};

/// Capabilities that affect builds, and the effect of a missing one.
const CAPABILITIES: [(&str, &str); 6] = [
    (
        "mergeop",
        "without it, steps form a chain: changing one step reruns all later steps and pushes their layers again",
    ),
    (
        "diffop",
        "without it, steps form a chain: changing one step reruns all later steps and pushes their layers again",
    ),
    ("exec.secretenv", "without it, a small script in the image's shell exports secrets to the installer"),
    ("exec.mount.secret", "without it, private indexes and CA bundles cannot be used"),
    ("exec.mount.cache.sharing", "without it, package caches cannot be shared"),
    ("exporter.sourcedateepoch", "without it, images are not reproducible"),
];

/// Variables that builds read, of which only the names are shown.
const VARIABLES: [&str; 13] = [
    "BUILDKIT_HOST",
    "BUILDX_BUILDER",
    "DOCKER_HOST",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_AUTH_CONFIG",
    "DOCKER_DEFAULT_PLATFORM",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SOURCE_DATE_EPOCH",
];

pub(crate) async fn run(args: &DoctorArgs) -> Result<(), CliError> {
    let machine = Machine::look();
    let found = daemon::discovered(&args.daemon)?;
    let (daemon, failed) = match &found {
        Ok(found) => match Answers::ask(found, args).await {
            Ok(answers) => (Some(answers), None),
            Err(error) => (None, Some(error)),
        },
        Err(error) => (None, Some(daemon::not_found(error))),
    };
    match args.format {
        TextFormat::Json => {
            print::data(&format!("{:#}\n", as_json(&found, daemon.as_ref(), failed.as_ref(), &machine)))?
        }
        TextFormat::Text => print::text(&as_text(&found, daemon.as_ref(), failed.as_ref(), &machine))?,
    }
    failed.map_or(Ok(()), Err)
}

/// What a daemon says of itself.
struct Answers {
    about: DaemonInfo,
    store: &'static str,
    pong: Pong,
}

impl Answers {
    async fn ask(found: &Discovered, args: &DoctorArgs) -> Result<Self, CliError> {
        let connection = dial(&found.address, &daemon::dial_options(&args.daemon)).await.map_err(|error| {
            let help = error.help().map(|help| format!("\n  = help: {help}")).unwrap_or_default();
            // Commands that build refer to this one.
            CliError::NoDaemon(format!("{error}{help}"))
        })?;
        let about = info(&connection).await?;
        let store = match connection.image_store() {
            ImageStore::None => "none (a standalone BuildKit daemon)",
            ImageStore::Classic => "classic",
            ImageStore::Containerd => "containerd",
        };
        Ok(Self { about, store, pong: ping(&connection).await? })
    }

    fn version(&self) -> Option<&str> {
        self.about.version.as_ref().map(|version| version.version.as_str())
    }

    fn platforms(&self) -> Vec<&str> {
        self.about.workers.iter().flat_map(|worker| &worker.platforms).map(String::as_str).collect()
    }
}

/// What builds take from this machine.
struct Machine {
    /// The Docker Engine that `--load` uses.
    engine: Result<Option<String>, String>,
    /// The folder with the answers of earlier builds.
    cache: Option<PathBuf>,
    /// The folder with Docker's configuration.
    config: Option<PathBuf>,
    /// The registries with a login, or what is wrong with the configuration.
    logins: Result<Vec<String>, String>,
    /// The variables that are set.
    variables: Vec<&'static str>,
}

impl Machine {
    fn look() -> Self {
        let variables = Variables::from_process();
        let options = auth_options(None, &variables);
        let config = options.config_dir.clone();
        let auth = RegistryAuth::new(options).map_err(|error| error.to_string());
        let logins = auth.and_then(|auth| match auth.problems().first() {
            Some(problem) => Err(problem.to_string()),
            None => Ok(auth.registries().into_iter().map(str::to_owned).collect()),
        });
        let engine = discover_engine(&SystemEnvironment).map_err(|error| error.to_string());
        Self {
            engine: engine.map(|engine| engine.map(|engine| engine.to_string())),
            cache: DaemonMemory::folder_of(&variables),
            config,
            logins,
            variables: VARIABLES.into_iter().filter(|name| variables.text(name).is_some()).collect(),
        }
    }
}

fn considered(found: &Result<Discovered, DiscoverError>) -> Vec<String> {
    match found {
        Ok(found) => found.considered.iter().map(ToString::to_string).collect(),
        Err(DiscoverError::Nothing { considered }) => considered.iter().map(ToString::to_string).collect(),
        Err(DiscoverError::Unusable { .. }) => Vec::new(),
    }
}

fn as_json(
    found: &Result<Discovered, DiscoverError>,
    daemon: Option<&Answers>,
    failed: Option<&CliError>,
    machine: &Machine,
) -> Value {
    let problems = [machine.engine.as_ref().err(), machine.logins.as_ref().err()];
    let problems: Vec<&String> = problems.into_iter().flatten().collect();
    json!({
        "client": env!("CARGO_PKG_VERSION"),
        "address": found.as_ref().ok().map(|found| found.address.to_string()),
        "reason": found.as_ref().ok().map(|found| found.reason.clone()),
        "considered": considered(found),
        "error": failed.map(ToString::to_string),
        "version": daemon.and_then(Answers::version),
        "image_store": daemon.map(|daemon| daemon.store),
        "platforms": daemon.map(Answers::platforms).unwrap_or_default(),
        "llb_capabilities": daemon.map(|daemon| daemon.pong.llb_caps.iter().collect::<Vec<_>>()).unwrap_or_default(),
        "engine": machine.engine.as_ref().ok(),
        "cache_folder": machine.cache,
        "docker_config": machine.config,
        "logins": machine.logins.as_ref().ok(),
        "problems": problems,
        "variables": machine.variables,
    })
}

fn as_text(
    found: &Result<Discovered, DiscoverError>,
    daemon: Option<&Answers>,
    failed: Option<&CliError>,
    machine: &Machine,
) -> String {
    let mut text = String::new();
    let mut row = |name: &str, value: &str| text += &format!("{name:<12} {value}\n");
    row("imagespec", env!("CARGO_PKG_VERSION"));
    match found {
        Ok(found) => {
            row("daemon", &found.address.to_string());
            row("chosen", &found.reason);
        }
        Err(_) => row("daemon", "none"),
    }
    if failed.is_some() {
        row("answers", "no");
    }
    if let Some(daemon) = daemon {
        row("version", daemon.version().unwrap_or("unknown (older Docker Engines do not report it)"));
        row("image store", daemon.store);
        row("platforms", &daemon.platforms().join(", "));
    }
    let folder =
        |folder: &Option<PathBuf>| folder.as_ref().map_or("none".to_owned(), |path| path.display().to_string());
    row(
        "--load",
        machine.engine.as_ref().map_or_else(String::as_str, |engine| engine.as_deref().unwrap_or("no Docker Engine")),
    );
    row("config", &folder(&machine.config));
    row(
        "logins",
        &match &machine.logins {
            Ok(logins) if logins.is_empty() => "none".to_owned(),
            Ok(logins) => logins.join(", "),
            Err(problem) => problem.clone(),
        },
    );
    row("cache", &folder(&machine.cache));
    row("variables", &if machine.variables.is_empty() { "none".to_owned() } else { machine.variables.join(", ") });
    text += "considered\n";
    for candidate in considered(found) {
        text += &format!("  {candidate}\n");
    }
    let Some(Answers { pong, .. }) = daemon else { return text };
    text += "capabilities\n";
    for (capability, advice) in CAPABILITIES {
        let has = pong.llb_caps.contains(capability);
        let advice = if has { String::new() } else { format!("  ({advice})") };
        text += &format!("  {:<26} {}{advice}\n", capability, if has { "yes" } else { "no" });
    }
    if !pong.llb_caps.contains("mergeop") {
        text += "advice\n  to push only the layers that changed, use a BuildKit daemon, or Docker with the containerd image store\n";
    }
    text
}

/// A daemon reports its capabilities only within a build, so this runs a build with an empty result.
async fn ping(connection: &Connection) -> Result<Pong, CliError> {
    let stage = Stage::open(Progress::Quiet)?;
    let (progress, unseen) = progress::channel();
    drop(unseen);
    let solving = Solving {
        connection,
        session: Session::builder(),
        solve: SolveOptions { internal: true, ..SolveOptions::new() },
        progress: &progress,
        cancel: stage.cancellation(),
    };
    let pong = solving
        .run(
            |handle| async move {
                let bridge = handle.bridge()?;
                let pong = bridge.ping().await?;
                bridge.return_result(FrontendResult::single(None)).await?;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(pong)
            },
            || async { Ok(()) },
        )
        .await;
    stage.close().await;
    Ok(pong?.made)
}
