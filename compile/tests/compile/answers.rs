//! The contract suite for the answer sources that need no daemon: the simulated world of these tests, and saved answers.
//!
//! The tests of `imagespec-driver` run the same suite for the gateway of a real daemon.

use std::collections::BTreeSet;

use imagespec_compile::{Ask, CaBundle, DaemonFact, InstalledPackage, Settings, Store, question};
use serde_json::json;

use crate::contract::cases::{self, IDNA_LOCK};
use crate::contract::{AnswerSource, Case, Client, PlannedCase, plan_until_certain};
use crate::definitions::{load_store, names};
use crate::world::{World, document, interpreter, rootfs};

/// The values of PATH in the base images of the cases.
const PYTHON_PATH: &str = "/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const DEBIAN_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

mod simulated {
    crate::contract::contract_tests!(super::Simulated);
}

mod saved {
    crate::contract::contract_tests!(super::Saved);
}

/// Answers from the simulated world of these tests.
struct Simulated;

impl AnswerSource for Simulated {
    fn plan_case(&self, case: &Case, client: Client, known: &Store) -> PlannedCase {
        let (world, document) = (world(case, client), document(Case::SPEC_FILE, case.spec));
        let answer = |ask: &Ask| world.answer(ask, &document);
        let daemon = Ask { question: question::Daemon.into(), recipe: None, is_expected: false, place: None };
        plan_until_certain(document.clone(), Settings::default(), known, answer(&daemon), answer)
    }
}

/// The answers of a real daemon that are saved in `testdata/compile/answers`.
struct Saved;

impl AnswerSource for Saved {
    fn plan_case(&self, case: &Case, client: Client, known: &Store) -> PlannedCase {
        let saved = load_store("answers", case.name);
        let daemon = saved.daemon().expect("the answers describe the daemon").clone();
        let daemon = DaemonFact { session: Some(session(client)), ..daemon };
        let answer = |ask: &Ask| {
            let fact = saved.fact(&ask.question);
            fact.unwrap_or_else(|| panic!("the saved answers of {} do not answer {:#?}", case.name, ask.question))
        };
        // The setting of the build that saved the answers.
        let ca_bundle = Some(CaBundle { secret_id: CaBundle::DEFAULT_ID.to_owned() });
        let settings = Settings { ca_bundle, ..Settings::default() };
        let document = document(Case::SPEC_FILE, case.spec);
        plan_until_certain(document, settings, known, (question::Daemon, daemon).into(), answer)
    }
}

fn session(client: Client) -> String {
    match client {
        Client::First => "first-session".to_owned(),
        Client::Second => "second-session".to_owned(),
    }
}

/// The simulated world in which a case is planned.
fn world(case: &Case, client: Client) -> World {
    let (python, debian) = (World::python(), World::debian());
    let mut world = match case.spec.contains("python:3.11-slim") {
        true => World { config: config(PYTHON_PATH), ..python },
        false => World { config: config(DEBIAN_PATH), ..debian },
    };
    if case.uses_old_daemon {
        world = world.chained().without(&["file.copy.includeexcludepatterns"]);
    }
    world.session = Some(session(client));
    world.context = case.context_files(client).map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    // The patterns of the ignore file that the cases share.
    if world.context.contains_key(".dockerignore") {
        world.ignore = ["app/generated", "*.log"].map(str::to_owned).to_vec();
    }
    let is_sent = |path: &&String| path.ends_with(".py") && !path.starts_with("app/generated/");
    world.sources = world.context.keys().filter(is_sent).cloned().collect();
    match case.name {
        // The steps of the base create an environment.
        "base_with_commands" => {
            let programs = ["python", "python3"].map(|name| format!("/opt/venv/bin/{name}"));
            world.base.programs.extend(rootfs(&programs.map(|path| (path, None))).programs);
            // A base with commands also gets pip, which the world does not add to the lock by itself.
            let pip = IDNA_LOCK.replace("\"idna\"", "\"pip\"").replace("idna-3.10", "pip-25.0");
            let (_, package) = pip.split_once("\n\n").expect("the lock has a package");
            world.lock = Some(format!("{IDNA_LOCK}\n{package}"));
            let (name, version) = ("idna".to_owned(), "3.10".to_owned());
            world.installed = vec![InstalledPackage { name, version, is_own: true }];
        }
        "packages_that_clash" => {
            let files = ["__init__.py", "exceptions.py", "utils.py"];
            let line = |file: &str| format!("lib/python3.11/site-packages/jwt/{file}\tPyJWT\tjwt\n");
            world.collisions = files.map(line).concat();
        }
        "python_from_apt" => {
            world.apt = rootfs(&[("/usr/bin/python3", Some("python3.11"))]);
            world.apt.interpreters.insert("/usr/bin/python3".to_owned(), Some(interpreter("3.11.2")));
        }
        "project_lock" => world.lock = Some(IDNA_LOCK.to_owned()),
        _ => {}
    }
    world
}

fn config(path: &str) -> serde_json::Value {
    json!({"config": {"Env": [format!("PATH={path}"), "LANG=C.UTF-8"]}, "rootfs": {"type": "layers", "diff_ids": []}})
}

#[test]
fn each_case_has_saved_answers() {
    let cases: BTreeSet<String> = cases::all().iter().map(|case| case.name.to_owned()).collect();
    assert_eq!(names("answers"), cases, "there is one file per case");
}

/// All builds on a daemon share permanent answers, so they must not depend on the spec.
#[test]
fn permanent_answers_are_the_same_in_all_saved_answers() {
    let mut permanent = Store::default();
    let mut shared = 0;
    for name in names("answers") {
        for fact in load_store("answers", &name).facts().filter(|fact| fact.question().is_permanent()) {
            if let Some(known) = permanent.fact(&fact.question()) {
                assert_eq!(known, fact, "{name}");
                shared += 1;
            }
            permanent.insert(fact);
        }
    }
    assert!(shared > 0, "no two cases share a permanent answer");
}
