//! Running the real programs: output, exit code, time limit.
//!
//! Knows nothing of what the programs do. With `IMAGESPEC_E2E_TRACE` set, each one that ends is told with its time.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// No single program of a test takes longer, however cold the caches are.
const LIMIT: Duration = Duration::from_secs(600);

/// Variables of the caller's that would change what a program does or says; each test sets its own.
const SCRUBBED: [&str; 9] = [
    "BUILDKIT_HOST",
    "BUILDKIT_PROGRESS",
    "BUILDX_BUILDER",
    "DOCKER_CONTEXT",
    "DOCKER_DEFAULT_PLATFORM",
    "DOCKER_HOST",
    "NO_COLOR",
    "RUST_BACKTRACE",
    "SOURCE_DATE_EPOCH",
];

/// A program to run.
#[derive(Debug)]
pub struct Program {
    command: Command,
    stdin: Vec<u8>,
    text: String,
}

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// The command line, for messages.
    pub text: String,
    /// `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
    /// How long it ran.
    pub took: Duration,
}

impl Program {
    /// A program with nothing on its standard input.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program.as_ref());
        for name in SCRUBBED {
            command.env_remove(name);
        }
        Self { command, stdin: Vec::new(), text: program.as_ref().to_string_lossy().into_owned() }
    }

    /// One argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        let _ = write!(self.text, " {}", arg.as_ref().to_string_lossy());
        self.command.arg(arg);
        self
    }

    /// Several arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(self, args: impl IntoIterator<Item = A>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    /// An option with its value.
    #[must_use]
    pub fn option(self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.arg(name).arg(value)
    }

    /// A variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// The working directory.
    #[must_use]
    pub fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// What it reads.
    #[must_use]
    pub fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Ended {
        self.start().wait()
    }

    /// Runs it to its end, which must be a good one.
    #[track_caller]
    pub fn ok(self) -> Ended {
        self.run().expect_code(0)
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        let began = Instant::now();
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", self.text));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let bytes = self.stdin;
        // A program that ends without reading all of its input is its own business.
        std::thread::spawn(move || stdin.write_all(&bytes));
        let stdout = reader(child.stdout.take().expect("stdout is piped"));
        let stderr = reader(child.stderr.take().expect("stderr is piped"));
        Running { child, stdout, stderr, text: self.text, began }
    }
}

type Reader = std::thread::JoinHandle<Vec<u8>>;

fn reader(mut pipe: impl Read + Send + 'static) -> Reader {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before a broken pipe is still what the program said.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

/// A program that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Reader,
    stderr: Reader,
    text: String,
    began: Instant,
}

impl Running {
    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, such as `INT`.
    pub fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end; past the time limit it is ended and the test fails.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if self.began.elapsed() > LIMIT => break None,
                Ok(None) => std::thread::sleep(Duration::from_millis(20)),
                Err(error) => panic!("cannot wait for {}: {error}", self.text),
            }
        };
        if status.is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        let took = self.began.elapsed();
        let text = std::mem::take(&mut self.text);
        let empty = || std::thread::spawn(Vec::new);
        let stdout = std::mem::replace(&mut self.stdout, empty()).join().unwrap_or_default();
        let stderr = std::mem::replace(&mut self.stderr, empty()).join().unwrap_or_default();
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        let code = status.as_ref().and_then(ExitStatus::code);
        let ended = Ended { text, code, stdout, stderr, took };
        if std::env::var_os("IMAGESPEC_E2E_TRACE").is_some_and(|trace| !trace.is_empty()) {
            crate::report::say(&format!("{:6.1} s  {}", took.as_secs_f32(), ended.text));
        }
        assert!(status.is_some(), "still running after {LIMIT:?}: {ended}");
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process by its id.
pub fn signal(id: u32, name: &str) {
    // A process that is gone needs no signal; who sends one checks what became of it.
    let _ = Command::new("kill").args([format!("-{name}"), id.to_string()]).stderr(Stdio::null()).status();
}

impl Ended {
    /// Fails the test unless the program ended with this code.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// Standard output as text, without the last line break.
    #[must_use]
    pub fn line(&self) -> String {
        self.out().trim_end().to_owned()
    }

    /// Standard output as text.
    #[must_use]
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Both outputs, as a person sees them.
    #[must_use]
    pub fn said(&self) -> String {
        format!("{}{}", self.out(), self.stderr)
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const SHOWN: usize = 6000;
        let tail = |text: &str| {
            let start = text.char_indices().rev().nth(SHOWN).map_or(0, |(at, _)| at);
            text[start..].to_owned()
        };
        let code = self.code.map_or("no exit code".to_owned(), |code| format!("exit code {code}"));
        writeln!(f, "{}\n{code} after {:.1} s", self.text, self.took.as_secs_f32())?;
        writeln!(f, "--- stdout\n{}\n--- stderr\n{}", tail(&self.out()), tail(&self.stderr))
    }
}
