//! Where a result goes: exporters before the build, loading beside it, pushing and reporting after it.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use buildkit_client::dial::{Connection, ImageStore};
use buildkit_client::discover::{SystemEnvironment, discover_engine};
use buildkit_client::engine::{Engine, ImageError, ImageEvent, RegistryAuth};
use buildkit_client::metadata;
use buildkit_client::output::{DaemonFacts, LoadEngine, Output, OutputOptions, OutputPlan, Target, plan_outputs};
use buildkit_client::progress::{ProgressSender, Stream};
use buildkit_client::session::SessionBuilder;
use buildkit_client::session::exports::ExportTarget;
use buildkit_client::solve::{Exporter, SolveResponse};
use imagespec::ImageSpec;
use tokio::task::JoinHandle;

use crate::args::BuildArgs;
use crate::command::build::flag;
use crate::error::CliError;
use crate::{daemon, print, session};

/// An image on its way into an Engine.
type Loading = JoinHandle<Result<bool, ImageError>>;

/// A planned delivery.
pub(crate) struct Delivery {
    plan: OutputPlan,
    /// The Engine that loads what a daemon of its own builds, or that pushes what its own BuildKit cannot.
    engine: Option<Engine>,
    /// Whether the daemon is an Engine with the containerd image store.
    keeps_manifests: bool,
}

impl Delivery {
    pub(crate) async fn plan(args: &BuildArgs, spec: &ImageSpec, connection: &Connection) -> Result<Self, CliError> {
        let outputs: Vec<Output> =
            args.output.output.iter().map(|text| text.parse()).collect::<Result<_, _>>().map_err(flag)?;
        let platforms =
            if args.options.platform.is_empty() { spec.platform.len() } else { args.options.platform.len() };
        let mut opts = BTreeMap::new();
        super::attest::add(&mut opts, &args.output)?;
        let options = OutputOptions {
            outputs,
            push: args.output.push,
            load: args.output.load,
            tags: args.output.tag.clone(),
            multi_platform: platforms > 1,
            attestations: super::attest::any(&opts),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            image_id_file: args.output.iidfile.is_some(),
        };
        let found = daemon::find(&args.daemon)?;
        let default_load = found.builder.as_ref().is_some_and(|builder| builder.default_load);
        let engine = engine(args, connection, default_load).await?;
        let load_engine = match &engine {
            Some(engine) if connection.image_store() == ImageStore::None => {
                Some(LoadEngine { containerd_store: engine.has_containerd_store().await.unwrap_or(false) })
            }
            _ => None,
        };
        let facts = DaemonFacts {
            store: connection.image_store(),
            load_engine,
            default_load,
            // Older daemons say so themselves when asked for more than one.
            multiple_exporters: true,
        };
        let mut plan = plan_outputs(&options, &facts).map_err(|error| CliError::Input(error.to_string()))?;
        annotate(args, &mut plan)?;
        for warning in &plan.warnings {
            print::note(&format!("warning: {warning}\n"));
        }
        Ok(Self { plan, engine, keeps_manifests: connection.image_store() == ImageStore::Containerd })
    }

    pub(crate) fn exporters(&self) -> Vec<Exporter> {
        self.plan.exports.iter().map(|export| export.exporter.clone()).collect()
    }

    /// Lets the session receive what comes to the client; what is loaded into an Engine goes on beside the build.
    pub(crate) fn attach(&self, mut session: SessionBuilder) -> Result<(SessionBuilder, Vec<Loading>), CliError> {
        let mut loads = Vec::new();
        for (index, export) in (0..).zip(&self.plan.exports) {
            let target = match &export.target {
                None => continue,
                Some(Target::Directory(path)) => ExportTarget::Directory(path.clone()),
                Some(Target::File(path)) => ExportTarget::File(path.clone()),
                Some(Target::Stdout) => ExportTarget::Writer(Box::new(tokio::io::stdout())),
                Some(Target::Engine { .. }) => {
                    let engine =
                        self.engine.as_ref().ok_or_else(|| CliError::Internal("no Engine to load into".to_owned()))?;
                    let (writer, load) = engine.load();
                    loads.push(tokio::spawn(load.run(|_| {})));
                    ExportTarget::Writer(Box::new(writer))
                }
            };
            session = session.with_export(index, target);
        }
        Ok((session, loads))
    }

