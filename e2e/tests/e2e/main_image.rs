//! The main scenario: apt tools, compiled wheels, a private index with a secret, environment, sources, an entrypoint.
//!
//! Each way builds the image, runs it, inspects every layer, and builds it again without running a step. Entrances of the same daemon
//! run one after the other: the second one finds all steps in the cache, and its image has the same layers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use imagespec_e2e::archive::{Archive, Layer};
use imagespec_e2e::build::Built;
use imagespec_e2e::image::Image;
use imagespec_e2e::rootfs::{self, Node};
use imagespec_e2e::scan::Needles;
use imagespec_e2e::way::{self, Daemon};

use crate::{Case, Context, scenario};

const PYTHON: &str = "/opt/venv/bin/python";
const BASE_PATH: &str = "/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The digests of the layers that a daemon built, after they were inspected.
type Layers = Arc<Mutex<Option<Vec<String>>>>;

static SEEN: Mutex<BTreeMap<Daemon, Layers>> = Mutex::new(BTreeMap::new());

pub(crate) fn cases() -> Vec<Case> {
    // Adjacent ways have different daemons, because those of one daemon wait for each other.
    let mut ways = way::ALL.to_vec();
    ways.sort_by_key(|way| (way::ALL.iter().filter(|other| other.daemon == way.daemon && *other < way).count(), *way));
    scenario("main", ways, main_image).collect()
}

fn main_image(context: &Context<'_>) {
    let turn = SEEN.lock().unwrap_or_else(PoisonError::into_inner).entry(context.way.daemon).or_default().clone();
    let mut seen = turn.lock().unwrap_or_else(PoisonError::into_inner);

    context.space.fill("main");
    let build = context.build().with_netrc();
    let (first, image) = build.image();
    let layers = image.layers();
    let is_first = seen.is_none();
    let has_lost = context.way.daemon.loses_results() && !is_first && !first.status.ran().is_empty();
    if !has_lost {
        works_once(&first, is_first);
    }
    runs(context, &image);
    config_is_right(&image);
    secret_is_not_leaked(context, &first, &image);
    if seen.as_ref() != Some(&layers) {
        environment_is_whole(&image);
        inspect_layers(context, &image);
        assert!(is_first || has_lost, "another entrance of this daemon made other layers: {seen:?}, here {layers:?}");
        *seen = Some(layers);
    }

    let repository = format!("e2e/{}", context.space.name());
    let uploads = || context.world.lab.uploads_into(&repository);
    let (before, id) = (uploads(), image.inspect()["Id"].clone());
    let (again, same) = build.again();
    does_nothing(&again);
    // A step that ran again has another result.
    if !context.way.daemon.loses_results() {
        assert_eq!(same.inspect()["Id"], id, "the same spec made another image");
    }
    assert_eq!(uploads(), before, "the second build pushed layers");
    let pushed = is_first && context.way.daemon == Daemon::Buildkitd;
    assert!(before > 0 || !pushed, "the first build pushed layers");
}

/// A file differs between runs, so the copy step cannot be in an earlier run's cache: the first entrance runs steps, and later builds
/// have steps to repeat.
fn works_once(first: &Built, is_first: bool) {
    let ran = first.status.ran();
    if is_first {
        assert!(ran.contains(&"[copy] data/marker.txt"), "ran: {ran:?}");
    } else {
        assert_eq!(ran, Vec::<&str>::new(), "steps of another entrance run again");
    }
}

fn inspect_layers(context: &Context<'_>, image: &Image<'_>) {
    let archive = image.archive(&context.space);
    let base = image.layers_of(&context.world.lab.python_image);
    has_no_leftovers(context, archive.above(&base));
    sources_exist(&archive);
    let needles = Needles::for_index(&context.world.lab.private_index);
    for layer in &archive.layers {
        needles.absent_from(&layer.diff_id, &layer.tar);
    }
    for (name, bytes) in archive.documents.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        needles.absent_from(name, bytes);
    }
}

fn runs(context: &Context<'_>, image: &Image<'_>) {
    let output = image.run().expect_code(0).line();
    assert_eq!(output, format!("hello pkg {} 6 /opt/venv", context.world.run));
    assert!(image.output_of("tree", &["--version"]).starts_with("tree v"));
    assert_eq!(image.output_of("jq", &["-n", "1 + 1"]), "2");
    assert_eq!(image.output_of("lab-private", &[]), "imagespec-lab-private 1.1.0");
    assert_eq!(image.output_of("/bin/sh", &["-c", "command -v httpx"]), "/opt/venv/bin/httpx");
}

fn environment_is_whole(image: &Image<'_>) {
    let program = "import click, cryptography.fernet, httpx, imagespec_lab_private, numpy, orjson, pandas, pydantic, \
                   requests, rich, yaml; print(orjson.dumps(pandas.DataFrame({'a': [1, 2]}).a.tolist()).decode())";
    assert_eq!(image.output_of(PYTHON, &["-c", program]), "[1,2]");
    let check = image.uv_pip_check().expect_code(0);
    assert!(check.stderr.contains("All installed packages are compatible"), "{check}");
}

