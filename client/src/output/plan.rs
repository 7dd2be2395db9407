//! Plans the exporters for the requested outputs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use buildkit_proto::keys::exporter_attr as attr;

use super::{CONTEXT, DaemonFacts, Destination, Destinations, LoadEngine, Output, OutputError, OutputKind};
use crate::dial::ImageStore;
use crate::solve::{Exporter, ExporterKind};

/// The requested outputs.
///
/// ```
/// use buildkit_client::dial::ImageStore;
/// use buildkit_client::output::{DaemonFacts, OutputOptions, plan_outputs};
///
/// let options = OutputOptions { push: true, tags: vec!["registry.example/app".to_owned()], ..OutputOptions::default() };
/// let plan = plan_outputs(&options, &DaemonFacts::new(ImageStore::None))?;
/// assert_eq!(plan.exports[0].exporter.attrs["name"], "registry.example/app");
/// # Ok::<(), buildkit_client::output::OutputError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct OutputOptions {
    /// `--output`.
    pub outputs: Vec<Output>,
    /// `--push`.
    pub push: bool,
    /// `--load`.
    pub load: bool,
    /// Names of the image; they replace names in outputs.
    pub tags: Vec<String>,
    /// Whether the result will have several platforms.
    pub multi_platform: bool,
    /// Whether attestations are requested.
    pub attestations: bool,
    /// Whether standard output is a terminal. Archives are not written to a terminal.
    pub stdout_is_terminal: bool,
    /// Whether an image id file is requested. Only images have an id.
    pub image_id_file: bool,
}

/// The exporters to request, and the further processing of their output.
///
/// ```
/// use buildkit_client::dial::ImageStore;
/// use buildkit_client::output::{DaemonFacts, OutputOptions, plan_outputs};
///
/// let plan = plan_outputs(&OutputOptions::default(), &DaemonFacts::new(ImageStore::None))?;
/// assert!(plan.exports.is_empty() && plan.warnings[0].contains("no output is requested"));
/// # Ok::<(), buildkit_client::output::OutputError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputPlan {
    /// The exports, in the order of their ids in the session.
    pub exports: Vec<Export>,
    /// Names that the Engine must push after the build, because its BuildKit can't.
    pub push_afterwards: Vec<String>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

impl OutputPlan {
    /// Compresses pushed layers with `compression` (BuildKit's name), unless the output sets one. Docker's older media types
    /// support only gzip, and are not changed.
    pub fn compress_pushed(&mut self, compression: &str) {
        for exporter in self.exports.iter_mut().map(|export| &mut export.exporter) {
            let is_image = matches!(exporter.kind, ExporterKind::Image | ExporterKind::Moby);
            if is_image && pushes(exporter) && exporter.flag(attr::OCI_MEDIATYPES) != Some(false) {
                exporter.attrs.entry(attr::COMPRESSION.to_owned()).or_insert_with(|| compression.to_owned());
            }
        }
    }

    /// The exporter whose layers can be compressed in advance: one that pushes, on a daemon without an image store.
    #[must_use]
    pub fn pushed_layers(&self) -> Option<&Exporter> {
        let mut exporters = self.exports.iter().map(|export| &export.exporter);
        exporters.find(|exporter| exporter.kind == ExporterKind::Image && pushes(exporter))
    }
}

/// One exporter with its destination.
///
/// ```
/// use buildkit_client::dial::ImageStore;
/// use buildkit_client::output::{DaemonFacts, OutputOptions, Target, plan_outputs};
///
/// let options = OutputOptions { outputs: vec!["no-such-folder".parse()?], ..OutputOptions::default() };
/// let plan = plan_outputs(&options, &DaemonFacts::new(ImageStore::None))?;
/// assert_eq!(plan.exports[0].target, Some(Target::Directory("no-such-folder".into())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Export {
    /// The exporter, for the solve request.
    pub exporter: Exporter,
    /// The target, for the session; `None` if nothing is sent to the client.
    pub target: Option<Target>,
}

/// The target of data that is sent to the client.
///
/// ```
/// use buildkit_client::dial::ImageStore;
/// use buildkit_client::output::{DaemonFacts, OutputOptions, Target, plan_outputs};
///
/// let options = OutputOptions { outputs: vec!["type=oci,dest=-".parse()?], ..OutputOptions::default() };
/// let plan = plan_outputs(&options, &DaemonFacts::new(ImageStore::None))?;
/// assert_eq!(plan.exports[0].target, Some(Target::Stdout));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Into a folder.
    Directory(PathBuf),
    /// Into a file.
    File(PathBuf),
    /// To standard output.
    Stdout,
    /// Into an Engine ([`crate::engine::Engine::load`]).
    Engine {
        /// The requested Docker context, if it is not the current one.
        context: Option<String>,
    },
}

