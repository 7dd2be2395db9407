//! The contract suite: checks that everything that answers the questions of planning has to pass.
//!
//! There are three answer sources: the simulated world of this crate's tests, saved answers, and the gateway of a real daemon. This
//! crate's tests check the first two. The tests of `imagespec-driver` include this folder, and check the gateway on the daemons of the
//! lab. The suite itself does no IO, and does not know how a source finds its answers.

pub(crate) mod cases;
mod checks;
pub(crate) mod shape;

use std::collections::BTreeSet;

use buildkit_llb::Digest;
use buildkit_proto::Message as _;
use imagespec_compile::{
    AnyQuestion, Ask, Compiled, Document, Fact, Outcome, Plan, Settings, Store, lower, plan, question,
};

pub(crate) use cases::Case;
pub(crate) use checks::check_source;

/// The maximum number of rounds that planning a case may take.
const MAX_ROUNDS: usize = 10;

/// The client that starts a build. Each client has a session of its own, and the second client has one more file, which no case reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    First,
    Second,
}

/// Answers the questions of planning.
pub(crate) trait AnswerSource {
    /// Plans a case until no question is open. Planning starts with the answers in `known`.
    fn plan_case(&self, case: &Case, client: Client, known: &Store) -> PlannedCase;
}

/// A case that was planned until no question was open.
#[derive(Clone, Debug)]
pub(crate) struct PlannedCase {
    pub(crate) document: Document,
    pub(crate) settings: Settings,
    /// All answers.
    pub(crate) store: Store,
    /// The questions of each round, except the question about the daemon, which is answered before the first round.
    pub(crate) rounds: Vec<BTreeSet<AnyQuestion>>,
    pub(crate) result: PlanningResult,
}

/// The plans of a case and the result of lowering them, without the session.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PlanningResult {
    /// One plan per platform.
    pub(crate) plans: Vec<Plan>,
    pub(crate) lowered: Vec<LoweredPlan>,
}

impl PlanningResult {
    /// `None` if the plans are not complete.
    pub(crate) fn from_outcome(outcome: &Outcome) -> Option<Self> {
        let plans = plans_without_session(outcome.plans()?);
        let lowered = plans.iter().map(|plan| LoweredPlan::new(&lower(plan, &outcome.sources))).collect();
        Some(Self { plans, lowered })
    }

    /// Lists the steps of each plan with their parents and the fields that they result from. The plan of a base comes before the plan
    /// that is built on it.
    pub(crate) fn steps(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for plan in &self.plans {
            let mut plans: Vec<&Plan> = std::iter::successors(Some(plan), |plan| plan.below.as_deref()).collect();
            plans.reverse();
            for (depth, plan) in plans.iter().enumerate() {
                let base = if depth == 0 { "the base image" } else { "the plan of its base" };
                lines.push(format!("{} on {base}", plan.platform));
                lines.extend(plan.steps.iter().map(|step| {
                    let fields = if step.fields.is_empty() { "no field".to_owned() } else { step.fields.join(", ") };
                    format!("  {} on {:?} for {fields}", step.id, step.parent)
                }));
            }
        }
        lines
    }
}

/// A lowered plan in a form that can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoweredPlan {
    /// The digest of the definition.
    definition: Digest,
    image_config: String,
}

impl LoweredPlan {
    pub(crate) fn new(compiled: &Compiled) -> Self {
        let bytes = compiled.graph.to_definition().encode_to_vec();
        Self { definition: Digest::from_content(&bytes), image_config: compiled.image_config.to_string() }
    }
}

pub(crate) fn plans_without_session(plans: Vec<&Plan>) -> Vec<Plan> {
    let mut plans: Vec<Plan> = plans.into_iter().cloned().collect();
    plans.iter_mut().for_each(Plan::forget_session);
    plans
}

/// Plans until no question is open, for a source that answers one question at a time. `daemon` is the fact about the daemon.
#[track_caller]
pub(crate) fn plan_until_certain(
    document: Document,
    settings: Settings,
    known: &Store,
    daemon: Fact,
    answer: impl Fn(&Ask) -> Fact,
) -> PlannedCase {
    let mut store = known.clone();
    store.insert(daemon);
    let mut rounds = Vec::new();
    loop {
        let outcome = plan(&document, &settings, &store);
        if outcome.is_certain() {
            let problems = imagespec::render_all(&outcome.problems, &outcome.sources);
            let result = PlanningResult::from_outcome(&outcome).unwrap_or_else(|| panic!("no plan: {problems}"));
            return PlannedCase { document, settings, store, rounds, result };
        }
        assert!(rounds.len() < MAX_ROUNDS, "planning does not end: {rounds:#?}");
        store.extend(outcome.asks().map(&answer));
        rounds.push(open_questions(&outcome));
    }
}

/// The questions that a pass of planning asks, including expected answers that have to be confirmed.
fn open_questions(outcome: &Outcome) -> BTreeSet<AnyQuestion> {
    outcome.asks().map(|ask| ask.question.clone()).collect()
}

/// A store without the session, which differs from build to build. `--save-facts` writes stores in this form.
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

/// Calls a macro of this module with some arguments and the names of all cases.
macro_rules! with_case_names {
    ($macro:ident $($arguments:tt)*) => {
        crate::contract::$macro! { $($arguments)*;
            apt_pip_and_sources base_with_commands requirements_files packages_that_clash own_lock project_lock
            python_from_apt two_platforms sources_on_an_old_daemon
        }
    };
}

/// Declares one test per case, which checks an answer source.
macro_rules! contract_tests {
    ($source:expr) => { crate::contract::with_case_names! { contract_tests $source } };
    ($source:expr; $($case:ident)*) => {
        $(#[test]
        fn $case() {
            crate::contract::check_source(&$source, &crate::contract::cases::$case());
        })*
    };
}

/// A list of all cases.
macro_rules! case_list {
    (; $($case:ident)*) => { vec![$(crate::contract::cases::$case()),*] };
}

pub(crate) use {case_list, contract_tests, with_case_names};
