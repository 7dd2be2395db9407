//! Progress as lines for logs and pipes, in the format of BuildKit's own clients
//! (moby/buildkit: `util/progress/progressui/printer.go`).
//!
//! The output of parallel steps is printed one step at a time. The next step is selected by how long the others have waited and how
//! much they have written.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::{self, Write};
use std::time::Duration;

use super::Renderer;
use super::event::{Update, VertexStatus};
use super::format::{bytes, one_decimal, seconds};
use super::model::{LogPiece, Model, State, StepId};
use super::stamp::Stamp;
use super::visible::{Visible, one_line};

/// The minimum time before another step is printed, while the current one writes.
const ANTI_FLICKER: Duration = Duration::from_secs(5);
/// The maximum time without output of a waiting step.
const MAX_HIDDEN: Duration = Duration::from_secs(10);
/// A sub-task is printed again after this time or this part of its bytes.
const TASK_INTERVAL: Duration = Duration::from_secs(5);
const TASK_PART: f64 = 0.05;
/// Updates are collected for this time, so that more lines of a step are printed together.
const GATHER: Duration = Duration::from_millis(100);
/// The number of lines that are repeated when their step fails.
const REPLAYED_LINES: usize = 10;

/// Writes the plain format.
///
/// ```
/// use buildkit_client::progress::{Plain, Renderer as _, Stamp, Update, Vertex};
///
/// # fn main() -> std::io::Result<()> {
/// let mut vertex = Vertex::default();
/// vertex.digest = "sha256:1".to_owned();
/// vertex.name = "[apt] install".to_owned();
/// vertex.started = Some(Stamp::default());
/// let mut update = Update::default();
/// update.vertexes.push(vertex);
/// let mut out = Vec::new();
/// let mut plain = Plain::new(&mut out);
/// plain.update(&update, Stamp::default())?;
/// plain.finish(Stamp::default())?;
/// drop(plain);
/// assert!(String::from_utf8_lossy(&out).contains("[apt] install"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Plain<W> {
    out: W,
    model: Model,
    lines: BTreeMap<StepId, Lines>,
    /// The steps with something to print.
    pending: BTreeSet<StepId>,
    current: Option<StepId>,
    last_index: usize,
    written: bool,
    printed_at: Option<Stamp>,
    forgets_failures: bool,
}

/// The unprinted output of a step.
#[derive(Debug, Default)]
struct Lines {
    filter: Visible,
    /// The step's number in the output; zero before its first line.
    index: usize,
    /// The complete lines, with their times.
    ready: Vec<Vec<u8>>,
    /// The incomplete line, and the number of its printed bytes.
    partial: Option<Vec<u8>>,
    partial_shown: usize,
    tail: VecDeque<Vec<u8>>,
    /// The sub-tasks with changes.
    tasks: BTreeSet<String>,
    /// The last printed time and number of each sub-task.
    shown_tasks: BTreeMap<String, (Stamp, i64)>,
    shown_warnings: usize,
    /// The number of events since the step was last printed, and the time of the first.
    count: usize,
    waiting_since: Option<Stamp>,
}

