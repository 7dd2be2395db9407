//! Compares the steps that a change of a field moves, according to the table of fields, with those that move in builds.
//!
//! Every field of the table is changed in specs that use it, and the kinds of steps whose digests change are compared with the table.
//! A field without a case fails, and so does a kind that a row lists and no case shows.

mod cases;
mod scenario;

use std::collections::{BTreeMap, BTreeSet};

use imagespec::field::{FieldInfo, fields};
use imagespec::{Content, ImageSpec, StepKind, differences};
use imagespec_compile::{Action, AnyQuestion, Plan, Settings};
use serde_json::Value;

use crate::moves::cases::{Case, cases};
use crate::moves::scenario::{OTHER_LOCK, Scenario, scenario, with};
use crate::world::{Build, World, digests, document, try_build};
use StepKind::{Apt, Base, Commands, Conda, Config, Entry, Files, Lock, Packages, Profile, Python, User};

/// The digests of a build's steps by kind.
fn work(build: &Build) -> BTreeMap<StepKind, BTreeSet<String>> {
    let [plan] = build.plans.as_slice() else { panic!("one platform") };
    let graph = build.graph();
    let mut work: BTreeMap<StepKind, BTreeSet<String>> = BTreeMap::new();
    work.insert(Base, BTreeSet::from([base(plan)]));
    for step in &plan.steps {
        let kind = match &step.action {
            Action::OwnHome { .. } => User,
            Action::Apt { .. } => Apt,
            Action::Venv { .. } => Python,
            Action::Conda { .. } => Conda,
            Action::RemovePackages { .. } | Action::InstallGroup(_) => Packages,
            // It depends on the base alone.
            Action::Folders { .. } => continue,
            Action::WriteFile { .. } if step.id == "profile" => Profile,
            Action::WriteFile { .. } => Entry,
            Action::Copy { .. } => Files,
            Action::Commands { .. } => Commands,
        };
        let found = digests(&graph, &step.title);
        assert!(!found.is_empty(), "{} is no op", step.title);
        work.entry(kind).or_default().extend(found);
    }
    for ask in build.rounds.iter().flatten() {
        if let AnyQuestion::Lock(question) = &ask.question {
            work.entry(Lock).or_default().insert(question.digest.clone());
        }
    }
    let mut image = build.image();
    // Its entries contain the titles of steps.
    image["history"] = Value::Null;
    work.insert(Config, BTreeSet::from([image.to_string()]));
    work
}

/// The base of the plan's own steps.
fn base(plan: &Plan) -> String {
    let below = plan.below.as_ref().map(|below| format!("{below}"));
    format!("{} {} {}", plan.platform, plan.base.reference, below.unwrap_or_default())
}

fn spec_of(text: &Value) -> ImageSpec {
    document("spec.json", &text.to_string()).spec
}

fn build(text: &Value, world: &World) -> Build {
    let document = document("spec.json", &text.to_string());
    try_build(document, &Settings::default(), world).unwrap_or_else(|problems| panic!("{text}: {problems}"))
}

/// The kinds of steps whose digests differ.
fn moved_kinds(before: &Build, after: &Build) -> BTreeSet<StepKind> {
    let (before, after) = (work(before), work(after));
    StepKind::ALL.into_iter().filter(|kind| before.get(kind) != after.get(kind)).collect()
}

/// The name of the differing entry of `env`.
fn entry(old: &ImageSpec, new: &ImageSpec) -> Option<String> {
    let names: BTreeSet<&String> = old.env().keys().chain(new.env().keys()).collect();
    names.into_iter().find(|name| old.env().get(*name) != new.env().get(*name)).cloned()
}

fn field_named(name: &str) -> &'static FieldInfo {
    fields().find(|field| field.name() == name).unwrap_or_else(|| panic!("no field {name}"))
}

#[test]
fn a_field_moves_the_steps_in_the_table() {
    let mut shown: BTreeMap<&str, BTreeSet<StepKind>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for Case { scenario: name, field, value, is_other_lock, spare } in cases() {
        let Scenario { spec, world } = scenario(name);
        let edited = with(spec.clone(), field, value);
        assert_ne!(spec, edited, "{name}: {field} is not changed");
        let (old, new) = (spec_of(&spec), spec_of(&edited));
        let lock = is_other_lock.then(|| OTHER_LOCK.to_owned());
        let moved = moved_kinds(&build(&spec, &world), &build(&edited, &World { lock, ..world.clone() }));
        let claimed = field_named(field).moved(entry(&old, &new).as_deref(), &old, &new);
        let expect: BTreeSet<StepKind> = claimed.iter().copied().filter(|kind| !spare.contains(kind)).collect();
        if moved != expect || spare.iter().any(|kind| !claimed.contains(kind)) {
            wrong.push(format!("{name}: {field}: moved {moved:?}, the table says {claimed:?}, spare {spare:?}"));
        }
        // The explanation of a changed tag comes from the same table.
        let content = Content::default();
        let found = differences((&old, &content), (&new, &content));
        let explained: BTreeSet<StepKind> = found.iter().flat_map(|found| found.steps.clone()).collect();
        let is_explained = moved.is_subset(&explained) && explained.is_subset(&claimed);
        if !found.is_empty() && !is_explained {
            wrong.push(format!("{name}: {field}: {explained:?} by the differences, {claimed:?} by the table"));
        }
        shown.entry(field).or_default().extend(moved);
    }
    for field in fields() {
        let inside = ["builder_options", "builder_config"].contains(&field.name());
        match shown.get(field.name()) {
            None if inside => {}
            None => wrong.push(format!("{} has no case", field.name())),
            Some(shown) => {
                let never: Vec<StepKind> = field.moves().difference(shown).copied().collect();
                if !never.is_empty() {
                    wrong.push(format!("{} lists {never:?}, which no case shows", field.name()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
