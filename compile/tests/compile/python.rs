//! The interpreter of the environment, and the steps that have uv.

use imagespec_compile::question;
use imagespec_compile::{Action, AnyQuestion, Document, InstalledPackage, InterpreterFact, Program, Recipe, Settings};

use crate::world::{RootfsFacts, World, build, described, document, interpreter, problems, rootfs, try_build};

const ENVIRONMENT: &[(&str, Option<&str>)] = &[
    ("/opt/venv/bin/python", Some("/usr/local/bin/python3.11")),
    ("/opt/venv/bin/python3", Some("python")),
    ("/opt/venv/bin/python3.11", Some("python")),
    ("/usr/local/bin/python3.12", None),
];

/// An image that imagespec has built.
fn ours() -> World {
    let mut world = World { base: rootfs(ENVIRONMENT), ..World::python() };
    world.base.interpreters.insert("/opt/venv/bin/python3".to_owned(), Some(interpreter("3.11.9")));
    world.with_config("Env", serde_json::json!(["PATH=/opt/venv/bin:/usr/local/bin", "VIRTUAL_ENV=/opt/venv"]))
}

#[test]
fn an_environment_of_the_base_is_extended() {
    let built = build("packages: [numpy]\n", &ours());
    assert_eq!(built.shape(), "folders<-Base wheels<-Nothing");
    let env = &built.image()["config"]["Env"];
    assert_eq!(env[0], "PATH=/opt/venv/bin:/usr/local/bin", "the folder is named once");
    assert!(built.plans[0].to_string().contains("it is extended"), "{}", built.plans[0]);
    let with_version = build("packages: [numpy]\npython_version: \"3.11\"\n", &ours());
    assert_eq!(with_version.shape(), "folders<-Base wheels<-Nothing");
}

/// What the environment has in the locked version stays; other versions are replaced.
#[test]
fn installed_packages_are_left_or_replaced() {
    let package = |name: &str, version: &str| InstalledPackage {
        name: name.to_owned(),
        version: version.to_owned(),
        is_own: true,
    };
    let with = |installed: &[InstalledPackage]| {
        let built = build("packages: [numpy, idna]\n", &World { installed: installed.to_vec(), ..ours() });
        let names = built.plans[0].steps.iter().flat_map(|step| match &step.action {
            Action::InstallGroup(install) => install.packages.clone(),
            _ => Vec::new(),
        });
        (built.shape(), names.collect::<Vec<_>>(), built.plans[0].to_string())
    };
    // The simulated lock has version 1.0 of everything.
    let (shape, names, text) = with(&[package("NumPy", "1.0.0")]);
    assert_eq!((shape.as_str(), names), ("folders<-Base wheels<-Nothing", vec!["idna 1.0".to_owned()]));
    assert!(text.contains("1 packages are installed already"), "{text}");
    let (shape, names, text) = with(&[package("numpy", "0.9"), package("other", "2")]);
    assert_eq!(shape, "remove<-Base folders<-Base wheels<-Nothing");
    assert_eq!(names, ["idna 1.0", "numpy 1.0"]);
    assert!(text.contains("other versions of numpy are installed, and are replaced"), "{text}");
    // A package of an environment below cannot be removed, but is hidden.
    let (shape, _, _) = with(&[InstalledPackage { is_own: false, ..package("numpy", "0.9") }]);
    assert_eq!(shape, "folders<-Base wheels<-Nothing");
    let (shape, names, _) = with(&[package("numpy", "1.0"), package("idna", "1.0")]);
    assert_eq!((shape.as_str(), names.len()), ("folders<-Base", 0));
}

/// An image with conda packages that imagespec has built.
fn conda() -> World {
    let home = "/opt/micromamba/envs/runtime";
    let programs = [(format!("{home}/bin/python3.11"), None), ("/usr/local/bin/python3.12".to_owned(), None)];
    let world = World { base: rootfs(&programs), ..World::python() };
    world.with_config(
        "Env",
        serde_json::json!([format!("PATH={home}/bin:/usr/local/bin"), format!("CONDA_PREFIX={home}")]),
    )
}

#[test]
fn a_conda_environment_of_the_base_is_extended_and_never_replaced() {
    let built = build("packages: [numpy]\n", &conda());
    assert_eq!(built.shape(), "folders<-Base wheels<-Nothing");
    let install = described(&built.graph(), "[pip] numpy");
    assert!(install.contains("\"/opt/micromamba/envs/runtime\""), "{install}");
    let env = built.image()["config"]["Env"].to_string();
    assert!(!env.contains("/opt/venv"), "{env}");
    // If the spec names another interpreter, an environment is created with it.
    let mut world = conda();
    world.base.exists.insert("/usr/local/bin/python3.12".to_owned(), true);
    let other = build("packages: [numpy]\npython_exec: /usr/local/bin/python3.12\n", &world);
    assert_eq!(other.shape(), "venv<-Base wheels<-Nothing");
    let install = described(&other.graph(), "[pip] numpy");
    assert!(install.contains("\"/opt/venv\""), "{install}");
    let shown = problems("conda_packages: [six]\n", &conda());
    assert!(shown.starts_with("error[E120]: the base image already has a conda environment at"), "{shown}");
    assert!(shown.contains("spec.yaml:1"), "{shown}");
}

