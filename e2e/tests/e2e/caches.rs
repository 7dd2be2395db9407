//! Build caches that are exported and imported.

use imagespec_e2e::archive::Archive;
use imagespec_e2e::build::{Built, Elsewhere};
use imagespec_e2e::way::{Daemon, Entrance, Way};

use crate::throw_away::ThrowAway;
use crate::{Case, Context, scenario};

const BUILDKITD: Way = Way::new(Daemon::Buildkitd, Entrance::Imagespec);
const CONTAINERD: Way = Way::new(Daemon::Containerd, Entrance::Imagespec);
const ENTRANCES: [Way; 3] =
    [BUILDKITD, Way::new(Daemon::Buildkitd, Entrance::Docker), Way::new(Daemon::Buildkitd, Entrance::Buildctl)];
const WITHOUT_EXPORT: [Way; 2] =
    [Way::new(Daemon::Classic, Entrance::Imagespec), Way::new(Daemon::Engine2010, Entrance::Imagespec)];

pub(crate) fn cases() -> Vec<Case> {
    let folder = scenario("cache-folder", [BUILDKITD, CONTAINERD], cache_folder);
    let travels = scenario("cache-travels", ENTRANCES, travels);
    folder.chain(travels).chain(scenario("cache-refused", WITHOUT_EXPORT, refused)).collect()
}

/// A daemon that has never built anything makes an image from a cache in a registry: no step runs, and nothing is downloaded but the
/// answers that planning needs.
fn travels(context: &Context<'_>) {
    // A variable that installers read, so that no other test has the same steps.
    let spec = "# syntax=@FRONTEND@\nbase_image: python:3.11-slim\napt_packages: [tree]\npackages: [numpy==2.2.6, flask==3.1.0]\n\
        source_root: .\nenv: {UV_TEST_RUN: \"@MARKER@\"}\n";
    context.space.write("spec.yaml", spec);
    context.space.write("main.py", "print('main')\n");
    let image = context.build().name();
    let cache = format!("{}-cache", image.trim_end_matches(":latest"));
    let exports = [
        // What is in the image, and everything.
        (format!("type=registry,ref={cache}:min"), format!("type=registry,ref={cache}:min,mode=min")),
        (format!("type=registry,ref={cache}:max"), format!("type=registry,ref={cache}:max,mode=max")),
        (format!("type=registry,ref={image}"), "type=inline".to_owned()),
    ];
    for (from, to) in exports {
        let mut build = context.build();
        build.caches.to = Some(to);
        let (built, _) = build.image();

        let other = ThrowAway::start(context);
        let builder = Builder::new(context, &other.address);
        let mut build = context.build();
        build.caches.from = Some(from.clone());
        build.elsewhere = Some(Elsewhere { address: &other.address, builder: &builder.name });
        let (again, image) = build.image();
        let ran = again.status.ran();
        let is_local = |step: &&str| {
            ["[internal] write ", "[source] ", "changes of [source] "].iter().any(|start| step.starts_with(start))
        };
        let ran: Vec<&&str> = ran.iter().filter(|step| !is_local(step) && !step.starts_with("[record] ")).collect();
        assert_eq!(ran, Vec::<&&str>::new(), "steps ran again with {from}");
        let digest = |built: &Built| built.metadata["containerimage.digest"].clone();
        // An inline cache is a part of the image's config.
        if !from.ends_with(":latest") {
            assert_eq!(digest(&again), digest(&built), "{from}");
        }
        let pulled = other.bytes();
        assert!(pulled < 12_000_000, "{pulled} bytes are on the daemon with {from}");
        assert_eq!(image.output_of("python", &["-c", "import flask, numpy, main"]), "main");
        let lock = image.output_of("cat", &["/usr/share/imagespec/pylock.toml"]);
        assert!(lock.contains("name = \"numpy\"\nversion = \"2.2.6\""), "{lock}");
    }
}

/// A buildx instance for a daemon.
struct Builder<'a> {
    context: &'a Context<'a>,
    name: String,
}

