//! `imagespec build`: builds the images of specs and delivers them.
//!
//! Converts arguments to a request, and results to files and output; `imagespec-driver` builds.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::Path;

use buildkit_client::discover::{SystemEnvironment, discover_engine};
use buildkit_client::engine::Engine;
use buildkit_client::flag::{parse_allow, parse_cache_from, parse_cache_to, parse_source_policy};
use buildkit_client::metadata;
use buildkit_client::output::{Output, OutputKind};
use buildkit_proto::keys::{exporter_attr, option};
use buildkit_proto::rpc::sourcepolicy::Policy;
use imagespec::Diagnostic;
use imagespec_driver::{Attestations, Batch, Built, Daemon, DeliveryOptions, Image, Request, Variables};
use oci_names::{ImageReference, ReferenceProblem};

use crate::args::{BuildArgs, OutputArgs, Progress};
use crate::error::{CliError, render_diagnostics};
use crate::image::{self, Missing};
use crate::stage::Stage;
use crate::{daemon, destination, facts, print};

pub(crate) async fn run(args: &BuildArgs) -> Result<(), CliError> {
    let specs = args.specs.each();
    let is_one = specs.len() == 1;
    let request = request(args)?;
    check_names(args, &request)?;
    check_destinations(args, &request)?;
    if !is_one {
        check_flags_for_several(args, &request)?;
    }
    // Errors in the specs are reported before connecting.
    let images = specs.iter().map(|spec| (spec.title(), read(args, spec))).collect();
    let images: Vec<Image> = CliError::unless_all(images)?;
    note_warnings(args, images.iter().map(|image| render_diagnostics(&image.warnings, &image.document.sources)));

    let daemon = connect(args, &request).await?;
    let batch = Batch::new(&images, &request, &daemon)?;
    note_warnings(args, batch.warnings().into_iter().map(|warning| format!("warning: {warning}\n")));
    let stage = Stage::open(progress(args))?;
    let outcomes = batch.build(stage.events(), stage.cancellation()).await;
    stage.close().await;

    let outcomes: Vec<(String, Result<Built, CliError>)> = images
        .iter()
        .zip(outcomes)
        .map(|(image, outcome)| (image.title.clone(), outcome.map_err(CliError::from)))
        .collect();
    let done: Vec<(&Image, &Built)> = images
        .iter()
        .zip(&outcomes)
        .filter_map(|(image, (_, outcome))| Some((image, outcome.as_ref().ok()?)))
        .collect();
    note_warnings(args, done.iter().map(|(image, built)| build_warnings(image, built)));
    let reported = report(args, is_one, &done);
    match (CliError::unless_all(outcomes), reported) {
        (Ok(_), reported) => reported,
        // Write errors are less important than the failed build.
        (Err(failed), reported) => {
            reported.unwrap_or_else(|error| print::note(&error.render()));
            Err(failed.reported_by(progress(args)))
        }
    }
}

/// The request from the flags.
fn request(args: &BuildArgs) -> Result<Request, CliError> {
    let OutputArgs { push, load, .. } = args.output;
    let mut allowed = parse_allow(&args.output.allow)?;
    if allowed.local_delete {
        let message = "--allow buildx.local.delete is for mode=delete of a local output, which is not supported: a build deletes no file of yours";
        return Err(CliError::Input(message.to_owned()));
    }
    if args.options.network.as_deref() == Some("host") {
        allowed.entitlements.push("network.host".to_owned());
    }
    let mut attestations = Attestations::default();
    for text in &args.output.attest {
        attestations.add(text).map_err(|error| CliError::Input(error.to_string()))?;
    }
    // The shorthands take precedence over `--attest`.
    for (kind, value) in [("sbom", &args.output.sbom), ("provenance", &args.output.provenance)] {
        value.iter().for_each(|value| attestations.set(kind, value));
    }
    let annotations = args.output.annotation.iter().map(|text| match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(CliError::Input(format!("--annotation {text:?} is not NAME=VALUE"))),
    });
    Ok(Request {
        delivery: DeliveryOptions {
            outputs: args.output.output.iter().map(|text| text.parse()).collect::<Result<_, _>>()?,
            push,
            load,
            annotations: annotations.collect::<Result<_, CliError>>()?,
            compression: args.output.compression.name().to_owned(),
            stdout_is_terminal: std::io::stdout().is_terminal(),
            image_id_file: args.output.iidfile.is_some(),
        },
        attestations,
        cache_exports: parse_cache_to(&args.output.cache_to, &SystemEnvironment)?,
        cache_imports: parse_cache_from(&args.options.cache_from, &SystemEnvironment)?,
        entitlements: allowed.entitlements,
        source_policy: args.source_policy_file.as_deref().map(source_policy).transpose()?,
        frontend_image: args.frontend.clone(),
        always_build: args.always_build,
    })
}

