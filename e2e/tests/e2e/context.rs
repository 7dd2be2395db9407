//! Which files of the context are in the image: git's rules, ignore files, links.

use imagespec_e2e::command::Program;
use imagespec_e2e::way::{self, Daemon, Entrance, Way};

use crate::{Case, Context, scenario};

const FIRST: &str = "# syntax=@FRONTEND@\n";

pub(crate) fn cases() -> Vec<Case> {
    let ignored = scenario("git-ignored", way::ALL, git_ignored);
    let links = scenario("links", way::IMAGESPEC, links);
    let many = scenario("many-sources", MANY, many_sources);
    ignored.chain(links).chain(many).collect()
}

const MANY: [Way; 3] = [
    Way::new(Daemon::Engine2010, Entrance::Docker),
    Way::new(Daemon::Engine2010, Entrance::Imagespec),
    Way::new(Daemon::Buildkitd, Entrance::Docker),
];

/// The files below `/root`, without those of the base image.
fn files(context: &Context<'_>) -> Vec<String> {
    let (_, image) = context.build().image();
    let listed = image.output_of("find", &["/root", "(", "-type", "f", "-o", "-type", "l", ")", "-printf", "%P\n"]);
    let mut files: Vec<String> =
        listed.lines().map(str::to_owned).filter(|path| !BASE.contains(&path.as_str())).collect();
    files.sort();
    files
}

const BASE: [&str; 2] = [".bashrc", ".profile"];

/// Files that git ignores are left out, those that it tracks in spite of a pattern are kept, and an ignore file in the source root counts.
/// Only a client that lists its files knows what git tracks.
fn git_ignored(context: &Context<'_>) {
    let space = &context.space;
    space.write(
        "spec.yaml",
        &format!(
            "{FIRST}base_image: debian:bookworm-slim\nsource_root: src\nsource_copy_mode: all\nenv: {{M: '@MARKER@'}}\n"
        ),
    );
    for (path, text) in [
        ("src/main.py", ""),
        ("src/model.bin", "tracked"),
        ("src/other.bin", "untracked"),
        ("src/pkg/mod.py", ""),
        ("src/pkg/local.py", "secret"),
        ("src/.venv/lib/big.py", ""),
        ("src/private.py", "secret"),
        ("src/excluded/x", ""),
        (".gitignore", "*.bin\n"),
        ("src/pkg/.gitignore", "/local.py\n"),
        ("src/.venv/.gitignore", "*\n"),
        ("src/.dockerignore", "private.py\n"),
    ] {
        space.write(path, text);
    }
    let git = |words: &[&str]| Program::new("git").args(words).dir(&space.context()).ok();
    git(&["init", "-q", "."]);
    git(&["add", "-f", "src/model.bin", "src/main.py"]);
    std::fs::write(space.context().join(".git/info/exclude"), "excluded\n").expect("git has made the folder");
    let is_ours = matches!(context.way.entrance, Entrance::Imagespec | Entrance::Compile);
    // These clients do not find files in deep folders by their names.
    let is_old = context.way.daemon == Daemon::Engine2010 && !is_ours;
    let mut expected = vec![".dockerignore", "main.py", "pkg/.gitignore", "pkg/mod.py"];
    if is_ours {
        expected.push("model.bin");
    } else {
        expected.push("excluded/x");
    }
    if is_old {
        expected.extend([".venv/.gitignore", ".venv/lib/big.py", "pkg/local.py"]);
    }
    expected.sort_unstable();
    assert_eq!(files(context), expected);
}

/// Links to files that are not copied are replaced by them; links that lead out of the context are told.
fn links(context: &Context<'_>) {
    let space = &context.space;
    space
        .write("spec.yaml", "base_image: debian:bookworm-slim\ncopy: [data]\nsource_root: src\nenv: {M: '@MARKER@'}\n");
    for (path, text) in [
        ("data/readme", "readme"),
        ("cache/ab12", "payload"),
        ("cache/tree/leaf", "leaf"),
        ("src/main.py", ""),
        ("lib/shared/tool.py", "tool"),
        ("lib/shared/notes.txt", "notes"),
    ] {
        space.write(path, text);
    }
    let link = |path: &str, target: &str| {
        std::os::unix::fs::symlink(target, space.context().join(path)).expect("nothing is there");
    };
    link("data/table.csv", "../cache/ab12");
    link("data/tree", "../cache/tree");
    link("data/same", "readme");
    link("data/out", "/etc");
    link("src/shared", "../lib/shared");
    let (built, image) = context.build().image();
    assert!(built.ended.output().contains("warning[W106]: data/out is a link to "), "{}", built.ended.output());
    let shown = image.output_of("cat", &["/root/data/table.csv", "/root/data/tree/leaf", "/root/shared/tool.py"]);
    assert_eq!(shown, "payloadleaftool");
    let script = "cd /root && find data shared -type l -printf '%P -> %l\\n' | sort; ls shared";
    assert_eq!(image.output_of("sh", &["-c", script]), "out -> /etc\nsame -> readme\ntool.py");
    context.build().again();
    space.write("cache/ab12", "changed");
    let (_, image) = context.build().image();
    assert_eq!(image.output_of("cat", &["/root/data/table.csv"]), "changed");
}

/// Thousands of files in as many folders. Daemons before BuildKit 0.9 failed at random with an operation for each.
fn many_sources(context: &Context<'_>) {
    let space = &context.space;
    space.write(
        "spec.yaml",
        &format!("{FIRST}base_image: debian:bookworm-slim\nsource_root: src\nenv: {{M: '@MARKER@'}}\n"),
    );
    for number in 0..2000 {
        space.write(&format!("src/p{number}/q/m.py"), &number.to_string());
    }
    space.write("src/p7/q/data.bin", "not a source");
    assert_eq!(files(context).len(), 2000);
    space.write("src/p7/q/m.py", "changed");
    let (_, image) = context.build().image();
    assert_eq!(image.output_of("cat", &["/root/p7/q/m.py"]), "changed");
}
