//! Fields without another scenario: each is built, and its effect is checked in the image.

use imagespec_e2e::way::{self, Daemon, Entrance, Way};

use crate::{Case, Context, is_full, scenario};

const BUILDKITD: Way = Way::new(Daemon::Buildkitd, Entrance::Imagespec);
const DOCKER: Way = Way::new(Daemon::Containerd, Entrance::Docker);
/// This way pushes through the Engine, with the login that it gets.
const CLASSIC: Way = Way::new(Daemon::Classic, Entrance::Imagespec);
const FLOOR: Way = Way::new(Daemon::Engine2010, Entrance::Docker);
const BUILDCTL: Way = Way::new(Daemon::Buildkitd, Entrance::Buildctl);

/// For the entrances that need it; for others it is a comment.
const FIRST: &str = "# syntax=@FRONTEND@\n";

pub(crate) fn cases() -> Vec<Case> {
    let images = scenario("images", [BUILDKITD, BUILDCTL, DOCKER, FLOOR], images);
    let nested = scenario("nested", [BUILDKITD, FLOOR], nested);
    let runtime = scenario("runtime-packages", [BUILDKITD, FLOOR], runtime_packages);
    let pyproject = scenario("pyproject", [BUILDKITD, FLOOR], pyproject);
    let pip = scenario("pip-in-commands", way::EACH_DAEMON, pip_in_commands);
    let set = scenario("set", [BUILDKITD, DOCKER], set);
    let registry = scenario("registry-config", [BUILDKITD, CLASSIC], registry_config);
    let managed = scenario("managed-python", [BUILDKITD, FLOOR], managed_python);
    let conda = scenario("conda", [BUILDKITD, DOCKER, FLOOR], conda);
    let finished = scenario("finished-base", [BUILDKITD, FLOOR], finished_base);
    let finished = finished.chain(scenario("no-shell", [BUILDKITD], no_shell));
    let index = scenario("pip-index", [BUILDKITD, FLOOR], pip_index);
    // Downloads a gigabyte of libraries.
    let cuda = scenario("cuda", is_full().then_some(BUILDKITD), cuda);
    let images = images.chain(index).chain(cuda).chain(managed).chain(conda).chain(finished);
    images.chain(nested).chain(runtime).chain(pyproject).chain(pip).chain(set).chain(registry).collect()
}

