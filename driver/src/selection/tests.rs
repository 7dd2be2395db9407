//! Compares the selected files with what git lists, on generated trees, and looks at links.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;
use std::process::Command;

use buildkit_client::session::files::{LocalDir, SentKind};
use imagespec_compile::LocalFilter;
use proptest::prelude::*;

use super::*;

/// A folder with files, in which git can be run.
struct Tree {
    folder: tempfile::TempDir,
}

impl Tree {
    fn new(files: &[(&str, &str)]) -> Self {
        let tree = Self { folder: tempfile::tempdir().unwrap() };
        files.iter().for_each(|(path, text)| tree.write(path, text));
        tree
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file where a folder is already, or below a file, is left out.
    fn write(&self, path: &str, text: &str) {
        let at = self.path().join(path);
        if std::fs::create_dir_all(at.parent().unwrap()).is_ok() && !at.is_dir() {
            std::fs::write(at, text).unwrap();
        }
    }

    fn link(&self, path: &str, target: impl AsRef<Path>) {
        std::fs::create_dir_all(self.path().join(path).parent().unwrap()).unwrap();
        symlink(target, self.path().join(path)).unwrap();
    }

    fn git(&self, folder: &str, words: &[&str]) -> String {
        let output = Command::new("git").args(words).current_dir(self.path().join(folder)).output().unwrap();
        assert!(output.status.success(), "git {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// The untracked files that git ignores below a folder, relative to the context: what Flytekit leaves out.
    fn ignored_by_git(&self, folder: &str) -> BTreeSet<String> {
        let listed = self.git(folder, &["ls-files", "-z", "-io", "--exclude-standard"]);
        let paths = listed.split_terminator('\0');
        paths.map(|path| if folder == "." { path.to_owned() } else { format!("{folder}/{path}") }).collect()
    }

    fn select(&self, root: &str, change: impl FnOnce(&mut Selection)) -> (SelectionFact, LocalFilter) {
        let include = if root == "." { Vec::new() } else { vec![root.to_owned()] };
        let local = LocalFilter { include, exclude: vec!["**/.git".to_owned()], ..LocalFilter::default() };
        let mut question = Selection { roots: vec![root.to_owned()], local, uses_git: true };
        change(&mut question);
        let found = select(self.path(), &question).unwrap();
        (found, question.local)
    }

    /// The files that are sent of a root.
    fn sent(&self, root: &str, exclude: &[&str]) -> BTreeSet<String> {
        let (found, mut local) =
            self.select(root, |question| question.local.exclude.extend(exclude.iter().map(|text| (*text).to_owned())));
        assert_eq!(found.git_problem, None);
        local.exclude.extend(found.ignored);
        files(&LocalDir::new(self.path()).list(&local.include, &local.exclude, &[]).unwrap())
    }

    fn all(&self, exclude: &[&str]) -> BTreeSet<String> {
        let exclude: Vec<String> = exclude.iter().chain(&["**/.git"]).map(|text| (*text).to_owned()).collect();
        files(&LocalDir::new(self.path()).list(&[], &exclude, &[]).unwrap())
    }

    fn links(&self, root: &str, only_python: bool) -> Vec<String> {
        let (found, _) = self.select(root, |question| {
            question.uses_git = false;
            if only_python {
                question.local.include = vec![format!("{root}/**/*.py")];
            }
        });
        let copied = found.links.iter().map(|link| {
            let end = if link.is_folder { "/" } else { "" };
            let to = if link.to == link.path { String::new() } else { format!(" at {}", link.to) };
            format!("{} = {}{end}{to}", link.path, link.target)
        });
        copied.chain(found.strays.iter().map(|stray| format!("{} -> {:?}", stray.path, stray.reason))).collect()
    }
}

fn files(sent: &[buildkit_client::session::files::SentFile]) -> BTreeSet<String> {
    sent.iter().filter(|file| file.kind != SentKind::Directory).map(|file| file.path.clone()).collect()
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "b", "c.py", "d.log", "e", "!x", "f g", "é", "[h]"])
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(name(), 1..4).prop_map(|names| names.join("/"))
}

fn rules() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "*",
        "!*/",
        "!*.py",
        "*.log",
        "a/*",
        "/a",
        "b/",
        "!a/b",
        "**/e",
        "a/**",
        "!/a",
        "b/c.py",
        "\\!x",
        "[ab]",
        "#c",
        "e ",
        "\\[h\\]",
        "*.[lp]*",
        "!b/",
        "f\\ g",
        "?",
        "a/**/c.py",
        "",
        "/",
        "!",
        "\u{e9}",
    ]);
    let line =
        prop_oneof![3 => known.prop_map(str::to_owned), 1 => path(), 1 => path().prop_map(|path| format!("!{path}"))];
    prop::collection::vec(line, 0..5).prop_map(|lines| lines.join("\n") + "\n")
}

