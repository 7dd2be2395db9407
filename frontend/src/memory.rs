//! The memory between builds: answers, and the questions of a spec's last build.
//!
//! The caller of the frontend provides the memory. Forgetting entries only costs time. Answers of one daemon must never be used with
//! another: the caller keeps daemons apart by how they are reached. The worker's id is part of every key here too, but it is only what
//! the daemon claims.

use std::fmt::Debug;

use imagespec_compile::{AnyQuestion, Fact, Reads, Store};
use serde::{Deserialize, Serialize};

/// Stores texts by key. A memory belongs to one daemon.
pub trait Memory: Debug + Send + Sync {
    /// The text that is stored for a key.
    fn get(&self, key: &str) -> Option<String>;
    /// Stores a text, and replaces an older one.
    fn put(&self, key: &str, text: &str);
}

/// The memory of one worker of a daemon.
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

    /// A permanent answer.
    pub(crate) fn permanent(&self, question: &AnyQuestion) -> Option<Fact> {
        let key = self.key("answer", &serde_json::to_string(question).ok()?);
        // An answer of another version may not parse.
        let fact: Fact = serde_json::from_str(&self.memory.get(&key)?).ok()?;
        (fact.question() == *question).then_some(fact)
    }

    /// Stores a permanent answer.
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

    /// Stores the last build of a spec, if it differs from the one before.
    pub(crate) fn keep_build(&self, spec: &str, before: &LastBuild, build: &LastBuild) {
        if before != build
            && let Ok(text) = serde_json::to_string(build)
        {
            self.memory.put(&self.key("build", spec), &text);
        }
    }
}

/// The questions and answers of a spec's build.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct LastBuild {
    /// Answers that may still be valid: without the daemon's capabilities, and without the client's files, which are read again.
    pub(crate) answers: Store,
    /// The client's files that were read.
    pub(crate) files: Vec<AnyQuestion>,
}

impl LastBuild {
    /// The part of a plan's answers that is worth remembering.
    pub(crate) fn new(store: &Store, reads: &Reads) -> Self {
        let is_daemon = |question: &AnyQuestion| matches!(question, AnyQuestion::Daemon(_));
        let (files, others): (Vec<&AnyQuestion>, Vec<&AnyQuestion>) =
            reads.iter().filter(|question| !is_daemon(question)).partition(|question| question.is_about_client_files());
        Self { answers: store.only(others), files: files.into_iter().cloned().collect() }
    }

    /// The answers to expect. A question about something that never changes may have an answer that does.
    pub(crate) fn expected(&self) -> Store {
        let mut expected = self.answers.clone();
        for fact in self.answers.facts().filter(|fact| fact.question().is_permanent() && !fact.is_permanent()) {
            expected.remove(&fact.question());
        }
        expected
    }
}
