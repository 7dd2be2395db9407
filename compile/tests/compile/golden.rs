//! Golden files: each spec of `testdata/compile/specs` with saved facts becomes `testdata/compile/golden/<spec>@<facts>.snap`.
//!
//! A spec's first comments say why it is there, with which facts it is built, and what the caller chose. `just bless` accepts
//! what changed; a changed digest turns every user's cache cold, so it wants a reason.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use buildkit_llb::Digest;
use buildkit_proto::Message as _;
use imagespec_compile::{Action, AnyQuestion, Ask, Compiled, Document, Fact, Plan, Settings, Store, lower_for, plan};

use crate::world::{World, document};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/compile").join(name)
}

#[track_caller]
#[expect(clippy::disallowed_methods, reason = "the crate reads no files, its tests do")]
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What stands behind `# name: ` in the spec's first lines.
fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut comments = text.lines().map_while(|line| line.strip_prefix("# "));
    comments.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

#[track_caller]
fn check(case: &str) {
    let text = read(&folder("specs").join(format!("{case}.yaml")));
    let settings: Settings = header(&text, "settings")
        .map_or_else(Settings::default, |json| serde_json::from_str(json).expect("settings are JSON"));
    for name in header(&text, "facts").expect("a spec names its facts").split(", ") {
        let facts = read(&folder("facts").join(format!("{name}.json")));
        let facts: Store = serde_json::from_str(&facts).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut snapshots = insta::Settings::clone_current();
        snapshots.set_snapshot_path(folder("golden"));
        snapshots.set_prepend_module_to_snapshot(false);
        snapshots.set_omit_expression(true);
        let shown = show(case, &text, &settings, &facts);
        snapshots.bind(|| insta::assert_snapshot!(format!("{case}@{name}"), shown));
    }
}

/// Everything a build is, as text.
#[track_caller]
fn show(case: &str, text: &str, settings: &Settings, facts: &Store) -> String {
    let document = document(&format!("{case}.yaml"), text);
    let mut store = facts.clone();
    let outcome = loop {
        let outcome = plan(&document, settings, &store);
        if outcome.is_certain() {
            break outcome;
        }
        outcome.asks().for_each(|ask| resolve(case, ask, &document, &mut store));
    };
    let sources = &outcome.sources;
    let Some(plans) = outcome.plans() else { return imagespec::render_all(&outcome.problems, sources) };
    let mut out = String::new();
    if !outcome.warnings.is_empty() {
        section(&mut out, "warnings", &imagespec::render_all(&outcome.warnings, sources));
    }
    let compiled = match lower_for(&plans, sources, store.daemon().expect("saved")) {
        Ok(compiled) => compiled,
        Err(problem) => return imagespec::render_all(&[problem], sources),
    };
    for (plan, Compiled { graph, image_config, base_config: _, .. }) in plans.into_iter().zip(compiled) {
        section(&mut out, "plan", &plan.to_string());
        section(&mut out, "installer's input", &installs(plan));
        section(&mut out, "graph", &graph.dump().to_string());
        section(&mut out, "image", &format!("{image_config:#}\n"));
        let definition = graph.to_definition();
        let bytes = definition.encode_to_vec();
        let digest = Digest::from_content(&bytes);
        // `just vectors` has Go read and write again what this project emits.
        if let Some(folder) = std::env::var_os("IMAGESPEC_DEFINITIONS") {
            let name = format!("compile-{case}-{}.pb", digest.to_string().trim_start_matches("sha256:"));
            std::fs::write(Path::new(&folder).join(name), &bytes).expect("the folder can be written to");
        }
        section(&mut out, "definition", &format!("{} ops, {digest}\n", definition.def.len()));
    }
    out
}

/// What versions are chosen is no saved fact, because goldens are not to change with it: one small package a requirement.
#[track_caller]
fn resolve(case: &str, ask: &Ask, document: &Document, store: &mut Store) {
    let mut world = World::python();
    for fact in store.facts() {
        if let Fact::ContextFile { question, answer: Some(text) } = fact {
            world.context.insert(question.path, text.as_str().to_owned());
        }
    }
    match ask.question {
        AnyQuestion::Interpreter(_) | AnyQuestion::Lock(_) | AnyQuestion::Collisions(_) | AnyQuestion::SpecFile(_) => {
            store.insert(world.answer(ask, document));
        }
        _ => panic!("{case}: the facts lack {:#?}", ask.question),
    }
}

fn section(out: &mut String, title: &str, text: &str) {
    if !text.is_empty() {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "=== {title}\n{}\n", text.trim_end());
    }
}

/// What the graph holds as bytes of files only.
fn installs(plan: &Plan) -> String {
    let mut out = String::new();
    for step in &plan.steps {
        if let Action::InstallGroup(install) = &step.action {
            let _ = write!(out, "--- {}: pylock.toml\n{}", step.id, install.lock);
            let _ = write!(out, "--- {}: uv.toml\n{}", step.id, install.config);
        }
        if let Action::Install { requirements, constraints, .. } = &step.action {
            let _ = write!(out, "--- requirements.txt\n{requirements}");
            if !constraints.is_empty() {
                let _ = write!(out, "--- constraints.txt\n{constraints}");
            }
        }
    }
    out
}

macro_rules! cases {
    ($($case:ident)*) => {
        const CASES: &[&str] = &[$(stringify!($case)),*];
        $(#[test] fn $case() { check(stringify!($case)); })*
    };
}

cases! {
    apt_only
    base_user
    ca_bundle_of_settings
    ca_bundle_of_spec
    commands
    commands_only
    conda
    cuda_image
    cuda_wheels
    entrypoint_removed
    flyte
    labels
    main
    managed_python
    minimal_base
    multi_platform
    namespace_and_epoch
    nested
    network
    no_cache
    option_lines
    own_base
    packages_only
    pull
    pyproject
    python_exec
    python_from_apt
    requirements
    runtime_packages
    source_all
    source_auto
    source_none
    user
    vcs_with_apt
    wrong_python
}

/// The names of the files in a folder of the test data, without their endings.
fn names(folder_name: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder(folder_name)).expect("a folder");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        name.rsplit_once('.').map_or(name.clone(), |(stem, _)| stem.to_owned())
    };
    entries.map(name).collect()
}

#[test]
fn every_file_is_used() {
    let cases: BTreeSet<String> = CASES.iter().map(|case| (*case).to_owned()).collect();
    assert_eq!(names("specs"), cases, "each spec is a case");
    let mut facts = BTreeSet::new();
    let mut golden = BTreeSet::new();
    for case in CASES {
        let text = read(&folder("specs").join(format!("{case}.yaml")));
        for name in header(&text, "facts").expect("a spec names its facts").split(", ") {
            facts.insert(name.to_owned());
            golden.insert(format!("{case}@{name}"));
        }
    }
    assert_eq!(names("facts"), facts, "all facts are used");
    let written: BTreeSet<String> = names("golden").into_iter().filter(|name| !name.ends_with(".snap")).collect();
    assert_eq!(written, golden, "no golden file is left over");
}

#[test]
fn facts_are_written_as_they_are_read() {
    for name in names("facts") {
        let text = read(&folder("facts").join(format!("{name}.json")));
        let facts: Store = serde_json::from_str(&text).expect("facts");
        let again: Store = serde_json::from_str(&serde_json::to_string(&facts).expect("JSON")).expect("facts");
        assert_eq!(again, facts, "{name}");
    }
}
