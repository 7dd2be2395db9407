//! The driver: plans, gets answers to questions, and plans again until no question is left.
//!
//! Each round is one planning pass. The answers of an earlier build of the spec are expected again: the plan uses them immediately, all
//! questions are asked at the same time, and meanwhile the image is looked up in the daemon's cache. An answer that differs from the
//! expected one starts a new round. The planner decides what is asked; this module does not know how questions are answered.

use std::collections::BTreeMap;

use buildkit_gateway::{Reference, Status};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, OptionFuture, try_join_all};
use imagespec::{Diagnostic, Problems};
use imagespec_compile::{
    AnyQuestion, Ask, Compiled, DaemonFact, Document, Fact, LockUse, Outcome, Settings, Store, context_listing,
    image_fetch, lower_for, lower_steps, plan, rules,
};
use tokio::time::{Instant, sleep_until, timeout};

use crate::answering::Answerer;
use crate::client_files::{self, ClientFiles};
use crate::error::DriveError;
use crate::event::{Event, Events, PlanningPass};
use crate::in_flight::InFlight;
use crate::parts::Parts;
use crate::report;

/// The maximum number of planning passes. An image, its interpreter, a requirements file and its includes need a few; more mean that
/// planner and driver disagree.
const MAX_ROUNDS: usize = 64;

/// The goal of driving a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Build an image.
    Build,
    /// Plan only. Nothing is built except what answers questions.
    Plan,
    /// Confirm that all answers are the same as in the last build. Nothing is built, and questions that require the daemon to build
    /// something are not waited for.
    Confirm,
}

/// Drives one build.
pub(crate) struct Driver<'a> {
    pub(crate) answerer: Answerer<'a>,
    pub(crate) parts: &'a Parts,
    pub(crate) client: Option<&'a dyn ClientFiles>,
    pub(crate) events: &'a Events,
    pub(crate) document: &'a Document,
    pub(crate) settings: &'a Settings,
    pub(crate) goal: Goal,
    pub(crate) daemon: DaemonFact,
    /// The known answers.
    pub(crate) known: Store,
    /// The answers of the last build.
    pub(crate) expected: Store,
}

/// The result of driving a build.
#[derive(Debug)]
pub(crate) struct DriveOutcome {
    pub(crate) outcome: Outcome,
    pub(crate) store: Store,
    /// The lowered plans; empty if only locks were requested.
    pub(crate) compiled: Vec<Compiled>,
    /// The images, if they were built while answers were confirmed.
    pub(crate) built: Option<Vec<Option<Reference>>>,
}

/// The images of a plan with expected answers: `None` if they are not in the daemon's cache.
type Ahead<'a> = BoxFuture<'a, Result<Option<Vec<Option<Reference>>>, Status>>;

/// The state of an outcome's questions about the client's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Files {
    /// There are none.
    None,
    /// They were read directly, and are answered now.
    Read,
    /// They have to be asked through the daemon.
    Elsewhere,
}

/// The state of the plan after new answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PlanState {
    /// All answers are as expected.
    AsExpected,
    /// An answer differs from the expected one.
    Changed,
}

/// The result of a round.
enum Round {
    /// All answers are as expected, so the plan is certain. Contains the images, if the daemon had most of them in its cache.
    Confirmed(Option<Vec<Option<Reference>>>),
    /// New answers are available for planning.
    Answered,
    /// An answer differs, or takes too long.
    Changed,
}

impl<'a> Driver<'a> {
    /// Drives the build. `None` if the goal is to confirm and something has changed.
    ///
    /// When it is over, lookups in the daemon are not stopped: a build must not end while the daemon computes cache keys for it
    /// ([`ImagespecFrontend::build_to`](crate::ImagespecFrontend)). What takes longer than a lookup is a running step, and stopping it is
    /// safe.
    ///
    /// # Errors
    /// The spec is invalid, a question could not be answered, or a step failed.
    pub(crate) async fn drive(self) -> Result<Option<DriveOutcome>, DriveError> {
        let (parts, mut in_flight) = (self.parts, InFlight::default());
        let outcome = Box::pin(self.rounds(&mut in_flight)).await;
        let settled = async {
            in_flight.settle().await;
            parts.settle().await;
        };
        let _ = timeout(parts.lookup(), settled).await;
        outcome
    }

