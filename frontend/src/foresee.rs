//! A build like the last one: what was answered then is expected again, so that everything can be asked at once instead of round
//! by round, and the image is looked for in the cache meanwhile.
//!
//! Facts are what the world says in this build: an expectation that it does not confirm is as if there had been none. Decides
//! nothing: what is asked for comes from the planner.

use std::time::Duration;

use buildkit_gateway::{Reference, Status};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, try_join, try_join_all};
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use imagespec::Diagnostic;
use imagespec_compile::{Asked, Compiled, Document, Facts, Need, Plan, Planned};
use tokio::time::{Instant, timeout, timeout_at};

use crate::answers::Answers;
use crate::build::{GatherError, MAX_ROUNDS};
use crate::client_files;
use crate::gather::{Gatherer, Learned};

/// Facts of the last build of a spec.
#[derive(Debug)]
pub(crate) struct Remembered<'a> {
    answers: &'a dyn Answers,
    question: String,
    facts: Facts,
}

impl<'a> Remembered<'a> {
    /// What is kept of the spec that has this name among all.
    pub(crate) fn of(answers: &'a dyn Answers, spec: &str) -> Self {
        let question = format!("facts of {spec}");
        // Those of another version may not be understood.
        let facts = answers.get(&question).and_then(|text| serde_json::from_str(&text).ok());
        Self { answers, question, facts: facts.unwrap_or_default() }
    }

    /// Keeps what may hold the next time, too: neither what the daemon can do nor the client's files, which are at hand.
    pub(crate) fn keep(self, facts: &Facts) {
        let Facts { images, rootfs, locks, exports, collisions, .. } = facts.clone();
        let facts = Facts { images, rootfs, locks, exports, collisions, ..Facts::default() };
        if self.facts != facts
            && let Ok(text) = serde_json::to_string(&facts)
        {
            self.answers.put(&self.question, &text);
        }
    }
}

/// What was answered, and whether it is about an image: all others depend on those.
type Answer = (bool, Result<Learned, Status>);

/// The world has changed, or takes its time: all is planned and asked for as usual.
struct Unforeseen;

/// What happens while registries are asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// What the client sends comes.
    Send,
    /// Nothing.
    Wait,
}

/// A plan of what is expected, and what was asked to know whether it is so.
struct Foresight<'a> {
    expected: Facts,
    plans: Option<(Vec<Plan>, Vec<Diagnostic>)>,
    questions: Questions<'a>,
}

/// What was asked at the same time.
#[derive(Default)]
struct Questions<'a> {
    asked: FuturesUnordered<BoxFuture<'a, Answer>>,
    answered: Vec<Answer>,
    /// How many of the answers are about images.
    images: usize,
}

/// What was expected, and is so.
pub(crate) struct Foreseen {
    pub(crate) facts: Facts,
    pub(crate) plans: Vec<Plan>,
    pub(crate) warnings: Vec<Diagnostic>,
    /// What the plans become, with the images.
    pub(crate) built: Vec<(Compiled, Option<Reference>)>,
}

