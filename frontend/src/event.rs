//! Events while a build is driven, as data. They are not rendered here.

use buildkit_llb::Graph;
use imagespec_compile::{AnyQuestion, StepInfo};
use tokio::sync::mpsc::UnboundedSender;

/// An event of a build.
#[derive(Clone, Debug)]
pub enum Event {
    /// A planning pass has ended.
    Planned(PlanningPass),
    /// A question was sent to the daemon, a registry or the client.
    Asked(AnyQuestion),
    /// A question was answered.
    Answered(AnyQuestion),
    /// A part of the image was not in the cache and has been built. A client can compress it now.
    PartBuilt(Graph),
}

/// The result of a planning pass.
#[derive(Clone, Debug)]
pub struct PlanningPass {
    /// The steps that are known so far.
    pub steps: Vec<StepInfo>,
    /// The number of questions without an answer.
    pub missing: usize,
    /// The number of answers of an earlier build that have to be confirmed.
    pub expected: usize,
}

/// The sender of events; by default they are dropped.
#[derive(Clone, Debug, Default)]
pub struct Events(Option<UnboundedSender<Event>>);

impl Events {
    /// Sends events to a channel.
    #[must_use]
    pub fn new(sender: UnboundedSender<Event>) -> Self {
        Self(Some(sender))
    }

    /// Sends an event. A dropped receiver is not an error.
    pub(crate) fn send(&self, event: Event) {
        if let Some(sender) = &self.0 {
            let _ = sender.send(event);
        }
    }
}