    async fn rounds(mut self, in_flight: &mut InFlight<'a>) -> Result<Option<DriveOutcome>, DriveError> {
        self.known.set(imagespec_compile::question::Daemon, self.daemon.clone());
        for _ in 0..MAX_ROUNDS {
            let outcome = plan(self.document, self.settings, self.known.over(&self.expected));
            self.events.send(Event::Planned(PlanningPass {
                steps: outcome.steps(),
                missing: outcome.missing().count(),
                expected: outcome.asks().filter(|ask| ask.is_expected).count(),
            }));
            if self.settings.lock != LockUse::Read && outcome.lock_files().is_some() {
                return Ok(Some(DriveOutcome { outcome, store: self.known, compiled: Vec::new(), built: None }));
            }
            if outcome.is_certain() {
                return self.finish(outcome, Vec::new(), None).await.map(Some);
            }
            in_flight.keep(|question| outcome.asks().any(|ask| ask.question == *question));
            let files = self.read_files(&outcome)?;
            let is_missing = |ask: &Ask| files == Files::Elsewhere || !client_files::is_about_files(&ask.question);
            let is_anything_missing = outcome.missing().any(is_missing);
            if self.goal == Goal::Confirm && is_anything_missing {
                return Ok(None);
            }
            self.start_sending(&outcome);
            self.ask(&outcome, files, in_flight);
            if files == Files::Read && !is_anything_missing {
                // Planning can continue without waiting.
                continue;
            }
            let compiled = self.lower_ahead(&outcome);
            let ahead = self.build_ahead(&outcome, &compiled);
            match self.round(&outcome, in_flight, ahead).await? {
                Round::Confirmed(built) => return self.finish(outcome, compiled, built).await.map(Some),
                Round::Changed if self.goal == Goal::Confirm => return Ok(None),
                Round::Answered | Round::Changed => {}
            }
        }
        Err(Status::failed("internal error: planning asks questions without end").into())
    }

    /// Reads the client's files directly.
    fn read_files(&mut self, outcome: &Outcome) -> Result<Files, DriveError> {
        let files: Vec<AnyQuestion> = file_questions(outcome).cloned().collect();
        let Some(client) = self.client else { return Ok(Files::Elsewhere) };
        if files.is_empty() {
            return Ok(Files::None);
        }
        let found = client_files::read_at_hand(self.answerer.options, client, &files);
        match found.map_err(|status| self.failure(status, outcome))? {
            Some(facts) => {
                self.known.extend(facts);
                Ok(Files::Read)
            }
            None => Ok(Files::Elsewhere),
        }
    }

    /// Asks the questions that are not in flight yet.
    fn ask(&self, outcome: &Outcome, files: Files, in_flight: &mut InFlight<'a>) {
        for ask in outcome.asks().filter(|ask| !client_files::is_about_files(&ask.question)) {
            if in_flight.is_asked(&ask.question) {
                continue;
            }
            self.events.send(Event::Asked(ask.question.clone()));
            let prepared = self.answerer.prepare(ask, &outcome.sources);
            let answer = self.answerer.answer(prepared, self.daemon.session.clone());
            in_flight.push(vec![ask.question.clone()], async move { answer.await.map(|fact| vec![fact]) });
        }
        let is_new = |question: &&AnyQuestion| files == Files::Elsewhere && !in_flight.is_asked(question);
        let fetched: Vec<AnyQuestion> = file_questions(outcome).filter(is_new).cloned().collect();
        if !fetched.is_empty() {
            fetched.iter().for_each(|question| self.events.send(Event::Asked(question.clone())));
            let (bridge, options, client) = (self.answerer.bridge, self.answerer.options, self.client);
            let questions = fetched.clone();
            in_flight.push(fetched, async move { client_files::fetch(bridge, options, client, &questions).await });
        }
    }

