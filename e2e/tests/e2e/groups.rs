//! Python packages in groups: what an edit costs, what clashes, and locks that somebody else made.

use imagespec_e2e::way::{Daemon, Entrance, Way};

use crate::{Case, Context, scenario};

const WAYS: [Way; 2] =
    [Way::new(Daemon::Buildkitd, Entrance::Imagespec), Way::new(Daemon::Containerd, Entrance::Docker)];

pub(crate) fn cases() -> Vec<Case> {
    let groups = scenario("groups", WAYS, groups);
    let clash = scenario("clash", [WAYS[0]], clash);
    let uv_lock = scenario("uv-lock", [WAYS[0], Way::new(Daemon::Engine2010, Entrance::Docker)], uv_lock);
    groups.chain(clash).chain(uv_lock).collect()
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
    assert_eq!(image.says("python", &["-c", program]), "ok");
    // Compiled by the build, so nothing is compiled at the first import.
    let cached = "import flask, importlib.util as u, os; print(os.path.exists(u.cache_from_source(flask.__file__)))";
    assert_eq!(image.says("python", &["-B", "-c", cached]), "True");
    let before = image.layers();

    context.space.write("spec.yaml", &text.replace("  - attrs\n", "  - attrs\n  - tabulate\n"));
    let (second, image) = context.build().image();
    let ran = second.status.ran();
    let installed = installs(&ran);
    assert_eq!(installed.len(), 1, "one group is installed again: {ran:?}");
    assert!(!ran.iter().any(|step| step.starts_with("[apt]") || step.starts_with("[python]")), "{ran:?}");
    let after = image.layers();
    let new: Vec<&String> = after.iter().filter(|layer| !before.contains(layer)).collect();
    assert_eq!(new.len(), 1, "one layer is new: {before:?} {after:?}");
    assert_eq!(image.says("python", &["-c", "import tabulate; print('ok')"]), "ok");
    image.uv_pip_check().expect_code(0);

    let third = context.build().ok();
    assert_eq!(third.status.ran(), Vec::<&str>::new(), "steps ran again");
}

fn installs<'a>(ran: &[&'a str]) -> Vec<&'a str> {
    ran.iter().copied().filter(|step| step.starts_with("[pip]")).collect()
}

/// Two distributions with one module: which one wins is the plan's to say, and the same in every build.
fn clash(context: &Context<'_>) {
    let spec = "base_image: python:3.11-slim\npackages: [jwt==1.3.1, pyjwt==2.8.0]\n";
    context.space.write("spec.yaml", spec);
    let (built, image) = context.build().image();
    let steps: Vec<&str> = built.status.steps().map(|step| step.name.as_str()).collect();
    assert!(steps.contains(&"[pip] pyjwt"), "it is set apart: {steps:?}");
    assert_eq!(
        image.says("python", &["-c", "import jwt; print(jwt.__version__, jwt.encode({}, 'k')[:2])"]),
        "2.8.0 ey"
    );
    let address = context.world.lab.address(context.way.daemon);
    let plan = context.build().ours("plan", address).ok();
    let text = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(text.contains("jwt and pyjwt bring the same files with different content; those of pyjwt stay"), "{text}");
}

/// A project's lock: its versions, without the project and what its developers need; nothing is resolved.
fn uv_lock(context: &Context<'_>) {
    context.space.fill("uv-lock");
    let (_, image) = context.build().image();
    assert_eq!(image.run().expect_code(0).line(), "8.1.7");
    let program =
        "import importlib.util as u; print(*(bool(u.find_spec(n)) for n in ('iniconfig', 'markupsafe', 'a_project')))";
    assert_eq!(image.says("python", &["-c", program]), "True False False");
    image.uv_pip_check().expect_code(0);
}
