//! Debian repositories that the base image does not have, and changes in them between two builds.

use std::path::{Path, PathBuf};

use imagespec_e2e::archive::Archive;
use imagespec_e2e::command::Program;
use imagespec_e2e::way::{Daemon, Entrance, Way};
use sha2::{Digest as _, Sha256};

use crate::{Case, Context, scenario};

const BUILDKITD: Way = Way::new(Daemon::Buildkitd, Entrance::Imagespec);
const FLOOR: Way = Way::new(Daemon::Engine2010, Entrance::Docker);

/// For the entrance that needs it; for others it is a comment.
const FIRST: &str = "# syntax=@FRONTEND@\n";

pub(crate) fn cases() -> Vec<Case> {
    let keys = scenario("apt-sources", [BUILDKITD, FLOOR], keys);
    let lists = scenario("apt-lists", [BUILDKITD, FLOOR], lists);
    keys.chain(lists).chain(scenario("apt-poisoned", [BUILDKITD], poisoned)).collect()
}

/// A repository that the base image does not have, with its key, and with a wrong key.
fn keys(context: &Context<'_>) {
    let key = |name: &str| {
        let path = format!("/etc/apt/trusted.gpg.d/debian-archive-{name}.asc");
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let text = "base_image: debian:bookworm-slim\napt_packages: [tmux/bookworm-backports]\nbuilder_options:\n  \
                apt_sources: [\"deb http://deb.debian.org/debian bookworm-backports main\"]\n  \
                apt_keys: [keys/archive.asc]\n";
    context.space.write("spec.yaml", &format!("{FIRST}{text}"));
    context.space.write("keys/archive.asc", &key("bookworm-automatic"));
    let (_, image) = context.build().image();
    // The release has version 3.3a.
    let version = image.output_of("tmux", &["-V"]);
    assert!(version.starts_with("tmux 3.") && version != "tmux 3.3a", "{version}");
    let kept = image.output_of("cat", &["/etc/apt/sources.list.d/imagespec.list"]);
    assert!(kept.starts_with("deb [signed-by=/etc/apt/keyrings/imagespec-0.asc] http"), "{kept}");
    context.build().again();

    context.space.write("keys/archive.asc", &key("bookworm-stable"));
    let ended = context.build().plainly().run();
    assert_ne!(ended.code, Some(0), "another key has not signed it");
    context.space.write("keys/archive.asc", "no key\n");
    let ended = context.build().plainly().run();
    assert_ne!(ended.code, Some(0));
    assert!(ended.output().contains("contains no ASCII-armored key"), "{ended}");
}

/// Cached lists of a repository are never older than the repository, and dpkg's state is consistent.
fn lists(context: &Context<'_>) {
    let name = format!("imagespec-{}", context.space.name().to_ascii_lowercase());
    let repository = Repository::new(context, &name);
    let text = format!(
        "base_image: debian:bookworm-slim\napt_packages: [{name}]\nbuilder_options:\n  \
         apt_sources: [\"deb [trusted=yes] {} ./\"]\n",
        repository.url
    );
    context.space.write("spec.yaml", &format!("{FIRST}{text}"));
    let installed = |what: &str| {
        let (_, image) = context.build().without_cache().image();
        let state = image.output_of("dpkg-query", &["-W", "-f=${Status} ${Version}", &name]);
        let audit = image.output_of("dpkg", &["--audit"]);
        assert_eq!(audit, "", "{what}");
        image.discard();
        state.strip_prefix("install ok installed ").map(str::to_owned).unwrap_or(state)
    };
    repository.publish("1");
    assert_eq!(installed("first"), "1");
    assert_eq!(installed("the same lists"), "1");
    // All files keep their sizes.
    repository.publish("2");
    assert_eq!(installed("other lists"), "2");
}

/// A hostile base image that writes to the caches of archives and lists does not change what other images get.
fn poisoned(context: &Context<'_>) {
    let space = &context.space;
    let address = context.world.lab.address(context.way.daemon);
    let repository = context.build().name();
    let evil = |cache: &str| format!("{}-{cache}:1", repository.trim_end_matches(":latest"));
    // The specs of one attack, with caches that no other test uses.
    let fill = |cache: &str, command: &str| {
        space.fill("hostile-apt");
        for file in ["evil.yaml", "attacker.yaml", "spec.yaml"] {
            let path = space.context().join(file);
            let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            space.write(
                file,
                &text.replace("@CACHE@", cache).replace("@EVIL@", &evil(cache)).replace("@COMMAND@", command),
            );
        }
    };
    let build = |spec: &str, cache: &str, arguments: &[&str]| {
        let namespace = format!("BUILDKIT_CACHE_MOUNT_NS={}-{cache}", space.marker());
        let program = context.build().spec(spec).ours("build", address).args(["--progress", "plain"]);
        program.args(["--build-arg", &namespace]).args(arguments).ok()
    };
    let victim = |cache: &str| {
        let archive = space.sibling("victim.tar");
        let ended = build("spec.yaml", cache, &["--output", &format!("type=oci,dest={}", archive.display())]);
        (Archive::read(&archive).rootfs().0.remove("usr/bin/tree").expect("it is installed"), ended)
    };
    fill("clean", "true");
    let (clean, _) = victim("clean");
    for (cache, command) in [("lists", "true"), ("release", "touch /root/release")] {
        fill(cache, command);
        build("evil.yaml", cache, &["--push", "--tag", &evil(cache)]);
        let attack = build("attacker.yaml", cache, &[]);
        assert!(attack.stderr.contains("dpkg-deb: building package 'tree'"), "{attack}");
        let (tree, ended) = victim(cache);
        assert_eq!(tree, clean, "{cache}: the attacker's package is installed: {ended}");
        assert!(ended.stderr.contains("is not the file that the repository lists"), "{ended}");
    }
}

/// A repository with one package and without a signature, on the lab's file server. It is removed when dropped.
struct Repository {
    folder: PathBuf,
    url: String,
    package: String,
}

impl Repository {
    fn new(context: &Context<'_>, package: &str) -> Self {
        let lab = &context.world.lab;
        let (server, _) = lab.conda_channel.rsplit_once('/').expect("the channel is a folder of the server");
        let folder = lab.state.join("files").join(package);
        std::fs::create_dir_all(&folder).expect("the server's folder can be written");
        Self { folder, url: format!("{server}/{package}"), package: package.to_owned() }
    }

    fn publish(&self, version: &str) {
        let tree = tempfile::tempdir().expect("a temporary folder");
        let control = format!(
            "Package: {}\nVersion: {version}\nArchitecture: all\nMaintainer: nobody <nobody@localhost>\n\
             Description: a package of one test\n",
            self.package
        );
        std::fs::create_dir(tree.path().join("DEBIAN")).expect("it is new");
        std::fs::write(tree.path().join("DEBIAN/control"), &control).expect("its folder is new");
        let file = format!("{}_{version}_all.deb", self.package);
        let archive = self.folder.join(&file);
        Program::new("dpkg-deb").args(["--root-owner-group", "--build"]).arg(tree.path()).arg(&archive).ok();
        let (size, hash) = measured(&archive);
        let packages = format!("{control}Filename: ./{file}\nSize: {size}\nSHA256: {hash}\n\n");
        let list = self.folder.join("Packages");
        std::fs::write(&list, packages).expect("the server's folder can be written");
        let (size, hash) = measured(&list);
        let release = format!("Suite: test\nSHA256:\n {hash} {size} Packages\n");
        std::fs::write(self.folder.join("Release"), release).expect("the server's folder can be written");
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn measured(path: &Path) -> (usize, String) {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    (bytes.len(), hex::encode(Sha256::digest(&bytes)))
}