impl Gatherer<'_> {
    /// Plans with what is remembered and asks for all of it at the same time; builds the image meanwhile if the daemon seems to
    /// have most of it. Yields it if all is as it was. Else adds the facts that were told.
    ///
    /// # Errors
    /// A step of the image failed, or a file of the client's is no text. What else the daemon fails at is left to be asked for,
    /// and to fail, as usual.
    pub(crate) async fn foresee(
        &self,
        remembered: &Remembered<'_>,
        document: &mut Document,
        facts: &mut Facts,
    ) -> Result<Option<Foreseen>, GatherError> {
        let foresight = self.foresight(remembered, document, facts, Meanwhile::Send)?;
        let Foresight { expected, plans, questions } = foresight;
        let confirmed = questions.confirm(&expected, self.early.lookup(), facts);
        let Some((plans, warnings)) = plans else {
            let _ = confirmed.await;
            return Ok(None);
        };
        // Where these have to be made, so have others, and in their order.
        let groups = plans.iter().filter_map(|plan| imagespec_compile::first_group(plan, &document.sources)).collect();
        let compiled = plans.iter().map(|plan| imagespec_compile::lower(plan, &document.sources)).collect();
        let build = async {
            match timeout(self.early.lookup(), self.early.build_all(groups, usize::MAX)).await {
                Ok(Ok(())) => Ok(self.build(compiled).await),
                _ => Err(Unforeseen),
            }
        };
        match try_join(confirmed, build).await {
            Ok(((), Ok(built))) if same(facts, &expected) => {
                Ok(Some(Foreseen { facts: expected, plans, warnings, built }))
            }
            Ok(((), Err(status))) if same(facts, &expected) => {
                let asked = plans.iter().flat_map(Asked::of).collect();
                Err(GatherError::Step { status, document: Box::new(document.clone()), asked })
            }
            _ => Ok(None),
        }
    }

    /// Plans with what is remembered and asks for all of it at the same time, as [`foresee`](Self::foresee) does, but builds and
    /// sends nothing. Yields the plans if all is as it was.
    ///
    /// # Errors
    /// As [`foresee`](Self::foresee).
    pub(crate) async fn confirm(
        &self,
        remembered: &Remembered<'_>,
        document: &mut Document,
        facts: &mut Facts,
    ) -> Result<Option<Foreseen>, GatherError> {
        let foresight = self.foresight(remembered, document, facts, Meanwhile::Wait)?;
        let Foresight { expected, plans: Some((plans, warnings)), questions } = foresight else { return Ok(None) };
        let confirmed = questions.confirm(&expected, self.early.lookup(), facts).await;
        let is_same = confirmed.is_ok() && same(facts, &expected);
        Ok(is_same.then(|| Foreseen { facts: expected, plans, warnings, built: Vec::new() }))
    }

    async fn build(&self, compiled: Vec<Compiled>) -> Result<Vec<(Compiled, Option<Reference>)>, Status> {
        let built = compiled.into_iter().map(async |compiled: Compiled| {
            let reference = self.early.build_whole(&compiled.graph).await?;
            Ok((compiled, reference))
        });
        try_join_all(built).await
    }

    fn foresight<'a>(
        &'a self,
        remembered: &Remembered<'_>,
        document: &mut Document,
        facts: &mut Facts,
        meanwhile: Meanwhile,
    ) -> Result<Foresight<'a>, Status> {
        // Which files packages have in common is kept by what the packages are, so it needs no confirmation.
        let mut expected = Facts { collisions: remembered.facts.collisions.clone(), ..facts.clone() };
        let (mut questions, mut plans) = (Questions::default(), None);
        for _ in 0..MAX_ROUNDS {
            let needs = match imagespec_compile::plan(document, self.settings, &expected) {
                Ok(Planned::Needs(needs)) => needs,
                Ok(Planned::Complete { plans: of_all, warnings }) => {
                    plans = Some((of_all, warnings));
                    break;
                }
                // Told when it is certain.
                Err(_) => break,
            };
            let (files, needs): (Vec<Need>, Vec<Need>) = needs.into_iter().partition(client_files::is_one);
            if !files.is_empty() {
                if !self.read_at_hand(&files, facts)? {
                    break;
                }
                let Facts { context_files, spec_files, context_ignore, .. } = facts.clone();
                expected = Facts { context_files, spec_files, context_ignore, ..expected };
                if meanwhile == Meanwhile::Send {
                    self.early.start(imagespec_compile::ahead(document, self.settings, facts));
                }
            }
            // Questions are made of what was known before: what they ask for is of no use to them.
            let before = expected.clone();
            let unknown = needs.iter().filter(|need| !expected.adopt(need, &remembered.facts)).count();
            let is_known = unknown == 0;
            for need in needs {
                let is_image = matches!(need, Need::Image { .. });
                if is_image || is_known {
                    questions.images += usize::from(is_image);
                    questions
                        .asked
                        .push(self.ask(need, document, &before).map(move |answer| (is_image, answer)).boxed());
                }
            }
            if !is_known {
                break;
            }
            // So that they are sent before planning goes on.
            while let Some(Some(answer)) = questions.asked.next().now_or_never() {
                questions.answered.push(answer);
            }
        }
        Ok(Foresight { expected, plans, questions })
    }
}

/// Whether all that was asked for is as expected.
fn same(told: &Facts, expected: &Facts) -> bool {
    // Not asked for.
    let Facts { collisions, .. } = expected;
    Facts { collisions: collisions.clone(), ..told.clone() } == *expected
}

impl Questions<'_> {
    /// Adds what is answered: of images in any case, of anything else if these are as expected, because that was asked of them. What
    /// the daemon has to make first is not waited for: what stands on an answer that is only expected could then be made in vain.
    async fn confirm(self, expected: &Facts, lookup: Duration, facts: &mut Facts) -> Result<(), Unforeseen> {
        let Self { asked, answered, mut images } = self;
        let mut answers = stream::iter(answered).chain(asked);
        let mut others = Vec::new();
        while images > 0 {
            // Whatever failed is asked for once more, in the order in which all is asked.
            let Some((is_image, Ok(learned))) = answers.next().await else { return Err(Unforeseen) };
            if is_image {
                images -= 1;
                learned(facts);
            } else {
                others.push(learned);
            }
        }
        if facts.images != expected.images {
            return Err(Unforeseen);
        }
        let mut told = facts.clone();
        others.into_iter().for_each(|learned| learned(&mut told));
        let until = Instant::now() + lookup;
        loop {
            match timeout_at(until, answers.next()).await {
                Ok(Some((_, Ok(learned)))) => learned(&mut told),
                Ok(None) => break,
                Ok(Some((_, Err(_)))) | Err(_) => return Err(Unforeseen),
            }
        }
        *facts = told;
        Ok(())
    }
}