impl<W: Write> Plain<W> {
    /// Creates a renderer that writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            out,
            model: Model::default(),
            lines: BTreeMap::new(),
            pending: BTreeSet::new(),
            current: None,
            last_index: 0,
            written: false,
            printed_at: None,
            forgets_failures: false,
        }
    }

    fn absorb(&mut self, update: &Update, now: Stamp) {
        let changes = self.model.update(update, now);
        for (id, count) in changes.steps {
            let lines = self.lines.entry(id).or_default();
            if lines.count == 0 {
                lines.waiting_since = Some(now);
            }
            lines.count += count;
            self.pending.insert(id);
        }
        for (id, task) in changes.tasks {
            self.lines.entry(id).or_default().tasks.insert(task);
        }
        for LogPiece { step, data, after } in changes.logs {
            self.lines.entry(step).or_default().append(&data, after);
        }
    }

    fn print(&mut self, now: Stamp) -> io::Result<()> {
        self.printed_at = Some(now);
        let shown: BTreeSet<StepId> = self.model.shown().map(|(id, _)| id).collect();
        let current = self.current;
        // Completed steps are printed first, beginning with the current one.
        let is_done = |id: &StepId| self.model.step(*id).is_completed();
        let mut done: Vec<StepId> = self.pending.intersection(&shown).copied().filter(is_done).collect();
        done.sort_by_key(|&id| (Some(id) != current, self.model.step(id).completed_at(), id));
        let current_done = current.is_some_and(|current| done.contains(&current));
        for id in done {
            self.print_step(id, now)?;
        }
        let mut rest: BTreeSet<StepId> = self.pending.intersection(&shown).copied().collect();
        if rest.is_empty() {
            // Select another step while there is output.
            let running = |id: StepId| self.model.step(id).state() == State::Running;
            if self.current.is_some_and(running) {
                return Ok(());
            }
            return match shown.into_iter().find(|&id| running(id)) {
                Some(id) => self.print_step(id, now),
                None => Ok(()),
            };
        }
        if let Some(current) = current.filter(|current| rest.contains(current)) {
            self.print_step(current, now)?;
        }
        rest.extend(current.filter(|_| !current_done));
        match self.next_step(&rest, current.filter(|_| !current_done), now) {
            Some(next) => self.print_step(next, now),
            None => Ok(()),
        }
    }

    /// Selects the step to print next; `None` keeps the current one.
    fn next_step(&self, candidates: &BTreeSet<StepId>, current: Option<StepId>, now: Stamp) -> Option<StepId> {
        let speed = |id: StepId| {
            let lines = self.lines.get(&id)?;
            let waited = now.since(lines.waiting_since?);
            Some((lines.count as f64 / waited.as_secs_f64().max(1e-3), waited))
        };
        let mut sum = 0.0;
        let mut fastest: Option<(StepId, f64)> = None;
        let mut starved = None;
        for &id in candidates {
            let Some((rate, waited)) = speed(id) else { continue };
            sum += rate;
            if Some(id) != current && waited > MAX_HIDDEN {
                starved.get_or_insert(id);
            }
            if fastest.is_none_or(|(_, best)| rate > best) {
                fastest = Some((id, rate));
            }
        }
        let fastest = fastest.map(|(id, _)| id);
        let Some(current) = current else { return starved.or(fastest) };
        if starved.is_some() {
            return starved;
        }
        let (rate, waited) = speed(current)?;
        let others = 1.0 - if sum > 0.0 { rate / sum } else { 0.0 };
        let turn = ANTI_FLICKER.as_secs_f64() / others.max(1e-9);
        fastest.filter(|&next| next != current && turn < waited.as_secs_f64())
    }

    fn print_step(&mut self, id: StepId, now: Stamp) -> io::Result<()> {
        self.pending.remove(&id);
        let step = self.model.step(id);
        if self.current != Some(id) {
            if let Some(old) = self.current.and_then(|old| self.lines.get_mut(&old)) {
                if old.partial_shown > 0 {
                    writeln!(self.out)?;
                }
                old.partial_shown = 0;
                old.count = 0;
                writeln!(self.out, "#{} ...", old.index)?;
            }
            if std::mem::replace(&mut self.written, true) {
                writeln!(self.out)?;
            }
            let lines = self.lines.entry(id).or_default();
            if lines.index == 0 {
                self.last_index += 1;
                lines.index = self.last_index;
            }
            writeln!(self.out, "#{} {}", lines.index, one_line(&step.name))?;
        }
        let lines = self.lines.entry(id).or_default();
        let index = lines.index;
        let mut open_task = false;
        let touched = std::mem::take(&mut lines.tasks);
        for task in step.tasks.iter().filter(|task| touched.contains(&task.id)) {
            if lines.is_worth_showing(task) {
                lines.end_partial(&mut self.out)?;
                writeln!(self.out, "#{index} {}", task_line(task))?;
                open_task |= task.completed.is_none();
            }
        }
        for warning in step.warnings.iter().skip(lines.shown_warnings) {
            lines.end_partial(&mut self.out)?;
            writeln!(self.out, "#{index} WARN: {}", one_line(&String::from_utf8_lossy(&warning.short)))?;
        }
        lines.shown_warnings = step.warnings.len();
        lines.print_logs(&mut self.out)?;
        self.current = Some(id);
        if step.is_completed() && !open_task {
            self.current = None;
            lines.count = 0;
            lines.end_partial(&mut self.out)?;
            match step.state() {
                State::Failed => writeln!(self.out, "#{index} ERROR: {}", one_line(&step.error))?,
                State::Canceled => writeln!(self.out, "#{index} CANCELED")?,
                State::Cached => writeln!(self.out, "#{index} CACHED")?,
                State::Done | State::Waiting | State::Running => {
                    let took = step.duration(self.model.daemon_time(now));
                    writeln!(self.out, "#{index} DONE {}s", one_decimal(took))?;
                }
            }
        }
        Ok(())
    }
}

