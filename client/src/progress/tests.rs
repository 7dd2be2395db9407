//! Compares renderers with the output of Go's clients for the same stream, and tests them with scripted builds.
//!
//! `vectors/*.status` were recorded from buildkitd v0.32.2 by `examples/record_status.rs`; `*.rawjson` and `*.plain` are the output of
//! `buildctl debug logs --progress …` of the same version.

use std::sync::{Arc, Mutex};

use buildkit_proto::rpc::control::StatusResponse;
use prost::Message as _;

use super::*;

const FAILING_BUILD: &[u8] = include_bytes!("vectors/failing-build.status");

fn recorded(mut bytes: &[u8]) -> Vec<Update> {
    let mut updates = Vec::new();
    while !bytes.is_empty() {
        let response = StatusResponse::decode_length_delimited(&mut bytes).expect("a recorded message");
        updates.push(Update::from(response));
    }
    updates
}

fn at(millis: i64) -> Stamp {
    Stamp { seconds: 1_000, nanos: 0 }.shifted(i128::from(millis) * 1_000_000)
}

/// Renders updates that arrive at once, as in a replay from the history.
fn replay<R: Renderer>(renderer: &mut R, updates: &[Update]) {
    for update in updates {
        renderer.update(update, at(0)).expect("written");
    }
    renderer.finish(at(0)).expect("written");
}

#[test]
fn raw_json_has_the_same_bytes_as_go() {
    let mut out = Vec::new();
    replay(&mut RawJson::new(&mut out), &recorded(FAILING_BUILD));
    assert_eq!(String::from_utf8_lossy(&out), include_str!("vectors/failing-build.rawjson"));
}

#[test]
fn plain_is_the_same_as_go() {
    let mut out = Vec::new();
    replay(&mut Plain::new(&mut out), &recorded(FAILING_BUILD));
    assert_eq!(String::from_utf8_lossy(&out), include_str!("vectors/failing-build.plain"));
}

/// A scripted build. Times are in milliseconds; the daemon's clock is a day behind ours.
#[derive(Default)]
struct Script(Vec<(i64, Update)>);

const DAY: i64 = 86_400_000;

impl Script {
    fn vertex(mut self, now: i64, name: &str, started: Option<i64>, completed: Option<i64>, error: &str) -> Self {
        let daemon = |millis: i64| at(millis - DAY);
        let vertex = Vertex {
            digest: format!("sha256:{name}"),
            name: name.to_owned(),
            started: started.map(daemon),
            completed: completed.map(daemon),
            error: error.to_owned(),
            ..Vertex::default()
        };
        self.0.push((now, Update { vertexes: vec![vertex], ..Update::default() }));
        self
    }

    fn start(self, now: i64, name: &str) -> Self {
        self.vertex(now, name, Some(now), None, "")
    }

    fn end(self, started: i64, now: i64, name: &str, error: &str) -> Self {
        self.vertex(now, name, Some(started), Some(now), error)
    }

    fn cached(mut self, now: i64, name: &str) -> Self {
        self = self.vertex(now, name, Some(now), Some(now), "");
        let (_, update) = self.0.last_mut().expect("just pushed");
        update.vertexes.iter_mut().for_each(|vertex| vertex.cached = true);
        self
    }

    fn log(mut self, now: i64, name: &str, data: &str) -> Self {
        let log = Log {
            vertex: format!("sha256:{name}"),
            data: data.as_bytes().to_vec(),
            timestamp: Some(at(now - DAY)),
            ..Log::default()
        };
        self.0.push((now, Update { logs: vec![log], ..Update::default() }));
        self
    }

    fn task(mut self, now: i64, name: &str, id: &str, current: i64, total: i64, done: bool) -> Self {
        let status = VertexStatus {
            id: id.to_owned(),
            vertex: format!("sha256:{name}"),
            current,
            total,
            timestamp: Some(at(now - DAY)),
            started: Some(at(-DAY)),
            completed: done.then_some(at(now - DAY)),
            ..VertexStatus::default()
        };
        self.0.push((now, Update { statuses: vec![status], ..Update::default() }));
        self
    }

