//! Shell metacharacters in every text of a spec: taken literally or refused, never executed.

use std::collections::BTreeMap;

use imagespec_e2e::command::Program;
use imagespec_e2e::way::{self, Daemon, Entrance, Way};

use crate::{Case, Context, scenario};

/// Runs `touch` if a shell reads it, in the working directory of any step.
const EVIL: &str = "$(touch pwned)`touch pwned`;touch pwned|touch pwned&&touch pwned";

pub(crate) fn cases() -> Vec<Case> {
    let literal = scenario("literal", way::EACH_DAEMON, literal);
    let refused = scenario("refused", [Way::new(Daemon::Buildkitd, Entrance::Imagespec)], refused);
    literal.chain(refused).collect()
}

/// Every text that may contain any characters. The folder has the file's name with one more letter.
fn literal(context: &Context<'_>) {
    let quoted = format!("'{EVIL}'");
    let spec = format!(
        "# syntax=@FRONTEND@
base_image: python:3.11-slim
requirements: {quoted}
env:
  EVIL: {quoted}
  UV_EVIL: {quoted}
source_root: '{EVIL}d'
source_copy_mode: all
copy: [{quoted}, 'a*.txt', '[b].txt', 'with space.txt']
entrypoint: [printf, '%s|', {quoted}, '$HOME']
pip_secret_mounts:
  - {{id: secret_0, dst: '/run/{EVIL}'}}
builder_options:
  labels: {{org.example.evil: {quoted}}}
"
    );
    context.space.write("spec.yaml", &spec);
    context.space.write(EVIL, "click\n");
    context.space.write(&format!("{EVIL}d/{EVIL}.py"), "");
    let names = ["a*.txt", "[b].txt", "with space.txt"];
    for name in names {
        context.space.write(name, "");
    }
    // Files that the names would match as patterns.
    context.space.write("abc.txt", "");
    context.space.write("b.txt", "");
    let (_, image) = context.build().with_netrc().image();

    let config = &image.inspect()["Config"];
    let env: BTreeMap<&str, &str> =
        config["Env"].as_array().into_iter().flatten().filter_map(|entry| entry.as_str()?.split_once('=')).collect();
    assert_eq!((env.get("EVIL"), env.get("UV_EVIL")), (Some(&EVIL), Some(&EVIL)));
    assert_eq!(config["Labels"]["org.example.evil"], EVIL);
    assert_eq!(image.run().expect_code(0).out(), format!("{EVIL}|$HOME|"));

    let archive = image.archive(&context.space);
    let base = image.layers_of(&context.world.lab.python_image);
    let root = archive.rootfs();
    let copied = root.paths(|path| path.starts_with("root/") && path.ends_with(".txt"));
    assert_eq!(copied, ["root/[b].txt", "root/a*.txt", "root/with space.txt"]);
    for path in [format!("root/{EVIL}"), format!("root/{EVIL}.py")] {
        assert!(root.0.contains_key(&path), "{path} is not in {:?}", root.paths(|path| path.starts_with("root/")));
    }
    assert!(!archive.above(&base).is_empty());
    let pwned = root.paths(|path| path.rsplit('/').next() == Some("pwned"));
    assert!(pwned.is_empty(), "something was carried out: {pwned:?}");
    assert!(!context.space.context().join("pwned").exists() && !std::path::Path::new("pwned").exists());
}

/// Texts with a grammar: all are refused with their places, before anything runs.
fn refused(context: &Context<'_>) {
    let fields = [
        "name: 'a$(touch pwned)'",
        "registry: 'localhost:15000/$(touch pwned)'",
        "base_image: 'debian$(touch pwned)'",
        "python_version: '3.11;touch pwned'",
        "python_exec: 'usr/bin/$(touch pwned)'",
        "apt_packages: ['tree;touch pwned', '$(touch pwned)', '-o Dpkg::Pre-Invoke::=touch', 'tree &&touch']",
        "packages: ['click;touch pwned', '$(touch pwned)', 'click && touch pwned', '`touch pwned`']",
        "pip_index: 'touch pwned'",
        "platform: 'linux/amd64;touch pwned'",
        "env: {'A$(touch pwned)': x}",
        "builder_options: {user: 'me;touch pwned'}",
        "builder_config: {uv_image: 'uv;touch pwned'}",
    ];
    context.space.write("spec.yaml", &fields.join("\n"));
    let ended = Program::new(&context.world.programs.imagespec)
        .args(["check", "--file", "spec.yaml"])
        .dir(&context.space.context())
        .run()
        .expect_code(2);
    for (index, field) in fields.iter().enumerate() {
        let place = format!("--> spec.yaml:{}:", index + 1);
        assert!(ended.stderr.contains(&place), "{field} is not refused:\n{}", ended.stderr);
    }
    assert_eq!(ended.stderr.matches("--> spec.yaml:6:").count(), 4, "each package by itself:\n{}", ended.stderr);
    assert_eq!(ended.stderr.matches("--> spec.yaml:7:").count(), 4, "each requirement by itself:\n{}", ended.stderr);
    assert!(!context.space.context().join("pwned").exists());
}
