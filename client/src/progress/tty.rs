//! Progress on a terminal: a block that is redrawn, with steps, their times, and the last lines of running steps
//! (moby/buildkit: `util/progress/progressui/display.go`).
//!
//! Each frame is a single write that leaves the cursor visible and below the block, so nothing has to be restored when the program
//! ends. The caller provides the terminal's size.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::Renderer;
use super::event::Update;
use super::format::{bytes, one_decimal};
use super::log_tail::LogTail;
use super::model::{Model, State, Step, StepId};
use super::stamp::Stamp;
use super::visible::one_line;

/// The minimum time between frames.
const FRAME_INTERVAL: Duration = Duration::from_millis(100);
/// The maximum number of output lines of a busy step.
const MAX_LOG_LINES: usize = 6;
/// The minimum width of a name; narrower rows have none.
const MIN_NAME: usize = 12;

/// The properties of a terminal.
///
/// ```
/// use buildkit_client::progress::{Mode, Terminal};
///
/// let terminal = Terminal { size: Box::new(|| (80, 24)), colors: false };
/// assert!(Mode::Tty.renderer(Vec::new(), Some(terminal)).is_ok());
/// ```
pub struct Terminal {
    /// Returns the current columns and rows; called before every frame, because windows are resized.
    pub size: Box<dyn Fn() -> (usize, usize) + Send>,
    /// Whether to use colors; false with `NO_COLOR`.
    pub colors: bool,
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal").field("size", &(self.size)()).field("colors", &self.colors).finish()
    }
}

/// Draws the display.
///
/// ```
/// use buildkit_client::progress::{Renderer as _, Stamp, Terminal, Tty, Update, Vertex};
///
/// # fn main() -> std::io::Result<()> {
/// let mut vertex = Vertex::default();
/// vertex.digest = "sha256:1".to_owned();
/// vertex.name = "[apt] install".to_owned();
/// vertex.started = Some(Stamp::default());
/// let mut update = Update::default();
/// update.vertexes.push(vertex);
/// let mut out = Vec::new();
/// let mut tty = Tty::new(&mut out, Terminal { size: Box::new(|| (80, 24)), colors: false });
/// tty.update(&update, Stamp::default())?;
/// tty.finish(Stamp::default())?;
/// drop(tty);
/// assert!(String::from_utf8_lossy(&out).contains("[apt] install"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Tty<W> {
    out: W,
    terminal: Terminal,
    model: Model,
    logs: BTreeMap<StepId, LogTail>,
    /// The number of rows on the screen.
    drawn: usize,
    drawn_at: Option<Stamp>,
    forgets_failures: bool,
}

/// A row below the header.
struct Row {
    text: String,
    status: String,
    time: Duration,
    state: State,
    logs: Vec<String>,
}

impl<W: Write> Tty<W> {
    /// Creates a display on `out`, which is a terminal.
    pub fn new(out: W, terminal: Terminal) -> Self {
        Self {
            out,
            terminal,
            model: Model::default(),
            logs: BTreeMap::new(),
            drawn: 0,
            drawn_at: None,
            forgets_failures: false,
        }
    }

    fn draw(&mut self, now: Stamp, is_last: bool) -> io::Result<()> {
        self.drawn_at = Some(now);
        let (width, height) = (self.terminal.size)();
        let mut rows = self.rows(now);
        if !is_last {
            let room = height.saturating_sub(2);
            rows = fit(rows, room);
            self.add_logs(&mut rows, room);
        }
        let mut frame = String::from("\x1b[?25l");
        if self.drawn > 0 {
            frame.push_str(&format!("\x1b[{}A\r", self.drawn));
        }
        let mut lines = vec![self.head(now, width, is_last)];
        for (row, _) in &rows {
            lines.extend(self.line(row, width));
            lines.extend(
                row.logs.iter().map(|log| self.paint("2", &cut(&format!(" => => # {log}"), width.saturating_sub(1)))),
            );
        }
        for line in &lines {
            frame.push_str(line);
            // Clears the rest of the previous frame's line.
            frame.push_str("\x1b[K\n");
        }
        frame.push_str("\x1b[J\x1b[?25h");
        self.drawn = lines.len();
        self.out.write_all(frame.as_bytes())?;
        self.out.flush()
    }

    fn head(&self, now: Stamp, width: usize, is_last: bool) -> String {
        let (done, all) = self.model.count();
        let finished = if is_last && done > 0 && done == all { " FINISHED" } else { "" };
        let head = format!("[+] Building {}s ({done}/{all}){finished}", one_decimal(self.model.elapsed(now)));
        cut(&head, width.saturating_sub(1))
    }

    fn rows(&self, now: Stamp) -> Vec<(Row, StepId)> {
        let now = self.model.daemon_time(now);
        let mut rows = Vec::new();
        for (id, step) in self.model.shown() {
            let state = step.state();
            let row = |text: String, status: String, time: Duration, state: State| Row {
                text,
                status,
                time,
                state,
                logs: Vec::new(),
            };
            rows.push((
                row(format!("{}{}", prefix(state), one_line(&step.name)), String::new(), step.duration(now), state),
                id,
            ));
            for task in &step.tasks {
                let time = task.started.map_or(Duration::ZERO, |start| task.completed.unwrap_or(now).since(start));
                let status = match (task.current, task.total) {
                    (0, 0) => String::new(),
                    (current, 0) => bytes(current),
                    (current, total) => format!("{} / {}", bytes(current), bytes(total)),
                };
                let state = if task.completed.is_some() { State::Done } else { State::Running };
                rows.push((row(format!("=> {}", one_line(&task.id)), status, time, state), id));
            }
            for warning in &step.warnings {
                let text = format!("WARN: {}", one_line(&String::from_utf8_lossy(&warning.short)));
                rows.push((row(text, String::new(), step.duration(now), State::Canceled), id));
            }
        }
        rows
    }