fn source_policy(path: &Path) -> Result<Policy, CliError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| CliError::Input(format!("--source-policy-file: cannot read {}: {error}", path.display())))?;
    Ok(parse_source_policy(&path.to_string_lossy(), &text)?)
}

/// Refuses names that no registry accepts, which a registry would only say after the build.
fn check_names(args: &BuildArgs, request: &Request) -> Result<(), CliError> {
    let flags = args.output.tag.iter().map(|name| ("--tag", name.as_str()));
    let named = request.delivery.outputs.iter().filter_map(|output| output.attrs.get(exporter_attr::NAME));
    let outputs = named.flat_map(|names| names.split(',')).map(|name| ("--output name=", name));
    let problem = |(flag, name): (&str, &str)| match ImageReference::parse(name) {
        Err(error) if error.problem() == ReferenceProblem::UpperCase => {
            Some(format!("{flag}: {error}; write it in lower case"))
        }
        Err(error) => Some(format!("{flag}: {error}")),
        Ok(image) if image.digest().is_some() => {
            Some(format!("{flag}: {name:?} has a digest, which is only known after the build; leave it out"))
        }
        Ok(_) => None,
    };
    let problems: Vec<String> = flags.chain(outputs).filter_map(problem).collect();
    if problems.is_empty() { Ok(()) } else { Err(CliError::Input(problems.join("\n"))) }
}

/// Refuses files and folders that cannot be written, which would be noticed only after the build.
fn check_destinations(args: &BuildArgs, request: &Request) -> Result<(), CliError> {
    let files = [
        ("--metadata-file", &args.output.metadata_file),
        ("--iidfile", &args.output.iidfile),
        ("--save-facts", &args.save_facts),
    ];
    let files = files.into_iter().filter_map(|(flag, path)| destination::check_file(flag, path.as_deref()?));
    let problems: Vec<String> =
        files.chain(request.delivery.outputs.iter().filter_map(destination::check_output)).collect();
    if problems.is_empty() { Ok(()) } else { Err(CliError::Input(problems.join("\n"))) }
}

/// Refuses flags for a single image if several images are built.
fn check_flags_for_several(args: &BuildArgs, request: &Request) -> Result<(), CliError> {
    let exports_cache = request.cache_exports.iter().any(|cache| cache.kind != "inline");
    let refused = [
        (!args.output.tag.is_empty(), "--tag names one image; give each spec a `name` instead"),
        (args.output.iidfile.is_some(), "--iidfile accepts only one image; use --metadata-file or --quiet instead"),
        (args.save_facts.is_some(), "--save-facts accepts only one image"),
        (exports_cache, "--cache-to accepts only one image, except with type=inline"),
    ];
    let refused: Vec<&str> = refused.into_iter().filter(|(is_refused, _)| *is_refused).map(|(_, why)| why).collect();
    match refused.is_empty() {
        true => Ok(()),
        false => Err(CliError::Input(format!("cannot build several images at once: {}", refused.join("; ")))),
    }
}

/// Reads a spec and its files, secrets and credentials.
fn read(args: &BuildArgs, spec: &crate::args::SpecArgs) -> Result<Image, CliError> {
    let mut image = image::read(spec, &args.options, Missing::Refuse)?;
    // The daemon checks the platforms of the result only if the request contains them.
    let platforms: Vec<String> = image.document.spec.platforms().iter().map(ToString::to_string).collect();
    if !image.options.contains_key(option::PLATFORM) && !platforms.is_empty() {
        image.options.insert(option::PLATFORM.to_owned(), platforms.join(","));
    }
    image.tags = tags(args, &image)?;
    Ok(image)
}