    /// Waits until all questions are answered, or an answer differs from the expected one.
    async fn round(
        &mut self,
        outcome: &Outcome,
        in_flight: &mut InFlight<'a>,
        ahead: Option<Ahead<'a>>,
    ) -> Result<Round, DriveError> {
        let mut ahead: OptionFuture<Ahead<'a>> = ahead.into();
        let mut found_ahead = None;
        let mut failures: BTreeMap<AnyQuestion, Status> = BTreeMap::new();
        let mut deadline: Option<Instant> = None;
        let mut has_begun_early = false;
        loop {
            if self.is_confirmed(outcome) {
                // All answers that the failed questions depend on are confirmed.
                if let Some((question, status)) = failures.pop_first() {
                    leave(in_flight, ahead, found_ahead.is_some());
                    return Err(self.unanswered(&question, status, outcome));
                }
                if !std::mem::replace(&mut has_begun_early, true) {
                    self.start_early(outcome);
                }
            }
            if self.goal == Goal::Confirm && deadline.is_none() && self.knows_images(outcome) {
                deadline = Some(Instant::now() + self.parts.lookup());
            }
            if in_flight.is_empty() {
                break;
            }
            let overdue: OptionFuture<_> = deadline.map(sleep_until).into();
            tokio::select! {
                answer = in_flight.next() => match answer {
                    None => break,
                    Some((_, Ok(facts))) => {
                        if self.add_answers(facts) == PlanState::Changed {
                            return Ok(Round::Changed);
                        }
                    }
                    Some((_, Err(_))) if self.goal == Goal::Confirm => return Ok(Round::Changed),
                    // The question may depend on an outdated answer: the failure is only certain after that is confirmed.
                    Some((questions, Err(status))) => {
                        failures.extend(questions.into_iter().map(|question| (question, status.clone())));
                    }
                },
                found = &mut ahead, if found_ahead.is_none() => found_ahead = Some(found),
                Some(()) = overdue => return Ok(Round::Changed),
            }
        }
        if let Some((question, status)) = failures.pop_first() {
            leave(in_flight, ahead, found_ahead.is_some());
            return Err(self.unanswered(&question, status, outcome));
        }
        if outcome.missing().next().is_some() {
            return Ok(Round::Answered);
        }
        let found = match found_ahead {
            Some(found) => found,
            None => ahead.await,
        };
        let images = found.transpose().map_err(|status| self.failure(status, outcome))?;
        Ok(Round::Confirmed(images.flatten()))
    }

    /// Adds answers to the known ones.
    fn add_answers(&mut self, facts: Vec<Fact>) -> PlanState {
        let mut state = PlanState::AsExpected;
        for fact in facts {
            let question = fact.question();
            if self.expected.fact(&question).is_some_and(|expected| expected != fact) {
                state = PlanState::Changed;
            }
            self.events.send(Event::Answered(question));
            self.known.insert(fact);
        }
        state
    }

    /// Whether all answers that the outcome depends on are confirmed.
    fn is_confirmed(&self, outcome: &Outcome) -> bool {
        outcome.asks().all(|ask| !ask.is_expected || self.known.fact(&ask.question).is_some())
    }

    fn knows_images(&self, outcome: &Outcome) -> bool {
        let mut images = outcome.asks().filter(|ask| matches!(ask.question, AnyQuestion::Image(_)));
        images.all(|ask| self.known.fact(&ask.question).is_some())
    }

    /// Makes the client send the files that steps will copy, which only depend on the client.
    fn start_sending(&self, outcome: &Outcome) {
        for local in outcome.sent.iter().filter(|_| self.goal == Goal::Build) {
            if self.parts.is_new(&format!("{local:?}")) {
                self.parts.start_fetching(context_listing(local, self.daemon.session.as_deref()));
            }
        }
    }

    /// Builds steps that no missing answer can change. They only cost time if they are not in the cache.
    fn start_early(&self, outcome: &Outcome) {
        if self.goal != Goal::Build || outcome.plans().is_some() {
            return;
        }
        // With an imported cache, steps may have results without their tools ever being pulled.
        for (reference, platform) in outcome.tool_images().filter(|_| !self.parts.imports_caches()) {
            if self.parts.is_new(&format!("{reference} {platform}")) {
                self.parts.start_fetching(image_fetch(reference, platform));
            }
        }
        for (plan, steps) in outcome.early_steps() {
            let new: Vec<&str> =
                steps.iter().filter(|step| self.parts.is_new(&step.digest)).map(|step| step.id).collect();
            if !new.is_empty() {
                self.parts.start_steps(lower_steps(plan, &outcome.sources, &new));
            }
        }
    }

    /// The lowered plans with expected answers; empty if they should not be built yet.
    fn lower_ahead(&self, outcome: &Outcome) -> Vec<Compiled> {
        let plans = outcome.plans().filter(|_| self.goal != Goal::Plan);
        plans.and_then(|plans| lower_for(&plans, &outcome.sources, &self.daemon).ok()).unwrap_or_default()
    }

