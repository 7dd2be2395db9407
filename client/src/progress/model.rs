//! The state of a running build: steps in the order in which they became visible, with groups as single steps.
//!
//! It is updated with reports and read by renderers. Times are passed as arguments.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::event::{ProgressGroup, Update, Vertex, VertexStatus, Warning, is_canceled};
use super::stamp::Stamp;

/// The index of a step in [`Model::steps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct StepId(usize);

/// The state of a build.
#[derive(Debug, Default)]
pub(super) struct Model {
    steps: Vec<Step>,
    /// Vertices of a group refer to the group's step.
    by_digest: BTreeMap<String, StepId>,
    by_group: BTreeMap<String, StepId>,
    /// The visible steps in their order.
    shown: Vec<StepId>,
    /// The difference between our clock and the daemon's.
    skew: Option<i128>,
    started: Option<Stamp>,
}

/// A visible step.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) cached: bool,
    pub(super) error: String,
    /// The sub-tasks in the order of their start.
    pub(super) tasks: Vec<VertexStatus>,
    pub(super) warnings: Vec<Warning>,
    /// The runs, each from its start to its end. A report with the same start replaces the older one.
    runs: BTreeMap<Stamp, Option<Stamp>>,
    /// The members, if it is a group.
    members: BTreeMap<String, Vertex>,
    shown: bool,
}

/// The state of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Running,
    Done,
    Cached,
    Canceled,
    Failed,
}

/// The effects of an update.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// The steps to show again, with the number of events in each.
    pub(super) steps: BTreeMap<StepId, usize>,
    /// The sub-tasks to show again.
    pub(super) tasks: BTreeSet<(StepId, String)>,
    /// The output by step.
    pub(super) logs: Vec<LogPiece>,
}

/// Output of a step, with the time since the step's start.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LogPiece {
    pub(super) step: StepId,
    pub(super) data: Vec<u8>,
    pub(super) after: Duration,
}

impl Step {
    pub(super) fn state(&self) -> State {
        match self.runs.values().next_back() {
            _ if is_canceled(&self.error) && self.is_completed() => State::Canceled,
            _ if !self.error.is_empty() && self.is_completed() => State::Failed,
            None => State::Waiting,
            Some(_) if !self.is_completed() => State::Running,
            Some(_) if self.cached => State::Cached,
            Some(_) => State::Done,
        }
    }

    /// Whether it has started, and everything that was started has ended.
    pub(super) fn is_completed(&self) -> bool {
        !self.runs.is_empty() && self.runs.values().all(Option::is_some)
    }

    pub(super) fn is_started(&self) -> bool {
        !self.runs.is_empty()
    }

    pub(super) fn completed_at(&self) -> Option<Stamp> {
        self.runs.values().copied().flatten().max()
    }

    fn failed(&self) -> bool {
        !self.error.is_empty() && !is_canceled(&self.error)
    }

    /// The time spent running, with overlaps counted once. `now` is the daemon's time, until which unfinished runs are counted.
    pub(super) fn duration(&self, now: Stamp) -> Duration {
        let mut total = Duration::ZERO;
        let mut open: Option<(Stamp, Stamp)> = None;
        for (&start, end) in &self.runs {
            let end = end.unwrap_or(now).max(start);
            open = match open {
                Some((from, to)) if start <= to => Some((from, to.max(end))),
                Some((from, to)) => {
                    total += to.since(from);
                    Some((start, end))
                }
                None => Some((start, end)),
            };
        }
        total + open.map_or(Duration::ZERO, |(from, to)| to.since(from))
    }

    /// The start of the current or last run.
    fn last_start(&self) -> Option<Stamp> {
        self.runs.keys().next_back().copied()
    }
}

impl Model {
    pub(super) fn step(&self, id: StepId) -> &Step {
        self.steps.get(id.0).expect("ids come from this model, which forgets no step")
    }

    /// The visible steps in their order.
    pub(super) fn shown(&self) -> impl Iterator<Item = (StepId, &Step)> {
        self.shown.iter().map(|&id| (id, self.step(id)))
    }

    /// The failed steps in their order.
    pub(super) fn failed(&self) -> impl Iterator<Item = (StepId, &Step)> {
        self.shown().filter(|(_, step)| step.failed())
    }