impl<W: Write> Renderer for Plain<W> {
    fn update(&mut self, update: &Update, now: Stamp) -> io::Result<()> {
        self.absorb(update, now);
        if self.printed_at.is_some_and(|last| now.since(last) < GATHER) {
            return Ok(());
        }
        self.print(now)?;
        self.out.flush()
    }

    fn tick(&mut self, now: Stamp) -> io::Result<()> {
        self.print(now)?;
        self.out.flush()
    }

    fn forget_failures(&mut self) {
        self.forgets_failures = true;
    }

    fn finish(&mut self, now: Stamp) -> io::Result<()> {
        self.print(now)?;
        let failed: Vec<StepId> = self.model.failed().map(|(id, _)| id).collect();
        for id in failed.into_iter().filter(|_| !self.forgets_failures) {
            writeln!(self.out, "------\n > {}:", one_line(&self.model.step(id).name))?;
            if let Some(lines) = self.lines.get(&id) {
                for line in lines.tail.iter().chain(&lines.partial) {
                    write_output(&mut self.out, line, "")?;
                    writeln!(self.out)?;
                }
            }
            writeln!(self.out, "------")?;
        }
        self.out.flush()
    }
}

impl Lines {
    fn append(&mut self, data: &[u8], after: Duration) {
        let data = self.filter.filter(data);
        for piece in data.split_inclusive(|&byte| byte == b'\n') {
            let mut line = self.partial.take().unwrap_or_else(|| format!("{} ", seconds(after)).into_bytes());
            match piece.strip_suffix(b"\n") {
                Some(end) => {
                    line.extend_from_slice(end);
                    self.ready.push(line);
                }
                None => {
                    line.extend_from_slice(piece);
                    self.partial = Some(line);
                }
            }
        }
    }

    /// Prints all output, including an incomplete line, so that a step's prompt is visible.
    fn print_logs(&mut self, out: &mut impl Write) -> io::Result<()> {
        let prefix = format!("#{} ", self.index);
        for line in self.ready.drain(..) {
            let shown = std::mem::take(&mut self.partial_shown);
            if shown == 0 {
                out.write_all(prefix.as_bytes())?;
            }
            write_output(out, line.get(shown..).unwrap_or_default(), &prefix)?;
            writeln!(out)?;
            self.tail.push_back(line);
            if self.tail.len() > REPLAYED_LINES {
                self.tail.pop_front();
            }
        }
        if let Some(line) = &self.partial
            && line.len() > self.partial_shown
        {
            if self.partial_shown == 0 {
                out.write_all(prefix.as_bytes())?;
            }
            write_output(out, line.get(self.partial_shown..).unwrap_or_default(), &prefix)?;
            self.partial_shown = line.len();
        }
        Ok(())
    }

    /// Ends a line that was printed in part, so that something else can be printed; the rest starts a new line.
    fn end_partial(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.partial_shown > 0 {
            self.partial_shown = 0;
            writeln!(out)?;
        }
        Ok(())
    }

    fn is_worth_showing(&mut self, task: &VertexStatus) -> bool {
        let at = task.timestamp.unwrap_or_default();
        if task.completed.is_none()
            && let Some(&(last, current)) = self.shown_tasks.get(&task.id)
        {
            let part = if task.total > 0 { (task.current - current) as f64 / task.total as f64 } else { 0.0 };
            if part < TASK_PART && at.since(last) < TASK_INTERVAL {
                return false;
            }
        }
        self.shown_tasks.insert(task.id.clone(), (at, task.current));
        true
    }
}

/// Writes output of a step. After a carriage return the prefix is written again, so that the output cannot look like that of another
/// step.
fn write_output(out: &mut impl Write, line: &[u8], prefix: &str) -> io::Result<()> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    for (index, part) in line.split(|&byte| byte == b'\r').enumerate() {
        if index > 0 {
            write!(out, "\r{prefix}")?;
        }
        out.write_all(part)?;
    }
    Ok(())
}

fn task_line(task: &VertexStatus) -> String {
    let mut line = one_line(&task.id);
    if task.total != 0 {
        line = format!("{line} {} / {}", bytes(task.current), bytes(task.total));
    } else if task.current != 0 {
        line = format!("{line} {}", bytes(task.current));
    }
    let end = task.completed.or(task.timestamp);
    if let (Some(start), Some(end)) = (task.started, end)
        && end.since(start) > Duration::from_millis(10)
    {
        line = format!("{line} {}s", one_decimal(end.since(start)));
    }
    if task.completed.is_some() { format!("{line} done") } else { line }
}
