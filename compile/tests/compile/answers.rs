//! The contract of sources of answers, held by the sources that need no daemon: the world of these tests, and saved facts.
//!
//! `imagespec-driver`'s tests hold the gateway of a real daemon to the same contract.

use std::collections::BTreeSet;

use imagespec_compile::{Ask, CaBundle, DaemonFact, Settings, Store, question};
use serde_json::json;

use crate::contract::cases::LOCK_OF_IDNA;
use crate::contract::{self, Case, Client, Gathered, Source};
use crate::definitions::{folder, names, read};
use crate::world::{World, document, interpreter, rootfs};

/// What the images of the cases have in PATH.
const PYTHON_PATH: &str = "/usr/local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const DEBIAN_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

mod made_up {
    crate::contract::with_cases!(keeps_the_contract super::MadeUp);
}

mod saved {
    crate::contract::with_cases!(keeps_the_contract super::Saved);
}

/// The world of these tests.
struct MadeUp;

impl Source for MadeUp {
    fn gather(&self, case: &Case, client: Client, known: &Store) -> Gathered {
        let (world, document) = (world(case, client), document(Case::SPEC, case.spec));
        let answer = |ask: &Ask| world.answer(ask, &document);
        let daemon = Ask { question: question::Daemon.into(), recipe: None, is_expected: false, place: None };
        contract::gather(document.clone(), Settings::default(), known, answer(&daemon), answer)
    }
}

/// What a real daemon answered once, in `testdata/compile/answers`.
struct Saved;

impl Source for Saved {
    fn gather(&self, case: &Case, client: Client, known: &Store) -> Gathered {
        let text = read(&folder("answers").join(format!("{}.json", case.name)));
        let saved: Store = serde_json::from_str(&text).expect("facts");
        let daemon = DaemonFact { session: Some(session(client)), ..saved.daemon().expect("saved").clone() };
        let answer = |ask: &Ask| {
            let fact = saved.fact(&ask.question);
            fact.unwrap_or_else(|| panic!("{} has no answer to {:#?}", case.name, ask.question))
        };
        // As in the run that they were saved of.
        let ca_bundle = Some(CaBundle { secret_id: "ca_bundle".to_owned() });
        let settings = Settings { ca_bundle, ..Settings::default() };
        contract::gather(document(Case::SPEC, case.spec), settings, known, (question::Daemon, daemon).into(), answer)
    }
}

fn session(client: Client) -> String {
    match client {
        Client::First => "first-session".to_owned(),
        Client::Other => "other-session".to_owned(),
    }
}

/// The world that a case is planned in.
fn world(case: &Case, client: Client) -> World {
    let (python, debian) = (World::python(), World::debian());
    let mut world = match case.spec.contains("python:3.11-slim") {
        true => World { config: config(PYTHON_PATH), ..python },
        false => World { config: config(DEBIAN_PATH), ..debian },
    };
    if case.is_on_old_daemon {
        world = world.chained().without(&["file.copy.includeexcludepatterns"]);
    }
    world.session = Some(session(client));
    let files = case.context.iter().chain((client == Client::Other).then_some(&(Case::UNREAD, "another client's\n")));
    world.context = files.map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    // What the ignore file of the cases says.
    if world.context.contains_key(".dockerignore") {
        world.ignore = ["app/generated", "*.log"].map(str::to_owned).to_vec();
    }
    let is_sent = |path: &&String| path.ends_with(".py") && !path.starts_with("app/generated/");
    world.sources = world.context.keys().filter(is_sent).cloned().collect();
    match case.name {
        // The image below has an environment once its steps have run.
        "base_with_commands" => {
            let programs = ["python", "python3"].map(|name| format!("/opt/venv/bin/{name}"));
            world.base.programs.extend(rootfs(&programs.map(|path| (path, None))).programs);
            // What has commands gets pip, which the world does not resolve.
            let pip = LOCK_OF_IDNA.replace("\"idna\"", "\"pip\"").replace("idna-3.10", "pip-25.0");
            let (_, package) = pip.split_once("\n\n").expect("it has a package");
            world.lock = Some(format!("{LOCK_OF_IDNA}\n{package}"));
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
        "project_lock" => world.lock = Some(LOCK_OF_IDNA.to_owned()),
        _ => {}
    }
    world
}

fn config(path: &str) -> serde_json::Value {
    json!({"config": {"Env": [format!("PATH={path}"), "LANG=C.UTF-8"]}, "rootfs": {"type": "layers", "diff_ids": []}})
}

#[test]
fn all_saved_answers_are_used() {
    let used: BTreeSet<String> = contract::with_cases!(all_cases).map(|case| case.name.to_owned()).into();
    assert_eq!(names("answers"), used);
}

/// What lasts is shared by all builds on a daemon, whatever their specs are.
#[test]
fn lasting_answers_are_the_same_in_all_saved_facts() {
    let mut lasting = Store::default();
    let mut shared = 0;
    for name in names("answers") {
        let store: Store = serde_json::from_str(&read(&folder("answers").join(format!("{name}.json")))).expect("facts");
        for fact in store.facts().filter(|fact| fact.question().is_permanent()) {
            if let Some(known) = lasting.fact(&fact.question()) {
                assert_eq!(known, fact, "{name}");
                shared += 1;
            }
            lasting.insert(fact);
        }
    }
    assert!(shared > 0, "no two cases have a question in common");
}
