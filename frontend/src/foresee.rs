//! A build like the last one: what was answered then is expected again, so that everything can be asked at once instead of round
//! by round.
//!
//! Facts are what the world says in this build: an expectation that it does not confirm is as if there had been none. Decides
//! nothing: what is asked for comes from the planner.

use std::time::Duration;

use buildkit_gateway::Status;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, FuturesUnordered, Stream, StreamExt as _};
use imagespec_compile::{Document, Facts, Need, Planned};
use tokio::time::{Instant, timeout_at};

use crate::answers::Answers;
use crate::build::MAX_ROUNDS;
use crate::client_files;
use crate::gather::{Gatherer, Learned};

/// The daemon has what it answers sooner, and would have to make the rest: what stands on an answer that is only expected could
/// then be made in vain.
const PATIENCE: Duration = Duration::from_millis(150);

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

/// Answers under way.
type Asked<'a> = FuturesUnordered<BoxFuture<'a, Answer>>;

impl Gatherer<'_> {
    /// Plans with what is remembered and asks for all of it at the same time. Adds the facts that were told; yields the plan if
    /// all are as they were.
    ///
    /// # Errors
    /// A file of the client's that is no text. What the daemon fails at is left to be asked for, and to fail, as usual.
    pub(crate) async fn foresee(
        &self,
        remembered: &Remembered<'_>,
        document: &mut Document,
        facts: &mut Facts,
    ) -> Result<Option<Planned>, Status> {
        let mut expected = facts.clone();
        let (mut asked, mut answered) = (Asked::new(), Vec::new());
        let mut images = 0;
        let mut planned = None;
        for _ in 0..MAX_ROUNDS {
            let needs = match imagespec_compile::plan(document, self.settings, &expected) {
                Ok(Planned::Needs(needs)) => needs,
                Ok(complete) => {
                    planned = Some(complete);
                    break;
                }
                // Told when it is certain.
                Err(_) => break,
            };
            let (files, needs): (Vec<Need>, Vec<Need>) = needs.into_iter().partition(client_files::is_one);
            if !files.is_empty() {
                let at_hand = self.client.and_then(|client| client_files::at_hand(self.options, client, &files));
                let Some(found) = at_hand else { break };
                found.note(self.options, facts)?;
                let Facts { context_files, spec_files, context_ignore, .. } = facts.clone();
                expected = Facts { context_files, spec_files, context_ignore, ..expected };
                self.early.start(imagespec_compile::ahead(document, self.settings, facts));
            }
            let is_known = needs.iter().fold(true, |all, need| expected.adopt(need, &remembered.facts) && all);
            for need in needs {
                let is_image = matches!(need, Need::Image { .. });
                if is_image || is_known {
                    images += usize::from(is_image);
                    asked.push(self.ask(need, document, &expected).map(move |answer| (is_image, answer)).boxed());
                }
            }
            if !is_known {
                break;
            }
            // So that they are sent before planning goes on.
            while let Some(Some(answer)) = asked.next().now_or_never() {
                answered.push(answer);
            }
        }
        confirm(stream::iter(answered).chain(asked), images, &expected, facts).await;
        Ok(planned.filter(|_| *facts == expected))
    }
}

/// Adds what is answered: of images in any case, of anything else if these are as expected, because that was asked of them.
async fn confirm(
    answers: impl Stream<Item = Answer> + Unpin,
    mut images: usize,
    expected: &Facts,
    facts: &mut Facts,
) {
    let mut answers = answers;
    let mut others = Vec::new();
    while images > 0
        && let Some((is_image, answer)) = answers.next().await
    {
        // Whatever failed is asked for once more, in the order in which all is asked.
        let Ok(learned) = answer else { return };
        if is_image {
            images -= 1;
            learned(facts);
        } else {
            others.push(learned);
        }
    }
    if facts.images != expected.images {
        return;
    }
    let mut told = facts.clone();
    others.into_iter().for_each(|learned| learned(&mut told));
    let until = Instant::now() + PATIENCE;
    while let Ok(next) = timeout_at(until, answers.next()).await {
        match next {
            Some((_, Ok(learned))) => learned(&mut told),
            Some((_, Err(_))) => return,
            None => {
                *facts = told;
                return;
            }
        }
    }
}
