//! The delivery of results: exporters before the build, loading during it, pushing after it.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_client::dial::ImageStore;
use buildkit_client::engine::{ImageError, ImageEvent};
use buildkit_client::metadata;
use buildkit_client::output::{OutputOptions, OutputPlan, Target, plan_outputs};
use buildkit_client::progress::{ProgressSender, Stream};
use buildkit_client::session::SessionBuilder;
use buildkit_client::session::auth::RegistryAuth;
use buildkit_client::session::exports::{ExportTarget, ReceivedExport};
use buildkit_client::solve::Exporter;
use buildkit_proto::keys::{cache, exporter_attr, option, result};
use oci_names::ImageReference;
use tokio::task::JoinSet;

use crate::credentials::push_login;
use crate::daemon::Daemon;
use crate::error::BuildError;
use crate::event::{Delivered, Destination};
use crate::image::Image;
use crate::image_size::image_size;
use crate::request::{DeliveryOptions, Request};

/// A planned delivery.
#[derive(Debug)]
pub struct Delivery<'d> {
    plan: OutputPlan,
    daemon: &'d Daemon,
}

/// Images that are being loaded into an Engine; dropping this stops them.
pub(crate) type Loads = JoinSet<Result<bool, ImageError>>;

impl<'d> Delivery<'d> {
    /// Plans the delivery of an image.
    ///
    /// # Errors
    /// The options cannot be combined, or the daemon does not support them.
    pub fn plan(image: &Image, request: &Request, daemon: &'d Daemon) -> Result<Self, BuildError> {
        let DeliveryOptions { outputs, push, load, annotations, compression, stdout_is_terminal, image_id_file } =
            &request.delivery;
        if daemon.facts.store == ImageStore::Classic
            && let Some(export) = request.cache_exports.iter().find(|export| export.kind != cache::INLINE)
        {
            return Err(BuildError::Input(format!(
                "this Docker Engine does not support cache exports with type={}: without the containerd image store, it can \
                 only store the cache in the image (type=inline); use another store or a BuildKit daemon",
                export.kind
            )));
        }
        let platforms = match image.options.get(option::PLATFORM) {
            Some(platforms) => platforms.split(',').count(),
            None => image.document.spec.platforms().len(),
        };
        let options = OutputOptions {
            outputs: outputs.clone(),
            push: *push,
            load: *load,
            tags: image.tags.clone(),
            multi_platform: platforms > 1,
            attestations: !request.attestations.is_empty(),
            stdout_is_terminal: *stdout_is_terminal,
            image_id_file: *image_id_file,
        };
        let mut plan = plan_outputs(&options, &daemon.facts).map_err(|error| BuildError::Input(error.to_string()))?;
        annotate(annotations, &mut plan);
        if !compression.is_empty() {
            plan.compress_pushed(compression);
        }
        Ok(Self { plan, daemon })
    }