const SEVERAL: &str = "
images:
  base:
    base_image: python:3.11-slim
    apt_packages: [tree]
    packages: [click==8.1.7]
    copy: [base.txt, both.txt]
    env: {PATH: \"/opt/base:$PATH\", WHO: base, ONLY_BASE: 'yes'}
    entrypoint: [echo, base]
    builder_options: {labels: {level: base, base: 'yes'}}
  train:
    base_image: base
    apt_packages: [less]
    packages: [iniconfig==2.0.0]
    source_root: src
    source_copy_mode: all
    env: {PATH: \"/opt/train:$PATH\", WHO: train}
    builder_options: {labels: {level: train}}
";

/// A base image in which no script can run: its files are read one by one, and there is no record of them.
fn no_shell(context: &Context<'_>) {
    let space = &context.space;
    space.write("spec.yaml", "base_image: python:3.11-slim\ncommands: [rm /bin/sh /bin/dash]\n");
    let (base, _) = context.build().image();
    let digest = base.metadata["containerimage.digest"].as_str().expect("it was pushed").to_owned();
    let name = context.build().name().replace(":latest", &format!("@{digest}"));
    space.write("spec.yaml", &format!("base_image: {name}\npackages: [idna==3.10]\n"));
    let (built, image) = context.build().image();
    let asked = built.status.steps().any(|step| step.name == "[internal] inspect /usr/local/bin/python3");
    assert!(
        asked,
        "the interpreter is asked alone: {:?}",
        built.status.steps().map(|step| &step.name).collect::<Vec<_>>()
    );
    let records = "import idna, os; print(idna.__version__, *sorted(os.listdir('/usr/share/imagespec')))";
    assert_eq!(image.output_of("python", &["-c", records]), "3.10 collisions pylock.toml");
    context.build().again();
}

/// Two images in one file: the second one is built on the first one and shares its steps.
fn images(context: &Context<'_>) {
    let space = &context.space;
    // So that no other test has the same first step.
    let text = SEVERAL.replace("WHO: base", &format!("WHO: base, HTTP_PROXY_NOTE_PROXY: {}", space.marker()));
    space.write("spec.yaml", &format!("{FIRST}{text}"));
    space.write("base.txt", "base\n");
    space.write("both.txt", "base\n");
    space.write("src/both.txt", "train\n");
    let (_, base) = context.build().target("base").image();
    assert_eq!(base.run().expect_code(0).line(), "base");
    assert_eq!(base.output_of("cat", &["/root/both.txt"]), "base");
    let (built, train) = context.build().target("train").image();
    let ran = built.status.ran();
    if !context.way.daemon.loses_results() {
        assert!(!ran.iter().any(|step| step.contains("tree")), "the base's apt step is the same: {ran:?}");
    }
    assert_eq!(train.run().expect_code(0).line(), "base", "the entrypoint is the base's");
    assert_eq!(train.output_of("cat", &["/root/base.txt", "/root/both.txt"]), "base\ntrain");
    assert_eq!(train.output_of("/bin/sh", &["-c", "command -v tree; command -v less"]), "/usr/bin/tree\n/usr/bin/less");
    let program = "import click, iniconfig, os; print(os.environ['WHO'], os.environ['ONLY_BASE'], os.environ['PATH'])";
    let output = train.output_of("python", &["-c", program]);
    assert!(output.starts_with("train yes /opt/train:/opt/base:/opt/venv/bin:"), "{output}");
    let labels = train.inspect()["Config"]["Labels"].clone();
    assert_eq!((labels["level"].as_str(), labels["base"].as_str()), (Some("train"), Some("yes")));
    train.uv_pip_check().expect_code(0);

    let ended = context.build().run();
    assert_ne!(ended.code, Some(0), "which of the two is meant?");
    assert!(ended.output().contains("the file has several images"), "{ended}");
}

/// Nested specs result in one image, at any depth.
fn nested(context: &Context<'_>) {
    let space = &context.space;
    let text = "
base_image:
  base_image:
    base_image: python:3.11-slim
    packages: [click==8.1.6]
    commands: []
  copy: [a.txt]
copy: [b.txt]
commands: [\"python -c 'import click' && cat /root/a.txt /root/b.txt >/srv/both\"]
";
    space.write("spec.yaml", &format!("{FIRST}{text}"));
    space.write("a.txt", "a\n");
    space.write("b.txt", "b\n");
    let (_, image) = context.build().image();
    assert_eq!(image.output_of("cat", &["/srv/both"]), "a\nb");
    context.build().again();
}

/// Runtime packages are in no layer, and the user who starts the image can install them.
fn runtime_packages(context: &Context<'_>) {
    let index = &context.world.lab.open_index;
    let host = index.split('/').nth(2).and_then(|host| host.split(':').next()).expect("a URL has a host");
    let text = format!(
        "base_image: python:3.11-slim\npackages: [click==8.1.7]\nruntime_packages: [imagespec-lab-private==1.0.0]\n\
         builder_options: {{user: www-data}}\nenv: {{PIP_INDEX_URL: \"{index}\", PIP_TRUSTED_HOST: \"{host}\"}}\n\
         # Otherwise the build uses the same index.\npip_index: https://pypi.org/simple\n"
    );
    context.space.write("spec.yaml", &format!("{FIRST}{text}"));
    let (_, image) = context.build().image();
    let program = "import importlib.metadata as m; print(m.version('click'), m.version('imagespec-lab-private'))";
    let started = image.run_with(&["python", "-c", program]).expect_code(0);
    assert_eq!(started.line(), "8.1.7 1.0.0");
    let absent = image.exec("python", &["-c", "import imagespec_lab_private"]);
    assert!(absent.stderr.contains("No module named"), "it is in no layer: {absent}");
    let env = image.inspect()["Config"]["Env"].to_string();
    assert!(env.contains("_F_RUNTIME_PACKAGES=imagespec-lab-private==1.0.0"), "{env}");
}

/// A project's dependencies, with an extra and a group, and an additional package.
fn pyproject(context: &Context<'_>) {
    let text = "base_image: python:3.11-slim\nrequirements: app/pyproject.toml\npackages: [itsdangerous==2.1.2]\n\
                builder_options: {extras: [more], groups: [test]}\n";
    context.space.write("spec.yaml", &format!("{FIRST}{text}"));
    context.space.write(
        "app/pyproject.toml",
        "[project]\nname = \"a-project\"\nversion = \"1\"\ndependencies = [\"click==8.1.7\"]\n\
         [project.optional-dependencies]\nmore = [\"markupsafe==2.1.5\"]\nother = [\"flask\"]\n\
         [dependency-groups]\ntest = [\"iniconfig==2.0.0\"]\n",
    );
    let (_, image) = context.build().image();
    let program = "import importlib.metadata as m, importlib.util as u; \
                   print(*(m.version(p) for p in ('click', 'markupsafe', 'iniconfig', 'itsdangerous')), \
                   u.find_spec('flask'), u.find_spec('a_project'))";
    assert_eq!(image.output_of("python", &["-c", program]), "8.1.7 2.1.5 2.0.0 2.1.2 None None");
    image.uv_pip_check().expect_code(0);
}

/// Commands of existing specs call pip, which belongs to the environment.
fn pip_in_commands(context: &Context<'_>) {
    let text = "base_image: python:3.11-slim\npackages: [click==8.1.7]\n\
                commands: [\"pip install --no-cache-dir iniconfig==2.0.0\", \"python -m pip check\"]\n";
    context.space.write("spec.yaml", &format!("{FIRST}{text}"));
    let (_, image) = context.build().image();
    let program = "import click, iniconfig; print(iniconfig.__file__)";
    assert!(image.output_of("python", &["-c", program]).starts_with("/opt/venv/lib/python3.11/site-packages/"));
    assert_eq!(image.output_of("/bin/sh", &["-c", "command -v pip"]), "/opt/venv/bin/pip");
}

/// Values on the command line replace the spec's; errors in them are reported like errors in the spec.
fn set(context: &Context<'_>) {
    context.space.write("spec.yaml", &format!("{FIRST}base_image: python:3.11-slim\nenv: {{A: one, B: two}}\n"));
    let (_, image) = context.build().set(&["env.A=three", "env.C=4", "entrypoint=[printenv, A, B, C]"]).image();
    assert_eq!(image.run().expect_code(0).out().trim(), "three\ntwo\n4");
    let ended = context.build().set(&["pakages=[numpy]"]).run();
    assert_ne!(ended.code, Some(0));
    assert!(ended.output().contains("did you mean `packages`?"), "{ended}");
}

/// Only the credentials that the spec names are used.
fn registry_config(context: &Context<'_>) {
    let registry = &context.world.lab.tls_registry;
    let text = "base_image: python:3.11-slim\nregistry_config: team/config.json\n";
    context.space.write("spec.yaml", text);
    let push = |name: &str| {
        let address = context.world.lab.address(context.way.daemon);
        let program = context.build().ours("build", address).env("DOCKER_CONFIG", context.space.sibling("empty"));
        program.args(["--progress", "plain", "--push", "--tag", &format!("{}/e2e/{name}:1", registry.host)]).run()
    };
    let absent = push("a").expect_code(4);
    assert!(absent.stderr.contains("registry_config"), "{absent}");
    let auth = registry.auth();
    let config = registry.config();
    context.space.write("team/config.json", &config);
    push(context.space.name()).expect_code(0);
    let wrong = config.replace(&auth, "bm9ib2R5Om5vdGhpbmc=");
    context.space.write("team/config.json", &wrong);
    let refused = push(context.space.name());
    assert_eq!(refused.code, Some(4), "{refused}");
    assert!(!refused.stderr.contains(&auth) && !refused.stderr.contains("bm9ib2R5"), "{refused}");
}

/// A base without Python: uv downloads one and leaves no other files in the image.
fn managed_python(context: &Context<'_>) {
    let list = &context.world.lab.uv_python_list;
    let text = format!(
        "base_image: debian:bookworm-slim\npython_version: \"3.11\"\npackages: [click==8.1.7]\n\
         env: {{UV_PYTHON_DOWNLOADS_JSON_URL: \"{list}\"}}\nbuilder_options: {{user: www-data}}\n"
    );
    context.space.write("spec.yaml", &format!("{FIRST}{text}"));
    let (_, image) = context.build().image();
    let program = "import click, os, sqlite3, ssl, sys; print(sys.version_info[:2], os.path.realpath(sys.executable))";
    let output = image.output_of("python", &["-c", program]);
    assert!(output.starts_with("(3, 11) /opt/python/cpython-3.11"), "{output}");
    // The library is compiled, because the image's user cannot write there.
    let cached = "import importlib.util as u, os, json; print(os.path.exists(u.cache_from_source(json.__file__)))";
    assert_eq!(image.output_of("python", &["-B", "-c", cached]), "True");
    for path in ["/opt/python/.lock", "/opt/python/.temp", "/root/.local", "/root/.cache"] {
        assert_eq!(image.exec("test", &["-e", path]).code, Some(1), "{path} is a leftover file");
    }
    context.build().again();
}

/// Packages of a channel, and one from PyPI in the same environment.
fn conda(context: &Context<'_>) {
    let channel = &context.world.lab.conda_channel;
    let alias = channel.rsplit_once('/').map_or("", |(alias, _)| alias);
    let text = format!(
        "base_image: debian:bookworm-slim\nconda_packages: [\"python=3.11\", \"click=8.1.8\", six]\n\
         packages: [iniconfig==2.0.0, six]\nenv: {{MAMBA_CHANNEL_ALIAS: \"{alias}\"}}\n\
         commands: [\"uv pip install markupsafe==2.1.5\", \"python -c 'import click, iniconfig'\"]\n\
         builder_options: {{user: www-data}}\n"
    );
    context.space.write("spec.yaml", &format!("{FIRST}{text}"));
    let (built, image) = context.build().image();
    let program = "import click, iniconfig, markupsafe, sys, importlib.metadata as m; \
                   print(sys.prefix, m.version('click'), m.version('six'), m.version('iniconfig'))";
    let output = image.output_of("python", &["-c", program]);
    assert!(output.starts_with("/opt/micromamba/envs/runtime 8.1.8 1.1") && output.ends_with(" 2.0.0"), "{output}");
    // Conda's packages count as installed.
    // Where layers cannot be merged, a copy of the packages has the same name.
    let mut pip: Vec<&str> =
        built.status.steps().map(|step| step.name.as_str()).filter(|name| name.contains("iniconfig")).collect();
    pip.dedup();
    assert_eq!(pip, ["[lock] resolve iniconfig, six", "[pip] iniconfig"]);
    let cached = "import importlib.util as u, os, click; print(os.path.exists(u.cache_from_source(click.__file__)))";
    assert_eq!(image.output_of("python", &["-B", "-c", cached]), "True");
    let above = format!("{FIRST}base_image:\n  {}\npackages: [tomli==2.0.1]\n", text.trim_end().replace('\n', "\n  "));
    context.space.write("above.yaml", &above);
    let (_, extended) = context.build().spec("above.yaml").image();
    let both = "import click, sys, tomli; print(sys.prefix, tomli.__file__.startswith(sys.prefix))";
    assert_eq!(extended.output_of("python", &["-c", both]), "/opt/micromamba/envs/runtime True");
    for path in ["/opt/micromamba/pkgs", "/root/.conda", "/root/.mamba", "/root/.cache", "/dev/imagespec"] {
        assert_eq!(image.exec("test", &["-e", path]).code, Some(1), "{path} is a leftover file");
    }
    context.build().again();
}

/// A base with commands is finished before anything is built on it.
fn finished_base(context: &Context<'_>) {
    let text = "
base_image:
  base_image: python:3.11-slim
  packages: [click==8.1.5]
  env: {A: base}
  commands: [\"echo $A >/srv/note\", \"python -c 'import click'\"]
packages: [iniconfig==2.0.0]
apt_packages: [tree]
env: {A: top}
commands: [\"cat /srv/note >/srv/again\"]
";
    context.space.write("spec.yaml", &format!("{FIRST}{text}"));
    let (_, image) = context.build().image();
    assert_eq!(image.output_of("cat", &["/srv/note", "/srv/again"]), "base\nbase");
    let program = "import click, iniconfig, os; print(os.environ['A'], iniconfig.__file__)";
    assert_eq!(
        image.output_of("python", &["-c", program]),
        "top /opt/venv/lib/python3.11/site-packages/iniconfig/__init__.py"
    );
    assert_eq!(image.output_of("/bin/sh", &["-c", "command -v tree"]), "/usr/bin/tree");
    context.build().again();
}

/// An index that replaces PyPI, and options for the installer.
fn pip_index(context: &Context<'_>) {
    let text = "base_image: python:3.11-slim\npip_index: \"@OPEN_INDEX@\"\npip_extra_args: --no-deps\n\
                packages: [imagespec-lab-private]\n";
    context.space.write("spec.yaml", &format!("{FIRST}{text}"));
    let (_, image) = context.build().image();
    let program = "import importlib.metadata as m; print(m.version('imagespec-lab-private'))";
    assert_eq!(image.output_of("python", &["-c", program]), "1.1.0");
    // The index has no packages of PyPI.
    context.space.write("spec.yaml", &format!("{FIRST}{text}").replace("imagespec-lab-private", "iniconfig"));
    let ended = context.build().plainly().run();
    assert_ne!(ended.code, Some(0));
    assert!(ended.output().contains("iniconfig"), "{ended}");
}

/// CUDA on a base without CUDA: programs find its libraries. Without a GPU they can be loaded but not used.
fn cuda(context: &Context<'_>) {
    context.space.write("spec.yaml", &format!("{FIRST}base_image: python:3.11-slim\ncuda: \"12.4\"\n"));
    let (_, image) = context.build().image();
    let program = "import ctypes; c = ctypes.CDLL('libcudart.so.12'); v = ctypes.c_int(); \
                   c.cudaRuntimeGetVersion(ctypes.byref(v)); ctypes.CDLL('libcublas.so.12'); print(v.value)";
    assert_eq!(image.output_of("python", &["-c", program]), "12040");
    image.uv_pip_check().expect_code(0);
    image.discard();
}
