//! Runs programs, and checks their output, exit code and time.
//!
//! With `IMAGESPEC_E2E_TRACE` set, every finished program is printed with its time.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The maximum time of a program, even with cold caches.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Variables of the caller that would change the behavior of programs; tests set their own.
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

/// The output of a finished program.
#[derive(Debug)]
pub struct Ended {
    /// The command line, for messages.
    pub text: String,
    /// The exit code; `None` if it was ended by a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
    /// Its running time.
    pub took: Duration,
}

impl Program {
    /// A program with empty standard input.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program.as_ref());
        for name in SCRUBBED {
            command.env_remove(name);
        }
        Self { command, stdin: Vec::new(), text: program.as_ref().to_string_lossy().into_owned() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        let _ = write!(self.text, " {}", arg.as_ref().to_string_lossy());
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(self, args: impl IntoIterator<Item = A>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    /// Adds an option with its value.
    #[must_use]
    pub fn option(self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.arg(name).arg(value)
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    /// Sets the standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: Vec<u8>) -> Self {
        self.stdin = bytes;
        self
    }

    /// Runs the program.
    pub fn run(self) -> Ended {
        self.start().wait()
    }

    /// Runs the program, and fails the test unless the exit code is 0.
    #[track_caller]
    pub fn ok(self) -> Ended {
        self.run().expect_code(0)
    }

    /// Starts the program.
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
        // A program need not read all of its input.
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
        // The output before a broken pipe is kept.
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

/// A running program. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Reader,
    stderr: Reader,
    text: String,
    began: Instant,
}

impl Running {
    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, such as `INT`.
    pub fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    /// Whether it is still running.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it ends. After the time limit it is killed and the test fails.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        let status = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => break Some(status),
                Ok(None) if self.began.elapsed() > TIMEOUT => break None,
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
        assert!(status.is_some(), "still running after {TIMEOUT:?}: {ended}");
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
    // A process that has ended needs no signal; the caller checks its state.
    let _ = Command::new("kill").args([format!("-{name}"), id.to_string()]).stderr(Stdio::null()).status();
}

impl Ended {
    /// Fails the test unless the program has this exit code.
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

    /// Standard output and standard error.
    #[must_use]
    pub fn output(&self) -> String {
        format!("{}{}", self.out(), self.stderr)
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const MAX_SHOWN: usize = 6000;
        let tail = |text: &str| {
            let start = text.char_indices().rev().nth(MAX_SHOWN).map_or(0, |(at, _)| at);
            text[start..].to_owned()
        };
        let code = self.code.map_or("no exit code".to_owned(), |code| format!("exit code {code}"));
        writeln!(f, "{}\n{code} after {:.1} s", self.text, self.took.as_secs_f32())?;
        writeln!(f, "--- stdout\n{}\n--- stderr\n{}", tail(&self.out()), tail(&self.stderr))
    }
}
