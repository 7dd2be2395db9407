//! Answers that last: what an image has, which files packages have in common. Whoever runs the frontend may keep them from build to
//! build, which spares a build with nothing to do half of its questions.
//!
//! Keeps none itself, and knows no daemon.

use std::fmt::Debug;
use std::future::Future;

use buildkit_gateway::Status;
use imagespec_compile::Inquiry;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A place where answers are kept. One that loses some, or all, makes no difference but to the time a build takes.
pub trait Answers: Debug + Send + Sync {
    /// The answer to a question, if it is known.
    fn get(&self, question: &str) -> Option<String>;
    /// Keeps an answer.
    fn put(&self, question: &str, answer: &str);
}

/// The answer to what an inquiry is for: the one that is kept, or else the one that is asked for, which is kept from then on.
/// `question` says what is looked for in the result of the inquiry's graph.
pub(crate) async fn lasting<T, A>(
    answers: Option<&dyn Answers>,
    question: &str,
    inquiry: Inquiry,
    ask: impl FnOnce(Inquiry) -> A + Send,
) -> Result<T, Status>
where
    T: Serialize + DeserializeOwned + Send,
    A: Future<Output = Result<T, Status>> + Send,
{
    let digest = inquiry.graph.root().and_then(|root| inquiry.graph.digest(root.op()));
    let Some((answers, digest)) = answers.filter(|_| inquiry.is_lasting).zip(digest) else { return ask(inquiry).await };
    let question = format!("{question} {digest}");
    // One of an older version may not be understood.
    let kept = answers.get(&question).and_then(|answer| serde_json::from_str(&answer).ok());
    if let Some(kept) = kept {
        return Ok(kept);
    }
    let answer = ask(inquiry).await?;
    if let Ok(text) = serde_json::to_string(&answer) {
        answers.put(&question, &text);
    }
    Ok(answer)
}