#[test]
fn another_python_version_is_refused_for_an_environment_of_the_base() {
    let shown = problems("packages: [numpy]\npython_version: \"3.12\"\n", &ours());
    assert!(
        shown.contains("at /opt/venv does not have Python 3.12 (it has /opt/venv/bin/python3 (3.11.9))"),
        "{shown}"
    );
}

/// If no interpreter fits, uv installs one, and the lock is resolved with the environment's interpreter, which is the only one.
#[test]
fn uv_installs_an_interpreter_where_there_is_none() {
    for (spec, world, version) in [
        ("packages: [numpy]\n", World::debian(), "3.12"),
        ("packages: [numpy]\npython_version: \"3.12\"\n", World::python(), "3.12"),
        ("packages: [numpy]\npython_version: 3.13.1\n", World::debian(), "3.13.1"),
    ] {
        let spec = format!("{spec}env: {{UV_PYTHON_INSTALL_MIRROR: \"https://mirror.example.org\", A: b}}\n");
        let built = build(&spec, &world);
        assert_eq!(built.shape(), "venv<-Base wheels<-Nothing");
        let venv = described(&built.graph(), &format!("[python] create an environment with Python {version}"));
        let name = format!("cpython-{version}-linux-x86_64-gnu");
        assert!(venv.contains(&format!("\"python\", \"install\", \"--no-bin\", \"{name}\"")), "{venv}");
        assert!(venv.contains("UV_PYTHON_INSTALL_MIRROR=") && !venv.contains("env A="), "{venv}");
        let recipes = built.rounds.iter().flatten().filter_map(|ask| ask.recipe.as_ref());
        let is_asked = |recipe: &&Recipe| recipe.file().as_deref() == Some("/usr/share/imagespec/python");
        assert_eq!(recipes.filter(is_asked).count(), 1);
    }
}

/// Every version that can be requested, on a base that has it and on one that does not.
#[test]
fn every_version_of_python() {
    for minor in 8..=15 {
        let spec = format!("packages: [numpy]\npython_version: \"3.{minor}\"\n");
        let there = World { base: rootfs(&[(format!("/usr/bin/python3.{minor}"), None)]), ..World::debian() };
        let title = |world: &World| build(&spec, world).plans[0].steps[0].title.clone();
        assert_eq!(title(&there), format!("[python] create an environment with /usr/bin/python3.{minor}"));
        assert_eq!(title(&World::debian()), format!("[python] create an environment with Python 3.{minor}"));
    }
}

#[test]
fn commands_without_python_have_uv() {
    let built = build("commands: [uv --version]\n", &World::debian());
    assert_eq!(built.shape(), "commands<-Joined([])");
    let commands = described(&built.graph(), "[commands]");
    assert!(commands.contains("mount /dev/imagespec/bin/uv ro "), "{commands}");
    assert!(commands.contains("env PATH=\"/usr/local/bin:/usr/bin:/bin:/dev/imagespec/bin\"\n"), "{commands}");
    assert!(!commands.contains("VIRTUAL_ENV"), "{commands}");
}

#[test]
fn uv_is_not_requested_if_no_step_needs_it() {
    let built = build("apt_packages: [git]\n", &World::debian());
    let is_uv = |question: &AnyQuestion| matches!(question, AnyQuestion::Image(question::Image { reference, .. }) if reference.contains("uv"));
    assert!(!built.asked().any(is_uv), "{:?}", built.rounds);
}

#[test]
fn python_from_apt_is_looked_up_in_the_apt_step() {
    let apt = rootfs(&[("/usr/bin/python3", Some("python3.11")), ("/usr/bin/python3.11", None)]);
    let world = World { apt, ..World::debian() };
    let built = build("apt_packages: [python3, git]\npackages: [numpy]\n", &world);
    assert_eq!(built.shape(), "apt<-Base venv<-Step(\"apt\") wheels<-Nothing");
    let venv = described(&built.graph(), "[python] create an environment with /usr/bin/python3");
    assert!(venv.contains("\"--python\", \"/usr/bin/python3\""), "{venv}");
}

