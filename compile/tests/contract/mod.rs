//! The contract of sources of answers: laws that hold for whatever answers the questions of planning.
//!
//! There are three sources: the tests' own world, saved facts, and the gateway of a real daemon. The first two are held to the
//! contract by this crate's tests, the last one by the tests of `imagespec-driver` on the lab's daemons, which include this folder.
//! It does no IO: what a source does to find an answer is its own business.

pub(crate) mod cases;
mod laws;
pub(crate) mod shape;

use std::collections::BTreeSet;

use buildkit_llb::Digest;
use buildkit_proto::Message as _;
use imagespec_compile::{
    AnyQuestion, Ask, Compiled, Document, Fact, Outcome, Plan, Settings, Store, lower, plan, question,
};

pub(crate) use cases::Case;
pub(crate) use laws::hold;

/// No case has a longer chain of questions that depend on each other.
const MAX_ROUNDS: usize = 8;

/// Who has a build made. The two have sessions of their own, and differ in a file that no plan reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    First,
    Other,
}

/// What answers the questions of planning.
pub(crate) trait Source {
    /// Has a case planned that begins with some answers, until the plan is certain.
    fn gather(&self, case: &Case, client: Client, known: &Store) -> Gathered;
}

/// A case that was planned until nothing was left to ask.
#[derive(Clone, Debug)]
pub(crate) struct Gathered {
    pub(crate) document: Document,
    pub(crate) settings: Settings,
    /// All answers.
    pub(crate) store: Store,
    /// What was asked, round by round, but for the question about the daemon: no plan begins without its answer.
    pub(crate) rounds: Vec<BTreeSet<AnyQuestion>>,
    pub(crate) result: Planned,
}

/// What planning came to, without the session: one plan a platform, and what each becomes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Planned {
    pub(crate) plans: Vec<Plan>,
    /// The digest of each definition, and each image config.
    pub(crate) images: Vec<(String, String)>,
}

impl Planned {
    /// `None` for an outcome without complete plans.
    pub(crate) fn from_outcome(outcome: &Outcome) -> Option<Self> {
        let mut plans: Vec<Plan> = outcome.plans()?.into_iter().cloned().collect();
        plans.iter_mut().for_each(Plan::forget_session);
        let images = plans.iter().map(|plan| image(&lower(plan, &outcome.sources))).collect();
        Some(Self { plans, images })
    }

    /// The steps of each plan with what they stand on and the fields that asked for them, images below first.
    pub(crate) fn steps(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for plan in &self.plans {
            let mut images: Vec<&Plan> = std::iter::successors(Some(plan), |plan| plan.below.as_deref()).collect();
            images.reverse();
            for (depth, image) in images.iter().enumerate() {
                lines.push(format!("{} on {}", image.platform, if depth == 0 { "the base" } else { "that image" }));
                lines.extend(image.steps.iter().map(|step| {
                    let fields = if step.fields.is_empty() { "nothing".to_owned() } else { step.fields.join(", ") };
                    format!("  {} on {:?} for {fields}", step.id, step.parent)
                }));
            }
        }
        lines
    }
}

/// What a plan becomes, as far as it can be compared.
pub(crate) fn image(compiled: &Compiled) -> (String, String) {
    let bytes = compiled.graph.to_definition().encode_to_vec();
    (Digest::from_content(&bytes).to_string(), compiled.image_config.to_string())
}

/// Plans until nothing is left to ask, for a source that answers one question after the other.
#[track_caller]
pub(crate) fn gather(
    document: Document,
    settings: Settings,
    known: &Store,
    daemon: Fact,
    answer: impl Fn(&Ask) -> Fact,
) -> Gathered {
    let mut store = known.clone();
    store.insert(daemon);
    let mut rounds = Vec::new();
    loop {
        let outcome = plan(&document, &settings, &store);
        if outcome.is_certain() {
            let problems = imagespec::render_all(&outcome.problems, &outcome.sources);
            let result = Planned::from_outcome(&outcome).unwrap_or_else(|| panic!("no plan: {problems}"));
            return Gathered { document, settings, store, rounds, result };
        }
        assert!(rounds.len() < MAX_ROUNDS, "planning does not end: {rounds:#?}");
        let facts: Vec<Fact> = outcome.asks().map(&answer).collect();
        rounds.push(outcome.asks().map(|ask| ask.question.clone()).collect());
        store.extend(facts);
    }
}

/// A store without the session, which differs from build to build; as `--save-facts` writes it.
pub(crate) fn without_session(store: &Store) -> Store {
    with_session(store, None)
}

fn with_session(store: &Store, session: Option<&str>) -> Store {
    let mut store = store.clone();
    let mut daemon = store.daemon().cloned().expect("nothing is planned without a daemon");
    daemon.session = session.map(str::to_owned);
    store.set(question::Daemon, daemon);
    store
}

/// Calls a macro with the names of all cases, behind what it is given itself.
macro_rules! with_cases {
    ($then:ident $($given:tt)*) => {
        crate::contract::$then! { $($given)*;
            apt_pip_and_sources base_with_commands requirements_files packages_that_clash own_lock project_lock
            python_from_apt two_platforms sources_on_an_old_daemon
        }
    };
}

/// Declares a test for each case, which holds a source to the contract.
macro_rules! keeps_the_contract {
    ($source:expr; $($case:ident)*) => {
        $(#[test]
        fn $case() {
            crate::contract::hold(&$source, &crate::contract::cases::$case());
        })*
    };
}

/// All cases, as an array.
macro_rules! all_cases {
    (; $($case:ident)*) => { [$(crate::contract::cases::$case()),*] };
}

pub(crate) use {all_cases, keeps_the_contract, with_cases};
