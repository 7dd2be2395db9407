//! What becomes of `packages` and requirements files: the installer's input, its arguments, and what waits for compilers.

use imagespec_compile::Action;

use crate::world::{Build, World, build};

/// The installer's input, constraints and arguments.
#[track_caller]
fn installed(build: &Build) -> (String, String, String) {
    let actions = build.plans[0].steps.iter().map(|step| &step.action);
    let mut found = actions.filter_map(|action| match action {
        Action::Install { requirements, constraints, args, .. } => {
            Some((requirements.replace('\n', "|"), constraints.replace('\n', "|"), args.join(" ")))
        }
        _ => None,
    });
    found.next().expect("an install step")
}

#[test]
fn packages_stand_in_order_of_their_text_and_files_in_their_own() {
    let world = World::python().with_file("requirements.txt", "z==1 \\\n  --hash=sha256:1111111111111111111111111111111111111111111111111111111111111111 \\\n  --hash=sha256:2222222222222222222222222222222222222222222222222222222222222222\nnumpy\na # why\n");
    let (lines, constraints, _) = installed(&build(
        "packages: [requests, numpy]\nrequirements: requirements.txt\nbuilder_options: {python_layers: 1}\n",
        &world,
    ));
    let hashes = "--hash=sha256:1111111111111111111111111111111111111111111111111111111111111111   --hash=sha256:2222222222222222222222222222222222222222222222222222222222222222";
    assert_eq!(lines, format!("numpy|requests|z==1   {hashes}|a|"));
    assert_eq!(constraints, "");
}

#[test]
fn includes_keep_their_roles() {
    let world = World::python()
        .with_file("deps/main.txt", "-r ../base.txt\n-c ../base.txt\n-c limits/all.txt\n-r ../base.txt\nflask\n")
        .with_file("base.txt", "werkzeug>=2\n")
        .with_file("deps/limits/all.txt", "-r more.txt\nclick<9\n--pre\n")
        .with_file("deps/limits/more.txt", "jinja2<4\n");
    let (lines, constraints, args) =
        installed(&build("requirements: deps/main.txt\nbuilder_options: {python_layers: 1}\n", &world));
    assert_eq!(lines, "werkzeug>=2|flask|");
    assert_eq!(constraints, "werkzeug>=2|jinja2<4|click<9|");
    assert_eq!(args, "--pre");
}

#[test]
fn a_file_with_nothing_but_constraints_installs_nothing_more() {
    let world = World::python().with_file("requirements.txt", "-c c.txt\n").with_file("c.txt", "numpy<2\n");
    let (lines, constraints, _) = installed(&build(
        "requirements: requirements.txt\npackages: [numpy]\nbuilder_options: {python_layers: 1}\n",
        &world,
    ));
    assert_eq!((lines.as_str(), constraints.as_str()), ("numpy|", "numpy<2|"));
}