    /// Builds images with expected answers, if most of their steps seem to be in the daemon's cache. Other steps could be built in vain, and
    /// in an order that is not the fastest.
    fn build_ahead(&self, outcome: &Outcome, compiled: &[Compiled]) -> Option<Ahead<'a>> {
        if self.goal != Goal::Build || compiled.is_empty() {
            return None;
        }
        let plans = outcome.plans()?;
        let first = plans.iter().zip(compiled).filter_map(|(plan, compiled)| {
            let group = *plan.groups_by_size().first()?;
            compiled.step(group)
        });
        let (first, graphs) = (first.collect(), compiled.iter().map(|compiled| compiled.graph.clone()));
        let (parts, graphs) = (self.parts, graphs.collect::<Vec<_>>());
        let build = async move {
            match timeout(parts.lookup(), parts.build_all(first, usize::MAX)).await {
                Ok(Ok(())) => try_join_all(graphs.iter().map(|graph| parts.build_whole(graph))).await.map(Some),
                _ => Ok(None),
            }
        };
        Some(build.boxed())
    }

    /// Finishes with a certain outcome.
    async fn finish(
        self,
        outcome: Outcome,
        compiled: Vec<Compiled>,
        built: Option<Vec<Option<Reference>>>,
    ) -> Result<DriveOutcome, DriveError> {
        let problems = |diagnostics| self.problems(diagnostics, &outcome);
        let Some(plans) = outcome.plans() else { return Err(problems(outcome.problems.clone())) };
        let compiled = match compiled.is_empty() {
            false => compiled,
            true => lower_for(&plans, &outcome.sources, &self.daemon).map_err(|problem| problems(vec![problem]))?,
        };
        if self.goal == Goal::Build && built.is_none() {
            let groups = plans.iter().zip(&compiled).flat_map(|(plan, compiled)| {
                plan.groups_by_size().into_iter().filter_map(|id| compiled.step(id)).collect::<Vec<_>>()
            });
            let ordered = self.parts.build_in_order(groups.collect(), self.answerer.jobs).await;
            let ended = match ordered {
                Ok(_) => self.parts.finish().await,
                Err(status) => Err(status),
            };
            ended.map_err(|status| self.failure(status, &outcome))?;
        }
        Ok(DriveOutcome { outcome, store: self.known, compiled, built })
    }

    fn problems(&self, diagnostics: Vec<Diagnostic>, outcome: &Outcome) -> DriveError {
        let (sources, spans) = (outcome.sources.clone(), self.document.spans.clone());
        DriveError::Problems(Box::new(Problems { diagnostics, sources, spans }))
    }

    /// A question that has no answer. An image is reported with the place that names it.
    fn unanswered(&self, question: &AnyQuestion, status: Status, outcome: &Outcome) -> DriveError {
        let (AnyQuestion::Image(image), Some(place)) = (question, outcome.place(question)) else {
            return self.failure(status, outcome);
        };
        if is_not_found(&status) {
            let message = format!("the image {} was not found", image.reference);
            let problem = Diagnostic::new(&rules::IMAGE_NOT_FOUND, message).with_label(place, "");
            let help = format!("check its name and tag; the daemon reports: {}", status.message);
            return self.problems(vec![problem.with_help(help)], outcome);
        }
        self.failure(report::with_place(status, place, &outcome.sources), outcome)
    }

    fn failure(&self, status: Status, outcome: &Outcome) -> DriveError {
        let document = Document { sources: outcome.sources.clone(), ..self.document.clone() };
        DriveError::Step { status, document: Box::new(document), steps: outcome.steps() }
    }
}

/// Whether a registry has no such image, as far as the daemon tells (containerd: `core/remotes/docker/resolver.go`). One that hides
/// private images from strangers denies access instead.
fn is_not_found(status: &Status) -> bool {
    status.message.ends_with(": not found")
}

/// Leaves a lookup that has not ended.
fn leave<'a>(in_flight: &mut InFlight<'a>, ahead: OptionFuture<Ahead<'a>>, has_ended: bool) {
    if !has_ended {
        in_flight.leave(ahead.map(drop));
    }
}

fn file_questions(outcome: &Outcome) -> impl Iterator<Item = &AnyQuestion> {
    outcome.asks().map(|ask| &ask.question).filter(|question| client_files::is_about_files(question))
}
