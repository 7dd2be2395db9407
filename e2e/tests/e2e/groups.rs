//! Python packages in groups: the cost of a change, collisions, and locks of other tools.

use std::collections::BTreeSet;

use imagespec_e2e::archive::Archive;
use imagespec_e2e::build::Built;
use imagespec_e2e::way::{Daemon, Entrance, Way};

use crate::{Case, Context, scenario};

const WAYS: [Way; 2] =
    [Way::new(Daemon::Buildkitd, Entrance::Imagespec), Way::new(Daemon::Containerd, Entrance::Docker)];

pub(crate) fn cases() -> Vec<Case> {
    let groups = scenario("groups", WAYS, groups);
    let clash = scenario("clash", [WAYS[0]], clash);
    let uv_lock = scenario("uv-lock", [WAYS[0], Way::new(Daemon::Engine2010, Entrance::Docker)], uv_lock);
    let poetry_lock = scenario("poetry-lock", [WAYS[0], Way::new(Daemon::Engine2010, Entrance::Docker)], poetry_lock);
    let groups = groups.chain(poetry_lock);
    let bytecode = scenario("bytecode", [WAYS[0]], bytecode);
    let written_lock = scenario("written-lock", WAYS, written_lock);
    let groups = groups.chain(scenario("growth", WAYS, growth));
    groups.chain(clash).chain(uv_lock).chain(bytecode).chain(written_lock).collect()
}

/// One more package: one group is installed again, and one layer is new.
fn groups(context: &Context<'_>) {
    context.space.fill("groups");
    // A variable that installers read, so that no other test has the same steps.
    let path = context.space.context().join("spec.yaml");
    let text = std::fs::read_to_string(&path).expect("the spec");
    let text = format!("{text}env: {{UV_TEST_RUN: \"{}\"}}\n", context.space.marker());
    context.space.write("spec.yaml", &text);
    let (first, image) = context.build().image();
    let installed = installs(&first.status.ran());
    assert!(installed.len() > 4, "the lock is cut: {installed:?}");
    image.run().expect_code(0);
    image.uv_pip_check().expect_code(0);
    let program = "import bs4, flask, lxml.etree, numpy, psutil, pydantic, sqlalchemy; print('ok')";
    assert_eq!(image.output_of("python", &["-c", program]), "ok");
    // The build has compiled it, so nothing is compiled at the first import.
    let cached = "import flask, importlib.util as u, os; print(os.path.exists(u.cache_from_source(flask.__file__)))";
    assert_eq!(image.output_of("python", &["-B", "-c", cached]), "True");
    let before = image.layers();

    context.space.write("spec.yaml", &text.replace("  - attrs\n", "  - attrs\n  - tabulate\n"));
    let (second, image) = context.build().image();
    let ran = second.status.ran();
    let installed = installs(&ran);
    // Even if the daemon has lost results, only a few groups run again.
    let loses = context.way.daemon.loses_results();
    let expected = if loses { 1..=3 } else { 1..=1 };
    assert!(expected.contains(&installed.len()), "one group is installed again: {ran:?}");
    let is_below = |step: &&str| step.starts_with("[apt]") || step.starts_with("[python]");
    assert!(loses || !ran.iter().any(is_below), "{ran:?}");
    let after = image.layers();
    let new: Vec<&String> = after.iter().filter(|layer| !before.contains(layer)).collect();
    assert_eq!(new.len(), installed.len() + 1, "one layer and the lock are new: {before:?} {after:?}");
    assert_eq!(image.output_of("python", &["-c", "import tabulate; print('ok')"]), "ok");
    image.uv_pip_check().expect_code(0);

    context.build().again();
}

fn installs<'a>(ran: &[&'a str]) -> Vec<&'a str> {
    ran.iter().copied().filter(|step| step.starts_with("[pip]")).collect()
}

/// Two distributions with the same module: the plan decides which one is used, the same in every build.
fn clash(context: &Context<'_>) {
    let spec = "base_image: python:3.11-slim\npackages: [jwt==1.3.1, pyjwt==2.8.0]\n";
    context.space.write("spec.yaml", spec);
    let (built, image) = context.build().image();
    let steps: Vec<&str> = built.status.steps().map(|step| step.name.as_str()).collect();
    assert!(steps.contains(&"[pip] pyjwt"), "it is set apart: {steps:?}");
    assert_eq!(
        image.output_of("python", &["-c", "import jwt; print(jwt.__version__, jwt.encode({}, 'k')[:2])"]),
        "2.8.0 ey"
    );
    let address = context.world.lab.address(context.way.daemon);
    let plan = context.build().ours("plan", address).ok();
    let text = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(text.contains("jwt and pyjwt bring the same files with different content; those of pyjwt stay"), "{text}");
}

