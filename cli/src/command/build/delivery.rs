//! Where a result goes: exporters before the build, loading beside it, pushing and reporting after it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;
use std::path::Path;

use buildkit_client::dial::{Connection, ImageStore};
use buildkit_client::discover::{SystemEnvironment, discover_engine};
use buildkit_client::engine::{Engine, ImageError, ImageEvent};
use buildkit_client::metadata;
use buildkit_client::output::{DaemonFacts, Output, OutputOptions, OutputPlan, Target, plan_outputs};
use buildkit_client::progress::{ProgressSender, Stream};
use buildkit_client::session::SessionBuilder;
use buildkit_client::session::auth::RegistryAuth;
use buildkit_client::session::exports::ExportTarget;
use buildkit_client::solve::{Exporter, SolveResponse};
use buildkit_proto::keys::{exporter_attr, result};
use imagespec_engine::push_login;
use tokio::task::JoinHandle;

use crate::args::BuildArgs;
use crate::error::CliError;
use crate::{daemon, print};

use super::flag;
use super::image::Image;

/// An image on its way into an Engine.
type Loading = JoinHandle<Result<bool, ImageError>>;

/// What of this machine and its daemon decides where results can go.
pub(super) struct Place {
    /// The Engine that loads what a daemon of its own builds, or that pushes what its own BuildKit cannot.
    engine: Option<Engine>,
    facts: DaemonFacts,
}

impl Place {
    pub(super) async fn find(args: &BuildArgs, connection: &Connection) -> Result<Self, CliError> {
        let found = daemon::find(&args.daemon)?;
        let default_load = found.builder.as_ref().is_some_and(|builder| builder.default_load);
        let engine = engine(args, connection, default_load).await?;
        let facts = DaemonFacts::from_connection(connection, engine.as_ref(), default_load).await;
        Ok(Self { engine, facts })
    }
}

/// A planned delivery.
pub(super) struct Delivery<'p> {
    plan: OutputPlan,
    place: &'p Place,
}

impl<'p> Delivery<'p> {
    pub(super) fn plan(args: &BuildArgs, place: &'p Place, image: &Image) -> Result<Self, CliError> {
        let outputs: Vec<Output> =
            args.output.output.iter().map(|text| text.parse()).collect::<Result<_, _>>().map_err(flag)?;
        let platforms = match args.options.platform.len() {
            0 => image.document.spec.platforms().len(),
            chosen => chosen,
        };
        let mut opts = BTreeMap::new();
        super::attest::add(&mut opts, &args.output)?;
        let options = OutputOptions {
            outputs,
            push: args.output.push,
            load: args.output.load,
            tags: image.tags.clone(),
            multi_platform: platforms > 1,
            attestations: super::attest::any(&opts),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            image_id_file: args.output.iidfile.is_some(),
        };
        let mut plan = plan_outputs(&options, &place.facts).map_err(|error| CliError::Input(error.to_string()))?;
        annotate(args, &mut plan)?;
        plan.compress_pushed(args.output.compression.name());
        Ok(Self { plan, place })
    }

    pub(super) fn exporters(&self) -> Vec<Exporter> {
        self.plan.exports.iter().map(|export| export.exporter.clone()).collect()
    }

    /// Whether registries get the result and nobody else, as far as it is known before the build.
    pub(super) fn is_for_registries(&self) -> bool {
        let is_plain = self.place.facts.store == ImageStore::None && self.plan.push_afterwards.is_empty();
        is_plain && self.plan.exports.iter().all(|export| export.target.is_none())
    }

    pub(super) fn layers(&self) -> Option<&Exporter> {
        self.plan.pushed_layers()
    }

    /// Lets the session receive what comes to the client; what is loaded into an Engine goes on beside the build.
    pub(super) fn attach(&self, mut session: SessionBuilder) -> Result<(SessionBuilder, Vec<Loading>), CliError> {
        let mut loads = Vec::new();
        for (index, export) in (0..).zip(&self.plan.exports) {
            let target = match &export.target {
                None => continue,
                Some(Target::Directory(path)) => ExportTarget::Directory(path.clone()),
                Some(Target::File(path)) => ExportTarget::File(path.clone()),
                Some(Target::Stdout) => ExportTarget::Writer(Box::new(tokio::io::stdout())),
                Some(Target::Engine { .. }) => {
                    let engine = self.place.engine.as_ref();
                    let engine = engine.ok_or_else(|| CliError::Internal("no Engine to load into".to_owned()))?;
                    let (writer, load) = engine.load();
                    loads.push(tokio::spawn(load.run(|_| {})));
                    ExportTarget::Writer(Box::new(writer))
                }
            };
            session = session.with_export(index, target);
        }
        Ok((session, loads))
    }