    /// The number of completed steps and of all known steps. A visible group counts as one.
    pub(super) fn count(&self) -> (usize, usize) {
        let known = self.steps.iter().filter(|step| step.members.is_empty() || step.shown);
        known.fold((0, 0), |(done, all), step| (done + usize::from(step.is_completed()), all + 1))
    }

    /// The time since the first step started; `now` is our time.
    pub(super) fn elapsed(&self, now: Stamp) -> Duration {
        self.started.map_or(Duration::ZERO, |started| self.daemon_time(now).since(started))
    }

    /// Converts our time to the daemon's.
    pub(super) fn daemon_time(&self, now: Stamp) -> Stamp {
        now.shifted(-self.skew.unwrap_or_default())
    }

    pub(super) fn update(&mut self, update: &Update, now: Stamp) -> Changes {
        let mut changes = Changes::default();
        for vertex in &update.vertexes {
            if let Some(started) = vertex.started {
                self.skew.get_or_insert(now.as_nanos() - started.as_nanos());
                self.started.get_or_insert(started);
            }
            match &vertex.group {
                Some(group) => self.update_member(group, vertex, &mut changes),
                None => self.update_vertex(vertex, &mut changes),
            }
        }
        for status in &update.statuses {
            self.update_task(status, &mut changes);
        }
        for warning in &update.warnings {
            if let Some(id) = self.by_digest.get(&warning.vertex).copied() {
                self.step_mut(id).warnings.push(warning.clone());
                changes.touch(id);
            }
        }
        for log in &update.logs {
            if let Some(id) = self.by_digest.get(&log.vertex).copied() {
                let start = self.step(id).last_start();
                let after = match (log.timestamp, start) {
                    (Some(at), Some(start)) => at.since(start),
                    _ => Duration::ZERO,
                };
                changes.logs.push(LogPiece { step: id, data: log.data.clone(), after });
                changes.touch(id);
            }
        }
        changes
    }

    fn step_mut(&mut self, id: StepId) -> &mut Step {
        self.steps.get_mut(id.0).expect("ids come from this model, which forgets no step")
    }

    fn new_step(&mut self, step: Step) -> StepId {
        self.steps.push(step);
        StepId(self.steps.len() - 1)
    }

    fn show(&mut self, id: StepId) -> bool {
        let step = self.step_mut(id);
        let newly = !std::mem::replace(&mut step.shown, true);
        if newly {
            self.shown.push(id);
        }
        newly
    }

    fn update_vertex(&mut self, vertex: &Vertex, changes: &mut Changes) {
        let id = match self.by_digest.get(&vertex.digest) {
            Some(&id) => id,
            None => {
                let id = self.new_step(Step::default());
                self.by_digest.insert(vertex.digest.clone(), id);
                id
            }
        };
        let step = self.step_mut(id);
        // A repeated announcement does not revert a start.
        if vertex.started.is_none() && step.is_started() {
            return;
        }
        let mut changed = step.name != vertex.name || step.cached != vertex.cached || step.error != vertex.error;
        step.name.clone_from(&vertex.name);
        step.cached = vertex.cached;
        step.error.clone_from(&vertex.error);
        let Some(started) = vertex.started else { return };
        changed |= step.runs.insert(started, vertex.completed) != Some(vertex.completed);
        changed |= self.show(id);
        if changed {
            changes.touch(id);
        }
    }

    fn update_member(&mut self, group: &ProgressGroup, vertex: &Vertex, changes: &mut Changes) {
        let id = match self.by_group.get(&group.id) {
            Some(&id) => id,
            None => {
                let id = self.new_step(Step { name: group.name.clone(), ..Step::default() });
                self.by_group.insert(group.id.clone(), id);
                id
            }
        };
        self.by_digest.insert(vertex.digest.clone(), id);
        let step = self.step_mut(id);
        step.members.insert(vertex.digest.clone(), vertex.clone());
        let cached = step.members.values().all(|member| member.cached);
        let error = step.members.values().map(|member| &member.error).find(|error| !error.is_empty());
        let error = error.cloned().unwrap_or_default();
        let mut changed = step.cached != cached || step.error != error;
        (step.cached, step.error) = (cached, error);
        if let Some(started) = vertex.started {
            changed |= step.runs.insert(started, vertex.completed) != Some(vertex.completed);
        }
        // A weak member does not make the group visible, unless it fails.
        let is_strong =
            |member: &Vertex| member.started.is_some() && !member.group.as_ref().is_some_and(|group| group.weak);
        if step.is_started() && (step.members.values().any(is_strong) || !step.error.is_empty()) {
            changed |= self.show(id);
            if changed {
                changes.touch(id);
            }
        }
    }