/// Makes the plan. Reads the file system to find out whether destinations are files or folders.
///
/// # Errors
/// See [`OutputError`].
pub fn plan_outputs(options: &OutputOptions, daemon: &DaemonFacts) -> Result<OutputPlan, OutputError> {
    let mut plan = OutputPlan::default();
    let mut outputs = wanted(options, daemon, &mut plan.warnings);
    outputs.retain(|output| output.kind != OutputKind::CacheOnly);
    let is_engine = daemon.store != ImageStore::None;
    if is_engine {
        merge_loads(&mut outputs);
    }
    let mut stdout_taken = false;
    for mut output in outputs {
        set_name(&mut output, options)?;
        let target = target(&output, options)?;
        if target == Some(Target::Stdout) && std::mem::replace(&mut stdout_taken, true) {
            return Err(OutputError::StdoutTwice);
        }
        let export = match daemon.store {
            ImageStore::None => for_buildkitd(output, target, options, daemon)?,
            ImageStore::Containerd => for_containerd_store(output, target, options)?,
            ImageStore::Classic => for_classic_store(output, target, options, &mut plan.push_afterwards)?,
        };
        plan.exports.push(export);
    }
    if plan.exports.len() > 1 && !daemon.multiple_exporters {
        return Err(OutputError::OneOutput);
    }
    Ok(plan)
}

/// The given outputs, those implied by `--push` and `--load`, or else the default.
fn wanted(options: &OutputOptions, daemon: &DaemonFacts, warnings: &mut Vec<String>) -> Vec<Output> {
    let mut outputs = options.outputs.clone();
    if options.push {
        if outputs.iter().all(|output| output.kind != OutputKind::Image) {
            outputs.push(Output::new(OutputKind::Image));
        }
        outputs.iter_mut().filter(|output| output.kind == OutputKind::Image).for_each(Output::set_push);
    }
    let is_load = |output: &Output| output.kind == OutputKind::Docker && output.dest.is_none();
    if options.load && !outputs.iter().any(is_load) {
        outputs.push(Output::new(OutputKind::Docker));
    }
    if outputs.is_empty() {
        if daemon.store != ImageStore::None {
            outputs.push(Output::new(OutputKind::Image));
        } else if daemon.default_load {
            outputs.push(Output::new(OutputKind::Docker));
        } else {
            warnings.push(
                "no output is requested: the result stays in the daemon's cache; use --push, --load or --output"
                    .to_owned(),
            );
        }
    }
    outputs
}

/// Merges image and load outputs of an Engine, whose image exporter loads anyway. A loaded image must be unpacked, or it could
/// not be run.
fn merge_loads(outputs: &mut Vec<Output>) {
    let is_load = |output: &Output| output.kind == OutputKind::Docker && output.dest.is_none();
    if !outputs.iter().any(is_load) {
        return;
    }
    match outputs.iter_mut().find(|output| output.kind == OutputKind::Image) {
        Some(image) => {
            image.attrs.remove(attr::UNPACK);
            outputs.retain(|output| !is_load(output));
        }
        None => outputs.iter_mut().filter(|output| is_load(output)).for_each(|output| output.kind = OutputKind::Image),
    }
}

fn set_name(output: &mut Output, options: &OutputOptions) -> Result<(), OutputError> {
    if !output.kind.is_image() {
        return match options.image_id_file {
            true => Err(OutputError::NoImageId { kind: output.kind.name() }),
            false => Ok(()),
        };
    }
    if !options.tags.is_empty() {
        output.attrs.insert(attr::NAME.to_owned(), options.tags.join(","));
    }
    let has_name = output.attrs.get(attr::NAME).is_some_and(|name| !name.is_empty());
    if output.is_pushed() && !has_name { Err(OutputError::PushWithoutName) } else { Ok(()) }
}

fn target(output: &Output, options: &OutputOptions) -> Result<Option<Target>, OutputError> {
    let kind = output.kind.name();
    let destinations = output.kind.form().destinations;
    let is_folder = output.attrs.contains_key(attr::TAR) && !output.flag(attr::TAR);
    match (destinations, &output.dest) {
        (Destinations::Nothing, _) => Ok(None),
        (Destinations::Folder, Some(Destination::Path(path))) => {
            check_path(kind, path, true)?;
            if output.attrs.get(attr::MODE).is_some_and(|mode| mode == "delete") {
                return Err(OutputError::Unsupported {
                    what: "mode=delete, which removes other files from the folder,".to_owned(),
                });
            }
            Ok(Some(Target::Directory(path.clone())))
        }
        (Destinations::Folder, _) => Err(OutputError::NeedsFolder { kind }),
        (Destinations::File | Destinations::FileOrEngine, _) if output.kind.is_image() && is_folder => {
            Err(OutputError::Unsupported { what: "tar=false, which writes an image as a folder,".to_owned() })
        }
        (Destinations::FileOrEngine, None) => Ok(Some(Target::Engine { context: output.attrs.get(CONTEXT).cloned() })),
        (Destinations::File | Destinations::FileOrEngine, Some(Destination::Path(path))) => {
            check_path(kind, path, false)?;
            Ok(Some(Target::File(path.clone())))
        }
        (Destinations::File | Destinations::FileOrEngine, Some(Destination::Stdout) | None) => {
            if options.stdout_is_terminal { Err(OutputError::Terminal { kind }) } else { Ok(Some(Target::Stdout)) }
        }
    }
}

