//! What a difference between two specs moves, as `imagespec why` prints it.
//!
//! That the table is right about steps that are really built is tested where they are built, in `imagespec-compile`.

use std::collections::{BTreeMap, BTreeSet};

use imagespec::StepKind::{Apt, Base, Commands, Conda, Config, Entry, Files, Lock, Packages, Python, User};
use imagespec::{Content, ImageSpec, StepKind, differences, field, parse};

fn spec(text: &str) -> ImageSpec {
    let parsed = parse("spec.yaml", text);
    parsed.spec.unwrap_or_else(|| panic!("{}", imagespec::render_all(&parsed.diagnostics, &parsed.sources)))
}

/// The steps by the path of each difference.
fn steps(old: (&str, &Content), new: (&str, &Content)) -> BTreeMap<String, BTreeSet<StepKind>> {
    let (before, after) = (spec(old.0), spec(new.0));
    let found = differences((&before, old.1), (&after, new.1));
    found.into_iter().map(|found| (found.field, found.steps)).collect()
}

#[track_caller]
fn check(old: &str, new: &str, expect: &[(&str, &[StepKind])]) {
    let content = Content::default();
    let expect: BTreeMap<String, BTreeSet<StepKind>> =
        expect.iter().map(|(field, steps)| ((*field).to_owned(), steps.iter().copied().collect())).collect();
    assert_eq!(steps((old, &content), (new, &content)), expect, "{old}{new}");
}

#[test]
fn apt_sources_move_apt() {
    check(
        "copy: [data]\n",
        "copy: [data]\nbuilder_options: {apt_sources: [\"deb https://example.org/debian bookworm main\"]}\n",
        &[("builder_options.apt_sources[0]", &[Apt])],
    );
}

#[test]
fn runtime_packages_bring_pip_and_a_script() {
    check(
        "packages: [numpy]\n",
        "packages: [numpy]\nruntime_packages: [requests]\n",
        &[("runtime_packages[requests]", &[Lock, Packages, Entry, Config])],
    );
    check(
        "packages: [numpy]\nruntime_packages: [requests]\n",
        "packages: [numpy]\nruntime_packages: [requests, idna]\n",
        &[("runtime_packages[idna]", &[Config])],
    );
}

#[test]
fn the_micromamba_image_moves_conda_if_conda_is_used() {
    let tool = "builder_config: {micromamba_image: \"mambaorg/micromamba:2.0.4\"}\n";
    let field = "builder_config.micromamba_image";
    check("conda_packages: [numpy]\n", &format!("conda_packages: [numpy]\n{tool}"), &[(field, &[Conda])]);
    check("packages: [numpy]\n", &format!("packages: [numpy]\n{tool}"), &[(field, &[])]);
}

#[test]
fn cuda_is_the_base_or_a_set_of_wheels() {
    let over = |release: &str| format!("base_image: python:3.11\npackages: [numpy]\ncuda: \"{release}\"\n");
    check(&over("12.4"), &over("12.5"), &[("cuda", &[Lock, Packages, Config])]);
    let alone = |release: &str| format!("packages: [numpy]\ncuda: \"{release}\"\n");
    check(&alone("12.4"), &alone("12.5"), &[("cuda", &[Base, Python, Lock, Packages])]);
}

#[test]
fn commands_see_everything_but_labels() {
    let with = |more: &str| format!("packages: [numpy]\ncommands: [\"true\"]\n{more}");
    check(&with(""), &with("copy: [data]\n"), &[("copy[0]", &[Files, Commands])]);
    check(&with(""), &with("env: {A: b}\n"), &[("env.A", &[Commands, Config])]);
    check(&with(""), &with("builder_options: {labels: {a: b}}\n"), &[("builder_options.labels.a", &[Config])]);
    check(&with(""), &with("entrypoint: [sh]\n"), &[("entrypoint[0]", &[Config])]);
}

#[test]
fn images_of_flytekit_carry_their_id() {
    let flyte =
        |more: &str| format!("commands: [\"true\"]\nbuilder_options: {{flavor: flyte, labels: {{a: {more}}}}}\n");
    check(&flyte("b"), &flyte("c"), &[("builder_options.labels.a", &[Commands, Config])]);
}

#[test]
fn a_user_moves_all_steps_built_on_the_users_step() {
    let user = |name: &str| format!("apt_packages: [git]\ncopy: [data]\nbuilder_options: {{user: {name}}}\n");
    check(&user("app"), &user("other"), &[("builder_options.user", &[User, Apt, Files, Config])]);
    check(&user("root"), &user("0"), &[("builder_options.user", &[Files, Config])]);
}

#[test]
fn a_spec_below_is_part_of_the_image_unless_it_is_finished() {
    let on = |base: &str| format!("base_image: {{{base}}}\npackages: [numpy]\n");
    check(&on("apt_packages: [git]"), &on("apt_packages: [git, curl]"), &[("base_image.apt_packages[curl]", &[Apt])]);
    let finished = |more: &str| on(&format!("commands: [make], {more}"));
    check(
        &finished("apt_packages: [git]"),
        &finished("apt_packages: [git, curl]"),
        &[("base_image.apt_packages[curl]", &[Base, Python, Lock, Packages])],
    );
    check(&finished("entrypoint: [a]"), &finished("entrypoint: [b]"), &[("base_image.entrypoint[0]", &[Config])]);
}

#[test]
fn the_same_base_in_another_field_moves_nothing() {
    let (alone, nested) =
        ("base_image: python:3.11\ncopy: [data]\n", "base_image: {base_image: python:3.11}\ncopy: [data]\n");
    check(alone, nested, &[("base_image", &[]), ("base_image.base_image", &[])]);
}

#[test]
fn files_move_the_steps_that_read_them() {
    let content = |kind: &str, path: &str, digest: &str| {
        let texts = BTreeMap::from([(path.to_owned(), digest.to_owned())]);
        match kind {
            "requirements" => Content { requirements: texts, ..Content::default() },
            "locks" => Content { locks: texts, ..Content::default() },
            _ => Content { files: texts, ..Content::default() },
        }
    };
    let text = "requirements: requirements.txt\ncopy: [data]\nbuilder_options: {apt_sources: [\"deb https://x y z\"], apt_keys: [a.asc]}\n";
    for (kind, path, expect) in [
        ("requirements", "requirements.txt", vec![Lock, Packages]),
        ("requirements", "a.asc", vec![Apt]),
        ("locks", "linux/amd64", vec![Lock, Packages]),
        ("files", "data/a.csv", vec![Files]),
    ] {
        let (old, new) = (content(kind, path, "1"), content(kind, path, "2"));
        let found: Vec<_> = steps((text, &old), (text, &new)).into_values().collect();
        assert_eq!(found, [expect.into_iter().collect()], "{kind} {path}");
    }
    // It is built again, no matter which spec copies it.
    let text = "base_image: {commands: [make], copy: [data]}\napt_packages: [git]\n";
    let (old, new) = (content("files", "data/a.csv", "1"), content("files", "data/a.csv", "2"));
    let found: Vec<_> = steps((text, &old), (text, &new)).into_values().collect();
    assert_eq!(found, [BTreeSet::from([Base, Apt])]);
}

#[test]
fn every_field_is_named_once_and_explained() {
    let mut names = BTreeSet::new();
    for field in field::fields() {
        assert!(names.insert(field.name()), "{} is there twice", field.name());
        assert!(field.about().ends_with('.') && !field.about().starts_with(' '), "{}", field.name());
        let name = field.name().rsplit('.').next().unwrap_or_default();
        assert!(field.example().starts_with(&format!("{name}: ")), "{}", field.example());
    }
}