/// The names of the image: those in the flags, or else, if it is pushed or loaded, the one in the spec.
fn tags(args: &BuildArgs, image: &Image) -> Result<Vec<String>, CliError> {
    let goes_somewhere = args.output.push || args.output.load;
    if !args.output.tag.is_empty() || !goes_somewhere || image.document.spec.name().is_none() {
        return Ok(args.output.tag.clone());
    }
    let content = imagespec_driver::content::gather(&image.files, &image.document, &args.options.platform)?;
    let name = image.document.spec.image_name(&content);
    if shows_notes(args) {
        print::note(&format!("image: {name}\n"));
    }
    Ok(vec![name])
}

/// Connects to the daemon, and to an Engine if something has to be loaded and the daemon is not an Engine.
async fn connect(args: &BuildArgs, request: &Request) -> Result<Daemon, CliError> {
    let found = daemon::find(&args.daemon)?;
    let default_load = found.builder.as_ref().is_some_and(|builder| builder.default_load);
    let connection = daemon::dial_found(&found, &args.daemon).await?;
    let loads = |output: &Output| output.kind == OutputKind::Docker;
    let wants_load = request.delivery.load || default_load || request.delivery.outputs.iter().any(loads);
    let engine = match connection.engine() {
        None if wants_load => {
            let found = discover_engine(&SystemEnvironment).map_err(|error| CliError::Input(error.to_string()))?;
            match found {
                None => None,
                Some(address) => Some(Engine::open(&address, &daemon::dial_options(&args.daemon)).await?),
            }
        }
        _ => None,
    };
    Ok(Daemon::new(connection, engine, default_load, &Variables::from_process()).await)
}

/// The warnings of a build, without those of the spec, which were shown before.
fn build_warnings(image: &Image, built: &Built) -> String {
    let Some(planned) = &built.planned else { return String::new() };
    let found: Vec<Diagnostic> =
        built.warnings().iter().filter(|warning| !image.warnings.contains(warning)).cloned().collect();
    render_diagnostics(&found, &planned.document.sources)
}

/// Shows warnings, each once, unless the user wants only the result. Images of one file may have the same warnings.
fn note_warnings(args: &BuildArgs, warnings: impl Iterator<Item = String>) {
    let mut shown = BTreeSet::new();
    for text in warnings.filter(|_| shows_notes(args)) {
        if shown.insert(text.clone()) {
            print::note(&text);
        }
    }
}

/// Writes the files and lines for other programs. For a single requested image, the metadata file contains only its metadata.
fn report(args: &BuildArgs, is_one: bool, done: &[(&Image, &Built)]) -> Result<(), CliError> {
    let write = |path: &Path, written: std::io::Result<()>| {
        written.map_err(|error| CliError::Output(format!("cannot write {}: {error}", path.display())))
    };
    let skipped: u64 = done.iter().map(|(_, built)| built.skipped_files).sum();
    if skipped > 0 && args.output.progress != Progress::Json {
        print::note(&format!("warning: {skipped} devices, fifos and sockets of the image were not written\n"));
    }
    for (_, built) in done {
        if let (Some(path), Some(planned)) = (&args.save_facts, &built.planned) {
            facts::save(path, &planned.store)?;
        }
    }
    if let Some(path) = &args.output.metadata_file {
        let each =
            done.iter().map(|(image, built)| (image.title.clone(), metadata::metadata(&built.exporter_response)));
        let all: serde_json::Map<String, serde_json::Value> = each.collect();
        match (is_one, all.values().next()) {
            (true, Some(only)) => write(path, metadata::write_metadata_file(path, only))?,
            (true, None) => {}
            (false, _) => write(path, metadata::write_metadata_file(path, &all.into()))?,
        }
    }
    for id in done.iter().filter_map(|(_, built)| built.image_id.as_ref()) {
        if let Some(path) = &args.output.iidfile {
            write(path, metadata::write_image_id_file(path, id))?;
        }
        if args.output.quiet {
            print::data(&format!("{id}\n"))?;
        }
    }
    Ok(())
}

fn progress(args: &BuildArgs) -> Progress {
    if args.output.quiet { Progress::Quiet } else { args.output.progress }
}

/// Whether to show notes. Programs that read events get them as events.
fn shows_notes(args: &BuildArgs) -> bool {
    !args.output.quiet && args.output.progress != Progress::Json
}
