//! The gateway of a real daemon keeps the contract of sources of answers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use buildkit_client::progress;
use buildkit_client::solve::SolveOptions;
use imagespec::Choice;
use imagespec_compile::{AnyQuestion, Document, Store};
use imagespec_driver::{Files, Solving, SpecText, parse};
use imagespec_frontend::{ClientFiles, Event, Events, ImagespecFrontend, Recorder, compile_only};
use tokio_util::sync::CancellationToken;

use crate::contract::{self, Case, Client, Gathered, Planned, Source};
use crate::definitions::{folder, read};
use crate::lab::{self, BUILDKITD, ENGINE_2010, certificates, connect};

/// The secret with the certificates, and the option that names it.
const CERTIFICATES: &str = "ca_bundle";
const CERTIFICATES_OPTION: &str = "build-arg:IMAGESPEC_CA_BUNDLE";

/// The variable with the folder where the real answers are to be saved, for the tests that replay them without a daemon.
const SAVE: &str = "IMAGESPEC_SAVE_ANSWERS";

/// Plans over the gateway of a build that exports nothing.
struct Gateway {
    /// Whether the client's files are read where they are, instead of through the daemon.
    has_files_at_hand: bool,
}

const THROUGH_DAEMON: Gateway = Gateway { has_files_at_hand: false };

contract::with_cases!(keeps_the_contract THROUGH_DAEMON);

/// What `imagespec plan --facts` makes of the facts of a real run.
#[test]
fn saved_facts_are_compiled_to_the_same_images() {
    for case in contract::with_cases!(all_cases) {
        let planned = THROUGH_DAEMON.gather(&case, Client::First, &Store::default());
        let saved = serde_json::to_string(&contract::without_session(&planned.store)).unwrap();
        let store = serde_json::from_str(&saved).unwrap();
        let replayed = compile_only(document(&case), planned.settings, store).unwrap();
        let images: Vec<_> = replayed.compiled.iter().map(contract::image).collect();
        assert_eq!(images, planned.result.images, "{}", case.name);
    }
}

/// A client that has its files at hand is told the same of them as one whose files come through the daemon.
#[test]
fn files_at_hand_are_read_like_files_that_are_sent() {
    for case in contract::with_cases!(all_cases) {
        let gather = |gateway: Gateway| gateway.gather(&case, Client::First, &Store::default());
        let (sent, at_hand) = (gather(THROUGH_DAEMON), gather(Gateway { has_files_at_hand: true }));
        let [sent_facts, facts_at_hand] = [&sent, &at_hand].map(|gathered| contract::without_session(&gathered.store));
        assert_eq!(facts_at_hand, sent_facts, "{}", case.name);
        assert_eq!(at_hand.result, sent.result, "{}", case.name);
    }
}

/// The answers that the tests without a daemon replay are those of today, as far as they are the same on every machine.
#[test]
fn saved_answers_about_files_are_those_of_today() {
    for case in contract::with_cases!(all_cases) {
        let text = read(&folder("answers").join(format!("{}.json", case.name)));
        let saved: Store = serde_json::from_str(&text).unwrap();
        let today = THROUGH_DAEMON.gather(&case, Client::First, &Store::default()).store;
        let of_client =
            |store: &Store| store.facts().filter(|fact| fact.question().is_about_client_files()).collect::<Vec<_>>();
        assert_eq!(of_client(&saved), of_client(&today), "{}", case.name);
    }
}

impl Source for Gateway {
    fn gather(&self, case: &Case, client: Client, known: &Store) -> Gathered {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(self.plan(case, client, known))
    }
}

impl Gateway {
    async fn plan(&self, case: &Case, client: Client, known: &Store) -> Gathered {
        let unread = (client == Client::Other).then_some((Case::UNREAD, "another client's\n"));
        let context = lab::folder(case.context.iter().copied().chain([(Case::SPEC, case.spec)]).chain(unread));
        let files = Files { context: context.path().to_owned(), spec: context.path().join(Case::SPEC) };
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let frontend = ImagespecFrontend {
            document: Some((document(case), Vec::new())),
            events: Events::new(sender),
            files: self.has_files_at_hand.then(|| Arc::new(files.clone()) as Arc<dyn ClientFiles>),
            known: known.clone(),
            ..ImagespecFrontend::default()
        };
        let recorder = Recorder::new(frontend).planning_only();
        let recorded = recorder.recorded();

        let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let options = BTreeMap::from([option("filename", Case::SPEC), option(CERTIFICATES_OPTION, CERTIFICATES)]);
        let connection = connect(if case.is_on_old_daemon { ENGINE_2010 } else { BUILDKITD }).await;
        let (progress, mut updates) = progress::channel();
        let solving = Solving {
            connection: &connection,
            session: files.session().with_secrets(certificates(&[CERTIFICATES])),
            solve: SolveOptions { frontend_attrs: options.clone(), internal: true, ..SolveOptions::new() },
            progress: &progress,
            cancel: &CancellationToken::new(),
        };
        let drive = |handle: imagespec_driver::Handle| async move {
            let session = handle.session_id.to_string();
            recorder.run(handle.bridge()?, options, session).await
        };
        tokio::spawn(async move { while updates.recv().await.is_some() {} });
        let driven = solving.run(drive, || async { Ok(()) }).await;
        let planned = match recorded.get() {
            Some(Ok(planned)) => planned,
            Some(Err(error)) => panic!("{}: {error}", case.name),
            None => panic!("{}: {:?}", case.name, driven.err()),
        };
        driven.unwrap();

        let mut rounds: Vec<BTreeSet<AnyQuestion>> = Vec::new();
        while let Some(event) = receiver.recv().await {
            match event {
                Event::Planned { .. } => rounds.push(BTreeSet::new()),
                Event::Asked(question) => assert!(rounds.last_mut().unwrap().insert(question)),
                Event::Answered(_) | Event::PartBuilt(_) => {}
            }
        }
        assert_eq!(rounds.pop(), Some(BTreeSet::new()), "the last pass of planning asks nothing");
        let mut plans: Vec<_> = planned.plans().into_iter().cloned().collect();
        plans.iter_mut().for_each(imagespec_compile::Plan::forget_session);
        if let Some(folder) = std::env::var_os(SAVE).filter(|_| known.is_empty() && client == Client::First) {
            let text = serde_json::to_string_pretty(&contract::without_session(&planned.store)).unwrap();
            std::fs::write(Path::new(&folder).join(format!("{}.json", case.name)), text + "\n").unwrap();
        }
        let images = planned.without_session().iter().map(contract::image).collect();
        Gathered {
            document: document(case),
            settings: planned.settings.clone(),
            store: planned.store.clone(),
            rounds,
            result: Planned { plans, images },
        }
    }
}

fn document(case: &Case) -> Document {
    let text = SpecText { name: Case::SPEC.to_owned(), text: case.spec.to_owned() };
    parse(&text, &Choice::default()).unwrap().0
}