#[test]
fn python_exec_is_looked_up_in_the_base_first() {
    let check = |base: RootfsFacts, apt: RootfsFacts, expect: &str| {
        let world = World { base, apt, ..World::debian() };
        let built = build("apt_packages: [git]\npython_exec: /opt/py/bin/python\n", &world);
        assert_eq!(built.shape(), expect);
        let venv = described(&built.graph(), "[python] create an environment with /opt/py/bin/python");
        assert!(venv.contains("\"--system-site-packages\""), "{venv}");
    };
    let python = || rootfs(&[("/opt/py/bin/python", None)]);
    check(python(), RootfsFacts::default(), "apt<-Base venv<-Base");
    check(rootfs::<&str>(&[]), python(), "apt<-Base venv<-Step(\"apt\")");
}

#[test]
fn the_interpreter_reports_its_patch_version() {
    let mut world = World::python();
    world.base.interpreters.insert("/usr/local/bin/python3.11".to_owned(), Some(interpreter("3.11.9")));
    let built = build("python_version: 3.11.9\n", &world);
    assert_eq!(built.plans[0].steps[0].title, "[python] create an environment with /usr/local/bin/python3.11");
    let other = build("python_version: 3.11.10\n", &world);
    assert_eq!(other.plans[0].steps[0].title, "[python] create an environment with Python 3.11.10");
}

#[test]
fn a_problem_of_a_typed_spec_names_the_python_field() {
    let Document { spec, .. } = document("spec.yaml", "packages: [numpy]\n");
    let spec = spec.with_python_version("3.11").expect("a valid spec");
    let built = try_build(Document::from(spec), &Settings::default(), &World::python()).expect("sound");
    assert_eq!(built.plans[0].steps[0].fields, ["python_version"]);
}

#[test]
fn a_script_without_a_version_in_its_name_is_run() {
    let mut world = World { base: rootfs(&[("/opt/pyenv/shims/python3", None)]), ..World::debian() };
    let shim = Program { path: "/opt/pyenv/shims/python".to_owned(), link: None };
    world.base.programs.push(shim);
    world.base.interpreters.insert("/opt/pyenv/shims/python3".to_owned(), None);
    let other = build("python_version: \"3.12\"\n", &world);
    assert_eq!(other.plans[0].steps[0].title, "[python] create an environment with Python 3.12");
    world.base.interpreters.insert("/opt/pyenv/shims/python3".to_owned(), Some(interpreter("3.12.1")));
    assert_eq!(build("python_version: \"3.12\"\n", &world).shape(), "venv<-Base");
}

#[test]
fn a_base_with_many_layers_leaves_fewer_for_packages() {
    let text = format!(
        "base_image: python:3.11-slim\nbuilder_options: {{python_layers: 60}}\npackages: [{}]\n",
        (0..40).map(|number| format!("package-{number}")).collect::<Vec<_>>().join(", ")
    );
    let steps = |layers: usize| {
        let mut world = World::python();
        world.config["rootfs"]["diff_ids"] = vec![format!("sha256:{}", "0".repeat(64)); layers].into();
        let built = build(&text, &world);
        let told = built.plans[0].reasons.iter().any(|reason| reason.contains("so many layers"));
        (built.plans[0].steps.len(), told)
    };
    let ((few, untold), (less, told)) = (steps(5), steps(80));
    assert!(!untold && told);
    assert!(less < few && less <= 12, "{few} and {less} steps");
}

/// The first Python on PATH, or the one that the spec names, may be that of an environment that is not ours.
#[test]
fn packages_of_another_environment_stay_visible() {
    const OTHER: &str = "/app/.venv/lib/python3.11/site-packages";
    let programs =
        [("/app/.venv/bin/python", Some("/usr/local/bin/python3.11")), ("/app/.venv/bin/python3", Some("python"))];
    let mut world = World { base: rootfs(&programs), ..World::python() }
        .with_config("Env", serde_json::json!(["PATH=/app/.venv/bin:/usr/local/bin", "VIRTUAL_ENV=/app/.venv"]));
    for path in ["/app/.venv/bin/python", "/app/.venv/bin/python3"] {
        let fact = InterpreterFact { packages: vec![OTHER.to_owned()], ..interpreter("3.11.2") };
        world.base.interpreters.insert(path.to_owned(), Some(fact));
    }
    for spec in ["packages: [six]\n", "packages: [six]\npython_exec: /app/.venv/bin/python\n"] {
        let built = build(spec, &world);
        let text = built.graph().dump().to_string();
        assert!(text.contains("/opt/venv/lib/python3.11/site-packages/_packages_of_base.pth"), "{text}");
        let line = format!("import site; site.addsitedir('{OTHER}')\n");
        let digest = buildkit_llb::Digest::from_content(line.as_bytes());
        assert!(text.contains(&digest.to_string()), "{text}");
        assert!(!text.contains("--system-site-packages"), "those of another interpreter: {text}");
        let plan = built.plans[0].to_string();
        assert!(plan.contains("whose packages stay visible"), "{plan}");
    }
}
