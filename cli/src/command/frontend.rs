//! `imagespec frontend`: packages the frontend program as an image and pushes it, with BuildKit and without a Dockerfile.

use std::path::{Path, PathBuf};

use buildkit_client::session::Session;
use buildkit_client::session::files::LocalDir;
use buildkit_client::solve::{Exporter, ExporterKind, SolveOptions};
use buildkit_gateway::{Bridge, FRONTEND_CAPS, FrontendResult, Platform, PlatformImage, SolveRequest};
use buildkit_llb::{Copy, File, Graph, GraphBuilder, LocalSource, MkDir, Note, Source};
use buildkit_proto::caps::frontend as frontend_caps;
use buildkit_proto::keys::{exporter_attr, result};
use imagespec_driver::Solving;
use oci_names::ImageReference;
use serde_json::json;

use crate::args::FrontendArgs;
use crate::error::CliError;
use crate::stage::Stage;
use crate::{daemon, image, print};

/// The name of the program, next to this one and in the image.
const PROGRAM: &str = "imagespec-frontend";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) async fn run(args: &FrontendArgs) -> Result<(), CliError> {
    let programs = programs(args)?;
    let connection = daemon::connect(&args.daemon).await?;
    let reference = ImageReference::parse(&args.push)
        .map_err(|error| CliError::Input(format!("--push: {error}")))?
        .with_default_tag()
        .to_string();
    let mut serving = Session::builder().with_registry_auth(image::registry_auth()?);
    for (platform, path) in &programs {
        serving = serving.with_local_dir(local_name(platform), LocalDir::new(folder(path)));
    }
    let mut solve = SolveOptions::new();
    let image = Exporter::new(ExporterKind::Image)
        .with_attr(exporter_attr::NAME, reference.clone())
        .with_attr(exporter_attr::PUSH, "true")
        .with_attr(exporter_attr::OCI_MEDIATYPES, "true");
    solve.exporters = vec![image];
    let stage = Stage::open(args.progress)?;
    let (progress, cancel) = (stage.events().progress(&reference), stage.cancellation());
    let solving = Solving { connection: &connection, session: serving, solve, progress: &progress, cancel };
    let pushed = solving
        .run(
            |handle| async move {
                let session = handle.session_id.clone();
                let bridge = handle.bridge()?;
                bridge.ping().await?;
                match result(&bridge, &programs, session.as_str()).await {
                    Ok(result) => bridge.return_result(result).await?,
                    Err(error) => {
                        bridge.return_error(buildkit_gateway::Status::failed(error.to_string())).await?;
                        return Err(error);
                    }
                }
                Ok::<_, BoxError>(())
            },
            || async { Ok(()) },
        )
        .await;
    // The display ends when nobody reports any more.
    drop(progress);
    stage.close().await;
    let response = pushed?.response;
    let digest = response.exporter_response.get(result::IMAGE_DIGEST).map_or("", String::as_str);
    print::data(&format!("{}@{digest}\n", args.push))
}

async fn result(bridge: &Bridge, programs: &[(Platform, PathBuf)], session: &str) -> Result<FrontendResult, BoxError> {
    let mut images = Vec::new();
    for (platform, path) in programs {
        let solved = bridge.solve(SolveRequest::definition(graph(platform, path, session)?.to_definition())).await?;
        images.push(PlatformImage {
            platform: platform.clone(),
            reference: solved.single_ref()?.cloned(),
            config: config(platform).into_bytes(),
            base_config: None,
            epoch: None,
        });
    }
    let per_platform = images.len() > 1;
    Ok(FrontendResult::image(images, per_platform)?)
}

/// One file in an otherwise empty filesystem.
fn graph(platform: &Platform, path: &Path, session: &str) -> Result<Graph, BoxError> {
    let name = path.file_name().ok_or("the program has no file name")?.to_string_lossy().into_owned();
    let mut graph = GraphBuilder::new();
    let local = graph.source(Source::local(LocalSource {
        session: Some(session.to_owned()),
        follow: vec![name.clone()],
        shared_key_hint: Some(local_name(platform)),
        ..LocalSource::new(local_name(platform))
    }));
    graph.annotate(local.op(), Note::named(format!("[internal] load {name} for {platform}")));
    let image =
        graph.file(File::scratch().mkdir(MkDir { timestamp: Some(0), ..MkDir::new("/bin", 0o755) }).copy(Copy {
            mode: Some(0o755.into()),
            timestamp: Some(0),
            ..Copy::new(local, format!("/{name}"), format!("/bin/{PROGRAM}"))
        }));
    graph.annotate(image.op(), Note::named(format!("[frontend] {platform}")));
    Ok(graph.finish(Some(image))?)
}