    fn warning(mut self, now: i64, name: &str, short: &str) -> Self {
        let warning =
            Warning { vertex: format!("sha256:{name}"), short: short.as_bytes().to_vec(), ..Warning::default() };
        self.0.push((now, Update { warnings: vec![warning], ..Update::default() }));
        self
    }

    /// Plays the script, with ticks during pauses.
    fn play<R: Renderer>(&self, renderer: &mut R) {
        let mut clock = 0;
        for (now, update) in &self.0 {
            while clock + 150 < *now {
                clock += 150;
                renderer.tick(at(clock)).expect("written");
            }
            clock = *now;
            renderer.update(update, at(clock)).expect("written");
        }
        renderer.finish(at(clock)).expect("written");
    }

    fn plain(&self) -> String {
        let mut out = Vec::new();
        self.play(&mut Plain::new(&mut out));
        String::from_utf8(out).expect("UTF-8")
    }

    /// The final screen of a terminal with this size, and the screen after each frame.
    fn screens(&self, width: usize, height: usize) -> Vec<String> {
        let out = Shared::default();
        let terminal = Terminal { size: Box::new(move || (width, height)), colors: false };
        self.play(&mut Tty::new(out.clone(), terminal));
        let written = out.0.lock().expect("no panic").clone();
        let mut screen = Screen::default();
        let mut screens = Vec::new();
        for frame in String::from_utf8(written).expect("UTF-8").split_inclusive("\x1b[?25h") {
            screen.write(frame);
            screens.push(screen.text());
        }
        screens
    }
}

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The terminal features that the display uses.
#[derive(Default)]
struct Screen {
    lines: Vec<String>,
    row: usize,
    column: usize,
    hidden: bool,
}

impl Screen {
    fn write(&mut self, text: &str) {
        let mut rest = text.chars();
        while let Some(char) = rest.next() {
            while self.lines.len() <= self.row {
                self.lines.push(String::new());
            }
            match char {
                '\x1b' => {
                    assert_eq!(rest.next(), Some('['));
                    let mut sequence = String::new();
                    let last = loop {
                        match rest.next().expect("a whole sequence") {
                            end if end.is_ascii_alphabetic() => break end,
                            more => sequence.push(more),
                        }
                    };
                    self.control(&sequence, last);
                }
                '\n' => (self.row, self.column) = (self.row + 1, 0),
                '\r' => self.column = 0,
                char => {
                    let line = &mut self.lines[self.row];
                    let mut chars: Vec<char> = line.chars().collect();
                    chars.resize(chars.len().max(self.column + 1), ' ');
                    chars[self.column] = char;
                    *line = chars.into_iter().collect();
                    self.column += 1;
                }
            }
        }
    }

    fn control(&mut self, sequence: &str, last: char) {
        match (sequence, last) {
            ("?25", 'l') => self.hidden = true,
            ("?25", 'h') => self.hidden = false,
            ("", 'K') => {
                let kept = self.lines[self.row].chars().take(self.column).collect();
                self.lines[self.row] = kept;
            }
            ("", 'J') => self.lines.truncate(self.row),
            (rows, 'A') => self.row -= rows.parse::<usize>().expect("a number"),
            other => panic!("unexpected sequence {other:?}"),
        }
    }

    fn text(&self) -> String {
        assert!(!self.hidden, "the cursor is visible after every frame");
        self.lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
    }
}