impl<'a> Builder<'a> {
    fn new(context: &'a Context<'_>, address: &str) -> Self {
        let name = format!("throw-away-{}", context.space.name());
        let create = ["buildx", "create", "--driver", "remote", "--name", &name, address];
        context.world.lab.docker(context.way.daemon).args(create).run().expect_code(0);
        Self { context, name }
    }
}

impl Drop for Builder<'_> {
    fn drop(&mut self) {
        let program = self.context.world.lab.docker(self.context.way.daemon);
        let _ = program.args(["buildx", "rm", "--keep-daemon", &self.name]).run();
    }
}

/// An Engine that cannot export the cache is reported before the build.
fn refused(context: &Context<'_>) {
    context.space.write("spec.yaml", "base_image: debian:bookworm-slim\ncommands: [\"sleep 100\"]\n");
    let folder = context.space.sibling("cache");
    let program = context.build().ours("build", context.world.lab.address(context.way.daemon));
    let ended = program.args(["--cache-to", &format!("type=local,dest={}", folder.display())]).run().expect_code(2);
    assert!(ended.stderr.contains("this Docker Engine does not support cache exports with type=local"), "{ended}");
    assert!(!folder.exists(), "a folder was created for a cache that cannot be exported");
}

/// A cache in a folder of the client: exported by one daemon, imported by another one, and replaced by a later export.
fn cache_folder(context: &Context<'_>) {
    let space = &context.space;
    let write = |value: &str| {
        // Random content, so that the file is the same only if it comes from the cache.
        let command = format!("cat /proc/sys/kernel/random/uuid > /{value}");
        space.write("spec.yaml", &format!("base_image: debian:bookworm-slim\ncommands: ['{command}']\n"));
    };
    write("first-@MARKER@");
    let folder = space.sibling("cache");
    let to = format!("type=local,dest={},mode=max,reset=true", folder.display());
    let from = format!("type=local,src={}", folder.display());
    let build = |address: &str, archive: &str, arguments: &[&str]| {
        let archive = space.sibling(archive);
        let output = format!("type=oci,dest={}", archive.display());
        let program = context.build().ours("build", address).args(["--progress", "plain", "--output", &output]);
        let ended = program.args(arguments).ok();
        (ended, Archive::read(&archive).rootfs())
    };
    let address = context.world.lab.address(context.way.daemon);
    // The first build of a pipeline has no cache yet.
    let (exported, made) = build(address, "made.tar", &["--cache-from", &from, "--cache-to", &to]);
    assert!(exported.stderr.contains(&format!("no cache is imported from {}", folder.display())), "{exported}");
    let blobs = || std::fs::read_dir(folder.join("blobs/sha256")).expect("the cache was written").count();
    let before = blobs();

    let other = ThrowAway::start(context);
    let (imported, found) = build(&other.address, "found.tar", &["--cache-from", &from]);
    assert!(imported.stderr.contains("importing cache manifest from local:"), "{imported}");
    assert_eq!(made.differences(&found), Vec::<String>::new(), "the command ran again: {imported}");
    // Planning uses the cache, too.
    let plan = context.build().ours("plan", &other.address).args(["--cache-from", &from]).ok();
    assert!(!plan.stderr.contains("no cache is imported"), "{plan}");

    // The layers of the first command are not needed any more.
    write("second-@MARKER@");
    build(address, "second.tar", &["--cache-from", &from, "--cache-to", &to]);
    assert_eq!(blobs(), before, "the second export replaced the first one");
    let missing = space.sibling("no-such-folder");
    let from = format!("type=local,src={}", missing.display());
    let program = context.build().ours("build", address).args([
        "--cache-from",
        &from,
        "--cache-to",
        "type=local,dest=/dev/null/x",
    ]);
    let refused = program.run().expect_code(2);
    assert!(refused.stderr.contains("cannot export the cache to a folder: /dev/null/x/blobs/sha256: "), "{refused}");
}