fn config_is_right(image: &Image<'_>) {
    let config = &image.inspect()["Config"];
    assert_eq!(config["Entrypoint"], serde_json::json!(["python", "main.py"]));
    assert!(config["Cmd"].is_null(), "the base's command is removed with its entrypoint: {config}");
    assert_eq!(config["WorkingDir"], "/root");
    assert_eq!(config["User"].as_str().unwrap_or_default(), "");
    let env: BTreeSet<&str> =
        config["Env"].as_array().into_iter().flatten().filter_map(|entry| entry.as_str()).collect();
    let path = format!("/opt/venv/bin:{BASE_PATH}");
    let expected = [
        "GREETING=hello".to_owned(),
        format!("EXTRA={path}:/extra"),
        format!("PATH={path}"),
        "PYTHONPATH=/root".to_owned(),
        "VIRTUAL_ENV=/opt/venv".to_owned(),
    ];
    for entry in &expected {
        assert!(env.contains(entry.as_str()), "{entry} is missing in {env:?}");
    }
    let leaked = ["UV_", "PIP_", "SSL_", "REQUESTS_", "CURL_", "DEBIAN_FRONTEND", "IMAGESPEC"];
    let leaked = env.iter().filter(|entry| leaked.iter().any(|prefix| entry.starts_with(prefix)));
    assert_eq!(leaked.count(), 0, "variables of the build are in the image: {env:?}");
}

fn has_no_leftovers(context: &Context<'_>, own: &[Layer]) {
    assert!(!own.is_empty(), "the image has layers of its own");
    for (number, layer) in own.iter().enumerate() {
        let entries = rootfs::entries(&layer.tar);
        let leftovers: Vec<&(String, Node)> =
            entries.iter().filter(|(path, node)| is_leftover(context, path, node)).collect();
        assert!(leftovers.is_empty(), "layer {number} of {} has leftover files: {leftovers:#?}", own.len());
    }
}

/// Paths that must not be in our layers: tools, caches, lists, logs, mount points, files of the build itself.
fn is_leftover(context: &Context<'_>, path: &str, node: &Node) -> bool {
    const FOLDERS: [&str; 11] = [
        "dev/",
        "etc/apt/",
        "root/.cache/",
        "root/.config/",
        "run/",
        "tmp/",
        "var/cache/apt/",
        "var/lib/apt/lists/",
        "var/log/",
        "var/tmp/",
        "usr/local/share/ca-certificates/",
    ];
    const FILES: [&str; 4] =
        ["etc/passwd-", "etc/ssl/certs/ca-certificates.crt", "var/cache/ldconfig/aux-cache", "var/lib/dpkg/status-old"];
    if path == "root/.netrc" {
        // BuildKit before 0.12 leaves an empty file in the layer as the mount point of a file.
        let stub = context.way.daemon == Daemon::Engine2010 && node.kind == "file" && node.size == 0;
        return !stub;
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    // Layers also contain the parent folders of other paths.
    let in_folder = node.kind != "folder" && FOLDERS.iter().any(|folder| path.starts_with(folder));
    in_folder
        || FILES.contains(&path)
        || matches!(name, "uv" | "uvx" | "ca.pem" | "apt.conf")
        || path.starts_with("dev/imagespec")
}

fn sources_exist(archive: &Archive) {
    let root = archive.rootfs();
    let below_root = root.paths(|path| path.starts_with("root/") && path != "root/.netrc" && !is_of_the_base(path));
    let expected = [
        "root/data",
        "root/data/marker.txt",
        "root/main.py",
        "root/pkg",
        "root/pkg/__init__.py",
        "root/pkg/deep",
        "root/pkg/deep/leaf.py",
    ];
    assert_eq!(below_root, expected);
    for (path, node) in root.0.iter().filter(|(path, _)| below_root.contains(&path.as_str())) {
        assert_eq!(node.owner, (0, 0), "{path} belongs to the image's user");
    }
}

/// Files that Debian has in a home folder.
fn is_of_the_base(path: &str) -> bool {
    matches!(path, "root/.bashrc" | "root/.profile")
}

/// Checks that the secret is not in the client's output, nor in the image's config and history.
fn secret_is_not_leaked(context: &Context<'_>, built: &Built, image: &Image<'_>) {
    let needles = Needles::for_index(&context.world.lab.private_index);
    needles.absent_from("the client's output", built.ended.output().as_bytes());
    needles.absent_from("the steps' output and names", format!("{:?}", built.status).as_bytes());
    needles.absent_from("the exporter's metadata", built.metadata.to_string().as_bytes());
    needles.absent_from("the image", image.inspect().to_string().as_bytes());
    needles.absent_from("the image's history", image.history().as_bytes());
    assert!(needles.in_bytes(&built.status.logs).is_empty(), "the steps' output contains the secret");
}

/// Checks that a second build of the same spec runs no step.
fn does_nothing(again: &Built) {
    let cached = again.status.cached();
    for step in ["[apt] tree, jq", "[copy] data/marker.txt", "[source] Python files of src"] {
        assert!(cached.contains(&step), "{step} is not among the cached: {cached:?}");
    }
}