fn parallel_build() -> Script {
    Script::default()
        .vertex(0, "apt", None, None, "")
        .start(10, "base")
        .task(20, "base", "sha256:abc", 1_000_000, 30_000_000, false)
        .task(40, "base", "sha256:abc", 1_100_000, 30_000_000, false)
        .task(2_000, "base", "sha256:abc", 30_000_000, 30_000_000, true)
        .end(10, 2_010, "base", "")
        .cached(2_020, "venv")
        .start(2_030, "apt")
        .start(2_040, "torch")
        .log(2_100, "apt", "Get:1 a\nGet:2 ")
        .log(2_200, "torch", "resolving\n")
        .log(2_300, "apt", "b\n")
        .warning(2_400, "torch", "no wheel")
        .log(9_000, "torch", "10%\r20%\rdone\n")
        .end(2_040, 14_000, "torch", "")
        .log(14_100, "apt", "E: no such package\n")
        .end(2_030, 15_000, "apt", "process \"apt\" did not complete successfully: exit code: 100")
        .start(15_010, "push")
        .end(15_010, 15_020, "push", "context canceled")
}

#[test]
fn plain_shows_a_parallel_build() {
    insta::assert_snapshot!(parallel_build().plain());
}

/// A frontend may try something else after a failed step.
#[test]
fn the_output_of_failed_steps_is_not_repeated_if_the_build_succeeds() {
    let build = parallel_build();
    let mut out = Vec::new();
    let mut plain = Plain::new(&mut out);
    plain.forget_failures();
    build.play(&mut plain);
    let shown = String::from_utf8(out).expect("UTF-8");
    assert!(shown.contains("ERROR: process") && build.plain().starts_with(&shown), "{shown}");
    assert!(build.plain()[shown.len()..].starts_with("------\n > apt:\n"), "{}", build.plain());
}

#[test]
fn a_quiet_step_is_not_hidden_forever() {
    let mut script = Script::default().start(0, "busy").start(0, "calm").log(100, "calm", "one\n");
    for second in 1..40 {
        script = script.log(second * 500, "busy", "line\n");
    }
    let out = script.plain();
    let calm = out.find(" one\n").expect("shown at all");
    assert!(out[calm..].contains("line"), "the busy step goes on after:\n{out}");
}

#[test]
fn plain_shows_an_unfinished_line_and_goes_on_after_it() {
    let script =
        Script::default().start(0, "ask").log(200, "ask", "Password: ").log(400, "ask", "ok\n").end(0, 600, "ask", "");
    assert_eq!(script.plain(), "#1 ask\n#1 0.200 Password: ok\n#1 DONE 0.6s\n");
}

#[test]
fn the_display_shows_a_parallel_build() {
    let screens = parallel_build().screens(60, 14);
    let middle = screens.iter().rev().find(|screen| screen.contains("# done")).expect("torch's bar is seen");
    let last = screens.last().expect("a last frame");
    insta::assert_snapshot!(format!("{middle}=====\n{last}"));
}

#[test]
fn a_display_keeps_to_its_size() {
    let mut script = Script::default();
    for step in 0..30 {
        script = script.start(step * 200, &format!("a step with a rather long name, number {step}"));
    }
    let screens = script.screens(40, 10);
    let (last, running) = screens.split_last().expect("frames");
    for screen in running {
        // The cursor is on the last line.
        assert!(screen.lines().count() <= 10, "{screen}");
    }
    for line in last.lines() {
        assert!(line.chars().count() <= 40, "{line}");
    }
    assert_eq!(last.lines().filter(|line| line.starts_with(" => ")).count(), 30, "the last frame shows all");
}

#[test]
fn running_steps_stay_in_view() {
    let mut script = Script::default().start(0, "long");
    for step in 0..20 {
        let (from, to) = (step * 200, step * 200 + 150);
        script = script.start(from, &format!("short {step}")).end(from, to, &format!("short {step}"), "");
    }
    let screens = script.screens(60, 8);
    let (_, running) = screens.split_last().expect("frames");
    for screen in running {
        assert!(screen.contains(" => long"), "{screen}");
    }
}