#[test]
fn options_are_given_as_often_as_uv_takes_them() {
    let world = World::python().with_file(
        "requirements.txt",
        "--index-url https://file/simple\n--pre\n--extra-index-url https://c/simple\nb\n",
    );
    let spec = "
pip_index: https://field/simple
pip_extra_index_url: [https://a/simple]
packages: [--pre --extra-index-url https://b/simple a]
requirements: requirements.txt
pip_extra_args: --pre --no-deps
builder_options: {python_layers: 1}
";
    let (lines, _, args) = installed(&build(spec, &world));
    assert_eq!(lines, "a|b|");
    assert_eq!(
        args,
        "--index-url https://field/simple --extra-index-url https://a/simple --pre \
         --extra-index-url https://b/simple --extra-index-url https://c/simple --no-deps"
    );
}

#[test]
fn what_is_built_from_source_waits_for_apt() {
    let check = |spec: &str, waits: bool| {
        let text = format!("apt_packages: [gcc]\nbuilder_options: {{python_layers: 1}}\n{spec}\n");
        let world = World::python().with_file("vcs.txt", "lib @ git+https://example.org/lib@v1\n");
        let world = world.with_file("limit.txt", "lib\n-c vcs.txt\n");
        let shape = build(&text, &world).shape();
        assert_eq!(shape.contains("venv<-Step(\"apt\")"), waits, "{spec}: {shape}");
    };
    check("packages: [numpy]", false);
    check("packages: [\"lib @ https://example.org/lib-1-py3-none-any.whl\"]", false);
    check("packages: [\"lib @ https://example.org/lib-1-py3-none-any.whl#sha256=00 ; python_version > '3'\"]", false);
    check("packages: [\"lib @ https://example.org/lib-1.tar.gz\"]", true);
    check("packages: [git+https://example.org/lib]", true);
    check("packages: [--no-binary numpy numpy]", true);
    check("packages: [numpy]\npip_extra_args: --no-binary numpy", true);
    check("packages: [numpy]\npip_extra_args: --only-binary numpy", false);
    check("requirements: vcs.txt", true);
    check("requirements: limit.txt", true);
}

#[test]
fn of_a_lock_only_what_is_built_waits_for_apt() {
    let spec = "apt_packages: [gcc]\npackages: [numpy, lib @ git+https://example.org/lib]\n";
    let built = build(spec, &World::python());
    let shape = built.shape();
    assert!(
        shape.starts_with("apt<-Base venv<-Base wheels<-Step(\"venv\") tail<-Joined([\"apt\", \"venv\", \"wheels\"])"),
        "{shape}"
    );
    assert!(built.plans[0].to_string().contains("lib is in the tail: it is built from source"), "{}", built.plans[0]);
}

#[test]
fn lines_with_hashes_decide_what_may_be_installed() {
    let (one, other) = ("11".repeat(32), "22".repeat(32));
    let spec = format!("packages: [\"numpy==1.0 --hash=sha256:{one}\"]\n");
    assert_eq!(build(&spec, &World::python()).shape(), "venv<-Base wheels<-Step(\"venv\")");
    let lock = build(&spec, &World::python()).facts.locks.into_values().next().expect("a lock");
    let world = World { lock: Some(lock.replace(&one, &other)), ..World::python() };
    let shown = crate::world::problems(&spec, &world);
    assert!(shown.starts_with("error[E117]: no file of numpy has a hash that the requirements allow"), "{shown}");
    assert!(shown.contains(&one) && shown.contains(&format!("the index has sha256:{other}")), "{shown}");
}

#[test]
fn a_lock_in_the_context_is_read_and_nothing_is_resolved() {
    let text = "lock-version = '1.0'\ncreated-by = 'x'\n[[packages]]\nname = 'idna'\nversion = '3.20'\n\
        wheels = [{ url = 'https://example.com/idna-3.20-py3-none-any.whl', hashes = { sha256 = '00' } }]\n";
    let world = World::python().with_file("pylock.toml", text);
    let built = build("requirements: pylock.toml\n", &world);
    assert_eq!(built.shape(), "venv<-Base wheels<-Step(\"venv\")");
    assert!(built.facts.locks.is_empty(), "{:?}", built.facts.locks);
    assert!(built.plans[0].to_string().contains("from pylock.toml, 1 packages"), "{}", built.plans[0]);
    // Without merging it is one step, from the same lock.
    assert_eq!(build("requirements: pylock.toml\n", &world.chained()).shape(), "venv<-Base all<-Step(\"venv\")");
    let local = text.replace("url = 'https://example.com/", "path = 'wheels/");
    let shown =
        crate::world::problems("requirements: pylock.toml\n", &World::python().with_file("pylock.toml", &local));
    assert!(shown.starts_with("error[E107]: idna is locked to a local file or folder"), "{shown}");
    let shown = crate::world::problems("requirements: pylock.toml\n", &World::python());
    assert!(shown.starts_with("error[E101]: there is no file pylock.toml in the build context"), "{shown}");
}

#[test]
fn packages_with_the_same_files_are_set_apart() {
    let world = World { collisions: "lib/x.py\tNumPy\tidna\n".to_owned(), ..World::python() };
    let built = build("packages: [idna, numpy]\n", &world);
    assert_eq!(built.shape(), "venv<-Base wheels<-Step(\"venv\") apart:numpy<-Step(\"venv\")");
    let text = built.plans[0].to_string();
    assert!(text.contains("idna and numpy bring the same files with different content; those of numpy stay"), "{text}");
}