fn check_path(kind: &'static str, path: &Path, wants_folder: bool) -> Result<(), OutputError> {
    let bad = |problem: String| OutputError::BadDestination { kind, path: path.to_owned(), problem };
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() && !wants_folder => Err(bad("it is a folder".to_owned())),
        Ok(found) if !found.is_dir() && wants_folder => Err(bad("it is not a folder".to_owned())),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(bad(error.to_string())),
    }
}

/// The export with BuildKit's own exporter for the output kind.
fn export(form: OutputKind, attrs: BTreeMap<String, String>, target: Option<Target>) -> Export {
    let kind = form.form().exporter.unwrap_or_else(|| ExporterKind::from(form.name()));
    Export { exporter: Exporter { kind, attrs }, target }
}

/// The image exporter of the BuildKit in an Engine.
fn export_to_engine(attrs: BTreeMap<String, String>, target: Option<Target>) -> Export {
    Export { exporter: Exporter { kind: ExporterKind::Moby, attrs }, target }
}

fn pushes(exporter: &Exporter) -> bool {
    exporter.flag(attr::PUSH) == Some(true)
}

fn for_buildkitd(
    output: Output,
    target: Option<Target>,
    options: &OutputOptions,
    daemon: &DaemonFacts,
) -> Result<Export, OutputError> {
    let Output { kind, mut attrs, .. } = output;
    attrs.remove(CONTEXT);
    let needs_list = options.multi_platform || options.attestations;
    let kind = match (&target, daemon.load_engine) {
        (Some(Target::Engine { .. }), None) => return Err(OutputError::NoEngine),
        (Some(Target::Engine { .. }), Some(LoadEngine { containerd_store: true })) => OutputKind::Oci,
        (Some(Target::Engine { .. }), Some(_)) if needs_list => {
            return Err(OutputError::DockerFormat { loading: true });
        }
        _ if kind == OutputKind::Docker
            && target.as_ref().is_some_and(|target| !matches!(target, Target::Engine { .. }))
            && needs_list =>
        {
            return Err(OutputError::DockerFormat { loading: false });
        }
        _ => kind,
    };
    Ok(export(kind, attrs, target))
}

fn for_containerd_store(
    output: Output,
    target: Option<Target>,
    options: &OutputOptions,
) -> Result<Export, OutputError> {
    let push_by_digest = output.is_pushed() && output.flag(attr::PUSH_BY_DIGEST);
    let Output { kind, mut attrs, .. } = output;
    attrs.remove(CONTEXT);
    match kind {
        OutputKind::Image if push_by_digest => Err(OutputError::PushByDigest),
        OutputKind::Image => Ok(export_to_engine(attrs, target)),
        OutputKind::Docker if options.multi_platform || options.attestations => {
            Err(OutputError::DockerFormat { loading: false })
        }
        kind => Ok(export(kind, attrs, target)),
    }
}

fn for_classic_store(
    output: Output,
    target: Option<Target>,
    options: &OutputOptions,
    push_afterwards: &mut Vec<String>,
) -> Result<Export, OutputError> {
    let refused = |what: &str| Err(OutputError::ClassicStore { what: what.to_owned() });
    let is_pushed = output.is_pushed();
    let push_by_digest = is_pushed && output.flag(attr::PUSH_BY_DIGEST);
    let Output { kind, mut attrs, .. } = output;
    match kind {
        OutputKind::Oci | OutputKind::Docker => refused(&format!("type={}", kind.name())),
        _ if options.multi_platform => refused("an image of several platforms"),
        OutputKind::Image if push_by_digest => Err(OutputError::PushByDigest),
        OutputKind::Image => {
            // The exporter would keep these as meaningless metadata. The Engine pushes after the build.
            for key in [attr::PUSH, attr::PUSH_BY_DIGEST, attr::UNPACK, attr::STORE, attr::REGISTRY_INSECURE] {
                attrs.remove(key);
            }
            if is_pushed {
                let names = attrs.get(attr::NAME).map(String::as_str).unwrap_or_default();
                push_afterwards.extend(names.split(',').filter(|name| !name.is_empty()).map(str::to_owned));
            }
            Ok(export_to_engine(attrs, target))
        }
        OutputKind::Local | OutputKind::Tar | OutputKind::CacheOnly => Ok(export(kind, attrs, target)),
    }
}
