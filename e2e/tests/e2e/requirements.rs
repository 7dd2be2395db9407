//! Requirements files with includes, constraints and hashes, option lines, and an interpreter that apt installs.

use imagespec_e2e::way::{self, Daemon, Entrance, Way};

use crate::{Case, Context, scenario};

const BUILDKITD: Way = Way::new(Daemon::Buildkitd, Entrance::Imagespec);

pub(crate) fn cases() -> Vec<Case> {
    let files = scenario("requirements", way::EACH_DAEMON, files);
    let hashes = scenario("hashes", [BUILDKITD], hashes);
    let apt_python = scenario("apt-python", way::EACH_DAEMON, apt_python);
    let built = scenario("built-wheels", [BUILDKITD], built_wheels);
    files.chain(hashes).chain(apt_python).chain(built).collect()
}

/// `requirements.txt` includes another file, which an ignore file excludes from the copy but not from the requirements, and
/// constraints. An option line in `packages` adds an index and requests a version that only this index has.
fn files(context: &Context<'_>) {
    context.space.fill("requirements");
    let (_, image) = context.build().image();
    let program = "import importlib.metadata as m; \
                   print(*(m.version(p) for p in ('click', 'iniconfig', 'markupsafe', 'imagespec-lab-private')))";
    assert_eq!(image.output_of("python", &["-c", program]), "8.1.7 2.0.0 2.1.5 1.0.0");
    image.uv_pip_check().expect_code(0);
    // The constraint is not a requirement.
    let program = "import importlib.util as u; print(u.find_spec('packaging'))";
    assert_eq!(image.output_of("python", &["-c", program]), "None");

    // Comments and layout do not count: nothing is installed again.
    let text = "# another comment\n\n-r   nested/more.txt\n\n\niniconfig\n-c constraints.txt  # why\n";
    context.space.write("requirements.txt", text);
    context.build().again();
}

/// A wheel that was built without a compiler is not reused with a compiler, although uv considers them the same.
fn built_wheels(context: &Context<'_>) {
    let has_speedups = |apt: &str| {
        let packages = "packages: [\"--no-binary markupsafe markupsafe==2.1.5\"]\n";
        context.space.write("spec.yaml", &format!("base_image: python:3.11-slim\n{apt}{packages}"));
        let (_, image) = context.build().image();
        let program = "import importlib.util as u; print(u.find_spec('markupsafe._speedups') is not None)";
        image.output_of("python", &["-c", program])
    };
    assert_eq!(has_speedups(""), "False");
    assert_eq!(has_speedups("apt_packages: [gcc, libc6-dev, libpython3.11-dev]\n"), "True");
    assert_eq!(has_speedups("apt_packages: [tree]\n"), "False");
}

fn hashes(context: &Context<'_>) {
    const RIGHT: &str = "ae74fb96c20a0277a1d615f1e4d73c8414f5a98db8b799a7931d1582f3390c28";
    context.space.write("spec.yaml", "base_image: python:3.11-slim\nrequirements: requirements.txt\n");
    let line = |hash: &str| format!("click==8.1.7 \\\n    --hash=sha256:{hash}\n");
    context.space.write("requirements.txt", &line(RIGHT));
    let (_, image) = context.build().image();
    assert_eq!(image.output_of("python", &["-c", "import click; print('ok')"]), "ok");

    let wrong = "0".repeat(64);
    context.space.write("requirements.txt", &line(&wrong));
    let ended = context.build().plainly().run().expect_code(2);
    assert!(ended.stderr.contains("no file of click has a hash that the requirements allow"), "{ended}");
    assert!(ended.stderr.contains(&wrong) && ended.stderr.contains(RIGHT), "both hashes are reported: {ended}");
}

/// A base without Python: apt installs the interpreter, so the Python steps are built on the apt step.
fn apt_python(context: &Context<'_>) {
    context.space.fill("apt-python");
    let (built, image) = context.build().image();
    assert_eq!(image.run().expect_code(0).line(), format!("3.11 /opt/venv {}", context.space.marker()));
    image.uv_pip_check().expect_code(0);
    let base = image.exec("/usr/bin/python3", &["-c", "import click"]);
    assert!(base.stderr.contains("No module named 'click'"), "the interpreter's own packages are untouched: {base}");
    let steps: Vec<&str> = built.status.steps().map(|step| step.name.as_str()).collect();
    assert!(steps.contains(&"[python] create an environment with /usr/bin/python3"), "{steps:?}");
}
