//! Golden files: each spec of `testdata/compile/specs` with saved facts becomes `testdata/compile/golden/<spec>@<facts>.snap`.
//!
//! A spec's first comments say why it is there, with which facts it is built, and what the caller chose. `just bless` accepts
//! what changed; a changed digest turns every user's cache cold, so it needs a reason.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use buildkit_llb::Digest;
use buildkit_proto::Message as _;
use imagespec_compile::{Action, Compiled, Plan, Store};

use crate::contract::shape;
use crate::definitions::{Golden, facts_of, folder, names, read};

#[track_caller]
fn check(case: &str) {
    for name in facts_of(case) {
        let mut snapshots = insta::Settings::clone_current();
        snapshots.set_snapshot_path(folder("golden"));
        snapshots.set_prepend_module_to_snapshot(false);
        snapshots.set_omit_expression(true);
        let shown = show(case, &name);
        snapshots.bind(|| insta::assert_snapshot!(format!("{case}@{name}"), shown));
    }
}

/// Everything a build is, as text.
#[track_caller]
fn show(case: &str, facts: &str) -> String {
    let Golden { outcome, compiled } = match Golden::make(case, facts) {
        Ok(golden) => golden,
        Err(problems) => return problems,
    };
    let plans = outcome.plans().expect("it was compiled");
    let mut out = String::new();
    if !outcome.warnings.is_empty() {
        section(&mut out, "warnings", &imagespec::render_all(&outcome.warnings, &outcome.sources));
    }
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

#[test]
fn every_file_is_used() {
    let cases: BTreeSet<String> = CASES.iter().map(|case| (*case).to_owned()).collect();
    assert_eq!(names("specs"), cases, "each spec is a case");
    let mut facts = BTreeSet::new();
    let mut golden = BTreeSet::new();
    for case in CASES {
        for name in facts_of(case) {
            facts.insert(name.clone());
            golden.insert(format!("{case}@{name}"));
        }
    }
    assert_eq!(names("facts"), facts, "all facts are used");
    let written: BTreeSet<String> = names("golden").into_iter().filter(|name| !name.ends_with(".snap")).collect();
    assert_eq!(written, golden, "no golden file is left over");
}

#[test]
fn facts_are_written_as_they_are_read_and_have_the_form_of_real_ones() {
    for name in names("facts") {
        let text = read(&folder("facts").join(format!("{name}.json")));
        let facts: Store = serde_json::from_str(&text).expect("facts");
        let again: Store = serde_json::from_str(&serde_json::to_string(&facts).expect("JSON")).expect("facts");
        assert_eq!(again, facts, "{name}");
        facts.facts().for_each(|fact| shape::check(&fact));
    }
}
