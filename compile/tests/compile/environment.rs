//! Which variables install steps, the user's commands and the image get.

use serde_json::{Value, json};

use crate::world::{World, build, described, problems};

fn env(image: &Value) -> Vec<&str> {
    image["config"]["Env"].as_array().expect("a list").iter().filter_map(Value::as_str).collect()
}

#[test]
fn values_are_expanded_for_the_image_and_for_installers() {
    let spec = "
packages: [git+https://example.org/lib]
env: {PATH: \"/opt/cuda/bin:$PATH\", UV_HTTP_TIMEOUT: \"$LANG\", PRICE: \"5\\\\$\", MODE: fast}
";
    let built = build(spec, &World::python());
    let image = built.image();
    let path = "PATH=/opt/cuda/bin:/opt/venv/bin:/usr/local/bin:/usr/bin:/bin";
    for expect in
        [path, "UV_HTTP_TIMEOUT=C.UTF-8", "PRICE=5$", "MODE=fast", "VIRTUAL_ENV=/opt/venv", "PYTHONPATH=/root"]
    {
        assert!(env(&image).contains(&expect), "{expect}: {image:#}");
    }
    let install = described(&built.graph(), "[pip] ");
    for (name, value) in
        [path.split_once('='), Some(("UV_HTTP_TIMEOUT", "C.UTF-8")), Some(("PRICE", "5$"))].into_iter().flatten()
    {
        assert!(install.contains(&format!("env {name}={value:?}\n")), "{name}: {install}");
    }
}

#[test]
fn installs_get_installer_variables_and_the_spec_overrides_defaults() {
    let spec = "
packages: [numpy]
env: {UV_HTTP_TIMEOUT: \"9\", UV_CACHE_DIR: /tmp/uv, MODE: fast, https_proxy: \"http://proxy\"}
";
    let install = described(&build(spec, &World::python()).graph(), "[pip] numpy");
    for expect in ["UV_HTTP_TIMEOUT=\"9\"", "https_proxy=\"http://proxy\"", "UV_CACHE_DIR=\"/dev/imagespec/uv-cache\""]
    {
        assert!(install.contains(&format!("env {expect}\n")), "{expect}: {install}");
    }
    assert!(!install.contains("env MODE"), "{install}");
}

#[test]
fn groups_are_compiled_with_the_installers_settings() {
    let mode = |spec: &str| {
        let graph = build(&format!("packages: [numpy]\n{spec}\n"), &World::python()).graph();
        let install = described(&graph, "[pip] numpy");
        assert!(!install.contains("UV_COMPILE_BYTECODE"), "{install}");
        let modes = ["\"checked\"", "\"unchecked\"", "\"none\""];
        modes.into_iter().find(|mode| install.contains(mode)).expect("a mode").to_owned()
    };
    assert_eq!(mode(""), "\"checked\"");
    assert_eq!(mode("builder_options: {bytecode: unchecked}"), "\"unchecked\"");
    assert_eq!(mode("builder_options: {bytecode: none}"), "\"none\"");
    assert_eq!(mode("env: {UV_COMPILE_BYTECODE: \"0\"}"), "\"none\"");
    assert_eq!(mode("env: {UV_COMPILE_BYTECODE: \"1\"}"), "\"checked\"");
    assert_eq!(mode("pip_extra_args: --no-compile-bytecode"), "\"none\"");
}

#[test]
fn apt_gets_only_the_proxies_of_the_spec() {
    let spec = "
apt_packages: [git]
packages: [git+https://example.org/lib]
env: {https_proxy: \"http://$LANG\", UV_HTTP_TIMEOUT: \"1\", MODE: fast}
";
    let apt = described(&build(spec, &World::python()).graph(), "[apt]");
    assert!(apt.contains("env https_proxy=\"http://C.UTF-8\"\n"), "{apt}");
    assert!(!apt.contains("UV_") && !apt.contains("MODE"), "{apt}");
}

#[test]
fn commands_get_the_whole_environment_and_uv() {
    let spec = "
packages: [numpy]
env: {MODE: fast, UV_LINK_MODE: hardlink}
commands: [cd /srv, uv pip install x]
";
    let commands = described(&build(spec, &World::python()).graph(), "[commands]");
    for expect in [
        "done\", \"/bin/sh\", \"cd /srv\", \"uv pip install x\"]\n",
        "env MODE=\"fast\"\n",
        "env UV_LINK_MODE=\"hardlink\"\n",
        "env VIRTUAL_ENV=\"/opt/venv\"\n",
        "env PATH=\"/opt/venv/bin:/usr/local/bin:/usr/bin:/bin:/dev/imagespec/bin\"\n",
        "cwd /\n",
        "mount /dev/imagespec/bin/uv ro ",
    ] {
        assert!(commands.contains(expect), "{expect}: {commands}");
    }
    // The project that commands work on may have its own configuration.
    assert!(!commands.contains("UV_NO_CONFIG") && !commands.contains("UV_PYTHON_DOWNLOADS"), "{commands}");
}

#[test]
fn a_base_without_a_path_gets_the_usual_one() {
    let world = World { config: json!({"rootfs": {"type": "layers"}}), ..World::debian() };
    let image = build("env: {A: \"$PATH\"}\n", &world).image();
    let usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(env(&image), [format!("PATH={usual}"), "PYTHONPATH=/root".to_owned(), format!("A={usual}")]);
}

#[test]
fn a_value_refers_to_what_the_base_has() {
    let world = World::python().with_config("Env", json!(["PATH=/usr/bin", "PYTHONPATH=/opt/spark/python"]));
    let value = |text: &str, name: &str| {
        let image = build(text, &world).image();
        let entries = image["config"]["Env"].as_array().cloned().unwrap_or_default();
        let found = entries.iter().filter_map(|entry| entry.as_str()?.split_once('=')).find(|(key, _)| *key == name);
        found.map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    assert_eq!(value("env: {PYTHONPATH: '/root:$PYTHONPATH'}", "PYTHONPATH"), "/root:/opt/spark/python");
    assert_eq!(value("env: {A: b}", "PYTHONPATH"), "/root");
    assert_eq!(value("env: {discovery.type: '${MODE:-single}'}", "discovery.type"), "single");
    assert_eq!(value("env: {L: '/opt/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}'}", "L"), "/opt/lib");
    // Each image sees the variables of the one below it.
    let nested = "base_image: {env: {A: 'a:$PYTHONPATH'}}\nenv: {A: '$A:$PYTHONPATH', B: '${A%%:*}'}\n";
    assert_eq!(value(nested, "A"), "a:/opt/spark/python:/root");
    assert_eq!(value(nested, "B"), "a");
}

#[test]
fn values_that_cannot_be_expanded_are_all_reported() {
    let text = "base_image: {env: {A: '${'}}\nenv:\n  B: ${NONE:?set it}\n  C: ${PATH^^}\n";
    insta::assert_snapshot!(problems(text, &World::python()));
}

#[test]
fn a_base_that_cannot_do_what_a_spec_wants_is_told() {
    let mut world = World::debian();
    let release = "NAME=\"Alpine Linux\"\nID=alpine\nPRETTY_NAME=\"Alpine Linux v3.20\"\n".to_owned();
    world.base.files.insert("/etc/os-release".to_owned(), release);
    insta::assert_snapshot!(problems("apt_packages: [jq]\n", &world));
    let world = World::debian().with_config("OnBuild", json!(["RUN make", "COPY . /app"]));
    let warnings = build("env: {A: b}\n", &world).warnings;
    let [warning] = warnings.as_slice() else { panic!("{warnings:?}") };
    assert_eq!(warning.code, "W105");
    assert!(warning.message.ends_with("has ONBUILD triggers, which are not run: RUN make, COPY . /app"), "{warning:?}");
}
