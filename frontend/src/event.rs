//! What a build reports while it is driven, as data. How it is shown is not decided here.

use buildkit_llb::Graph;
use imagespec_compile::{AnyQuestion, StepInfo};
use tokio::sync::mpsc::UnboundedSender;

/// Something that happened in a build.
#[derive(Clone, Debug)]
pub enum Event {
    /// A pass of planning has ended.
    Planned {
        /// The steps that are known so far.
        steps: Vec<StepInfo>,
        /// How many questions have no answer yet.
        missing: usize,
        /// How many answers of an earlier build have to be confirmed.
        expected: usize,
    },
    /// A question was put to the daemon, a registry or the client.
    Asked(AnyQuestion),
    /// A question was answered.
    Answered(AnyQuestion),
    /// A part of the image had to be built, and is there now; a client can compress it meanwhile.
    PartBuilt(Graph),
}

/// Where events go; nowhere by default.
#[derive(Clone, Debug, Default)]
pub struct Events(Option<UnboundedSender<Event>>);

impl Events {
    /// Events that a receiver gets.
    #[must_use]
    pub fn new(sender: UnboundedSender<Event>) -> Self {
        Self(Some(sender))
    }

    /// Reports an event. That nobody listens any more is no error.
    pub(crate) fn send(&self, event: Event) {
        if let Some(sender) = &self.0 {
            let _ = sender.send(event);
        }
    }
}