    /// Warnings before the build.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.plan.warnings.iter().map(String::as_str)
    }

    /// Whether the result stays in the daemon's cache.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plan.exports.is_empty()
    }

    /// Whether the client receives an output, which has room for only one result.
    #[must_use]
    pub fn has_client_output(&self) -> bool {
        let mut targets = self.plan.exports.iter().filter_map(|export| export.target.as_ref());
        targets.any(|target| !matches!(target, Target::Engine { .. }))
    }

    /// The full names of the image in registries and stores.
    #[must_use]
    pub fn names(&self) -> BTreeSet<String> {
        let exporters = self.plan.exports.iter().map(|export| &export.exporter);
        let named = exporters.filter(|exporter| !exporter.attrs.contains_key(exporter_attr::PUSH_BY_DIGEST));
        let names = named.flat_map(names_of).chain(self.plan.push_afterwards.iter().map(String::as_str));
        // The daemon refuses names that are not valid references.
        let full = |name: &str| ImageReference::parse(name).map(|image| image.with_default_tag().to_string());
        names.map(|name| full(name).unwrap_or_else(|_| name.to_owned())).collect()
    }

    pub(crate) fn exporters(&self) -> Vec<Exporter> {
        self.plan.exports.iter().map(|export| export.exporter.clone()).collect()
    }

    /// Whether the result only goes to registries, as far as known before the build.
    pub(crate) fn is_for_registries(&self) -> bool {
        let is_plain = self.daemon.facts.store == ImageStore::None && self.plan.push_afterwards.is_empty();
        is_plain && self.plan.exports.iter().all(|export| export.target.is_none())
    }

    /// The exporter of the layers that can be compressed ahead of a push.
    pub(crate) fn pushed_layers(&self) -> Option<&Exporter> {
        self.plan.pushed_layers()
    }

    /// Attaches the receivers of outputs to the session. Loading into an Engine runs in parallel to the build.
    pub(crate) fn attach(&self, mut session: SessionBuilder) -> Result<(SessionBuilder, Loads), BuildError> {
        let mut loads = Loads::new();
        for (index, export) in (0..).zip(&self.plan.exports) {
            let target = match &export.target {
                None => continue,
                Some(Target::Directory(path)) => ExportTarget::Directory(path.clone()),
                Some(Target::File(path)) => ExportTarget::File(path.clone()),
                Some(Target::Stdout) => ExportTarget::Writer(Box::new(tokio::io::stdout())),
                Some(Target::Engine { .. }) => {
                    let engine = self.daemon.engine.as_ref();
                    let engine = engine.ok_or_else(|| BuildError::Internal("no Engine to load into".to_owned()))?;
                    let (writer, load) = engine.load();
                    loads.spawn(load.run(drop));
                    ExportTarget::Writer(Box::new(writer))
                }
            };
            session = session.with_export(index, target);
        }
        Ok((session, loads))
    }

    /// Finishes the delivery after the build: waits for loads, and pushes names that the Engine's BuildKit could not push.
    pub(crate) async fn finish(
        &self,
        loads: &mut Loads,
        credentials: &RegistryAuth,
        progress: &ProgressSender,
    ) -> Result<(), BuildError> {
        while !loads.is_empty() {
            let step = progress.start("loading the image into the Engine").await;
            match loads.join_next().await {
                None | Some(Ok(Ok(_))) => step.done().await,
                Some(Ok(Err(error))) => {
                    step.fail(error.to_string()).await;
                    return Err(BuildError::Refused(error.to_string()));
                }
                Some(Err(error)) => return Err(BuildError::Internal(format!("loading the image failed: {error}"))),
            }
        }
        let Some(engine) = &self.daemon.engine else { return Ok(()) };
        for name in &self.plan.push_afterwards {
            let step = progress.start(format!("pushing {name}")).await;
            let login = push_login(name, credentials).await.map_err(BuildError::Refused)?;
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
                    return Err(BuildError::Refused(error.to_string()));
                }
            }
        }
        Ok(())
    }

    /// The places of the result. `response` is the exporters' response, `received` are the outputs that the client received, and
    /// `image_bytes` is the size of the image.
    pub(crate) fn delivered(
        &self,
        response: &BTreeMap<String, String>,
        received: &[ReceivedExport],
        image_bytes: Option<u64>,
    ) -> Vec<Delivered> {
        let digest = response.get(result::IMAGE_DIGEST).cloned();
        let image = |to, names: Vec<String>| {
            let (digest, bytes) = (digest.clone(), image_bytes);
            Delivered { to, names, digest, bytes, is_up_to_date: false }
        };
        let mut delivered = Vec::new();
        for (index, export) in (0..).zip(&self.plan.exports) {
            let exporter = &export.exporter;
            let names: Vec<String> = names_of(exporter).map(str::to_owned).collect();
            let to = match &export.target {
                Some(Target::Directory(path)) => Destination::Directory(path.clone()),
                Some(Target::File(path)) => Destination::File(path.clone()),
                Some(Target::Stdout) => Destination::Stdout,
                Some(Target::Engine { .. }) => Destination::Engine,
                None => {
                    if exporter.flag(exporter_attr::PUSH) == Some(true) {
                        delivered.push(image(Destination::Registry, names.clone()));
                    }
                    if self.daemon.facts.store != ImageStore::None {
                        delivered.push(image(Destination::Store, names));
                    }
                    continue;
                }
            };
            let bytes = received.iter().filter(|export| export.exporter == index).map(|export| export.bytes).sum();
            let digest = digest.clone().filter(|_| exporter.kind.makes_image());
            delivered.push(Delivered { to, names, digest, bytes: Some(bytes), is_up_to_date: false });
        }
        if !self.plan.push_afterwards.is_empty() {
            delivered.push(image(Destination::Registry, self.plan.push_afterwards.clone()));
        }
        if delivered.is_empty() {
            delivered.push(Delivered { bytes: None, ..image(Destination::Cache, Vec::new()) });
        }
        delivered
    }

    /// The size of all blobs of the image in the daemon's store or a registry. `None` if there is no image, or the daemon does not report
    /// it.
    pub(crate) async fn image_bytes(&self, response: &BTreeMap<String, String>) -> Option<u64> {
        let is_image = self.plan.exports.iter().any(|export| export.target.is_none());
        let digest = response.get(result::IMAGE_DIGEST).filter(|_| is_image)?;
        image_size(&self.daemon.connection, digest).await
    }

    /// The image id for other programs: the containerd image store identifies images by their manifests.
    pub(crate) fn image_id(&self, exporter_response: &BTreeMap<String, String>) -> Option<String> {
        let keeps_manifests = self.daemon.facts.store == ImageStore::Containerd;
        let manifest = exporter_response.get(result::IMAGE_DIGEST).filter(|_| keeps_manifests);
        manifest.map(String::as_str).or_else(|| metadata::image_id(exporter_response)).map(str::to_owned)
    }
}

/// The error of a failed load, if the build has failed: an Engine that refuses an archive breaks the pipe to which the daemon writes,
/// and only the Engine reports the reason.
pub(crate) async fn load_failure(mut loads: Loads) -> Option<BuildError> {
    while let Some(ended) = loads.join_next().await {
        if let Ok(Err(error)) = ended {
            return Some(BuildError::Refused(error.to_string()));
        }
    }
    None
}

/// The names that an exporter gives to its image.
fn names_of(exporter: &Exporter) -> impl Iterator<Item = &str> {
    let names = exporter.attrs.get(exporter_attr::NAME).map(String::as_str).unwrap_or_default();
    names.split(',').filter(|name| !name.is_empty())
}

/// Adds annotations to every image exporter.
fn annotate(annotations: &BTreeMap<String, String>, plan: &mut OutputPlan) {
    for (name, value) in annotations {
        // A name without a level is for the manifest.
        let key = match name.split_once(':') {
            Some((place, name)) => format!("annotation-{place}.{name}"),
            None => format!("annotation.{name}"),
        };
        for export in &mut plan.exports {
            // Only images have annotations.
            if export.exporter.kind.makes_image() {
                export.exporter.attrs.insert(key.clone(), value.clone());
            }
        }
    }
}