    /// The files and lines that tell other programs what came of it.
    pub(crate) fn report(&self, args: &BuildArgs, response: &SolveResponse) -> Result<(), CliError> {
        let id = self.image_id(response);
        if let Some(path) = &args.output.metadata_file {
            metadata::write_metadata_file(path, &metadata::metadata(&response.exporter_response))
                .map_err(|error| CliError::Output(format!("cannot write {}: {error}", path.display())))?;
        }
        if let (Some(path), Some(id)) = (&args.output.iidfile, id) {
            metadata::write_image_id_file(path, id)
                .map_err(|error| CliError::Output(format!("cannot write {}: {error}", path.display())))?;
        }
        match (args.output.quiet, id) {
            (true, Some(id)) => print::data(&format!("{id}\n")),
            _ => Ok(()),
        }
    }

    /// What the user's programs can call the image: the containerd store knows images by their manifests alone.
    fn image_id<'r>(&self, response: &'r SolveResponse) -> Option<&'r str> {
        let manifest = response.exporter_response.get("containerimage.digest").filter(|_| self.keeps_manifests);
        manifest.map(String::as_str).or_else(|| metadata::image_id(&response.exporter_response))
    }
}

/// The Engine beside or behind the daemon, looked for only when something has to be loaded.
async fn engine(args: &BuildArgs, connection: &Connection, default_load: bool) -> Result<Option<Engine>, CliError> {
    if let Some(engine) = connection.engine() {
        return Ok(Some(engine.clone()));
    }
    let wants_load =
        args.output.load || default_load || args.output.output.iter().any(|output| output.contains("type=docker"));
    if !wants_load {
        return Ok(None);
    }
    let found = discover_engine(&SystemEnvironment).map_err(|error| CliError::Input(error.to_string()))?;
    match found {
        None => Ok(None),
        Some(address) => Ok(Some(Engine::open(&address, &daemon::dial_options(&args.daemon)).await?)),
    }
}

/// `--annotation KEY=VALUE` on every image exporter.
fn annotate(args: &BuildArgs, plan: &mut OutputPlan) -> Result<(), CliError> {
    for annotation in &args.output.annotation {
        let (name, value) = match annotation.split_once('=') {
            Some((name, value)) if !name.is_empty() => (name, value),
            _ => return Err(CliError::Input(format!("--annotation {annotation:?} is not NAME=VALUE"))),
        };
        // `index:KEY` and the like say where; alone it is the manifest's.
        let key = match name.split_once(':') {
            Some((place, name)) => format!("annotation-{place}.{name}"),
            None => format!("annotation.{name}"),
        };
        for export in &mut plan.exports {
            if matches!(export.exporter.kind.as_str(), "image" | "moby" | "oci" | "docker") {
                export.exporter.attrs.insert(key.clone(), value.to_owned());
            }
        }
    }
    Ok(())
}

/// What remains when the daemon is done: loads end, and names are pushed that the Engine's BuildKit could not push.
pub(crate) async fn finish(
    delivery: &Delivery,
    loads: &mut Vec<Loading>,
    progress: ProgressSender,
) -> Result<(), CliError> {
    for load in loads.drain(..) {
        let step = progress.start("loading the image into the Engine").await;
        match load.await {
            Ok(Ok(_)) => step.done().await,
            Ok(Err(error)) => {
                step.fail(error.to_string()).await;
                return Err(CliError::Refused(error.to_string()));
            }
            Err(error) => return Err(CliError::Internal(format!("loading stopped: {error}"))),
        }
    }
    for name in &delivery.plan.push_afterwards {
        let Some(engine) = &delivery.engine else { continue };
        let step = progress.start(format!("pushing {name}")).await;
        let login = login(name).await?;
        let mut lines = Vec::new();
        let pushed = engine
            .push(name, Some(&login), |event| {
                if let ImageEvent::Message(line) = event {
                    lines.push(line);
                }
            })
            .await;
        for line in lines {
            step.log(Stream::Stderr, line + "\n").await;
        }
        match pushed {
            Ok(()) => step.done().await,
            Err(error) => {
                step.fail(error.to_string()).await;
                return Err(CliError::Refused(error.to_string()));
            }
        }
    }
    Ok(())
}

/// The user's login for an image's registry; an Engine that pushes has none of its own.
async fn login(name: &str) -> Result<RegistryAuth, CliError> {
    let full = imagespec_compile::normalize_reference(name).map_err(CliError::Input)?;
    let host = full.split('/').next().unwrap_or_default();
    session::registry_auth()?
        .engine_login(host)
        .await
        .map_err(|status| CliError::Refused(format!("no credentials for {host}: {}", status.message())))
}

/// What became of loads when the build failed: an Engine that refuses an archive breaks the pipe the daemon writes to, and only
/// the Engine knows why.
pub(crate) async fn load_failure(loads: Vec<Loading>) -> Option<CliError> {
    for load in loads {
        if let Ok(Err(error)) = load.await {
            return Some(CliError::Refused(error.to_string()));
        }
    }
    None
}