/// Compiled bytecode is reused, and equals newly compiled bytecode.
fn bytecode(context: &Context<'_>) {
    let address = context.world.lab.address(context.way.daemon);
    // The caches are not shared with other builds.
    let namespace = format!("BUILDKIT_CACHE_MOUNT_NS={}", context.space.marker());
    // A variable that installers read makes the steps different. Running them without cache would also empty the cache mounts.
    let build = |run: &str| {
        let spec = "base_image: python:3.11-slim\npackages: [click, flask, pyyaml, rich]\n";
        let env = format!("env: {{UV_TEST_RUN: \"{} {run}\"}}\n", context.space.marker());
        context.space.write("spec.yaml", &format!("{spec}{env}"));
        let file = context.space.sibling(&format!("{run}.tar"));
        let destination = format!("type=oci,dest={}", file.display());
        let program = context.build().ours("build", address).args(["--progress", "plain"]);
        let ended = program.args(["--build-arg", &namespace, "--output", &destination]).ok();
        (Archive::read(&file).rootfs(), ended.stderr)
    };
    let ((first, compiled), (second, kept)) = (build("first"), build("second"));
    let told = |text: &str| {
        let line = text.lines().find_map(|line| line.split_once("bytecode of "));
        line.map(|(_, told)| told.to_owned()).unwrap_or_default()
    };
    let (compiled, kept) = (told(&compiled), told(&kept));
    assert!(compiled.ends_with(" compiled, 0 cached"), "{compiled:?}");
    assert!(kept.contains(" packages: 0 compiled, ") && !kept.ends_with(" 0 cached"), "{kept:?}");
    assert_eq!(first.differences(&second), Vec::<String>::new());
    let is_compiled = |path: &str| path.starts_with("opt/venv/") && path.ends_with(".cpython-311.pyc");
    assert!(first.paths(is_compiled).len() > 100, "they are compiled");
}

/// A project's lock: its versions, without the project and development dependencies; nothing is resolved.
fn uv_lock(context: &Context<'_>) {
    installs_lock(context, "uv-lock", "'iniconfig', 'markupsafe', 'a_project'", "True False False");
}

/// Poetry's lock: its versions, without development dependencies.
fn poetry_lock(context: &Context<'_>) {
    let modules = "'iniconfig', 'markupsafe', 'poetry'";
    let built = installs_lock(context, "poetry-lock", modules, "False True False");
    let has_exported = built.status.steps().any(|step| step.name == "[lock] export poetry.lock");
    assert!(has_exported, "Poetry reads its lock");
}

/// Builds a project's lock: checks its version of click, and which modules are installed.
#[track_caller]
fn installs_lock(context: &Context<'_>, project: &str, modules: &str, are_there: &str) -> Built {
    context.space.fill(project);
    let (built, image) = context.build().image();
    assert_eq!(image.run().expect_code(0).line(), "8.1.7");
    let program = format!("import importlib.util as u; print(*(bool(u.find_spec(n)) for n in ({modules})))");
    assert_eq!(image.output_of("python", &["-c", &program]), are_there);
    image.uv_pip_check().expect_code(0);
    built
}

/// `imagespec lock` writes versions next to the spec; builds install them until the spec changes.
fn written_lock(context: &Context<'_>) {
    let frontend = "# syntax=@FRONTEND@\nbase_image: python:3.11-slim\n";
    let with = |packages: &str| context.space.write("spec.yaml", &format!("{frontend}packages: [{packages}]\n"));
    let file = context.space.context().join("pylock.spec-amd64.toml");
    let address = context.world.lab.address(context.way.daemon);
    let lock = |flags: &[&str]| context.build().ours("lock", address).args(flags).run();
    with("click, idna");
    assert!(lock(&["--check"]).expect_code(1).out().contains("missing"), "nothing is there yet");
    assert!(lock(&[]).expect_code(0).out().contains("written, 2 packages"), "it is written");

    // An older version simulates a lock that was written some time ago.
    let text = std::fs::read_to_string(&file).expect("a lock");
    let older = text.replace(&entry(&text, "idna"), &entry(IDNA_3_10, "idna"));
    std::fs::write(&file, &older).expect("it can be changed");
    let versions = "import importlib.metadata as m; print(m.version('idna'))";
    let (built, image) = context.build().image();
    let is_lock = |step: &str| step.starts_with("[lock]");
    assert!(!built.status.steps().any(|step| is_lock(&step.name)), "nothing is resolved");
    assert_eq!(image.output_of("python", &["-c", versions]), "3.10");
    assert!(lock(&["--check"]).expect_code(0).out().contains("up to date, 2 packages"), "it is of this spec");

    // A changed spec: a warning, resolved again, and versions that still fit are kept.
    with("click, idna, tabulate");
    let (built, image) = context.build().image();
    assert!(built.status.steps().any(|step| is_lock(&step.name)), "versions are chosen");
    assert!(built.ended.stderr.contains("pylock.spec-amd64.toml"), "{}", built.ended.stderr);
    assert_eq!(image.output_of("python", &["-c", versions]), "3.10");
    assert!(lock(&["--check"]).expect_code(1).out().contains("made for a different spec"), "it is of the old spec");
    let output = lock(&[]).expect_code(0).out();
    assert!(output.contains("written, 3 packages\n  + tabulate "), "{output}");
    let output = lock(&["--upgrade"]).expect_code(0).out();
    assert!(output.contains("~ idna 3.10 -> "), "{output}");
}