    /// Fills free rows with the output of running steps, those with the most output first.
    fn add_logs(&self, rows: &mut [(Row, StepId)], room: usize) {
        let mut free = room.saturating_sub(rows.len());
        let mut talkers: Vec<(usize, StepId)> = self.logs.iter().map(|(&id, tail)| (tail.written(), id)).collect();
        talkers.sort_by_key(|&(written, id)| (std::cmp::Reverse(written), id));
        for (_, id) in talkers {
            // Sub-rows are after their step, so the first row with an id is the step itself.
            let Some((row, _)) = rows.iter_mut().find(|(_, row_id)| *row_id == id) else { continue };
            if row.state != State::Running || free < MAX_LOG_LINES {
                continue;
            }
            row.logs = self.logs.get(&id).map(|tail| tail.lines(MAX_LOG_LINES)).unwrap_or_default();
            free -= row.logs.len();
        }
    }

    fn line(&self, row: &Row, width: usize) -> Option<String> {
        let seconds = row.time.as_secs_f64();
        let timer = format!(" {}s", one_decimal(if seconds < 0.05 { Duration::ZERO } else { row.time }));
        let mut left = width.checked_sub(4 + timer.len() + 1)?;
        let mut status = String::new();
        if !row.status.is_empty() && left > row.status.len() + 1 + MIN_NAME {
            status = format!(" {}", row.status);
            left -= status.len();
        }
        if left < MIN_NAME {
            return None;
        }
        let text = format!("{}{status}", cut(&row.text, left));
        let padding = " ".repeat((left + status.len()).saturating_sub(text.width()));
        let line = format!(" => {text}{padding}{timer}");
        Some(match row.state {
            State::Waiting | State::Running => line,
            State::Done | State::Cached => self.paint("34", &line),
            State::Canceled => self.paint("33", &line),
            State::Failed => self.paint("31", &line),
        })
    }

    fn paint(&self, color: &str, text: &str) -> String {
        if self.terminal.colors { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

impl<W: Write> Renderer for Tty<W> {
    fn update(&mut self, update: &Update, now: Stamp) -> io::Result<()> {
        for piece in self.model.update(update, now).logs {
            self.logs.entry(piece.step).or_default().write(&piece.data);
        }
        if self.drawn_at.is_some_and(|last| now.since(last) < FRAME_INTERVAL) { Ok(()) } else { self.draw(now, false) }
    }

    fn tick(&mut self, now: Stamp) -> io::Result<()> {
        self.draw(now, false)
    }

    fn forget_failures(&mut self) {
        self.forgets_failures = true;
    }

    fn finish(&mut self, now: Stamp) -> io::Result<()> {
        self.draw(now, true)?;
        let failed: Vec<(StepId, &Step)> = self.model.failed().collect();
        for (id, step) in failed.into_iter().filter(|_| !self.forgets_failures) {
            writeln!(self.out, "------\n > {}:", one_line(&step.name))?;
            for line in self.logs.get(&id).map(LogTail::all).unwrap_or_default() {
                writeln!(self.out, "{line}")?;
            }
            writeln!(self.out, "------")?;
        }
        self.out.flush()
    }
}

fn prefix(state: State) -> &'static str {
    match state {
        State::Waiting | State::Running | State::Done => "",
        State::Cached => "CACHED ",
        State::Canceled => "CANCELED ",
        State::Failed => "ERROR ",
    }
}

/// The rows that fit: the last ones, except that running steps above replace finished ones.
fn fit(rows: Vec<(Row, StepId)>, room: usize) -> Vec<(Row, StepId)> {
    let hidden = rows.len().saturating_sub(room);
    if hidden == 0 {
        return rows;
    }
    let is_running = |row: &Row| row.state == State::Running;
    let mut wanted = rows.iter().take(hidden).filter(|(row, _)| is_running(row)).count();
    let replaceable = rows.iter().skip(hidden).filter(|(row, _)| !is_running(row)).count();
    wanted = wanted.min(replaceable);
    // Of the hidden running rows, the last ones are shown.
    let mut skip = rows.iter().take(hidden).filter(|(row, _)| is_running(row)).count() - wanted;
    let mut drop = wanted;
    let mut kept = Vec::with_capacity(room);
    for (at, (row, id)) in rows.into_iter().enumerate() {
        let running = is_running(&row);
        if at < hidden {
            if running && skip == 0 {
                kept.push((row, id));
            } else if running {
                skip -= 1;
            }
        } else if drop > 0 && !running {
            drop -= 1;
        } else {
            kept.push((row, id));
        }
    }
    kept
}

/// At most `width` columns.
fn cut(text: &str, width: usize) -> String {
    let mut used = 0;
    text.chars()
        .take_while(|char| {
            used += char.width().unwrap_or(0);
            used <= width
        })
        .collect()
}
