//! What is remembered from build to build: answers, and what a build of a spec asked last.
//!
//! Remembering belongs to whoever runs the frontend; one that forgets some of it, or all, makes no difference but to the time a build
//! takes. What is remembered of one daemon is never used with another: its owner keeps daemons apart by how they are reached, and the
//! worker's id, which is only what the daemon claims, is part of every key here.

use std::fmt::Debug;

use imagespec_compile::{AnyQuestion, Fact, Reads, Store};
use serde::{Deserialize, Serialize};

/// A place where texts are kept by key. It belongs to one daemon.
pub trait Memory: Debug + Send + Sync {
    /// The text that is kept for a key.
    fn get(&self, key: &str) -> Option<String>;
    /// Keeps a text in the place of an older one.
    fn put(&self, key: &str, text: &str);
}

/// What is remembered of one worker of a daemon.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worker<'a> {
    pub(crate) memory: &'a dyn Memory,
    /// The worker's id.
    pub(crate) id: &'a str,
}

impl Worker<'_> {
    fn key(&self, kind: &str, name: &str) -> String {
        format!("{kind} {} {name}", self.id)
    }

    /// An answer that lasts.
    pub(crate) fn permanent(&self, question: &AnyQuestion) -> Option<Fact> {
        let key = self.key("answer", &serde_json::to_string(question).ok()?);
        // One of another version may not be understood.
        let fact: Fact = serde_json::from_str(&self.memory.get(&key)?).ok()?;
        (fact.question() == *question).then_some(fact)
    }

    /// Keeps an answer that lasts.
    pub(crate) fn keep_permanent(&self, fact: &Fact) {
        let question = serde_json::to_string(&fact.question());
        if let (Ok(question), Ok(text)) = (question, serde_json::to_string(fact)) {
            self.memory.put(&self.key("answer", &question), &text);
        }
    }

    /// The last build of a spec; empty if there is none.
    pub(crate) fn last_build(&self, spec: &str) -> LastBuild {
        let text = self.memory.get(&self.key("build", spec));
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    /// Keeps what a build of a spec asked, in the place of what the one before did.
    pub(crate) fn keep_build(&self, spec: &str, before: &LastBuild, build: &LastBuild) {
        if before != build
            && let Ok(text) = serde_json::to_string(build)
        {
            self.memory.put(&self.key("build", spec), &text);
        }
    }
}

/// What a build of a spec asked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LastBuild {
    /// Answers that may still be right: neither what the daemon can do nor the client's files, which are at hand.
    pub(crate) answers: Store,
    /// The client's files that were read.
    pub(crate) files: Vec<AnyQuestion>,
}

impl LastBuild {
    /// What is worth remembering of the answers that a plan was made of.
    pub(crate) fn new(store: &Store, reads: &Reads) -> Self {
        let is_daemon = |question: &AnyQuestion| matches!(question, AnyQuestion::Daemon(_));
        let (files, others): (Vec<&AnyQuestion>, Vec<&AnyQuestion>) =
            reads.iter().filter(|question| !is_daemon(question)).partition(|question| question.is_about_client_files());
        Self { answers: store.only(others), files: files.into_iter().cloned().collect() }
    }
}
