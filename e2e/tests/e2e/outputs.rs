//! The results of `imagespec build`: every output, the files about it, and its standard output.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use imagespec_e2e::archive::Archive;
use imagespec_e2e::build::Output;
use imagespec_e2e::command::Program;
use imagespec_e2e::image::Image;
use imagespec_e2e::rootfs;
use imagespec_e2e::way::{self, Daemon, Entrance, Way};

use crate::{Case, Context, scenario};

const BUILDKITD: Way = Way::new(Daemon::Buildkitd, Entrance::Imagespec);

pub(crate) fn cases() -> Vec<Case> {
    let files = scenario("output-files", [BUILDKITD], files);
    let quiet = scenario("quiet", way::IMAGESPEC, quiet);
    let same = scenario("same-bytes", [BUILDKITD], same_bytes);
    let mtls = scenario("client-certificates", [BUILDKITD], client_certificates);
    let full = scenario("disk-full", [BUILDKITD], disk_full);
    files.chain(quiet).chain(same).chain(mtls).chain(full).collect()
}

/// A small filesystem, for as long as a test runs.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: PathBuf) -> Self {
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        Program::new("mount").args(["-t", "tmpfs", "-o", "size=20m", "tmpfs"]).arg(&folder).ok();
        Self(folder)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Program::new("umount").arg("--lazy").arg(&self.0).run();
    }
}

/// A disk that is too small for the result. The daemon and its client may wait for each other then, and the client has to end it.
fn disk_full(context: &Context<'_>) {
    context.space.write("spec.yaml", "base_image: debian:bookworm-slim\nenv: {M: '@MARKER@'}\n");
    let disk = SmallDisk::mount(context.space.sibling("small"));
    for (kind, name) in [("local", "out"), ("oci", "image.tar"), ("tar", "root.tar")] {
        let began = Instant::now();
        let output = format!("type={kind},dest={}", disk.0.join(name).display());
        let ended = context.build().ours("build", &context.world.lab.buildkit).args(["--output", &output]).run();
        let ended = ended.expect_code(70);
        assert!(ended.stderr.contains("error: can't write the result: "), "{ended}");
        assert!(ended.stderr.contains("No space left on device"), "{ended}");
        assert!(began.elapsed() < Duration::from_secs(60), "{kind}: took {:?}", began.elapsed());
        let _ = std::fs::remove_dir_all(disk.0.join("out"));
    }
}

fn files(context: &Context<'_>) {
    context.space.fill("small");
    let marker = format!("{}\n", context.space.marker());
    let to = |kind: &'static str, name: &str| {
        let path = context.space.sibling(name);
        (context.build().output(Output::File(kind, path.clone())).ok(), path)
    };

    let (built, oci) = to("oci", "oci.tar");
    let archive = Archive::read(&oci);
    let root = archive.rootfs();
    let copied = &root.0["root/marker.txt"];
    assert_eq!((copied.kind, copied.size), ("file", marker.len() as u64));
    let digest = built.metadata["containerimage.digest"].as_str().unwrap_or_default();
    assert!(archive.documents.contains_key(&format!("blobs/{}", digest.replacen(':', "/", 1))), "{}", built.metadata);

    let (_, tar) = to("tar", "root.tar");
    let entries = rootfs::entries(&std::fs::read(tar).expect("the tar was written"));
    let entry = entries.iter().find(|(path, _)| path == "root/marker.txt").map(|(_, node)| node);
    assert_eq!(entry.map(|node| &node.content), Some(&copied.content), "the tar is the root filesystem");

    let (_, folder) = to("local", "folder");
    assert_eq!(std::fs::read_to_string(folder.join("root/marker.txt")).ok(), Some(marker.clone()));
    assert!(folder.join("usr/bin/apt-get").is_file(), "the folder is the root filesystem");

    let (_, docker) = to("docker", "docker.tar");
    assert_eq!(diff_ids(&Archive::read(&docker)), diff_ids(&archive));
    let loaded = context.world.lab.docker(Daemon::Classic).arg("load").arg("--input").arg(&docker).ok().line();
    let id = loaded.rsplit(' ').next().unwrap_or_default().to_owned();
    let image = Image::new(context.world, Daemon::Classic, id);
    assert_eq!(image.run().expect_code(0).out(), marker);

    let piped = context.build().ours("build", &context.world.lab.buildkit).args(["--output", "-"]).ok();
    assert_eq!(
        rootfs::entries(&piped.stdout)
            .iter()
            .find(|(path, _)| path == "root/marker.txt")
            .map(|(_, node)| &node.content),
        Some(&copied.content),
        "`--output -` writes the tar, and nothing else, to stdout"
    );
}

