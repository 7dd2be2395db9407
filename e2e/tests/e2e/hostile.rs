//! Hostile base images and packages: they change no other image on the daemon, and read no secrets.
//!
//! Every attack has caches of its own, so that it does not disturb other tests.

use std::collections::BTreeMap;
use std::path::PathBuf;

use imagespec_e2e::archive::Archive;
use imagespec_e2e::command::{Ended, Program};
use imagespec_e2e::rootfs::Node;
use imagespec_e2e::scan::Needles;
use imagespec_e2e::way::{Daemon, Entrance, Way};

use crate::{Case, Context, scenario};

const BUILDKITD: Way = Way::new(Daemon::Buildkitd, Entrance::Imagespec);

/// The value of a secret that nothing may read.
const CANARY: &str = "canary-of-a-secret-variable";

pub(crate) fn cases() -> Vec<Case> {
    let base = scenario("hostile-base", [BUILDKITD], base);
    let sdist = scenario("hostile-sdist", [BUILDKITD], sdist);
    base.chain(sdist).chain(scenario("hostile-conda", [BUILDKITD], conda)).collect()
}

/// The specs of one attack.
struct Attack<'a> {
    context: &'a Context<'a>,
    cache: &'a str,
}

impl Attack<'_> {
    /// Fills the context with the specs of an attack.
    fn fill(&self, folder: &str, words: &[(&str, &str)]) {
        let space = &self.context.space;
        space.fill(folder);
        for file in ["evil.yaml", "attacker.yaml", "spec.yaml"] {
            let path = space.context().join(file);
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let text = text.replace("@CACHE@", self.cache);
            space.write(file, &words.iter().fold(text, |text, (word, value)| text.replace(word, value)));
        }
    }

    fn program(&self, command: &str, spec: &str) -> Program {
        let context = self.context;
        let namespace = format!("BUILDKIT_CACHE_MOUNT_NS={}-{}", context.space.marker(), self.cache);
        let address = context.world.lab.address(context.way.daemon);
        let build = context.build().with_netrc().with_secret("canary", CANARY);
        build.spec(spec).ours(command, address).args(["--build-arg", &namespace])
    }

    fn build(&self, spec: &str, arguments: &[&str]) -> Ended {
        self.program("build", spec).args(["--progress", "plain"]).args(arguments).ok()
    }

    /// The files of an image. Fails the test if a secret is in the log or in the image.
    fn files(&self, spec: &str) -> (BTreeMap<String, Node>, Ended) {
        let path = self.context.space.sibling(&format!("{}-{spec}.tar", self.cache));
        let ended = self.build(spec, &["--output", &format!("type=oci,dest={}", path.display())]);
        let archive = Archive::read(&path);
        let needles = Needles::for_index(&self.context.world.lab.private_index).and("the canary", CANARY);
        needles.absent_from("the log", ended.output().as_bytes());
        for layer in &archive.layers {
            needles.absent_from("a layer", &layer.tar);
        }
        for (name, bytes) in archive.documents.iter().filter(|(_, bytes)| !bytes.is_empty()) {
            needles.absent_from(name, bytes);
        }
        (archive.rootfs().0, ended)
    }

    /// What the victim has of the package that is attacked.
    fn victim(&self) -> Vec<(String, Node)> {
        let (files, _) = self.files("spec.yaml");
        let six: Vec<(String, Node)> = files.into_iter().filter(|(path, _)| path.contains("/six")).collect();
        assert!(six.iter().any(|(path, _)| path.ends_with(".pyc")), "it is precompiled: {six:?}");
        six
    }
}

/// A base image whose interpreter prints what it can read, and writes where it can.
fn base(context: &Context<'_>) {
    let lab = &context.world.lab;
    let repository = context.build().name();
    let evil = format!("{}-evil:1", repository.trim_end_matches(":latest"));
    let clean = Attack { context, cache: "clean" };
    clean.fill("hostile-base", &[("@EVIL@", &evil), ("@TOOL@", ""), ("@PRIVATE_INDEX@", &lab.private_index.url)]);
    let expected = clean.victim();
    clean.build("evil.yaml", &["--push", "--tag", &evil]);
    for (cache, tool) in [("tool", ""), ("own", "builder_config: {python_image: base_image}")] {
        let attack = Attack { context, cache };
        attack
            .fill("hostile-base", &[("@EVIL@", &evil), ("@TOOL@", tool), ("@PRIVATE_INDEX@", &lab.private_index.url)]);
        let (files, ended) = attack.files("attacker.yaml");
        assert!(files.keys().any(|path| path.starts_with("usr/share/loot/")), "{cache}: the attack did not run");
        assert!(files.keys().any(|path| path.ends_with("imagespec_lab_private/__init__.py")), "{cache}");
        assert!(!ended.output().contains("poisoned "), "{cache}: {ended}");
        assert_eq!(attack.victim(), expected, "{cache}: the victim's packages are changed");
    }
}

