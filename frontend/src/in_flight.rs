//! Answers in flight: the questions they are for, and how to stop them.
//!
//! This module does not know how questions are answered.

use std::collections::{BTreeMap, BTreeSet};

use buildkit_gateway::Status;
use futures_util::FutureExt as _;
use futures_util::future::{AbortHandle, BoxFuture, abortable};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use imagespec_compile::{AnyQuestion, Fact};

/// Answers in flight, each with its questions.
#[derive(Default)]
pub(crate) struct InFlight<'a> {
    answers: FuturesUnordered<BoxFuture<'a, (usize, Answers)>>,
    /// The open questions, with the number of their answer and a handle to stop it.
    asked: BTreeMap<AnyQuestion, (usize, AbortHandle)>,
    /// The number of started answers. A question may be asked again before its stopped answer arrives.
    begun: usize,
}

/// Questions with their answers, or an error.
pub(crate) type Answers = (Vec<AnyQuestion>, Result<Vec<Fact>, Status>);

impl<'a> InFlight<'a> {
    /// Removes questions that are not asked any more. An answer is stopped when none of its questions is left.
    pub(crate) fn keep(&mut self, is_asked: impl Fn(&AnyQuestion) -> bool) {
        let (kept, dropped): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.asked).into_iter().partition(|(question, _)| is_asked(question));
        let wanted: BTreeSet<usize> = kept.values().map(|(number, _)| *number).collect();
        self.asked = kept;
        for (_, handle) in dropped.into_values().filter(|(number, _)| !wanted.contains(number)) {
            handle.abort();
        }
    }

    /// Whether no question is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// Whether a question is open.
    pub(crate) fn is_asked(&self, question: &AnyQuestion) -> bool {
        self.asked.contains_key(question)
    }

    /// Adds questions and a future that answers all of them.
    pub(crate) fn push(
        &mut self,
        questions: Vec<AnyQuestion>,
        answer: impl Future<Output = Result<Vec<Fact>, Status>> + Send + 'a,
    ) {
        let (answer, handle) = abortable(answer);
        let number = self.begun;
        self.begun += 1;
        self.asked.extend(questions.iter().map(|question| (question.clone(), (number, handle.clone()))));
        let answer = async move {
            let answer = answer.await.unwrap_or_else(|_| Err(Status::failed("the question was dropped")));
            (number, (questions, answer))
        };
        self.answers.push(answer.boxed());
    }

    /// Adds a future whose end [`settle`](Self::settle) waits for.
    pub(crate) fn leave(&mut self, rest: impl Future<Output = ()> + Send + 'a) {
        let number = self.begun;
        self.begun += 1;
        self.answers.push(rest.map(move |()| (number, (Vec::new(), Ok(Vec::new())))).boxed());
    }

    /// Waits for everything in flight, whatever becomes of it.
    pub(crate) async fn settle(&mut self) {
        while self.answers.next().await.is_some() {}
    }

    /// The next answer to open questions; `None` if nothing is in flight.
    pub(crate) async fn next(&mut self) -> Option<Answers> {
        loop {
            let (number, (questions, answer)) = self.answers.next().await?;
            let count = self.asked.len();
            self.asked.retain(|_, (of, _)| *of != number);
            if self.asked.len() < count {
                return Some((questions, answer));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use imagespec_compile::question::SpecFile;

    use super::*;

    fn question(name: &str) -> AnyQuestion {
        SpecFile { name: name.to_owned() }.into()
    }

    fn fact(name: &str) -> Fact {
        (SpecFile { name: name.to_owned() }, None).into()
    }

    #[test]
    fn an_answer_continues_while_one_of_its_questions_is_open() {
        let (one, other) = (question("one"), question("other"));
        let mut in_flight = InFlight::default();
        in_flight.push(vec![one.clone(), other.clone()], ready(Ok(vec![fact("one"), fact("other")])));
        in_flight.keep(|asked| *asked == one);
        assert!(in_flight.is_asked(&one) && !in_flight.is_asked(&other));
        let (_, answer) = in_flight.next().now_or_never().flatten().expect("an answer");
        assert_eq!(answer.ok(), Some(vec![fact("one"), fact("other")]));
        assert!(in_flight.is_empty());
    }

    #[test]
    fn a_stopped_answer_is_not_used_when_its_question_is_asked_again() {
        let one = question("one");
        let mut in_flight = InFlight::default();
        in_flight.push(vec![one.clone()], pending());
        in_flight.keep(|_| false);
        in_flight.push(vec![one.clone()], ready(Ok(vec![fact("one")])));
        let (_, answer) = in_flight.next().now_or_never().flatten().expect("an answer");
        assert_eq!(answer.ok(), Some(vec![fact("one")]));
        assert!(in_flight.next().now_or_never().flatten().is_none(), "nothing is asked any more");
    }
}