#[test]
fn escape_sequences_in_names_and_logs_do_not_reach_the_terminal() {
    let script =
        Script::default().start(0, "evil\x1b[2J name").log(200, "evil\x1b[2J name", "\x1b[2Jtext\n").start(900, "next");
    // The screen panics at an unknown sequence.
    let screens = script.screens(60, 20);
    assert!(screens.iter().any(|screen| screen.contains("# text")), "{screens:?}");
}

#[test]
fn colors_are_optional() {
    let script = Script::default().cached(0, "a");
    let draw = |colors| {
        let out = Shared::default();
        let terminal = Terminal { size: Box::new(|| (60, 20)), colors };
        script.play(&mut Tty::new(out.clone(), terminal));
        let written = out.0.lock().expect("no panic").clone();
        String::from_utf8(written).expect("UTF-8")
    };
    assert!(draw(true).contains("\x1b[34m => CACHED a"));
    assert!(!draw(false).contains("\x1b[34m"));
}

#[test]
fn modes_are_buildxs() {
    let modes = ["auto", "tty", "plain", "rawjson", "quiet", "none"].map(|mode| mode.parse::<Mode>().expect(mode));
    assert_eq!(modes, [Mode::Auto, Mode::Tty, Mode::Plain, Mode::RawJson, Mode::Quiet, Mode::Quiet]);
    assert!("fancy".parse::<Mode>().is_err());
    assert_eq!(Mode::Auto.or_variable(Some("plain")), Ok(Mode::Plain));
    assert_eq!(Mode::Quiet.or_variable(Some("plain")), Ok(Mode::Quiet));
    assert!(Mode::Tty.renderer(io::sink(), None).is_err());
}

#[tokio::test]
async fn output_of_a_step_in_two_builds_is_shown_once() {
    let log = |vertex: &str, millis, data: &str| Log {
        vertex: vertex.to_owned(),
        stream: Stream::Stderr,
        data: data.into(),
        timestamp: Some(at(millis)),
    };
    let (sender, mut receiver) = channel();
    let told = [log("a", 1, "x"), log("a", 2, "x"), log("b", 1, "x")];
    for builds in [&told[..], &told[1..], &[Log { timestamp: None, ..log("a", 0, "y") }], &[log("a", 1, "z")]] {
        sender.send(Update { logs: builds.to_vec(), ..Update::default() }).await;
    }
    drop(sender);
    let mut counts = Vec::new();
    while let Some(update) = receiver.recv().await {
        counts.push(update.logs.len());
    }
    assert_eq!(counts, [3, 0, 1, 1]);
}

#[tokio::test]
async fn local_steps_look_like_the_daemons() {
    let (sender, receiver) = channel();
    let out = Shared::default();
    let mut plain = Plain::new(out.clone());
    let build = async move {
        let push = sender.start("pushing app:1").await;
        push.task("layer", Stamp::now(), 5, 5, true).await;
        push.log(Stream::Stdout, "done\n").await;
        push.done().await;
        sender.start("[auth] registry").await.cached().await;
        sender.start("importing to docker").await.fail("no space").await;
    };
    let ((), (warnings, written)) = tokio::join!(build, render(receiver, &mut plain));
    written.expect("written");
    assert_eq!(warnings, []);
    let text = String::from_utf8(out.0.lock().expect("no panic").clone()).expect("UTF-8");
    for part in
        ["#1 pushing app:1", "#1 layer 5B / 5B", "#1 DONE", "CACHED", "ERROR: no space", " > importing to docker:"]
    {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}

#[tokio::test]
async fn a_broken_pipe_does_not_hold_up_the_build() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (sender, receiver) = channel();
    let build = async move {
        for (_, update) in parallel_build().0.into_iter().cycle().take(1_000) {
            sender.send(update).await;
        }
    };
    let mut plain = Plain::new(Broken);
    let ((), (warnings, written)) = tokio::join!(build, render(receiver, &mut plain));
    assert_eq!(written.expect_err("broken").kind(), io::ErrorKind::BrokenPipe);
    assert!(!warnings.is_empty());
}