/// A package that has to be built, even to learn what it requires.
fn sdist(context: &Context<'_>) {
    let lab = &context.world.lab;
    let (server, _) = lab.conda_channel.rsplit_once('/').expect("the channel is a folder of the server");
    let name = format!("evil-{}", context.space.name().to_ascii_lowercase());
    let files = lab.state.join("files").join(&name);
    let url = format!("{server}/{name}");
    let clean = Attack { context, cache: "clean" };
    let words = |requirement: &str| {
        [("@FILES@".to_owned(), format!("{url}/")), ("@REQUIREMENT@".to_owned(), requirement.to_owned())]
    };
    let fill = |attack: &Attack<'_>, requirement: &str| {
        let words = words(requirement);
        let words: Vec<(&str, &str)> = words.iter().map(|(word, value)| (word.as_str(), value.as_str())).collect();
        attack.fill("hostile-sdist", &words);
    };
    fill(&clean, "six");
    std::fs::create_dir_all(&files).expect("the server's folder can be written");
    let _removed = Removed(files.clone());
    let package = context.space.sibling("evilpkg-1.0");
    std::fs::create_dir_all(&package).expect("a folder of the test");
    std::fs::copy(context.space.context().join("setup.py"), package.join("setup.py")).expect("it is test data");
    std::fs::write(package.join("PKG-INFO"), "Metadata-Version: 2.1\nName: evilpkg\nVersion: 1.0\n")
        .expect("its folder is new");
    let parent = package.parent().expect("a folder of the test");
    Program::new("tar").arg("-czf").arg(files.join("evilpkg-1.0.tar.gz")).arg("-C").arg(parent).arg("evilpkg-1.0").ok();
    let expected = clean.victim();
    let direct = format!("evilpkg @ {url}/evilpkg-1.0.tar.gz");
    for (cache, requirement) in [("named", "evilpkg==1.0"), ("direct", direct.as_str())] {
        let attack = Attack { context, cache };
        fill(&attack, requirement);
        // Planning alone runs the package's code.
        attack.program("plan", "attacker.yaml").ok();
        assert_eq!(attack.victim(), expected, "{cache}: planning has changed the victim's packages");
        let (built, ended) = attack.files("attacker.yaml");
        assert!(!ended.stderr.contains("------"), "the first attempt is reported as if the build had failed: {ended}");
        assert!(built.keys().any(|path| path.ends_with("site-packages/evilpkg.py")), "{cache}: the attack did not run");
        assert_eq!(attack.victim(), expected, "{cache}: the victim's packages are changed");
    }
}

/// A conda package whose script runs when it is linked.
fn conda(context: &Context<'_>) {
    let (alias, _) = context.world.lab.conda_channel.rsplit_once('/').expect("the channel is a folder of the server");
    let name = format!("evil-conda-{}", context.space.name().to_ascii_lowercase());
    let channel = context.world.lab.state.join("files").join(&name);
    let _removed = Removed(channel.clone());
    let url = format!("{alias}/{name}");
    let words = [("@ALIAS@", alias), ("@FILES@", url.as_str())];
    let clean = Attack { context, cache: "clean" };
    clean.fill("hostile-conda", &words);
    let folder = context.space.context();
    let script = folder.join("post-link.sh");
    Program::new("python3").arg(folder.join("channel.py")).arg(&channel).arg(script).ok();
    let expected = clean.victim();
    let attack = Attack { context, cache: "attacked" };
    attack.fill("hostile-conda", &words);
    let (built, _) = attack.files("attacker.yaml");
    assert!(built.keys().any(|path| path.ends_with("/envs/runtime/loot")), "the attack did not run");
    assert_eq!(attack.victim(), expected, "the victim's packages are changed");
}

/// A folder that is removed when dropped.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