fn diff_ids(archive: &Archive) -> Vec<&str> {
    archive.layers.iter().map(|layer| layer.diff_id.as_str()).collect()
}

/// `--quiet` prints one line, the image's id, and `--iidfile` contains the same.
fn quiet(context: &Context<'_>) {
    context.space.fill("small");
    let id_file = context.space.sibling("id");
    let build = context.build();
    let program = build.ours("build", context.world.lab.address(context.way.daemon)).args(build.destination());
    let ended = program.arg("--quiet").arg("--iidfile").arg(&id_file).ok();
    assert_eq!(ended.stderr, "");
    let id = ended.line();
    assert_eq!(ended.out(), format!("{id}\n"));
    assert_eq!(std::fs::read_to_string(&id_file).ok(), Some(id.clone()));
    match context.way.daemon {
        // A pushed image has no local id. As in buildx, the id is the digest of the config, which a classic engine would use.
        Daemon::Buildkitd => {
            let pushed = build.ok();
            assert_eq!(pushed.metadata["containerimage.config.digest"], id.as_str(), "{}", pushed.metadata);
        }
        engine => {
            let image = Image::new(context.world, engine, id);
            assert_eq!(image.run().expect_code(0).line(), context.space.marker());
        }
    }
}

/// Every step runs twice, and the files of the context have another time: the image is the same.
fn same_bytes(context: &Context<'_>) {
    let (space, address) = (&context.space, context.world.lab.address(context.way.daemon));
    let text = "base_image: python:3.11-slim\napt_packages: [jq]\npackages: [requests, pydantic]\nsource_root: src\n\
                source_copy_mode: all\ncommands: [\"echo hi >/srv/x\", \"python -c 'import requests'\"]\n";
    space.write("spec.yaml", text);
    space.write("src/a.py", "A = 1\n");
    context.build().ours("lock", address).ok();
    let digest = |number: usize| {
        space.write("src/a.py", "A = 1\n");
        let file = space.sibling(&format!("metadata-{number}.json"));
        let name = context.build().name();
        let output = format!("type=image,name={name}-{number},push=true,rewrite-timestamp=true");
        let program = context.build().ours("build", address).env("SOURCE_DATE_EPOCH", "1700000000").arg("--no-cache");
        program.option("--output", output).option("--metadata-file", &file).ok();
        let metadata = std::fs::read_to_string(&file).expect("it was written");
        let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("JSON");
        metadata["containerimage.digest"].as_str().expect("it is reported").to_owned()
    };
    assert_eq!(digest(1), digest(2));
}

/// A daemon on TCP that requires a client certificate.
fn client_certificates(context: &Context<'_>) {
    context.space.fill("small");
    let file = context.space.sibling("oci.tar");
    let mtls = &context.world.lab.mtls;
    let program = |with_key: bool| {
        let output = format!("type=oci,dest={}", file.display());
        let program = context.build().ours("build", &mtls.address).args(["--output", &output]);
        let program = program.arg("--tlscacert").arg(&mtls.ca);
        if with_key { program.arg("--tlscert").arg(&mtls.certificate).arg("--tlskey").arg(&mtls.key) } else { program }
    };
    program(true).ok();
    assert!(Archive::read(&file).rootfs().0.contains_key("root/marker.txt"));
    let refused = program(false).run().expect_code(3);
    assert!(refused.stderr.contains(&format!("can't reach a BuildKit daemon at {}", mtls.address)), "{refused}");
}
