//! Answers that are on their way: which questions they are for, and how to stop finding them.
//!
//! Does not know what is asked, nor who answers.

use std::collections::BTreeMap;

use buildkit_gateway::Status;
use futures_util::FutureExt as _;
use futures_util::future::{AbortHandle, BoxFuture, abortable};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use imagespec_compile::{AnyQuestion, Fact, Outcome};

/// Answers that are on their way, each with the questions it is for.
#[derive(Default)]
pub(crate) struct InFlight<'a> {
    answers: FuturesUnordered<BoxFuture<'a, Answers>>,
    /// The questions that somebody waits for, and how to stop finding an answer.
    asked: BTreeMap<AnyQuestion, AbortHandle>,
}

/// Questions with their answers, or why there are none.
pub(crate) type Answers = (Vec<AnyQuestion>, Result<Vec<Fact>, Status>);

impl<'a> InFlight<'a> {
    /// Stops finding answers that an outcome does not ask for.
    pub(crate) fn keep(&mut self, outcome: &Outcome) {
        self.asked.retain(|question, handle| {
            let is_asked = outcome.asks().any(|ask| ask.question == *question);
            if !is_asked {
                handle.abort();
            }
            is_asked
        });
    }

    /// Whether nobody waits for anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// Whether somebody waits for the answer to a question.
    pub(crate) fn is_asked(&self, question: &AnyQuestion) -> bool {
        self.asked.contains_key(question)
    }

    /// Adds questions and the future that answers all of them.
    pub(crate) fn push(
        &mut self,
        questions: Vec<AnyQuestion>,
        answer: impl Future<Output = Result<Vec<Fact>, Status>> + Send + 'a,
    ) {
        let (answer, handle) = abortable(answer);
        self.asked.extend(questions.iter().map(|question| (question.clone(), handle.clone())));
        let answer = async move {
            let answer = answer.await.unwrap_or_else(|_| Err(Status::failed("nobody asks any more")));
            (questions, answer)
        };
        self.answers.push(answer.boxed());
    }

    /// The next answer that somebody waits for; `None` if none is on its way.
    pub(crate) async fn next(&mut self) -> Option<Answers> {
        loop {
            let (questions, answer) = self.answers.next().await?;
            let count = self.asked.len();
            questions.iter().for_each(|question| _ = self.asked.remove(question));
            if self.asked.len() < count {
                return Some((questions, answer));
            }
        }
    }
}