/// With a lockfile, one more Python package and one more Debian package are one small step each, and all other layers stay.
fn growth(context: &Context<'_>) {
    // Variables that pip and apt steps read, so that no other run has the same steps.
    let with = |packages: &str, apt: &str| {
        let spec = format!(
            "# syntax=@FRONTEND@\nbase_image: python:3.11-slim\napt_packages: [{apt}]\npackages: [{packages}]\n\
            env: {{UV_TEST_RUN: \"@MARKER@\", NOTE_PROXY: \"@MARKER@\"}}\n"
        );
        context.space.write("spec.yaml", &spec);
    };
    let address = context.world.lab.address(context.way.daemon);
    let lock = || context.build().ours("lock", address).run().expect_code(0);
    with("flask, numpy==2.2.6", "tree, jq");
    lock();
    let (_, image) = context.build().image();
    let before = image.layers();

    // Before the lockfile is updated, and after that.
    with("flask, numpy==2.2.6, tabulate", "tree, jq, less");
    for is_locked in [false, true] {
        if is_locked {
            lock();
        }
        let (built, image) = context.build().image();
        let ran = built.status.ran();
        let is_step = |step: &&&str| ["[apt]", "[pip]", "[python]"].iter().any(|label| step.starts_with(label));
        let steps: BTreeSet<&str> = ran.iter().filter(is_step).copied().collect();
        let expected = BTreeSet::from(["[apt] less", "[pip] tabulate"]);
        // A daemon that has lost results runs steps again, with the same results.
        let loses = context.way.daemon.loses_results();
        assert!(loses || if is_locked { steps.is_empty() } else { steps == expected }, "{ran:?}");
        let after = image.layers();
        let kept = before.iter().filter(|layer| after.contains(layer)).count();
        assert_eq!(kept, before.len() - 1, "only the lock is another: {before:?} {after:?}");
        assert_eq!(after.len(), before.len() + 2, "{before:?} {after:?}");
        assert!(image.output_of("less", &["--version"]).starts_with("less "));
        assert_eq!(image.output_of("python", &["-c", "import flask, numpy, tabulate; print('ok')"]), "ok");
        image.uv_pip_check().expect_code(0);
    }
}

/// A package's entry in a lock.
#[track_caller]
fn entry(lock: &str, name: &str) -> String {
    let start = format!("[[packages]]\nname = \"{name}\"\n");
    let (_, rest) = lock.split_once(&start).expect("the package is locked");
    let rest = rest.split("\n\n").next().unwrap_or_default();
    format!("{start}{}", rest.trim_end())
}

/// As `uv pip compile --format pylock.toml` writes it.
const IDNA_3_10: &str = r#"
[[packages]]
name = "idna"
version = "3.10"
sdist = { url = "https://files.pythonhosted.org/packages/f1/70/7703c29685631f5a7590aa73f1f1d3fa9a380e654b86af429e0934a32f7d/idna-3.10.tar.gz", upload-time = 2024-09-15T18:07:39Z, size = 190490, hashes = { sha256 = "12f65c9b470abda6dc35cf8e63cc574b1c52b11df2c86030af0ac09b01b13ea9" } }
wheels = [{ url = "https://files.pythonhosted.org/packages/76/c6/c88e154df9c4e1a2a66ccf0005a88dfb2650c1dffb6f5ce603dfbd452ce3/idna-3.10-py3-none-any.whl", upload-time = 2024-09-15T18:07:37Z, size = 70442, hashes = { sha256 = "946d195a0d259cbba61165e88e65941f16e9b36ea6ddb97f00452bae8b1287d3" } }]
"#;