/// A folder, or the context itself.
fn folder() -> impl Strategy<Value = String> {
    prop_oneof![2 => Just(String::new()), 3 => path().prop_map(|path| format!("{path}/"))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn what_git_ignores_is_left_out(
        files in prop::collection::vec(path(), 1..24),
        ignores in prop::collection::vec((folder(), rules()), 0..4),
        (excludes, global) in (rules(), rules()),
        tracked in prop::collection::vec(path(), 0..4),
        inner in prop::option::of(path()),
        dockerignore in prop::sample::select(vec![&[] as &[&str], &["**/d.log"], &["*", "!a", "!c.py"], &["a", "!a/b/**"]]),
        many in any::<bool>(),
    ) {
        let tree = Tree::new(&[]);
        files.iter().chain(&tracked).for_each(|path| tree.write(path, ""));
        ignores.iter().for_each(|(folder, text)| tree.write(&format!("{folder}.gitignore"), text));
        if many {
            // Enough for patterns with exceptions.
            (0..40).for_each(|number| tree.write(&format!("a/b/{number}.log"), ""));
        }
        tree.git(".", &["init", "-q", "."]);
        let common = tempfile::tempdir().unwrap();
        let global_file = common.path().join("ignore");
        std::fs::write(&global_file, &global).unwrap();
        tree.git(".", &["config", "core.excludesFile", &global_file.to_string_lossy()]);
        std::fs::write(tree.path().join(".git/info/exclude"), &excludes).unwrap();
        for path in tracked.iter().filter(|path| tree.path().join(path).is_file()) {
            tree.git(".", &["add", "-f", "--", path]);
        }
        let inner = inner.filter(|path| tree.path().join(path).is_dir());
        if let Some(path) = &inner {
            tree.git(path, &["init", "-q", "."]);
        }
        let mut ignored = tree.ignored_by_git(".");
        if let Some(path) = &inner {
            // git does not look into a repository in the work tree. It has the rules of its own.
            let below = format!("{path}/");
            let is_ignored_itself = tree.git(".", &["ls-files", "-z", "-io", "--exclude-standard", "--directory"])
                .split_terminator('\0').any(|folder| below.starts_with(folder) && folder.ends_with('/'));
            let is_tracked = tracked.iter().any(|tracked| tracked.starts_with(&below));
            prop_assume!(!is_tracked && !is_ignored_itself);
            ignored.extend(tree.ignored_by_git(path));
        }
        let expected: BTreeSet<String> = tree.all(dockerignore).difference(&ignored).cloned().collect();
        prop_assert_eq!(tree.sent(".", dockerignore), expected);
    }
}

#[test]
fn folders_that_ignore_themselves_are_left_out() {
    let files = [
        ("main.py", ""),
        (".venv/.gitignore", "*\n"),
        (".venv/lib/big.py", ""),
        ("pkg/.gitignore", "/local.py\n"),
        ("pkg/local.py", ""),
        ("pkg/deep/local.py", ""),
    ];
    let tree = Tree::new(&files);
    let expected = ["main.py", "pkg/.gitignore", "pkg/deep/local.py"].map(str::to_owned).into();
    assert_eq!(tree.sent(".", &[]), expected, "without a repository");
    tree.git(".", &["init", "-q", "."]);
    assert_eq!(tree.sent(".", &[]), expected);
    assert_eq!(tree.select(".", |_| {}).0.ignored, [".venv", "pkg/local.py"]);
}

#[test]
fn a_pattern_of_a_slash_alone_matches_nothing() {
    let tree = Tree::new(&[(".gitignore", "/\n"), ("a", "")]);
    tree.git(".", &["init", "-q", "."]);
    assert_eq!(tree.sent(".", &[]), [".gitignore", "a"].map(str::to_owned).into());
}

#[test]
fn files_that_git_tracks_are_kept() {
    let tree =
        Tree::new(&[(".gitignore", "*.bin\nout/\n"), ("a.bin", ""), ("b.bin", ""), ("out/c", ""), ("out/d", "")]);
    tree.git(".", &["init", "-q", "."]);
    tree.git(".", &["add", "-f", "a.bin", "out/c"]);
    assert_eq!(tree.sent(".", &[]), [".gitignore", "a.bin", "out/c"].map(str::to_owned).into());
}

#[test]
fn rules_of_folders_around_the_context_apply() {
    let tree =
        Tree::new(&[(".gitignore", "*.tmp\n/build\n"), ("app/x.tmp", ""), ("app/x.py", ""), ("build/app/y.tmp", "")]);
    tree.git(".", &["init", "-q", "."]);
    let listed = |context: &str| {
        let local = LocalFilter::default();
        let question = Selection { roots: vec![".".to_owned()], local, uses_git: true };
        select(&tree.path().join(context), &question).unwrap().ignored
    };
    assert_eq!(listed("app"), ["x.tmp"]);
    assert_eq!(listed("build/app"), <[&str; 0]>::default(), "somebody builds from there, so it is wanted");
}

#[test]
fn a_named_folder_is_wanted_although_git_ignores_it() {
    let tree = Tree::new(&[(".gitignore", "gen\n"), ("gen/a.py", ""), ("gen/.gitignore", "b.py\n"), ("gen/b.py", "")]);
    tree.git(".", &["init", "-q", "."]);
    assert_eq!(tree.sent("gen", &[]), ["gen/.gitignore", "gen/a.py"].map(str::to_owned).into());
    assert!(!tree.sent(".", &[]).contains("gen/a.py"));
}

#[test]
fn a_broken_repository_is_told() {
    let tree = Tree::new(&[(".git/HEAD", "nonsense"), (".gitignore", "a\n"), ("a", ""), ("b", "")]);
    let (found, _) = tree.select(".", |_| {});
    assert_eq!(found.ignored, ["a"]);
    assert!(found.git_problem.is_some());
}

/// A repository's settings can name programs; none of them runs.
#[test]
fn no_program_of_the_repository_runs() {
    let tree = Tree::new(&[("a", "")]);
    tree.git(".", &["init", "-q", "."]);
    tree.git(".", &["config", "core.fsmonitor", "touch stolen; false"]);
    tree.git(".", &["-c", "core.fsmonitor=false", "add", "a"]);
    assert_eq!(tree.sent(".", &[]), ["a".to_owned()].into());
    assert!(!tree.path().join("stolen").exists());
}

#[test]
fn links_to_files_elsewhere_are_replaced() {
    let tree =
        Tree::new(&[("data/in", ""), ("data/deep/in", ""), ("cache/ab", ""), ("cache/tree/x", ""), ("other/y", "")]);
    for (path, target) in [
        ("data/inside", "in"),
        ("data/deep/up", "../in"),
        ("data/deep/folder", ".."),
        ("data/file", "../cache/ab"),
        ("data/tree", "../cache/tree"),
        ("cache/tree/more", "../../other"),
        ("cache/tree/x2", "x"),
        ("other/loop", "../cache/tree"),
        ("data/everything", "../"),
        ("data/nothing", "../cache/none"),
        ("data/base", "/usr/share/no-such-file"),
        ("data/out", "/etc"),
    ] {
        tree.link(path, target);
    }
    tree.link("data/absolute", tree.path().join("data/in"));
    assert_eq!(
        tree.links("data", false),
        [
            "data/absolute = data/in",
            "data/file = cache/ab",
            "data/tree = cache/tree/",
            "cache/tree/more = other/ at data/tree/more",
            "data/everything -> Circular",
            "data/nothing -> Missing",
            "data/out -> Outside",
            "other/loop -> Circular",
        ]
        .map(str::to_owned)
        .into_iter()
        .collect::<Vec<_>>()
    );
}

#[test]
fn links_to_ignored_files() {
    let tree = Tree::new(&[(".gitignore", ".cache\n"), (".cache/a", ""), ("secret/b", "")]);
    tree.link("data/a", "../.cache/a");
    tree.link("data/b", "../secret/b");
    tree.git(".", &["init", "-q", "."]);
    let (found, _) = tree.select(".", |question| question.local.exclude.push("secret".to_owned()));
    assert_eq!(
        found.links.iter().map(|link| link.path.as_str()).collect::<Vec<_>>(),
        ["data/a"],
        "as tools for data do"
    );
    assert_eq!(found.strays.iter().map(|stray| stray.reason).collect::<Vec<_>>(), [StrayReason::Excluded]);
}

#[test]
fn links_among_python_files() {
    let tree =
        Tree::new(&[("src/a.py", ""), ("src/text", ""), ("lib/pkg/b.py", ""), ("lib/data/c", ""), ("lib/m.py", "")]);
    for (path, target) in [
        ("src/same.py", "a.py"),
        ("src/odd.py", "text"),
        ("src/note.txt", "../lib/none"),
        ("src/m.py", "../lib/m.py"),
        ("src/pkg", "../lib/pkg"),
        ("src/data", "../lib/data"),
    ] {
        tree.link(path, target);
    }
    assert_eq!(
        tree.links("src", true),
        ["src/m.py = lib/m.py", "src/odd.py = src/text", "src/pkg = lib/pkg/"].map(str::to_owned).to_vec()
    );
}

#[test]
fn deep_folders_need_no_deep_stack() {
    let tree = Tree::new(&[]);
    let deep = vec!["d"; 1500].join("/");
    tree.write(&format!("{deep}/x.log"), "");
    tree.write(&format!("{deep}/y.txt"), "");
    tree.write(".gitignore", "*.log\n");
    assert_eq!(tree.select(".", |_| {}).0.ignored, [format!("{deep}/x.log")]);
}

#[test]
fn names_that_are_not_text() {
    let tree = Tree::new(&[(".gitignore", "*.log\n")]);
    std::fs::write(tree.path().join(OsStr::from_bytes(b"\xff.log")), "").unwrap();
    std::fs::write(tree.path().join(OsStr::from_bytes(b"\xff.txt")), "").unwrap();
    std::fs::write(tree.path().join("a\nb.log"), "").unwrap();
    let sent = tree.sent(".", &[]);
    assert_eq!(sent.len(), 2, "{sent:?}");
}
