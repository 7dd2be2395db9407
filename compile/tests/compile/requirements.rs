//! `packages` and requirements files: the installer's input and arguments, and which packages wait for compilers.

use imagespec_compile::{AnyQuestion, Fact, Recipe, lower_recipe};
use serde_json::json;

use crate::world::{Build, World, build, described, digests, problems};

/// The resolver's input, constraints and arguments.
#[track_caller]
fn installed(build: &Build) -> (String, String, String) {
    let recipes = build.rounds.iter().flatten().filter_map(|ask| ask.recipe.as_ref());
    let mut locks = recipes.filter_map(|recipe| match recipe {
        Recipe::Lock(lock) => Some(lock),
        _ => None,
    });
    let lock = locks.next().expect("versions are resolved");
    let file = |name: &str| lock.files().get(name).map(|text| text.replace('\n', "|")).unwrap_or_default();
    (file("requirements.txt"), file("constraints.txt"), lock.arguments().join(" "))
}

#[test]
fn packages_are_sorted_and_files_keep_their_order() {
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
fn a_constraints_file_installs_nothing() {
    let world = World::python().with_file("requirements.txt", "-c c.txt\n").with_file("c.txt", "numpy<2\n");
    let (lines, constraints, _) = installed(&build(
        "requirements: requirements.txt\npackages: [numpy]\nbuilder_options: {python_layers: 1}\n",
        &world,
    ));
    assert_eq!((lines.as_str(), constraints.as_str()), ("numpy|", "numpy<2|"));
}

#[test]
fn options_are_repeated_only_if_uv_allows_it() {
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
fn source_builds_wait_for_apt() {
    let check = |spec: &str, waits: bool| {
        let text = format!("apt_packages: [gcc]\n{spec}\n");
        let world = World::python().with_file("vcs.txt", "lib @ git+https://example.org/lib@v1\n");
        let world = world.with_file("limit.txt", "lib\n-c vcs.txt\n");
        let built = build(&text, &world);
        let mut recipes = built.rounds.iter().flatten().filter_map(|ask| ask.recipe.as_ref());
        let is_apart = recipes.find_map(|recipe| match recipe {
            Recipe::Lock(lock) => Some(lock.is_apart()),
            _ => None,
        });
        assert_eq!(is_apart, Some(!waits), "{spec}");
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
fn only_built_packages_of_a_lock_wait_for_apt() {
    let spec = "apt_packages: [gcc]\npackages: [numpy, lib @ git+https://example.org/lib]\n";
    let built = build(spec, &World::python());
    let shape = built.shape();
    let apart = "apt<-Base venv<-Base wheels<-Nothing tail:lib<-Joined([\"apt\", \"venv\"])";
    assert_eq!(shape, apart);
    let shown = built.plans[0].to_string();
    assert!(shown.contains("lib is in the step `tail:lib`: it is built from source"), "{shown}");

    // Other packages change nothing, unless the build sees them.
    let two = spec.replace("lib @", "other @ git+https://example.org/other, lib @");
    let step = |built: &Build| digests(&built.graph(), "[pip] lib");
    let more = build(&two.replace("numpy", "numpy, flask"), &World::python());
    assert_eq!(step(&more), step(&built));
    let joined = "tail:lib<-Joined([\"apt\", \"venv\", \"wheels\"";
    for option in ["pip_extra_args: --no-build-isolation-package lib\n", "env: {UV_NO_BUILD_ISOLATION: \"1\"}\n"] {
        let seeing = build(&format!("{spec}{option}"), &World::python());
        assert!(seeing.shape().contains(joined), "{}", seeing.shape());
    }
    let world = World::python().with_config("Env", json!(["PATH=/usr/local/bin", "UV_NO_BUILD_ISOLATION=1"]));
    assert!(build(spec, &world).shape().contains(joined));
}

#[test]
fn hashes_of_lines_restrict_what_is_installed() {
    let (one, other) = ("11".repeat(32), "22".repeat(32));
    let spec = format!("packages: [\"numpy==1.0 --hash=sha256:{one}\"]\n");
    assert_eq!(build(&spec, &World::python()).shape(), "venv<-Base wheels<-Nothing");
    let built = build(&spec, &World::python());
    let lock = built.store.facts().find_map(|fact| match fact {
        Fact::Lock { answer, .. } => answer.lock.map(|text| text.as_str().to_owned()),
        _ => None,
    });
    let lock = lock.expect("a lock");
    let world = World { lock: Some(lock.replace(&one, &other)), ..World::python() };
    let shown = crate::world::problems(&spec, &world);
    assert!(shown.starts_with("error[E117]: no file of numpy has a hash that the requirements allow"), "{shown}");
    assert!(shown.contains(&one) && shown.contains(&format!("the index has sha256:{other}")), "{shown}");
}

/// Hashes count in every position: after a URL, in a constraint. With `--require-hashes` every requirement needs one.
#[test]
fn hashes_count_in_every_position() {
    let (one, other) = ("11".repeat(32), "22".repeat(32));
    let (url, unnamed) = ("https://files.example.com/numpy-1.0-py3-none-any.whl", "https://files.example.com/x.tar.gz");
    let lock = |entry: String| {
        format!(
            "lock-version = \"1.0\"\ncreated-by = \"uv\"\n\n[[packages]]\nname = \"numpy\"\nversion = \"1.0\"\n{entry}\n"
        )
    };
    let archive = |url: &str| lock(format!("archive = {{ url = \"{url}\", hashes = {{ sha256 = \"{other}\" }} }}"));
    let wheel = lock(format!("wheels = [{{ url = \"{url}\", hashes = {{ sha256 = \"{other}\" }} }}]"));
    let text = "requirements: requirements.txt\n";
    // The text `HASH` is replaced by a hash.
    let cases = [
        (format!("numpy @ {url} --hash=sha256:HASH"), "", archive(url)),
        (format!("numpy @ {url}#sha256=HASH"), "", archive(url)),
        (format!("{url} --hash=sha256:HASH"), "", archive(url)),
        (format!("{unnamed} --hash=sha256:HASH"), "", archive(unnamed)),
        ("numpy\n-c c.txt".to_owned(), "numpy==1.0 --hash=sha256:HASH", wheel.clone()),
    ];
    for (requirements, constraints, lock) in cases {
        let of = |hash: &str| {
            let with = |text: &str| format!("{}\n", text.replace("HASH", hash));
            let world = World::python().with_file("requirements.txt", &with(&requirements));
            World { lock: Some(lock.clone()), ..world.with_file("c.txt", &with(constraints)) }
        };
        let built = build(text, &of(&other));
        assert!(built.shape().starts_with("venv<-Base "), "{requirements}: {}", built.shape());
        let shown = problems(text, &of(&one));
        assert!(shown.starts_with("error[E117]: no file of numpy has a hash that"), "{requirements}: {shown}");
    }
    // A line that does not apply here neither allows nor forbids hashes.
    let line = format!("numpy==0.9 ; python_version < \"3\" --hash=sha256:{one}\n");
    let world = World::python().with_file("requirements.txt", "numpy\n-c c.txt\n").with_file("c.txt", &line);
    assert_eq!(build(text, &World { lock: Some(wheel), ..world }).shape(), "venv<-Base wheels<-Nothing");

    let all = format!("--require-hashes\nnumpy==1.0 --hash=sha256:{one}\n");
    let world = World::python().with_file("requirements.txt", &all);
    assert_eq!(build(text, &world).shape(), "venv<-Base wheels<-Nothing");
    let world = World::python().with_file("requirements.txt", &format!("{all}idna==3.4\n"));
    let shown = problems(text, &world);
    assert!(shown.contains("`--require-hashes` is set, but the requirements have no hash of idna"), "{shown}");
}

/// Code that runs while a package is built can write to the cache of the step.
#[test]
fn steps_that_build_share_no_cache() {
    let caches = |spec: &str, title: &str| -> Vec<String> {
        let text = described(&build(spec, &World::python()).graph(), title);
        let words = text.split_whitespace().filter(|word| word.contains("imagespec-uv"));
        words.map(str::to_owned).collect()
    };
    let vcs = "packages: [numpy, lib @ git+https://example.org/lib]\n";
    let one = caches(vcs, "[pip] lib");
    assert!(one.len() == 1 && one[0].starts_with("imagespec-uv-step-"), "{one:?}");
    assert_eq!(caches(&format!("{vcs}entrypoint: [a]\n"), "[pip] lib"), one, "the same step");
    for other in ["apt_packages: [gcc]\n", "env: {CFLAGS: -O2}\n", "base_image: python:3.11-bullseye\n"] {
        assert_ne!(caches(&format!("{vcs}{other}"), "[pip] lib"), one, "{other}");
    }
    assert_eq!(caches(&vcs.replace("numpy", "numpy, idna"), "[pip] lib"), one, "the same step");
    assert_eq!(caches(vcs, "[pip] numpy"), ["imagespec-uv"], "only uv writes to it");
    // What another proxy sends is not for everyone.
    let proxies = ["http://a:1", "http://b:1"]
        .map(|proxy| caches(&format!("packages: [numpy]\nenv: {{https_proxy: \"{proxy}\"}}\n"), "[pip] numpy"));
    assert!(proxies[0] != proxies[1] && proxies[0][0].starts_with("imagespec-uv-"), "{proxies:?}");
    let commands = caches("packages: [numpy]\ncommands: [uv pip install six]\n", "[commands]");
    assert!(commands.len() == 1 && commands[0].starts_with("imagespec-uv-step-"), "{commands:?}");
}

#[test]
fn a_lock_in_the_context_is_read_and_nothing_is_resolved() {
    let text = "lock-version = '1.0'\ncreated-by = 'x'\n[[packages]]\nname = 'idna'\nversion = '3.20'\n\
        wheels = [{ url = 'https://example.com/idna-3.20-py3-none-any.whl', hashes = { sha256 = '00' } }]\n";
    let world = World::python().with_file("pylock.toml", text);
    let built = build("requirements: pylock.toml\n", &world);
    assert_eq!(built.shape(), "venv<-Base wheels<-Nothing");
    assert!(!built.asked().any(|question| matches!(question, AnyQuestion::Lock(_))), "{:?}", built.rounds);
    assert!(built.plans[0].to_string().contains("from pylock.toml, 1 packages"), "{}", built.plans[0]);
    // Without merging there is one step, with the same lock.
    assert_eq!(build("requirements: pylock.toml\n", &world.chained()).shape(), "venv<-Base wheels<-Step(\"venv\")");
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
    assert_eq!(built.shape(), "venv<-Base wheels<-Nothing apart:numpy<-Nothing");
    let text = built.plans[0].to_string();
    assert!(text.contains("idna and numpy bring the same files with different content; those of numpy stay"), "{text}");
}

/// The graph that resolves the lock.
#[track_caller]
fn locking(built: Build) -> String {
    let Build { outcome, rounds, .. } = built;
    let ask = rounds.iter().flatten().find(|ask| matches!(ask.recipe, Some(Recipe::Lock(_)))).expect("a lock is made");
    assert!(!ask.question.is_permanent(), "what an index has changes");
    let graph = ask.recipe.as_ref().and_then(|recipe| lower_recipe(recipe, &outcome.sources)).expect("a graph");
    graph.dump().to_string()
}

/// uv uses the configuration of an index only if no argument names the index.
#[test]
fn indexes_are_named_in_the_configuration() {
    let text = "packages: [numpy]\npip_index: https://a.example.com/simple\n\
                pip_extra_index_url: [https://b.example.com/simple]\npip_extra_args: --pre --index c=https://c.example.com/simple\n";
    let graph = locking(build(text, &World::python()));
    assert!(graph.contains("\"--pre\"") && !graph.contains("index-url\"") && !graph.contains("\"--index\""), "{graph}");
    for name in ["UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_INDEX"] {
        assert!(graph.contains(&format!("env {name}=\"\"\n")), "an argument would beat it: {graph}");
    }
    assert!(!graph.contains("UV_DEFAULT_INDEX"), "no argument is about it");
    let secret = "pip_secret_mounts: [{id: index, src: x, env: UV_INDEX_URL}]\n";
    let with_secret = locking(build(&format!("{text}{secret}"), &World::python()));
    assert!(with_secret.contains("\"--index-url\", \"https://a.example.com/simple\""), "{with_secret}");
    // A project may assign packages to indexes by name, and only arguments have these names.
    let project = "[project]\nname = 'p'\nversion = '1'\ndependencies = ['numpy']\n";
    let text = text.replace("packages: [numpy]", "requirements: pyproject.toml");
    let graph = locking(build(&text, &World::python().with_file("pyproject.toml", project)));
    assert!(graph.contains("\"--index\", \"c=https://c.example.com/simple\""), "{graph}");
}

#[test]
fn poetry_exports_its_lock_and_only_its_hashes_are_installed() {
    let text =
        "base_image: python:3.11-slim\nrequirements: app/poetry.lock\npip_index: https://mirror.example.com/simple\n";
    let hash = "a".repeat(64);
    let lock = format!(
        "lock-version = \"1.0\"\ncreated-by = \"uv\"\n[[packages]]\nname = \"click\"\nversion = \"8.1.7\"\nwheels = [{{ url = \"https://files.example.com/click-8.1.7-py3-none-any.whl\", hashes = {{ sha256 = \"{hash}\" }} }}]\n"
    );
    let world = |allowed: &str| {
        let mut world =
            World::python().with_file("app/poetry.lock", "# a lock").with_file("app/pyproject.toml", "[project]");
        world.lock = Some(lock.clone());
        world.exported = format!("click==8.1.7 ; python_version >= \"3.8\" \\\n    --hash=sha256:{allowed}\n");
        world
    };
    let graph = locking(build(text, &world(&hash)));
    for expected in [
        "\"--with\", \"poetry-plugin-export\", \"--index-url\", \"https://mirror.example.com/simple\", \"poetry\"",
        "[lock] export poetry.lock",
        "[lock] look up the files of app/poetry.lock",
    ] {
        assert!(graph.contains(expected), "{expected} in {graph}");
    }
    let refused = problems(text, &world(&"b".repeat(64)));
    assert!(refused.contains("E117") && refused.contains("click"), "{refused}");
}

/// What pip would do in the image, uv does, too.
#[test]
fn the_index_of_pip_counts_if_the_spec_names_none() {
    let env = |value: &str| World::python().with_config("Env", serde_json::json!(["PATH=/usr/local/bin", value]));
    let mut of_file = World::python();
    let text = "[global]\nindex-url = https://mirror.example/simple\n";
    of_file.base.files.insert("/etc/pip.conf".to_owned(), text.to_owned());
    let of_variable = env("PIP_INDEX_URL=https://mirror.example/simple");
    for (world, place) in [(&of_variable, "PIP_INDEX_URL"), (&of_file, "/etc/pip.conf of the base image")] {
        let plan = build("packages: [six]\n", world).plans[0].to_string();
        let said = format!("packages are looked up in the index of {place}: https://mirror.example/simple");
        assert!(plan.contains(&said), "{plan}");
        for named in ["pip_index: https://pypi.org/simple\n", "env: {UV_INDEX_URL: https://x/simple}\n"] {
            let plan = build(&format!("packages: [six]\n{named}"), world).plans[0].to_string();
            assert!(!plan.contains("mirror.example"), "{plan}");
        }
    }
    let of_spec =
        build("packages: [six]\nenv: {PIP_INDEX_URL: https://mine/simple}\n", &of_variable).plans[0].to_string();
    assert!(of_spec.contains("PIP_INDEX_URL: https://mine/simple"), "{of_spec}");
    let with_secret = "packages: [six]\npip_secret_mounts: [[.netrc, /root/.netrc]]\n";
    insta::assert_snapshot!(problems(with_secret, &of_variable), @"
    error[E126]: the index of PIP_INDEX_URL would get the secrets of this spec
     --> spec.yaml:1:12
      |
    1 | packages: [six]
      |            ^^^
      |
      = help: name the index with `pip_index`, without a password; `pip_secret_mounts` has an example of a login
    ");
    insta::assert_snapshot!(problems("packages: [six]\n", &env("PIP_INDEX_URL=https://u:p@mirror.example/simple")), @"
    error[E126]: the index of PIP_INDEX_URL has a password
     --> spec.yaml:1:12
      |
    1 | packages: [six]
      |            ^^^
      |
      = help: name the index with `pip_index`, without a password; `pip_secret_mounts` has an example of a login
    ");
}
