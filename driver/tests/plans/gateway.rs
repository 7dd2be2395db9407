//! The contract suite for the gateway of a real daemon as the answer source.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use buildkit_client::progress;
use buildkit_client::solve::SolveOptions;
use imagespec::Choice;
use imagespec_compile::{Action, AnyQuestion, CaBundle, Document, Fact, LocalFilter, Plan, Store};
use imagespec_driver::{Files, Solving, SpecText, parse};
use imagespec_frontend::{ClientFiles, Event, Events, ImagespecFrontend, Recorder, compile_only};
use tokio_util::sync::CancellationToken;

use crate::contract::{
    self, AnswerSource, Case, Client, LoweredPlan, PlannedCase, PlanningResult, cases, without_session,
};
use crate::definitions::load_store;
use crate::lab::{self, BUILDKITD, ENGINE_2010, ca_bundles, connect};

/// The build option with the id of the secret that contains the CA bundle.
const CA_BUNDLE_OPTION: &str = "build-arg:IMAGESPEC_CA_BUNDLE";

/// The variable with the folder to save answers in, for the tests that replay them without a daemon.
const SAVE_FOLDER: &str = "IMAGESPEC_SAVE_ANSWERS";

/// Plans over the gateway, in a build that exports nothing.
struct Gateway {
    /// Whether the frontend reads the client's files directly. Otherwise it requests them through the daemon.
    reads_files_directly: bool,
}

const FILES_THROUGH_DAEMON: Gateway = Gateway { reads_files_directly: false };
const FILES_DIRECTLY: Gateway = Gateway { reads_files_directly: true };

contract::contract_tests!(FILES_THROUGH_DAEMON);

/// Replays the facts of a real build, as `imagespec plan --facts` does.
#[test]
fn saved_facts_are_compiled_to_the_same_images() {
    for case in cases::all() {
        let planned = FILES_THROUGH_DAEMON.plan_case(&case, Client::First, &Store::default());
        let saved = serde_json::to_string(&without_session(&planned.store)).unwrap();
        let store = serde_json::from_str(&saved).unwrap();
        let replayed = compile_only(document(&case), planned.settings, store).unwrap();
        let lowered: Vec<LoweredPlan> = replayed.compiled.iter().map(LoweredPlan::new).collect();
        assert_eq!(lowered, planned.result.lowered, "{}", case.name);
    }
}

#[test]
fn answers_are_the_same_if_files_are_read_directly() {
    for case in cases::all() {
        let plan_case = |gateway: Gateway| gateway.plan_case(&case, Client::First, &Store::default());
        let (directly, through_daemon) = (plan_case(FILES_DIRECTLY), plan_case(FILES_THROUGH_DAEMON));
        // A client that lists its files is asked which ones git ignores, instead of being asked for the rules.
        let is_common = |fact: &Fact| {
            let question = fact.question();
            !matches!(question, AnyQuestion::Daemon(_) | AnyQuestion::Selection(_) | AnyQuestion::ContextListing(_))
                && !matches!(question, AnyQuestion::ContextFile(file) if file.path.ends_with(".gitignore"))
        };
        let common = |store: &Store| store.facts().filter(is_common).collect::<Vec<_>>();
        assert_eq!(common(&directly.store), common(&through_daemon.store), "{}", case.name);
        assert_eq!(without_filters(&directly.result), without_filters(&through_daemon.result), "{}", case.name);
    }
}

/// Plans without the filters of copied files, which select the same files in other words.
fn without_filters(result: &PlanningResult) -> Vec<Plan> {
    let mut plans = result.plans.clone();
    for step in plans.iter_mut().flat_map(|plan| &mut plan.steps) {
        if let Action::Copy { local, .. } = &mut step.action {
            *local = LocalFilter::default();
        }
    }
    plans
}

/// Compares only the answers about the client's files, which are the same on every machine.
#[test]
fn saved_answers_about_client_files_are_up_to_date() {
    for case in cases::all() {
        let saved = load_store("answers", case.name);
        let current = FILES_THROUGH_DAEMON.plan_case(&case, Client::First, &Store::default()).store;
        let about_client_files =
            |store: &Store| store.facts().filter(|fact| fact.question().is_about_client_files()).collect::<Vec<_>>();
        assert_eq!(about_client_files(&saved), about_client_files(&current), "{}", case.name);
    }
}

impl AnswerSource for Gateway {
    fn plan_case(&self, case: &Case, client: Client, known: &Store) -> PlannedCase {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(self.plan(case, client, known))
    }
}

impl Gateway {
    async fn plan(&self, case: &Case, client: Client, known: &Store) -> PlannedCase {
        let context = lab::folder(case.context_files(client).chain([(Case::SPEC_FILE, case.spec)]));
        let files = Files { context: context.path().to_owned(), spec: context.path().join(Case::SPEC_FILE) };
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let frontend = ImagespecFrontend {
            document: Some((document(case), Vec::new())),
            events: Events::new(sender),
            files: self.reads_files_directly.then(|| Arc::new(files.clone()) as Arc<dyn ClientFiles>),
            known: known.clone(),
            ..ImagespecFrontend::default()
        };
        let recorder = Recorder::new(frontend).planning_only();
        let recorded = recorder.recorded();

        let option = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let options =
            BTreeMap::from([option("filename", Case::SPEC_FILE), option(CA_BUNDLE_OPTION, CaBundle::DEFAULT_ID)]);
        let connection = connect(if case.uses_old_daemon { ENGINE_2010 } else { BUILDKITD }).await;
        let (progress, mut updates) = progress::channel();
        let solving = Solving {
            connection: &connection,
            session: files.session().with_secrets(ca_bundles(&[CaBundle::DEFAULT_ID])),
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
                Event::Planned(_) => rounds.push(BTreeSet::new()),
                Event::Asked(question) => assert!(rounds.last_mut().unwrap().insert(question)),
                Event::Answered(_) | Event::PartBuilt(_) => {}
            }
        }
        assert_eq!(rounds.pop(), Some(BTreeSet::new()), "the last pass of planning asks nothing");
        if let Some(folder) = std::env::var_os(SAVE_FOLDER).filter(|_| known.is_empty() && client == Client::First) {
            let text = serde_json::to_string_pretty(&without_session(&planned.store)).unwrap();
            std::fs::write(Path::new(&folder).join(format!("{}.json", case.name)), text + "\n").unwrap();
        }
        let plans = contract::plans_without_session(planned.plans());
        let lowered = planned.without_session().iter().map(LoweredPlan::new).collect();
        PlannedCase {
            document: document(case),
            settings: planned.settings.clone(),
            store: planned.store.clone(),
            rounds,
            result: PlanningResult { plans, lowered },
        }
    }
}

fn document(case: &Case) -> Document {
    let text = SpecText { name: Case::SPEC_FILE.to_owned(), text: case.spec.to_owned() };
    parse(&text, &Choice::default()).unwrap().0
}