    fn update_task(&mut self, status: &VertexStatus, changes: &mut Changes) {
        let Some(&id) = self.by_digest.get(&status.vertex) else { return };
        let tasks = &mut self.step_mut(id).tasks;
        match tasks.iter_mut().find(|task| task.id == status.id) {
            Some(task) => task.clone_from(status),
            None if status.started.is_some() => tasks.push(status.clone()),
            None => return,
        }
        changes.tasks.insert((id, status.id.clone()));
        changes.touch(id);
    }
}

impl Changes {
    fn touch(&mut self, id: StepId) {
        *self.steps.entry(id).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Option<Stamp> {
        Some(Stamp { seconds, nanos: 0 })
    }

    fn vertex(digest: &str, started: Option<i64>, completed: Option<i64>) -> Vertex {
        Vertex {
            digest: digest.into(),
            name: digest.into(),
            started: started.and_then(at),
            completed: completed.and_then(at),
            ..Vertex::default()
        }
    }

    fn model(vertexes: Vec<Vertex>) -> Model {
        let mut model = Model::default();
        for vertex in vertexes {
            model.update(&Update { vertexes: vec![vertex], ..Update::default() }, Stamp { seconds: 1000, nanos: 0 });
        }
        model
    }

    #[test]
    fn overlapping_runs_count_once() {
        let model = model(vec![
            vertex("a", Some(10), Some(20)),
            vertex("a", Some(15), Some(30)),
            vertex("a", Some(40), Some(41)),
        ]);
        let (_, step) = model.shown().next().expect("one step");
        assert_eq!(step.duration(Stamp::default()), Duration::from_secs(21));
        assert_eq!(step.state(), State::Done);
    }

    #[test]
    fn a_second_start_makes_a_step_run_again() {
        let model = model(vec![vertex("a", Some(10), Some(20)), vertex("a", Some(30), None)]);
        let (_, step) = model.shown().next().expect("one step");
        assert_eq!(step.state(), State::Running);
        assert_eq!(model.daemon_time(Stamp { seconds: 1000, nanos: 0 }), Stamp { seconds: 10, nanos: 0 });
    }

    #[test]
    fn an_announcement_is_counted_but_not_shown() {
        let model = model(vec![vertex("a", None, None), vertex("b", Some(1), Some(2))]);
        assert_eq!(model.count(), (1, 2));
        assert_eq!(model.shown().count(), 1);
    }

    fn member(digest: &str, weak: bool, started: Option<i64>, cached: bool) -> Vertex {
        let group = ProgressGroup { id: "g".into(), name: "group".into(), weak };
        Vertex { group: Some(group), cached, ..vertex(digest, started, started) }
    }

    #[test]
    fn a_group_is_one_step_hidden_until_a_strong_member_starts() {
        let mut model = model(vec![member("a", true, Some(1), true), member("b", false, None, true)]);
        assert_eq!(model.shown().count(), 0);
        assert_eq!(model.count(), (0, 0));
        let update = Update { vertexes: vec![member("b", false, Some(2), true)], ..Update::default() };
        model.update(&update, Stamp::default());
        let (_, step) = model.shown().next().expect("the group");
        assert_eq!((step.name.as_str(), step.state()), ("group", State::Cached));
        assert_eq!(model.count(), (1, 1));
    }

    #[test]
    fn a_group_is_cached_only_if_all_are_and_fails_with_the_first_error() {
        let failing = Vertex { error: "boom".into(), ..member("b", false, Some(2), false) };
        let model = model(vec![member("a", false, Some(1), true), failing]);
        let (_, step) = model.shown().next().expect("the group");
        assert_eq!((step.state(), step.error.as_str()), (State::Failed, "boom"));
    }
}