/// The image config that the gateway reads (`moby/buildkit: frontend/gateway/gateway.go`). The frontend needs no network: it
/// asks the daemon for everything.
fn config(platform: &Platform) -> String {
    let mut config = json!({
        "os": platform.os,
        "architecture": platform.architecture,
        "config": {
            "Entrypoint": [format!("/bin/{PROGRAM}")],
            "WorkingDir": "/",
            "Labels": {
                "moby.buildkit.frontend.network.none": "true",
                frontend_caps::LABEL: FRONTEND_CAPS.join(","),
                "org.opencontainers.image.title": "imagespec frontend",
                "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"),
            },
        },
    });
    if !platform.variant.is_empty() {
        config["variant"] = platform.variant.clone().into();
    }
    config.to_string()
}

/// The programs of all platforms, checked before anything is sent to the daemon.
fn programs(args: &FrontendArgs) -> Result<Vec<(Platform, PathBuf)>, CliError> {
    let given: Vec<(Platform, PathBuf)> = if args.binary.is_empty() {
        let program = std::env::current_exe()
            .ok()
            .and_then(|this| Some(this.parent()?.join(PROGRAM)))
            .ok_or_else(|| CliError::Internal("cannot find the path of this program".to_owned()))?;
        vec![(Platform::host(), program)]
    } else {
        args.binary
            .iter()
            .map(|text| match text.split_once('=') {
                Some((platform, path)) => imagespec::parse_platform(platform)
                    .map(|platform| (platform, PathBuf::from(path)))
                    .map_err(|error| CliError::Input(format!("--binary {text}: {error}"))),
                None => Ok((Platform::host(), PathBuf::from(text))),
            })
            .collect::<Result<_, _>>()?
    };
    for (platform, path) in &given {
        check_program(platform, path)?;
    }
    Ok(given)
}

/// The image contains only the program, so it must be static (no ELF PT_INTERP) and built for the platform (e_machine).
fn check_program(platform: &Platform, path: &Path) -> Result<(), CliError> {
    let bytes = std::fs::read(path).map_err(|error| {
        CliError::Input(format!(
            "cannot read the frontend program {}: {error}; build one with `just frontend-static` and pass it with --binary",
            path.display()
        ))
    })?;
    let wrong = |what: &str| Err(CliError::Input(format!("{} {what}", path.display())));
    let Some(program) = elf::Program::read(&bytes) else { return wrong("is not a 64-bit ELF program") };
    if program.has_interpreter {
        return wrong(
            "is dynamically linked, but the image contains no libraries; build a static program with `just frontend-static`",
        );
    }
    match (platform.architecture.as_str(), program.architecture) {
        (wanted, Some(found)) if wanted != found => wrong(&format!("is built for {found}, not for {platform}")),
        _ => Ok(()),
    }
}

mod elf {
    //! Reads the architecture and the interpreter segment from an ELF header.

    pub(super) struct Program {
        pub(super) architecture: Option<&'static str>,
        pub(super) has_interpreter: bool,
    }

    impl Program {
        pub(super) fn read(bytes: &[u8]) -> Option<Self> {
            const CLASS_64: u8 = 2;
            const PT_INTERP: u32 = 3;
            if !bytes.starts_with(b"\x7fELF") || bytes.get(4) != Some(&CLASS_64) {
                return None;
            }
            let half = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
            let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
            let offset = u64::from_le_bytes(bytes.get(32..40)?.try_into().ok()?);
            let (size, count) = (usize::from(half(54)?), usize::from(half(56)?));
            let start = usize::try_from(offset).ok()?;
            let has_interpreter = (0..count).any(|index| word(start.saturating_add(index * size)) == Some(PT_INTERP));
            let architecture = match half(18)? {
                62 => Some("amd64"),
                183 => Some("arm64"),
                243 => Some("riscv64"),
                _ => None,
            };
            Some(Self { architecture, has_interpreter })
        }
    }
}

fn folder(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn local_name(platform: &Platform) -> String {
    format!("frontend-{}-{}{}", platform.os, platform.architecture, platform.variant)
}