    /// Whether something comes to where only one result fits.
    pub(super) fn comes_to_the_client(&self) -> bool {
        let mut targets = self.plan.exports.iter().filter_map(|export| export.target.as_ref());
        targets.any(|target| !matches!(target, Target::Engine { .. }))
    }

    /// What the image will be called where it goes, in full.
    pub(super) fn names(&self) -> BTreeSet<String> {
        let exporters = self.plan.exports.iter().map(|export| &export.exporter);
        let named = exporters.filter(|exporter| !exporter.attrs.contains_key(exporter_attr::PUSH_BY_DIGEST));
        let names =
            named.filter_map(|exporter| exporter.attrs.get(exporter_attr::NAME)).flat_map(|names| names.split(','));
        let names = names.chain(self.plan.push_afterwards.iter().map(String::as_str)).filter(|name| !name.is_empty());
        // What is no reference the daemon will refuse.
        names.map(|name| imagespec::full_reference(name).unwrap_or_else(|_| name.to_owned())).collect()
    }

    /// What the user's programs can call the image: the containerd store knows images by their manifests alone.
    fn image_id<'r>(&self, response: &'r SolveResponse) -> Option<&'r str> {
        let keeps_manifests = self.place.facts.store == ImageStore::Containerd;
        let manifest = response.exporter_response.get(result::IMAGE_DIGEST).filter(|_| keeps_manifests);
        manifest.map(String::as_str).or_else(|| metadata::image_id(&response.exporter_response))
    }
}

/// What the user should know before the builds, each thing once.
pub(super) fn warnings<'d>(deliveries: &'d [Delivery<'_>]) -> BTreeSet<&'d str> {
    deliveries.iter().flat_map(|delivery| &delivery.plan.warnings).map(String::as_str).collect()
}

/// The files and lines that tell other programs what came of it. Of one image that was asked for, the metadata stand alone.
pub(super) fn report(
    args: &BuildArgs,
    is_one: bool,
    done: &[(&Image, &Delivery<'_>, &SolveResponse)],
) -> Result<(), CliError> {
    let write = |path: &Path, written: std::io::Result<()>| {
        written.map_err(|error| CliError::Output(format!("cannot write {}: {error}", path.display())))
    };
    if let Some(path) = &args.output.metadata_file {
        let each = done
            .iter()
            .map(|(image, _, response)| (image.title.clone(), metadata::metadata(&response.exporter_response)));
        let all: serde_json::Map<String, serde_json::Value> = each.collect();
        match (is_one, all.values().next()) {
            (true, Some(only)) => write(path, metadata::write_metadata_file(path, only))?,
            (true, None) => {}
            (false, _) => write(path, metadata::write_metadata_file(path, &all.into()))?,
        }
    }
    for id in done.iter().filter_map(|(_, delivery, response)| delivery.image_id(response)) {
        if let Some(path) = &args.output.iidfile {
            write(path, metadata::write_image_id_file(path, id))?;
        }
        if args.output.quiet {
            print::data(&format!("{id}\n"))?;
        }
    }
    Ok(())
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
            if export.exporter.kind.makes_image() {
                export.exporter.attrs.insert(key.clone(), value.to_owned());
            }
        }
    }
    Ok(())
}

/// What remains when the daemon is done: loads end, and names are pushed that the Engine's BuildKit could not push.
pub(super) async fn finish(
    delivery: &Delivery<'_>,
    loads: &mut Vec<Loading>,
    credentials: &RegistryAuth,
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
        let Some(engine) = &delivery.place.engine else { continue };
        let step = progress.start(format!("pushing {name}")).await;
        let login = push_login(name, credentials).await.map_err(CliError::Refused)?;
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

/// What became of loads when the build failed: an Engine that refuses an archive breaks the pipe the daemon writes to, and only
/// the Engine knows why.
pub(super) async fn load_failure(loads: Vec<Loading>) -> Option<CliError> {
    for load in loads {
        if let Ok(Err(error)) = load.await {
            return Some(CliError::Refused(error.to_string()));
        }
    }
    None
}
